import json

import pytest
import torch
from tiny_networks import calibrated, tiny

from effnet_lib.data.sets import TensorImages
from effnet_lib.deploy import (
    OnnxNetwork,
    compare,
    onnx_latency,
    operator_times,
    paired_latency,
    pixel_batches,
)


@pytest.fixture(scope="module")
def images(float_file):
    generator = torch.Generator().manual_seed(2)
    pictures = torch.randint(0, 256, (130, 3, 16, 16), dtype=torch.uint8, generator=generator)
    labels = OnnxNetwork(float_file)(pictures.float() / 255).argmax(1)
    labels[:13] = (labels[:13] + 1) % 5  # so that the float network is right on nine of ten
    return TensorImages(pictures, labels)


def test_a_comparison_counts_what_can_be_counted_by_hand(float_file, int8_file, images, tmp_path):
    networks = {"float": float_file, "int8": int8_file}
    found = compare(networks, pixel_batches(images, 50), rounds=3, seconds=0.01)
    assert [line.name for line in found.lines] == ["float", "int8"]
    reference, quantized = found.lines
    assert found.images == 130
    assert reference.accuracy == pytest.approx(0.9)
    assert (reference.agreement, reference.difference) == (1, 0)
    assert reference.speedup == {1: 1, 2: 1}
    pixels = images.images.float() / 255
    answers = OnnxNetwork(int8_file)(pixels).argmax(1)
    assert quantized.accuracy == pytest.approx((answers == images.labels).double().mean().item())
    agree = answers == OnnxNetwork(float_file)(pixels).argmax(1)
    assert quantized.agreement == pytest.approx(agree.double().mean().item())
    assert [line.bytes for line in found.lines] == [path.stat().st_size for path in (float_file, int8_file)]
    for line in found.lines:
        for middle, low, high in line.latency.values():
            assert 0 < low <= middle <= high < 1
    table = str(found).splitlines()
    assert table[0].startswith("| network | bytes | accuracy | agrees with float | ms, 1 thread | speedup |")
    assert f"| {quantized.bytes:,} |" in table[3]
    assert len({line.count("|") for line in table}) == 1
    path = found.save(tmp_path / "report.json")
    stored = json.loads(path.read_text())
    assert stored == json.loads(json.dumps(found.to_dict()))
    assert stored["lines"][1]["agreement"] == quantized.agreement
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]
    assert found.line("int8") == quantized
    with pytest.raises(ValueError, match=r"name must be one of \['float', 'int8'\], got 'int4'"):
        found.line("int4")


def test_pixel_batches_are_pixels_between_0_and_1_in_order(images):
    batches = list(pixel_batches(images, 50, limit=120))
    assert [len(labels) for _, labels in batches] == [50, 50, 20]
    pixels = torch.cat([x for x, _ in batches])
    torch.testing.assert_close(pixels * 255, images.images[:120].float())
    assert torch.equal(torch.cat([labels for _, labels in batches]), images.labels[:120])
    for name, arguments in (("batch", {"batch": 0}), ("limit", {"limit": 0})):
        with pytest.raises(ValueError, match=f"{name} must be a positive integer, got 0"):
            next(pixel_batches(images, **arguments))


def test_times_are_taken_in_turn_and_the_threads_put_back(float_file, int8_file):
    before = torch.get_num_threads()
    model = calibrated(tiny())
    found = paired_latency({"a": float_file, "b": int8_file, "torch": model}, rounds=4, seconds=0.005)
    assert {name: len(times) for name, times in found.items()} == {"a": 4, "b": 4, "torch": 4}
    assert torch.get_num_threads() == before
    took = onnx_latency(float_file, seconds=0.02)
    assert 0 < took.low <= took.median <= took.high < 1
    assert (took.threads, took.batch, took.device) == (1, 1, "cpu, ONNX Runtime")
    eight = onnx_latency(float_file, seconds=0.05, batch=64)
    assert eight.median > 2 * took.median, "64 images take longer than one"


def test_comparisons_of_nothing_are_refused(float_file, images, tmp_path):
    with pytest.raises(ValueError, match="networks must name at least one file, got none"):
        compare({}, pixel_batches(images))
    with pytest.raises(
        ValueError, match="batches must hold at least one batch of images and labels, got none"
    ):
        compare({"float": float_file}, [])
    with pytest.raises(ValueError, match="networks must name at least one network, got none"):
        paired_latency({})
    with pytest.raises(ValueError, match="rounds must be a positive integer, got 0"):
        paired_latency({"float": float_file}, rounds=0)
    with pytest.raises(ValueError, match="seconds must be a positive number, got -1"):
        onnx_latency(float_file, seconds=-1)
    with pytest.raises(ValueError, match="networks must be in evaluation mode"):
        paired_latency({"torch": calibrated(tiny()).train()})
    found = compare({"float": float_file}, pixel_batches(images), threads=())
    with pytest.raises(ValueError, match="path must be a file, got the folder"):
        found.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(str(found).splitlines()) == 3, "a table without latency, where none was asked for"


def test_operators_are_those_that_run_and_take_no_longer_than_the_call(
    float_file, int8_file, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    found, quantized = operator_times(float_file, calls=50), operator_times(int8_file, calls=50)
    assert sum(count for name, (_, count) in found.items() if "Conv" in name) == 7
    assert quantized["QLinearConv"][1] == 7
    assert quantized["QGemm"][1] == 1
    times = [seconds for seconds, _ in quantized.values()]
    assert times == sorted(times, reverse=True)
    assert 0 < sum(times) < 20 * onnx_latency(int8_file, seconds=0.02).median
    assert list(tmp_path.iterdir()) == [], "the profile's file is gone"
    with pytest.raises(ValueError, match="calls must be a positive integer, got 0"):
        operator_times(float_file, calls=0)
