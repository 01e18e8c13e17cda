"""Speed and memory of B0 against torchvision's and timm's, with the same weights, in the same rounds."""

import pytest
import timm
import torch
import torchvision
from paired import ratio, rounds

from effnet_lib import EfficientNet, get_arch, inference_form, load_torchvision_weights, measure

PIXELS = 224


def networks() -> dict[str, torch.nn.Module]:
    """Ours, timm's, and torchvision's twice: the second pair shows what the machine's noise is worth."""
    torch.manual_seed(0)
    reference = torchvision.models.efficientnet_b0(weights=None)
    twin = torchvision.models.efficientnet_b0(weights=None)
    twin.load_state_dict(reference.state_dict())
    ours = EfficientNet(get_arch("efficientnet_b0"))
    port = timm.create_model("efficientnet_b0", pretrained=False, drop_rate=0.2, drop_path_rate=0.2)
    for model in (ours, port):
        load_torchvision_weights(model, reference.state_dict())
    return {"torchvision": reference, "twin": twin, "ours": ours, "timm": port}


def step(model: torch.nn.Module, x: torch.Tensor, training: bool):
    if not training:

        def forward():
            with torch.inference_mode():
                model(x)

        return forward

    def forward_backward():
        model.zero_grad(set_to_none=True)
        model(x).sum().backward()

    return forward_backward


@pytest.mark.parametrize(
    ("training", "batch", "count"), [(False, 1, 60), (False, 32, 10), (True, 1, 40), (True, 32, 6)]
)
def test_b0_is_no_slower_than_the_same_network_elsewhere(training, batch, count, report):
    x = torch.randn(batch, 3, PIXELS, PIXELS)
    runs = {name: step(model.train(training), x, training) for name, model in networks().items()}
    times = rounds(runs, count)
    noise = ratio(times["twin"], times["torchvision"])
    what = f"B0 {'forward + backward' if training else 'forward'}, batch {batch}"
    for peer in ("torchvision", "timm"):
        found = ratio(times["ours"], times[peer])
        budget = f"not beyond torchvision / itself {noise}"
        report(f"{what}: ours / {peer}", found, budget, found.low <= max(1, noise.high))


@pytest.mark.parametrize(("training", "batch"), [(False, 1), (False, 32), (True, 1), (True, 8)])
def test_b0_takes_no_more_memory(training, batch, report):
    models = networks()
    peaks = {
        name: measure.peak_memory(models[name].train(training), PIXELS, batch, training)
        for name in ("ours", "torchvision", "timm")
    }
    what = f"B0 peak memory, {'training' if training else 'inference'}, batch {batch}"
    for peer in ("torchvision", "timm"):
        found = peaks["ours"] / peaks[peer]
        report(f"{what}: ours / {peer}", f"{found:.3f}", "<= 1.02", found <= 1.02)


def test_the_inference_form_pays(report):
    models = networks()
    reference, ours = models["torchvision"].eval(), inference_form(models["ours"].eval())
    x = torch.randn(1, 3, PIXELS, PIXELS)
    fast = x.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = reference(x)
        error = ((ours(fast) - expected).norm() / expected.norm()).item()
    report("inference form of B0: relative error of the logits", f"{error:.1e}", "< 1e-4", error < 1e-4)
    times = rounds({"torchvision": step(reference, x, False), "ours": step(ours, fast, False)}, 80)
    found = ratio(times["torchvision"], times["ours"])
    report("torchvision's eager forward / inference form, batch 1", found, ">= 1.4", found.median >= 1.4)
