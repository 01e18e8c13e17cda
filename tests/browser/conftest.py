"""A browser, the built book, and a record of all that a page asked for and complained about.

Chromium may be the system's or Playwright's own (CHROMIUM names another). Where there is none, the tests are
skipped and say what to install; in CI (the variable CI is set) they fail instead.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import lab_server, opened, python  # noqa: F401 (fixtures)
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from recording import watch

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OFFLINE = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]  # fmt: skip
INSTALL = "no Chromium found: apt install chromium, or python -m playwright install chromium"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


def executable(playwright: Playwright) -> str | None:
    """Path of a Chromium on this machine, or ``None``."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), playwright.chromium.executable_path]
    return next((path for path in candidates if path and Path(path).is_file()), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless browser for all tests; no host name but localhost resolves in it."""
    with sync_playwright() as playwright:
        path = executable(playwright)
        if path is None and os.environ.get("CI"):
            pytest.fail(INSTALL)
        if path is None:
            pytest.skip(INSTALL)
        browser = playwright.chromium.launch(executable_path=path, args=OFFLINE)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site() -> Path:
    """Folder of the built book; built by the same command as the reader's, at once if nothing changed."""
    done = subprocess.run(["make", "book"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        told = [line for line in (done.stdout + done.stderr).splitlines() if "copying" not in line]
        reasons = [line for line in told if "WARNING" in line or "rror" in line]
        pytest.fail("\n".join(["make book failed:", *reasons[:40], *told[-10:]]), pytrace=False)
    return ROOT / "_build" / "html"


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def http_site(site: Path) -> Iterator[str]:
    """Address (without a final slash) of a local server of the built book."""
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Silent, directory=site)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page, 1280 × 900, in a context of its own; ``page.record`` holds what happened in it."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.record = watch(page)
    yield page
    context.close()
