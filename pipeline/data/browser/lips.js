// How far lips are apart, as evidence for the solver: geometry/lip_columns.py and
// pipeline/network/mouth.py say why, and where the figures come from.

import {anglesOf, rotate} from './turns.js';
import {cameraOf} from './solver.js';

const LIPS = [0, -70, 33.5];  // mm
const PAIRS = [[61, 67], [62, 66], [63, 65]], CORNERS = [48, 54];  // of ibug68
const SHUT = 1.2, AREA = 1.2, POINTS = 0.35, ALWAYS = -0.44, WIDER = 2.5, FROM = 2.5;
const NARROWEST = 15, ERROR = 0.3, GROWTH = 0.06, TOUCHING = 0.15, SEEN = 0.4, TURNED = 60;
const STEEPEST = 0.7;

/** The opening of the model's mouth in columns, each with `depth` vertices of either lip. */
export class LipColumns {
  /** Args: `rest` (C*2*depth) mm, `modes` (C*2*depth*K), `touching` (C) mm, of the mean face. */
  constructor({rest, modes, touching}) {
    Object.assign(this, {rest, modes, touching});
    this.depth = rest.length / touching.length / 2;
    this.count = modes.length / rest.length;
  }

  /** The same for a person whose first coefficients are known. */
  known(identity) {
    const {count, modes} = this, rest = new Float64Array(this.rest.length);
    const left = count - identity.length, kept = new Float32Array(rest.length * left);
    for (let k = 0; k < rest.length; k++) {
      rest[k] = this.height(k, identity);
      kept.set(modes.subarray(k * count + identity.length, (k + 1) * count), k * left);
    }
    return new LipColumns({rest, modes: kept, touching: this.touching});
  }

  height(vertex, values) {
    let sum = this.rest[vertex];
    for (let k = 0; k < values.length; k++) sum += this.modes[vertex * this.count + k] * values[k];
    return sum;
  }

  /** The opening (mm) of column c at coefficients (K), and how it changes with them (K). */
  linearised(c, values) {
    const of = (lip, better) => {
      const first = (2 * c + lip) * this.depth;
      let best = first, height = this.height(first, values);
      for (let k = first + 1; k < first + this.depth; k++) {
        const other = this.height(k, values);
        if (better(other, height)) [best, height] = [k, other];
      }
      return [height, this.modes.subarray(best * this.count, (best + 1) * this.count)];
    };
    const [upper, above] = of(0, (a, b) => a < b), [lower, below] = of(1, (a, b) => a > b);
    return [upper - lower, above.map((value, k) => value - below[k])];
  }
}

/** What is known of the openings: {opening (C), error (C)}; an infinite error knows nothing. */
export class LipEvidence {
  constructor(columns, opening, error) {
    Object.assign(this, {columns, opening, error});
  }

  /** Add it to a system (n*n, lower triangle) and its right side; coefficients begin at `first`. */
  add(system, right, values, first) {
    const size = right.length;
    this.error.forEach((error, c) => {
      if (!Number.isFinite(error)) return;
      const [opening, row] = this.columns.linearised(c, values), weight = error ** -2;
      for (let i = 0; i < row.length; i++) {
        right[first + i] += weight * row[i] * (this.opening[c] - opening);
        for (let j = 0; j <= i; j++)
          system[(first + i) * size + first + j] += weight * row[i] * row[j];
      }
    });
  }
}

/** What a prediction shows of the lips of a face that is placed by `state`; null without a segmentation. */
export function lipsSeen(prediction, state, columns, {segments, mouth}) {
  if (!prediction.segmentation) return null;
  const camera = cameraOf(state), [pitch, yaw] = anglesOf(camera.rotation);
  const opening = openingOf(prediction, camera, segments, mouth);
  const shut = opening < SHUT, middle = (columns.touching.length - 1) / 2;
  const height = opening / Math.max(Math.cos(pitch * Math.PI / 180), STEEPEST);
  const hidden = Math.abs(yaw) > TURNED || visibilityOf(prediction) < SEEN;
  const error = Array.from(columns.touching, (_, c) =>
    (hidden ? Infinity : shut ? TOUCHING : c === middle ? ERROR + GROWTH * opening : Infinity));
  const wanted = Array.from(columns.touching, touching => (shut ? touching : height));
  return new LipEvidence(columns, wanted, error);
}

function openingOf({points, segmentation}, camera, segments, mouth) {
  const lips = rotate(camera.rotation, LIPS)[2] + camera.translation[2];
  const scale = camera.focal / -lips, at = n => [points[3 * n], points[3 * n + 1]];
  const [right, left] = CORNERS.map(at);
  const [dx, dy] = [left[0] - right[0], left[1] - right[1]], width = Math.hypot(dx, dy);
  const down = [-dy, dx].map(x => x / Math.max(width, 1e-6));
  const apart = PAIRS.reduce((sum, [upper, lower]) => {
    const [a, b] = [at(upper), at(lower)];
    return sum + (b[0] - a[0]) * down[0] + (b[1] - a[1]) * down[1];
  }, 0) / PAIRS.length / scale;
  const area = 4 * shareOf(segmentation, segments, mouth) / scale ** 2;  // the crop is 2 x 2
  const opening = AREA * area / Math.max(width / scale, NARROWEST) + POINTS * apart + ALWAYS;
  return opening + WIDER * Math.min(Math.max((opening - SHUT) / FROM, 0), 1);
}

/** The mean probability of some classes over the crop. */
function shareOf(logits, classes, wanted) {
  const places = logits.length / classes;
  let sum = 0;
  for (let k = 0; k < places; k++) {
    let all = 0, own = 0;
    for (let c = 0; c < classes; c++) {
      const value = Math.exp(logits[c * places + k]);
      all += value;
      if (wanted.includes(c)) own += value;
    }
    sum += own / all;
  }
  return sum / places;
}

function visibilityOf({visibility}) {
  if (!visibility) return 1;
  const inner = PAIRS.flat();
  return inner.reduce((sum, n) => sum + 1 / (1 + Math.exp(-visibility[n])), 0) / inner.length;
}
