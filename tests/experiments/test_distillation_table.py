import json

import pytest
import torch

from effnet_lib import cost_of, results
from effnet_lib.experiments import distillation as d
from effnet_lib.experiments.journal import Journal
from effnet_lib.small import glyph_base, glyph_net
from effnet_lib.train import Recipe
from effnet_lib.trained import load_glyph_net, normalisation


@pytest.fixture(scope="module")
def table():
    return results.load(d.TABLE)


def small(method, seed=0):
    setting = {
        "data": d.DATA | {"train": 500, "validation": 250, "test": 250},
        "recipe": d.RECIPE | {"epochs": 2},
    }
    return d.job(method, seed, setting)


def test_the_table_holds_every_method_from_the_same_seeds(table):
    assert [row["name"] for row in table] == [method["name"] for method in d.METHODS]
    assert {k: table.setting[k] for k in d.SETTING} == json.loads(json.dumps(d.SETTING))
    cost = cost_of(glyph_base(32))
    for row, method in zip(table, d.METHODS, strict=True):
        assert {k: row[k] for k in method} == method
        assert (row["params"], row["macs"]) == (cost.params, cost.macs)
        assert {0, 1, 2} <= {run["seed"] for run in row["runs"]}, row["name"]
        assert all(0 < run["test_accuracy"] <= 1 for run in row["runs"])


def test_few_and_many_pictures_get_the_same_number_of_steps():
    steps = {
        (made["data"]["train"], made["recipe"]["epochs"]): Recipe(**made["recipe"]).steps(
            made["data"]["train"]
        )[1]
        for made in (d.job(method, 0) for method in d.METHODS)
    }
    few, twice, many = steps[4000, 8], steps[4000, 16], steps[12000, 2.6525]
    assert few == many
    assert twice == 2 * few


def test_the_method_is_chosen_on_validation_among_those_with_a_teacher(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    for i, method in enumerate(d.METHODS):
        for seed in range(2):
            value = 0.5 + 0.01 * i if method["family"] not in ("longer", "many images") else 0.99
            journal.add(d.job(method, seed), {"validation_accuracy": value, "test_accuracy": 1 - value})
    rivals = [m for m in d.METHODS if m["teacher"] and m["family"] not in ("longer", "many images")]
    assert d.chosen(journal, 2)["name"] == rivals[-1]["name"]


def test_a_remembered_teacher_says_what_it_said_and_is_asked_once():
    asked = []
    network = load_glyph_net(d.TEACHERS["smoothed"])
    network.register_forward_hook(lambda module, inputs, output: asked.append(len(output)) and None)
    remembered = d.Remembered(network)
    images = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    first = remembered(images[:4])
    again = remembered(images.flip(0))
    torch.testing.assert_close(again.flip(0)[:4], first, rtol=0, atol=0)
    torch.testing.assert_close(again, network(images.flip(0)).detach(), rtol=1e-4, atol=1e-4)
    assert asked == [4, 2, 6]


def test_a_taught_student_asks_its_teacher_once_a_picture_and_an_untaught_one_never():
    asked = []
    network = load_glyph_net(d.TEACHERS["unsmoothed"])
    network.register_forward_hook(lambda module, inputs, output: asked.append(len(output)) and None)
    teachers = {"unsmoothed": d.Remembered(network)}
    plain = d.train_student(small(d.method_of("labels")), teachers)
    assert asked == []
    taught = d.train_student(small(d.method_of("T = 8, alpha = 0.5")), teachers)
    assert 448 <= sum(asked) <= 500  # two epochs of seven batches, from 500 pictures
    for result in (plain, taught):
        assert result["seed"] == 0
        assert len(result["watched"]) == 2
        assert 0 < result["test_accuracy"] < 0.5


def test_the_second_teacher_is_the_first_ones_plan_and_tells_wrong_classes_apart():
    teachers = {name: load_glyph_net(path) for name, path in d.TEACHERS.items()}
    for teacher in teachers.values():
        assert teacher.arch.replace(name="glyph_net") == glyph_net()
    assert normalisation(d.TEACHERS["unsmoothed"]) == normalisation()
    data = d.pictures(d.DATA | {"train": 500, "validation": 250, "test": 250})
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (data.mean, data.std))
    images = (data.train.images.float() / 255 - mean) / std
    spread = {}
    for name, teacher in teachers.items():
        with torch.no_grad():
            logits = teacher(images)
        assert (logits.argmax(1) == data.train.labels).double().mean() > 0.99
        wrong = ~torch.nn.functional.one_hot(data.train.labels, 40).bool()
        spread[name] = logits[wrong].view(len(logits), 39).std(1).mean().item()
    assert spread["unsmoothed"] > 10 * spread["smoothed"]


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"name must be one of labels, .*; got 'magic'"):
        d.method_of("magic")
