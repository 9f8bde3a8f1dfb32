// What stands in the panel: one function for each of its sections.

function buildPanel(many) {
  const mode = choice('What is shown', modes().map(key => [key, LABELS[key]]), 'textured', chooseMode);
  setMode = mode.set;
  headerButtons();
  document.getElementById('panel').append(
    mode.row,
    ...(many ? [headsSection(), comparison()] : []),
    clipSection(),
    photoSection(),
    section('Expression', true, ...expressionRows()),
    eyesSection(),
    ...identitySection(),
    lightSection(),
    section('About', false, ...shownFacts()),
  );
}

function headerButtons() {
  document.getElementById('front').addEventListener('click', () => stage.reset());
  document.getElementById('theme').addEventListener('click', () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  });
}

function headsSection() {
  const boxes = heads.map((head, k) => checkbox(head.entry.name, state.shown.has(k), checked => {
    if (checked) state.shown.add(k);
    else state.shown.delete(k);
    if (!state.shown.size) {
      state.shown.add(k);
      boxes[k].input.checked = true;
    }
    rearrange();
    reshape();
  }));
  return section('Heads', true, ...boxes.map(({row}) => row));
}

function rearrange() {
  stage.arrange();
  recolour();
}

function comparison() {
  const names = heads.map((head, k) => [k, head.entry.name]);
  const ways = [
    ['none', 'as reconstructed'], ['rigid', 'moved and turned'], ['similar', 'moved, turned, sized'],
  ];
  return make('section', {id: 'comparison', hidden: true, 'aria-label': 'Comparison'},
    select('Distance to', names, state.reference, value => {
      state.reference = Number(value);
      recolour();
    }),
    select('Laid together', ways, state.align, value => {
      state.align = value;
      recolour();
    }),
    slider({label: 'Scale to', min: 1, max: 20, step: 0.5, value: state.top, show: x => `${x} mm`}, x => {
      state.top = x;
      recolour();
    }).row,
    make('p', {class: 'hint', text: 'Every vertex to the same vertex of the other head, '
      + 'with the expressions that are shown; the numbers are of the skin.'}));
}

function photoSection() {
  if (!heads.some(({entry}) => entry.photo)) return '';
  const over = slider({label: 'Head over it', min: 0, max: 1, value: state.blend}, x => {
    state.blend = x;
    stage.draw();
  });
  const beside = checkbox('Show beside the head', state.photo, checked => {
    state.photo = checked;
    rearrange();
  });
  return section('Photograph', true, beside.row, over.row);
}

function expressionRows() {
  const names = [...new Set(heads.flatMap(head => head.names))];
  if (!names.length) return [make('p', {class: 'hint', text: 'The file has no expressions by name.'})];
  const own = name => shownHeads()[0]?.own[name] ?? 0;
  const made = expressionPanel(names, state, own, reshape);
  player.refresh = made.refresh;
  const all = weights => () => {
    state.weights = Object.assign(noWeights(), weights);
    made.refresh();
    reshape();
  };
  const buttons = make('div', {class: 'buttons'},
    button('As in the photograph', all({})),
    button('Neutral', all(Object.fromEntries(names.map(name => [name, 0])))));
  return [buttons, ...made.rows];
}

function eyesSection() {
  const degrees = x => `${x}°`;
  const sliders = ['To the side', 'Up'].map((label, k) =>
    slider({label, min: -30, max: 30, step: 1, value: 0, show: degrees}, x => {
      state.eyes[k] = x;
      reshape();
    }));
  const ahead = button('As in the photograph', () => {
    state.eyes = [0, 0];
    sliders.forEach(({set}) => set(0));
    reshape();
  });
  const there = heads.some(({nodes}) => nodes.some(({name}) => name.endsWith('_eye')));
  return there ? section('Eyes', false, ...sliders.map(({row}) => row), ahead) : '';
}

function identitySection() {
  const count = Math.max(0, ...heads.map(({model}) => model?.steps.length ?? 0));
  if (!count) return [];
  const deviations = x => `${x > 0 ? '+' : ''}${x.toFixed(1)} σ`;
  const sliders = Array.from({length: count}, (_, k) =>
    slider({label: `Mode ${k + 1}`, min: -4, max: 4, step: 0.1, value: 0, show: deviations}, x => {
      state.modes[k] = x;
      reshape();
    }));
  const back = button('As reconstructed', () => {
    state.modes = [];
    sliders.forEach(({set}) => set(0));
    reshape();
  });
  const hint = make('p', {class: 'hint', text: 'Added to who was reconstructed.'});
  return [section('Identity', false, hint, ...sliders.map(({row}) => row), back)];
}

function lightSection() {
  const {light} = state;
  const row = (label, key, min, max, step, show) =>
    slider({label, min, max, step, value: light[key], show}, x => {
      light[key] = x;
      stage.draw();
    }).row;
  const degrees = x => `${x}°`;
  return section('Light', false,
    row('From the side', 'aside', -180, 180, 1, degrees),
    row('From above', 'up', -90, 90, 1, degrees),
    row('Strength', 'strength', 0, 2, 0.02),
    row('From all round', 'ambient', 0, 1.5, 0.02),
    checkbox('Head light: comes with the view', light.follow, checked => {
      light.follow = checked;
      stage.draw();
    }).row);
}

function shownFacts() {
  return heads.map(({entry}) => {
    const list = make('dl', {});
    for (const [name, value] of entry.facts)
      list.append(make('dt', {text: name}), make('dd', {text: value}));
    return make('div', {class: 'facts'}, make('h3', {text: entry.name}), list);
  });
}
