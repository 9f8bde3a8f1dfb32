// Hands on the stage: pointer, touch, wheel and keys.

const KEYS = {
  ArrowLeft: {yaw: -7}, ArrowRight: {yaw: 7}, ArrowUp: {pitch: 7}, ArrowDown: {pitch: -7},
  '+': {zoom: 1.15}, '=': {zoom: 1.15}, '-': {zoom: 1 / 1.15},
};

/** Let pointers and keys turn the stage; `other(key)` says whether it knew a key. */
function takeHands(stage, other) {
  const {element} = stage;
  const pointers = new Map();
  element.addEventListener('pointerdown', event => {
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  element.addEventListener('pointermove', event => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const rest = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    pointers.set(event.pointerId, now);
    stage.turn(rest.length ? pinched(before, now, rest[0], stage) : dragged(before, now, event, stage));
  });
  for (const end of ['pointerup', 'pointercancel'])
    element.addEventListener(end, event => pointers.delete(event.pointerId));
  element.addEventListener('contextmenu', event => event.preventDefault());
  element.addEventListener('dblclick', () => stage.reset());
  element.addEventListener('wheel', event => {
    event.preventDefault();
    const lines = event.deltaMode ? 16 : 1;
    stage.turn({zoom: Math.exp(-event.deltaY * lines * 0.0012)});
  }, {passive: false});
  element.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (KEYS[event.key]) stage.turn(KEYS[event.key]);
    else if (event.key === 'Home' || event.key === '0') stage.reset();
    else if (!other(event.key)) return;
    event.preventDefault();
  });
}

function dragged(before, now, event, stage) {
  const move = now.map((value, c) => value - before[c]);
  if (event.shiftKey || event.buttons & 6) return {pan: panned(move, stage)};
  return {yaw: -0.4 * move[0], pitch: 0.4 * move[1]};
}

/** Two fingers: apart is nearer, together they shift. */
function pinched(before, now, rest, stage) {
  const away = ([x, y]) => Math.hypot(x - rest[0], y - rest[1]) || 1;
  const move = now.map((value, c) => (value - before[c]) / 2);
  return {zoom: away(now) / away(before), pan: panned(move, stage)};
}

function panned([x, y], stage) {
  const {width, height} = stage.cells[0].element.getBoundingClientRect();
  const side = Math.min(width, height);
  return [x / side, -y / side];
}
