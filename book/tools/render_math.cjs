// Typesets TeX for the book: one request a line on stdin, {"tex": ..., "display": ...}; one answer a line on stdout,
// {"svg": ..., "mathml": ...} or {"error": ...}. The argument is MathJax's folder.
"use strict";

const path = require("node:path");
const lines = require("node:readline").createInterface({ input: process.stdin, terminal: false });

const mathjax = require(path.resolve(process.argv[2], "node-main.js"));
const settings = {
  loader: { load: ["input/tex-full", "output/svg"], paths: { mathjax: path.resolve(process.argv[2]) } },
  svg: { fontCache: "local" },
};

mathjax.init(settings).then((MathJax) => {
  const adaptor = MathJax.startup.adaptor;
  lines.on("line", (line) => {
    const { tex, display } = JSON.parse(line);
    let answer;
    try {
      const mathml = MathJax.tex2mml(tex, { display });
      const problem = mathml.match(/data-mjx-error="([^"]*)"/);
      const svg = () => adaptor.innerHTML(MathJax.tex2svg(tex, { display }));
      answer = problem ? { error: problem[1] } : { svg: svg(), mathml };
    } catch (error) {
      answer = { error: error.message };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  });
});
