// Where a person looks: irises found in the picture, and the eyes turned to them, as
// pipeline/network/gaze.py does it and explains.

import {applyMap, cutOut} from './frame.js';
import {project} from './turns.js';

const PER_MM = 2, REACH = 18, FURTHEST = 9, EXPECTED = 6, APART = 1.5, DOUBT = 0.15;
const CLOSED = 2.5, LEAST = 0.2, SEEN = 0.25, PUPIL = 6;
const SIZE = 2 * REACH * PER_MM;  // pixels of an eye that is cut out

export class GazeFinder {
  /** Args: the numbers (see numbers.js). */
  constructor(numbers) {
    this.eyes = numbers.eye_rows.map((rows, k) =>
      ({rows, mean: numbers[`eye_mean_${k}`], modes: numbers[`eye_modes_${k}`]}));
  }

  /** The expression with its eyes turned to where they look; as it was where no iris is seen. */
  look(picture, identity, expression, camera) {
    const still = Float64Array.from(expression);
    for (const {rows} of this.eyes) rows.forEach(row => { still[row] = 0; });
    const values = new Float64Array([...identity, ...still]);
    const views = this.eyes.map(eye => viewOf(picture, eye, values, camera, identity.length));
    const ways = waysOf(views.map(({score}) => score));
    if (!ways) return expression;
    this.eyes.forEach(({rows}, k) => turn(still, rows, views[k].steps, ways[k]));
    return still;
  }
}

/** Point n of an eye at coefficients (K). */
function pointOf({mean, modes}, values, n) {
  return [0, 1, 2].map(c => {
    let sum = mean[3 * n + c];
    for (let k = 0, at = (3 * n + c) * values.length; k < values.length; k++, at++) sum += values[k] * modes[at];
    return sum;
  });
}

/** An eye that looks straight on: where its iris may be (null of one that is shut), and what its units do. */
function viewOf(picture, eye, values, camera, first) {
  const body = Array.from({length: eye.mean.length / 3}, (_, n) => pointOf(eye, values, n));
  const pupil = body[PUPIL], seen = point => project(camera, point);
  const [x, y, distance] = seen(pupil), scale = camera.focal / distance;
  const steps = eye.rows.map(row => {
    const moved = pupil.map((p, c) => p + eye.modes[(3 * PUPIL + c) * values.length + first + row]);
    const [u, v] = seen(moved);
    return [(u - x) / scale, (v - y) / scale];
  });
  const lids = body.slice(0, 6).map(seen), apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  if (!((apart(lids[4], lids[2]) + apart(lids[5], lids[1])) / 2 / scale >= CLOSED)) return {score: null, steps};
  const zoom = PER_MM / scale, map = [zoom, 0, SIZE / 2 - x * zoom, 0, zoom, SIZE / 2 - y * zoom];
  const iris = body.slice(PUPIL + 1).map(p => Math.hypot(p[0] - pupil[0], p[1] - pupil[1]));
  const opening = inside(lids.map(([u, v]) => applyMap(map, u, v)));
  return {score: scoresOf(cutOut(picture, map, SIZE), opening, Math.max(...iris) * PER_MM), steps};
}

/** Which pixels lie in a convex polygon of either winding. */
function inside(polygon) {
  return Float32Array.from({length: SIZE * SIZE}, (_, k) => {
    const x = k % SIZE + 0.5, y = Math.floor(k / SIZE) + 0.5;
    const sides = polygon.map(([ax, ay], n) => {
      const [bx, by] = polygon[(n + 1) % polygon.length];
      return (bx - ax) * (y - ay) - (by - ay) * (x - ax);
    });
    return sides.every(side => side >= 0) || sides.every(side => side <= 0) ? 1 : 0;
  });
}

/** Share of the variance of brightness in the opening that a dark disc at each pixel explains. */
function scoresOf(planes, weight, radius) {
  const plane = SIZE * SIZE, sum = values => values.reduce((a, b) => a + b, 0);
  const total = Math.max(sum(weight), 1);
  let bright = weight.map((_, k) => (planes[k] + planes[k + plane] + planes[k + 2 * plane]) / 3);
  const mean = sum(bright.map((value, k) => value * weight[k])) / total;
  bright = bright.map((value, k) => (value - mean) * weight[k]);
  const variance = Math.max(sum(bright.map(value => value * value)) / total, 1e-6);
  const disc = discOf(radius), whole = disc.reduce((all, [, , share]) => all + share, 0);
  const [counts, levels] = spread(disc, weight, bright);
  return counts.map((count, k) => {
    if (count < SEEN * whole) return -1;
    const outside = Math.max(total - count, 1), darker = -levels[k] / Math.max(count, 1) - levels[k] / outside;
    return count * outside / total ** 2 * darker * Math.abs(darker) / variance;
  });
}

/** Sums over a disc about each pixel: of the weight, which is 0 or 1, and of values where it is 1. */
function spread(disc, weight, values) {
  const counts = new Float64Array(weight.length), sums = new Float64Array(weight.length);
  weight.forEach((own, k) => {
    if (!own) return;
    const column = k % SIZE, row = Math.floor(k / SIZE);
    for (const [dx, dy, share] of disc) {
      const x = column + dx, y = row + dy;
      if (x < 0 || y < 0 || x >= SIZE || y >= SIZE) continue;
      counts[y * SIZE + x] += share;
      sums[y * SIZE + x] += share * values[k];
    }
  });
  return [counts, sums];
}

/** The pixels of a disc: [dx, dy, share]. */
function discOf(radius) {
  const reach = Math.floor(radius) + 1, found = [];
  for (let dy = -reach; dy <= reach; dy++)
    for (let dx = -reach; dx <= reach; dx++) {
      const share = Math.min(Math.max(radius + 0.5 - Math.hypot(dx, dy), 0), 1);
      if (share) found.push([dx, dy, share]);
    }
  return found;
}

/** The way (mm, right and down) of each eye's iris from rest; null where none is found. */
function waysOf(seen) {
  const scores = seen.filter(Boolean);
  if (!scores.length) return null;
  const place = k => [k % SIZE, Math.floor(k / SIZE)].map(x => (x + 0.5 - SIZE / 2) / PER_MM);
  const mean = scores[0].map((_, k) => scores.reduce((sum, score) => sum + score[k], 0) / scores.length);
  const far = mean.map((_, k) => place(k).reduce((sum, x) => sum + x * x, 0));
  const best = largest(mean.map((score, k) =>
    (far[k] <= FURTHEST ** 2 ? score - DOUBT * far[k] / EXPECTED ** 2 : -Infinity)));
  if (mean[best] < LEAST) return null;
  const middle = place(best);
  return seen.map(score => {
    if (!score) return middle;
    return place(largest(score.map((value, k) => {
      const [x, y] = place(k);
      return value - DOUBT * ((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / APART ** 2;
    })));
  });
}

const largest = values => values.reduce((best, value, k) => (value > values[best] ? k : best), 0);

/** Set the weights of an eye's units, [one side, other side, up, down], so that its pupil goes that way. */
function turn(expression, rows, steps, way) {
  const along = step => way[0] * step[0] + way[1] * step[1];
  const aside = along(steps[0]) > along(steps[1]) ? 0 : 1, upright = along(steps[2]) > along(steps[3]) ? 2 : 3;
  const [[a, b], [c, d]] = [steps[aside], steps[upright]], det = a * d - b * c;
  const weights = [(way[0] * d - way[1] * c) / det, (way[1] * a - way[0] * b) / det];
  [aside, upright].forEach((k, n) => { expression[rows[k]] = Math.min(Math.max(weights[n], 0), 1); });
}
