"""The trade-off explorer's Python side: tables, budgets, choices, text form, measuring."""

from __future__ import annotations

import copy
import json
import math
import random
from dataclasses import replace
from statistics import fmean, stdev

import pytest
from tradeoff_tables import made_up_table

from effnet_lib import results
from effnet_lib.families import VARIANTS, get_arch
from effnet_lib.small import glyph_base
from effnet_lib.widgets import TradeoffExplorer
from effnet_lib.widgets.tradeoff_explorer import measure_here
from effnet_lib.widgets.tradeoff_table import (
    AXES,
    as_table,
    best_within,
    budget_range,
    measured_rows,
    published_rows,
)

TABLE = made_up_table()


def changed(**changes):
    """The table with its second row changed; None takes a key away."""
    table = copy.deepcopy(TABLE)
    for name, value in changes.items():
        if value is None:
            del table["rows"][1][name]
        else:
            table["rows"][1][name] = value
    return table


def test_a_row_is_the_mean_and_the_sample_deviation_of_its_runs():
    rows = measured_rows(as_table(TABLE))
    for row, source in zip(rows, TABLE["rows"], strict=True):
        for split in ("validation", "test"):
            values = [run[f"{split}_accuracy"] for run in source["runs"]]
            assert row[split] == [fmean(values), stdev(values), 5]
        assert [row[axis] for axis in AXES] == [
            source["macs"], source["params"], source["bytes"], source["latency"]["cpu"]["median"],
            source["latency"]["cuda"]["median"], source["peak_bytes"],
        ]  # fmt: skip


def test_one_run_has_no_deviation_and_a_partial_table_works():
    table = copy.deepcopy(TABLE)
    for i, row in enumerate(table["rows"]):
        row["runs"] = row["runs"][: 1 + i % 5]
    assert measured_rows(as_table(table))[0]["test"][1:] == [None, 1]
    json.dumps(TradeoffExplorer(table).rows, allow_nan=False)


def test_published_networks_have_the_published_accuracy_and_counted_costs():
    rows = {row["name"]: row for row in published_rows()}
    assert list(rows) == [v.name for v in VARIANTS]
    b0, v2, lite = (rows[f"efficientnet_{name}"] for name in ("b0", "v2_s", "lite4"))
    assert (b0["label"], b0["macs"], b0["params"], b0["test"]) == (
        "B0",
        385_814_752,
        5_288_548,
        [0.771, None, 0],
    )
    assert (v2["label"], v2["family"]) == ("V2-S", "EfficientNetV2")
    assert (lite["label"], lite["family"]) == ("Lite4", "EfficientNet-Lite")
    assert all(row["cpu"] is row["cuda"] is None and row["source"] for row in rows.values())


@pytest.mark.parametrize("axis", AXES)
def test_the_best_within_a_budget_is_the_best_on_validation_that_fits(axis):
    rows = measured_rows(as_table(TABLE))
    draw = random.Random(7)
    costs = sorted(row[axis] for row in rows)
    for budget in [*costs, *(draw.uniform(costs[0] / 2, 2 * costs[-1]) for _ in range(100))]:
        fitting = [row for row in rows if row[axis] <= budget]
        best = best_within(rows, axis, budget)
        if not fitting:
            assert best is None
        else:
            assert best["validation"][0] == max(row["validation"][0] for row in fitting)
            assert best in fitting
    with pytest.raises(ValueError, match=r"axis must be one of 'macs', .* got 'flops'"):
        best_within(rows, "flops", 1)


def test_of_equals_the_cheapest_wins_and_of_equally_cheap_ones_the_first():
    def row(name, macs, share):
        return {"name": name, "macs": macs, "validation": [share, None, 1], "test": [0, None, 1]}

    rows = [row("a", 3, 0.5), row("b", 2, 0.5), row("c", 2, 0.5), row("d", 1, 0.4)]
    assert best_within(rows, "macs", 3)["name"] == "b"
    assert best_within(rows, "macs", 1.5)["name"] == "d"


def test_a_budgets_range_holds_the_cheapest_and_the_dearest_network():
    draw = random.Random(11)
    for _ in range(500):
        axis = draw.choice(list(AXES))
        cost = (lambda: round(10 ** draw.uniform(-5, 0.5), 7)) if axis in ("cpu", "cuda") else (
            lambda: draw.randint(1, 10 ** draw.randint(1, 11)))  # fmt: skip
        rows = [{axis: cost()} for _ in range(draw.randint(1, 6))]
        found = budget_range(rows, axis)
        costs = [row[axis] for row in rows]
        low, high = found["low"] * found["scale"], found["high"] * found["scale"]
        assert min(costs) <= low * (1 + 1e-12) <= 1.0101 * min(costs)
        assert max(costs) <= high * (1 + 1e-12) <= 1.0101 * max(costs)
        assert min(costs) <= found["start"] <= high * (1 + 1e-9) + 1
        assert found["low"] == float(f"{found['low']:.3g}")
    assert budget_range([{"cpu": None}], "cpu") is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (3, "table must be the name of a table or a table, got 3"),
        ("scaling_of_nothing", "name must be one of"),
        ({"rows": []}, "table must have the keys table, title, made_by, setting, rows"),
        (TABLE | {"rows": 3}, "table's rows must be a sequence, got 3"),
        (TABLE | {"rows": []}, "table must have at least one row"),
        (TABLE | {"rows": [3]}, "rows must have a name each, got 3"),
        (TABLE | {"rows": TABLE["rows"][:1] * 2}, "rows must have different names, got 'base' twice"),
        (changed(arch=None), "row '2x width' must have a value for 'arch'"),
        (changed(runs=[]), "row '2x width': runs must hold at least one run"),
        (changed(runs=[{"seed": 0, "validation_accuracy": 0.5, "test_accuracy": 50}]), "must be from 0 to 1, got 50"),
        (changed(macs=-1), "row '2x width': MACs must be a positive number, got -1"),
        (changed(latency={"cpu": {"median": math.nan}}), "CPU latency must be a positive number, got nan"),
        (changed(arch={"name": "x"}), "row '2x width': ArchSpec needs the field"),
        (changed(name="efficientnet_b0"), "table must not name a row like a published network"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_is_refused_and_the_place_named(table, said):
    with pytest.raises(ValueError, match=said):
        TradeoffExplorer(table)


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("axis", "flops", "one of 'macs', 'params', 'bytes', 'cpu', 'cuda', 'memory'"),
        ("axis", 3, "one of 'macs'"),
        ("budget", -1, "a number from 0 to"),
        ("budget", "many", "a number from 0 to"),
        ("published_budget", math.nan, "a number from 0 to"),
        ("selected", "16x own", "'' or the name of a network"),
        ("published", 1, "True or False"),
    ],
)
def test_a_bad_setting_is_refused_by_name(setting, value, right):
    with pytest.raises(ValueError, match=f"{setting} must be {right}"):
        TradeoffExplorer(TABLE, **{setting: value})


def test_a_table_loads_by_name_and_as_itself():
    name = results.available()[0]
    assert TradeoffExplorer(name).rows == TradeoffExplorer(results.load(name)).rows


def test_an_axis_is_offered_where_at_least_one_network_has_it():
    assert TradeoffExplorer(made_up_table(devices=())).limits["axis"] == ["macs", "params", "bytes", "memory"]
    with pytest.raises(
        ValueError, match="axis must be one of 'macs', 'params', 'bytes', 'memory', got 'cpu'"
    ):
        TradeoffExplorer(made_up_table(devices=()), axis="cpu")
    widget = TradeoffExplorer(changed(latency={}), axis="cpu")
    assert "Left out, CPU latency not measured: 1" in repr(widget)


def test_a_compressed_network_says_its_form_and_is_not_measured_in_its_place(monkeypatch):
    widget, sent = TradeoffExplorer(changed(form="int8, ONNX Runtime", bytes=70_000)), []
    assert [row["form"] for row in widget.rows[:2]] == ["", "int8, ONNX Runtime"]
    monkeypatch.setattr(widget, "send", sent.append)
    widget._received(widget, {"measure": "2x width"}, [])
    assert "is not a float network of PyTorch" in sent[0]["error"]
    with pytest.raises(ValueError, match="row '2x width': form must be words, got 8"):
        TradeoffExplorer(changed(form=8))


def test_a_pruned_networks_card_shows_the_widths_that_no_ratio_gives():
    first, *others = glyph_base(24).stages
    pruned = glyph_base(24).replace(stages=(first, *(replace(s, hidden=(7,) * s.depth) for s in others)))
    row = TradeoffExplorer(changed(arch=pruned.to_dict())).rows[1]
    assert row["arch"]["hidden"] == {"1": [7], "2": [7, 7], "3": [7]}
    assert row["arch"]["stages"] == TradeoffExplorer(changed(arch=glyph_base(24).to_dict())).rows[1]["arch"]["stages"]


def test_a_table_without_sizes_has_no_such_axis():
    table = copy.deepcopy(TABLE)
    for row in table["rows"]:
        del row["bytes"]
    assert "bytes" not in TradeoffExplorer(table).limits["axis"]


def test_a_new_axis_brings_back_the_default_budgets():
    widget = TradeoffExplorer(TABLE, budget=300_000)
    assert widget.best == "base"
    widget.axis = "memory"
    assert widget.budget == widget.ranges["memory"]["rows"]["start"] > 0
    assert widget.published_budget == widget.ranges["memory"]["networks"]["start"]
    widget.axis = "cpu"
    assert widget.best_published is None


def test_the_card_shows_the_selected_network_or_the_best():
    widget = TradeoffExplorer(TABLE)
    row = next(row for row in TABLE["rows"] if row["name"] == widget.best)
    assert (widget.macs, widget.params, widget.arch.name) == (row["macs"], row["params"], widget.best)
    widget.selected = "efficientnet_b7"
    assert (widget.macs, widget.arch) == (37_745_884_192, get_arch("efficientnet_b7"))
    with pytest.raises(ValueError, match="selected must be"):
        TradeoffExplorer(TABLE, published=False, selected="efficientnet_b7")


def test_the_text_form_holds_the_tables_numbers_and_no_time():
    text = repr(TradeoffExplorer(TABLE))
    assert text == repr(TradeoffExplorer(copy.deepcopy(TABLE)))
    for row in TABLE["rows"]:
        assert f"{row['name']} " in text
        assert f"{row['macs']:,}" in text
    assert "ms" not in text.replace("params", "")
    assert "Best on validation within" in text
    assert "No published CPU latency can be compared" in repr(TradeoffExplorer(TABLE, axis="cpu"))
    assert "published" not in repr(TradeoffExplorer(TABLE, axis="cpu", published=False))


def test_stored_state_is_json_and_bounded():
    state = TradeoffExplorer(TABLE).get_state()
    del state["layout"]
    assert len(state["_esm"]) < 44_000
    assert len(json.dumps(state, allow_nan=False)) < 90_000


def test_a_network_is_measured_on_this_machine():
    (cpu, *_) = measure_here(glyph_base(16), seconds=0.01)
    assert 0 < cpu["low"] <= cpu["median"] <= cpu["high"]
    assert (cpu["device"], cpu["threads"], cpu["batch"]) == ("cpu", 1, 1)


def test_the_page_is_answered_and_told_what_went_wrong(monkeypatch):
    widget, sent = TradeoffExplorer(TABLE), []
    monkeypatch.setattr(widget, "send", sent.append)
    monkeypatch.setattr("effnet_lib.widgets.tradeoff_explorer.measure_here", lambda arch: [arch.name])
    widget._received(widget, {"hello": True}, [])
    widget._received(widget, {"measure": "4x own"}, [])
    widget._received(widget, {"measure": "16x own"}, [])
    widget._received(widget, "nonsense", [])
    assert sent[:2] == [{"kernel": True}, {"measured": "4x own", "took": ["4x own"]}]
    assert sent[2]["measured"] == "16x own"
    assert "ValueError: name must be a published variant, got '16x own'" in sent[2]["error"]
    assert len(sent) == 3
