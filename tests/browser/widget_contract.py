"""What every widget keeps, whatever it shows: checks that the widgets' own tests share."""

from __future__ import annotations

from playwright.sync_api import Page

# Words whose contrast with what is painted behind them is below WCAG AA's 4.5 to 1 (3 to 1 if large or bold).
FAINT = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = node => {
    for (let n = node; n; n = n.parentElement) {
      const found = numbers(getComputedStyle(n).backgroundColor);
      if (found.length < 4 || found[3] > 0.99) return found;
    }
    return [255, 255, 255];
  };
  const words = node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
  const shown = node => words(node) && node.getClientRects().length;
  return [...document.querySelectorAll(".efx *")].filter(shown).flatMap(node => {
    const style = getComputedStyle(node), svg = node instanceof SVGElement;
    const [a, b] = [light(numbers(svg ? style.fill : style.color)), light(behind(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    return contrast < (large ? 3 : 4.5) ? [`${node.textContent} ${contrast.toFixed(2)}`] : [];
  });
}"""
WIDE = """() => [...document.querySelectorAll(".efx *")].filter(node => node.getClientRects().length
  && !node.closest(".efx-scroll, .efx-hidden") && node.getBoundingClientRect().right > innerWidth)
  .map(node => node.outerHTML.slice(0, 80))"""
# Attributes such as aria-hidden="" say nothing: only "true" and "false" do.
EMPTY = """() => [...document.querySelectorAll(".efx *")].flatMap(node => node.getAttributeNames()
  .filter(name => name.startsWith("aria-") && node.getAttribute(name) === "").map(name => `${node.localName} ${name}`))"""
UNNAMED = """() => [...document.querySelectorAll(".efx :is(input, select, button, summary)")]
  .filter(node => !(node.ariaLabel || node.labels?.length || node.textContent.trim()))
  .map(node => node.outerHTML)"""


def says_instead_of_drawing(page: Page, said: str) -> None:
    """There is a message with ``said``, no picture and no table, and nothing went wrong in the page."""
    assert said in page.locator(".efx-note").inner_text()
    assert page.locator(".efx-body table:visible, .efx-body svg:visible").count() == 0
    assert page.record.problems() == []


def names_everything(page: Page) -> None:
    """Every control has a name, every picture has one or is hidden from screen readers, which take no empty word."""
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(EMPTY) == []
    assert page.locator(".efx svg:not([aria-hidden=true]):not([role=img][aria-label])").count() == 0


def is_readable_at_every_width(page: Page) -> None:
    """No text is faint, and nothing sticks out, from a wide window to a phone."""
    assert page.evaluate(FAINT) == []
    for width in (1280, 700, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_timeout(150)  # plots follow the width
        assert page.evaluate(WIDE) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(FAINT) == []


def leaves_nothing_behind(page: Page) -> None:
    """Taken out of the page, it leaves no listener and no element."""
    assert page.evaluate("listening()") > 0
    page.evaluate("stop()")
    assert page.evaluate("listening()") == 0
    assert page.locator(".efx").count() == 0
