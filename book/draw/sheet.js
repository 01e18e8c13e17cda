// The gallery's pixels, exactly: a PNG read by hand, since a canvas may be read back altered (colour management,
// protection against fingerprints).
import { inflated } from "./pieces.js";
import { Trouble } from "./trouble.js";

const word = (bytes, at) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

// PNG specification, section 9: every row is stored as differences from its neighbours.
function unfilter(raw, width, height) {
  const row = 3 * width;
  const out = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const kind = raw[y * (row + 1)];
    const from = y * (row + 1) + 1;
    const to = y * row;
    for (let i = 0; i < row; i++) {
      const left = i < 3 ? 0 : out[to + i - 3];
      const up = y ? out[to + i - row] : 0;
      let guess = 0;
      if (kind === 1) guess = left;
      else if (kind === 2) guess = up;
      else if (kind === 3) guess = (left + up) >> 1;
      else if (kind === 4) {
        const corner = y && i >= 3 ? out[to + i - row - 3] : 0;
        const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
        guess = a <= b && a <= c ? left : b <= c ? up : corner;
      }
      out[to + i] = raw[from + i] + guess;
    }
  }
  return out;
}

// {width, height, pixels: RGB, row by row} of a PNG of 8 bits a channel, without transparency and interlacing.
export async function png(bytes) {
  const damaged = new Trouble("What was loaded of the test pictures is damaged.");
  const parts = [];
  let width, height;
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = word(bytes, at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") [width, height] = [word(bytes, at + 8), word(bytes, at + 12)];
    if (kind === "IDAT") parts.push(body);
    at += 12 + length;
  }
  try {
    const raw = await inflated(new Blob(parts), "deflate");
    if (raw.length === (3 * width + 1) * height) return { width, height, pixels: unfilter(raw, width, height) };
  } catch {
    // told below
  }
  throw damaged;
}

// The pictures of a sheet as planes, [3 * side * side] each, with what they show.
export async function pictures(bytes, { labels, classes, columns, side }) {
  const { width, pixels } = await png(bytes);
  return labels.map((label, index) => {
    const [top, left] = [Math.floor(index / columns) * side, (index % columns) * side];
    const planes = new Uint8Array(3 * side * side);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        for (let c = 0; c < 3; c++)
          planes[(c * side + y) * side + x] = pixels[((top + y) * width + left + x) * 3 + c];
    return { index, label, name: classes[label], planes };
  });
}
