// A face in a frame: the network's words, and the coefficients and camera behind them.

import {applyMap, cutOut, faceMap, inverseMap, squareMap, tighterMap} from './frame.js';
import {GazeFinder} from './gaze.js';
import {LipColumns, lipsSeen} from './lips.js';
import {meanOf, mirrored} from './mirror.js';
import {PointSolver, cameraOf} from './solver.js';
import {anglesOf, movedCamera, project} from './turns.js';

const MARKS = 68;  // the first points are ibug68

export class Reader {
  /** Args: onnxruntime-web, the network's session, the numbers (see numbers.js). */
  constructor(ort, session, numbers) {
    Object.assign(this, {ort, session, numbers, size: numbers.size, half: numbers.size / 2});
    const {mean, modes, free, most, precision, config} = numbers;
    this.lips = lipsOf(numbers);
    this.gaze = new GazeFinder(numbers);
    this.solver = new PointSolver({mean, modes, free, most, precision, config});
  }

  /** What the network says of `count` crops (count*3*size*size), as arrays by name. */
  async predicted(crops, count = 1) {
    const images = new this.ort.Tensor('float32', crops, [count, 3, this.size, this.size]);
    const found = await this.session.run({images});
    return Object.fromEntries(Object.entries(found).map(([name, {data}]) => [name, data]));
  }

  /** The same of a crop and its mirror image, averaged: errors that are chance shrink. */
  async bothWays(crop) {
    const both = new Float32Array(2 * crop.length);
    both.set(crop);
    both.set(mirrored(crop, this.size), crop.length);
    return meanOf(await this.predicted(both, 2), this.numbers);
  }

  /** The frame round the landmarks that the network sees in another. */
  async closer(picture, map) {
    const {points} = await this.predicted(cutOut(picture, map, this.size));
    const marks = Array.from({length: MARKS}, (_, n) =>
      [(points[3 * n] + 1) * this.half, (points[3 * n + 1] + 1) * this.half]);
    return tighterMap(marks, map, this.size);
  }

  /**
   * The face that a picture shows in a frame.
   * Args: the picture, the frame's map; a `Person` to be recognised, or null for nobody known.
   */
  async face(picture, map, person = null) {
    const crop = cutOut(picture, map, this.size);
    const twice = !person && this.numbers.partners;
    const said = await (twice ? this.bothWays(crop) : this.predicted(crop));
    const {solver, lips, identity} = person ?? this;
    const {numbers} = this, skipped = identity ? numbers.free : 0;
    const prior = Float64Array.from(numbers.columns.subarray(skipped), k =>
      (numbers.learned_prior ? said.coefficients[k] : 0));
    const sigma = said.log_sigma.map((value, n) => Math.exp(value) * numbers.solver_scale[n]);
    const seen = state => lipsSeen(said, state, lips, numbers);
    const state = solver.solve(said.points, sigma, prior, seen);
    return this.found(picture, state, identity, {map, said});
  }

  /** What a state means in the picture. */
  found(picture, state, identity, {map, said}) {
    const {half, numbers} = this, {free, moving, most} = numbers;
    const own = identity ?? state.values.slice(0, free);
    const camera = movedCamera(movedCamera(cameraOf(state), [half, 0, half, 0, half, half]), inverseMap(map));
    let expression = new Float64Array(numbers.names.length);
    moving.forEach((row, k) => { expression[row] = state.values[state.values.length - moving.length + k] / most; });
    expression = this.gaze.look(picture, own, expression, camera);
    const all = new Float64Array([...own, ...moving.map(row => expression[row] * most)]);
    const landmarks = Array.from({length: MARKS}, (_, n) =>
      project(camera, this.solver.posed(all, n).map((x, c) => x + PIVOT[c])));
    return {identity: own, expression, camera, landmarks, map, said, pose: anglesOf(camera.rotation)};
  }

  /** The frame of the next picture of the same face: upright. */
  following({landmarks, pose}) {
    const roll = pose[2] * Math.PI / 180, turn = squareMap(0, 0, 2, 2, roll);
    const turned = landmarks.map(([x, y]) => applyMap(turn, x, y));
    const [left, right, top, bottom] = [0, 1].flatMap(axis => {
      const values = turned.map(point => point[axis]);
      return [Math.min(...values), Math.max(...values)];
    });
    const [x, y] = applyMap(inverseMap(turn), (left + right) / 2, (top + bottom) / 2);
    return faceMap({x, y, side: Math.max(right - left, bottom - top), roll}, this.size);
  }
}

const PIVOT = [0, -13, -66];  // mm, as in solver.js

const lipsOf = ({lips_rest: rest, lips_modes: modes, lips_touching: touching}) =>
  new LipColumns({rest, modes, touching});

/** Somebody whose identity is known from earlier pictures: a frame then costs a tenth. */
export class Person {
  constructor(reader, identity) {
    const {numbers, solver, lips} = reader;
    const {free, precision, config, most} = numbers, count = precision.length, left = count - free;
    const points = numbers.mean.length / 3, mean = new Float64Array(3 * points);
    const modes = new Float32Array(3 * points * left);
    for (let k = 0; k < 3 * points; k++) {
      mean[k] = numbers.mean[k];
      for (let m = 0; m < free; m++) mean[k] += numbers.modes[k * count + m] * identity[m];
      modes.set(numbers.modes.subarray(k * count + free, (k + 1) * count), k * left);
    }
    this.identity = identity;
    this.lips = lips.known(identity);
    this.solver = new PointSolver(
      {mean, modes, free: 0, most, precision: precision.subarray(free), config: solver.config});
  }
}
