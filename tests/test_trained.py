import json
import re

import pytest
import torch
from safetensors.torch import save_file

from effnet_lib import cost_of
from effnet_lib.arch import ArchSpec
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.experiments.glyph_net import DATA, glyph_net_arch
from effnet_lib.train import evaluate
from effnet_lib.trained import GLYPH_NET, load_glyph_net, normalisation

CARD = GLYPH_NET.with_suffix(".md")


def test_the_shipped_network_is_what_its_card_says():
    model = load_glyph_net()
    assert not model.training
    assert model.arch == glyph_net_arch()
    card = CARD.read_text()
    assert f"| parameters | {cost_of(model.arch).params:,} |" in card
    assert f"| file | {GLYPH_NET.stat().st_size:,} bytes" in card
    assert GLYPH_NET.stat().st_size <= 1_000_000
    data = glyph_data(model.arch.resolution, **DATA)
    assert normalisation() == (pytest.approx(data.mean, abs=1e-4), pytest.approx(data.std, abs=1e-4))
    report = evaluate(model, data, "test")
    told = float(re.search(r"test accuracy, used once \| ([\d.]+) %", card)[1])
    assert 100 * report.accuracy == pytest.approx(told, abs=0.15)  # another CPU may round a few pictures over


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
    arch = json.dumps(ArchSpec.to_dict(glyph_net_arch()))
    save_file({"a": torch.zeros(1)}, path, {"arch": arch, "mean": "[0]", "std": "[1]"})
    with pytest.raises(ValueError, match="do not fit its own network"):
        load_glyph_net(path)
