// Builds three.min.js: `npm install && node build.mjs` in this folder (Node 20 or newer).
// Of three.js it holds what the viewer uses. The viewer draws with a shader of its own (surface.js),
// so that the texts of three's shaders are left out.
import {readFileSync} from 'node:fs';
import {build} from 'esbuild';

const parts = [
  'BufferAttribute', 'BufferGeometry', 'DoubleSide', 'GLSL3', 'Group', 'LineSegments', 'Matrix4',
  'Mesh', 'PerspectiveCamera', 'RawShaderMaterial', 'Scene', 'Texture', 'Vector3', 'WebGLRenderer',
  'LinearFilter', 'LinearMipmapLinearFilter',
];
const licence = readFileSync('node_modules/three/LICENSE', 'utf8');
const {version} = JSON.parse(readFileSync('node_modules/three/package.json', 'utf8'));
const shaderless = {
  name: 'shaderless',
  setup({onLoad}) {
    const chunk = {contents: 'export default ""'};
    onLoad({filter: /shaders[\\/]ShaderChunk[\\/].*\.js$/}, () => chunk);
    const shader = {contents: 'export const vertex = "", fragment = ""'};
    onLoad({filter: /shaders[\\/]ShaderLib[\\/].*\.js$/}, () => shader);
  },
};

await build({
  stdin: {
    contents: `export {${parts.join(', ')}} from 'three/src/Three.js'`,
    resolveDir: '.',
  },
  bundle: true,
  minify: true,
  target: 'es2022',
  format: 'iife',
  globalName: 'THREE',
  charset: 'ascii',
  legalComments: 'none',
  banner: {js: `/* three.js ${version}, parts of it.\n\n${licence}*/`},
  outfile: 'three.min.js',
  plugins: [shaderless],
});
