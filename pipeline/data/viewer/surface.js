// How surfaces look: one shader for all modes, in linear light.

const MODES = {textured: 0, grey: 1, wireframe: 1, normals: 2, segmentation: 3, distance: 4};

const VERTEX = `
precision highp float;
uniform mat4 projectionMatrix, modelViewMatrix;
uniform mat3 normalMatrix;
in vec3 position, normal, color;
in vec2 uv;
out vec3 n, eye, tint;
out vec2 place;
void main() {
  vec4 at = modelViewMatrix * vec4(position, 1.0);
  n = normalMatrix * normal;
  eye = -at.xyz;
  tint = color;
  place = uv;
  gl_Position = projectionMatrix * at;
}`;

const FRAGMENT = `
precision highp float;
uniform sampler2D map;
uniform int mode;
uniform vec3 light;        // towards it, in camera space
uniform float strength, ambient, gloss, opacity;
in vec3 n, eye, tint;
in vec2 place;
out vec4 shown;
vec3 linear(vec3 c) { return pow(c, vec3(2.2)); }
vec3 coded(vec3 c) { return pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2)); }
void main() {
  vec3 normal = normalize(n);
  // Seen from inside; at a rim smooth normals look away a little.
  if (!gl_FrontFacing && dot(normal, normalize(eye)) < -0.15) normal = -normal;
  if (mode == 2) {
    shown = vec4(normal * 0.5 + 0.5, 1.0) * opacity;
    return;
  }
  vec3 own = mode == 0 ? linear(texture(map, place).rgb)
      : mode == 1 ? vec3(0.42) : linear(tint);
  float towards = max(dot(normal, light), 0.0);
  vec3 between = normalize(light + normalize(eye));
  float shine = gloss * pow(max(dot(normal, between), 0.0), 40.0) * step(0.0, towards);
  // Colours that say something are shaded less than skin.
  float flatness = mode >= 3 ? 0.5 : 0.0;
  float lit = mix(ambient * (0.85 + 0.15 * normal.y) + strength * towards, 1.0, flatness);
  shown = vec4(coded(own * lit + (mode == 0 ? shine * strength : 0.0)), 1.0) * opacity;
}`;

const LINES = `
precision highp float;
uniform float opacity;
out vec4 shown;
void main() { shown = vec4(vec3(0.05, 0.12, 0.2), 1.0) * 0.3 * opacity; }`;

const GLOSS = {eyes: 0.5, teeth: 0.15, inner: 0.05};

/** What all materials share: the light, how much is seen, the mode. */
const shared = {
  mode: {value: 0},
  light: {value: new THREE.Vector3(0, 0, 1)},
  strength: {value: 0.5},
  ambient: {value: 0.6},
  opacity: {value: 1},
};

function material(fragmentShader, uniforms, rest = {}) {
  return new THREE.RawShaderMaterial({
    glslVersion: THREE.GLSL3, vertexShader: VERTEX, fragmentShader,
    uniforms: {...shared, ...uniforms}, side: THREE.DoubleSide, premultipliedAlpha: true,
    transparent: true, ...rest,
  });
}

/** Surfaces lie a little behind their net, while that is drawn (`polygonOffset`). */
const BEHIND = {polygonOffsetFactor: 1, polygonOffsetUnits: 1};

function surfaceMaterial(texture, part) {
  const own = {map: {value: texture}, gloss: {value: GLOSS[part] ?? 0.02}};
  return material(FRAGMENT, own, BEHIND);
}

const lineMaterial = material(LINES, {}, {depthWrite: false});
/** Fills the depth alone, so that of a head that is seen through only the front is. */
const depthMaterial = material(LINES, {}, {colorWrite: false, ...BEHIND});

async function textureOf(blob) {
  const texture = new THREE.Texture();
  texture.flipY = false;
  texture.generateMipmaps = true;
  texture.minFilter = THREE.LinearMipmapLinearFilter;
  texture.anisotropy = 4;
  if (blob) {
    texture.image = await createImageBitmap(blob, {colorSpaceConversion: 'none'});
    texture.needsUpdate = true;
  }
  return texture;
}
