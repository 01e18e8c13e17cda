"""Build the book into _build/html: browser assets, then Sphinx with every warning an error.

Nothing is done when nothing changed: the digest of all that goes in is kept beside the result. When anything
did, the book is built whole and elsewhere, and takes the old one's place only if it succeeded. (Sphinx keeps
its warnings to itself when a page that caused one has not changed, so building on top of a failure can pass
falsely.)
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import fetch_assets

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
SITE = BUILD / "html"
SOURCES = ("_config.yml", "_toc.yml", "book", "notebooks", "effnet_lib")
SETTINGS = ("REPOSITORY_URL", "REPOSITORY_BRANCH")  # for the Colab and Binder buttons
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
IGNORED = {"__pycache__", ".ipynb_checkpoints", "_vendor", "_vendor.partial"}


def inputs(root: Path = ROOT) -> list[Path]:
    """Every file that the built book depends on, sorted."""
    found = []
    for source in SOURCES:
        path = root / source
        candidates = [path] if path.is_file() else path.rglob("*")
        found += [
            p for p in candidates if p.is_file() and not IGNORED.intersection(p.relative_to(root).parts)
        ]
    return sorted(found)


def digest(root: Path = ROOT) -> str:
    """Hash of all inputs: names, contents, the settings taken from the environment, this Python."""
    state = hashlib.sha256(repr([(name, os.environ.get(name, "")) for name in SETTINGS]).encode())
    state.update(sys.version.encode())
    for path in inputs(root):
        state.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def relay(lines: Iterable[str]) -> None:
    """Print what the builder says as it says it, without what helps nobody."""
    for line in lines:
        if "The HTML pages are in" in line:  # in a folder that is about to move
            break
        if "ParserConfig(" not in line:
            print(line if sys.stdout.isatty() else COLOUR.sub("", line), end="", flush=True)
    for _ in lines:
        pass


def sphinx(work: Path) -> None:
    """Run Jupyter Book from scratch; its pages are then in ``work/_build/html``."""
    shutil.rmtree(work, ignore_errors=True)
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command = [*jupyter_book, "build", ".", "--path-output", str(work.relative_to(ROOT))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command += ["-W", "-n", "--keep-going"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "encoding": "utf-8"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipe) as running:
        relay(running.stdout)
    if running.returncode:
        sys.exit(
            f"\nThe book was not built: see the warnings above. {SITE.relative_to(ROOT)} is as it was before."
        )


def replace(old: Path, new: Path) -> None:
    """Put folder ``new`` where ``old`` is."""
    retired = old.with_name(old.name + ".old")
    shutil.rmtree(retired, ignore_errors=True)
    if old.exists():
        os.replace(old, retired)
    os.replace(new, old)
    shutil.rmtree(retired, ignore_errors=True)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other build works in this folder."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "building").open("w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build() -> None:
    """Build if anything changed, and say where the book is."""
    started = time.monotonic()
    record = BUILD / "html.digest"
    print("book: looking for changes", flush=True)
    current = digest()
    fresh = SITE.is_dir() and record.is_file() and record.read_text() == current
    if not fresh:
        print("book: browser assets", flush=True)
        try:
            fetch_assets.fetch()
        except (RuntimeError, ValueError) as error:
            sys.exit(f"\nThe book was not built: {error}")
        print("book: pages (every warning is an error)", flush=True)
        work = BUILD / "work"
        sphinx(work)
        record.unlink(missing_ok=True)
        replace(SITE, work / "_build" / "html")
        shutil.rmtree(work, ignore_errors=True)
        fetch_assets.write(record, current.encode())
    page = SITE.relative_to(ROOT) / "index.html"
    print(f"\nThe book is {'up to date' if fresh else 'built'} ({time.monotonic() - started:.0f} s): {page}")
    print(f"Open that file in a browser, or serve it:\n  python3 -m http.server -d {page.parent}")


if __name__ == "__main__":
    with alone():
        build()
