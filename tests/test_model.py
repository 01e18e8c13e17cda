import copy

import pytest
import torch
from safetensors.torch import save_file

from effnet_lib import EfficientNet, get_arch, inference_form, load_torchvision_weights
from effnet_lib.arch import ArchSpec, StageSpec
from effnet_lib.blocks import StochasticDepth
from effnet_lib.model import fold_batch_norms

SMALL = ArchSpec(
    "small",
    (StageSpec("fused", 3, 2, 4, 16, 2, 0), StageSpec("mbconv", 5, 2, 6, 24, 2)),
    stem=16, head=64, resolution=32, classes=10,
)  # fmt: skip


def small(seed: int = 0) -> EfficientNet:
    torch.manual_seed(seed)
    return EfficientNet(SMALL).eval()


def test_stochastic_depth_rises_linearly_and_never_reaches_its_limit():
    model = EfficientNet(get_arch("efficientnet_b0"))
    rates = [m.rate for m in model.modules() if isinstance(m, StochasticDepth)]
    assert rates == pytest.approx([0.2 * i / 16 for i in range(16)])
    assert rates[-1] == 0.1875


def test_batch_norm_constants_reach_every_layer():
    model = EfficientNet(get_arch("efficientnet_b5"))
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}


def calibrated(arch: ArchSpec) -> EfficientNet:
    """A network whose batch norms have seen images, so that folding them matters."""
    torch.manual_seed(0)
    model = EfficientNet(arch).train()
    with torch.no_grad():
        for _ in range(5):
            model(torch.randn(16, 3, arch.resolution, arch.resolution) + 10 * torch.randn(16, 3, 1, 1))
    return model.eval()


@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_the_inference_form_has_the_same_logits(padding):
    model = calibrated(SMALL.replace(padding=padding))
    x = torch.randn(4, 3, 32, 32) + 10 * torch.randn(4, 3, 1, 1)  # images of different colours
    with torch.no_grad():
        expected = model(x)
        spread = (expected[0] - expected[1]).norm() / expected[0].norm()
        assert spread > 1e-3  # a hundred times the error allowed below, else equality would say little
        got = inference_form(model)(x)
    assert (got - expected).norm() < 1e-5 * expected.norm()


def test_the_inference_form_leaves_the_model_alone_and_has_no_batch_norm():
    model = calibrated(SMALL)
    before = copy.deepcopy(model.state_dict())
    form = inference_form(model)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in form.modules())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_weights_from_a_file_of_either_kind_are_those_of_the_file(tmp_path):
    source, x = small(1), torch.randn(2, 3, 32, 32)
    torch.save(source.state_dict(), tmp_path / "w.pth")
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    for file in ("w.pth", "w.safetensors"):
        model = small(2)
        assert not torch.allclose(model(x), source(x))
        load_torchvision_weights(model, tmp_path / file)
        torch.testing.assert_close(model(x), source(x), rtol=0, atol=0)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_a_file_that_was_cut_short_is_refused_by_name(tmp_path, suffix, kept):
    path = tmp_path / f"cut{suffix}"
    torch.save(small().state_dict(), path) if suffix == ".pth" else save_file(small().state_dict(), path)
    data = path.read_bytes()
    path.write_bytes(data[: kept if isinstance(kept, int) else int(kept * len(data))])
    with pytest.raises(ValueError, match=rf"cut\{suffix}' could not be read as weights"):
        load_torchvision_weights(small(), path)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    import os
    import pickle

    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"w": Payload()}))
    with pytest.raises(ValueError, match=r"evil.pth' could not be read as weights"):
        load_torchvision_weights(small(), tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_weights_that_do_not_fit_are_refused_and_nothing_is_copied():
    model = small()
    before = copy.deepcopy(model.state_dict())
    wider = EfficientNet(SMALL.replace(head=80)).state_dict()
    fewer = dict(list(small(1).state_dict().items())[:-1])
    for wrong, message in [
        (wider, r"head.conv.weight has shape \(80, 24, 1, 1\) where head.conv.weight needs \(64, 24, 1, 1\)"),
        (fewer, r"state_dict must hold \d+ tensors for this model, got \d+"),
        ({"a": 1}, "state_dict must map names to tensors, got dict"),
        ([1, 2], "state_dict must map names to tensors, got list"),
        ("no/such/file.pth", "state_dict must be a mapping or an existing file, got 'no/such/file.pth'"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_torchvision_weights(model, wrong)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_a_safetensors_file_with_foreign_names_is_refused_because_it_has_no_order(tmp_path):
    save_file({f"features.{k}": v for k, v in small().state_dict().items()}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="must use this model's own names"):
        load_torchvision_weights(small(), tmp_path / "w.safetensors")


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (1, 3, 32)])
def test_images_of_the_wrong_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"x must be \(N, 3, H, W\), got"):
        small()(torch.zeros(shape))


def test_what_is_not_an_arch_or_not_in_evaluation_mode_is_refused():
    with pytest.raises(ValueError, match="arch must be an ArchSpec, as get_arch"):
        EfficientNet("efficientnet_b0")
    with pytest.raises(ValueError, match=r"call model\.eval"):
        fold_batch_norms(small().train())
