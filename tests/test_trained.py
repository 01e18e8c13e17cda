import json
import re

import pytest
import torch
from safetensors.torch import save_file

from effnet_lib import cost_of
from effnet_lib.arch import ArchSpec
from effnet_lib.experiments.glyph_net import DATA
from effnet_lib.experiments.runs import data_of
from effnet_lib.small import SMALL
from effnet_lib.train import evaluate
from effnet_lib.trained import GLYPH_NET, SHIPPED, load_glyph_net, load_trained, normalisation, weights_of


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_is_what_its_card_says(name):
    model, file = load_trained(name), weights_of(name)
    assert not model.training
    assert model.arch == SMALL[name]()
    card = file.with_suffix(".md").read_text()
    assert f"| parameters | {cost_of(model.arch).params:,} |" in card
    assert f"| file | {file.stat().st_size:,} bytes" in card
    assert file.stat().st_size <= 1.1 * cost_of(model.arch).weight_bytes  # names and statistics are the rest
    assert name != "glyph_net" or file.stat().st_size <= 1_000_000
    data = data_of({"set": "glyphs", **DATA}, model.arch.resolution)  # the canvases are drawn once
    assert normalisation(file) == (pytest.approx(data.mean, abs=1e-4), pytest.approx(data.std, abs=1e-4))
    report = evaluate(model, data, "test")
    told = float(re.search(r"test accuracy, used once \| ([\d.]+) %", card)[1])
    assert 100 * report.accuracy == pytest.approx(told, abs=0.15)  # another CPU may round a few pictures over


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match=r"name must be one of 'glyph_net', .*got 'glyph_big'"):
        load_trained("glyph_big")


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    with pytest.raises(ValueError, match=r"path must be a safetensors file, got .*net\.safetensors"):
        load_glyph_net(path)
    path.write_bytes(GLYPH_NET.read_bytes()[:5000])
    with pytest.raises(ValueError, match="path must be a safetensors file"):
        load_glyph_net(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="does not say which network it holds"):
        load_glyph_net(path)
    arch = json.dumps(ArchSpec.to_dict(SMALL["glyph_net"]()))
    save_file({"a": torch.zeros(1)}, path, {"arch": arch, "mean": "[0]", "std": "[1]"})
    with pytest.raises(ValueError, match="do not fit its own network"):
        load_glyph_net(path)
