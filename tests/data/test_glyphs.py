import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from effnet_lib.data.glyphs import CLASSES, DIFFICULTIES, SPLITS, draw_glyphs, glyph_data, shrink

#: 8 x 8 block means of the first scene of every split and difficulty, drawn when this test was written.
FINGERPRINT = Path(__file__).with_name("glyph_fingerprint.json")


def fingerprint():
    found = {}
    for difficulty in DIFFICULTIES:
        for split in SPLITS:
            drawn = draw_glyphs(3, 64, split, difficulty, seed=0)
            means = F.avg_pool2d(drawn.images.float().mean(1, keepdim=True), 8)
            found[f"{difficulty} {split}"] = {
                "labels": drawn.labels.tolist(),
                "means": [[round(v, 1) for v in m.flatten().tolist()] for m in means],
            }
    return found


def test_the_same_scenes_are_drawn_on_any_machine():
    stored = json.loads(FINGERPRINT.read_text())
    for name, now in fingerprint().items():
        assert now["labels"] == stored[name]["labels"], name
        # Font rasterizers and sums may differ by a grey level here and there, not over a block of 64 pixels.
        np.testing.assert_allclose(now["means"], stored[name]["means"], atol=1.5, err_msg=name)


def test_drawing_is_deterministic_and_a_longer_set_begins_with_the_shorter():
    some, more = draw_glyphs(260, 24), draw_glyphs(600, 24)
    assert torch.equal(some.images, more.images[:260])
    assert torch.equal(some.labels, more.labels[:260])
    assert not torch.equal(some.images[:9], draw_glyphs(9, 24, seed=1).images)
    assert not torch.equal(some.images[:9], draw_glyphs(9, 24, difficulty="hard").images)


def test_the_number_of_threads_changes_nothing():
    before = torch.get_num_threads()
    drawn = draw_glyphs(250, 32)
    try:
        torch.set_num_threads(1)
        alone = draw_glyphs(250, 32)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(drawn.images, alone.images)


def test_splits_share_no_picture():
    data = glyph_data(32, train=1000, validation=500, test=500)
    seen = [{image.numpy().tobytes() for image in getattr(data, split).images} for split in SPLITS]
    assert [len(s) for s in seen] == [1000, 500, 500]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_all_classes_are_equally_frequent_in_a_thousand():
    labels = draw_glyphs(2000, 8).labels
    assert torch.equal(torch.bincount(labels[:1000]), torch.full((40,), 25))
    assert torch.equal(torch.bincount(labels[1000:]), torch.full((40,), 25))
    assert len(CLASSES) == 40 == len(set(CLASSES))


def test_a_lower_resolution_is_the_same_scene_with_less_information():
    full = draw_glyphs(50, 64)
    for resolution in (48, 32, 22, 8):
        small = draw_glyphs(50, resolution)
        assert torch.equal(small.labels, full.labels)
        assert torch.equal(small.images, shrink(full.images, resolution)), "computable from the larger one"
        back = F.interpolate(small.images.float(), size=64, mode="bilinear")
        lost = (back - full.images.float()).square().mean().sqrt().item()
        assert lost > 5, "and the larger one is not computable from it"


def test_noise_is_averaged_away_and_not_aliased():
    noise = torch.randint(0, 256, (50, 3, 64, 64), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    picked, averaged = noise[:, :, ::4, ::4].float().std(), shrink(noise, 16).float().std()
    assert averaged < 0.25 * picked  # a triangle over 8 x 8 pixels leaves 2/3 of a quarter


def test_a_larger_canvas_allows_a_larger_picture():
    assert draw_glyphs(2, 96, canvas=96).images.shape == (2, 3, 96, 96)


def test_statistics_are_those_of_the_train_split():
    data = glyph_data(16, train=500, validation=250, test=250)
    values = data.train.images.double() / 255
    assert data.mean == pytest.approx(values.mean((0, 2, 3)).tolist(), abs=1e-9)
    assert data.std == pytest.approx(values.std((0, 2, 3), unbiased=False).tolist(), abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be an integer of at least 1, got 0"),
        ({"n": 3, "resolution": 0}, "resolution must be an integer of at least 1, got 0"),
        (
            {"n": 3, "resolution": 65},
            "resolution must be at most the canvas of 64 pixels, got 65; raise canvas too",
        ),
        ({"n": 3, "split": "dev"}, "split must be one of 'train', 'validation', 'test', got 'dev'"),
        ({"n": 3, "difficulty": "medium"}, "difficulty must be one of 'easy', 'hard', got 'medium'"),
        ({"n": 3, "seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"n": True}, "n must be an integer of at least 1, got True"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_glyphs(**arguments)


def test_enlarging_is_refused():
    with pytest.raises(ValueError, match="at most the canvas of 16 pixels, got 17"):
        shrink(torch.zeros(1, 3, 16, 16, dtype=torch.uint8), 17)
