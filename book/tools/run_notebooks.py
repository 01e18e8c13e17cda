"""Execute the chapters and store their outputs: ``python book/tools/run_notebooks.py [NAME ...] [--check]``.

Each chapter runs in a fresh kernel, in its own folder, and is written when it is done: what is finished stays
finished if the rest is interrupted. A run with a fault (an error, text on stderr, an absolute path, a figure
without a description, ...) is reported and not written. A second run without a change writes the same bytes,
apart from outputs tagged ``nbval-ignore-output``.

NAME is a chapter's file name or how it begins ("03"). ``--check`` executes and compares, but writes nothing.
If REPOSITORY_URL is set, it becomes the address from which the Colab cell installs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import nbformat
import psutil
from colab_cell import fill_repository
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from notebook_form import comparable, normalise, set_run_time
from notebook_rules import anatomy_faults, faults

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS, MOST_GIGABYTES = 120, 2.0
CELL_TIMEOUT = 300  # seconds


@dataclass(frozen=True)
class Run:
    """An executed notebook and what it took."""

    notebook: Any
    seconds: float
    gigabytes: float
    failure: str = ""


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_gigabytes(pid: int) -> float:
    """Peak resident memory of a process, in GB (1e9 bytes); where no peak is recorded, what it holds now."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e9
    except OSError:
        pass
    memory = psutil.Process(pid).memory_info()
    return getattr(memory, "peak_wset", memory.rss) / 1e9


def execute(notebook: Any, folder: Path, progress: Callable[[int, int], None]) -> Run:
    """Run all cells of ``notebook`` in a fresh kernel in ``folder``; ``progress(done, all)`` after each."""
    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT, kernel_name="python3", store_widget_state=True, record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"], resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    notebook.metadata.pop("widgets", None)
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"}
    failure, gigabytes = "", 0.0
    with client.setup_kernel(env=env):
        start = time.perf_counter()
        for number, cell in enumerate(notebook.cells):
            progress(number, len(notebook.cells))
            try:
                client.execute_cell(cell, number)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                failure = str(error)
                break
        seconds = time.perf_counter() - start
        if client.km is not None and client.km.has_kernel and not failure:
            gigabytes = peak_gigabytes(client.km.provisioner.pid)
            client.set_widgets_metadata()
    return Run(notebook, seconds, gigabytes, failure)


def write_atomically(notebook: Any, path: Path) -> None:
    """Write ``notebook`` beside ``path`` and rename it, so that ``path`` is always a whole notebook."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
    ) as file:
        try:
            nbformat.write(notebook, file)
            file.close()
            os.chmod(file.name, path.stat().st_mode & 0o777 if path.exists() else 0o644)
            os.replace(file.name, path)
        finally:
            Path(file.name).unlink(missing_ok=True)


def process(
    path: Path, check: bool, progress: Callable[[int, int], None]
) -> tuple[Run, list[str], list[str], str]:
    """Execute and, unless ``check``, store one chapter: the run, its faults, remarks, what was done."""
    stored = nbformat.read(path, as_version=4)
    run = execute(nbformat.read(path, as_version=4), path.parent, progress)
    if run.failure:
        return run, [run.failure], [], ""
    notebook = normalise(run.notebook, path.stem)
    set_run_time(notebook, run.seconds, run.gigabytes, cores())
    if url := os.environ.get("REPOSITORY_URL"):
        fill_repository(notebook, url)
    normalise(notebook, path.stem)  # again: ids follow from the sources just changed
    found = faults(notebook)
    remarks = [f"not finished: {text}" for text in anatomy_faults(notebook, path)]
    if run.seconds > MOST_SECONDS:
        remarks.append(f"it took {run.seconds:.0f} s, more than {MOST_SECONDS} s")
    if run.gigabytes > MOST_GIGABYTES:
        remarks.append(f"it took {run.gigabytes:.1f} GB, more than {MOST_GIGABYTES:.0f} GB")
    if check and comparable(notebook) != comparable(stored):
        found += differences(stored, notebook)
    verb = "as stored" if check else "unchanged"
    if not check and not found and nbformat.writes(notebook) != nbformat.writes(stored):
        write_atomically(notebook, path)
        verb = "written"
    return run, found, remarks, verb


def differences(stored: Any, fresh: Any) -> list[str]:
    """Which cells of a fresh run differ from the stored ones."""
    pairs = zip(stored.cells, fresh.cells, strict=False)
    numbers = [
        str(i)
        for i, (one, other) in enumerate(pairs)
        if comparable({"cells": [one]}) != comparable({"cells": [other]})
    ]
    where = f"cells {', '.join(numbers)}" if numbers else "the metadata or the number of cells"
    return [f"what is stored is not what it gives now: {where}"]


def selected(names: list[str], folder: Path) -> list[Path]:
    """The chapters that ``names`` mean, in order; all if there are none. An unknown name: ValueError."""
    everything = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    if not names:
        return everything
    chosen = []
    for name in names:
        matching = [path for path in everything if path.name.startswith(Path(name).name)]
        if not matching:
            raise ValueError(f"NAME must begin one of {[path.stem for path in everything]}, got {name!r}")
        chosen += matching
    return sorted(set(chosen))


def progress_line(name: str) -> Callable[[int, int], None]:
    """A function that redraws one line on a terminal and is silent elsewhere."""
    start = time.perf_counter()

    def draw(done: int, total: int) -> None:
        if sys.stdout.isatty():
            bar = "█" * (20 * done // total) + "░" * (20 - 20 * done // total)
            seconds = time.perf_counter() - start
            print(f"\r{name:<32} {bar} {done:>3}/{total} cells {seconds:6.1f} s ", end="", flush=True)

    return draw


def report(name: str, run: Run, found: list[str], remarks: list[str], verb: str) -> Iterator[str]:
    """The lines that are said of one chapter."""
    sign = "✗" if found else "✓"
    yield f"{sign} {name:<32} {run.seconds:6.1f} s {run.gigabytes:5.2f} GB  {'faults' if found else verb}"
    yield from (f"    {text}" for text in found)
    yield from (f"    ({text})" for text in remarks)


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 if all is well, 1 if a chapter has a fault, 130 if it was interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help='a chapter, or how its name begins ("03")')
    parser.add_argument("--check", action="store_true", help="execute and compare, write nothing")
    parser.add_argument("--folder", type=Path, default=ROOT / "notebooks", help="where the chapters are")
    options = parser.parse_args(arguments)
    try:
        paths = selected(options.names, options.folder)
    except ValueError as error:
        parser.error(str(error))
    faulty = 0
    for number, path in enumerate(paths):
        try:
            outcome = process(path, options.check, progress_line(path.stem))
        except KeyboardInterrupt:
            print(f"\nInterrupted. {number} of {len(paths)} chapters are done; {path.stem} is as it was.")
            return 130
        if sys.stdout.isatty():
            print("\r\033[K", end="")
        print("\n".join(report(path.stem, *outcome)), flush=True)
        faulty += bool(outcome[1])
    print(f"{len(paths) - faulty} of {len(paths)} chapters without a fault.")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
