"""What the page "Draw a letter" is built from: pieces, one script, the gallery, the measured table."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import re

import draw_letter
import draw_pieces
import numpy as np
import pytest
from PIL import Image

from effnet_lib import results
from effnet_lib.data import draw_glyphs
from effnet_lib.data.glyphs import CLASSES

CALL = re.compile(rf'{draw_pieces.CALL}\("([a-z0-9]+)",(\d+),"([A-Za-z0-9+/=]+)"\);\n')


def unpacked(packed: draw_pieces.Packed) -> bytes:
    """The file again, as the page puts it together."""
    found = [CALL.fullmatch(text) for _, text in packed.scripts]
    assert [(match[1], int(match[2])) for match in found] == [(packed.name, i) for i in range(len(found))]
    content = b"".join(base64.b64decode(match[3], validate=True) for match in found)
    assert len(content) == packed.packed
    return gzip.decompress(content) if packed.gzipped else content


@pytest.mark.parametrize("size", [1, 2, 3, 299, 300, 301, 5000])
@pytest.mark.parametrize("kind", ["noise", "text"])
def test_a_file_comes_out_of_its_pieces_as_it_went_in(size: int, kind: str) -> None:
    noise = random.Random(size).randbytes(size)
    data = noise if kind == "noise" else (b"all the same " * size)[:size]
    packed = draw_pieces.pack("thing", "a thing", data, piece=300)
    assert unpacked(packed) == data
    assert packed.size == size
    assert packed.gzipped == (kind == "text" and size > 50)
    assert packed.sent == sum(bytes for _, bytes in packed.entry()["scripts"])
    assert json.loads(json.dumps(packed.entry()))["scripts"] == [
        [name, len(text)] for name, text in packed.scripts
    ]


def test_pieces_are_the_same_at_every_build_and_other_content_has_other_names() -> None:
    first, again, other = (
        draw_pieces.pack("thing", "a thing", data) for data in (b"a" * 99, b"a" * 99, b"b" * 99)
    )
    assert first == again
    assert not {name for name, _ in first.scripts} & {name for name, _ in other.scripts}


def test_what_cannot_be_packed_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="thing must have content, got an empty file"):
        draw_pieces.pack("thing", "a thing", b"")
    for piece in (0, -3, 4):
        with pytest.raises(ValueError, match=f"piece must be a positive multiple of 3, got {piece}"):
            draw_pieces.pack("thing", "a thing", b"x", piece)


def test_the_gallery_holds_exactly_the_first_200_test_scenes() -> None:
    drawn = draw_glyphs(200, 48, "test", "hard")
    with Image.open(draw_letter.SOURCES / "gallery.png") as sheet:
        assert (sheet.mode, sheet.info) == ("RGB", {})  # no gamma, no profile: bytes mean bytes
        pixels = np.asarray(sheet).reshape(10, 48, 20, 48, 3).transpose(0, 2, 4, 1, 3).reshape(200, 3, 48, 48)
    differing = int((pixels != drawn.images.numpy()).sum())
    assert differing == 0
    about = json.loads((draw_letter.SOURCES / "gallery.json").read_text("utf8"))
    assert about["labels"] == drawn.labels.tolist()
    assert tuple(about["classes"]) == CLASSES
    assert set(about["labels"]) == set(range(40))  # the picker shows one of each
    assert (draw_letter.SOURCES / "gallery.png").stat().st_size < 2**20


def test_the_page_is_one_script_that_writes_text_alone_and_names_no_other_host() -> None:
    script = draw_letter.page_script()
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    sources = sorted(draw_letter.SOURCES.glob("*.js"))
    assert len(sources) > 8
    for path in [*sources, draw_letter.SOURCES / "draw.css"]:
        text = path.read_text("utf8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), (
            path.name
        )
        assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text), path.name
        assert text.count("addEventListener(") <= text.count("{ signal }"), path.name  # so all can be removed
        assert len(text.splitlines()) <= 250, path.name


def test_the_runtime_is_pinned_by_version_and_hash() -> None:
    lock = json.loads((draw_letter.ROOT / "book" / "tools" / "assets.json").read_text("utf8"))
    pin = lock[f"onnxruntime-web@{draw_letter.runtime_version()}"]
    assert len(base64.b64decode(pin["integrity"].removeprefix("sha512-"))) == hashlib.sha512().digest_size


def test_a_missing_source_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_letter.packed.cache_clear()
    monkeypatch.setattr(draw_letter, "VENDOR", draw_letter.ROOT / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"interface: nowhere/ort/ort\.mjs is missing"):
        draw_letter.packed()


def table(latency: bool) -> results.Table:
    """A made-up table in the form of results/deployment.json."""

    def row(form: str, size: int, accuracies: list[float], median: float, speedup: float) -> dict:
        runs = [
            {"seed": seed, "test_accuracy": value, "test_agreement": 1.0 if form == "float" else 0.9975}
            for seed, value in enumerate(accuracies)
        ]
        timed = {"1": {"median": median, "speedup": {"median": speedup}}} if latency else None
        return {"name": f"glyph_lite_48 {form}", "bytes": size, "runs": runs, "latency": timed}

    rows = (row("float", 843_000, [0.99, 0.98], 0.0012, 1.0), row("u8s8", 281_000, [0.99, 0.97], 0.0008, 1.5))
    made_by = {"versions": {"onnxruntime": "9.8.7"}, "date": "2026-01-02", "hardware": "a machine, 2 cores"}
    return results.Table("deployment", "", made_by, {"data": {"test": 4000}}, rows)


def test_what_int8_changed_is_read_from_the_measured_table() -> None:
    lines = draw_letter.measured(table(latency=True))
    assert "| File | 0.84 MB | 0.28 MB |" in lines
    assert (
        "| Test accuracy, mean ± standard deviation of 2 networks | 98.50 ± 0.71 % | 98.00 ± 1.41 % |"
        in lines
    )
    assert "| Test pictures with the answer of float |  | 99.75 % |" in lines
    assert "| One picture on one thread, median | 1.20 ms | 0.80 ms: 1.50 times as fast |" in lines
    assert lines[-1] == (
        "Measured: 4,000 test pictures; times on a machine, 2 cores; ONNX Runtime 9.8.7, 2026-01-02."
    )


def test_times_that_were_not_measured_are_left_out() -> None:
    lines = draw_letter.measured(table(latency=False))
    assert not [line for line in lines if "thread" in line or "machine" in line]
    assert lines[-1] == "Measured: 4,000 test pictures; ONNX Runtime 9.8.7, 2026-01-02."
