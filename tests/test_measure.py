import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from effnet_lib import EfficientNet, cost_of, get_arch, measure
from effnet_lib.arch import ArchSpec, StageSpec

SMALL = ArchSpec("small", (StageSpec("mbconv", 3, 2, 6, 16, 2),), stem=16, head=64, resolution=32, classes=10)


class Sleeps(nn.Module):
    """Takes a known time, and longer while cold."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds, self.passes = seconds, 0

    def forward(self, x):
        import time

        self.passes += 1
        time.sleep(self.seconds * (20 if self.passes == 1 else 1))
        return x


def test_latency_is_the_time_that_passes_and_never_the_cold_first_pass():
    found = measure.latency(Sleeps(0.01).eval(), 8, seconds=0.2)
    assert 0.01 <= found.low <= found.median <= found.high
    assert found.median < 0.05  # the cold pass took 0.2 s
    assert found.runs >= 2
    assert found.throughput == pytest.approx(1 / found.median)


def test_latency_states_what_it_holds_for_and_puts_the_threads_back():
    before = torch.get_num_threads()
    found = measure.latency(EfficientNet(SMALL).eval(), batch=2, threads=1, seconds=0.05)
    assert (found.batch, found.threads, found.device) == (2, 1, "cpu")
    assert "1 thread" in str(found)
    assert torch.get_num_threads() == before


def test_peak_memory_of_known_tensors():
    class Doubles(nn.Module):
        def forward(self, x):
            y = x + 1  # x and y
            y = torch.cat([y, y])  # x, y and twice as much: 4 images
            return y[:1].clone()

    image = 3 * 16 * 16 * 4
    assert measure.peak_memory(Doubles().eval(), 16) == 4 * image


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_lite0", "efficientnet_v2_s"])
def test_modelled_peak_memory_is_the_measured_one(name):
    arch = get_arch(name)
    measured = measure.peak_memory(EfficientNet(arch).eval(), 96)
    # pooled vectors and gates are left out of the model: well under 1 %
    assert cost_of(arch, 96).peak_bytes == pytest.approx(measured, rel=0.01)


def test_training_takes_more_memory_than_inference():
    model = EfficientNet(SMALL)
    assert measure.peak_memory(model.train(), training=True, batch=2) > 3 * measure.peak_memory(
        model.eval(), batch=2
    )


def test_b0_keeps_84_mebibytes_an_image_for_the_backward_pass():
    model = EfficientNet(get_arch("efficientnet_b0")).train()
    assert measure.saved_bytes(model, batch=2) / 2 / 2**20 == pytest.approx(84.3, rel=0.02)


def test_throughput_is_images_over_seconds():
    assert measure.throughput(Sleeps(0.01).eval(), 8, batch=4, seconds=0.1) == pytest.approx(400, rel=0.5)


def test_pytorchs_own_counter_and_the_hooks_agree():
    model = EfficientNet(SMALL)
    assert measure.counted_macs(model) == sum(measure.executed_macs(model).values()) == cost_of(SMALL).macs


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: measure.latency(m.train()), "model must be in evaluation mode"),
        (lambda m: measure.latency(m.eval(), threads=0), "threads must be a positive integer, got 0"),
        (lambda m: measure.latency(m.eval(), seconds=0), "seconds must be positive, got 0"),
        (lambda m: measure.latency(m.eval(), batch=0), "batch must be a positive integer, got 0"),
        (lambda m: measure.latency(m.eval(), 3), "resolution must be at least 4 pixels"),
        (lambda m: measure.latency(nn.Identity().eval()), "resolution must be given in pixels"),
        (lambda m: measure.peak_memory(m.eval(), training=True), "model must be in training mode"),
        (lambda m: measure.peak_memory(m.train()), "model must be in evaluation mode"),
        (lambda m: measure.saved_bytes(m.eval()), "model must be in training mode"),
    ],
)
def test_bad_input_is_refused_with_the_value_and_what_is_right(call, message):
    with pytest.raises(ValueError, match=message):
        call(EfficientNet(SMALL))


def test_measuring_logs_nothing_where_nvcc_is_installed_but_no_gpu(tmp_path):
    compiler = tmp_path / "bin" / "nvcc"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    code = (
        "from torch import nn; from effnet_lib import measure;"
        "measure.latency(nn.Flatten().eval(), 8, seconds=0.01, threads=1);"
        "import sys; assert 'torch.utils.cpp_extension' in sys.modules"
    )
    path = f"{compiler.parent}{os.pathsep}{os.environ['PATH']}"
    env = {k: v for k, v in os.environ.items() if k not in ("CUDA_HOME", "CUDA_PATH")}
    env |= {"PATH": path, "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
