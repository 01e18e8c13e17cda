// What went wrong, told in words.
import { h } from "./dom.js";

// An error whose message is for the reader.
export class Trouble extends Error {}

export const words = (error) => (error instanceof Trouble ? error.message : `Something went wrong: ${error.message}`);

// A line for what went wrong; empty while nothing did.
export function complaint() {
  const node = h("p", { class: "efx-note", role: "alert", hidden: true });
  const say = (text) => {
    node.textContent = text ?? "";
    node.hidden = !text;
  };
  return { node, say };
}
