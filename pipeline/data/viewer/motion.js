// How a head moves in a clip: its pose about where it is on average, and the weights of expressions.

/** What a clip does to a head whose file has so many expressions; null where there is no clip. */
function motionOf(clip, count) {
  if (!clip) return null;
  const {times, tracks} = clip;
  const turns = tracks['pose rotation'], places = tracks['pose translation'];
  const weights = tracks['head weights'] ?? new Float32Array(times.length * count);
  const whole = [[turns, 4], [places, 3], [weights, count]].every(([track, width]) =>
    track && track.length === width * times.length && track.every(Number.isFinite));
  return whole ? new Motion(times, turns, places, weights, count) : null;
}

const STILL = {turn: [0, 0, 0, 1], place: [0, 0, 0]};

class Motion {
  constructor(times, turns, places, weights, count) {
    Object.assign(this, {times, turns, places, weights, count});
    const middle = [0, 0, 0];
    places.forEach((value, k) => { middle[k % 3] += value / times.length; });
    this.middle = middle;
    this.begin = times[0];
    this.length = times[times.length - 1] - times[0];
  }

  /** The frames before and after some seconds from the beginning, and how far it is between. */
  between(time) {
    const at = this.begin + Math.min(Math.max(time, 0), this.length);
    let low = 0, high = this.times.length - 1;
    while (high - low > 1) {
      const half = (low + high) >> 1;
      if (this.times[half] <= at) low = half;
      else high = half;
    }
    const step = this.times[high] - this.times[low];
    return [low, high, step > 0 ? (at - this.times[low]) / step : 0];
  }

  /** The head's pose, moved so that it stands where it is on average. */
  poseAt(time) {
    const turn = this.mixed(this.turns, 4, time), length = Math.hypot(...turn) || 1;
    const place = this.mixed(this.places, 3, time).map((value, c) => value - this.middle[c]);
    return {turn: turn.map(value => value / length), place};
  }

  /** The weights of all expressions. */
  weightsAt(time) {
    return this.mixed(this.weights, this.count, time);
  }

  /** The numbers of a track of so many a frame: neighbours' mixed, which turns are near enough for. */
  mixed(track, width, time) {
    const [low, high, share] = this.between(time);
    return Array.from({length: width}, (_, k) =>
      (1 - share) * track[low * width + k] + share * track[high * width + k]);
  }
}
