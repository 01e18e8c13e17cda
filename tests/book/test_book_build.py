"""How the book is built: pinned, complete, whole whenever anything changed, and never past a warning."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import api_reference
import build_book
import fetch_assets
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
TOC = (ROOT / "_toc.yml").read_text("utf8")


def pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text("utf8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)  # raises if a line is not NAME==VERSION


def test_everything_is_pinned_and_the_book_uses_the_versions_of_the_tests() -> None:
    everything, book = pins(ROOT / "requirements.txt"), pins(ROOT / "book" / "requirements.txt")
    assert {name: version for name, version in book.items() if everything.get(name) != version} == {}
    assert not {"torch", "torchvision", "timm"} & set(book)
    assert {"torch", "torchvision", "timm", "nbval", "playwright"} <= set(everything)
    assert not [name for name in everything if re.match(r"nvidia|cuda|triton", name)]


def test_the_table_of_contents_lists_what_exists_and_every_chapter_and_module() -> None:
    listed = re.findall(r"(?:file|root): (\S+)", TOC)
    for name in listed:
        assert list(ROOT.glob(f"{name}.*")), f"{name} is in _toc.yml and nowhere else"
    assert len(listed) == len(set(listed))
    chapters = sorted(f"notebooks/{path.stem}" for path in ROOT.glob("notebooks/*.ipynb"))
    assert [name for name in listed if name.startswith("notebooks/")] == chapters
    modules = {path.stem for path in (ROOT / "effnet_lib").glob("*.py")} - {"__init__"}
    packages = {path.parent.name for path in (ROOT / "effnet_lib").glob("*/__init__.py")}
    assert {f"book/api/{name}" for name in modules | packages} | {"book/api/index"} == {
        name for name in listed if name.startswith("book/api/")
    }


def test_everything_in_the_reference_has_a_docstring() -> None:
    pages = list((ROOT / "book" / "api").glob("*.md"))
    modules = [
        module for page in pages for module in re.findall(r"^```\{api\} (\S+)$", page.read_text("utf8"), re.M)
    ]
    assert len(modules) > 8
    missing = []
    for module in modules:
        for node in api_reference.public(ast.parse(api_reference.module_path(module).read_text("utf8")).body):
            if not ast.get_docstring(node):
                missing.append(f"{module}.{node.name}")
    assert missing == []


def test_no_stylesheet_script_or_setting_names_another_host() -> None:
    files = [
        ROOT / "_config.yml",
        *(ROOT / "book" / "_assets").glob("*.css"),
        *(ROOT / "book" / "_assets").glob("*.js"),
    ]
    assert len(files) > 3
    for path in files:
        assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", path.read_text("utf8")), path.name


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Stands in for npm: `npm pack` gives the tarball that was put here; counts how often it was asked."""
    asked = []

    def offer(data: bytes) -> list[str]:
        def run(command: list[str], **options: object) -> subprocess.CompletedProcess:
            asked.append(command[command.index("pack") + 1])
            Path(command[command.index("--pack-destination") + 1], "package.tgz").write_bytes(data)
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(fetch_assets, "npm", lambda: ["npm"])
        monkeypatch.setattr(fetch_assets.subprocess, "run", run)
        return asked

    return offer


def lock(tmp_path: Path, integrity: str, files: dict[str, str]) -> Path:
    path = tmp_path / "assets.json"
    path.write_text(json.dumps({"thing@1.0.0": {"integrity": integrity, "files": files}}))
    return path


def test_integrity_is_written_as_npm_writes_it() -> None:
    empty = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
    assert fetch_assets.integrity(b"") == empty


def test_assets_are_fetched_once_and_only_the_listed_files_arrive(tmp_path: Path, registry) -> None:
    data = packed({"package/a.js": b"a", "package/b.woff2": b"b", "package/huge.js": b"x"})
    asked = registry(data)
    where = lock(
        tmp_path, fetch_assets.integrity(data), {"package/a.js": "js/one.js", "package/*.woff2": "fonts/"}
    )
    for _ in range(2):
        fetch_assets.fetch(where, tmp_path / "vendor")
    found = {
        p.relative_to(tmp_path / "vendor").as_posix() for p in (tmp_path / "vendor").rglob("*") if p.is_file()
    }
    assert found == {"js/one.js", "fonts/b.woff2", "fetched.json"}
    assert (tmp_path / "vendor/js/one.js").read_bytes() == b"a"
    assert asked == ["thing@1.0.0"]


def test_an_asset_that_is_not_what_was_pinned_is_refused(tmp_path: Path, registry) -> None:
    registry(packed({"package/a.js": b"tampered"}))
    where = lock(tmp_path, fetch_assets.integrity(b"the real one"), {"package/a.js": "a.js"})
    with pytest.raises(ValueError, match=r"thing@1\.0\.0 must have integrity sha512-"):
        fetch_assets.fetch(where, tmp_path / "vendor")
    assert not (tmp_path / "vendor" / "a.js").exists()


def test_a_fetch_that_fails_leaves_what_was_there(tmp_path: Path, registry, monkeypatch) -> None:
    data = packed({"package/a.js": b"a"})
    registry(data)
    where = lock(tmp_path, fetch_assets.integrity(data), {"package/a.js": "a.js"})
    fetch_assets.fetch(where, tmp_path / "vendor")
    failure = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(fetch_assets.subprocess, "run", lambda *args, **options: failure)
    where = lock(tmp_path, fetch_assets.integrity(data), {"package/a.js": "b.js"})
    with pytest.raises(RuntimeError, match=r"npm could not fetch thing@1\.0\.0"):
        fetch_assets.fetch(where, tmp_path / "vendor")
    assert (tmp_path / "vendor" / "a.js").read_bytes() == b"a"


def test_an_asset_that_lacks_a_file_is_refused(tmp_path: Path, registry) -> None:
    data = packed({"package/a.js": b"a"})
    registry(data)
    where = lock(tmp_path, fetch_assets.integrity(data), {"package/gone.js": "gone.js"})
    with pytest.raises(ValueError, match=r"must contain package/gone\.js"):
        fetch_assets.fetch(where, tmp_path / "vendor")
    assert not (tmp_path / "vendor" / "fetched.json").exists()


@pytest.fixture
def small_book(tmp_path: Path) -> Path:
    """The machinery of the book around two pages."""
    copied = ("_config.yml", "book/_ext", "book/_assets", "book/tools", "book/references.bib", "effnet_lib")
    for name in copied:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(exist_ok=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
    (tmp_path / "book" / "_vendor").symlink_to(ROOT / "book" / "_vendor")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n  - file: book/more\n")
    (tmp_path / "book" / "index.md").write_text("# Front\n\n[More](more.md), and $x^2$.\n")
    (tmp_path / "book" / "more.md").write_text("# More\n\nText.\n")
    return tmp_path


def build(folder: Path, **settings: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(folder / "book" / "tools" / "build_book.py")]
    environment = {**os.environ, **settings}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.skipif(
    not (ROOT / "book" / "_vendor" / "fetched.json").is_file(), reason="needs the assets: make book"
)
def test_a_warning_stops_every_build_and_leaves_the_last_good_book(small_book: Path) -> None:
    site = small_book / "_build" / "html"
    good = build(small_book)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "<svg" in (site / "book" / "index.html").read_text("utf8")
    again = build(small_book)
    assert "up to date" in again.stdout

    page = small_book / "book" / "more.md"
    before = (site / "book" / "more.html").read_text("utf8")
    page.write_text("# More\n\n[Nowhere](gone.md) and $\\nosuchmacro$.\n")
    for _ in range(2):  # the second time, Sphinx alone would find nothing to do, and pass
        bad = build(small_book)
        assert bad.returncode != 0
        assert "gone.md" in bad.stdout + bad.stderr
        assert "nosuchmacro" in bad.stdout + bad.stderr
    assert (site / "book" / "more.html").read_text("utf8") == before

    page.write_text("# More\n\nMended.\n")
    assert build(small_book).returncode == 0
    assert "Mended" in (site / "book" / "more.html").read_text("utf8")


def test_the_digest_follows_contents_names_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book").mkdir()
    page = tmp_path / "book" / "a.md"
    page.write_text("a")
    seen = [build_book.digest(tmp_path)]
    page.write_text("b")
    seen.append(build_book.digest(tmp_path))
    page.rename(page.with_name("c.md"))
    seen.append(build_book.digest(tmp_path))
    monkeypatch.setenv("REPOSITORY_URL", "https://github.com/someone/something")
    seen.append(build_book.digest(tmp_path))
    assert len(set(seen)) == 4
    (tmp_path / "book" / "_vendor").mkdir()
    (tmp_path / "book" / "_vendor" / "fetched.js").write_text("not an input")
    assert build_book.digest(tmp_path) == seen[-1]
