import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from effnet_lib import EfficientNet
from effnet_lib.small import glyph_base
from effnet_lib.train.checkpoint import load
from effnet_lib.train.distributed import GlobalBatchNorm2d, with_global_batch_norms

ARGUMENTS = [
    "fit", "--data", "glyphs", "--arch", "glyph_base", "--resolution", "16", "--epochs", "0.4", "--batch", "50",
    "--lr", "0.05", "--optimizer", "sgd", "--ema", "0.9", "--device", "cpu", "--quiet",
]  # fmt: skip


def train(out, *launcher):
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    command = [sys.executable, *launcher, "-m", "effnet_lib.train", *ARGUMENTS, "--checkpoint", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return load(out), done.stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    return train(folder / "one.pt"), train(folder / "two.pt", *torchrun)


def test_two_processes_train_the_network_that_one_process_trains(runs):
    (one, _), (two, _) = runs
    assert one["step"] == two["step"] == 32
    for name, tensor in one["model"].items():
        # The same sums in another order: 32 steps of single precision, each amplifying rounding a little.
        torch.testing.assert_close(two["model"][name], tensor, rtol=2e-3, atol=2e-4, msg=name)
    for name in ("train_loss", "validation_loss"):
        assert two["history"][name] == pytest.approx(one["history"][name], rel=1e-3)
    torch.manual_seed(0)
    start = EfficientNet(glyph_base(16)).state_dict()["classifier.weight"]
    moved = (one["model"]["classifier.weight"] - start).abs().max()
    assert moved > 0.02, "hardly anything was learned: the comparison would be empty"


def test_one_report_is_printed_and_every_process_has_a_random_state(runs):
    (_, out_one), (two, out_two) = runs
    assert out_one.count("validation: accuracy") == out_two.count("validation: accuracy") == 1
    assert len(two["random"]["cpu"]) == 2
    assert not torch.equal(*two["random"]["cpu"])


def test_in_one_process_the_global_batch_norm_is_batch_norm():
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(5)
    ours = with_global_batch_norms(nn.Sequential(nn.BatchNorm2d(5)))
    assert type(ours[0]) is GlobalBatchNorm2d
    x = torch.randn(4, 5, 6, 6)
    assert torch.equal(plain(x), ours(x))
    assert torch.equal(plain.running_var, ours[0].running_var)
