"""The tools that run and judge notebooks are scripts of the book: tests import them from where they lie."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "tools"))
