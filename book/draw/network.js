// Two networks in ONNX Runtime Web, WebAssembly, one thread.
import { Trouble } from "./trouble.js";
import { SIDE, toFloats } from "./picture.js";

export const KINDS = ["float", "int8"];

// Why this browser cannot do it, or undefined.
export function lacking() {
  if (typeof WebAssembly !== "object")
    return "This browser does not run WebAssembly, or it is switched off. The networks need it.";
  if (typeof DecompressionStream !== "function")
    return "This browser is too old for this page: it has no DecompressionStream, which browsers have had since 2023.";
  return undefined;
}

// {float, int8}: each has run(planes) -> {logits, probabilities}, time(planes, runs) -> milliseconds a run, and bytes, the
// size of its file.
export async function open(files) {
  const url = URL.createObjectURL(new Blob([files.module], { type: "text/javascript" }));
  let ort;
  try {
    ort = await import(url);
  } catch (error) {
    throw new Trouble(`ONNX Runtime Web could not start: ${error.message}`);
  } finally {
    URL.revokeObjectURL(url);
  }
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = files.wasm;
  ort.env.logLevel = "error";
  const found = {};
  for (const kind of KINDS) found[kind] = await network(ort, kind, files[kind]);
  return found;
}

async function network(ort, kind, bytes) {
  let session;
  try {
    session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  } catch (error) {
    throw new Trouble(`The ${kind} network could not start: ${error.message}`);
  }
  const tensor = (planes) => new ort.Tensor("float32", toFloats(planes), [1, 3, SIDE, SIDE]);
  const run = async (planes) => {
    const { logits } = await session.run({ images: tensor(planes) });
    return { logits: logits.data, probabilities: softmax(logits.data) };
  };
  const time = async (planes, runs) => {
    const images = tensor(planes);
    const start = performance.now();
    for (let i = 0; i < runs; i++) await session.run({ images });
    return (performance.now() - start) / runs;
  };
  return { run, time, bytes: bytes.length, release: () => session.release() };
}

function softmax(logits) {
  const top = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

export const best = (values) => values.indexOf(Math.max(...values));

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

// Milliseconds a picture, median over blocks of a few runs: browsers' clocks tick too coarsely for one run. The networks
// take turns, so that what else the machine does falls on both. {float, int8, ratio}: the ratio is the median of the
// blocks' own.
export async function latency(networks, planes, { blocks, runs, signal, told }) {
  const times = { float: [], int8: [] };
  for (let block = -2; block < blocks; block++) {
    signal.throwIfAborted();
    for (const kind of KINDS) {
      const time = await networks[kind].time(planes, runs);
      if (block >= 0) times[kind].push(time); // the first two warm up
    }
    told(Math.max(0, block + 1) / blocks);
    await new Promise((resolve) => setTimeout(resolve)); // let the page breathe
  }
  const ratio = median(times.int8.map((time, i) => time / times.float[i]));
  return { float: median(times.float), int8: median(times.int8), ratio };
}
