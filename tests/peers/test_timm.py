"""TensorFlow's SAME padding and EfficientNet-Lite, against timm's ports of the original weights' networks."""

import pytest
import timm
import torch
from test_torchvision import calibrate, relative

from effnet_lib import EfficientNet, get_arch, load_torchvision_weights, measure

TENSORFLOW = {"padding": "same", "bn_eps": 1e-3, "bn_momentum": 0.01}
PAIRS = [
    (f"tf_efficientnet_b{i}", get_arch(f"efficientnet_b{i}").replace(**TENSORFLOW))
    for i in (0, 1, 2, 3, 4, 5)
]
PAIRS += [(f"tf_efficientnet_lite{i}", get_arch(f"efficientnet_lite{i}")) for i in range(5)]
PAIRS += [(f"tf_efficientnetv2_{s}", get_arch(f"efficientnet_v2_{s}").replace(padding="same")) for s in "sm"]


def theirs(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, pretrained=False)


@pytest.mark.parametrize(("name", "arch"), PAIRS, ids=[name for name, _ in PAIRS])
@pytest.mark.parametrize("pixels", [64, 65])
def test_logits_are_timms_with_same_padding(name, arch, pixels):
    reference = calibrate(theirs(name), pixels)
    ours = EfficientNet(arch).eval()
    load_torchvision_weights(ours, reference.state_dict())
    x = torch.randn(2, 3, pixels, pixels)
    with torch.no_grad():
        expected = reference(x)
        assert relative(expected[0], expected[1]) > 0.1
        assert relative(ours(x), expected) < 1e-5


def test_at_an_even_size_symmetric_padding_gives_other_logits_and_at_an_odd_one_the_same():
    reference = calibrate(theirs("tf_efficientnet_b0"), 65)
    symmetric = EfficientNet(get_arch("efficientnet_b0").replace(bn_eps=1e-3)).eval()
    load_torchvision_weights(symmetric, reference.state_dict())
    with torch.no_grad():
        odd, even = torch.randn(2, 3, 65, 65), torch.randn(2, 3, 64, 64)
        assert relative(symmetric(odd), reference(odd)) < 1e-5
        assert relative(symmetric(even), reference(even)) > 0.1


@pytest.mark.parametrize(("name", "arch"), PAIRS, ids=[name for name, _ in PAIRS])
def test_parameters_and_executed_macs_are_timms(name, arch):
    reference = theirs(name).eval()
    ours = EfficientNet(arch)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in reference.parameters())
    # timm pads inside its own convolution class, so hooks see the same layers
    assert list(measure.executed_macs(reference, 65).values()) == list(
        measure.executed_macs(ours, 65).values()
    )
