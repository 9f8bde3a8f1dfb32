// Rotations (9 numbers, row by row) and cameras, as docs and geometry/conventions.md have them.

export const rotate = (R, [x, y, z]) => [
  R[0] * x + R[1] * y + R[2] * z, R[3] * x + R[4] * y + R[5] * z, R[6] * x + R[7] * y + R[8] * z];

/** A B of two 3x3 matrices. */
export function product(A, B) {
  const out = new Array(9).fill(0);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++)
      for (let k = 0; k < 3; k++) out[3 * i + j] += A[3 * i + k] * B[3 * k + j];
  return out;
}

/** The rotation of a vector, axis times angle (Rodrigues). */
export function turnOf([x, y, z]) {
  const angle = Math.hypot(x, y, z), square = angle * angle;
  const a = angle < 1e-6 ? 1 : Math.sin(angle) / angle;
  const b = angle < 1e-6 ? 0.5 : (1 - Math.cos(angle)) / square;
  const K = [0, -z, y, z, 0, -x, -y, x, 0], KK = product(K, K);
  return K.map((value, k) => (k % 4 === 0 ? 1 : 0) + a * value + b * KK[k]);
}

/** Pitch, yaw and roll in degrees: R = X(-pitch) Y(-yaw) Z(-roll). */
export function anglesOf(R) {
  const first = Math.atan2(-R[5], R[8]);
  const c = Math.cos(first), s = Math.sin(first);
  const second = Math.atan2(R[2], c * R[8] - s * R[5]);
  const row = [0, 1].map(k => c * R[3 + k] + s * R[6 + k]);
  return [first, second, Math.atan2(row[0], row[1])].map(angle => -angle * 180 / Math.PI);
}

/** Where a camera sees a point of the model: pixels, and its distance in mm. */
export function project({rotation, translation, focal, center}, point) {
  const [x, y, z] = rotate(rotation, point).map((value, k) => value + translation[k]);
  return [center[0] + focal * x / -z, center[1] - focal * y / -z, -z];
}

/** The camera after a similarity of the picture's plane (see frame.js). */
export function movedCamera({rotation, translation, focal, center}, map) {
  const [a, b, c, d, e, f] = map, scale = Math.sqrt(Math.abs(a * e - b * d));
  const turn = [a / scale, d / scale, 0, b / scale, e / scale, 0, 0, 0, 1];
  return {
    rotation: product(turn, rotation), translation: rotate(turn, translation), focal: focal * scale,
    center: [a * center[0] + b * center[1] + c, d * center[0] + e * center[1] + f],
  };
}
