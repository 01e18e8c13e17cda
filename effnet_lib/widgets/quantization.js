// Affine quantization as effnet_lib.compress does it, number for number: Math.fround after every step that Python takes
// in float32, plain doubles where it sums in float64. Tensors here are small: observers keep all their values.

const FRACTIONS = 100;
const ROUNDS = 3;
const BIG = 6755399441055744; // 1.5 * 2^52: adding and taking it away rounds a double to an integer, ties to even
const { fround } = Math;
export const roundEven = (x) => x + BIG - BIG;

// ---- tensors --------------------------------------------------------------------------------------------------

// Half-precision numbers, little-endian, in base64: Float32Array.
export function decodeHalf(text) {
  const raw = atob(text);
  const values = new Float32Array(raw.length / 2);
  for (let i = 0; i < values.length; i++) {
    const bits = raw.charCodeAt(2 * i) + 256 * raw.charCodeAt(2 * i + 1);
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    values[i] = bits & 32768 ? -size : size;
  }
  return values;
}

// ---- ranges ---------------------------------------------------------------------------------------------------

// Lowest and highest integer. scheme: {bits, symmetric, signed, observer, percentile, perChannel}
export function integerRange({ bits, symmetric, signed }) {
  if (!signed) return [0, 2 ** bits - 1];
  return [-(2 ** (bits - 1)) + (symmetric ? 1 : 0), 2 ** (bits - 1) - 1];
}

// The scale (float32) and zero point with which the scheme covers [low, high], and 0.
export function scaleAndZeroPoint(low, high, scheme) {
  const [qmin, qmax] = integerRange(scheme);
  const [a, b] = [Math.min(low, 0), Math.max(high, 0)];
  let scale = scheme.symmetric ? fround(Math.max(-a, b) / qmax) : fround(fround(b - a) / (qmax - qmin));
  if (scale < 1.1754943508222875e-38) scale = 1;
  if (scheme.symmetric) return [scale, 0];
  return [scale, Math.min(qmax, Math.max(qmin, qmin - roundEven(fround(a / scale))))];
}

// The smallest of the rising values that at least `share` of all are not above.
function percentile(rising, share) {
  const needed = Math.ceil(rising.length * share - 1e-9);
  return rising[Math.min(rising.length, Math.max(1, needed)) - 1];
}

// Sum of squared errors of the rising values of a row, quantized for [low, high]; Infinity as soon as it is no less
// than `limit`. What a candidate clips lies at the ends: they come first, so that most candidates are given up early.
function rowError(row, low, high, scheme, limit, fromBelow) {
  const [scale, zero] = scaleAndZeroPoint(low, high, scheme);
  const [qmin, qmax] = integerRange(scheme);
  const [least, most] = [qmin - zero, qmax - zero];
  const last = row.length - 1;
  let sum = 0;
  for (let i = 0; i <= last; i++) {
    const x = row[fromBelow ? i : last - i];
    let q = fround(x / scale) + BIG - BIG;
    if (q < least) q = least;
    else if (q > most) q = most;
    const error = fround(fround(q * scale) - x);
    sum += fround(error * error);
    if (sum >= limit) return Infinity;
  }
  return sum;
}

function bestRange(row, fullLow, fullHigh, scheme) {
  let [low, high] = [fullLow, fullHigh];
  let best = rowError(row, low, high, scheme, Infinity, false);
  const turns = scheme.symmetric ? ["both"] : Array(ROUNDS).fill(["high", "low"]).flat();
  for (const end of turns) {
    const fromBelow = end === "low" || (end === "both" && -fullLow > fullHigh);
    for (let k = FRACTIONS; k > 0; k--) {
      const fraction = fround(k / FRACTIONS);
      const a = end === "high" ? low : fround(fullLow * fraction);
      const b = end === "low" ? high : fround(fullHigh * fraction);
      const found = rowError(row, a, b, scheme, best, fromBelow);
      if (found < best) [best, low, high] = [found, a, b];
    }
  }
  return [low, high];
}

// The range that the scheme's observer chooses for the values of a row.
export function rangeOf(row, scheme) {
  let [low, high] = [Infinity, -Infinity];
  for (const x of row) {
    if (x < low) low = x;
    if (x > high) high = x;
  }
  if (scheme.observer === "minmax") return [low, high];
  const rising = Float32Array.from(row).sort();
  if (scheme.observer === "mse") return bestRange(rising, Math.min(low, 0), Math.max(high, 0), scheme);
  const share = scheme.percentile / 100;
  if (!scheme.symmetric) {
    const tail = (1 - share) / 2;
    return [percentile(rising, tail), percentile(rising, 1 - tail)];
  }
  const most = percentile(rising.map(Math.abs).sort(), share);
  return [low < 0 ? -most : 0, most];
}

// ---- a tensor, quantized --------------------------------------------------------------------------------------

export const decibels = (signal, noise) => (noise === 0 ? Infinity : 10 * Math.log10(signal / noise));
export function median(values) {
  const rising = [...values].sort((a, b) => a - b);
  const half = rising.length >> 1;
  return rising.length % 2 ? rising[half] : (rising[half - 1] + rising[half]) / 2;
}

// values: Float32Array, `channels` rows of equal length. What comes out: ranges, scale and zero point (one, or one a
// channel), q: the integers, at: where each value lies on their axis before rounding, and what was lost.
export function quantized(values, channels, scheme) {
  const [qmin, qmax] = integerRange(scheme);
  const length = values.length / channels;
  const groups = scheme.perChannel ? channels : 1;
  const size = values.length / groups;
  const rowOf = (g) => values.subarray(g * size, (g + 1) * size);
  const ranges = Array.from({ length: groups }, (_, g) => rangeOf(rowOf(g), scheme));
  const pairs = ranges.map(([low, high]) => scaleAndZeroPoint(low, high, scheme));
  const q = new Int32Array(values.length);
  const at = new Float64Array(values.length);
  const lost = { rounding: 0, clipping: 0, clipped: 0, signal: 0 };
  const own = [];
  for (let c = 0; c < channels; c++) {
    const [scale, zero] = pairs[scheme.perChannel ? c : 0];
    const inverse = fround(1 / scale);
    const channel = { signal: 0, noise: 0, low: qmax, high: qmin, largest: 0 };
    for (let i = c * length; i < (c + 1) * length; i++) {
      const x = values[i];
      const place = fround(x * inverse);
      const free = roundEven(place) + zero;
      const kept = Math.min(qmax, Math.max(qmin, free));
      const error = x - fround((kept - zero) * scale);
      q[i] = kept;
      at[i] = place + zero;
      if (free === kept) lost.rounding += error * error;
      else {
        lost.clipping += error * error;
        lost.clipped += 1;
      }
      channel.signal += x * x;
      channel.noise += error * error;
      channel.low = Math.min(channel.low, kept);
      channel.high = Math.max(channel.high, kept);
      channel.largest = Math.max(channel.largest, Math.abs(x));
    }
    lost.signal += channel.signal;
    own.push(channel);
  }
  const noise = lost.rounding + lost.clipping;
  return {
    ...{ qmin, qmax, q, at, clipped: lost.clipped, levels: qmax - qmin + 1 },
    scale: pairs.map(([scale]) => scale),
    zero: pairs.map(([, zero]) => zero),
    ranges,
    rounding: lost.rounding / values.length,
    clipping: lost.clipping / values.length,
    sqnr: decibels(lost.signal, noise),
    used: new Set(q).size,
    spans: own.map(({ low, high }) => high - low + 1),
    largest: own.map(({ largest }) => largest),
    own: own.map(({ signal, noise: lostHere }) => decibels(signal, lostHere)),
  };
}

// Channels by their largest magnitude, the widest first.
export const byWidth = ({ largest }) => largest.map((_, c) => c).sort((a, b) => largest[b] - largest[a]);

// Bytes: `count` integers, a float32 a scale, a byte a zero point.
export const bytesOf = (count, bits, scales, symmetric) => Math.ceil((count * bits) / 8) + scales * (symmetric ? 4 : 5);
