"""Our training loop against a bare one and around torchvision's model; drawing against training."""

import gc

import pytest
import torch
import torch.nn.functional as F
import torchvision
from paired import ratio, rounds, seconds

from effnet_lib import EfficientNet, get_arch, load_torchvision_weights, measure
from effnet_lib.data.glyphs import draw_glyphs, glyph_data
from effnet_lib.data.sets import ImageData, TensorImages
from effnet_lib.small import glyph_base
from effnet_lib.train import RECIPES
from effnet_lib.train.run import Run

STEPS = {"b0": 3, "glyphs": 40}


def data_for(kind: str) -> ImageData:
    if kind == "glyphs":
        return glyph_data(22, train=3000, validation=250, test=250)
    images = torch.randint(0, 256, (64, 3, 224, 224), dtype=torch.uint8)
    split = TensorImages(images, torch.randint(0, 1000, (64,)))
    classes = tuple(map(str, range(1000)))
    return ImageData(split, split, split, classes, (0.5,) * 3, (0.25,) * 3, "noise")


def networks(kind: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Ours and the reference: torchvision's B0, or for the glyph network a second copy of ours."""
    torch.manual_seed(0)
    if kind == "glyphs":
        ours, other = EfficientNet(glyph_base(22)), EfficientNet(glyph_base(22))
        other.load_state_dict(ours.state_dict())
        return ours, other
    other = torchvision.models.efficientnet_b0(weights=None)
    ours = EfficientNet(get_arch("efficientnet_b0"))
    load_torchvision_weights(ours, other.state_dict())
    return ours, other


def bare_loop(model: torch.nn.Module, data: ImageData, batch: int, steps: int):
    """What one would write by hand: index, normalise, forward, backward, fused AdamW."""
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    mean, std = torch.tensor(data.mean).view(1, 3, 1, 1), torch.tensor(data.std).view(1, 3, 1, 1)

    def go() -> None:
        order = torch.randperm(len(data.train))
        for k in range(steps):
            index = order[k * batch : (k + 1) * batch]
            x = (data.train.images[index].float() / 255 - mean) / std
            logits = model(x.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, data.train.labels[index], label_smoothing=0.1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return go


def our_loop(model: torch.nn.Module, data: ImageData, batch: int, steps: int):
    run = Run(model, data, RECIPES["small"].replace(batch=batch, lr=1e-3), device="cpu")
    run.model.train()

    def go() -> None:
        for images, labels in run.train.epoch(0, batch, 0, steps):
            run.take_step(images, labels)
        run.step = 0

    return go


@pytest.mark.parametrize(("kind", "batch", "count"), [("glyphs", 64, 15), ("b0", 16, 7)])
def test_our_loop_is_as_fast_as_a_bare_one(kind, batch, count, report):
    data, steps = data_for(kind), STEPS[kind]
    ours, other = networks(kind)
    rivals = {
        "ours": our_loop(ours, data, batch, steps),
        "bare": bare_loop(networks(kind)[0], data, batch, steps),
        "around the peer": our_loop(other, data, batch, steps),
    }
    times = rounds(rivals, count, warm_up=1)
    speed = batch * steps / sorted(times["ours"])[len(times["ours"]) // 2]
    for rival in ("bare", "around the peer"):
        found = ratio(times[rival], times["ours"])
        what = f"training {kind}, batch {batch}, {speed:.0f} images/s: ours over {rival}, images/s"
        report(what, found, ">= 0.97", found.high >= 0.97)


def peak(go) -> int:
    gc.collect()
    watch = measure._LiveBytes()
    with watch:
        go()
    return watch.peak


@pytest.mark.parametrize(("kind", "batch"), [("glyphs", 64), ("b0", 8)])
def test_our_loop_takes_no_more_memory(kind, batch, report):
    data = data_for(kind)
    ours, other = networks(kind)
    found = {
        "ours": peak(our_loop(ours, data, batch, 2)),
        "bare": peak(bare_loop(networks(kind)[0], data, batch, 2)),
        "around the peer": peak(our_loop(other, data, batch, 2)),
    }
    for rival in ("bare", "around the peer"):
        share = found[rival] / found["ours"]
        what = f"training {kind}, batch {batch}, {found['ours'] / 2**20:.0f} MiB: {rival} over ours, peak"
        report(what, f"{share:.3f}", ">= 0.97", share >= 0.97)


def test_drawing_letters_is_fast(report):
    draw_glyphs(250)
    took = min(seconds(lambda: draw_glyphs(3000, 32)) for _ in range(3))
    report("glyphs drawn a second", f"{3000 / took:.0f}", ">= 1500", 3000 / took >= 1500)


def test_fetching_a_batch_is_a_small_part_of_a_step(report):
    data = data_for("glyphs")
    run = Run(networks("glyphs")[0], data, "small", device="cpu")
    run.model.train()

    def fetch() -> None:
        for _ in run.train.epoch(0, 64, 0, 40):
            pass

    step = our_loop(networks("glyphs")[0], data, 64, 40)
    times = rounds({"fetch": fetch, "step": step}, 10)
    share = ratio(times["fetch"], times["step"])
    report("fetching a batch of glyphs, share of a training step", share, "<= 0.1", share.median <= 0.1)
