// Typesets TeX for the book: one request a line on stdin, {"tex": ..., "display": ...}; one answer a line on stdout,
// {"svg": ..., "mathml": ...} or {"error": ...}. The argument is MathJax's folder.
"use strict";

const path = require("node:path");
const lines = require("node:readline").createInterface({ input: process.stdin, terminal: false });

const mathjax = require(path.resolve(process.argv[2], "node-main.js"));
const settings = {
  loader: { load: ["input/tex-full", "output/svg"], paths: { mathjax: path.resolve(process.argv[2]) } },
  svg: { fontCache: "local" },
  tex: { packages: { "[-]": ["noerrors", "noundefined"] } }, // mistakes are to be told, not drawn in red
};

mathjax.init(settings).then((MathJax) => {
  const adaptor = MathJax.startup.adaptor;
  lines.on("line", (line) => {
    const { tex, display } = JSON.parse(line);
    let answer;
    try {
      const mathml = MathJax.tex2mml(tex, { display });
      const problem = mathml.match(/data-mjx-error="([^"]*)"/);
      if (problem) throw new Error(problem[1]);
      answer = { svg: adaptor.innerHTML(MathJax.tex2svg(tex, { display })), mathml };
    } catch (error) {
      answer = { error: error.message };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  });
});
