"""Networks side by side: bytes, milliseconds, accuracy, agreement."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from effnet_lib.data.sets import Images
from effnet_lib.deploy.files import must_be_writable, put
from effnet_lib.deploy.run import OnnxNetwork, paired_latency


def pixel_batches(
    images: Images, batch: int = 100, limit: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pixels in [0, 1], float (N, C, H, W), and labels (N,), batch by batch, of the first ``limit`` images.

    For files with the normalisation inside; one batch is held at a time.

    Raises
    ------
    ValueError
        If ``batch`` or ``limit`` is not a positive integer.
    """
    for name, value in (("batch", batch), ("limit", 1 if limit is None else limit)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    end = len(images) if limit is None else min(limit, len(images))
    for first in range(0, end, batch):
        chosen = range(first, min(first + batch, end))
        pixels = torch.stack([images[i][0] for i in chosen])
        yield pixels.float() / 255, images.labels[list(chosen)]


@dataclass(frozen=True)
class Line:
    """One network of a comparison.

    ``bytes`` of its file; ``accuracy`` as a fraction; ``agreement``: fraction of images with the reference's answer;
    ``difference``: largest absolute difference of a logit from the reference's; by number of threads ``latency``,
    seconds of one image (median, lowest and highest round), and ``speedup`` over the reference, median of the
    rounds' ratios.
    """

    name: str
    bytes: int
    accuracy: float
    agreement: float
    difference: float
    latency: dict[int, tuple[float, float, float]]
    speedup: dict[int, float]


@dataclass(frozen=True)
class Comparison:
    """What ``compare`` found: one ``Line`` a network, the reference first, over ``images`` images."""

    reference: str
    images: int
    lines: tuple[Line, ...]

    def line(self, name: str) -> Line:
        """The line of one network.

        Raises
        ------
        ValueError
            If there is none of that name.
        """
        for line in self.lines:
            if line.name == name:
                return line
        raise ValueError(f"name must be one of {[line.name for line in self.lines]}, got {name!r}")

    def __str__(self) -> str:
        """A table in Markdown."""
        threads = sorted(self.lines[0].latency)
        head = ["network", "bytes", "accuracy", f"agrees with {self.reference}"]
        for n in threads:
            head += [f"ms, {n} thread{'s' if n > 1 else ''}", "speedup"]
        rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
        for line in self.lines:
            row = [
                line.name,
                f"{line.bytes:,}",
                f"{100 * line.accuracy:.2f} %",
                f"{100 * line.agreement:.2f} %",
            ]
            for n in threads:
                row += [f"{1e3 * line.latency[n][0]:.3f}", f"{line.speedup[n]:.2f}x"]
            rows.append(row)
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {
            "reference": self.reference, "images": self.images, "lines": [asdict(line) for line in self.lines],
        }  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write the comparison as JSON, whole or not at all.

        Raises
        ------
        ValueError
            If ``path`` cannot be written.
        """
        content = json.dumps(self.to_dict(), indent=1) + "\n"
        return put(must_be_writable("path", path), content.encode())


def _answers(
    networks: Mapping[str, OnnxNetwork], batches: Iterable[tuple[Tensor, Tensor]]
) -> tuple[dict[str, Tensor], Tensor]:
    logits: dict[str, list[Tensor]] = {name: [] for name in networks}
    labels = []
    for images, truth in batches:
        for name, network in networks.items():
            logits[name].append(network(images))
        labels.append(truth)
    if not labels:
        raise ValueError("batches must hold at least one batch of images and labels, got none")
    return {name: torch.cat(found) for name, found in logits.items()}, torch.cat(labels)


def compare(
    networks: Mapping[str, str | Path], batches: Iterable[tuple[Tensor, Tensor]], threads: Sequence[int] = (1, 2),
    rounds: int = 9, seconds: float = 0.1,
) -> Comparison:  # fmt: skip
    """Compare ONNX files on the same images; the first is the reference of agreement and speedup.

    Parameters
    ----------
    networks : mapping of str to path
    batches : iterable of (images, labels)
        As ``pixel_batches`` gives them; taken once.
    threads : sequence of int
        Numbers of threads to measure latency with; none to leave it out.
    rounds, seconds
        As in ``paired_latency``.

    Raises
    ------
    ValueError
        If there is no network or no batch, or a file or batch does not fit.
    """
    if not networks:
        raise ValueError("networks must name at least one file, got none")
    logits, labels = _answers({name: OnnxNetwork(path) for name, path in networks.items()}, batches)
    times = {n: paired_latency(networks, n, rounds, seconds) for n in threads}
    first = next(iter(networks))
    lines = []
    for name, path in networks.items():
        answers, reference = logits[name].argmax(1), logits[first].argmax(1)
        lines.append(
            Line(
                name=name,
                bytes=Path(path).stat().st_size,
                accuracy=(answers == labels).double().mean().item(),
                agreement=(answers == reference).double().mean().item(),
                difference=(logits[name] - logits[first]).abs().max().item(),
                latency={n: (median(t[name]), min(t[name]), max(t[name])) for n, t in times.items()},
                speedup={
                    n: median(a / b for a, b in zip(t[first], t[name], strict=True)) for n, t in times.items()
                },
            )
        )
    return Comparison(first, len(labels), tuple(lines))
