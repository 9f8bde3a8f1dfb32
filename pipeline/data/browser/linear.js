// Linear systems of the solver: symmetric, positive definite, some unknowns within bounds.

const FIXED = 1e6;  // stiffness of an unknown that is held at a bound

/** x of (system + diagonal) x = right, by Cholesky; the lower triangle of `system` (n*n) is read. */
export function solved(system, diagonal, right) {
  const n = right.length, L = new Float64Array(n * n), scale = new Float64Array(n);
  for (let i = 0; i < n; i++) scale[i] = 1 / Math.sqrt(system[i * n + i] + diagonal[i]);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = (system[i * n + j] + (i === j ? diagonal[i] : 0)) * scale[i] * scale[j];
      for (let k = 0; k < j; k++) sum -= L[i * n + k] * L[j * n + k];
      L[i * n + j] = i === j ? Math.sqrt(sum) : sum / L[j * n + j];
    }
  return backward(L, forward(L, right.map((value, i) => value * scale[i]))).map((x, i) => x * scale[i]);
}

function forward(L, right) {
  const n = right.length, x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= L[i * n + k] * x[k];
    x[i] /= L[i * n + i];
  }
  return x;
}

function backward(L, x) {
  const n = x.length;
  for (let i = n - 1; i >= 0; i--) {
    x[i] /= L[i * n + i];
    for (let k = 0; k < i; k++) x[k] -= L[i * n + k] * x[i];
  }
  return x;
}

/**
 * The step on everything, unknowns at a bound held there; those that would leave their bounds are led
 * to them and the others solved again. Of the last unknowns, whose values are given, those from `free`
 * on stay within 0 and `most`.
 */
export function boundedStep(system, diagonal, right, {values, free, most}) {
  const first = right.length - values.length, stiff = Float64Array.from(diagonal);
  const bounded = Array.from(values.keys()).filter(k => k >= free);
  for (const k of bounded) {
    const slope = right[first + k];
    if ((values[k] <= 0 && slope < 0) || (values[k] >= most && slope > 0)) stiff[first + k] += FIXED;
  }
  const step = solved(system, stiff, right), led = Float64Array.from(right);
  let beyond = false;
  for (const k of bounded) {
    const reached = values[k] + step[first + k], bound = Math.min(Math.max(reached, 0), most);
    if (reached === bound) continue;
    beyond = true;
    stiff[first + k] += FIXED;
    led[first + k] += FIXED * (bound - values[k]);
  }
  return beyond ? solved(system, stiff, led) : step;
}
