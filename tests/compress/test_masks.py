"""Unstructured pruning: against PyTorch's own pruning, NumPy and SciPy."""

import copy
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save
from scipy import sparse
from torch.nn.utils import prune

from effnet_lib import ArchSpec, StageSpec
from effnet_lib.compress import (
    apply_masks,
    break_even_density,
    cubic_schedule,
    magnitude_masks,
    prunable,
    prune_gradually,
    sparsity,
    storage_bytes,
    tensor_bytes,
)
from effnet_lib.model import EfficientNet
from effnet_lib.trained import load_trained


@pytest.fixture
def model():
    return load_trained("glyph_net")


@pytest.fixture
def fresh():
    torch.manual_seed(0)
    rows = (StageSpec("mbconv", 3, 1, 2, 8, 2), StageSpec("fused", 3, 1, 2, 12, 1))
    return EfficientNet(ArchSpec("fresh", rows, stem=8, head=16, resolution=8, classes=4, stem_stride=1))


def layers(model):
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear))
    ]


@pytest.mark.parametrize("amount", [0, 0.1, 0.37, 0.5, 0.9, 1])
def test_masks_layer_by_layer_are_those_of_pytorch(model, amount):
    masks = magnitude_masks(model, amount)
    reference = copy.deepcopy(model)
    for _, module in layers(reference):
        prune.l1_unstructured(module, "weight", float(amount))
    assert len(masks) == len(layers(reference)) == 27
    for name, module in layers(reference):
        assert torch.equal(masks[f"{name}.weight"], module.weight_mask.bool()), name


@pytest.mark.parametrize("amount", [0.1, 0.37, 0.5, 0.9, 0.99])
def test_masks_over_all_layers_are_those_of_pytorch(model, amount):
    masks = magnitude_masks(model, amount, scope="global")
    reference = copy.deepcopy(model)
    targets = [(module, "weight") for _, module in layers(reference)]
    prune.global_unstructured(targets, pruning_method=prune.L1Unstructured, amount=float(amount))
    for name, module in layers(reference):
        assert torch.equal(masks[f"{name}.weight"], module.weight_mask.bool()), name
    fractions = [mask.float().mean().item() for mask in masks.values()]
    assert max(fractions) - min(fractions) > 0.02  # the layers really differ


def test_a_masked_network_computes_what_pytorchs_masked_network_computes(model):
    reference = copy.deepcopy(model)
    for _, module in layers(reference):
        prune.l1_unstructured(module, "weight", 0.5)
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    before = model(x)
    apply_masks(model, magnitude_masks(model, 0.5)).remove()
    assert not torch.allclose(model(x), before, atol=1e-2)
    assert torch.equal(model(x), reference(x))
    assert sparsity(model) == pytest.approx(0.5, abs=1e-3)


def test_what_is_excluded_stays_whole_and_is_not_counted(model):
    masks = magnitude_masks(model, 0.5, "global", exclude=["*.depthwise.*", "classifier.weight"])
    assert not any("depthwise" in name or name == "classifier.weight" for name in masks)
    kept = sum(int(mask.sum()) for mask in masks.values())
    size = sum(mask.numel() for mask in masks.values())
    assert kept == size - round(0.5 * size)
    assert magnitude_masks(model, 0.5, "global", exclude="*") == {}


def train(model, steps, optimizer=None, seed=0):
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(steps):
        loss = model(torch.randn(8, 3, 8, 8, generator=generator)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return optimizer


def test_masked_weights_stay_zero_through_training_and_others_move(fresh):
    masks = magnitude_masks(fresh, 0.6)
    before = {name: w.detach().clone() for name, w in prunable(fresh).items()}
    handle = apply_masks(fresh, masks)
    train(fresh, 3)
    for name, w in prunable(fresh).items():
        assert (w[~masks[name]] == 0).all(), name
        assert not torch.equal(w[masks[name]], before[name][masks[name]]), name
    handle.remove()
    train(fresh, 1)
    assert sparsity(fresh) < 0.1  # nothing holds them any longer


def test_an_optimizer_that_remembers_older_gradients_moves_no_masked_weight_for_the_network(fresh):
    optimizer = train(fresh, 3)
    handle = apply_masks(fresh, magnitude_masks(fresh, 0.6))
    train(fresh, 1, optimizer)
    assert sparsity(fresh) < 0.1  # momentum moved the weights after the pass ...
    fresh.eval()(torch.zeros(1, 3, 8, 8))
    assert sparsity(fresh) == pytest.approx(0.6, abs=1e-2)  # ... and the next pass put them back
    train(fresh, 1, optimizer)
    handle.remove()
    assert sparsity(fresh) == pytest.approx(0.6, abs=1e-2)


def test_a_copy_of_a_masked_network_is_its_own(fresh):
    handle = apply_masks(fresh, magnitude_masks(fresh, 0.5))
    twin = copy.deepcopy(fresh).eval()
    handle.remove()
    with torch.no_grad():
        for w in prunable(twin).values():
            w.fill_(1)
    twin(torch.zeros(1, 3, 8, 8))
    assert sparsity(twin) == 0
    assert sparsity(fresh) == pytest.approx(0.5, abs=1e-2)


def test_frozen_weights_can_be_masked(fresh):
    fresh.requires_grad_(False)
    apply_masks(fresh, magnitude_masks(fresh, 0.5)).remove()
    assert sparsity(fresh) == pytest.approx(0.5, abs=1e-2)


def test_gradual_pruning_follows_the_schedule_and_never_brings_a_weight_back(fresh):
    handle = prune_gradually(fresh, 0.8, steps=7, initial=0.2, every=2, scope="global")
    optimizer, seen, dead = None, [], None
    for step in range(9):
        optimizer = train(fresh, 1, optimizer, seed=step)
        seen.append(1 - np.mean([m.float().mean().item() for m in handle.masks.values()]))
        now = torch.cat([~m.flatten() for m in handle.masks.values()])
        assert dead is None or (now | ~dead).all()  # what was masked is masked
        dead = now
        at = min(step, 7) if step >= 7 else step - step % 2
        assert now.float().mean().item() == pytest.approx(cubic_schedule(at, 7, 0.8, 0.2), abs=1e-3)
    handle.remove()
    assert sparsity(fresh) == pytest.approx(0.8, abs=1e-3)


def test_the_cubic_schedule_is_the_papers_equation():
    # s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n Δt))^3, written out as a polynomial in t / steps
    polynomial = np.polynomial.Polynomial([0, 3, -3, 1])
    for step in range(0, 101, 5):
        assert cubic_schedule(step, 100, 0.9) == pytest.approx(0.9 * polynomial(step / 100))
        assert cubic_schedule(step, 100, 0.9, 0.3) == pytest.approx(0.3 + 0.6 * polynomial(step / 100))
    assert cubic_schedule(500, 100, 0.9) == 0.9


def test_bytes_are_those_that_scipy_numpy_and_a_safetensors_file_take(model):
    seen = []
    for amount in (0, 0.3, 0.8):
        pruned = copy.deepcopy(model)
        apply_masks(pruned, magnitude_masks(pruned, amount, "global")).remove()
        whole = {k: v for k, v in pruned.state_dict().items() if not k.endswith("num_batches_tracked")}
        file = save({k: v.contiguous() for k, v in whole.items()})
        header = 8 + int.from_bytes(file[:8], "little")
        assert storage_bytes(pruned) == len(file) - header
        other = sum(v.nbytes for k, v in whole.items() if k not in prunable(pruned))
        csr = bitmask = other
        for w in prunable(pruned).values():
            matrix = w.detach().flatten(1).numpy()
            found = sparse.csr_matrix(matrix)
            csr += found.data.nbytes + found.indices.nbytes + found.indptr.nbytes
            bitmask += np.packbits(matrix != 0).nbytes + matrix[matrix != 0].nbytes
        assert storage_bytes(pruned, "csr") == csr
        assert storage_bytes(pruned, "bitmask") == bitmask
        seen.append([csr, bitmask, storage_bytes(pruned)])
    assert seen[0][0] > seen[0][2]  # a form for zeros costs more where there are none
    assert seen[0][1] > seen[0][2]
    assert seen[2][0] < seen[2][2]
    assert seen[2][1] < seen[2][0]


@pytest.mark.parametrize("form", ["bitmask", "csr"])
@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (48, 9), (40, 128), (1, 1)])
def test_the_break_even_density_is_where_the_bytes_cross(form, rows, columns):
    density = break_even_density(rows, columns, form)
    size = rows * columns
    dense = tensor_bytes(rows, columns, 0)
    for nonzeros in range(size + 1):
        smaller = tensor_bytes(rows, columns, nonzeros, form) < dense
        assert smaller == (nonzeros < density * size - 1e-9)
    assert density < {"bitmask": 31 / 32 + 1e-9, "csr": 0.5}[form]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: magnitude_masks(m, 1.5), r"amount must be a number in \[0, 1\], got 1.5"),
        (lambda m: magnitude_masks(m, math.nan), r"amount must be a number in \[0, 1\], got nan"),
        (lambda m: magnitude_masks(m, True), r"amount must be a number in \[0, 1\], got True"),
        (lambda m: magnitude_masks(m, 0.5, "filter"), "scope must be one of 'layer', 'global', got 'filter'"),
        (lambda m: magnitude_masks(m, 0.5, exclude=["nothing"]), "exclude: no convolution .* fits 'nothing'"),
        (lambda m: apply_masks(m, {"stem.norm.weight": torch.ones(8).bool()}), "no .* weight 'stem.norm.weight'"),
        (lambda m: apply_masks(m, {"stem.conv.weight": torch.ones(8).bool()}), r"must be bool \(8, 3, 3, 3\)"),
        (lambda m: apply_masks(m, {"classifier.weight": torch.ones(4, 16)}), "got torch.float32"),
        (lambda m: prune_gradually(m, 0.5, 0), "steps must be a positive integer, got 0"),
        (lambda m: prune_gradually(m, 0.5, 5, every=0), "every must be a positive integer, got 0"),
        (lambda m: prune_gradually(m, 1.5, 5), r"final must be in \[0, 1\], got 1.5"),
        (lambda m: cubic_schedule(-1, 5, 0.5), "step must be at least 0, got -1"),
        (lambda m: cubic_schedule(1, 0, 0.5), "steps must be positive, got 0"),
        (lambda m: storage_bytes(m, "zip"), "form must be one of 'dense', 'bitmask', 'csr', got 'zip'"),
        (lambda m: tensor_bytes(2, 2, 5), r"nonzeros must lie in \[0, 4\], got 5"),
        (lambda m: break_even_density(2, 2, "dense"), "form must be 'bitmask' or 'csr'"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_refused_with_its_value_and_leaves_the_network_as_it_was(fresh, call, message):
    before = [p.detach().clone() for p in fresh.parameters()]
    with pytest.raises(ValueError, match=message):
        call(fresh)
    assert not fresh._forward_pre_hooks
    assert all(torch.equal(a, b) for a, b in zip(before, fresh.parameters(), strict=True))
