"""Cuts a large file into scripts, so that a page can load it from a server and from a folder alike.

A page opened from a file may load nothing but scripts and pictures. So what the page "Draw a letter" needs travels
as scripts, compressed, in base64, half a megabyte each: one form for both, and a server that compresses sends hardly
more than the bytes themselves. A script's name has the digest of what it carries, so a browser that kept a piece
of yesterday's book never mixes it with today's.
"""

import base64
import gzip
import hashlib
from dataclasses import dataclass

PIECE = 3 << 17  # bytes of a script's content: a multiple of 3, so that each is base64 of its own
CALL = "effnetPiece"  # the function that the page defines and every script calls


@dataclass(frozen=True)
class Packed:
    """A file in pieces: ``size`` of the file in bytes, ``packed`` of what the scripts carry together."""

    name: str
    title: str
    size: int
    packed: int
    gzipped: bool
    scripts: tuple[tuple[str, str], ...]  # file name and text of each

    @property
    def sent(self) -> int:
        """Bytes of all scripts: what a server that does not compress sends."""
        return sum(len(text) for _, text in self.scripts)

    def entry(self) -> dict:
        """What the page must know to put the file together again."""
        scripts = [[name, len(text)] for name, text in self.scripts]
        about = {"name": self.name, "title": self.title, "size": self.size, "packed": self.packed}
        return about | {"gzipped": self.gzipped, "scripts": scripts}


def pack(name: str, title: str, data: bytes, piece: int = PIECE) -> Packed:
    """``data`` in scripts of ``piece`` bytes; ``title`` is what a reader calls it.

    Raises
    ------
    ValueError
        If there is nothing to pack, or ``piece`` is not a positive multiple of 3.
    """
    if not data:
        raise ValueError(f"{name} must have content, got an empty file")
    if piece < 3 or piece % 3:
        raise ValueError(f"piece must be a positive multiple of 3, got {piece}")
    smaller = gzip.compress(data, 6, mtime=0)
    gzipped = len(smaller) < 0.98 * len(data)
    content = smaller if gzipped else data
    digest = hashlib.sha256(content).hexdigest()[:10]
    scripts = []
    for index, start in enumerate(range(0, len(content), piece)):
        text = base64.b64encode(content[start : start + piece]).decode()
        scripts.append((f"{name}-{digest}-{index}.js", f'{CALL}("{name}",{index},"{text}");\n'))
    return Packed(name, title, len(data), len(content), gzipped, tuple(scripts))
