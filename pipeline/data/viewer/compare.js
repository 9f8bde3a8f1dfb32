// How far two heads with the same vertices lie apart, and the colours of that.

const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/** The colour (3, 0..255) of a share of the scale. */
function heatColour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
  const k = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[k].map((value, c) => value + (at - k) * (STOPS[k + 1][c] - value));
}

/**
 * Distances (V), mm, between the vertices of two heads.
 * Args: a head and the reference; `align` is 'none', 'rigid' or 'similar', by the skin.
 */
function distances(head, reference, align) {
  const own = head.points(), other = reference.points();
  const place = align === 'none' ? null : alignment(
    head.points(head.nodes.slice(0, 1)), reference.points(reference.nodes.slice(0, 1)),
    head.skin.points.length / 3, align === 'similar');
  const found = new Float32Array(own.length / 3);
  for (let k = 0; k < found.length; k++) {
    const p = own.subarray(3 * k, 3 * k + 3);
    const [x, y, z] = place ? place(p) : p;
    found[k] = 1000 * Math.hypot(x - other[3 * k], y - other[3 * k + 1], z - other[3 * k + 2]);
  }
  return found;
}

/** The motion that brings the first `count` points nearest to others (least squares; Horn 1987). */
function alignment(from, to, count, scaled) {
  const a = middleOf(from, count), b = middleOf(to, count);
  const s = Array.from({length: 3}, () => [0, 0, 0]);
  let square = 0;
  for (let k = 0; k < count; k++)
    for (let i = 0; i < 3; i++) {
      const x = from[3 * k + i] - a[i];
      square += x * x;
      for (let j = 0; j < 3; j++) s[i][j] += x * (to[3 * k + j] - b[j]);
    }
  const r = rotationOf(s);
  let product = 0;  // of the turned points and the others
  for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) product += r[j][i] * s[i][j];
  const scale = scaled && square > 0 ? product / square : 1;
  return p => b.map((base, i) => base + scale * r[i].reduce((sum, x, j) => sum + x * (p[j] - a[j]), 0));
}

function middleOf(points, count) {
  const sum = [0, 0, 0];
  for (let k = 0; k < 3 * count; k++) sum[k % 3] += points[k] / count;
  return sum;
}

/** The rotation whose quaternion is the largest eigenvector of Horn's matrix. */
function rotationOf(s) {
  const [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = s;
  let n = [
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ];
  const size = Math.hypot(...n.flat());
  if (!(size > 0)) return [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  n = n.map((row, i) => row.map((x, j) => x / size + (i === j ? 1 : 0)));  // none below 0
  for (let round = 0; round < 24; round++) {  // its powers are ruled by the largest
    const power = n.map(row => n[0].map((_, j) => row.reduce((sum, x, k) => sum + x * n[k][j], 0)));
    const largest = Math.max(...power.flat().map(Math.abs));
    n = power.map(row => row.map(x => x / largest));
  }
  const column = [0, 1, 2, 3].reduce((best, k) => (n[k][k] > n[best][best] ? k : best), 0);
  const length = Math.hypot(...n.map(row => row[column]));
  const [w, x, y, z] = n.map(row => row[column] / length);
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
}

/** Mean, median and 95th percentile of distances of the skin. */
function summary(found, head) {
  const sorted = found.slice(0, head.skin.points.length / 3).sort();
  const at = share => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return {
    mean: sorted.reduce((sum, x) => sum + x, 0) / sorted.length,
    median: at(0.5),
    p95: at(0.95),
  };
}
