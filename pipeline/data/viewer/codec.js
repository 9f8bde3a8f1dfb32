// The blobs of the page: base64 of gzip in script elements.

function bytesOfBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = binary.charCodeAt(k);
  return bytes;
}

/** The bytes of a blob of the page (ArrayBuffer) by its number. */
async function blobOf(number) {
  const element = document.getElementById(`blob-${number}`);
  const packed = new Blob([bytesOfBase64(element.textContent.trim())]);
  element.remove();  // its text is of no more use
  const stream = packed.stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}
