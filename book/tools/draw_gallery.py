"""Make the gallery of the page "Draw a letter": the first 200 test scenes as one picture, and what they show.

`.venv/bin/python book/tools/draw_gallery.py` draws the scenes and writes book/draw/gallery.png, a sheet of 20 by 10
pictures whose pixels are exactly those of the data set, and book/draw/gallery.json. Both are committed: the book is
built without what draws the scenes.
"""

import io
import json
from pathlib import Path

from fetch_assets import write

FOLDER = Path(__file__).resolve().parents[1] / "draw"
COLUMNS, ROWS, SIDE = 20, 10, 48
DRAWN = {"n": COLUMNS * ROWS, "resolution": SIDE, "split": "test", "difficulty": "hard"}


def sheet(pictures) -> bytes:
    """uint8 (N, 3, 48, 48) as a PNG, ``COLUMNS`` pictures a row, without any statement about colour."""
    from PIL import Image

    tiles = pictures.transpose(0, 2, 3, 1).reshape(-1, COLUMNS, SIDE, SIDE, 3)
    pixels = tiles.transpose(0, 2, 1, 3, 4).reshape(-1, COLUMNS * SIDE, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    from effnet_lib.data import draw_glyphs
    from effnet_lib.data.glyphs import CLASSES

    drawn = draw_glyphs(**DRAWN)
    about = {
        "made_by": "python book/tools/draw_gallery.py",
        "drawn": DRAWN,
        "columns": COLUMNS,
        "side": SIDE,
        "classes": CLASSES,
        "labels": drawn.labels.tolist(),
    }
    write(FOLDER / "gallery.png", sheet(drawn.images.numpy()))
    write(FOLDER / "gallery.json", (json.dumps(about) + "\n").encode())


if __name__ == "__main__":
    main()
