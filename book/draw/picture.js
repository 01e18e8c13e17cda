// Pictures as the networks take them: 48 pixels a side, three planes of bytes.
import { h } from "./dom.js";
import { Trouble } from "./trouble.js";

export const SIDE = 48;
const AREA = SIDE * SIDE;
const FINE = 8; // samples a pixel's side when strokes are averaged
const LETTER = 0.38; // of the picture's side: in the middle of what the networks were trained on
const MOST = 50e6; // bytes of a file that a reader may load

// Random numbers in [0, 1) from a seed (mulberry32).
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// A dark gradient between nine random colours, as under the training letters, and a light colour to write with.
export function ground(seed) {
  const random = numbers(seed);
  const corners = Array.from({ length: 27 }, () => 0.18 + 0.3 * random());
  const planes = new Float64Array(3 * AREA);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) {
        const [v, u] = [(2 * y) / (SIDE - 1), (2 * x) / (SIDE - 1)];
        const [i, j] = [Math.min(1, Math.floor(v)), Math.min(1, Math.floor(u))];
        const at = (k, l) => corners[9 * c + 3 * k + l];
        const row = (k) => at(k, j) * (1 - u + j) + at(k, j + 1) * (u - j);
        planes[c * AREA + y * SIDE + x] = row(i) * (1 - v + i) + row(i + 1) * (v - i);
      }
  const mean = planes.reduce((sum, value) => sum + value, 0) / planes.length;
  const ink = [0, 1, 2].map(() => Math.min(0.98, mean + 0.45 + 0.15 * (random() - 0.5)));
  return { planes, ink };
}

// Strokes {width, points: [[x, y], ...]} in units of the board's side, moved to the middle and scaled until the letter is
// as large as those the networks know.
export function fitted(strokes) {
  const points = strokes.flatMap((stroke) => stroke.points);
  if (!points.length) return strokes;
  const [low, high] = [0, 1].map((pick) => [0, 1].map((axis) => Math[pick ? "max" : "min"](...points.map((p) => p[axis]))));
  const extent = Math.max(high[0] - low[0], high[1] - low[1]);
  const widest = Math.max(...strokes.map((stroke) => stroke.width));
  const scale = Math.min(2, LETTER / (extent + widest));
  const move = (point) => [0, 1].map((axis) => 0.5 + scale * (point[axis] - (low[axis] + high[axis]) / 2));
  return strokes.map(({ width, points: all }) => ({ width: width * scale, points: all.map(move) }));
}

// How much of every pixel lies under the strokes, [48 * 48], from 8 x 8 samples each.
export function cover(strokes) {
  const n = SIDE * FINE;
  const hit = new Uint8Array(n * n);
  for (const { width, points } of strokes) {
    const radius = (width / 2) * n;
    points.forEach((point, index) => {
      const [x0, y0] = points[Math.max(0, index - 1)].map((value) => value * n);
      const [x1, y1] = point.map((value) => value * n);
      const [dx, dy] = [x1 - x0, y1 - y0];
      const length = dx * dx + dy * dy;
      const range = (a, b) => [
        Math.max(0, Math.floor(Math.min(a, b) - radius)),
        Math.min(n - 1, Math.ceil(Math.max(a, b) + radius)),
      ];
      const [[left, right], [top, bottom]] = [range(x0, x1), range(y0, y1)];
      for (let y = top; y <= bottom; y++)
        for (let x = left; x <= right; x++) {
          const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
          const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
          const [ex, ey] = [px - along * dx, py - along * dy];
          if (ex * ex + ey * ey <= radius * radius) hit[y * n + x] = 1;
        }
    });
  }
  const share = new Float64Array(AREA);
  for (let y = 0; y < n; y++)
    for (let x = 0; x < n; x++) share[Math.floor(y / FINE) * SIDE + Math.floor(x / FINE)] += hit[y * n + x];
  return share.map((count) => count / (FINE * FINE));
}

// What the networks see of strokes on a ground: bytes, [3 * 48 * 48].
export function painted(strokes, { planes, ink }) {
  const share = cover(strokes);
  return Uint8Array.from(planes, (value, i) =>
    Math.round(255 * (value + share[i % AREA] * (ink[Math.floor(i / AREA)] - value))),
  );
}

// Bytes to what goes into the networks: float32 in [0, 1].
export const toFloats = (planes) => Float32Array.from(planes, (value) => value / 255);
export const inverted = (planes) => planes.map((value) => 255 - value);

// A picture at its 48 pixels; the page enlarges it.
export function draw(canvas, planes) {
  const image = new ImageData(SIDE, SIDE);
  for (let i = 0; i < AREA; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = planes[c * AREA + i];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

export const small = (props) => h("canvas", { width: SIDE, height: SIDE, ...props });

// The middle square of a reader's picture, averaged down.
export async function fromFile(file) {
  const name = `“${file.name}”`;
  if (!file.size) throw new Trouble(`${name} is an empty file.`);
  if (file.size > MOST) throw new Trouble(`${name} is larger than 50 MB. Choose a smaller picture.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Trouble(`${name} could not be read as a picture. PNG, JPEG, WebP and GIF files work; it may be damaged.`);
  }
  try {
    const side = Math.min(bitmap.width, bitmap.height);
    const times = Math.max(1, Math.min(16, Math.floor(side / SIDE)));
    const size = SIDE * times;
    const context = new OffscreenCanvas(size, size).getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#555"; // behind what is transparent
    context.fillRect(0, 0, size, size);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, size, size);
    const { data } = context.getImageData(0, 0, size, size);
    const sums = new Float64Array(3 * AREA);
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        for (let c = 0; c < 3; c++)
          sums[c * AREA + Math.floor(y / times) * SIDE + Math.floor(x / times)] += data[4 * (y * size + x) + c];
    const planes = Uint8Array.from(sums, (sum) => Math.round(sum / times ** 2));
    return { planes, width: bitmap.width, height: bitmap.height };
  } finally {
    bitmap.close();
  }
}
