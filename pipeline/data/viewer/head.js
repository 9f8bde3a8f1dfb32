// A head: its surfaces, and what expressions, identity and eyes do to them.

class Head {
  /** Args: what the page says of the head, its file's bytes, and the face model if it is known. */
  static async of(entry, buffer, model) {
    const glb = new Glb(buffer);
    return new Head(entry, glb, await textureOf(glb.image()), model);
  }

  constructor(entry, glb, texture, model) {
    const nodes = glb.nodes();
    this.entry = entry;
    this.group = new THREE.Group();
    this.motion = motionOf(glb.clip(), nodes[0]?.names.length ?? 0);
    this.pose = STILL;
    this.model = fits(model, nodes) ? model : null;
    this.names = nodes[0]?.names ?? [];
    this.own = Object.fromEntries(this.names.map((name, k) => [name, nodes[0].weights[k]]));
    this.first = this.names.map(name => this.own[name]);
    this.nodes = nodes.map(node => this.dress(node, texture));
    this.surfaces = this.nodes.flatMap(node => node.primitives.map(({mesh}) => mesh));
    this.lines = this.nodes.flatMap(node => node.primitives.map(({lines}) => lines));
    this.shape({}, [], [0, 0]);
  }

  dress(node, texture) {
    const group = new THREE.Group();
    this.group.add(group);
    const {ids, count} = weld(node.primitives);
    const sums = new Float32Array(3 * count);
    const primitives = node.primitives.map((primitive, k) => {
      const part = node.name.endsWith('_eye') ? node.name : primitive.part;
      const known = this.model?.parts[part];
      return {...primitive, ...surfacesOf(primitive, texture, group), ids: ids[k], known};
    });
    return {...node, group, primitives, sums};
  }

  /**
   * Give the head a shape.
   * Args: weights by name instead of its own; standard deviations by which modes of identity are
   * changed; degrees by which eyes turn, sideways and up.
   */
  shape(weights, modes, [aside, up]) {
    const values = this.names.map(name => weights[name] ?? this.own[name]);
    for (const node of this.nodes) {
      const eye = node.name.endsWith('_eye');
      const middle = [0, 0, 0];
      for (const primitive of node.primitives) {
        primitive.points.set(primitive.position);
        if (this.model) addModes(primitive, this.model, modes, this.entry.scale, eye && middle);
        primitive.targets.forEach((target, k) => addTarget(primitive.points, target, values[k]));
      }
      setNormals(node);
      node.group.position.set(...node.translation.map((x, c) => x + middle[c]));
      if (eye) node.group.rotation.set(-up * Math.PI / 180, aside * Math.PI / 180, 0);
      for (const {geometry} of node.primitives)
        for (const name of ['position', 'normal']) geometry.attributes[name].needsUpdate = true;
    }
  }

  /** Show the head as it is in a clip at some seconds; where `time` is null as it is in the file. */
  seek(time) {
    const {motion} = this;
    if (!motion) return;
    const weights = time === null ? this.first : motion.weightsAt(time);
    this.pose = time === null ? STILL : motion.poseAt(time);
    this.own = Object.fromEntries(this.names.map((name, k) => [name, weights[k]]));
  }

  /** Where all vertices of some nodes lie (3V), metres; eyes that turn are taken as still. */
  points(nodes = this.nodes) {
    const parts = nodes.flatMap(({group, primitives}) => {
      const [x, y, z] = group.position.toArray();
      return primitives.map(({points}) =>
        points.map((value, k) => value + [x, y, z][k % 3]));
    });
    return joined(parts);
  }

  get skin() {
    return this.nodes[0].primitives[0];
  }

  /** Whether another head has the same vertices. */
  matches(other) {
    return this.layout === other.layout;
  }

  get layout() {
    return this.nodes.map(({name, primitives}) =>
      `${name}:${primitives.map(({points, index}) => `${points.length}/${index.length}`)}`).join();
  }

  /** Colour every vertex: `colour(part's name, vertex of the part, vertex of all)` gives 0..255. */
  paint(colour) {
    let first = 0;
    for (const {primitives} of this.nodes) {
      for (const primitive of primitives) {
        const {array} = primitive.geometry.attributes.color;
        for (let k = 0; k < array.length / 3; k++)
          array.set(colour(primitive, k, first + k), 3 * k);
        primitive.geometry.attributes.color.needsUpdate = true;
        first += array.length / 3;
      }
    }
  }
}

/** What the page knows of a face model: the parts' vertices and codes, and modes of identity. */
function modelOf({parts, count, steps}, bytes) {
  let first = 0;
  const take = (kind, size) => {
    const part = bytes.slice(first, first += size * kind.BYTES_PER_ELEMENT);
    return new kind(part.buffer);
  };
  const known = Object.fromEntries(parts.map(({name, size}) =>
    [name, {vertices: take(Uint32Array, size), codes: take(Uint8Array, size)}]));
  return {parts: known, count, steps, modes: take(Int8Array, steps.length * count * 3)};
}

/** Whether a face model is that of a file: all parts have as many vertices. */
function fits(model, nodes) {
  return Boolean(model) && nodes.every(({name, primitives}) => primitives.every(primitive => {
    const part = name.endsWith('_eye') ? name : primitive.part;
    return model.parts[part]?.vertices.length === primitive.position.length / 3;
  }));
}

function surfacesOf(primitive, texture, group) {
  const points = Float32Array.from(primitive.position);
  const geometry = new THREE.BufferGeometry();
  const add = (name, array, width, unit = false) =>
    geometry.setAttribute(name, new THREE.BufferAttribute(array, width, unit));
  add('position', points, 3);
  add('normal', new Float32Array(points.length), 3);
  add('uv', primitive.uv, 2);
  add('color', new Uint8Array(points.length).fill(150), 3, true);
  geometry.setIndex(new THREE.BufferAttribute(primitive.index, 1));
  const mesh = new THREE.Mesh(geometry, surfaceMaterial(texture, primitive.part));
  const net = new THREE.BufferGeometry();
  for (const name of Object.keys(geometry.attributes))
    net.setAttribute(name, geometry.attributes[name]);
  net.setIndex(new THREE.BufferAttribute(edgesOf(primitive.index), 1));
  const lines = new THREE.LineSegments(net, lineMaterial);
  lines.visible = false;
  mesh.frustumCulled = lines.frustumCulled = false;
  lines.renderOrder = 1;
  group.add(mesh, lines);
  return {points, geometry, mesh, lines};
}

/** Both ends of every edge of triangles, each once. */
function edgesOf(index) {
  const seen = new Set();
  const found = [];
  for (let k = 0; k < index.length; k += 3) {
    for (let c = 0; c < 3; c++) {
      const a = index[k + c], b = index[k + (c + 1) % 3];
      const key = Math.min(a, b) * GLB_MOST + Math.max(a, b);
      if (!seen.has(key)) found.push(a, b);
      seen.add(key);
    }
  }
  return Uint32Array.from(found);
}

/** Numbers of the places of all vertices: those that a seam of the texture doubles share one. */
function weld(primitives) {
  const known = new Map();
  const ids = primitives.map(({position}) => {
    const own = new Uint32Array(position.length / 3);
    for (let k = 0; k < own.length; k++) {
      const key = position.subarray(3 * k, 3 * k + 3).join();
      if (!known.has(key)) known.set(key, known.size);
      own[k] = known.get(key);
    }
    return own;
  });
  return {ids, count: known.size};
}

function addTarget(points, {places, moves}, weight) {
  if (!weight) return;
  for (let k = 0; k < places.length; k++)
    for (let c = 0; c < 3; c++) points[3 * places[k] + c] += weight * moves[3 * k + c];
}

/** Add modes of identity; where `middle` (3) is given it gets the mean move, the vertices the rest. */
function addModes({points, known}, model, modes, scale, middle) {
  if (!modes.some(Boolean)) return;
  const {vertices} = known;
  const moves = new Float32Array(points.length);
  modes.forEach((weight, mode) => {
    if (!weight) return;
    const first = mode * model.count * 3;
    const step = weight * model.steps[mode] * scale / 1000;
    for (let k = 0; k < vertices.length; k++)
      for (let c = 0; c < 3; c++)
        moves[3 * k + c] += step * model.modes[first + 3 * vertices[k] + c];
  });
  if (middle)
    moves.forEach((move, k) => { middle[k % 3] += move / vertices.length; });
  moves.forEach((move, k) => { points[k] += move - (middle ? middle[k % 3] : 0); });
}

/** Normals of the whole surface of a node, by the areas of faces. */
function setNormals({primitives, sums}) {
  sums.fill(0);
  for (const {points: p, index, ids} of primitives) {
    for (let k = 0; k < index.length; k += 3) {
      const a = 3 * index[k], b = 3 * index[k + 1], c = 3 * index[k + 2];
      const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
      const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
      for (let corner = 0; corner < 3; corner++) {
        const at = 3 * ids[index[k + corner]];
        sums[at] += uy * vz - uz * vy;
        sums[at + 1] += uz * vx - ux * vz;
        sums[at + 2] += ux * vy - uy * vx;
      }
    }
  }
  for (const {geometry, ids} of primitives) {
    const {array} = geometry.attributes.normal;
    for (let k = 0; k < ids.length; k++) {
      const at = 3 * ids[k];
      const length = Math.hypot(sums[at], sums[at + 1], sums[at + 2]) || 1;
      for (let c = 0; c < 3; c++) array[3 * k + c] = sums[at + c] / length;
    }
  }
}

function joined(parts) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let first = 0;
  for (const part of parts) {
    whole.set(part, first);
    first += part.length;
  }
  return whole;
}
