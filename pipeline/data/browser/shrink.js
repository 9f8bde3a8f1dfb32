// Pictures at another size, by a triangle as wide as a new pixel, as image libraries do it.

/** A picture (RGBA bytes) as another of `width` x `height`. */
export function resized(picture, width, height) {
  if (picture.width === width && picture.height === height) return picture;
  const wide = along(picture.data, picture.height, picture.width, width, 4, 4 * picture.width, 4 * width);
  const data = along(wide, width, picture.height, height, 4 * width, 4, 4);
  return {data, width, height};
}

/** Resamples `lines` lines; `step` from one pixel of a line to the next, `from` and `to` of lines. */
function along(data, lines, size, wanted, step, from, to) {
  const out = new Uint8ClampedArray(lines * wanted * 4);
  const ratio = size / wanted, reach = Math.max(ratio, 1);
  for (let k = 0; k < wanted; k++) {
    const middle = (k + 0.5) * ratio;
    const first = Math.max(Math.trunc(middle - reach + 0.5), 0);
    const end = Math.min(Math.trunc(middle + reach + 0.5), size);
    const weights = weightsOf(first, end, middle, reach);
    for (let line = 0; line < lines; line++) {
      let red = 0, green = 0, blue = 0;
      for (let n = first, at = line * from + first * step; n < end; n++, at += step) {
        const weight = weights[n - first];
        red += weight * data[at];
        green += weight * data[at + 1];
        blue += weight * data[at + 2];
      }
      const place = line * to + k * step;
      out[place] = red;
      out[place + 1] = green;
      out[place + 2] = blue;
    }
  }
  return out;
}

function weightsOf(first, end, middle, reach) {
  const weights = Array.from({length: end - first}, (_, k) =>
    Math.max(0, 1 - Math.abs((first + k - middle + 0.5) / reach)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map(weight => weight / sum);
}
