// The files that come only when asked. Each was cut into scripts of half a megabyte when the book was built; over HTTP
// they are fetched, so that every byte counts in the progress, and in a page opened from a file they are run, because
// such a page may load nothing but scripts.
import { Trouble } from "./trouble.js";

const fromFile = () => location.protocol === "file:";

async function fetched(url, file, told, signal) {
  const missing = (why) => new Trouble(`The file ${file} could not be loaded: ${why}.`);
  let response;
  try {
    response = await fetch(url, { signal });
  } catch {
    throw missing("the server did not answer");
  }
  if (!response.ok) throw missing(`the server says ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parts = [];
  for (let got = 0; ; ) {
    let step;
    try {
      step = await reader.read();
    } catch {
      throw missing("the connection broke off");
    }
    if (step.done) break;
    parts.push(step.value);
    told((got += step.value.length));
  }
  const text = parts.join("");
  return text.slice(text.indexOf(',"') + 2, text.lastIndexOf('"'));
}

// Scripts call the function that the page defined under `call`; what they bring is kept until it is taken.
function run(url, file, call) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    let brought;
    window[call] = (name, index, text) => {
      brought = text;
    };
    const finish = (act) => {
      script.remove();
      delete window[call];
      act();
    };
    script.onload = () =>
      finish(() => (brought === undefined ? reject(new Trouble(`The file ${file} is damaged.`)) : resolve(brought)));
    script.onerror = () =>
      finish(() => reject(new Trouble(`The file ${file} is missing: it should lie in the folder of the book.`)));
    script.src = url;
    document.head.append(script);
  });
}

function decoded(text, file) {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Trouble(`The file ${file} is damaged.`);
  }
}

export async function inflated(bytes, form) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(form));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function joined(asset, parts) {
  const damaged = new Trouble(`What was loaded of ${asset.title} is damaged: its files do not fit together.`);
  const packed = new Uint8Array(await new Blob(parts).arrayBuffer());
  if (packed.length !== asset.packed) throw damaged;
  if (!asset.gzipped) return packed;
  try {
    const bytes = await inflated(packed, "gzip"); // compares a checksum, too
    if (bytes.length === asset.size) return bytes;
  } catch {
    // told below
  }
  throw damaged;
}

// A loader that keeps what it has: after an error only what is missing is asked for again.
export function loader(assets, base, call, { progress, signal }) {
  const kept = new Map();
  const all = assets.flatMap((asset) => asset.scripts);
  const size = all.reduce((sum, [, bytes]) => sum + bytes, 0);
  async function load() {
    let before = all.filter(([file]) => kept.has(file)).reduce((sum, [, bytes]) => sum + bytes, 0);
    progress(before, size);
    for (const [file, bytes] of all) {
      if (kept.has(file)) continue;
      signal.throwIfAborted();
      const url = new URL(file, base).href;
      const text = fromFile()
        ? await run(url, file, call)
        : await fetched(url, file, (got) => progress(before + Math.min(got, bytes), size), signal);
      kept.set(file, decoded(text, file));
      progress((before += bytes), size);
    }
    const found = {};
    for (const asset of assets) {
      const files = asset.scripts.map(([file]) => file);
      try {
        found[asset.name] = await joined(
          asset,
          files.map((file) => kept.get(file)),
        );
      } catch (error) {
        for (const file of files) kept.delete(file); // another try loads them anew
        throw error;
      }
    }
    kept.clear();
    return found;
  }
  return { load, size };
}
