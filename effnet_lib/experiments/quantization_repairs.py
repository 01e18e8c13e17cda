"""What repairs a network that was quantized too coarsely: the rows of the family "repairs"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from effnet_lib.compress.affine import Scheme
from effnet_lib.compress.bias import correct_bias
from effnet_lib.compress.dead import zero_dead_channels
from effnet_lib.compress.equalization import equalize
from effnet_lib.compress.layers import weighted_layers
from effnet_lib.compress.mixed import allocate_bits, layer_sensitivity, packed_bytes
from effnet_lib.compress.network import quantized
from effnet_lib.compress.qat import prepare_qat
from effnet_lib.data.sets import ImageData
from effnet_lib.model import EfficientNet
from effnet_lib.train import RECIPES, fit

RECIPE = RECIPES["small"].replace(name="fine-tuning", epochs=1, lr=1e-3, warm_up=0.1)
CHOICES = (2, 3, 4, 5, 6, 8)
BUDGET_BITS = 4  # mixed precision has the bytes of so many bits everywhere
TENSOR = Scheme(per_channel=False)
CHANNEL = Scheme()
#: name: (network, weights' scheme, whether biases are corrected)
AFTER_TRAINING = {
    "none": ("folded", TENSOR, False),
    "mse range": ("folded", replace(TENSOR, observer="mse"), False),
    "dead channels zeroed": ("clean", TENSOR, False),
    "equalized": ("equalized", TENSOR, False),
    "equalized, ReLU6 without its bound": ("equalized relu", TENSOR, False),
    "equalized, mse range": ("equalized", replace(TENSOR, observer="mse"), False),
    "bias corrected": ("folded", TENSOR, True),
    "dead channels zeroed, bias corrected": ("clean", TENSOR, True),
    "equalized, bias corrected": ("equalized", TENSOR, True),
    "per channel": ("folded", CHANNEL, False),
    "per channel, mse range": ("folded", replace(CHANNEL, observer="mse"), False),
    "per channel, bias corrected": ("folded", CHANNEL, True),
    "per channel, equalized": ("equalized", CHANNEL, False),
    "per channel, equalized, mse range, bias corrected": (
        "equalized",
        replace(CHANNEL, observer="mse"),
        True,
    ),
}
#: name: (network, weights' scheme)
TRAINED = {
    "fine-tuned with quantization": ("folded", TENSOR),
    "dead channels zeroed, fine-tuned with quantization": ("clean", TENSOR),
    "per channel, fine-tuned with quantization": ("folded", CHANNEL),
}
CONTROL = {
    "fine-tuned without": TENSOR,
    "per channel, fine-tuned without": CHANNEL,
}
MIXED = {"mixed precision": ("clean", TENSOR), "per channel, mixed precision": ("folded", CHANNEL)}


def activations(bits: int) -> Scheme:
    """Affine, unsigned; min/max at 8 bits, the range of least squared error below."""
    return Scheme(bits, symmetric=False, signed=False, observer="minmax" if bits == 8 else "mse")


def rows() -> Iterator[dict[str, Any]]:
    """Part (e): repairs at 8, 5 and 4 bits of weights with 8 bits of activations, and at 4 of both."""
    for weights, acts in ((8, 8), (5, 8), (4, 8), (4, 4)):
        wanted = list(AFTER_TRAINING)
        if (weights, acts) == (4, 8):
            wanted += [*TRAINED, *CONTROL, *MIXED]
        elif acts == 4:
            wanted += [repair for repair in (*TRAINED, *CONTROL) if repair.startswith("per channel")]
        for repair in wanted:
            yield {
                "name": f"weights {weights} bits, activations {acts} bits: {repair}", "family": "repairs",
                "part": "both", "bits": weights, "activation_bits": acts, "symmetric": True,
                "per_channel": repair.startswith("per channel"), "repair": repair,
            }  # fmt: skip
    yield {"name": "float, fine-tuned", "family": "float", "repair": "fine-tuned without"}


class Bench:
    """One seed's networks, made when they are first asked for."""

    def __init__(
        self, folded: EfficientNet, data: ImageData, calibration: Sequence[Tensor], seed: int
    ) -> None:
        self.data, self.calibration, self.seed = data, calibration, seed
        self._networks: dict[str, Any] = {"folded": folded}

    def network(self, name: str) -> EfficientNet:
        """ "folded", "clean" (dead channels zeroed), "equalized", "equalized relu" or "tuned" (in floats)."""
        if name not in self._networks:
            folded = self._networks["folded"]
            if name == "clean":
                made = zero_dead_channels(folded, self.calibration)[0]
            elif name == "tuned":
                tuned = prepare_qat(folded, None)
                fit(tuned, self.data, RECIPE, seed=self.seed, device="cpu")
                made = tuned.model.requires_grad_(False)
            else:
                made = equalize(folded, "relu" if name == "equalized relu" else "cap")
            self._networks[name] = made
        return self._networks[name]

    def build(self, row: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
        """The network of a row of ``rows()``, and what else is worth writing down."""
        repair = row["repair"]
        if row["family"] == "float":
            return quantized(self.network("tuned")), {}
        acts, bits = activations(row["activation_bits"]), row["bits"]
        if repair in AFTER_TRAINING:
            name, scheme, corrected = AFTER_TRAINING[repair]
            network = quantized(self.network(name), replace(scheme, bits=bits), acts, self.calibration)
            if corrected:
                correct_bias(network, self.network(name), self.calibration[:2])
            return network, {}
        if repair in CONTROL:
            scheme = replace(CONTROL[repair], bits=bits)
            return quantized(self.network("tuned"), scheme, acts, self.calibration), {}
        if repair in TRAINED:
            name, scheme = TRAINED[repair]
            network = prepare_qat(self.network(name), replace(scheme, bits=bits), acts, self.calibration)
            history = fit(network, self.data, RECIPE, seed=self.seed, device="cpu")
            return network, {"train_loss": [round(loss, 4) for loss in history.train_loss]}
        return self.mixed(*MIXED[repair], acts)

    def mixed(self, name: str, scheme: Scheme, acts: Scheme) -> tuple[nn.Module, dict[str, Any]]:
        """Bits by sensitivity, measured on logits of calibration images, in the bytes of ``BUDGET_BITS`` everywhere."""
        model = self.network(name)
        harm = logit_error(model, self.calibration[:2])
        found = layer_sensitivity(model, harm, scheme, CHOICES)
        sizes = {layer: module.weight.numel() for layer, module in weighted_layers(model).items()}
        budget = sum(packed_bytes(size, BUDGET_BITS) for size in sizes.values())
        chosen = allocate_bits(found, sizes, budget, CHOICES)
        schemes = {layer: replace(scheme, bits=bits) for layer, bits in chosen.items()}
        objective = {
            "mixed": sum(found[layer][bits] for layer, bits in chosen.items()),
            "uniform": sum(found[layer][BUDGET_BITS] for layer in chosen),
        }
        more = {"layer_bits": chosen, "objective": {k: float(f"{v:.4g}") for k, v in objective.items()}}
        return quantized(model, schemes, acts, self.calibration), more


def logit_error(model: nn.Module, batches: Sequence[Tensor]) -> Callable[[nn.Module], float]:
    """A measure of harm that needs no label: mean squared error of logits against those of ``model``."""
    with torch.inference_mode():
        truth = [model(images) for images in batches]

    @torch.inference_mode()
    def harm(network: nn.Module) -> float:
        errors = [(network(x) - y).double().square().sum() for x, y in zip(batches, truth, strict=True)]
        return float(sum(errors)) / sum(y.numel() for y in truth)

    return harm
