import numpy as np
import pytest
from scipy.stats import hypergeom
from synthetic import SPACE, macs
from synthetic import table as accuracies

from effnet_lib import cost_of, results
from effnet_lib.search import RandomSearch, RegularizedEvolution, mnasnet_reward
from effnet_lib.search.table import (
    TABLE,
    SearchTable,
    incumbents,
    load_table,
    regret_curves,
    search_table,
)


def made(seeds: int = 3, epochs: int = 2) -> SearchTable:
    """A table whose networks have different accuracies for every seed, epoch and split."""
    rng = np.random.default_rng(3)
    true = np.repeat(accuracies(0)[:, None, None], seeds, 1) * np.linspace(0.6, 1, epochs)
    noisy = [np.clip(true + rng.normal(0, 0.02, true.shape), 0, 1) for _ in range(2)]
    return SearchTable(SPACE, *noisy, params=np.arange(432), macs=macs() * 1e6, latency=np.full(432, 1e-3))


TABLE_OF_NOISE = made()


def test_a_value_is_the_validation_accuracy_of_one_seed_or_the_mean_of_all():
    genotype = SPACE.genotype(77)
    runs = TABLE_OF_NOISE.validation[77]
    assert TABLE_OF_NOISE.value(genotype, seed=1) == runs[1, -1]
    assert TABLE_OF_NOISE.value(genotype, seed=1, epoch=0) == runs[1, 0] != runs[1, -1]
    assert TABLE_OF_NOISE.value(genotype) == pytest.approx(sum(runs[:, -1]) / 3, abs=1e-15)
    assert (TABLE_OF_NOISE.seeds, TABLE_OF_NOISE.epochs, len(TABLE_OF_NOISE)) == (3, 2, 432)


def test_regret_is_judged_on_test_and_zero_for_the_best_alone():
    tested = TABLE_OF_NOISE.test[:, :, -1].mean(axis=1)
    best = int(np.argmax(tested))
    assert TABLE_OF_NOISE.optimum == best != int(TABLE_OF_NOISE.scores().argmax())
    assert TABLE_OF_NOISE.regret(best) == TABLE_OF_NOISE.regret(SPACE.genotype(best)) == 0.0
    everything = TABLE_OF_NOISE.regret(range(432))
    assert (everything > 0).sum() == 431
    assert everything == pytest.approx(tested[best] - tested)


def test_a_search_of_a_table_is_the_ask_and_tell_loop_written_out():
    values = TABLE_OF_NOISE.scores(0)
    found = search_table(RegularizedEvolution(SPACE, 5), values, 60)
    strategy, again = RegularizedEvolution(SPACE, 5), []
    for _ in range(60):
        genotype = strategy.ask()
        again.append(SPACE.index(genotype))
        strategy.tell(genotype, float(values[again[-1]]))
    assert found == again
    so_far = incumbents(found, values)
    assert [values[i] for i in so_far] == np.maximum.accumulate(values[found]).tolist()


def test_of_equal_networks_the_first_found_stays():
    assert incumbents([4, 2, 3, 1], [0.0, 0.5, 0.9, 0.9, 0.1]) == [4, 2, 2, 2]


def test_mean_regret_of_random_search_is_what_counting_says():
    flat = SearchTable(  # every seed alike and validation equal to test: regret then follows from ranks alone
        SPACE, *(np.repeat(accuracies(0)[:, None, None], 2, 1),) * 2,
        params=np.arange(432), macs=macs(), latency=np.full(432, np.nan),
    )  # fmt: skip
    budget, repeats = 12, 600
    curves = regret_curves(
        lambda space, seed: RandomSearch(space, seed, repeat=False), flat, budget, range(repeats)
    )
    assert curves.shape == (repeats, budget)
    assert (np.diff(curves, axis=1) <= 0).all()
    ordered = np.sort(flat.regret(range(432)))
    better = np.arange(433)
    none_of_the_best = hypergeom(432, better, budget).pmf(0)  # for each k: none of the k best is drawn
    expected = float(ordered @ (none_of_the_best[:-1] - none_of_the_best[1:]))
    error = curves[:, -1].std() / np.sqrt(repeats)
    assert abs(curves[:, -1].mean() - expected) < 4 * error


def test_repeats_take_turns_with_the_training_seeds_and_may_look_for_rewards():
    one = regret_curves(RandomSearch, TABLE_OF_NOISE, 10, [4])[0]
    found = search_table(RandomSearch(SPACE, 4), TABLE_OF_NOISE.scores(4 % 3), 10)
    assert one.tolist() == [TABLE_OF_NOISE.regret(i) for i in incumbents(found, TABLE_OF_NOISE.scores(1))]

    def reward(scores):
        return np.array([mnasnet_reward(a, c, 4e5) for a, c in zip(scores, TABLE_OF_NOISE.macs, strict=True)])

    everything = lambda space, seed: RandomSearch(space, seed, repeat=False)  # noqa: E731
    last = regret_curves(everything, TABLE_OF_NOISE, 432, [0], value=reward)[0, -1]
    chosen, worth = reward(TABLE_OF_NOISE.scores(0)).argmax(), reward(TABLE_OF_NOISE.tested())
    assert last == worth.max() - worth[chosen] != TABLE_OF_NOISE.regret(int(chosen))


def test_what_does_not_fit_is_refused_and_named():
    one = TABLE_OF_NOISE
    parts = {"space": SPACE, "validation": one.validation, "test": one.test, "params": one.params, "macs": one.macs,
                 "latency": one.latency}  # fmt: skip
    with pytest.raises(
        ValueError, match=r"validation must be of shape \(432, seeds, epochs\), got \(431, 3, 2\)"
    ):
        SearchTable(**parts | {"validation": one.validation[1:]})
    with pytest.raises(ValueError, match=r"test must be of shape \(432, 3, 2\), got \(432, 3, 1\)"):
        SearchTable(**parts | {"test": one.test[:, :, :1]})
    with pytest.raises(ValueError, match=r"validation must lie in \[0, 1\]"):
        SearchTable(**parts | {"validation": one.validation * 100})
    with pytest.raises(ValueError, match="seed must lie in 0 to 2, or be None, got 3"):
        one.value(SPACE.genotype(0), seed=3)
    with pytest.raises(ValueError, match="epoch must lie in 0 to 1, or be -1, got 2"):
        one.scores(epoch=2)
    with pytest.raises(ValueError, match="values must be 432, one a network, got 3"):
        search_table(RandomSearch(SPACE), [0.1, 0.2, 0.3], 2)


def test_a_table_that_lacks_a_network_is_refused(monkeypatch):
    whole = results.load(TABLE)
    part = results.Table(whole.name, whole.title, whole.made_by, whole.setting, whole.rows[1:])
    monkeypatch.setattr(results, "load", lambda name: part)
    with pytest.raises(ValueError, match="must hold all 432 networks of the space, but 1 are missing"):
        load_table()


def test_the_shipped_table_has_every_network_from_three_seeds_with_its_costs():
    table = load_table()
    assert table.seeds >= 3
    assert not np.isnan(table.latency).any()
    assert (table.latency > 0).all()
    for index in (0, 200, 431):
        cost = cost_of(SPACE.arch(SPACE.genotype(index)))
        assert (table.params[index], table.macs[index]) == (cost.params, cost.macs)
    row = results.load(TABLE).row(SPACE.arch(SPACE.genotype(200)).name)
    assert table.value(SPACE.genotype(200), seed=2) == row["runs"][2]["validation_accuracy"]
    assert table.tested(2)[200] == row["runs"][2]["test_accuracy"]
    assert np.array_equal(load_table(seeds=2).validation, table.validation[:, :2])
    with pytest.raises(ValueError, match=f"seeds must lie in 1 to {table.seeds}, got 99"):
        load_table(seeds=99)
