// Where faces are: our own detector (detect/drawn.py), looked at twice. Photographs are taken as upright.

import {applyMap, cutOut, inverseMap, squareMap} from './frame.js';
import {mirrored} from './mirror.js';
import {resized} from './shrink.js';

const SEARCHES = [
  {side: 600, margin: 0, likely: 0.35, sure: 0.5},
  {side: 1280, margin: 0, likely: 0.35, sure: 0.58},
  {side: 300, margin: 0.4, likely: 0.3, sure: 0.55},
];
const LEAST = 30, SMALL = 128;  // pixels: of the last size looked at; below which is enlarged
const BESIDE = 0.86, MOST = 24, OVERLAP = 0.4, STEP = 16, GREY = 128;
const LOOK = 96, SHARES = [0.3, 0.4], NEAR = 0.3, MIRRORED = [1, 0, 2, 4, 3];

const sigmoid = x => 1 / (1 + Math.exp(-x));

export class Detector {
  constructor(ort, session) {
    Object.assign(this, {ort, session});
  }

  /** The faces of a picture (RGBA bytes), the largest first: {x, y, side, roll, score} in its pixels. */
  async detect(picture) {
    for (const search of SEARCHES) {
      const found = await this.search(picture, search);
      if (found.length) return found;
    }
    return [];
  }

  async search(picture, {sure, ...how}) {
    const proposed = await this.proposed(picture, how), faces = [];
    for (const first of proposed) {
      const second = await this.again(picture, first);
      const score = second && (first.score + second.score) / 2;
      if (score >= sure) faces.push({...second, score});
    }
    const best = Math.max(0, ...faces.map(({score}) => score));
    const kept = suppressed(faces.filter(({score}) => score >= BESIDE * best));
    return kept.map(frameOf).sort((a, b) => b.side - a.side);
  }

  /** What may be a face, best first: {score, box, points}. */
  async proposed(picture, {side, margin, likely}) {
    const longer = Math.max(picture.width, picture.height), found = [];
    let scale = longer < SMALL ? SMALL / longer : Math.min(1, side / longer), small = picture;
    for (; scale * longer >= LEAST; scale /= 2) {
      const [width, height] = [picture.width, picture.height].map(x => Math.max(1, Math.round(x * scale)));
      small = resized(small, width, height);
      const edge = Math.round(margin * Math.max(width, height));
      const across = picture.width / width, down = picture.height / height;
      const place = (x, y) => [(x - edge) * across, (y - edge) * down];
      for (const one of await this.answers(canvasOf(small, edge)))
        if (one.score > likely) found.push(moved(one, place));
    }
    return suppressed(found).slice(0, MOST);
  }

  /** What every cell says of planes {data, count, width, height}. */
  async answers({data, count = 1, width, height}) {
    const images = new this.ort.Tensor('float32', data, [count, 3, height, width]);
    const {score, box, points} = await this.session.run({images});
    return Array.from(score.data, (value, n) => ({
      score: sigmoid(value),
      box: box.data.subarray(4 * n, 4 * n + 4),
      points: Array.from({length: 5}, (_, k) => [points.data[10 * n + 2 * k], points.data[10 * n + 2 * k + 1]]),
    }));
  }

  /** The same face cut out upright, in two sizes, and mirrored as well; null where it is none any more. */
  async again(picture, {box, points}) {
    const [x0, y0, x1, y1] = box, roll = rollOf(points);
    const side = Math.max(Math.sqrt(Math.max(x1 - x0, 1) * Math.max(y1 - y0, 1)), 2);
    const maps = SHARES.map(share => squareMap((x0 + x1) / 2, (y0 + y1) / 2, side / share, LOOK, roll));
    const crops = maps.map(map => cutOut(picture, map, LOOK, GREY / 255));
    const data = new Float32Array(4 * crops[0].length);
    [...crops, ...crops.map(crop => mirrored(crop, LOOK))].forEach((crop, k) => data.set(crop, k * crop.length));
    const answers = await this.answers({data, count: 4, width: LOOK, height: LOOK});
    const cells = answers.length / 4;
    const best = k => surest(answers.slice(k * cells, (k + 1) * cells), SHARES[k % 2]);
    const looks = maps.map((map, k) => joined(best(k), best(k + 2), map, roll));
    return looks.includes(null) ? null : averageOf(looks);
  }
}

/** The picture as planes in [0,1] with `edge` pixels repeated all round, grey up to the next multiple. */
function canvasOf({data, width, height}, edge) {
  const [w, h] = [width + 2 * edge, height + 2 * edge];
  const [W, H] = [w, h].map(x => Math.max(2, Math.ceil(x / STEP)) * STEP);
  const out = new Float32Array(3 * W * H).fill(GREY / 255);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const [left, top] = [x - edge, y - edge].map((v, k) => Math.min(Math.max(v, 0), [width, height][k] - 1));
      for (let c = 0; c < 3; c++)
        out[(c * H + y) * W + x] = data[4 * (top * width + left) + c] / 255;
    }
  return {data: out, width: W, height: H};
}

function moved({score, box, points}, place) {
  return {score, box: [...place(box[0], box[1]), ...place(box[2], box[3])], points: points.map(p => place(...p))};
}

/** Of finds that overlap the best one, best first. */
function suppressed(found) {
  const kept = [];
  for (const one of [...found].sort((a, b) => b.score - a.score))
    if (kept.every(other => overlap(one.box, other.box) < OVERLAP)) kept.push(one);
  return kept;
}

function overlap(a, b) {
  const area = ([x0, y0, x1, y1]) => Math.max(x1 - x0, 0) * Math.max(y1 - y0, 0);
  const shared = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  return shared / Math.max(area(a) + area(b) - shared, 1e-9);
}

/** Roll of the head: the eyes' line and the nose's, averaged. */
function rollOf([right, left, , a, b]) {
  const across = [left[0] - right[0], left[1] - right[1]];
  const down = [0, 1].map(c => (a[c] + b[c] - right[c] - left[c]) / 2);
  return Math.atan2(across[1] - down[0], across[0] + down[1]);
}

/** The surest answer for the face in the middle, which takes a share of the crop. */
function surest(answers, share) {
  const [low, high] = [LOOK / 2 * (1 - share), LOOK / 2 * (1 + share)];
  const usable = answers.filter(({box}) => overlap(box, [low, low, high, high]) >= NEAR);
  return usable.reduce((best, one) => (best && best.score >= one.score ? best : one), null);
}

/** A crop and its mirror image in one, in the picture's pixels. */
function joined(plain, other, map, roll) {
  if (!plain || !other) return null;
  const [a, b] = [plain.box, other.box], back = inverseMap(map), scale = Math.hypot(back[0], back[3]);
  const box = [LOOK - b[2], b[1], LOOK - b[0], b[3]].map((value, k) => (value + a[k]) / 2);
  const [x, y] = applyMap(back, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2);
  const half = [(box[2] - box[0]) / 2 * scale, (box[3] - box[1]) / 2 * scale];
  const points = plain.points.map((point, k) => {
    const [u, v] = other.points[MIRRORED[k]];
    return applyMap(back, (point[0] + LOOK - u) / 2, (point[1] + v) / 2);
  });
  const whole = [x - half[0], y - half[1], x + half[0], y + half[1]];
  return {score: (plain.score + other.score) / 2, box: whole, points, roll};
}

function averageOf(looks) {
  const mean = values => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    score: mean(looks.map(({score}) => score)), roll: looks[0].roll,
    box: [0, 1, 2, 3].map(k => mean(looks.map(({box}) => box[k]))),
    points: looks[0].points.map((_, k) => [0, 1].map(c => mean(looks.map(({points}) => points[k][c])))),
  };
}

function frameOf({box: [x0, y0, x1, y1], roll, score, points}) {
  return {x: (x0 + x1) / 2, y: (y0 + y1) / 2, side: Math.max(x1 - x0, y1 - y0), roll, score, points};
}
