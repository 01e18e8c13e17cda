import json
import os
import subprocess
import sys

import pytest
import torch

from effnet_lib import EfficientNet, get_arch
from effnet_lib.train.__main__ import main

FEW = ["--resolution", "16", "--epochs", "0.1", "--quiet", "--device", "cpu"]


def test_help_is_usable():
    done = subprocess.run(
        [sys.executable, "-m", "effnet_lib.train", "fit", "--help"], capture_output=True, text=True,
        env=dict(os.environ, COLUMNS="120"), timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    for word in ("--checkpoint", "--freeze", "--rate-decay", "--metrics", "torchrun", "efficientnet_b0"):
        assert word in done.stdout


def test_train_resume_evaluate_and_export(tmp_path, capsys):
    run = ["fit", "--data", "digits", "--arch", "glyph_base", *FEW, "--checkpoint", str(tmp_path / "c.pt")]
    assert main([*run, "--metrics", str(tmp_path / "fit.json")]) == 0
    first = json.loads((tmp_path / "fit.json").read_text())
    assert len(first["history"]["train_loss"]) == 1
    assert main([*run, "--metrics", str(tmp_path / "again.json")]) == 0  # finished: nothing is trained again
    assert json.loads((tmp_path / "again.json").read_text())["history"] == first["history"]
    check = ["evaluate", "--data", "digits", "--checkpoint", str(tmp_path / "c.pt"), "--split", "validation"]
    assert main([*check, "--metrics", str(tmp_path / "e.json"), "--device", "cpu"]) == 0
    found = json.loads((tmp_path / "e.json").read_text())["validation"]
    assert found["accuracy"] == pytest.approx(first["validation"]["accuracy"])
    assert found["confusion"] == first["validation"]["confusion"]
    assert "accuracy" in capsys.readouterr().out


def test_fine_tuning_starts_from_published_weights(tmp_path):
    torch.manual_seed(0)
    arch = get_arch("efficientnet_b0")
    weights = EfficientNet(arch).state_dict()
    torch.save(weights, tmp_path / "b0.pth")
    arguments = [
        "fit", "--data", "digits", "--arch", "efficientnet_b0", "--weights", str(tmp_path / "b0.pth"),
        "--resolution", "32", "--epochs", "0.1", "--quiet", "--device", "cpu", "--freeze", "stem", "stages.0",
        "--rate-decay", "0.5", "--checkpoint", str(tmp_path / "tuned.pt"),
    ]  # fmt: skip
    assert main(arguments) == 0
    tuned = torch.load(tmp_path / "tuned.pt", weights_only=True)["model"]
    assert tuned["classifier.weight"].shape[0] == 10
    assert torch.equal(tuned["stem.conv.weight"], weights["stem.conv.weight"])
    assert not torch.equal(tuned["head.conv.weight"], weights["head.conv.weight"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--data", "folder"], "--root must name the folder"),
        (["fit", "--data", "folder", "--root", "/nowhere"], "/nowhere"),
        (
            ["evaluate", "--data", "digits", "--checkpoint", "/nowhere/c.pt"],
            "no checkpoint at '/nowhere/c.pt'",
        ),
        (["fit", "--data", "digits", "--batch", "100000", *FEW], "batch must be at most"),
    ],
)
def test_mistakes_are_one_line_and_status_2(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
