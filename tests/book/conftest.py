"""The book's tools and extensions are scripts, not a package: let the tests import them."""

import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parents[2] / "book"
sys.path[:0] = [str(BOOK / "tools"), str(BOOK / "_ext")]
