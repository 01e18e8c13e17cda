"""``cost_of`` says, layer by layer, what the built model executes, for any architecture."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from strategies import archs

from effnet_lib import EfficientNet, available, cost_of, get_arch, measure


def on_meta(arch):
    with torch.device("meta"):
        return EfficientNet(arch)


def own_parameters(model: torch.nn.Module) -> dict[str, int]:
    """Parameters of every convolution and linear layer, those of the batch norm after it included."""
    modules, counts = dict(model.named_modules()), {}
    for name, module in modules.items():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            parts = [module]
            if name.endswith(".conv"):
                parts.append(modules[name.removesuffix("conv") + "norm"])
            counts[name] = sum(p.numel() for part in parts for p in part.parameters())
    return counts


def check(arch) -> None:
    cost, model = cost_of(arch), on_meta(arch)
    executed = measure.executed_macs(model)
    assert {layer.name: layer.macs for layer in cost.layers} == executed
    assert [layer.name for layer in cost.layers] == list(executed)  # in order of execution
    assert {layer.name: layer.params for layer in cost.layers} == own_parameters(model)
    assert cost.params == sum(p.numel() for p in model.parameters())


def shapes(arch) -> dict[str, tuple]:
    model, found = on_meta(arch).eval(), {}
    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(
                lambda m, x, y, name=name: found.__setitem__(name, tuple(y.shape[1:]))
            )
    model(torch.zeros(1, arch.in_channels, arch.resolution, arch.resolution, device="meta"))
    return {name: (*shape, 1, 1)[:3] for name, shape in found.items()}


@pytest.mark.parametrize("name", available())
def test_cost_of_a_published_variant_is_what_executes(name):
    check(get_arch(name))
    assert cost_of(get_arch(name)).macs == measure.counted_macs(on_meta(get_arch(name)))


@given(archs())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cost_of_a_random_architecture_is_what_executes_layer_by_layer(arch):
    check(arch)
    assert {layer.name: layer.out_shape for layer in cost_of(arch).layers} == shapes(arch)


@given(archs(most_stages=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_modelled_peak_memory_and_macs_of_a_random_architecture_are_the_measured_ones(arch):
    model = EfficientNet(arch).eval()
    assert measure.counted_macs(model) == cost_of(arch).macs
    measured = measure.peak_memory(model)
    # what the model leaves out is a few vectors a block (gates, pooled features): at these tiny sizes
    # they may be a good part of the whole, so they bound the difference instead of a percentage
    vectors = max(6 * 4 * max(b.hidden, b.out_channels) for b in arch.blocks()) + 12 * 4 * arch.head
    assert abs(measured - cost_of(arch).peak_bytes) <= vectors + 4 * arch.classes
