// Reads the GLB that selfie3d writes: float vertices, sparse morph targets, one texture. Nothing is
// ever fetched: a file that names another place, or reaches out of itself, is refused.

const GLB_MOST = 4e6;  // of vertices or corners

class Glb {
  constructor(buffer) {
    const view = new DataView(buffer);
    if (buffer.byteLength < 20 || view.getUint32(0, true) !== 0x46546c67)
      throw new Error('it is no GLB');
    const length = view.getUint32(12, true);
    const text = new TextDecoder().decode(new Uint8Array(buffer, 20, length));
    this.tree = JSON.parse(text);
    this.buffer = buffer;
    this.start = 20 + length + 8;  // of the binary chunk
  }

  /** Nodes with a mesh, in a list: {name, translation, weights, names, primitives}. */
  nodes() {
    return (this.tree.nodes ?? []).filter(node => node.mesh !== undefined).map(node => {
      const mesh = this.tree.meshes[node.mesh];
      const primitives = mesh.primitives.map(primitive => this.primitive(primitive));
      const names = (mesh.extras?.targetNames ?? []).map(String);
      return {
        name: String(node.name),
        translation: numbers(node.translation ?? [0, 0, 0], 3),
        weights: names.map((_, k) => Number(mesh.weights?.[k] ?? 0)),
        names,
        primitives,
      };
    });
  }

  /** The first animation: {times (T), tracks by "node path"}; null where there is none. */
  clip() {
    const {channels, samplers} = this.tree.animations?.[0] ?? {};
    if (!channels?.length) return null;
    const times = Float32Array.from(this.array(samplers[channels[0].sampler].input, 'real', 1));
    if (!times.length || times.some((time, k) => !(time >= (times[k - 1] ?? 0))))
      throw new Error('an animation whose times do not ascend');
    const tracks = Object.create(null);
    for (const {sampler, target: {node, path}} of channels) {
      const output = this.tree.accessors[samplers[sampler].output];
      const values = this.array(samplers[sampler].output, 'real', WIDTHS[output.type] ?? 1);
      if (values.length % times.length) throw new Error('an animation without all its frames');
      tracks[`${this.tree.nodes[node].name} ${path}`] = values;
    }
    return {times, tracks};
  }

  primitive({attributes, indices, material, targets}) {
    const position = this.array(attributes.POSITION, 'real', 3);
    const count = position.length / 3;
    const index = Uint32Array.from(this.array(indices, 'whole', 1));
    if (index.some(corner => corner >= count)) throw new Error('a corner without a vertex');
    const uv = attributes.TEXCOORD_0 === undefined
      ? new Float32Array(2 * count) : this.array(attributes.TEXCOORD_0, 'real', 2);
    if (uv.length !== 2 * count) throw new Error('vertices without a place in the texture');
    return {
      part: String(this.tree.materials?.[material]?.name ?? ''),
      position, uv, index,
      targets: (targets ?? []).map(target => this.changes(target.POSITION, count)),
    };
  }

  /** What a morph target changes: {places (n), moves (n,3)}. */
  changes(number, count) {
    const {sparse} = number === undefined ? {} : this.tree.accessors[number];
    if (!sparse) return {places: new Uint32Array(0), moves: new Float32Array(0)};
    const size = checked(sparse.count);
    const {indices, values} = sparse;
    const places = this.view(indices, kindOf(indices.componentType, 'whole'), size);
    if (places.some(place => place >= count)) throw new Error('a change without a vertex');
    return {places, moves: this.view(values, Float32Array, 3 * size)};
  }

  array(number, numbers, width) {
    const accessor = this.tree.accessors[number];
    const kind = kindOf(accessor.componentType, numbers);
    return this.view(accessor, kind, checked(accessor.count) * width);
  }

  view({bufferView, byteOffset = 0}, kind, size) {
    const {byteOffset: offset = 0, byteStride} = this.tree.bufferViews[bufferView];
    if (byteStride) throw new Error('vertices that are interleaved');
    return new kind(this.buffer, this.start + offset + byteOffset, size);
  }

  /** The texture's file. */
  image() {
    const image = this.tree.images?.[0];
    if (image?.bufferView === undefined) return null;
    const {byteOffset = 0, byteLength} = this.tree.bufferViews[image.bufferView];
    const bytes = new Uint8Array(this.buffer, this.start + byteOffset, byteLength);
    return new Blob([bytes], {type: image.mimeType === 'image/png' ? 'image/png' : 'image/jpeg'});
  }
}

const WIDTHS = {SCALAR: 1, VEC3: 3, VEC4: 4};
const KINDS = {
  whole: {5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array},
  real: {5126: Float32Array},
};

function kindOf(code, numbers) {
  const kind = KINDS[numbers][code];
  if (!kind) throw new Error(`numbers of another kind (${code})`);
  return kind;
}

function checked(count) {
  if (!(Number.isInteger(count) && count >= 0 && count <= GLB_MOST))
    throw new Error('more vertices than can be shown');
  return count;
}

function numbers(values, count) {
  const found = Array.from(values, Number);
  if (found.length !== count || !found.every(Number.isFinite)) throw new Error('no place');
  return found;
}
