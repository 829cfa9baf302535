// The camera of the 3D view: it turns around the board, and always holds the whole board in sight.

const TAN = Math.tan((26 * Math.PI) / 360); // half of the field of view, upwards
const REST = { azimuth: -0.1, tilt: 0.96, zoom: 1 };
const TILT = [0.3, 1.5];
const ZOOM = [0.7, 3];

const clamp = (value, [least, most]) => Math.min(most, Math.max(least, value));
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** A camera. Angles are in radians; x goes along the columns, y along the rows, z upwards. */
export class Camera {
  constructor() {
    /** Points that must stay in sight, [x, y, z] each. */
    this.bounds = [[0, 0, 0]];
    this.width = this.height = 1;
    this.reset();
  }

  reset() {
    Object.assign(this, REST);
    this.aim();
  }

  /** Turns the camera by pixels of a drag. */
  turn(right, down) {
    const speed = Math.PI / Math.max(300, Math.min(this.width, this.height));
    this.azimuth -= right * speed;
    this.tilt = clamp(this.tilt + down * speed, TILT);
    this.aim();
  }

  enlarge(factor) {
    this.zoom = clamp(this.zoom * factor, ZOOM);
    this.aim();
  }

  /** Quarter turns of the board, as it is seen. */
  get quarter() {
    return Math.round(this.azimuth / (Math.PI / 2));
  }

  /** Computes the directions, and the least distance from which all bounds are seen. */
  aim() {
    const [sin, cos] = [Math.sin(this.azimuth), Math.cos(this.azimuth)];
    const [up, flat] = [Math.sin(this.tilt), Math.cos(this.tilt)];
    this.right = [cos, sin, 0];
    this.up = [-sin * up, cos * up, flat];
    this.forward = [-sin * flat, cos * flat, -up];
    this.wide = (TAN * this.width) / this.height;
    const seen = this.bounds.map((p) => [dot(p, this.right), dot(p, this.up), dot(p, this.forward)]);
    let [near, far] = [3, 200];
    for (let i = 0; i < 24; i++) {
      const middle = (near + far) / 2;
      if (this.frame(seen, middle).spread > 1) near = middle;
      else far = middle;
    }
    this.distance = far / this.zoom;
    const { x, y } = this.frame(seen, far);
    this.shift = [x * this.zoom, y * this.zoom];
    this.eye = this.forward.map((value) => -value * this.distance);
  }

  /** How far the bounds spread over the picture (1 fills it) and where their middle is. */
  frame(seen, distance) {
    const xs = seen.map(([x, , z]) => x / (distance + z) / this.wide);
    const ys = seen.map(([, y, z]) => y / (distance + z) / TAN);
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    return { spread: Math.max(right - left, high - low) / 2, x: (left + right) / 2, y: (low + high) / 2 };
  }

  /** A point in CSS pixels, and the pixels that a length of 1 takes there. */
  project(point) {
    const p = point.map((value, i) => value - this.eye[i]);
    const depth = dot(p, this.forward);
    const x = dot(p, this.right) / depth / this.wide - this.shift[0];
    const y = dot(p, this.up) / depth / TAN - this.shift[1];
    const unit = this.height / 2 / TAN / depth;
    return { x: ((x + 1) / 2) * this.width, y: ((1 - y) / 2) * this.height, unit };
  }

  /** The direction, of length 1, in which a point in CSS pixels is seen from the eye. */
  ray(x, y) {
    const across = ((2 * x) / this.width - 1 + this.shift[0]) * this.wide;
    const upwards = (1 - (2 * y) / this.height + this.shift[1]) * TAN;
    const ray = this.forward.map((value, i) => value + across * this.right[i] + upwards * this.up[i]);
    const length = Math.hypot(...ray);
    return ray.map((value) => value / length);
  }

  /** What the shader needs: the directions, scaled so that the edges of the picture are at 1. */
  get uniforms() {
    return {
      eye: this.eye,
      forward: this.forward,
      right: this.right.map((value) => value * this.wide),
      up: this.up.map((value) => value * TAN),
      shift: this.shift,
    };
  }
}

/** Where a ray meets a ball, as a distance, or infinity. */
export function meets(eye, ray, centre, radius) {
  const from = eye.map((value, i) => value - centre[i]);
  const along = dot(from, ray);
  const inside = along * along - dot(from, from) + radius * radius;
  return inside < 0 ? Infinity : -along - Math.sqrt(inside);
}
