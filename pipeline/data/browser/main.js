// Puts the page together: networks, picture, head and panel.

import * as ort from '../ort/ort.wasm.bundle.min.mjs';
import {Avatar} from './avatar.js';
import {Detector} from './detector.js';
import {readNumbers} from './numbers.js';
import {decoded, drawFace, pixelsOf, webcamOf} from './picture.js';
import {Reader} from './reader.js';
import {albedoOf, canvasOf, photoTexture, plainTexture, surfaceOf} from './texture.js';
import {Tracker} from './tracker.js';

const byId = id => document.getElementById(id);
const page = {face: null, picture: null, live: null, dressed: false, frames: []};
window.selfie3d = page;  // for tests, and for those who look

function say(text) {
  byId('status').textContent = text;
}

async function start() {
  byId('problem').hidden = true;
  ort.env.wasm.numThreads = 1;  // more need headers that few servers send
  ort.env.wasm.wasmPaths = {wasm: new URL('ort/ort-wasm-simd-threaded.wasm', document.baseURI).href};
  const session = name => ort.InferenceSession.create(new URL(name, document.baseURI).href);
  page.avatar = await Avatar.on(byId('stage'));
  page.numbers = await readNumbers();
  const reader = new Reader(ort, await session('network.onnx'), page.numbers);
  page.detector = new Detector(ort, await session('detector.onnx'));
  page.reader = reader;
  page.tracker = new Tracker(page.detector, reader);
  makeBars();
  takeInput();
  say('Choose a photograph, drop one here, or switch on the webcam.');
}

function makeBars() {
  for (const name of page.numbers.names) {
    const meter = make('meter', {min: 0, max: 1, 'aria-label': name});
    byId('bars').append(make('div', {class: 'bar-row'}, make('span', {text: name}), meter, make('output')));
  }
}

function takeInput() {
  byId('file').addEventListener('change', event => photograph(event.target.files[0]));
  byId('example').addEventListener('click', async () =>
    photograph(await (await fetch(new URL('example.jpg', document.baseURI))).blob()));
  byId('webcam').addEventListener('click', () => (page.live ? stop() : webcam()));
  byId('texture').addEventListener('click', dress);
  byId('front').addEventListener('click', () => page.avatar.stage.reset());
  for (const kind of ['dragover', 'dragleave', 'drop'])
    document.body.addEventListener(kind, event => {
      event.preventDefault();
      byId('picture').classList.toggle('over', kind === 'dragover');
      if (kind === 'drop' && event.dataTransfer.files[0]) photograph(event.dataTransfer.files[0]);
    });
}

/** Look at a photograph (a Blob). */
async function photograph(blob) {
  if (!blob) return;
  stop();
  say('Looking …');
  try {
    await look(await decoded(blob));
  } catch (error) {
    say(`This cannot be shown: ${error.message}`);
  }
}

/** Find and show the face of a picture (RGBA bytes). */
async function look(picture) {
  const begun = performance.now();
  const face = await page.tracker.still(picture);
  show(picture, face, true);
  const ms = Math.round(performance.now() - begun);
  say(face ? `Found in ${ms} ms.` : 'No face was found. Faces must be upright and not too small.');
}

/** Draw a picture, and let the head become what was found; `anew`: somebody else, perhaps. */
function show(picture, face, anew) {
  Object.assign(page, {picture, face});
  drawFace(byId('shown'), picture, face);
  byId('texture').disabled = !face;
  if (!face) return;
  const {names, albedo_first: first} = page.numbers, {avatar} = page;
  if (anew) {
    avatar.become(face.identity);
    page.colours = albedoOf(page.numbers, face.said.coefficients.subarray(first));
    page.dressed = false;
  }
  avatar.express(names, face.expression, page.live ? face.camera.rotation : null);
  if (anew) avatar.dress(canvasOf(plainTexture(surfaceOf(avatar.head), page.colours)));
  showNumbers(face);
}

function showNumbers({pose, expression}) {
  byId('pose').replaceChildren(...['Pitch', 'Yaw', 'Roll'].flatMap((name, k) =>
    [make('dt', {text: name}), make('dd', {text: `${pose[k].toFixed(1)}°`})]));
  [...byId('bars').children].forEach((row, k) => {
    row.children[1].value = expression[k];
    row.children[2].textContent = expression[k].toFixed(2);
  });
}

/** Lay the picture on the head. */
function dress() {
  const {avatar, picture, face, colours} = page;
  if (!face) return;
  const surface = surfaceOf(avatar.head);
  const texels = photoTexture(surface, plainTexture(surface, colours), picture, face.camera);
  avatar.dress(canvasOf(texels));
  page.dressed = true;
}

async function webcam() {
  try {
    page.live = await webcamOf();
  } catch (error) {
    return say(`No webcam: ${error.message}`);
  }
  byId('webcam').textContent = 'Stop';
  page.tracker.forget();
  follow(page.live).catch(error => {
    stop();
    say(`Stopped: ${error.message}`);
  });
}

/** Follow the face of a video until it stops. */
async function follow(video) {
  let shown = null;  // who the head is: null nobody, false somebody new, else a Person
  while (page.live === video) {
    const begun = performance.now();
    const picture = pixelsOf(video, video.videoWidth, video.videoHeight);
    const face = await page.tracker.next(picture);
    if (page.live !== video) return;
    const who = page.tracker.person ?? false;
    show(picture, face, face && who !== shown);
    shown = face ? who : null;
    page.frames.push(performance.now() - begun);
    say(face ? `${Math.round(page.frames.at(-1))} ms a frame` : 'No face in sight.');
    await new Promise(requestAnimationFrame);
  }
}

function stop() {
  if (!page.live) return;
  page.live.srcObject?.getTracks().forEach(track => track.stop());
  page.live = null;
  byId('webcam').textContent = 'Webcam';
}

Object.assign(page, {photograph, stop});
page.ready = start().catch(error => {
  byId('problem').hidden = false;
  byId('problem').textContent = `The page cannot work here: ${error.message}`;
}).finally(() => { document.documentElement.dataset.ready = ''; });
