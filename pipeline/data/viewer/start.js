// Puts the page together: reads the data, builds heads, stage and controls.

/** No weights of expressions; whatever names are asked for. */
const noWeights = () => Object.create(null);

const data = JSON.parse(document.getElementById('data').textContent);
const state = {
  mode: 'textured', photo: true, blend: 0.6, weights: noWeights(), modes: [], eyes: [0, 0],
  light: {aside: 25, up: 30, strength: 0.5, ambient: 0.62, follow: true},
  shown: new Set(), reference: 0, align: 'rigid', top: 5,
};
const LABELS = {
  textured: 'Texture', grey: 'Grey', wireframe: 'Wireframe', normals: 'Normals',
  segmentation: 'Parts', distance: 'Distance',
};
let heads = [], stage = null, setMode = null;

async function readHeads() {
  const models = [];
  for (const entry of data.models) models.push(modelOf(entry, new Uint8Array(await blobOf(entry.blob))));
  const found = [];
  for (const entry of data.heads) {
    try {
      found.push(await Head.of(entry, await blobOf(entry.blob), models[entry.model]));
    } catch (error) {
      complain(`${entry.name} cannot be shown: ${error.message}`);
    }
  }
  return found;
}

function complain(text) {
  const place = document.getElementById('problem');
  place.hidden = false;
  place.append(make('p', {text}));
}

const shownHeads = () => heads.filter((_, k) => state.shown.has(k));
const comparable = () =>
  shownHeads().filter(head => head !== heads[state.reference] && head.matches(heads[state.reference]));

function reshape() {
  for (const head of shownHeads()) head.shape(state.weights, state.modes, state.eyes);
  recolour();
}

function recolour() {
  const facts = new Map();
  if (state.mode === 'segmentation') {
    for (const head of shownHeads())
      head.paint((primitive, k) => data.tints[primitive.known?.codes[k] ?? 0] ?? [150, 150, 150]);
  }
  if (state.mode === 'distance') {
    const reference = heads[state.reference];
    shownHeads().forEach(head => head.paint(() => [150, 150, 150]));
    for (const head of comparable()) {
      const found = distances(head, reference, state.align);
      head.paint((primitive, k, vertex) => heatColour(found[vertex] / state.top));
      facts.set(head, summary(found, head));
    }
  }
  stage.caption(head => captionOf(head, facts.get(head)));
  showLegend();
  stage.draw();
}

function captionOf(head, facts) {
  const {name} = head.entry;
  if (state.mode !== 'distance') return [name];
  if (!facts) return [name, head === heads[state.reference] ? 'reference' : 'has other vertices'];
  const [mean, median, p95] = [facts.mean, facts.median, facts.p95].map(x => x.toFixed(2));
  return [name, `mean ${mean} mm, median ${median}, 95 % below ${p95}`];
}

function showLegend() {
  const legend = document.getElementById('legend');
  legend.hidden = !['segmentation', 'distance'].includes(state.mode);
  if (legend.hidden) return;
  legend.replaceChildren();
  if (state.mode === 'distance') {
    const bar = make('span', {class: 'bar', role: 'img', 'aria-label': `0 to ${state.top} mm`});
    const stops = [0, 0.25, 0.5, 0.75, 1].map(share => `rgb(${heatColour(share).join(' ')})`);
    bar.style.backgroundImage = `linear-gradient(to right, ${stops})`;
    legend.append(make('span', {text: '0 mm'}), bar, make('span', {text: `${state.top} mm`}));
    return;
  }
  const codes = new Set(shownHeads().flatMap(head => head.nodes.flatMap(node =>
    node.primitives.flatMap(({known}) => [...new Set(known?.codes ?? [])]))));
  for (const code of [...codes].sort((a, b) => a - b)) {
    const dot = make('span', {class: 'dot'});
    dot.style.backgroundColor = `rgb(${data.tints[code].join(' ')})`;
    legend.append(make('span', {class: 'key'}, dot, data.segments[code]));
  }
}

/** Show another mode, if the heads have it. */
function chooseMode(mode) {
  if (!modes().includes(mode)) return;
  state.mode = mode;
  setMode(mode);
  document.getElementById('comparison')?.toggleAttribute('hidden', mode !== 'distance');
  recolour();
}

function modes() {
  const parts = heads.some(({model}) => model), pairs = heads.length > 1;
  return Object.keys(LABELS).filter(mode =>
    mode === 'segmentation' ? parts : mode === 'distance' ? pairs : true);
}

async function start() {
  heads = await readHeads();
  if (!heads.length) return complain('There is no head to show.');
  const many = heads.length > 1;
  heads.slice(0, 4).forEach((_, k) => state.shown.add(k));
  state.photo = heads.length < 3;
  stage = new Stage(document.getElementById('stage'), heads, state);
  buildPanel(many);
  takeHands(stage, key => {
    const mode = modes()[Number(key) - 1];
    if (mode) chooseMode(mode);
    return Boolean(mode);
  });
  stage.arrange();
  chooseMode('textured');
}

start().catch(error => complain(`The page cannot work here: ${error.message}`))
  .finally(() => { document.documentElement.dataset.ready = ''; });
