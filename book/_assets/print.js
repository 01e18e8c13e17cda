// On paper the book is light, whatever it is on the screen: code, tables and widgets included.
(function () {
  "use strict";
  const root = document.documentElement;
  const paper = window.matchMedia("print");
  let onScreen = null;

  function follow() {
    if (paper.matches && onScreen === null) {
      onScreen = root.dataset.theme;
      root.dataset.theme = "light";
    } else if (!paper.matches && onScreen !== null) {
      root.dataset.theme = onScreen;
      onScreen = null;
    }
  }

  paper.addEventListener("change", follow);
  window.addEventListener("load", follow);
})();
