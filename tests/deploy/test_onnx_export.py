import logging
import sys

import onnx
import pytest
import torch
from tiny_networks import MEAN, STD, calibrated, tiny, with_everything
from torch import nn

from effnet_lib.deploy import OnnxNetwork, export_onnx, read_onnx
from effnet_lib.model import EfficientNet


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    model = calibrated(with_everything())
    return model, export_onnx(model, tmp_path_factory.mktemp("onnx") / "everything.onnx")


@pytest.mark.parametrize("batch", [1, 2, 3, 17, 64])
def test_an_exported_network_answers_as_pytorch_for_any_batch(batch, network, float_file, everything):
    generator = torch.Generator().manual_seed(batch)
    pixels = torch.rand(batch, 3, 16, 16, generator=generator)
    images = (pixels - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    with torch.inference_mode():
        expected = network(images)
    if batch > 1:
        assert expected.std(0).min() > 0.05, "two images give different logits"
    torch.testing.assert_close(OnnxNetwork(float_file)(pixels), expected, atol=1e-4, rtol=1e-4)
    model, path = everything
    images = torch.randn(batch, 3, 17, 17, generator=generator)
    with torch.inference_mode():
        torch.testing.assert_close(OnnxNetwork(path)(images), model(images), atol=1e-4, rtol=1e-4)
    array = OnnxNetwork(path)(images.numpy())
    torch.testing.assert_close(torch.from_numpy(array), OnnxNetwork(path)(images), atol=0, rtol=0)


def test_a_file_says_what_goes_in_and_out_and_not_where_it_was_made(float_file, everything):
    for path, side in ((float_file, 16), (everything[1], 17)):
        model = read_onnx(path)
        (given,), (answer,) = model.graph.input, model.graph.output
        assert (given.name, answer.name) == ("images", "logits")
        sizes = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
        assert sizes == ["batch", 3, side, side]
        assert given.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert {o.domain for o in model.opset_import} == {""}, "operators of the standard alone"
        assert not any(node.op_type == "BatchNormalization" for node in model.graph.node)
        content = path.read_bytes()
        for trace in (b".py", b"/torch", b"stack_trace", b"effnet_lib", sys.prefix.encode()):
            assert trace not in content, trace
        folder = [entry.name for entry in path.parent.iterdir()]
        assert not [name for name in folder if not name.endswith(".onnx")], "no second file beside it"


def test_exporting_leaves_the_model_and_the_logging_alone_and_prints_nothing(tmp_path, network, capfd):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    handlers, level = list(logging.root.handlers), logging.root.manager.disable
    small = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()

    class OneChannel(nn.Module):
        def forward(self, x):
            return small(x[:, :1])

    export_onnx(OneChannel().eval(), tmp_path / "a.onnx", resolution=8)
    with pytest.raises(ValueError, match="model must be in evaluation mode, got training mode"):
        export_onnx(EfficientNet(tiny()), tmp_path / "b.onnx")
    assert (logging.root.handlers, logging.root.manager.disable) == (handlers, level)
    assert capfd.readouterr() == ("", "")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], atol=0, rtol=0)


class Unsupported(nn.Module):
    """An operator that ONNX has no word for."""

    def forward(self, x):
        return torch.linalg.eigvals(x.mean(1)).abs()


class Undecided(nn.Module):
    """Python control flow that hangs on the numbers in a tensor."""

    def forward(self, x):
        return x.flatten(1) if x.sum() > 0 else -x.flatten(1)


def broken(model):
    model = EfficientNet(model.arch).eval()
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean += 0.1
    model.classifier.weight.data[0, 0] = torch.nan
    return model


def half_trained(model):
    other = EfficientNet(model.arch).eval()
    other.load_state_dict(model.state_dict())
    other.stages[1][0].depthwise.norm.reset_running_stats()
    return other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: EfficientNet(m.arch), "evaluation mode, got training mode"),
        (lambda m: EfficientNet(m.arch).eval(), r"model is untrained: the running statistics of stem\.norm"),
        (half_trained, r"model is untrained: .* stages\.1\.0\.depthwise\.norm"),
        (broken, r"model must hold finite numbers, got some that are not in classifier\.weight"),
        (lambda m: Unsupported().eval(), r"model cannot be exported to ONNX: .*eig"),
        (lambda m: Undecided().eval(), "model cannot be exported to ONNX: "),
    ],
    ids=["training", "untrained", "half trained", "nan", "unsupported", "control flow"],
)
def test_a_model_that_cannot_be_exported_is_refused_and_the_old_file_stays(change, message, network, kept):
    with pytest.raises(ValueError, match=message) as caught:
        export_onnx(change(network), kept, resolution=16)
    assert len(str(caught.value)) < 400, "a reason, not a log"


def test_a_file_that_differs_from_pytorch_is_never_written(network, kept):
    with pytest.raises(
        ValueError, match=r"differs from PyTorch's on a batch of 1: by .* nothing was written"
    ):
        export_onnx(network, kept, tolerance=1e-12)


def test_places_and_sizes_that_will_not_do_are_refused_before_the_work(network, kept, tmp_path):
    with pytest.raises(ValueError, match="path must be a file, got the folder"):
        export_onnx(network, tmp_path)
    with pytest.raises(ValueError, match=r"path cannot be written at .*model\.onnx/below\.onnx"):
        export_onnx(network, kept / "below.onnx")
    with pytest.raises(ValueError, match=r"resolution must be a positive integer.* got None"):
        export_onnx(nn.Conv2d(3, 4, 1).eval(), kept)


def test_a_missing_package_is_named_with_what_to_install(network, kept, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        ImportError, match=r"needs the package 'onnxscript'.*pip install onnx onnxscript onnxruntime"
    ):
        export_onnx(network, kept)


@pytest.mark.parametrize("content", [b"", b"not a model", None], ids=["empty", "foreign", "cut"])
def test_a_damaged_file_is_not_taken_for_a_network(content, float_file, tmp_path):
    path = tmp_path / "bad.onnx"
    path.write_bytes(float_file.read_bytes()[:-2000] if content is None else content)
    with pytest.raises(ValueError, match=r"bad\.onnx' could not be read as an ONNX model: it is damaged"):
        OnnxNetwork(path)
    with pytest.raises(ValueError, match="path must be an existing ONNX file"):
        OnnxNetwork(tmp_path / "none.onnx")


def test_a_running_network_refuses_what_does_not_fit(float_file):
    run = OnnxNetwork(float_file)
    with pytest.raises(ValueError, match=r"images must be \(N, 3, 16, 16\), got \(1, 3, 20, 20\)"):
        run(torch.zeros(1, 3, 20, 20))
    with pytest.raises(ValueError, match=r"images must be \(N, 3, 16, 16\), got \(3, 16, 16\)"):
        run(torch.zeros(3, 16, 16))
    with pytest.raises(ValueError, match="images must be float32, got uint8"):
        run(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
    with pytest.raises(ValueError, match="threads must be a positive integer, got 0"):
        OnnxNetwork(float_file, threads=0)
