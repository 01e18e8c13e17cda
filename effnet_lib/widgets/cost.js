// effnet_lib.scaling and effnet_lib.cost in JavaScript: the same integers, held to it by a test.
// An arch is ArchSpec.to_dict(); a stage may also be its row [block, kernel, stride, expand, channels, depth, se_ratio].
// Whole numbers are exact up to 2^53; beyond, `exact` is false.

const COLUMNS = ["block", "kernel", "stride", "expand", "channels", "depth", "se_ratio"];
export const stageOf = (row) =>
  Array.isArray(row) ? Object.fromEntries(COLUMNS.map((name, i) => [name, row[i]])) : row;
const half = (size, stride) => Math.ceil(size / stride);

// ---- scaling --------------------------------------------------------------------------------------------------

const snap = (multiplier) => Math.floor(multiplier * 1e9 + 0.5) / 1e9;

export function roundChannels(channels, divisor = 8) {
  const rounded = Math.max(divisor, Math.floor((channels + divisor / 2 + 1e-9) / divisor) * divisor);
  return rounded < 0.9 * channels ? rounded + divisor : rounded;
}
export const roundDepth = (depth) => Math.max(1, Math.ceil(depth - 1e-9));
export const roundResolution = (pixels) => Math.max(1, Math.floor(pixels + 0.5));

// resolution: pixels of the scaled network.
export function scale(arch, width, depth, resolution) {
  const widened = (channels) => (width === 1 ? channels : roundChannels(channels * width));
  const last = arch.stages.length - 1;
  const stages = arch.stages.map(stageOf).map((stage, i) => ({
    ...stage,
    channels: widened(stage.channels),
    depth: arch.fixed_ends && (i === 0 || i === last) ? stage.depth : roundDepth(stage.depth * depth),
  }));
  const ends = arch.fixed_ends ? {} : { stem: widened(arch.stem), head: widened(arch.head) };
  return { ...arch, ...ends, stages, resolution };
}

export const compoundMultipliers = (phi, alpha, beta, gamma) => ({
  width: snap(beta ** phi),
  depth: snap(alpha ** phi),
  resolution: snap(gamma ** phi),
});

export function compoundScale(arch, phi, alpha, beta, gamma) {
  const m = compoundMultipliers(phi, alpha, beta, gamma);
  return scale(arch, m.width, m.depth, roundResolution(m.resolution * arch.resolution));
}

// ---- cost -----------------------------------------------------------------------------------------------------

// A convolution with its batch norm. Shapes are [channels, height, width].
export function conv(name, kind, cin, cout, kernel, size, stride = 1, groups = 1) {
  const weights = kernel * kernel * (cin / groups) * cout;
  const after = half(size, stride);
  return {
    name,
    kind,
    kernel,
    groups,
    weights,
    norm: 2 * cout,
    params: weights + 2 * cout,
    macs: after * after * weights,
    in_shape: [cin, size, size],
    out_shape: [cout, after, after],
  };
}

// A linear layer with bias on one vector.
export function linear(name, kind, cin, cout) {
  return {
    name,
    kind,
    kernel: 1,
    groups: 1,
    weights: cin * cout + cout,
    norm: 0,
    params: cin * cout + cout,
    macs: cin * cout,
    in_shape: [cin, 1, 1],
    out_shape: [cout, 1, 1],
  };
}

export function blockLayers({ name, block, kernel, stride, expand, in_channels, out_channels, squeeze }, size) {
  const hidden = in_channels * expand;
  const after = half(size, stride);
  const gates = (channels) =>
    squeeze
      ? [
          linear(`${name}.se.squeeze`, "squeeze", channels, squeeze),
          linear(`${name}.se.excite`, "excite", squeeze, channels),
        ]
      : [];
  const project = conv(`${name}.project.conv`, "project", hidden, out_channels, 1, after);
  if (block === "fused") {
    const middle = expand === 1 ? out_channels : hidden;
    const fused = conv(`${name}.fused.conv`, "fused", in_channels, middle, kernel, size, stride);
    return expand === 1 ? [fused, ...gates(middle)] : [fused, ...gates(middle), project];
  }
  const first = expand === 1 ? [] : [conv(`${name}.expand.conv`, "expand", in_channels, hidden, 1, size)];
  return [
    ...first,
    conv(`${name}.depthwise.conv`, "depthwise", hidden, hidden, kernel, size, stride, hidden),
    ...gates(hidden),
    project,
  ];
}

export function blocksOf(arch) {
  const found = [];
  let channels = arch.stem;
  arch.stages.map(stageOf).forEach((stage, i) => {
    for (let j = 0; j < stage.depth; j++) {
      const squeeze = stage.se_ratio ? Math.max(1, Math.floor(channels * stage.se_ratio)) : 0;
      found.push({
        name: `stages.${i}.${j}`,
        block: stage.block,
        kernel: stage.kernel,
        stride: j ? 1 : stage.stride,
        expand: stage.expand,
        in_channels: channels,
        out_channels: stage.channels,
        squeeze,
      });
      channels = stage.channels;
    }
  });
  return found;
}

export const totalStride = (arch) =>
  arch.stages.map(stageOf).reduce((stride, stage) => stride * stage.stride, arch.stem_stride ?? 2);

// Sums over layers: {params, macs, activation_bytes, exact}.
export function total(layers) {
  const sum = { params: 0, macs: 0, activation_bytes: 0 };
  for (const {
    params,
    macs,
    out_shape: [c, height, width],
  } of layers) {
    sum.params += params;
    sum.macs += macs;
    sum.activation_bytes += 4 * c * height * width;
  }
  sum.exact = Object.values(sum).every((n) => n <= Number.MAX_SAFE_INTEGER);
  return sum;
}

// {layers, resolution, params, macs, activation_bytes, exact}
export function costOf(arch, resolution = arch.resolution) {
  const layers = [conv("stem.conv", "stem", arch.in_channels ?? 3, arch.stem, 3, resolution, arch.stem_stride ?? 2)];
  let [channels, size] = layers[0].out_shape;
  for (const block of blocksOf(arch)) {
    layers.push(...blockLayers(block, size));
    size = half(size, block.stride);
    channels = block.out_channels;
  }
  layers.push(conv("head.conv", "head", channels, arch.head, 1, size));
  layers.push(linear("classifier", "classifier", arch.head, arch.classes ?? 1000));
  return { layers, resolution, ...total(layers) };
}

// Layers grouped by place: "stem", "stages.0" (parts 2) or "stages.0.0" (parts 3), "head", "classifier".
export function groups(layers, parts) {
  const found = new Map();
  for (const layer of layers) {
    const words = layer.name.split(".");
    const place = words.slice(0, words[0] === "stages" ? parts : 1).join(".");
    if (!found.has(place)) found.set(place, []);
    found.get(place).push(layer);
  }
  return [...found].map(([name, members]) => ({ name, layers: members, ...total(members) }));
}

// What a layer is, in five words that all widgets colour alike.
export const KINDS = {
  dense: "full convolution",
  depthwise: "depthwise",
  pointwise: "pointwise (1×1)",
  se: "squeeze-and-excitation",
  fc: "classifier",
};
export const kindOf = (layer) =>
  ({
    stem: "dense",
    fused: "dense",
    conv: "dense",
    depthwise: "depthwise",
    squeeze: "se",
    excite: "se",
    classifier: "fc",
  })[layer.kind] ?? "pointwise";
