"""Create or bring up to date a virtual environment: make_venv.py FOLDER REQUIREMENTS [--editable].

Runs in any bare Python 3.11+, so it imports nothing that is not in the standard library.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(folder: str, requirements: str, editable: bool) -> None:
    """Install the pinned requirements, the library itself if ``editable``, and leave a stamp for make."""
    if sys.version_info < (3, 11):  # noqa: UP036 (this is what tells a reader of the minimum)
        version = sys.version.split()[0]
        sys.exit(f"Python 3.11 or newer is needed, this is {version}: make PYTHON=python3.12 ...")
    started = time.monotonic()
    print(f"{folder}: installing {requirements}", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", folder], cwd=ROOT).returncode:
        sys.exit("The virtual environment could not be made; on Debian and Ubuntu: apt install python3-venv")
    pip = [str(ROOT / folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "-r", requirements], cwd=ROOT, check=True)
    if editable:
        subprocess.run([*pip, "--quiet", "--no-deps", "--editable", "."], cwd=ROOT, check=True)
    (ROOT / folder / ".installed").touch()
    print(f"{folder}: ready ({time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--editable" in sys.argv[3:])
