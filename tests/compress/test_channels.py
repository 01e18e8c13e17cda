"""Channel pruning: the smaller network is real, its arch is its own, and nothing is lost that was nothing."""

import copy
import itertools
import json
import random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import archs
from torch.nn.utils import prune

from effnet_lib import ArchSpec, EfficientNet, StageSpec, available, cost_of, get_arch, measure, scale
from effnet_lib.compress import (
    channel_groups,
    channel_scores,
    kept_count,
    prune_channels,
    prune_fraction,
    zero_channels,
)
from effnet_lib.model import fold_batch_norms
from effnet_lib.small import SMALL
from effnet_lib.trained import load_trained

SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def lively(arch, seed=0, dtype=torch.float64):
    """A network whose batch norms are not the identity: shifted, scaled, with statistics of their own."""
    torch.manual_seed(seed)
    model = EfficientNet(arch).to(dtype).eval()
    for name, tensor in model.state_dict().items():
        if ".norm." in name and tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5) if "running_var" in name or "weight" in name else tensor.normal_(0, 0.3)
    return model


def images(arch, n=2, size=None, dtype=torch.float64):
    size = size or arch.resolution
    return torch.randn(n, arch.in_channels, size, size, generator=torch.Generator().manual_seed(7)).to(dtype)


def random_keep(groups, seed):
    """A random, unsorted choice of at least one channel of about half the groups."""
    draw = random.Random(seed)
    chosen = [g for g in groups if draw.random() < 0.6]
    return {g.name: draw.sample(range(g.size), draw.randint(1, g.size)) for g in chosen}


def must_be_counted_rightly(model):
    cost, model = cost_of(model.arch), copy.deepcopy(model).float()
    assert {layer.name: layer.macs for layer in cost.layers} == measure.executed_macs(model)
    assert cost.params == sum(p.numel() for p in model.parameters())


def on_meta(arch):
    with torch.device("meta"):
        return EfficientNet(arch)


@given(archs(), st.integers(0, 2**31))
@settings(max_examples=25, **SLOW)
def test_any_choice_of_channels_of_a_random_network_gives_a_network_whose_arch_is_true(arch, seed):
    groups = channel_groups(arch)
    keep = random_keep(groups, seed)
    smaller = prune_channels(on_meta(arch), keep)
    must_be_counted_rightly(smaller)
    assert {g.name: g.size for g in channel_groups(smaller.arch)} == {
        g.name: len(keep.get(g.name, range(g.size))) for g in groups
    }
    assert [b.residual for b in smaller.arch.blocks()] == [b.residual for b in arch.blocks()]
    assert ArchSpec.from_dict(json.loads(json.dumps(smaller.arch.to_dict()))) == smaller.arch


@pytest.mark.parametrize("name", [*available(), *SMALL])
def test_every_family_can_be_halved_everywhere(name):
    arch = SMALL[name]() if name in SMALL else get_arch(name)
    smaller = prune_fraction(on_meta(arch), 0.5, "random", groups="all")
    assert (
        cost_of(smaller.arch).params
        == sum(p.numel() for p in smaller.parameters())
        < 0.36 * cost_of(arch).params
    )
    if name.endswith(("b0", "lite0", "v2_s")) or name in SMALL:
        must_be_counted_rightly(smaller)
        hidden = prune_fraction(on_meta(arch), 0.5, "random")
        must_be_counted_rightly(hidden)
        assert [s.channels for s in hidden.arch.stages] == [s.channels for s in arch.stages]


@pytest.mark.parametrize("name", [*available(), *SMALL])
def test_every_axis_of_every_tensor_belongs_to_one_group_or_to_the_task(name):
    arch = SMALL[name]() if name in SMALL else get_arch(name)
    state = on_meta(arch).state_dict()
    sizes = {}
    for group in channel_groups(arch):
        for member in group.members:
            assert (member.tensor, member.axis) not in sizes
            sizes[member.tensor, member.axis] = group.size
    for (tensor, axis), size in sizes.items():
        assert state[tensor].shape[axis] == size
    task = {("stem.conv.weight", 1), ("classifier.weight", 0), ("classifier.bias", 0)}
    for tensor, value in state.items():
        for axis, size in enumerate(value.shape[:2]):
            depthwise = ".depthwise." in tensor and axis == 1
            assert (tensor, axis) in sizes or (tensor, axis) in task or (depthwise and size == 1), tensor


def silence(model, group, channels, how):
    """Make ``channels`` contribute nothing: nobody reads them, or they are zero themselves."""
    state = model.state_dict()
    for member in group.members:
        tensor = state[member.tensor]
        part = member.tensor.rpartition(".")[2]
        if how == "unread" and member.role == "reads":
            tensor.index_fill_(member.axis, channels, 0)
        own = {"norm": ("weight", "bias"), "writes": ("weight",), "bias": ("bias",)}
        relevant = ("writes", "bias") if group.kind == "squeeze" else ("norm",)
        if how == "zero" and member.role in relevant and part in own[member.role]:
            tensor.index_fill_(member.axis, channels, 0)


def check_removal(arch, seed, size=None, dtype=torch.float64, tolerance=1e-10):
    """Silence random channels of every group; take them away; nothing changes. Take others away; something does."""
    model = lively(arch, seed, dtype)
    draw = random.Random(seed)
    keep = {}
    for group in channel_groups(arch):
        gone = draw.sample(range(group.size), draw.randint(0, group.size - 1))
        silence(model, group, torch.tensor(gone, dtype=torch.long), draw.choice(["unread", "zero"]))
        assert zero_channels(model, group)[gone].all()
        keep[group.name] = [c for c in range(group.size) if c not in gone]
    x = images(arch, size=size, dtype=dtype)
    with torch.no_grad():
        before, after = model(x), prune_channels(model, keep)(x)
    assert torch.allclose(before, after, rtol=0, atol=tolerance * max(1, before.abs().max().item()))
    return model, x, before


@given(archs(), st.integers(0, 2**31))
@settings(max_examples=30, **SLOW)
def test_removing_what_contributes_nothing_changes_no_logit_of_a_random_network(arch, seed):
    check_removal(arch, seed)


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_lite0", "efficientnet_v2_s"])
def test_removing_what_contributes_nothing_changes_no_logit_of_a_published_network(name):
    arch = get_arch(name)
    model, x, before = check_removal(arch, 3, size=32)
    with torch.no_grad():  # the test can fail: other channels do matter
        assert (prune_fraction(model, 0.2)(x) - before).abs().max() > 1e-3
    if name == "efficientnet_b0":
        check_removal(arch, 4, size=32, dtype=torch.float32, tolerance=1e-5)


def test_a_filter_of_zeros_is_not_nothing_because_batch_norm_shifts_it():
    model = load_trained("glyph_net").double()
    model.stages[1][0].expand.conv.weight.data[5] = 0
    assert not zero_channels(model, "stages.1.0.hidden").any()
    keep = {"stages.1.0.hidden": [c for c in range(64) if c != 5]}
    x = images(model.arch)
    with torch.no_grad():
        assert (prune_channels(model, keep)(x) - model(x)).abs().max() > 1e-4
        model.stages[1][0].project.conv.weight.data[:, 5] = 0
        assert not zero_channels(model, "stages.1.0.hidden").any()  # squeeze-and-excitation still reads it
        assert (prune_channels(model, keep)(x) - model(x)).abs().max() > 1e-6
        model.stages[1][0].se.squeeze.weight.data[:, 5] = 0
        assert zero_channels(model, "stages.1.0.hidden").nonzero().tolist() == [[5]]
        assert torch.allclose(prune_channels(model, keep)(x), model(x), rtol=0, atol=1e-12)


@given(archs(), st.integers(0, 2**31))
@settings(max_examples=15, **SLOW)
def test_weights_that_survive_are_the_same_numbers_and_the_old_network_is_untouched(arch, seed):
    model = lively(arch, seed)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    keep = random_keep(channel_groups(arch), seed)
    smaller = prune_channels(model, keep)
    index = {
        (m.tensor, m.axis): sorted(keep[g.name])
        for g in channel_groups(arch) if g.name in keep for m in g.members
    }  # fmt: skip
    for name, tensor in smaller.state_dict().items():
        whole = before[name].numpy()
        axes = [index.get((name, axis), range(n)) for axis, n in enumerate(whole.shape)]
        assert np.array_equal(tensor.numpy(), whole[np.ix_(*axes)] if axes else whole)
        tensor.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_smaller_network_keeps_mode_type_and_what_is_frozen_and_draws_no_random_number():
    model = lively(SMALL["glyph_net"]()).train()
    model.stem.conv.weight.requires_grad_(False)
    state = torch.random.get_rng_state()
    smaller = prune_fraction(model, 0.3, groups="all", name="smaller")
    assert torch.equal(state, torch.random.get_rng_state())
    assert smaller.training
    assert smaller.classifier.weight.dtype == torch.float64
    assert [p.requires_grad for p in smaller.parameters()] == [p.requires_grad for p in model.parameters()]
    assert (smaller.arch.name, model.arch.name) == ("smaller", "glyph_net")
    smaller(images(smaller.arch)).sum().backward()


@given(archs(), st.integers(0, 2**31))
@settings(max_examples=10, **SLOW)
def test_pruning_twice_is_pruning_once(arch, seed):
    model = lively(arch, seed)
    draw = random.Random(seed)
    first, second, both = {}, {}, {}
    for group in channel_groups(arch):
        first[group.name] = sorted(draw.sample(range(group.size), draw.randint(1, group.size)))
        n = len(first[group.name])
        second[group.name] = sorted(draw.sample(range(n), draw.randint(1, n)))
        both[group.name] = [first[group.name][i] for i in second[group.name]]
    twice, once = prune_channels(prune_channels(model, first), second), prune_channels(model, both)
    assert twice.arch == once.arch
    for a, b in zip(twice.state_dict().values(), once.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_widths_that_become_equal_by_chance_make_no_residual():
    stages = (StageSpec("mbconv", 3, 1, 2, 8, 1), StageSpec("mbconv", 3, 1, 2, 12, 2))
    model = lively(ArchSpec("two", stages, stem=6, head=10, resolution=8, classes=3))
    smaller = prune_channels(model, {"stages.1": range(8)})
    assert [b.residual for b in smaller.arch.blocks()] == [False, False, True]
    assert smaller.arch.stages[1].residual == (False, True)
    must_be_counted_rightly(smaller)
    again = EfficientNet(ArchSpec.from_dict(smaller.arch.to_dict())).double().eval()
    again.load_state_dict(smaller.state_dict())
    x = images(model.arch)
    with torch.no_grad():
        assert torch.equal(again(x), smaller(x))
    # pruned on, they differ again, and no word about residuals is needed
    assert prune_channels(smaller, {"stages.1": range(5)}).arch.stages[1].residual is None


@pytest.mark.parametrize(("criterion", "n"), [("l1", 1), ("l2", 2)])
@pytest.mark.parametrize("amount", [0.25, 0.5, 0.8])
def test_the_filters_with_the_smallest_norm_are_those_that_pytorch_finds(criterion, n, amount):
    model = load_trained("glyph_net")
    smaller = prune_fraction(model, amount, criterion, groups=["head"])
    filters = load_trained("glyph_net").head.conv
    prune.ln_structured(filters, "weight", amount, n=n, dim=0)
    kept = filters.weight_mask[:, 0, 0, 0].bool()
    assert torch.equal(smaller.head.conv.weight, model.head.conv.weight[kept])
    assert torch.equal(smaller.classifier.weight, model.classifier.weight[:, kept])


def test_scores_add_up_over_all_that_makes_a_channel():
    model = load_trained("glyph_net")
    block = model.stages[1][0]
    l1 = block.expand.conv.weight.abs().sum((1, 2, 3)) + block.depthwise.conv.weight.abs().sum((1, 2, 3))
    torch.testing.assert_close(channel_scores(model, "stages.1.0.hidden"), l1.detach())
    bn = block.expand.norm.weight.abs() + block.depthwise.norm.weight.abs()
    torch.testing.assert_close(channel_scores(model, "stages.1.0.hidden", "bn"), bn.detach())
    projections = [block.project.conv.weight.abs().sum((1, 2, 3)) for block in model.stages[2]]
    torch.testing.assert_close(channel_scores(model, "stages.2"), sum(projections).detach())
    random_scores = channel_scores(model, "stages.1.0.hidden", "random", seed=1)
    assert torch.equal(random_scores, channel_scores(model, "stages.1.0.hidden", "random", seed=1))
    assert not torch.equal(random_scores, channel_scores(model, "stages.1.0.hidden", "random", seed=2))
    assert not torch.equal(random_scores, channel_scores(model, "stages.2.1.hidden", "random", seed=1)[:64])


def test_residuals_tie_widths_and_the_earlier_name_is_the_groups():
    groups = {g.name: g for g in channel_groups(get_arch("efficientnet_v2_s"))}
    assert groups["stem"].ties == ("stages.0",)
    assert "stages.0" not in groups
    with pytest.raises(ValueError, match=r"'stages.0' is tied to 'stem' by a residual: name that"):
        prune_channels(on_meta(get_arch("efficientnet_v2_s")), {"stages.0": [0]})


def test_what_is_kept_is_rounded_as_hardware_likes_it():
    for size, amount, divisor in itertools.product(range(1, 70), (0, 0.25, 0.5, 0.75, 0.99), (1, 4, 8)):
        kept = kept_count(size, amount, divisor)
        assert 1 <= kept <= size
        assert kept % divisor == 0 or kept == size
        if divisor <= kept < size:
            assert abs(kept - size * (1 - amount)) <= divisor / 2 or kept == divisor
    smaller = prune_fraction(load_trained("glyph_net"), 0.3, divisor=8)
    assert all(h % 8 == 0 for s in smaller.arch.stages for h in s.hidden or ())


def test_a_pruned_network_cannot_be_scaled_in_width_or_depth_but_takes_other_sizes():
    arch = prune_fraction(load_trained("glyph_net"), 0.3).arch
    assert arch.irregular
    assert scale(arch, resolution=48).resolution == 48
    for change in ({"width": 2.0}, {"depth": 2.0}):
        with pytest.raises(ValueError, match="arch must be regular to be scaled, got 'glyph_net'"):
            scale(arch, **change)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: prune_fraction(m, 1.0), r"amount must be a number in \[0, 1\), got 1.0"),
        (lambda m: prune_fraction(m, -0.1), r"amount must be a number in \[0, 1\), got -0.1"),
        (lambda m: prune_fraction(m, float("nan")), "amount must be a number"),
        (lambda m: prune_fraction(m, 0.5, "magic"), "criterion must be one of 'l1', 'l2', 'bn', 'random', got 'magic'"),
        (lambda m: prune_fraction(m, 0.5, groups="depth"), "groups must be one of 'hidden', .*, got 'depth'"),
        (lambda m: prune_fraction(m, 0.5, groups=["tail"]), "group must be one of stem, .*; got 'tail'"),
        (lambda m: prune_fraction(m, 0.5, divisor=0), "divisor must be a positive integer, got 0"),
        (lambda m: prune_fraction(m, 0.5, "bn", groups="all"), "criterion 'bn' needs a batch norm, and .*squeeze"),
        (lambda m: prune_channels(m, {"head": []}), r"keep\['head'\] must hold at least one of 128 channels"),
        (lambda m: prune_channels(m, {"head": [0, 128]}), r"keep\['head'\] must lie in 0 to 127, got 128"),
        (lambda m: prune_channels(m, {"head": [-1]}), r"keep\['head'\] must lie in 0 to 127, got -1"),
        (lambda m: prune_channels(m, {"head": [3, 3]}), r"keep\['head'\] must name a channel once, got 3 twice"),
        (lambda m: prune_channels(m, {"head": [0.5]}), r"keep\['head'\] must hold indices, got 0.5"),
        (lambda m: prune_channels(m, {"head": torch.ones(128).bool()}), "must hold indices, got True; for a mask"),
        (lambda m: prune_channels(m, {"stages.9": [0]}), "group must be one of stem"),
        (lambda m: prune_channels(fold_batch_norms(m), {"head": [0]}), "prune before folding batch norms"),
        (lambda m: prune_channels(torch.nn.Linear(2, 2), {"head": [0]}), "which has an .arch, got Linear"),
        (lambda m: channel_scores(m, channel_groups(get_arch("efficientnet_b0"))[0]), "16 channels .* got one of 32"),
    ],
)  # fmt: skip
def test_a_bad_choice_is_refused_with_its_value(call, message):
    with pytest.raises(ValueError, match=message):
        call(load_trained("glyph_net"))
