// The numbers of the face model and the network that the page computes with: one JSON, one file of bytes.

const KINDS = {float32: Float32Array, int8: Int8Array, uint8: Uint8Array, uint32: Uint32Array};

/** A file beside the page, as `kind` of a response ('json', 'arrayBuffer'). */
export async function fetched(name, kind) {
  const answer = await fetch(new URL(name, document.baseURI));
  if (!answer.ok) throw new Error(`${name} is missing beside the page (${answer.status})`);
  return answer[kind]();
}

/** What `pipeline/web/numbers.py` wrote: its plain values, and its tables as typed arrays by name. */
export async function readNumbers() {
  const [plain, bytes] = await Promise.all([
    fetched('face.json', 'json'), fetched('face.bin', 'arrayBuffer')]);
  const tables = Object.fromEntries(Object.entries(plain.tables).map(([name, {kind, shape, start}]) =>
    [name, new KINDS[kind](bytes, start, shape.reduce((a, b) => a * b, 1))]));
  return {...plain, ...tables};
}
