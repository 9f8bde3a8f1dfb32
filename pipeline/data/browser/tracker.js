// The face of a row of pictures: searched for, then followed, one identity for all of them.

import {faceMap} from './frame.js';
import {Person} from './reader.js';

const LEARNED = 8;  // pictures whose mean identity is taken for the person's
const UNSURE = 0.045;  // half sides of the crop: a mean expected error of landmarks that faces do not have

export class Tracker {
  constructor(detector, reader) {
    Object.assign(this, {detector, reader});
    this.forget();
  }

  /** Nobody is known any more. */
  forget() {
    Object.assign(this, {map: null, person: null, seen: []});
  }

  /** The largest face of one picture, for itself; null where there is none. */
  async still(picture) {
    const [found] = await this.detector.detect(picture);
    if (!found) return null;
    const map = await this.reader.closer(picture, faceMap(found, this.reader.size));
    return this.reader.face(picture, map);
  }

  /** The face of the next picture of a row; null where there is none. */
  async next(picture) {
    const face = this.map ? await this.reader.face(picture, this.map, this.person) : await this.still(picture);
    if (!face || errorOf(face, this.reader.numbers) > UNSURE) {
      this.forget();
      return null;
    }
    this.map = this.reader.following(face);
    if (!this.person) this.learn(face);
    return face;
  }

  learn({identity}) {
    this.seen.push(identity);
    if (this.seen.length < LEARNED) return;
    const mean = identity.map((_, k) => this.seen.reduce((sum, one) => sum + one[k], 0) / LEARNED);
    this.person = new Person(this.reader, mean);
  }
}

/** The mean error of landmarks that the network expects, in half sides of its crop. */
export function errorOf({said}, {solver_scale: scale}) {
  let sum = 0;
  for (let n = 0; n < 68; n++) sum += Math.exp(said.log_sigma[n]) * scale[n];
  return sum / 68;
}
