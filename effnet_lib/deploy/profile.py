"""Where the time of one call goes, operator by operator, as ONNX Runtime's profiler sees it."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from effnet_lib.deploy.files import contained, image_input, need, read_onnx


def operator_times(path: str | Path, threads: int = 1, calls: int = 200) -> dict[str, tuple[float, int]]:
    """Seconds that each kind of operator takes in one call for one image (median), and how many there are of it.

    These are the operators that ONNX Runtime really runs, after it has fused and laid out the network anew. What a
    call takes beside them (handing over tensors, starting operators) is not in any of them, and measuring makes
    each a little slower.

    Returns
    -------
    dict of str to (float, int)
        The operator that takes longest first.

    Raises
    ------
    ValueError
        If the file is no ONNX model with one image input of known size, or ``calls`` is not positive.
    """
    if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1:
        raise ValueError(f"calls must be a positive integer, got {calls!r}")
    name, shape = image_input(read_onnx(path), path)
    if None in shape[1:]:
        raise ValueError(f"path must be of a network for pictures of one size, got {str(path)!r} of {shape}")
    runtime = need("onnxruntime")
    images = np.random.default_rng(0).random((1, *shape[1:]), dtype=np.float32)
    with contained() as folder:
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        options.enable_profiling, options.profile_file_prefix = True, str(folder / "profile")
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for _ in range(calls):
            session.run(None, {name: images})
        events = json.loads(Path(session.end_profiling()).read_text())
    spent: defaultdict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]].append(1e-6 * event["dur"])
    found = {}
    for operator, times in spent.items():  # median over calls, so that an interruption is not somebody's time
        by_call = np.reshape(times, (calls, -1))
        found[operator] = float(np.median(by_call.sum(1))), by_call.shape[1]
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))
