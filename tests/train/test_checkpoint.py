import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from effnet_lib import EfficientNet
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.small import glyph_base
from effnet_lib.train import RECIPES, CheckpointError, fit
from effnet_lib.train.checkpoint import load, previous, save, write_atomically

PROGRAM = """
import sys, torch
from effnet_lib import EfficientNet
from effnet_lib.data.glyphs import glyph_data
from effnet_lib.small import glyph_base
from effnet_lib.train import RECIPES, fit

torch.set_num_threads(1)
torch.manual_seed(0)
model = EfficientNet(glyph_base(16).replace(dropout=0.1, drop_path=0.2))
recipe = RECIPES["small"].replace(epochs=6, batch=25, ema=0.9, augment="flip-crop")
data = glyph_data(16, train=500, validation=250, test=250)
print("ready", flush=True)
history = fit(model, data, recipe, seed=7, device="cpu", checkpoint=sys.argv[1], save_every=2)
torch.save({"weights": model.state_dict(), "history": history.to_dict()}, sys.argv[2])
"""


def started(checkpoint, out):
    """The program as a process that has its data and is about to train."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(checkpoint), str(out)], stdout=subprocess.PIPE, text=True
    )
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
    return process


def run(checkpoint, out):
    assert started(checkpoint, out).wait(timeout=300) == 0


def kill(checkpoint, out, saves, seconds):
    """Kill a run ``seconds`` after it has replaced its checkpoint ``saves`` times."""

    def file():
        return checkpoint.stat().st_ino if checkpoint.exists() else None

    process = started(checkpoint, out)
    for _ in range(saves):
        before = file()
        while file() == before and process.poll() is None:
            time.sleep(0.001)
    time.sleep(seconds)
    assert process.poll() is None, "the run ended before it was killed"
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_at_ten_random_moments_a_run_ends_in_the_same_weights(tmp_path):
    run(tmp_path / "straight.pt", tmp_path / "straight.out")
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    steps = [0]
    for saves in moments.sample([0, 0, 0, 1, 1, 1, 1, 2, 2, 2], k=10):
        kill(tmp_path / "killed.pt", tmp_path / "killed.out", saves, moments.uniform(0, 0.1))
        steps.append(load(tmp_path / "killed.pt")["step"] if (tmp_path / "killed.pt").exists() else 0)
    assert steps == sorted(steps), "a run fell back behind its checkpoint"
    assert len(set(steps)) > 6, "the runs were not killed at different steps: the test shows nothing"
    run(tmp_path / "killed.pt", tmp_path / "killed.out")
    straight, killed = (
        torch.load(tmp_path / name, weights_only=True) for name in ("straight.out", "killed.out")
    )
    for name, tensor in straight["weights"].items():
        assert torch.equal(tensor, killed["weights"][name]), name
    times = "seconds"
    assert {k: v for k, v in straight["history"].items() if k != times} == {
        k: v for k, v in killed["history"].items() if k != times
    }


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.pt"
    save(path, {"step": 1, "weights": torch.zeros(3)})
    save(path, {"step": 2, "weights": torch.ones(3)})
    return path


def test_the_checkpoint_before_is_kept(saved):
    assert load(saved)["step"] == 2
    assert load(previous(saved))["step"] == 1


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(saved):
    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(saved, fail)
    assert load(saved)["step"] == 2
    assert sorted(p.name for p in saved.parent.iterdir()) == ["run.pt", "run.pt.previous"]


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_cut_checkpoint_is_refused_and_the_one_before_is_named(saved, keep):
    content = saved.read_bytes()
    saved.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(
        CheckpointError, match=r"run\.pt' could not be read.*before it is .*run\.pt\.previous"
    ):
        load(saved)
    assert load(previous(saved))["step"] == 1


def test_foreign_files_are_refused(tmp_path):
    weights = tmp_path / "weights.pt"
    torch.save({"layer": torch.zeros(2)}, weights)
    with pytest.raises(CheckpointError, match="holds no checkpoint of effnet_lib"):
        load(weights)
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        load(tmp_path / "missing.pt")
    newer = tmp_path / "newer.pt"
    torch.save({"kind": "effnet_lib checkpoint", "format": 99}, newer)
    with pytest.raises(CheckpointError, match="format 99, this version reads 1"):
        load(newer)


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/unpickled",)


def test_nothing_but_tensors_and_plain_values_is_unpickled(tmp_path):
    torch.save({"kind": "effnet_lib checkpoint", "format": 1, "payload": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="could not be read"):
        load(tmp_path / "evil.pt")


def tiny():
    torch.manual_seed(0)
    return EfficientNet(glyph_base(16))


def test_a_checkpoint_of_another_run_is_refused_by_name(tmp_path):
    data = glyph_data(16, train=250, validation=250, test=250)
    recipe = RECIPES["small"].replace(epochs=1, batch=50)
    path = tmp_path / "run.pt"
    fit(tiny(), data, recipe, seed=0, device="cpu", checkpoint=path)
    with pytest.raises(CheckpointError, match="its seed is 0, this run's is 1"):
        fit(tiny(), data, recipe, seed=1, device="cpu", checkpoint=path)
    with pytest.raises(CheckpointError, match="its recipe is"):
        fit(tiny(), data, recipe.replace(lr=0.1), seed=0, device="cpu", checkpoint=path)
    wider = EfficientNet(glyph_base(16).replace(head=32))
    with pytest.raises(CheckpointError, match="its parameters is"):
        fit(wider, data, recipe, seed=0, device="cpu", checkpoint=path)
    assert load(path)["step"] == 5  # still there
    fit(tiny(), data, recipe, seed=1, device="cpu", checkpoint=path, resume=False)
    assert load(path)["run"]["seed"] == 1
