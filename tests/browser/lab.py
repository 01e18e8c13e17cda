"""A running JupyterLab: one server for all tests, one notebook and one kernel for a test file.

A test file that uses ``opened`` says ``CELLS``, the sources of its notebook's cells, and ``PARTS``, how many of the
book's widgets they show.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Browser, Page
from recording import watch

ROOT = Path(__file__).resolve().parents[2]
QUIET = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
PLACES = ("CONFIG", "DATA", "RUNTIME")
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SESSION = "window.jupyterapp?.shell.currentWidget?.sessionContext"


class Server(NamedTuple):
    """Where the server listens, the token it asks for, and the folder that holds all that is its own."""

    address: str
    token: str
    folder: Path

    def url(self, name: str) -> str:
        """Address of the notebook ``name``, in a workspace that no other notebook shares."""
        return f"{self.address}/lab/workspaces/{name}/tree/{name}.ipynb?token={self.token}"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory) -> Iterator[Server]:
    """A JupyterLab of its own: folders, port, token."""
    folder = tmp_path_factory.mktemp("lab")
    for name, values in QUIET.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    (folder / "notebooks").mkdir()
    port, token = free_port(), secrets.token_hex(16)
    environment = os.environ | {f"JUPYTER_{place}_DIR": str(folder / place.lower()) for place in PLACES}
    for place in ("SETTINGS", "WORKSPACES"):
        environment[f"JUPYTERLAB_{place}_DIR"] = str(folder / place.lower())
    environment["IPYTHONDIR"] = str(folder / "ipython")
    environment["PYTHONPATH"] = str(ROOT)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser",
        "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder / 'notebooks'}",
    ]  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", token, folder)
    log = (folder / "log").open("w")
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as running:
        try:
            _started(running, f"{server.address}/api?token={token}", folder / "log")
            yield server
        finally:
            running.terminate()


def _started(running: subprocess.Popen, url: str, log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and running.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest, chromium: Browser, lab_server: Server) -> Iterator[Page]:
    """The test file's notebook in JupyterLab, all cells run; ``page.record`` holds what happened since."""
    name = request.module.__name__
    cells = [nbformat.v4.new_code_cell(text) for text in request.module.CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
    nbformat.write(notebook, lab_server.folder / "notebooks" / f"{name}.ipynb")
    page = chromium.new_context(viewport={"width": 1300, "height": 1000}).new_page()
    page.record = watch(page)
    page.goto(lab_server.url(name))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    page.wait_for_function(f"{SESSION}?.session?.kernel?.connectionStatus === 'connected'", timeout=90_000)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(f".efx >> nth={request.module.PARTS - 1}", timeout=90_000)
    page.record.clear()
    yield page
    page.evaluate(f"{SESSION}.shutdown()")
    page.context.close()


@pytest.fixture(scope="module")
def python(opened: Page, lab_server: Server) -> Iterator[Callable[[str], Any]]:
    """``python(expression)``: its value in the notebook's kernel; statements return None, errors raise."""
    kernel = opened.evaluate(f"{SESSION}.session.kernel.id")
    client = BlockingKernelClient(connection_file=str(lab_server.folder / "runtime" / f"kernel-{kernel}.json"))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)

    def run(code: str) -> Any:
        expression = "__import__('json').dumps(_answer)"
        found = client.execute(f"_answer = None\n{code}", silent=True, user_expressions={"value": expression},
                               reply=True, timeout=60)["content"]  # fmt: skip
        if found["status"] != "ok":
            raise RuntimeError(f"{found['ename']}: {found['evalue']}")
        return json.loads(found["user_expressions"]["value"]["data"]["text/plain"].strip("'"))

    yield run
    client.stop_channels()


def wear(page: Page, theme: str) -> None:
    """Give JupyterLab a theme, "JupyterLab Dark" or "JupyterLab Light", and wait until it is on."""
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    light = str(theme.endswith("Light")).lower()
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
    page.wait_for_timeout(500)
