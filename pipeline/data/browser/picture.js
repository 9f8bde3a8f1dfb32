// Pictures: out of files and the webcam, and on the page with what was found in them.

const MOST = 2048;  // pixels of the longer side that are looked at
const LINES = [
  [0, 16], [17, 21], [22, 26], [27, 30], [31, 35], [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true],
];  // of ibug68: first, last, closed

/** The pixels of a file (a Blob), upright, no more than are looked at. */
export async function decoded(blob) {
  const image = await createImageBitmap(blob);
  const scale = Math.min(1, MOST / Math.max(image.width, image.height));
  return pixelsOf(image, Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale)));
}

/** The pixels of an image or a video's frame: {data (RGBA), width, height}. */
export function pixelsOf(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The webcam as a video that plays. */
export async function webcamOf() {
  if (!navigator.mediaDevices) throw new Error('browsers give it to https and to localhost alone');
  const video = document.createElement('video');
  video.muted = video.playsInline = true;
  video.srcObject = await navigator.mediaDevices.getUserMedia(
    {video: {width: {ideal: 640}, height: {ideal: 480}, facingMode: 'user'}, audio: false});
  await video.play();
  return video;
}

/** Show a picture and the landmarks of its face, if there is one. */
export function drawFace(canvas, picture, face) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext('2d');
  context.putImageData(picture, 0, 0);
  if (!face) return;
  const {landmarks} = face, xs = landmarks.map(([x]) => x);
  const unit = Math.max((Math.max(...xs) - Math.min(...xs)) / 110, 0.6);
  context.lineWidth = unit;
  context.strokeStyle = 'rgba(120, 220, 255, 0.85)';
  for (const [first, last, closed] of LINES) {
    context.beginPath();
    for (let n = first; n <= last; n++) context.lineTo(landmarks[n][0], landmarks[n][1]);
    if (closed) context.closePath();
    context.stroke();
  }
  context.fillStyle = '#ffe98a';
  for (const [x, y] of landmarks) {
    context.beginPath();
    context.arc(x, y, 1.3 * unit, 0, 2 * Math.PI);
    context.fill();
  }
}
