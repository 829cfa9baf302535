// The picture of the 3D view: one ray for each pixel, met with balls, board and the ground below it.

export const MOST_BALLS = 40;
export const MOST_GHOSTS = 48;

export const VERTEX = `#version 300 es
void main() {
  gl_Position = vec4(vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0), 0.0, 1.0);
}`;

const DECLARATIONS = `#version 300 es
precision highp float;
precision highp int;
uniform vec2 uSize, uShift;
uniform vec3 uEye, uForward, uRight, uUp;
uniform float uPixel;                       // the angle of a pixel
uniform int uBalls, uGhosts;
uniform vec4 uBall[${MOST_BALLS}];          // centre, radius
uniform vec4 uLook[${MOST_BALLS}];          // black, seed, rim, unused
uniform vec4 uGhost[${MOST_GHOSTS}];
uniform vec4 uGhostLook[${MOST_GHOSTS}];    // black, opacity, rim, dashed
uniform vec4 uBoard;                        // half width, half depth, thickness, cells on a side
uniform vec4 uTray[2];                      // centre, half size
uniform vec2 uHollow;                       // height of the middle of a ball in it, radius of the ball
uniform vec3 uRims[10];
uniform sampler2D uDecal;                   // what is burnt into the board around its field
uniform float uDecalSize;
out vec4 colour;

const vec3 LIGHT = normalize(vec3(-0.46, 0.40, 0.92));
const vec3 SUN = vec3(1.0, 0.93, 0.82) * 2.5;
const float EDGE = 0.12, CORNER = 0.55, POCKET = 0.14, NOWHERE = 1e9;
`;

const WOOD = `
float hash(vec3 p) {
  p = fract(p * vec3(0.1031, 0.1130, 0.0973));
  p += dot(p, p.yzx + 33.33);
  return fract((p.x + p.y) * p.z);
}
float noise(vec3 p) {
  vec3 i = floor(p), f = fract(p);
  f = f * f * (3.0 - 2.0 * f);
  vec2 o = vec2(0.0, 1.0);
  return mix(mix(mix(hash(i), hash(i + o.yxx), f.x), mix(hash(i + o.xyx), hash(i + o.yyx), f.x), f.y),
             mix(mix(hash(i + o.xxy), hash(i + o.yxy), f.x), mix(hash(i + o.xyy), hash(i + o.yyy), f.x), f.y), f.z);
}
// Light and dark of a plank along x, 0 to 1: year rings that wander, and fine fibres.
float grain(vec3 p) {
  float wander = noise(p * vec3(0.30, 0.9, 0.9)) * 2.2 + noise(p * vec3(0.7, 2.6, 2.6)) * 0.5;
  float rings = 0.5 + 0.5 * sin((p.y * 0.9 + p.z * 2.3 + wander) * 11.0);
  float fibres = noise(p * vec3(2.2, 46.0, 46.0));
  return 0.55 * rings * rings + 0.45 * fibres;
}
`;

const SHAPES = `
float rounded(vec2 p, vec2 size, float corner) {
  vec2 q = abs(p) - size + corner;
  return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - corner;
}
// The distance to the board: a plate with rounded corners and edges, its top at height 0.
float plate(vec3 p) {
  vec2 q = vec2(rounded(p.xy, uBoard.xy, CORNER), abs(p.z + 0.5 * uBoard.z) - 0.5 * uBoard.z) + EDGE;
  return min(max(q.x, q.y), 0.0) + length(max(q, 0.0)) - EDGE;
}
vec3 plateNormal(vec3 p) {
  vec2 e = vec2(0.002, 0.0);
  return normalize(vec3(plate(p + e.xyy) - plate(p - e.xyy), plate(p + e.yxy) - plate(p - e.yxy), plate(p + e.yyx) - plate(p - e.yyx)));
}
float tray(vec2 p) {
  return min(rounded(p - uTray[0].xy, uTray[0].zw, 0.5), rounded(p - uTray[1].xy, uTray[1].zw, 0.5));
}
vec2 trayNormal(vec2 p) {
  vec2 e = vec2(0.004, 0.0);
  return normalize(vec2(tray(p + e) - tray(p - e), tray(p + e.yx) - tray(p - e.yx)) + 1e-6);
}
// Where the ray from the eye meets a ball, and how much of the pixel the ball covers there.
float meet(vec4 ball, vec3 ray, out float cover) {
  vec3 from = uEye - ball.xyz;
  float along = dot(from, ray), pixel = uPixel * -along;
  float away = dot(from, from) - along * along;
  cover = 0.0;
  if (away > (ball.w + pixel) * (ball.w + pixel)) return NOWHERE;
  float miss = sqrt(max(0.0, away)) - ball.w;
  cover = clamp(0.5 - miss / pixel, 0.0, 1.0);
  return -along - sqrt(max(0.0, -miss * (2.0 * ball.w + miss)));
}
`;

const LIGHTS = `
// What shines from a direction: a bright room with a window above and a lamp.
vec3 room(vec3 d) {
  vec3 light = mix(vec3(0.30, 0.26, 0.23), vec3(0.62, 0.68, 0.78), smoothstep(-0.3, 0.9, d.z));
  vec2 window = d.xy / max(d.z, 0.05) - vec2(-0.55, 0.5);
  float pane = smoothstep(0.06, 0.0, max(abs(window.x) - 0.42, abs(window.y) - 0.34)) * step(0.05, d.z);
  pane *= smoothstep(0.012, 0.03, min(abs(window.x), abs(window.y)));
  vec2 strip = d.xy / max(d.z, 0.05) - vec2(1.5, -0.9);
  float lamp = smoothstep(0.9, 0.0, length(strip * vec2(0.8, 1.0))) * step(0.05, d.z);
  return light + pane * vec3(5.0, 4.7, 4.2) + lamp * vec3(0.9, 0.8, 0.65);
}
// Sun and sky that reach a point: x is the light that is not in shadow, y what is open of the sky.
vec2 open(vec3 p, vec3 n, int self) {
  vec2 light = vec2(1.0);
  for (int i = 0; i < uBalls; i++) {
    if (i == self) continue;
    vec3 to = uBall[i].xyz - p;
    float r = uBall[i].w, far = dot(to, to), along = dot(to, LIGHT);
    if (far > 16.0) continue;
    if (along > 0.0) {
      float miss = sqrt(max(0.0, far - along * along)) - r;
      light.x *= smoothstep(-0.55, 1.0, miss / (0.24 * along + 0.03));
    }
    float h = sqrt(far) / r;
    float seen = clamp((dot(n, to) / r + 1.0) / (2.0 * h * h), 0.0, 1.0);
    light.y *= 1.0 - seen * sqrt(seen);
  }
  return light;
}
vec3 ballWood(int i, vec3 n, float black) {
  float seed = uLook[i].y;
  float c = cos(seed * 2.4), s = sin(seed * 2.4);
  vec3 q = vec3(c * n.x - s * n.y, s * n.x + c * n.y, n.z);
  q = vec3(q.x, 0.8 * q.y - 0.6 * q.z, 0.6 * q.y + 0.8 * q.z) * 0.5 + seed * 3.7;
  float g = grain(q * vec3(1.0, 0.8, 0.55));
  return mix(mix(vec3(0.74, 0.62, 0.43), vec3(0.56, 0.41, 0.24), g), mix(vec3(0.060, 0.030, 0.019), vec3(0.018, 0.009, 0.006), g), black);
}
// What a polished ball mirrors: other balls, the board, the room.
vec3 mirror(vec3 p, vec3 d, int self) {
  float nearest = NOWHERE;
  int hit = -1;
  for (int i = 0; i < uBalls; i++) {
    if (i == self) continue;
    vec3 from = p - uBall[i].xyz;
    float along = dot(from, d), inside = along * along - dot(from, from) + uBall[i].w * uBall[i].w;
    if (along < 0.0 && inside > 0.0 && -along - sqrt(inside) < nearest) { nearest = -along - sqrt(inside); hit = i; }
  }
  if (hit >= 0) {
    vec3 n = (p + nearest * d - uBall[hit].xyz) / uBall[hit].w;
    vec3 wood = mix(vec3(0.80, 0.67, 0.48), vec3(0.045, 0.024, 0.016), uLook[hit].x);
    return wood * (SUN * max(0.0, dot(n, LIGHT)) * 0.5 + 0.45 * (0.6 + 0.4 * n.z));
  }
  vec2 floor_ = p.xy - d.xy * p.z / min(d.z, -1e-3);
  float board = d.z < 0.0 ? smoothstep(0.05, -0.3, rounded(floor_, uBoard.xy, CORNER)) : 0.0;
  return mix(room(d), vec3(0.34, 0.19, 0.09), board);
}
`;

const SURFACES = `
vec3 shadeBall(int i, vec3 p, vec3 ray) {
  vec3 n = (p - uBall[i].xyz) / uBall[i].w;
  float black = uLook[i].x;
  vec3 wood = ballWood(i, n, black);
  vec2 light = open(p, n, i);
  float under = smoothstep(-0.2, 1.1, p.z / 0.5 + n.z);                 // the board is near below
  vec3 sky = mix(vec3(0.33, 0.20, 0.11) * under, vec3(0.80, 0.86, 0.98), 0.5 + 0.5 * n.z) * light.y;
  float lit = max(0.0, dot(n, LIGHT));
  vec3 sum = wood * (SUN * lit * light.x + sky * 0.85);
  vec3 d = reflect(ray, n);
  float facing = 1.0 - max(0.0, -dot(n, ray));
  float fresnel = 0.045 + 0.6 * pow(facing, 5.0);
  sum += mirror(p, d, i) * fresnel * mix(0.35, 1.0, light.y);
  sum += SUN * light.x * pow(max(0.0, dot(d, LIGHT)), 90.0) * 0.55;
  return sum;
}
vec3 rimOver(vec3 sum, vec4 rim, vec3 n, vec3 ray, float size) {
  if (rim.x < 0.5) return sum;
  float across = sqrt(max(0.0, 1.0 - pow(dot(n, ray), 2.0)));
  float soft = uPixel * size;
  float inner = smoothstep(0.80 - soft, 0.80 + soft, across);
  float angle = atan(dot(n, uUp) / length(uUp), dot(n, uRight) / length(uRight));
  float dash = rim.y > 0.5 ? smoothstep(-0.12, 0.12, sin(angle * 8.0) + 0.35) : 1.0;
  return mix(sum, uRims[int(rim.x)], inner * dash);
}
vec3 shadeBoard(vec3 p, vec3 n, vec3 ray, float t) {
  float pixel = uPixel * t, inPocket = 0.0, dim = 1.0;
  vec3 flat_ = p;
  if (n.z > 0.98) {
    float size = uBoard.w;
    vec2 cell = clamp(floor(p.xy + 0.5 * size), 0.0, size - 1.0) + 0.5 - 0.5 * size;
    float edge = sqrt(uHollow.y * uHollow.y - uHollow.x * uHollow.x);
    float away = length(p.xy - cell) - edge;
    vec3 middle = vec3(cell, uHollow.x);
    if (away < 0.0) {                                                    // a hollow: the far side of a ball
      vec3 from = p - middle;
      float along = dot(from, ray);
      p += ray * (-along + sqrt(max(0.0, along * along - dot(from, from) + uHollow.y * uHollow.y)));
      n = mix(n, (middle - p) / uHollow.y, smoothstep(0.0, -2.0 * pixel - 0.02, away));
      dim = mix(1.0, 0.62, smoothstep(0.0, -0.3, away));
    } else {
      n = normalize(n + vec3(normalize(p.xy - cell + 1e-5), 0.0) * -0.55 * smoothstep(0.05, 0.0, away));
    }
    float wall = tray(p.xy);
    if (wall < 0.0) {                                                    // a pocket for the reserve
      vec3 floor_ = p + ray * (POCKET / max(1e-3, -ray.z));
      float within = tray(floor_.xy);
      if (within < 0.0) {
        p = floor_;
        inPocket = 1.0;
        dim = 0.55 + 0.45 * smoothstep(0.0, -0.35, within);
      } else {
        float a = wall / (wall - within);
        p = mix(p, floor_, a);
        n = normalize(vec3(-trayNormal(p.xy), 1.0));
        dim = 0.75;
      }
    } else if (wall < 0.06) {
      n = normalize(n + vec3(trayNormal(p.xy), 0.0) * -0.6 * smoothstep(0.06, 0.0, wall));
    }
  }
  float field = rounded(p.xy, vec2(0.5 * uBoard.w + 0.08), 0.2);
  float inField = smoothstep(pixel, -pixel, field);
  float g = grain(vec3(p.xy, p.z) * vec3(0.8, 0.8, 0.8) + vec3(inField * 7.0, inField * 3.0 + 2.0, 1.3));
  vec3 wood = mix(vec3(0.250, 0.110, 0.042), vec3(0.120, 0.046, 0.016), g);
  vec3 inner = mix(vec3(0.400, 0.205, 0.085), vec3(0.235, 0.105, 0.038), g);
  wood = mix(wood, inner, inField);
  wood = mix(wood, wood * vec3(0.72, 0.66, 0.6), inPocket);
  float line = smoothstep(pixel + 0.012, 0.012, abs(field - 0.03));
  wood = mix(wood, vec3(0.07, 0.03, 0.015), line * 0.85);
  if (n.z > 0.9) wood *= 1.0 - 0.85 * texture(uDecal, flat_.xy / uDecalSize * vec2(1.0, -1.0) + 0.5).a;
  vec2 light = open(p, n, -1);
  float lit = max(0.0, dot(n, LIGHT));
  vec3 sky = mix(vec3(0.20, 0.14, 0.10), vec3(0.80, 0.86, 0.98), 0.5 + 0.5 * n.z) * light.y * dim;
  vec3 sum = wood * (SUN * lit * light.x * mix(1.0, dim, 0.5) + sky * 0.85);
  vec3 d = reflect(ray, n);
  float fresnel = 0.03 + 0.35 * pow(1.0 - max(0.0, -dot(n, ray)), 5.0);
  sum += room(d) * fresnel * light.y * dim * 0.6;
  sum += SUN * light.x * pow(max(0.0, dot(d, LIGHT)), 28.0) * 0.10;
  return sum;
}
vec3 tone(vec3 c) {
  c *= 0.80;
  c = clamp(c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14), 0.0, 1.0);
  return pow(c, vec3(1.0 / 2.2));
}
`;

const MAIN = `
// The board under the ray: distance and how much of the pixel it covers.
float meetBoard(vec3 ray, out float cover) {
  float top = -uEye.z / min(ray.z, -1e-4);
  cover = 1.0;
  if (rounded((uEye + top * ray).xy, uBoard.xy, CORNER) < -EDGE) return top;
  float last = -(uEye.z + uBoard.z) / min(ray.z, -1e-4), t = top, nearest = NOWHERE;
  float above = rounded((uEye + top * ray).xy, uBoard.xy, CORNER), below = rounded((uEye + last * ray).xy, uBoard.xy, CORNER);
  cover = 0.0;
  if (min(above, below) > 0.5 * (last - top) + 0.1) return NOWHERE;
  for (int i = 0; i < 48; i++) {
    float d = plate(uEye + t * ray);
    nearest = min(nearest, d / (uPixel * t));
    if (d < 0.0007 || t > last) break;
    t += d;
  }
  cover = clamp(1.0 - nearest, 0.0, 1.0);
  return t;
}
void main() {
  vec2 at = 2.0 * gl_FragCoord.xy / uSize - 1.0 + uShift;
  vec3 ray = normalize(uForward + at.x * uRight + at.y * uUp);

  float boardCover, boardAt = meetBoard(ray, boardCover);
  float first = NOWHERE, second = NOWHERE, firstCover = 0.0, secondCover = 0.0;
  int one = -1, two = -1;
  for (int i = 0; i < uBalls; i++) {
    float cover, t = meet(uBall[i], ray, cover);
    if (cover <= 0.0) continue;
    if (t < first) { second = first; two = one; secondCover = firstCover; first = t; one = i; firstCover = cover; }
    else if (t < second) { second = t; two = i; secondCover = cover; }
  }

  vec3 sum = vec3(0.0);
  float left = 1.0;                                  // how much of the pixel is not yet covered
  for (int layer = 0; layer < 2; layer++) {
    int i = layer == 0 ? one : two;
    if (i < 0 || left < 0.004) continue;
    float t = layer == 0 ? first : second, cover = layer == 0 ? firstCover : secondCover;
    vec3 p = uEye + t * ray;
    p = uBall[i].xyz + normalize(p - uBall[i].xyz) * uBall[i].w;
    vec3 shaded = tone(shadeBall(i, p, ray));
    shaded = rimOver(shaded, uLook[i].zwzw, (p - uBall[i].xyz) / uBall[i].w, ray, t / uBall[i].w);
    sum += left * cover * shaded;
    left *= 1.0 - cover;
  }
  if (left > 0.004 && boardCover > 0.0) {
    vec3 p = uEye + boardAt * ray;
    vec3 n = rounded(p.xy, uBoard.xy, CORNER) < -EDGE ? vec3(0.0, 0.0, 1.0) : plateNormal(p);
    n = normalize(n - ray * max(0.0, dot(n, ray)));                      // a ray that just misses sees the edge
    sum += left * boardCover * tone(shadeBoard(p, n, ray, boardAt));
    left *= 1.0 - boardCover;
  }
  float shadow = 0.0;
  if (left > 0.004 && ray.z < 0.0) {
    vec3 p = uEye - ray * (uEye.z + uBoard.z) / ray.z;
    float d = rounded(p.xy + LIGHT.xy * 0.35, uBoard.xy, CORNER);
    vec2 frame = smoothstep(1.0, 0.72, abs(at - uShift));                // nothing is cut off at the edge of the picture
    shadow = 0.50 * exp(-2.6 * max(0.0, d + 0.1)) * left * frame.x * frame.y;
  }
  for (int i = 0; i < uGhosts; i++) {
    float cover, t = meet(uGhost[i], ray, cover);
    if (cover <= 0.0 || t > first + 0.01) continue;
    vec3 n = normalize(uEye + t * ray - uGhost[i].xyz);
    float black = uGhostLook[i].x, facing = 1.0 - abs(dot(n, ray));
    vec3 glass = mix(vec3(1.0, 0.97, 0.88), vec3(0.09, 0.05, 0.035), black);
    float a = uGhostLook[i].y * (0.35 + 1.1 * pow(facing, 1.5));
    glass += pow(max(0.0, dot(reflect(ray, n), LIGHT)), 40.0) * 0.6;
    vec4 over = vec4(glass, clamp(a, 0.0, 0.95));
    if (uGhostLook[i].z > 0.5) {
      vec3 ringed = rimOver(vec3(-1.0), uGhostLook[i].zwzw, n, ray, t / uGhost[i].w);
      if (ringed.x > -0.9) over = vec4(uRims[int(uGhostLook[i].z)], 0.9);
    }
    over.a *= cover;
    sum = mix(sum, over.rgb, over.a);
    left *= 1.0 - over.a;
    shadow *= 1.0 - over.a;
  }
  colour = vec4(sum, 1.0 - left + shadow);
}`;

export const FRAGMENT = DECLARATIONS + WOOD + SHAPES + LIGHTS + SURFACES + MAIN;
