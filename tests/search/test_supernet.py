import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from effnet_lib import EfficientNet
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.search.space import Dimension, SearchSpace, tabular_space
from effnet_lib.search.supernet import Supernet, children_accuracy, largest_networks, shared_name
from effnet_lib.small import glyph_base
from effnet_lib.train import CheckpointError, Recipe, fit, split_accuracy
from effnet_lib.train.checkpoint import load

RECIPE = Recipe("short", epochs=1, batch=50, optimizer="adamw", lr=1e-2, weight_decay=0.02, warm_up=0.2)
TABULAR = tabular_space(16)


def mnasnet_like():
    """Everything that a stage of MnasNet's space may choose, in two stages of a small network."""
    options = {
        "block": ("mbconv", "fused"), "kernel": (5, 3), "expand": (1, 3, 6), "se_ratio": (0, 0.25),
        "depth": (1, 2, 3), "width": (0.75, 1, 1.25),
    }  # fmt: skip
    dimensions = tuple(Dimension(field, values, (i,)) for i in (1, 2) for field, values in options.items())
    return SearchSpace("mnasnet-like", glyph_base(16), dimensions, divisor=4)


SPACES = [TABULAR, mnasnet_like()]


@pytest.fixture(scope="module")
def data():
    return glyph_data(16, train=500, validation=250, test=250)


def built(space, seed=0):
    torch.manual_seed(seed)
    return Supernet(space)


def pictures(n=6):
    return torch.randn(n, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def some_points(space, n=25):
    rng = np.random.default_rng(3)
    return [space.sample(rng) for _ in range(n)]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_a_child_gives_what_the_supernet_gives_with_its_slices(space):
    supernet, x = built(space), pictures()
    outputs = []
    for genotype in some_points(space):
        supernet.train()
        child = supernet.child(genotype)
        assert type(child) is EfficientNet
        assert child.arch == space.arch(genotype)
        shared = supernet(x, genotype)  # this changes the running statistics on both sides
        assert torch.equal(child(x), shared)
        supernet.eval()
        child = supernet.child(genotype)
        assert torch.equal(child(x), supernet(x, genotype))
        outputs.append(shared)
    assert not torch.allclose(outputs[0], outputs[1])


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_every_tensor_of_every_network_fits_and_none_is_larger_than_it_must_be(space):
    supernet = built(space)
    largest = {name: [0] * p.ndim for name, p in supernet.shared.named_parameters()}
    reached = 0
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(1200)]
    operations = ("operation", "block", "kernel", "expand")
    large = {
        tuple(g if d.field in operations else len(d.options) - 1 for d, g in zip(space.dimensions, one, strict=True))
        for one in drawn
    }  # fmt: skip
    for genotype in [*drawn[:100], *sorted(large)]:
        arch = space.arch(genotype)
        with torch.device("meta"):
            network = EfficientNet(arch)
        for name, parameter in network.named_parameters():
            key = shared_name(name, arch)
            whole = getattr(supernet.shared, key).shape
            assert all(n <= most for n, most in zip(parameter.shape, whole, strict=True)), key
            largest[key] = [max(pair) for pair in zip(largest[key], parameter.shape, strict=True)]
    for name, parameter in supernet.shared.named_parameters():
        reached += list(parameter.shape) == largest[name]
    assert reached == len(largest)


def test_networks_that_differ_in_width_share_the_first_channels_and_operations_share_nothing():
    supernet = built(TABULAR)
    small = TABULAR.encode({"stages.1.operation": ("mbconv", 3), "stages.2.operation": ("mbconv", 3),
                            "stages.3.operation": ("fused", 3), "stages.1-2-3.expand": 2, "se_ratio": 0,
                            "width": 1, "depth": (1, 1, 2, 1)})  # fmt: skip
    large = (*small[:3], 1, 1, 1, 1)
    other = (1, *small[1:])
    a, b, c = (supernet.slices(genotype) for genotype in (small, large, other))
    name = "stages.1.0.project.conv.weight"
    rows, columns = a[name].shape[:2]
    assert (rows, columns) < tuple(b[name].shape[:2])
    assert a[name].data_ptr() == b[name].data_ptr()
    assert torch.equal(a[name], b[name][:rows, :columns])
    assert a[name].data_ptr() != c[name].data_ptr()
    assert a["stem.conv.weight"].data_ptr() == c["stem.conv.weight"].data_ptr()
    assert a["stages.3.0.fused.conv.weight"].shape == (20 * 2, 20, 3, 3)
    assert "stages.1.0.se.squeeze.weight" in b
    assert "stages.1.0.se.squeeze.weight" not in a


def test_gradients_reach_the_path_that_was_used_and_nothing_else():
    supernet, x = built(TABULAR), pictures()
    genotype = (1, 0, 2, 0, 1, 0, 0)
    supernet.train()
    child = supernet.child(genotype)
    for network in (supernet, child):
        logits = network(x, genotype) if network is supernet else network(x)
        F.cross_entropy(logits, torch.arange(6)).backward()
    of_child = dict(child.named_parameters())
    used = {shared_name(name, child.arch): p for name, p in of_child.items()}
    beyond = 0
    for name, parameter in supernet.shared.named_parameters():
        if name not in used:
            assert parameter.grad is None, name
            continue
        part = tuple(slice(n) for n in used[name].shape)
        assert torch.equal(parameter.grad[part], used[name].grad), name
        rest = parameter.grad.clone()
        rest[part] = 0
        assert rest.count_nonzero() == 0, name
        beyond += rest.numel() - used[name].numel()
    assert beyond > 0
    assert sum(bool(p.grad.any()) for p in of_child.values()) > len(of_child) - 3


def test_a_step_on_one_path_changes_the_output_of_another():
    supernet, x = built(TABULAR), pictures()
    one, other = (0,) * 7, (1, 1, 1, 0, 0, 0, 0)
    before = supernet.eval()(x, other)
    optimizer = torch.optim.SGD(supernet.parameters(), 0.1)
    F.cross_entropy(supernet(x, one), torch.arange(6)).backward()
    optimizer.step()
    assert not torch.allclose(supernet(x, other), before)


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.2, "drop_path": 0.3}])
def test_a_space_of_one_network_trains_exactly_like_that_network(data, changes):
    base = glyph_base(16).replace(**changes)
    space = SearchSpace("one", base, (Dimension("expand", (4,), (1, 2, 3)), Dimension("width", (1,))))
    supernet = built(space)
    torch.manual_seed(0)
    plain = EfficientNet(space.arch((0, 0)))
    for name, tensor in supernet.slices((0, 0)).items():
        assert torch.equal(tensor, plain.state_dict()[name]), name
    shared, alone = (fit(m, data, RECIPE, seed=4, device="cpu") for m in (supernet, plain))
    assert shared.to_dict() | {"seconds": 0} == alone.to_dict() | {"seconds": 0}
    for name, tensor in plain.state_dict().items():
        assert torch.equal(supernet.slices((0, 0))[name], tensor), name


def test_the_same_seed_gives_the_same_supernet_and_another_seed_another(data):
    made = [built(TABULAR) for _ in range(3)]
    for supernet, seed in zip(made, (0, 0, 1), strict=True):
        torch.rand(seed + 3)  # the global state does not matter
        fit(supernet, data, RECIPE, seed=seed, device="cpu")
    first, again, other = (supernet.state_dict() for supernet in made)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["shared.classifier/weight"], other["shared.classifier/weight"])


def test_paths_are_drawn_uniformly_and_from_torchs_random_state_alone():
    supernet = built(TABULAR)
    torch.manual_seed(5)
    drawn = [supernet.sample() for _ in range(3000)]
    torch.manual_seed(5)
    np.random.default_rng(0).random()
    assert [supernet.sample() for _ in range(20)] == drawn[:20]
    for d, size in enumerate(TABULAR.sizes):
        counts = np.bincount([genotype[d] for genotype in drawn], minlength=size)
        # 5 standard deviations of a binomial count: one false alarm in a million
        assert abs(counts - 3000 / size).max() < 5 * math.sqrt(3000 / size * (1 - 1 / size))
    assert len(set(drawn)) > 400


def test_a_training_step_uses_one_path_and_evaluation_keeps_to_the_last():
    supernet, x = built(TABULAR).train(), pictures()
    torch.manual_seed(0)
    paths = []
    for _ in range(5):
        supernet(x)
        paths.append(supernet.path)
    torch.manual_seed(0)
    assert paths == [supernet.sample() for _ in range(5)]
    supernet.eval()
    assert torch.equal(supernet(x), supernet(x, paths[-1]))
    assert supernet.path == paths[-1]


def test_a_supernet_that_was_stopped_goes_on_where_it_was(data, tmp_path):
    through, stopped = built(TABULAR), built(TABULAR)
    two = RECIPE.replace(epochs=2)
    fit(through, data, two, seed=2, device="cpu")
    path = tmp_path / "supernet.pt"

    def stop(history):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(stopped, data, two, seed=2, device="cpu", checkpoint=path, on_epoch=stop)
    fresh = built(TABULAR, seed=9)
    fit(fresh, data, two, seed=2, device="cpu", checkpoint=path)
    for name, tensor in through.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor), name
    assert load(path)["step"] == 20  # read with weights_only
    with pytest.raises(CheckpointError, match="belongs to another run"):
        fit(built(mnasnet_like()), data, two, seed=2, device="cpu", checkpoint=path)


def test_ranking_leaves_the_supernet_as_it_is_and_is_what_each_child_reaches(data):
    supernet = built(TABULAR)
    fit(supernet, data, RECIPE, device="cpu")
    before = copy.deepcopy(supernet.state_dict())
    told = []
    points = some_points(TABULAR, 3)
    found = children_accuracy(supernet, data, points, images=250, tell=lambda *pair: told.append(pair))
    assert [genotype for genotype, _ in told] == points
    assert found.tolist() == [accuracy for _, accuracy in told]
    raw = children_accuracy(supernet, data, points, images=0)
    assert raw[1] == split_accuracy(supernet.child(points[1]), data)
    for name, tensor in supernet.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert children_accuracy(supernet, data, points[:1], split="test", images=0).shape == (1,)


def test_the_largest_networks_of_a_large_space_are_few():
    archs = largest_networks(mnasnet_like())
    assert len(archs) == 8  # two blocks, two kernels, expanded or not
    assert {arch.stages[1].channels for arch in archs} == {16}
    assert all(arch.stages[2].depth == 3 for arch in archs)


def test_bad_arguments_are_refused_by_name(data):
    with pytest.raises(ValueError, match="space must be a SearchSpace"):
        Supernet(glyph_base(16))
    supernet = built(TABULAR)
    with pytest.raises(ValueError, match="genotype must have 7 dimensions, got 2"):
        supernet.child((0, 0))
    with pytest.raises(ValueError, match=r"genotype must have 0 to 2 for stages.1.operation, got 3"):
        supernet(pictures(), (3, 0, 0, 0, 0, 0, 0))
    with pytest.raises(ValueError, match="genotype must have 0 to 1"):
        supernet.slices((0, 0, 0, 2, 0, 0, 0))
    with pytest.raises(ValueError, match=r"x must be \(N, 3, H, W\)"):
        supernet(torch.zeros(2, 1, 16, 16))
    with pytest.raises(ValueError, match="images must be a positive multiple of batch, 250, got 100"):
        children_accuracy(supernet, data, [(0,) * 7], images=100)
