"""Speed of counting: the cost model against a counter that runs the network on the meta device."""

import subprocess
import sys
from statistics import median

import torch
from paired import seconds

from effnet_lib import EfficientNet, cost_of, get_arch, measure


def test_cost_of_b7(report):
    arch = get_arch("efficientnet_b7")
    ours = median(seconds(lambda: cost_of(arch).macs) for _ in range(200))
    report("cost_of(B7)", f"{1e3 * ours:.2f} ms", "< 2 ms", ours < 2e-3)
    with torch.device("meta"):
        model = EfficientNet(arch)
    counter = median(seconds(lambda: measure.counted_macs(model)) for _ in range(5))
    report(
        "counting B7 on the meta device / cost_of", f"{counter / ours:.0f}", ">= 500", counter >= 500 * ours
    )


def test_import_of_the_cost_model(report):
    program = "import time; t = time.perf_counter(); import effnet_lib.cost; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(11)]
    report("import effnet_lib.cost", f"{1e3 * median(times):.1f} ms", "< 50 ms", median(times) < 0.05)
