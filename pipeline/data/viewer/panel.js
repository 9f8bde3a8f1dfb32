// The controls beside the stage, made from what the heads have.

const GROUPS = [
  ['Brows', /^brow/], ['Eyes', /^eye/], ['Cheeks', /^cheek/], ['Nose', /^nose/],
  ['Jaw', /^jaw/], ['Mouth', /^mouth/], ['Tongue', /^tongue/], ['Other', /^/],
];

/** An element with attributes (`text` is its text) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') element.textContent = value;
    else if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

/** A labelled slider; `show` writes its number. Gives {row, set}. */
function slider({label, spoken = label, min, max, step = 0.01, value, show = x => x.toFixed(2)}, change) {
  const input = make('input', {type: 'range', min, max, step, 'aria-label': spoken});
  const number = make('output');
  const set = x => {
    input.value = x;
    number.textContent = show(x);
    input.setAttribute('aria-valuetext', show(x));
  };
  input.addEventListener('input', () => {
    set(Number(input.value));
    change(Number(input.value));
  });
  set(value);
  return {row: make('label', {class: 'slider'}, make('span', {text: label}), input, number), set};
}

function checkbox(label, checked, change) {
  const input = make('input', {type: 'checkbox', checked});
  input.addEventListener('change', () => change(input.checked));
  return {row: make('label', {class: 'check'}, input, make('span', {text: label})), input};
}

function button(text, act) {
  const element = make('button', {type: 'button', text});
  element.addEventListener('click', act);
  return element;
}

function select(label, options, value, change) {
  const input = make('select');
  for (const [key, text] of options)
    input.append(make('option', {value: key, text, selected: String(key) === String(value)}));
  input.addEventListener('change', () => change(input.value));
  return make('label', {class: 'select'}, make('span', {text: label}), input);
}

function section(title, open, ...children) {
  return make('details', {open}, make('summary', {text: title}), ...children);
}

/** Buttons of which one is pressed. Gives {row, set}. */
function choice(label, options, value, change) {
  const buttons = options.map(([key, text]) => {
    const element = button(text, () => change(key));
    element.dataset.key = key;
    return element;
  });
  const set = key => buttons.forEach(element =>
    element.setAttribute('aria-pressed', String(element.dataset.key === key)));
  set(value);
  return {row: make('div', {class: 'choice', role: 'group', 'aria-label': label}, ...buttons), set};
}

/** Sliders for all expressions, by groups. Gives {rows, refresh}. */
function expressionPanel(names, state, ownWeight, changed) {
  const sliders = new Map();
  const left = new Set(names);
  const rows = GROUPS.flatMap(([title, pattern]) => {
    const mine = [...left].filter(name => pattern.test(name));
    mine.forEach(name => left.delete(name));
    if (!mine.length) return [];
    const parts = mine.map(name => {
      const label = wordsOf(name, title), value = ownWeight(name);
      const made = slider({label, spoken: `${title}: ${label}`, min: 0, max: 1, value}, x => {
        state.weights[name] = x;
        changed();
      });
      made.row.dataset.name = name;
      made.row.title = name;
      sliders.set(name, made);
      return made.row;
    });
    return [section(title, title === 'Mouth' || title === 'Jaw', ...parts)];
  });
  const refresh = () => sliders.forEach(({set}, name) => set(state.weights[name] ?? ownWeight(name)));
  return {rows, refresh};
}

/** "mouthSmileLeft" under "Mouth" as "smile left". */
function wordsOf(name, title) {
  const words = name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  const rest = words.replace(/^[a-z]+ /, '');
  return title === 'Other' || rest === words ? name : rest;
}
