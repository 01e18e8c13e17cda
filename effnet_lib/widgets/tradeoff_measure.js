// Latency on the reader's own machine, where there is a kernel.
import { h } from "./dom.js";
import { AXES } from "./tradeoff.js";

const PATIENCE = 60_000; // milliseconds to wait for a kernel that has answered before

// "Measure on this machine": hidden until a kernel has answered.
export function measuring(kit) {
  const button = h("button", { type: "button" }, "Measure on this machine");
  const told = h("span", { class: "efx-told", role: "status" });
  const root = h("p", { class: "efx-measure", hidden: true, "data-name": "measure" }, button, " ", told);
  const answers = new Map();
  let [name, waiting, timer] = ["", null, 0];
  let [kernel, here] = [false, true];
  const show = () => {
    root.hidden = !kernel || !here;
    button.disabled = waiting !== null;
    const text = waiting === name ? "Measuring in the kernel …" : (answers.get(name) ?? "");
    if (told.textContent !== text) told.textContent = text;
  };
  const end = (text) => {
    clearTimeout(timer);
    if (waiting !== null) answers.set(waiting, text);
    waiting = null;
    show();
  };
  const send = (message) => {
    try {
      kit.model.send(message);
    } catch {
      /* no kernel: nothing to wait for */
    }
  };
  const received = (message) => {
    if (message?.kernel) {
      kernel = true;
      show();
    }
    if (message?.measured === undefined || message.measured !== waiting) return;
    const form = AXES.cpu.form;
    end(
      message.error
        ? `This could not be measured: ${message.error}`
        : `On your machine: ${message.took
            .map(
              (t) =>
                `${form(t.median)} (quartiles ${form(t.low)} to ${form(t.high)}) for ${t.batch} image on ${t.device}` +
                (t.device === "cpu" ? `, ${t.threads} thread${t.threads === 1 ? "" : "s"}` : ""),
            )
            .join("; ")}.`,
    );
  };
  kit.on(button, "click", () => {
    waiting = name;
    timer = setTimeout(() => end("The kernel has not answered. Is it running? Run the cell again."), PATIENCE);
    show();
    send({ measure: name });
  });
  kit.model.on("msg:custom", received);
  kit.signal.addEventListener("abort", () => {
    clearTimeout(timer);
    kit.model.off("msg:custom", received);
  });
  send({ hello: true });
  return {
    root,
    // here: whether the kernel can run the network as it is stored
    about(network, runs) {
      [name, here] = [network, runs];
      show();
    },
  };
}
