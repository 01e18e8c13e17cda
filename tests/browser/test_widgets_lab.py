"""The explorers in a running JupyterLab: what the reader moves, Python sees, and the other way round."""

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
from typing import Any

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Browser, Locator, Page
from recording import watch
from test_widgets_access import FAINT
from test_widgets_static import SETTINGS, TOTALS

from effnet_lib.widgets import LayerExplorer, NetworkExplorer, ScalingExplorer

pytestmark = pytest.mark.lab
ROOT = Path(__file__).resolve().parents[2]
NAMES = {"layer": LayerExplorer, "network": NetworkExplorer, "scaling": ScalingExplorer}
QUIET = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
PLACES = ("CONFIG", "DATA", "RUNTIME")
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """A JupyterLab of its own (folders, port, token), with a notebook that shows the explorers."""
    folder = tmp_path_factory.mktemp("lab")
    for name, values in QUIET.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    lines = [f"{name} = {kind.__name__}()\n{name}" for name, kind in NAMES.items()]
    names = ", ".join(kind.__name__ for kind in NAMES.values())
    cells = [nbformat.v4.new_code_cell(text) for text in [f"from effnet_lib.widgets import {names}", *lines]]
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), notebooks / "explorers.ipynb")

    port, token = free_port(), secrets.token_hex(16)
    environment = os.environ | {f"JUPYTER_{place}_DIR": str(folder / place.lower()) for place in PLACES}
    for place in ("SETTINGS", "WORKSPACES"):
        environment[f"JUPYTERLAB_{place}_DIR"] = str(folder / place.lower())
    environment["IPYTHONDIR"] = str(folder / "ipython")
    environment["PYTHONPATH"] = str(ROOT)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser",
        "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={notebooks}",
    ]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    log = (folder / "log").open("w")
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as lab:
        try:
            _started(lab, f"{address}/api?token={token}", folder / "log")
            yield f"{address}/lab/tree/explorers.ipynb?token={token}", folder / "runtime"
        finally:
            lab.terminate()


def _started(lab: subprocess.Popen, url: str, log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and lab.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def opened(chromium: Browser, server: tuple[str, Path]) -> Iterator[Page]:
    """The notebook in JupyterLab, all cells run."""
    page = chromium.new_context(viewport={"width": 1300, "height": 1000}).new_page()
    page.record = watch(page)
    page.goto(server[0])
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    kernel = "jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.connectionStatus"
    page.wait_for_function(f"window.{kernel} === 'connected'", timeout=90_000)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(".efx >> nth=2", timeout=90_000)
    page.record.clear()
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def python(opened: Page, server: tuple[str, Path]) -> Iterator[Callable[[str], Any]]:
    """``python(expression)``: its value in the notebook's kernel; statements return None, errors raise."""
    (connection,) = server[1].glob("kernel-*.json")
    client = BlockingKernelClient(connection_file=str(connection))
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


def _part(page: Page, name: str) -> Locator:
    return page.locator(".efx").nth(list(NAMES).index(name))


def _agree(page: Page, python: Callable[[str], Any], name: str, setting: str) -> None:
    """Python has the setting that the control shows, and the page the totals that Python computes."""
    root = _part(page, name)
    read = """(root, [setting, totals]) => {
      const kinds = "[type=number], [type=checkbox], select, :checked";
      const control = root.querySelector(`[data-name=${setting}]:is(${kinds})`);
      const value = control.type === "number" ? Number(control.value) : control.value;
      const shown = control.type === "checkbox" ? control.checked : value;
      return [shown, ...[...root.querySelectorAll(totals)].slice(0, 2).map(data => Number(data.value))];
    }"""
    end = time.monotonic() + 20
    while True:
        shown = root.evaluate(read, [setting, TOTALS[NAMES[name]]])
        known = python(f"_answer = [{name}.{setting}, {name}.macs, {name}.params]")
        if [str(shown[0]), *shown[1:]] == [str(known[0]), *known[1:]] or shown == known:
            return
        assert time.monotonic() < end, (name, setting, shown, known)
        time.sleep(0.05)


@pytest.mark.parametrize("name", NAMES)
def test_python_sees_every_control_at_its_ends(opened, python, name):
    root = _part(opened, name)
    root.evaluate("node => node.querySelectorAll('details').forEach(details => details.open = true)")
    limits = NAMES[name]().limits
    for setting in SETTINGS[NAMES[name]]:
        for field in root.locator(f"input[type=number][data-name='{setting}']").all():
            slider = root.locator(f"input[type=range][data-name='{setting}']")
            for key in ("Home", "End", "ArrowLeft"):
                slider.press(key)
                _agree(opened, python, name, setting)
            low, high, usual = limits[setting]
            for value in (low if name != "network" else 32, high, usual):
                field.fill(str(value))
                _agree(opened, python, name, setting)
            field.fill(str(high + 1))
            assert field.get_attribute("aria-invalid") == "true"
            assert python(f"_answer = {name}.{setting}") == usual
            field.blur()
            _agree(opened, python, name, setting)
        for radio in root.locator(f"input[type=radio][data-name='{setting}']").all():
            radio.check(force=True)
            _agree(opened, python, name, setting)
        for box in root.locator(f"input[type=checkbox][data-name='{setting}']").all():
            box.check()
            _agree(opened, python, name, setting)
    for select in root.locator("select").all():
        for value in ("efficientnet_v2_l", "efficientnet_lite0", "efficientnet_b0"):
            select.select_option(value)
            _agree(opened, python, name, "variant")


@pytest.mark.parametrize(
    ("name", "setting", "values"),
    [
        ("layer", "channels", (1, 4096, 96)),
        ("layer", "kernel", (5, 3)),
        ("layer", "se", (True, False)),
        ("network", "resolution", (32, 1024, 224)),
        ("network", "variant", ("efficientnet_b7", "efficientnet_b0")),
        ("scaling", "phi", (8, 0.5, 0)),
        ("scaling", "alpha", (1.35, 1.2)),
    ],
)
def test_a_setting_from_python_moves_the_page(opened, python, name, setting, values):
    for value in values:
        python(f"{name}.{setting} = {value!r}")
        _agree(opened, python, name, setting)


def test_a_bad_value_in_python_is_refused_and_the_page_stays(opened, python):
    python("layer.channels = 64")
    _agree(opened, python, "layer", "channels")
    for value in ("0", "float('nan')", "None"):
        with pytest.raises(RuntimeError, match="ValueError: channels must be an integer from 1 to 4,096"):
            python(f"layer.channels = {value}")
    _agree(opened, python, "layer", "channels")
    assert python("_answer = layer.channels") == 64


def test_keys_belong_to_the_widget_and_not_to_the_notebook(opened, python):
    """In command mode "a" inserts a cell, "m" makes it Markdown, Enter edits it, arrows move on."""
    cells = opened.locator(".jp-Cell").count()
    python("layer.channels = 64")
    _agree(opened, python, "layer", "channels")
    slider = _part(opened, "layer").locator("input[type=range]").first
    slider.focus()
    for key in ("a", "b", "m", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        opened.keyboard.press(key)
    _agree(opened, python, "layer", "channels")
    assert python("_answer = layer.channels") == 80
    button = _part(opened, "network").locator("button[data-key='stages.2']")
    button.focus()
    opened.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    assert opened.evaluate("document.activeElement.dataset.key") == "stages.2"
    assert opened.locator(".jp-Cell").count() == cells
    assert opened.locator(".jp-MarkdownCell").count() == 0


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_text_can_be_read_in_both_themes(opened, theme):
    opened.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    light = str(theme.endswith("Light")).lower()
    opened.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
    opened.wait_for_timeout(500)
    assert opened.evaluate(FAINT) == []


def test_nothing_was_complained_of(opened):
    """Last: errors of the whole session."""
    assert opened.record.console_errors + opened.record.page_errors + opened.record.external == []
