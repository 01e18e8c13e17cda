import json
import subprocess
import sys
from functools import partial

import pytest
import torch

from effnet_lib import EfficientNet, cost_of
from effnet_lib.data import glyph_data
from effnet_lib.search import (
    HARD,
    NSGA2,
    RandomSearch,
    Reward,
    TradeOff,
    TrainedValue,
    Within,
    WorkerPool,
    constrained,
    mnasnet_reward,
    run_search,
    tabular_space,
)
from effnet_lib.train import fit, get_recipe

SPACE = tabular_space()
DATA = partial(glyph_data, 20, 256, 200, 1)
RECIPE = get_recipe("small").replace(epochs=1, batch=32)
FIRST = (0,) * 7
made = []


def counted_data():
    made.append(1)
    return DATA()


def no_data():
    raise AssertionError("nothing was to be trained")


def test_the_value_is_the_validation_accuracy_of_the_network_trained_from_the_seed():
    arch, data = SPACE.arch(FIRST), DATA()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    model = EfficientNet(arch)
    expected = fit(model, data, RECIPE.replace(epochs=2), seed=5).validation_accuracy
    torch.set_num_threads(threads)
    found = TrainedValue(SPACE, DATA, RECIPE.replace(epochs=2), seed=5, device="cpu")(FIRST)
    assert found.value == found.notes["accuracy"] == expected[-1]
    assert found.notes["curve"] == expected
    assert (found.notes["macs"], found.notes["params"]) == (cost_of(arch).macs, cost_of(arch).params)
    assert found.notes["seconds"] > 0
    other = TrainedValue(SPACE, DATA, RECIPE.replace(epochs=2), seed=6, device="cpu")(FIRST)
    assert other.notes["curve"] != expected


def test_a_worker_finds_what_this_process_finds_and_the_notes_are_plain():
    evaluate = TrainedValue(SPACE, DATA, RECIPE, device="cpu", latency=0.01)
    here = run_search(RandomSearch(SPACE, 1), evaluate, 2)
    with WorkerPool(1) as pool:
        there = run_search(RandomSearch(SPACE, 1), evaluate, 2, pool)
    assert [trial.value for trial in there.evaluations] == [trial.value for trial in here.evaluations]
    assert json.loads(json.dumps(dict(there.best.notes))) == there.best.notes
    assert there.best.notes["latency"] > 0


def test_the_state_of_torch_is_left_alone():
    torch.set_num_threads(2)
    state = torch.get_rng_state()
    TrainedValue(SPACE, DATA, RECIPE, device="cpu")(FIRST)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == 2


def test_a_process_makes_the_data_once():
    evaluate = TrainedValue(SPACE, counted_data, RECIPE, device="cpu")
    for genotype in (FIRST, FIRST):
        evaluate(genotype)
    evaluate.prepare()
    assert made == [1]


def test_data_may_be_given_as_they_are():
    given = TrainedValue(SPACE, DATA(), RECIPE, device="cpu")
    made_anew = TrainedValue(SPACE, DATA, RECIPE, device="cpu")
    assert given(FIRST).value == made_anew(FIRST).value


def test_the_objectives_are_those_of_the_book():
    notes = {"accuracy": 0.6, "macs": 3e6, "params": 2e4, "latency": 0.004}
    assert Reward(2e6)(notes) == mnasnet_reward(0.6, 3e6, 2e6)
    assert Reward(0.002, HARD, "latency")(notes) == mnasnet_reward(0.6, 0.004, 0.002, HARD)
    assert Within(3e6)(notes) == constrained(0.6, 3e6, 3e6) == 0.6
    assert Within(1e4, "params")(notes) == constrained(0.6, 2e4, 1e4) == -1
    assert TradeOff()(notes) == (3e6, 0.6)
    assert TradeOff("params")(notes) == (2e4, 0.6)


def test_what_is_beyond_the_budget_is_not_trained():
    macs = cost_of(SPACE.arch(FIRST)).macs
    found = TrainedValue(SPACE, no_data, RECIPE, objective=Within(macs / 2))(FIRST)
    assert found.value == constrained(0.0, macs, macs / 2) == -1
    assert set(found.notes) == {"macs", "params"}
    with pytest.raises(AssertionError, match="nothing was to be trained"):
        TrainedValue(SPACE, no_data, RECIPE, objective=Within(macs))(FIRST)


def test_two_objectives_go_to_a_strategy_that_takes_two():
    evaluate = TrainedValue(SPACE, DATA, RECIPE, objective=TradeOff(), device="cpu")
    result = run_search(NSGA2(SPACE, 0, population=2), evaluate, 2)
    assert {trial.value[0] for trial in result.front()} <= {trial.notes["macs"] for trial in result.evaluations}


def test_a_training_that_diverges_is_a_failure_with_the_reason():
    evaluate = TrainedValue(SPACE, DATA, RECIPE.replace(optimizer="sgd", lr=1e30, epochs=50), device="cpu")
    result = run_search(RandomSearch(SPACE), evaluate, 1)
    assert result.best is None
    assert result.failures[0].error.startswith("FloatingPointError: the training loss is ")
    assert "after epoch" in result.failures[0].error
    assert "after epoch 50" not in result.failures[0].error


@pytest.mark.parametrize(
    ("data", "got"),
    [(partial(glyph_data, 24, 40, 40, 1), "40, 3 and 24 x 24 px"), (DATA, "40, 3 and 20 x 20 px")],
)
def test_data_that_do_not_fit_the_networks_stop_the_search(data, got):
    space = SPACE if "24" in got else tabular_space(20, classes=10)
    with pytest.raises(ValueError, match=f"data must have .* as the space's networks have, got {got}"):
        run_search(RandomSearch(space), TrainedValue(space, data, RECIPE), 5)


def test_its_settings_tell_searches_apart(tmp_path):
    journal = tmp_path / "journal.jsonl"
    evaluate = partial(TrainedValue, SPACE, device="cpu")
    settings = evaluate(DATA, RECIPE, objective=Within(2e5)).settings
    assert json.loads(json.dumps(settings)) == settings
    for other in (
        evaluate(DATA, RECIPE.replace(epochs=2), objective=Within(2e5)),
        evaluate(DATA, RECIPE, objective=Within(3e5)), evaluate(DATA, RECIPE, objective=Reward(2e5)),
        evaluate(DATA, RECIPE, seed=1, objective=Within(2e5)),
        evaluate(partial(glyph_data, 20, 128, 200, 1), RECIPE, objective=Within(2e5)),
    ):  # fmt: skip
        assert other.settings != settings
    run_search(RandomSearch(SPACE), evaluate(DATA, RECIPE, objective=Within(1.0)), 2, journal=journal)
    with pytest.raises(ValueError, match="its evaluate: seed is 0, and here it is 1"):
        run_search(RandomSearch(SPACE), evaluate(DATA, RECIPE, seed=1, objective=Within(1.0)), 2, journal=journal)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recipe": "large"}, "recipe must be a Recipe or one of"),
        ({"threads": 0}, "threads must be a positive integer or None, got 0"),
        ({"latency": -1}, "latency must be a number of seconds of at least 0, got -1"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainedValue(SPACE, DATA, **settings)


def test_importing_the_search_loads_neither_torch_nor_dask():
    program = "import sys, effnet_lib.search; print({'torch', 'distributed', 'dask'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout == "set()\n", done.stderr
