// The head of the stage: it becomes who was found, and moves as they do.
// Head, Stage, Glb and the others are the viewer's (viewer.js).

import {fetched} from './numbers.js';
import {rotate} from './turns.js';

const PIVOT = [0, -0.013, -0.066];  // metres, about which it turns
const LIGHT = {aside: 25, up: 30, strength: 0.5, ambient: 0.62, follow: true};

export class Avatar {
  static async on(element) {
    const [glb, entry, bytes] = await Promise.all([
      fetched('head.glb', 'arrayBuffer'), fetched('model.json', 'json'), fetched('model.bin', 'arrayBuffer')]);
    const model = modelOf(entry, new Uint8Array(bytes));
    return new Avatar(element, await Head.of({name: 'Head', scale: 1}, glb, model));
  }

  constructor(element, head) {
    this.head = head;
    this.rest = head.nodes.map(({translation, primitives}) =>
      ({translation, positions: primitives.map(({position}) => position)}));
    this.state = {
      mode: 'textured', photo: false, blend: 1, weights: {}, modes: [], eyes: [0, 0], light: LIGHT,
      shown: new Set([0]), reference: 0, align: 'rigid', top: 5,
    };
    this.stage = new Stage(element, [head], this.state);
    takeHands(this.stage, () => false);
    this.stage.arrange();
  }

  /** Take an identity: standard deviations of the model's modes. */
  become(identity) {
    const {head} = this;
    head.nodes.forEach((node, n) => {
      node.translation = this.rest[n].translation;
      node.primitives.forEach((primitive, k) => { primitive.position = this.rest[n].positions[k]; });
    });
    head.own = Object.fromEntries(head.names.map(name => [name, 0]));
    head.shape({}, Array.from(identity), [0, 0]);
    for (const node of head.nodes) {
      node.translation = node.group.position.toArray();
      for (const primitive of node.primitives) primitive.position = Float32Array.from(primitive.points);
    }
  }

  /** Show an expression (by number of the names), turned as `rotation` (9), or straight ahead. */
  express(names, expression, rotation = null) {
    const {head} = this;
    head.own = Object.fromEntries(names.map((name, k) => [name, expression[k]]));
    head.shape({}, [], [0, 0]);
    head.pose = rotation ? poseOf(rotation) : {turn: [0, 0, 0, 1], place: [0, 0, 0]};
    this.stage.draw();
  }

  /** Another texture: a canvas. */
  dress(canvas) {
    for (const {material} of this.head.surfaces) {
      const texture = new THREE.Texture(canvas);
      texture.flipY = false;
      texture.needsUpdate = true;
      material.uniforms.map.value.dispose();
      material.uniforms.map.value = texture;
    }
    this.stage.draw();
  }
}

function poseOf(rotation) {
  const [a, b, c, d, e, f, g, h, i] = rotation;
  const turn = new THREE.Group();
  turn.matrix.set(a, b, c, 0, d, e, f, 0, g, h, i, 0, 0, 0, 0, 1);
  turn.matrix.decompose(turn.position, turn.quaternion, turn.scale);
  const moved = rotate(rotation, PIVOT);
  return {turn: turn.quaternion.toArray(), place: PIVOT.map((x, k) => x - moved[k])};
}
