// Coefficients and camera behind dense points: the most probable face, by Gauss-Newton steps, as
// geometry/point_solver.py does it. Lengths are half sides of the crop from its middle, y down.

import {boundedStep} from './linear.js';
import {product, rotate, turnOf} from './turns.js';

const PIVOT = [0, -13, -66];  // mm, the head's middle, which the camera looks at
const POSE = 7;  // unknowns before the coefficients: turn (3), log scale, middle (2), nearness
const NEARNESS = [2e-4, 2.5e-3];  // 1/mm
const SQUARINGS = 16;

const clamped = (x, low, high) => Math.min(Math.max(x, low), high);

export class PointSolver {
  /**
   * Args: `mean` (N*3) mm; `modes` (N*3*K) what a unit of each coefficient adds; `free` of them, the
   * first, have no bounds, the others stay within 0 and `most`; `precision` (K) of the prior;
   * `config` as SolverConfig's.
   */
  constructor({mean, modes, free, most, precision, config}) {
    Object.assign(this, {modes, free, most, precision, config});
    this.count = precision.length;
    this.body = Float64Array.from(mean, (x, k) => x - PIVOT[k % 3]);
  }

  /**
   * The face of points (N*3) with errors `sigma` (N).
   * Args: `prior` (K) expected coefficients; `lips(state)` gives evidence of the lips, or null.
   */
  solve(points, sigma, prior, lips = () => null) {
    const weight = this.weights(sigma);
    let state = this.start(points, weight), system = null;
    const seen = lips(state);
    const steps = this.config.steps + (seen ? this.config.lip_steps : 0);
    for (let k = 0; k < steps; k++) {
      const fresh = k < this.config.curvatures;
      const line = this.linearised(state, points, weight, fresh);
      if (fresh) system = line.system;
      state = this.moved(state, this.newton(state, system, line.right, prior, seen));
    }
    return state;
  }

  weights(sigma) {
    const {noise, floor, depth_noise: deep} = this.config;
    const weight = new Float64Array(3 * sigma.length);
    sigma.forEach((s, n) => {
      const error = noise * Math.sqrt(s * s + floor * floor);
      weight.set([1 / error, 1 / error, 1 / (error * deep)], 3 * n);
    });
    return weight;
  }

  /** The mean face, placed by the similarity of Horn's quaternions. */
  start(points, weight) {
    const from = [0, 0, 0], to = [0, 0, 0], up = [1, -1, 1];
    const share = Float64Array.from({length: points.length / 3}, (_, n) => weight[3 * n] ** 2);
    const total = share.reduce((a, b) => a + b, 0);
    share.forEach((w, n) => {
      for (let c = 0; c < 3; c++) {
        from[c] += w / total * this.body[3 * n + c];
        to[c] += w / total * points[3 * n + c] * up[c];
      }
    });
    const covariance = new Array(9).fill(0);
    let spread = 0;
    share.forEach((w, n) => {
      for (let i = 0; i < 3; i++) {
        const target = points[3 * n + i] * up[i] - to[i];
        spread += w / total * (this.body[3 * n + i] - from[i]) ** 2;
        for (let j = 0; j < 3; j++)
          covariance[3 * i + j] += w / total * target * (this.body[3 * n + j] - from[j]);
      }
    });
    const rotation = nearestRotation(covariance);
    const scale = rotation.reduce((sum, r, k) => sum + r * covariance[k], 0) / spread;
    const turned = rotate(rotation, from);
    const middle = [0, 1].map(c => (to[c] - scale * turned[c]) * up[c]);
    const values = new Float64Array(this.count);
    return {rotation, scale, middle, nearness: this.config.nearness[0], values};
  }

  /** J^T W (points - seen), and with `curved` J^T W J (lower triangle), of the state. */
  linearised(state, points, weight, curved) {
    const size = POSE + this.count, right = new Float64Array(size);
    const system = curved ? new Float64Array(size * size) : null;
    const row = new Float64Array(size), {modes, count} = this;
    const view = new View(state);
    const pull = new Float64Array(count);
    for (let n = 0; n < points.length / 3; n++) {
      const {seen, pose, body} = view.of(this.posed(state.values, n));
      for (let i = 0; i < 3; i++) {
        const w = weight[3 * n + i], rest = (points[3 * n + i] - seen[i]) * w * w;
        const [a, b, c] = [body[3 * i], body[3 * i + 1], body[3 * i + 2]];
        const x = 3 * n * count, y = x + count, z = y + count;
        for (let k = 0; k < POSE; k++) right[k] += (row[k] = pose[POSE * i + k]) * rest;
        for (let k = 0; k < count; k++) {
          const slope = a * modes[x + k] + b * modes[y + k] + c * modes[z + k];
          row[POSE + k] = slope * w;
          pull[k] += slope * rest;
        }
        if (!curved) continue;
        for (let k = 0; k < POSE; k++) row[k] *= w;
        addSquare(system, row, size);
      }
    }
    right.set(pull, POSE);
    return {system, right};
  }

  /** Point n of the face, about the pivot. */
  posed(values, n) {
    const point = [0, 0, 0];
    for (let c = 0; c < 3; c++) {
      let sum = this.body[3 * n + c];
      const first = (3 * n + c) * this.count;
      for (let k = 0; k < this.count; k++) sum += this.modes[first + k] * values[k];
      point[c] = sum;
    }
    return point;
  }

  newton(state, system, right, prior, lips) {
    const size = right.length, diagonal = new Float64Array(size), pulled = Float64Array.from(right);
    const [mean, spread] = this.config.nearness;
    const whole = lips ? Float64Array.from(system) : system;
    if (lips) lips.add(whole, pulled, state.values, POSE);
    diagonal[POSE - 1] = spread ** -2;
    pulled[POSE - 1] += (mean - state.nearness) * spread ** -2;
    for (let k = 0; k < this.count; k++) {
      diagonal[POSE + k] = this.precision[k];
      pulled[POSE + k] += (prior[k] - state.values[k]) * this.precision[k];
    }
    const {values} = state, {free, most} = this;
    return boundedStep(whole, diagonal, pulled, {values, free, most});
  }

  moved(state, step) {
    return {
      rotation: product(turnOf(step.slice(0, 3)), state.rotation),
      scale: state.scale * Math.exp(clamped(step[3], -0.5, 0.5)),
      middle: [state.middle[0] + step[4], state.middle[1] + step[5]],
      nearness: clamped(state.nearness + step[6], ...NEARNESS),
      values: state.values.map((value, k) =>
        (k < this.free ? value + step[POSE + k] : clamped(value + step[POSE + k], 0, this.most))),
    };
  }
}

/** The camera of a state: model space (mm) to half sides of the crop. */
export function cameraOf({rotation, scale, middle, nearness}) {
  const pivot = rotate(rotation, PIVOT), distance = 1 / nearness;
  const translation = [-pivot[0], -pivot[1], -distance - pivot[2]];
  return {rotation, translation, focal: scale * distance, center: middle};
}

/** How a state's camera sees points, and how that changes with pose and point. */
class View {
  constructor(state) {
    Object.assign(this, state);
    this.home = rotate(this.rotation, PIVOT.map(x => -x));
    this.q0 = this.scale / (1 - this.nearness * this.home[2]);
  }

  of(point) {
    const {rotation: R, scale: s, nearness: rho, middle, home, q0} = this;
    const [x, y, z] = rotate(R, point), q = s / (1 - rho * z), lens = rho * q * q / s;
    const seen = [middle[0] + q * x, middle[1] - q * y, q0 * (z - home[2])];
    const G = [q, 0, lens * x, 0, -q, -lens * y, 0, 0, q0];
    const turn = product(G, [0, z, -y, -z, 0, x, y, -x, 0]);
    turn[6] -= q0 * home[1];
    turn[7] += q0 * home[0];
    const grow = [seen[0] - middle[0], seen[1] - middle[1], seen[2]];
    const near = [q * z, q * z, q0 * home[2]].map((value, k) => value / s * grow[k]);
    const pose = [
      turn[0], turn[1], turn[2], grow[0], 1, 0, near[0],
      turn[3], turn[4], turn[5], grow[1], 0, 1, near[1],
      turn[6], turn[7], turn[8], grow[2], 0, 0, near[2],
    ];
    return {seen, pose, body: product(G, R)};
  }
}

/** Add the lower triangle of row row^T. */
function addSquare(system, row, size) {
  for (let i = 0; i < size; i++) {
    const value = row[i];
    if (value === 0) continue;
    for (let j = 0, at = i * size; j <= i; j++, at++) system[at] += value * row[j];
  }
}

/** The rotation R with the largest trace(R^T covariance): Horn's matrix, squared until one turn is left. */
export function nearestRotation(C) {
  const [xx, yy, zz] = [C[0], C[4], C[8]];
  const [a, b, c] = [C[7] - C[5], C[2] - C[6], C[3] - C[1]];
  const [d, e, f] = [C[3] + C[1], C[6] + C[2], C[7] + C[5]];
  let P = [xx + yy + zz, a, b, c, a, xx - yy - zz, d, e, b, d, yy - xx - zz, f, c, e, f, zz - xx - yy];
  const size = Math.hypot(...P);
  P = P.map((value, k) => value + (k % 5 === 0 ? size : 0));
  for (let round = 0; round < SQUARINGS; round++) {
    const norm = Math.hypot(...P), unit = P.map(value => value / norm);
    P = unit.map((_, k) => [0, 1, 2, 3].reduce((sum, m) =>
      sum + unit[4 * (k >> 2) + m] * unit[4 * m + k % 4], 0));
  }
  const trace = P[0] + P[5] + P[10] + P[15];
  const q = (i, j) => P[4 * i + j] / trace;
  const [w, x, y, z] = [q(0, 0), q(1, 1), q(2, 2), q(3, 3)];
  return [
    w + x - y - z, 2 * (q(1, 2) - q(0, 3)), 2 * (q(1, 3) + q(0, 2)),
    2 * (q(1, 2) + q(0, 3)), w - x + y - z, 2 * (q(2, 3) - q(0, 1)),
    2 * (q(1, 3) - q(0, 2)), 2 * (q(2, 3) + q(0, 1)), w - x - y + z,
  ];
}
