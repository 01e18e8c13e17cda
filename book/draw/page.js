// The page: a board, a gallery and a file on one side, the answers of the two networks on the other.
import { h } from "./dom.js";
import { KINDS, open } from "./network.js";
import { pictures } from "./sheet.js";
import { draw, small } from "./picture.js";
import { complaint, words } from "./trouble.js";
import { starter } from "./starter.js";
import { ownPicture } from "./own.js";
import { board } from "./board.js";
import { gallery, oneOfEach } from "./gallery.js";
import { answerTables, sentence } from "./answers.js";
import { facts } from "./facts.js";
import { compare } from "./compare.js";

const LIVE = 150; // ms between answers while a stroke is being drawn
const PAUSE = 500; // ms of rest before a screen reader is told

export default {
  start(el, manifest, base, call) {
    const controller = new AbortController();
    const { signal } = controller;
    const { classes } = manifest.gallery;
    let networks, list, picture, timer, pause;
    let asking = false;
    let again = false;

    const seen = small({ class: "dl-seen", role: "img" });
    const source = h("figcaption", {});
    const spoken = h("p", { class: "efx-lead dl-sentence" });
    const tables = h("div", { class: "dl-tables" });
    const heard = h("p", { class: "efx-hidden", role: "status" });
    const failed = complaint();
    const more = h("div", { class: "dl-more" });

    const announce = (text) => {
      clearTimeout(pause);
      pause = setTimeout(() => {
        heard.textContent = text;
      }, PAUSE);
    };
    // One thing at a time that keeps the networks busy.
    let last = Promise.resolve();
    const busy = (act) => {
      last = last.then(act).catch((error) => {
        if (!signal.aborted) failed.say(words(error));
      });
      return last;
    };

    async function ask() {
      if (!networks || !picture) return;
      if (asking) {
        again = true;
        return;
      }
      asking = true;
      try {
        do {
          again = false;
          const answers = {};
          for (const kind of KINDS) answers[kind] = await networks[kind].run(picture);
          if (!picture) break;
          spoken.textContent = sentence(answers, classes);
          tables.replaceChildren(...answerTables(answers, classes));
          announce(spoken.textContent);
        } while (again);
      } catch (error) {
        failed.say(words(error));
      } finally {
        asking = false;
      }
    }
    function show(planes, what) {
      failed.say();
      draw(seen, planes);
      seen.setAttribute("aria-label", `What the networks see: ${what}`);
      source.textContent = what;
    }
    function take(planes, what, index) {
      picture = planes;
      show(planes, what);
      list?.mark(index);
      ask();
    }
    function nothing(planes) {
      picture = undefined;
      show(planes, "An empty ground");
      list?.mark(undefined);
      tables.replaceChildren();
      spoken.textContent = networks ? "Draw a letter." : "Answers appear here once the networks are loaded.";
    }

    const drawn = (any) => (any ? take(pad.planes(), "Your drawing") : nothing(pad.planes()));
    const pad = board({
      signal,
      changed(any, done) {
        if (done) {
          clearTimeout(timer);
          timer = undefined;
          drawn(any);
        } else timer ??= setTimeout(() => {
            timer = undefined;
            drawn(any);
          }, LIVE);
      },
    });
    const fromGallery = (found) => take(found.planes, `Test picture ${found.index + 1}: ${found.name}`, found.index);

    async function begin(files) {
      const all = await pictures(files.gallery, manifest.gallery);
      networks = await open(files);
      const shown = oneOfEach(all);
      list = gallery(shown, { signal, chosen: fromGallery });
      const measured = facts(networks, { signal, busy });
      more.replaceChildren(
        h(
          "section",
          {},
          h("p", { class: "efx-title" }, "Choose a test picture"),
          h("p", { class: "efx-soft" }, "One of each class. Tab leads here, arrow keys move, Enter chooses."),
          list.node,
        ),
        h("section", {}, h("p", { class: "efx-title" }, "How large, how fast"), measured.node),
        h(
          "section",
          {},
          h("p", { class: "efx-title" }, "Where do they disagree?"),
          compare(networks, all, classes, { signal, busy, chosen: fromGallery, heard: announce }),
        ),
      );
      measured.again(shown[0].planes);
      if (picture) await ask();
      else fromGallery(shown[0]);
      measured.measure(shown[0].planes);
    }

    const root = h(
      "div",
      { class: "efx dl" },
      starter(manifest, base, call, { signal, act: begin }),
      h(
        "div",
        { class: "dl-grid" },
        h(
          "div",
          {},
          h("p", { class: "efx-title" }, "Draw a capital letter"),
          pad.node,
          ownPicture({ signal, chosen: (planes, what) => take(planes, what), failed }),
          failed.node,
        ),
        h(
          "div",
          {},
          h("p", { class: "efx-title" }, "What the networks see at 48 × 48, and say"),
          h("figure", { class: "dl-figure" }, seen, source),
          spoken,
          tables,
        ),
      ),
      more,
      heard,
    );
    nothing(pad.planes());
    el.append(root);
    el.dataset.ready = "true";

    const stop = () => {
      controller.abort();
      clearTimeout(timer);
      clearTimeout(pause);
      for (const kind of KINDS) networks?.[kind].release();
      networks = undefined;
      root.remove();
    };
    window.addEventListener("pagehide", (event) => event.persisted || stop(), { signal });
    return stop;
  },
};
