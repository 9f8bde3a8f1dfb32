// The stage: a grid of cells, all drawn on one canvas; one view turns all heads.

const FOV = 22;  // degrees, of the shorter side of a cell
const CAPTION = 34;  // pixels above a head
const START = {yaw: 0, pitch: 0, zoom: 1, pan: [0, 0]};

class Stage {
  /** Args: the element, the heads, what is to be seen (see start.js). */
  constructor(element, heads, state) {
    Object.assign(this, {element, heads, state, cells: [], wanted: false, say: () => []});
    this.canvas = element.querySelector('canvas');
    this.grid = element.querySelector('.cells');
    this.renderer = new THREE.WebGLRenderer({canvas: this.canvas, alpha: true, antialias: true});
    this.renderer.autoClear = false;
    this.scene = new THREE.Scene();
    heads.forEach(({group}) => this.scene.add(group));
    this.camera = new THREE.PerspectiveCamera(FOV, 1, 0.01, 20);
    this.view = structuredClone(START);
    this.measure();
    new ResizeObserver(() => this.arrange()).observe(element);
    // Where a graphics card gives up for a while, the picture comes back with it.
    this.canvas.addEventListener('webglcontextrestored', () => this.draw());
  }

  /** The middle of the heads, and how far away a camera sees all of one. */
  measure() {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    for (const head of this.heads)
      head.points().forEach((value, k) => {
        low[k % 3] = Math.min(low[k % 3], value);
        high[k % 3] = Math.max(high[k % 3], value);
      });
    this.middle = low.map((value, c) => (value + high[c]) / 2);
    const radius = Math.max(...high.map((value, c) => value - low[c])) / 2 || 0.1;
    this.distance = 1.06 * radius / Math.tan(FOV / 2 * Math.PI / 180);
  }

  /** Make a cell for every picture that is wanted, in as even a grid as fits. */
  arrange() {
    const wanted = this.heads.filter((_, k) => this.state.shown.has(k)).flatMap(head =>
      this.state.photo && head.entry.photo ? [[head, true], [head, false]] : [[head, false]]);
    this.grid.replaceChildren();
    this.cells = wanted.map(([head, photo]) => this.cell(head, photo));
    const {clientWidth: width, clientHeight: height} = this.element;
    const sideOf = columns => Math.min(
      width / columns, height / Math.ceil(this.cells.length / columns));
    let best = 1;
    for (let columns = 2; columns <= this.cells.length; columns++)
      if (sideOf(columns) > sideOf(best)) best = columns;
    this.grid.style.gridTemplateColumns = `repeat(${best}, minmax(0, 1fr))`;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.caption(this.say);
    this.draw();
  }

  cell(head, photo) {
    const element = document.createElement('figure');
    const caption = document.createElement('figcaption');
    if (photo) {
      const picture = document.createElement('img');
      picture.src = head.entry.photo;
      picture.alt = `The photograph of ${head.entry.name}`;
      element.append(picture);
    }
    element.append(caption);
    this.grid.append(element);
    return {element, caption, head, camera: photo ? photoCamera(head.entry) : this.camera, photo};
  }

  /** Write above every head the lines of `say(head)`, now and after the next arrangement. */
  caption(say) {
    this.say = say;
    for (const {caption, head, photo} of this.cells)
      caption.replaceChildren(...(photo ? [`${head.entry.name}: photograph`] : say(head))
        .map(text => make('div', {text})));
  }

  /** Draw soon, once for all that changed. */
  draw() {
    if (this.wanted) return;
    this.wanted = true;
    requestAnimationFrame(() => {
      this.wanted = false;
      this.render();
    });
  }

  render() {
    const {renderer, canvas} = this;
    const frame = canvas.getBoundingClientRect();
    this.place();
    renderer.setScissorTest(false);
    renderer.setClearColor(0, 0);
    renderer.clear();
    renderer.setScissorTest(true);
    for (const cell of this.cells) {
      if (!cell.camera) continue;
      const box = cell.element.getBoundingClientRect();
      const side = Math.min(box.width, box.height);
      const [width, height] = cell.photo ? [side, side] : [box.width, box.height - CAPTION];
      const left = box.left - frame.left + (box.width - width) / 2;
      const bottom = frame.bottom - box.bottom + (cell.photo ? (box.height - height) / 2 : 0);
      renderer.setViewport(left, bottom, width, height);
      renderer.setScissor(left, bottom, width, height);
      this.drawCell(cell, width / height);
    }
  }

  drawCell({head, camera, photo}, aspect) {
    const {state, renderer, scene} = this;
    for (const other of this.heads) other.group.visible = other === head;
    const {turn, place} = photo ? STILL : head.pose;
    head.group.quaternion.set(...turn);
    head.group.position.set(...place);
    if (!photo) {
      const half = Math.tan(FOV / 2 * Math.PI / 180);
      camera.fov = 360 / Math.PI * Math.atan(half / Math.min(aspect, 1));
      camera.aspect = aspect;
      camera.updateProjectionMatrix();
    }
    camera.updateMatrixWorld(true);
    shared.mode.value = MODES[state.mode];
    shared.opacity.value = photo ? state.blend : 1;
    shared.strength.value = state.light.strength;
    shared.ambient.value = state.light.ambient;
    shared.light.value.set(...lightOf(state.light));
    if (!state.light.follow) shared.light.value.transformDirection(camera.matrixWorldInverse);
    const net = state.mode === 'wireframe';
    for (const each of this.heads) each.lines.forEach(lines => { lines.visible = false; });
    for (const {material} of [{material: depthMaterial}, ...head.surfaces])
      material.polygonOffset = net;
    if (shared.opacity.value < 1) {
      scene.overrideMaterial = depthMaterial;
      renderer.render(scene, camera);
      scene.overrideMaterial = null;
    }
    head.lines.forEach(lines => { lines.visible = net; });
    if (shared.opacity.value > 0) renderer.render(scene, camera);
  }

  /** Put the camera where the view says. */
  place() {
    const {yaw, pitch, zoom, pan} = this.view;
    const [a, b] = [yaw * Math.PI / 180, pitch * Math.PI / 180];
    const away = this.distance / zoom;
    const [x, y, z] = this.middle;
    const ahead = [Math.sin(a) * Math.cos(b), Math.sin(b), Math.cos(a) * Math.cos(b)];
    this.camera.position.set(...ahead.map((value, c) => this.middle[c] + away * value));
    this.camera.lookAt(x, y, z);
    this.camera.translateX(-pan[0]);
    this.camera.translateY(-pan[1]);
  }

  /** Change the view: degrees to the side and up, a factor, shares of the picture. */
  turn({yaw = 0, pitch = 0, zoom = 1, pan = [0, 0]}) {
    const {view} = this;
    view.yaw = (view.yaw + yaw + 540) % 360 - 180;
    view.pitch = Math.min(Math.max(view.pitch + pitch, -89), 89);
    view.zoom = Math.min(Math.max(view.zoom * zoom, 0.3), 20);
    const size = 2 * this.distance / view.zoom * Math.tan(FOV / 2 * Math.PI / 180);
    view.pan = view.pan.map((value, c) => value + pan[c] * size);
    this.draw();
  }

  reset() {
    this.view = structuredClone(START);
    this.draw();
  }
}

/** The direction (3) towards the light: degrees to the side, and up. */
function lightOf({aside, up}) {
  const [a, b] = [aside * Math.PI / 180, up * Math.PI / 180];
  return [Math.sin(a) * Math.cos(b), Math.sin(b), Math.cos(a) * Math.cos(b)];
}

/** The photograph's camera, in metres of the file; null where none is known. */
function photoCamera({camera, scale}) {
  if (!camera) return null;
  const made = new THREE.PerspectiveCamera();
  const [r, t] = [camera.rotation, camera.translation_mm.map(x => x * scale / 1000)];
  made.matrixAutoUpdate = false;
  made.matrix.set(...r.flatMap((row, k) => [...row, t[k]]), 0, 0, 0, 1).invert();
  const {focal_px: f, center_px: [x, y], size: [width, height]} = camera;
  const near = -t[2] / 10, far = -t[2] * 10;
  made.projectionMatrix.set(
    2 * f / width, 0, 1 - 2 * x / width, 0,
    0, 2 * f / height, 2 * y / height - 1, 0,
    0, 0, -(far + near) / (far - near), -2 * far * near / (far - near),
    0, 0, -1, 0);
  made.projectionMatrixInverse.copy(made.projectionMatrix).invert();
  return made;
}
