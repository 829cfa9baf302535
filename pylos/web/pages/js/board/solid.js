// The 3D view: balls in wood on a board, drawn by a fragment shader.

import { meets } from "./camera.js";
import { FRAGMENT, MOST_BALLS, MOST_GHOSTS, VERTEX } from "./shader.js";

const RADIUS = 0.488;
const SINK = 0.13;
/** The height between two levels: balls of a level lie 1 apart and touch those below. */
const RISE = Math.sqrt(4 * RADIUS ** 2 - 0.5);
const THICK = 0.62;
/** Where balls beside trays would be smaller, in CSS pixels, the board takes all the room and reserves are numbers. */
const LEAST_BALL = 62;
const RIMS = { last: "#ff6a2b", selected: "#1f8bff", take: "#ff3d8b", below: "#ffd83a", other: "#b9c0cc" };
const NAMES = Object.keys(RIMS);
/** No picture has more pixels, whatever the screen: a laptop stays cool. */
const MOST_PIXELS = 1.8e6;

/** Draws scenes with WebGL2. */
export class SolidView {
  /**
   * @param {HTMLElement} element @param {object[]} cells @param {Camera} camera
   * @param {boolean} slow whether a browser may do that draws without a graphics card.
   * @throws {Error} WebGL2 is missing, or the shader cannot be compiled.
   */
  constructor(element, cells, camera, slow) {
    this.cells = cells;
    this.camera = camera;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "board-solid";
    this.canvas.setAttribute("aria-hidden", "true");
    const gl = this.canvas.getContext("webgl2", { antialias: false, depth: false, failIfMajorPerformanceCaveat: !slow });
    if (!gl || (!slow && isSoftware(gl))) throw new Error("there is no WebGL2 that is fast enough");
    this.gl = gl;
    this.program = link(gl);
    this.at = new Proxy({}, { get: (seen, name) => (seen[name] ??= gl.getUniformLocation(this.program, name)) });
    this.decal = gl.createTexture();
    /** The share of the pixels that are drawn while something moves; it falls where frames are slow. */
    this.share = 1;
    element.append(this.canvas);
    this.layout(0);
  }

  destroy() {
    this.canvas.remove();
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  /** Where board, trays and reserves are: trays at the sides of a wide picture, else before and behind, if there is room. */
  layout(base) {
    const { width, height } = this.camera;
    const size = 4 - base;
    this.base = base;
    const wide = (this.wide = width > 1.12 * height);
    this.compact = (wide ? width / 10.4 : Math.min(width / 6.6, height / 9.5)) < LEAST_BALL;
    const long = size / 2 + 1;
    const middle = size / 2 + 1.68;
    const half = this.compact ? [size / 2 + 0.85, size / 2 + 0.85] : [middle + 1.36, long + 0.32];
    this.board = wide ? half : half.toReversed();
    const [across, along] = this.compact ? [-9, -9] : [1.03, long + 0.03];
    this.trays = [-middle, middle].map((x) => (wide ? [x, 0, across, along] : [0, x, along, across]));
    this.slots = [];
    for (let i = 0; i < size + 2; i++) for (const j of [-0.5, 0.5]) this.slots.push([j, i - (size + 1) / 2, RADIUS - 0.14]);
    for (let i = 0; i < size + 1; i++) this.slots.push([0, i - size / 2, RADIUS - 0.14 + RISE]);
    const [x, y] = this.board;
    const corners = [[x, y], [x, -y], [-x, y], [-x, -y]];
    this.camera.bounds = corners.flatMap(([u, v]) => [[u * 1.04, v * 1.04, 0], [u * 1.04, v * 1.04, -THICK]]);
    for (const [u, v] of corners) this.camera.bounds.push([u * 0.85, v * 0.8, 1.2]);
    this.camera.bounds.push([0, 0, this.height(3) + RADIUS]);
    this.drawDecal();
  }

  height(level) {
    return RADIUS - SINK + (level - this.base) * RISE;
  }

  resize(width, height) {
    Object.assign(this.camera, { width, height });
    this.layout(this.base);
    this.camera.aim();
  }

  /** Where a ball lies. */
  place({ cell, slot, side }) {
    if (cell === null) {
      const [across, along, z] = this.slots[Math.min(slot, this.slots.length - 1)];
      const [x, y] = this.trays[side === "white" ? 0 : 1];
      return this.wide ? [x + across, y - along, z] : [x + along, y + across, z];
    }
    const { level, row, column } = this.cells[cell];
    return [column + level / 2 - 1.5, row + level / 2 - 1.5, this.height(level)];
  }

  /** A point of a path, `lift` above the straight line. */
  between(from, to, part, lift) {
    return from.map((value, i) => value + (to[i] - value) * part + (i === 2 ? lift * 1.5 : 0));
  }

  /** Where a ball that hangs at the pointer is. */
  under(x, y, ball) {
    const { eye } = this.camera;
    const ray = this.camera.ray(x, y);
    const height = this.place(ball)[2] + 0.9;
    const way = (height - eye[2]) / Math.min(-0.05, ray[2]);
    return eye.map((value, i) => value + way * ray[i]);
  }

  project(ball) {
    const { x, y, unit } = this.camera.project(this.place(ball));
    return { x, y, r: unit * RADIUS };
  }

  pick(x, y, catches) {
    const ray = this.camera.ray(x, y);
    let best = { cell: null, way: Infinity };
    for (const cell of this.cells.keys()) {
      if (!catches(cell)) continue;
      const way = meets(this.camera.eye, ray, this.place({ cell }), RADIUS);
      if (way < best.way) best = { cell, way };
    }
    return best.cell;
  }

  draw(scene, moving) {
    const { camera, canvas, gl } = this;
    if (scene.base !== this.base) this.layout(scene.base);
    camera.aim();
    const ratio = Math.min(devicePixelRatio || 1, 2, Math.sqrt(MOST_PIXELS / (camera.width * camera.height)));
    const scale = ratio * (moving ? this.share : 1);
    const [width, height] = [Math.round(camera.width * scale), Math.round(camera.height * scale)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.useProgram(this.program);
    const { eye, forward, right, up, shift } = camera.uniforms;
    gl.uniform2f(this.at.uSize, width, height);
    gl.uniform2fv(this.at.uShift, shift);
    gl.uniform3fv(this.at.uEye, eye);
    gl.uniform3fv(this.at.uForward, forward);
    gl.uniform3fv(this.at.uRight, right);
    gl.uniform3fv(this.at.uUp, up);
    gl.uniform1f(this.at.uPixel, (2 * Math.hypot(...up)) / height);
    gl.uniform4f(this.at.uBoard, ...this.board, THICK, 4 - this.base);
    gl.uniform4fv(this.at.uTray, this.trays.flat());
    gl.uniform2f(this.at.uHollow, RADIUS - SINK, RADIUS);
    gl.uniform3fv(this.at.uRims, [0, 0, 0, ...NAMES.flatMap((name) => rgb(RIMS[name]))]);
    gl.uniform1f(this.at.uDecalSize, this.decalSize);
    gl.uniform1i(this.at.uDecal, 0);
    const balls = scene.balls.filter(({ cell, at }) => !this.compact || cell !== null || at);
    this.fill("Ball", "Look", balls.slice(0, MOST_BALLS).map((ball) => this.lookOf(ball)));
    this.fill("Ghost", "GhostLook", [
      ...scene.ghosts.map(({ cell, side, bright }) => [[...this.place({ cell }), RADIUS], [side === "black" ? 1 : 0, bright ? 0.75 : 0.3, 0, 0]]),
      ...scene.empty.map(({ cell, rim }) => [[...this.place({ cell }), RADIUS * 0.8], [0, 0, rimNumber(rim), 1]]),
    ].slice(0, MOST_GHOSTS));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Draws fewer pixels while something moves if frames are slow. @param {number} time that a frame took, in ms. */
  pace(time) {
    if (time > 45) this.share = Math.max(0.3, this.share * 0.8);
    else if (time < 20) this.share = Math.min(1, this.share * 1.05);
  }

  lookOf(ball) {
    const [x, y, z] = ball.at ?? this.place(ball);
    const lift = ball.rim === "selected" && !ball.at ? 0.16 : 0;
    const seed = ball.cell === null ? ball.slot + (ball.side === "white" ? 30 : 50) : ball.cell;
    return [[x, y, z + lift, RADIUS], [ball.side === "black" ? 1 : 0, seed, rimNumber(ball.rim), ball.rim === "take" ? 1 : 0]];
  }

  fill(places, looks, things) {
    const { gl } = this;
    gl.uniform1i(this.at[`u${places}s`], things.length);
    if (!things.length) return;
    gl.uniform4fv(this.at[`u${places}`], things.flatMap(([place]) => place));
    gl.uniform4fv(this.at[`u${looks}`], things.flatMap(([, look]) => look));
  }

  /** Burns the coordinates into the board. */
  drawDecal() {
    const { gl } = this;
    if (this.burnt === this.base) return;
    this.burnt = this.base;
    const size = 4 - this.base;
    const pixels = 1024;
    this.decalSize = size + 1.2;
    const canvas = Object.assign(document.createElement("canvas"), { width: pixels, height: pixels });
    const pen = canvas.getContext("2d");
    pen.scale(pixels / this.decalSize, pixels / this.decalSize);
    pen.translate(this.decalSize / 2, this.decalSize / 2);
    Object.assign(pen, { font: "600 0.27px Georgia, serif", textAlign: "center", textBaseline: "middle" });
    for (let i = 0; i < size; i++) {
      const middle = i + 0.5 - size / 2;
      pen.fillText("ABCD"[i], -size / 2 - 0.3, -middle);
      pen.fillText(String(i + 1), middle, size / 2 + 0.3);
    }
    gl.bindTexture(gl.TEXTURE_2D, this.decal);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, canvas);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
  }
}

const rimNumber = (rim) => (rim === null ? 0 : NAMES.indexOf(rim) + 1);
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);

/** Whether the processor draws, as some browsers do without saying it when the context is asked for. */
function isSoftware(gl) {
  const masked = gl.getParameter(gl.RENDERER);
  const known = /^WebKit/.test(masked) && gl.getExtension("WEBGL_debug_renderer_info");
  const name = known ? gl.getParameter(known.UNMASKED_RENDERER_WEBGL) : masked;
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

function link(gl) {
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    program[type] = shader;
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    throw new Error(gl.getShaderInfoLog(program[gl.FRAGMENT_SHADER]) || gl.getProgramInfoLog(program));
  }
  return program;
}
