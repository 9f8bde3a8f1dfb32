// Textures of the head: the network's albedo, and the photograph where it shows the skin.

import {project, rotate} from './turns.js';

const SIDE = 1024;  // texels
const DEPTHS = 640;  // pixels of the longer side of the map of what lies in front
const HIDDEN = 4;  // mm behind what lies in front
const FACING = [0.15, 0.45];  // cosine to the camera from which on, and at which wholly, skin counts
const ROUND = 6;  // texels that the texture is continued over its seams

/** All vertices of a head as they are now: places in mm, normals, places in the texture, triangles. */
export function surfaceOf(head) {
  const parts = head.nodes.flatMap(({group, primitives}) =>
    primitives.map(primitive => ({...primitive, at: group.position.toArray()})));
  const count = parts.reduce((sum, {points}) => sum + points.length / 3, 0);
  const surface = {
    places: new Float32Array(3 * count), normals: new Float32Array(3 * count),
    uv: new Float32Array(2 * count), vertices: new Uint32Array(count), skin: new Uint8Array(count), index: [],
  };
  let first = 0;
  for (const {points, at, uv, index, known, part, geometry} of parts) {
    points.forEach((x, k) => { surface.places[3 * first + k] = 1000 * (x + at[k % 3]); });
    surface.normals.set(geometry.attributes.normal.array, 3 * first);
    surface.uv.set(uv, 2 * first);
    surface.vertices.set(known.vertices, first);
    surface.skin.fill(part === 'skin' ? 1 : 0, first, first + points.length / 3);
    for (const corner of index) surface.index.push(first + corner);
    first += points.length / 3;
  }
  return surface;
}

/** Walk over all pixels of triangles: `visit(pixel, corners, weights)`; `at(vertex)` gives x, y. */
function paint(index, at, width, height, visit) {
  for (let k = 0; k < index.length; k += 3) {
    const corners = [index[k], index[k + 1], index[k + 2]];
    const [[ax, ay], [bx, by], [cx, cy]] = corners.map(at);
    const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (!area) continue;
    const low = (a, b, c) => Math.max(0, Math.floor(Math.min(a, b, c) - 0.5));
    const high = (a, b, c, most) => Math.min(most - 1, Math.ceil(Math.max(a, b, c) - 0.5));
    for (let y = low(ay, by, cy), end = high(ay, by, cy, height); y <= end; y++)
      for (let x = low(ax, bx, cx), last = high(ax, bx, cx, width); x <= last; x++) {
        const px = x + 0.5, py = y + 0.5;
        const b = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) / area;
        const c = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / area;
        if (b >= -1e-4 && c >= -1e-4 && b + c <= 1.0001) visit(y * width + x, corners, [1 - b - c, b, c]);
      }
  }
}

const between = (values, corners, weights, width, c) =>
  corners.reduce((sum, corner, k) => sum + weights[k] * values[width * corner + c], 0);

/** Colours (V*3, 0..255) of the model's vertices of albedo coefficients. */
export function albedoOf(numbers, coefficients) {
  const {albedo_mean: mean, albedo, albedo_steps: steps} = numbers;
  const colours = Float32Array.from(mean);
  steps.forEach((step, k) => {
    const weight = 255 * step * coefficients[k], first = k * mean.length;
    for (let n = 0; n < mean.length; n++) colours[n] += weight * albedo[first + n];
  });
  return colours;
}

/** The texture of a head's albedo, as RGBA bytes. */
export function plainTexture(surface, colours) {
  const out = new Uint8ClampedArray(4 * SIDE * SIDE), {uv, vertices, index} = surface;
  paint(index, v => [SIDE * uv[2 * v], SIDE * uv[2 * v + 1]], SIDE, SIDE, (pixel, corners, weights) => {
    const own = corners.map(corner => vertices[corner]);
    for (let c = 0; c < 3; c++) out[4 * pixel + c] = between(colours, own, weights, 3, c);
    out[4 * pixel + 3] = 255;
  });
  return out;
}

/**
 * The photograph laid on the head, where it shows it, over its albedo in the photograph's tone.
 * Args: the surface; the plain texture; the photograph (RGBA bytes); the camera of the face in it.
 */
export function photoTexture(surface, plain, photo, camera) {
  const seen = seenBy(surface, camera, photo), out = Uint8ClampedArray.from(plain);
  const weights = new Float32Array(SIDE * SIDE), gain = [0, 0, 0], base = [0, 0, 0];
  const {uv, index, skin} = surface;
  paint(index, v => [SIDE * uv[2 * v], SIDE * uv[2 * v + 1]], SIDE, SIDE, (pixel, corners, shares) => {
    const [x, y, depth, facing] = [0, 1, 2, 3].map(c => between(seen.views, corners, shares, 4, c));
    const share = seen.isFront(x, y, depth) ? ramp(facing) : 0;
    weights[pixel] = share;
    if (!share) return;
    const colour = colourAt(photo, x, y);
    for (let c = 0; c < 3; c++) {
      if (skin[corners[0]] && share > 0.8) {
        gain[c] += colour[c];
        base[c] += plain[4 * pixel + c];
      }
      out[4 * pixel + c] = colour[c];
    }
  });
  const tone = gain.map((sum, c) => (base[c] ? sum / base[c] : 1));
  weights.forEach((share, k) => {
    for (let c = 0; c < 3; c++)
      out[4 * k + c] = share * out[4 * k + c] + (1 - share) * tone[c] * plain[4 * k + c];
  });
  return out;
}

function ramp(facing) {
  const t = Math.min(Math.max((facing - FACING[0]) / (FACING[1] - FACING[0]), 0), 1);
  return t * t * (3 - 2 * t);
}

/** Where the camera sees vertices: views (V*4) x, y, depth, facing; and what lies in front. */
function seenBy({places, normals, index}, camera, {width, height}) {
  const count = places.length / 3, views = new Float32Array(4 * count);
  for (let k = 0; k < count; k++) {
    const point = places.subarray(3 * k, 3 * k + 3), normal = normals.subarray(3 * k, 3 * k + 3);
    const there = rotate(camera.rotation, point).map((x, c) => x + camera.translation[c]);
    const away = rotate(camera.rotation, normal).reduce((sum, x, c) => sum - x * there[c], 0);
    views.set([...project(camera, point), away / Math.hypot(...there)], 4 * k);
  }
  const [left, top, scale, columns, rows] = windowOf(views);
  const front = new Float32Array(columns * rows).fill(Infinity);
  const at = v => [(views[4 * v] - left) * scale, (views[4 * v + 1] - top) * scale];
  paint(index, at, columns, rows, (pixel, corners, weights) => {
    front[pixel] = Math.min(front[pixel], between(views, corners, weights, 4, 2));
  });
  const isFront = (x, y, depth) => {
    if (!(x >= 0 && y >= 0 && x < width && y < height)) return false;
    const column = Math.floor((x - left) * scale), row = Math.floor((y - top) * scale);
    return depth < front[row * columns + column] + HIDDEN;
  };
  return {views, isFront};
}

/** The window of what is seen: left, top, scale, columns, rows. */
function windowOf(views) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let k = 0; k < views.length; k += 4) {
    left = Math.min(left, views[k]);
    right = Math.max(right, views[k]);
    top = Math.min(top, views[k + 1]);
    bottom = Math.max(bottom, views[k + 1]);
  }
  const scale = DEPTHS / Math.max(right - left, bottom - top);
  return [left, top, scale, Math.ceil((right - left) * scale) + 1, Math.ceil((bottom - top) * scale) + 1];
}

function colourAt({data, width, height}, x, y) {
  const [u, v] = [Math.min(Math.max(x - 0.5, 0), width - 1), Math.min(Math.max(y - 0.5, 0), height - 1)];
  const x0 = Math.floor(u), y0 = Math.floor(v), fx = u - x0, fy = v - y0;
  const x1 = Math.min(x0 + 1, width - 1), y1 = Math.min(y0 + 1, height - 1);
  const value = (column, row, c) => data[4 * (row * width + column) + c];
  return [0, 1, 2].map(c =>
    (value(x0, y0, c) * (1 - fx) + value(x1, y0, c) * fx) * (1 - fy)
    + (value(x0, y1, c) * (1 - fx) + value(x1, y1, c) * fx) * fy);
}

/** A texture as a canvas, continued over its seams. */
export function canvasOf(texels) {
  for (let round = 0; round < ROUND; round++) continued(texels);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIDE;
  canvas.getContext('2d').putImageData(new ImageData(texels, SIDE, SIDE), 0, 0);
  return canvas;
}

/** Texels without a colour take that of a neighbour. */
function continued(texels) {
  const full = Uint8Array.from({length: SIDE * SIDE}, (_, k) => texels[4 * k + 3]);
  for (let k = SIDE; k < full.length - SIDE; k++) {
    if (full[k]) continue;
    const from = [k - 1, k + 1, k - SIDE, k + SIDE].find(n => full[n]);
    if (from !== undefined) texels.copyWithin(4 * k, 4 * from, 4 * from + 4);
  }
}
