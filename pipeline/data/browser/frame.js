// Frames of faces: similarity maps from a picture's pixels to a square crop's, and the crops themselves.
// A map is [a, b, c, d, e, f]: x' = a x + b y + c, y' = d x + e y + f. A pixel's middle is at its half.

const FRAME_PER_BOX = Math.SQRT2;  // side of a crop over the longer side of the landmarks' box
const PLAUSIBLE = [0.25, 1.5];  // side of a new frame over that of the frame it was found in
const ONE_SAMPLE = 4 / 3;  // picture pixels per crop pixel up to which plain interpolation does

/** The square of `side` pixels round (x, y), turned upright by `roll` radians, as `size` pixels. */
export function squareMap(x, y, side, size, roll = 0) {
  const scale = size / side, c = scale * Math.cos(roll), s = scale * Math.sin(roll);
  return [c, s, size / 2 - c * x - s * y, -s, c, size / 2 + s * x - c * y];
}

/** The frame in which the network sees a face whose landmarks lie in a box of this middle. */
export const faceMap = ({x, y, side, roll = 0}, size) =>
  squareMap(x, y, Math.max(side, 2) * FRAME_PER_BOX, size, roll);

export function inverseMap([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  const [p, q, r, s] = [e / det, -b / det, -d / det, a / det];
  return [p, q, -(p * c + q * f), r, s, -(r * c + s * f)];
}

export const applyMap = ([a, b, c, d, e, f], x, y) => [a * x + b * y + c, d * x + e * y + f];

/** The map `outer` after the map `inner`. */
export function afterMap([a, b, c, d, e, f], [p, q, r, s, t, u]) {
  return [a * p + b * s, a * q + b * t, a * r + b * u + c,
    d * p + e * s, d * q + e * t, d * r + e * u + f];
}

/** Crop pixels per picture pixel. */
export const scaleOf = ([a, b, , d, e]) => Math.sqrt(Math.abs(a * e - b * d));

/** The frame round landmarks [[x, y]...] of the crop itself; an implausible find keeps the crop. */
export function tighterMap(points, map, size) {
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const longer = Math.max(x1 - x0, y1 - y0), ratio = longer * FRAME_PER_BOX / size;
  if (!(ratio >= PLAUSIBLE[0] && ratio <= PLAUSIBLE[1])) return map;
  return afterMap(squareMap((x0 + x1) / 2, (y0 + y1) / 2, longer * FRAME_PER_BOX, size), map);
}

/**
 * A crop of a picture (RGBA bytes) as planes of red, green and blue in [0,1]; outside it is `fill`.
 * Where the picture shrinks each pixel is the mean of 2 x 2 samples, of blocks where it shrinks much.
 */
export function cutOut(picture, map, size, fill = 0) {
  const step = 1 / scaleOf(map);
  let back = inverseMap(map), source = picture;
  if (step > 2) [source, back] = blocks(picture, back, size, Math.ceil(step / 2));
  const out = new Float32Array(3 * size * size).fill(fill);
  const samples = step <= ONE_SAMPLE ? 1 : 2;
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      sample(source, back, row, column, {samples, fill, size, out});
  return out;
}

function sample({data, width, height}, back, row, column, {samples, fill, size, out}) {
  const share = 1 / (samples * samples), at = row * size + column;
  let red = 0, green = 0, blue = 0, missed = 0;
  for (let k = 0; k < samples; k++)
    for (let m = 0; m < samples; m++) {
      const u = column + (m + 0.5) / samples, v = row + (k + 0.5) / samples;
      const x = back[0] * u + back[1] * v + back[2] - 0.5;
      const y = back[3] * u + back[4] * v + back[5] - 0.5;
      if (!(x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5)) {
        missed++;
        continue;
      }
      const left = Math.floor(x), top = Math.floor(y), fx = x - left, fy = y - top;
      const x0 = Math.max(left, 0), x1 = Math.min(left + 1, width - 1);
      const y0 = Math.max(top, 0) * width, y1 = Math.min(top + 1, height - 1) * width;
      const [a, b, c, d] = [4 * (y0 + x0), 4 * (y0 + x1), 4 * (y1 + x0), 4 * (y1 + x1)];
      const [p, q, r, s] = [(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy];
      red += data[a] * p + data[b] * q + data[c] * r + data[d] * s;
      green += data[a + 1] * p + data[b + 1] * q + data[c + 1] * r + data[d + 1] * s;
      blue += data[a + 2] * p + data[b + 2] * q + data[c + 2] * r + data[d + 2] * s;
    }
  const rest = missed * share * fill, plane = size * size;
  out[at] = red * share / 255 + rest;
  out[at + plane] = green * share / 255 + rest;
  out[at + 2 * plane] = blue * share / 255 + rest;
}

/** The part of a picture that a crop sees, averaged over blocks, and the crop's way into it. */
function blocks({data, width, height}, back, size, block) {
  const corners = [[0, 0], [size, 0], [0, size], [size, size]].map(([u, v]) => applyMap(back, u, v));
  const range = (axis, extent) => {
    const values = corners.map(corner => corner[axis]);
    let low = Math.max((Math.floor(Math.min(...values) / block) - 1) * block, 0);
    low = Math.min(low, Math.floor((extent - 1) / block) * block);
    const high = Math.min(Math.max(Math.ceil(Math.max(...values) + block), low + 1), extent);
    return [low, Math.ceil((high - low) / block)];
  };
  const [left, columns] = range(0, width), [top, rows] = range(1, height);
  const small = new Uint8ClampedArray(4 * columns * rows);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++)
      mean(data, width, left + c * block, top + r * block,
        Math.min(left + (c + 1) * block, width), Math.min(top + (r + 1) * block, height),
        small, 4 * (r * columns + c));
  const [a, b, c, d, e, f] = back;
  const moved = [a, b, c - left, d, e, f - top].map(value => value / block);
  return [{data: small, width: columns, height: rows}, moved];
}

function mean(data, width, x0, y0, x1, y1, out, at) {
  let red = 0, green = 0, blue = 0;
  for (let y = y0; y < y1; y++)
    for (let k = 4 * (y * width + x0); k < 4 * (y * width + x1); k += 4) {
      red += data[k];
      green += data[k + 1];
      blue += data[k + 2];
    }
  const count = (x1 - x0) * (y1 - y0);
  out[at] = red / count;
  out[at + 1] = green / count;
  out[at + 2] = blue / count;
}
