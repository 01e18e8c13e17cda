"""ONNX files: read and refused when they are damaged, written whole or not at all, and made out of sight."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from effnet_lib.train.checkpoint import write_atomically


def need(name: str) -> ModuleType:
    """The module ``name``, of ``onnx``, ``onnxscript`` or ``onnxruntime``.

    Raises
    ------
    ImportError
        If it is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"effnet_lib.deploy needs the package {package!r}, which is not installed: "
            "pip install onnx onnxscript onnxruntime",
            name=package,
        ) from error


def read_onnx(path: str | Path) -> Any:
    """The model in an ONNX file, checked against the ONNX specification: an ``onnx.ModelProto``.

    Raises
    ------
    ValueError
        If there is no such file, or it is damaged, cut short or another kind of file.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"path must be an existing ONNX file, got {str(path)!r}")
    onnx = need("onnx")
    try:
        model = onnx.load_from_string(path.read_bytes())
        onnx.checker.check_model(model)
        if not model.graph.node:
            raise ValueError("it holds no operator")
    except Exception as error:  # protobuf and the checker raise many kinds for a cut or foreign file
        raise ValueError(
            f"{str(path)!r} could not be read as an ONNX model: it is damaged, cut short or another kind of "
            f"file ({type(error).__name__})"
        ) from error
    return model


def image_input(model: Any, path: str | Path) -> tuple[str, tuple[int | None, ...]]:
    """Name and shape, (N, C, H, W) with None where any size will do, of the one input of an ONNX model.

    Raises
    ------
    ValueError
        If the model has another number of inputs, or its input is not four-dimensional.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    shapes = [
        tuple(d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim)
        for value in inputs
    ]
    if len(inputs) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            f"{str(path)!r} must take one input of shape (N, C, H, W), "
            f"got {len(inputs)} inputs of shapes {shapes}"
        )
    return inputs[0].name, shapes[0]


def anonymous(proto: Any) -> Any:
    """The ``onnx.ModelProto`` without traces of where it was made, and of operator sets that it does not use."""
    del proto.metadata_props[:]
    graph = proto.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    proto.doc_string = ""
    used = {node.domain for node in graph.node}
    kept = [opset for opset in proto.opset_import if opset.domain in used | {""}]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
    return proto


def must_be_writable(name: str, path: str | Path) -> Path:
    """``path``, if a file could be put there; found out before the work rather than after it.

    Raises
    ------
    ValueError
        If it is a folder, or lies where no file can be written.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{name} must be a file, got the folder {str(path)!r}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"{name} cannot be written at {str(path)!r}: {error.strerror or error}") from error
    return path


def put(path: Path, content: bytes) -> Path:
    """Write ``content`` to ``path``: whoever reads it sees the old file or the new one, never half of one."""
    write_atomically(path, lambda file: file.write(content))
    return path


@contextlib.contextmanager
def contained() -> Iterator[Path]:
    """A folder of its own for tools that leave files, warnings, log lines and prints behind; then all is gone.

    Python's warnings, log and standard output are muted inside: what matters of them must become an error.
    """
    root, deaf = logging.getLogger(), logging.NullHandler()
    disabled = logging.root.manager.disable
    root.addHandler(deaf)  # else logging.info() itself would install a handler for good
    try:
        with (
            tempfile.TemporaryDirectory(prefix="effnet_lib.") as folder,
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            logging.disable(logging.CRITICAL)
            yield Path(folder)
    finally:
        logging.disable(disabled)
        root.removeHandler(deaf)
