// Crops and their mirror images, and what is said of both (pipeline/network/mirrored.py).

/** Planes of `side` x `side` pixels, mirrored. */
export function mirrored(planes, side) {
  const out = new Float32Array(planes.length);
  for (let k = 0; k < planes.length; k++) {
    const column = k % side;
    out[k] = planes[k - column + side - 1 - column];
  }
  return out;
}

/** The mean of what is said of a crop, the first half of each array, and of its mirror image. */
export function meanOf(said, {partners, mirror_from: from, mirror_sign: sign, segments}) {
  const turned = {
    points: half => Float32Array.from(half, (_, k) => (k % 3 ? 1 : -1) * half[3 * partners[Math.floor(k / 3)] + k % 3]),
    log_sigma: half => Float32Array.from(partners, n => half[n]),
    visibility: half => Float32Array.from(partners, n => half[n]),
    coefficients: half => Float32Array.from(from, (n, k) => sign[k] * half[n]),
    segmentation: half => mirrored(half, Math.sqrt(half.length / segments)),
  };
  return Object.fromEntries(Object.entries(said).map(([name, both]) => {
    const size = both.length / 2, other = turned[name](both.subarray(size));
    return [name, both.slice(0, size).map((value, k) => (value + other[k]) / 2)];
  }));
}
