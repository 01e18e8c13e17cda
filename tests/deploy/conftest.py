import os
import tempfile

import pytest
import torch
from tiny_networks import MEAN, STD, calibrated, tiny

from effnet_lib.deploy import export_onnx, quantize_onnx
from effnet_lib.model import EfficientNet


@pytest.fixture(scope="session")
def network() -> EfficientNet:
    return calibrated(tiny())


@pytest.fixture(scope="session")
def float_file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "float.onnx"
    return export_onnx(network, path, normalise=(MEAN, STD))


@pytest.fixture(scope="session")
def pixels():
    return list(torch.rand(6, 16, 3, 16, 16, generator=torch.Generator().manual_seed(1)))


@pytest.fixture(scope="session")
def int8_file(float_file, pixels):
    return quantize_onnx(float_file, float_file.with_name("int8.onnx"), pixels)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A file that must survive; afterwards nothing but it may lie in the folder, the current or the temporary one."""
    here, temporary = tmp_path / "cwd", tmp_path / "tmp"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    target = here / "model.onnx"
    target.write_bytes(b"the old file")
    yield target
    assert target.read_bytes() == b"the old file"
    assert os.listdir(here) == ["model.onnx"]
    assert os.listdir(temporary) == []
