import pytest
import torch
import torch.nn.functional as F

from effnet_lib.data.glyphs import glyph_data
from effnet_lib.data.sets import ImageData, Images
from effnet_lib.train.batches import Batches, epoch_order, flip_and_crop

CPU = torch.device("cpu")


class OneByOne(Images):
    """The same images, but not as one tensor: they go through a DataLoader."""

    def __init__(self, images):
        self._images, self.labels = images.images, images.labels

    def __getitem__(self, index):
        return self._images[index], int(self.labels[index])


@pytest.fixture(scope="module")
def data():
    return glyph_data(24, train=500, validation=250, test=250)


def one_by_one(data):
    return ImageData(
        OneByOne(data.train), OneByOne(data.validation), OneByOne(data.test), data.classes, data.mean,
        data.std, data.name,
    )  # fmt: skip


def collected(batches, epoch=0, batch=50):
    pairs = list(batches.epoch(epoch, batch))
    return torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])


def test_an_epoch_shows_every_image_once_in_another_order_each_time():
    first, second = epoch_order(1000, 0, 0), epoch_order(1000, 0, 1)
    assert sorted(first.tolist()) == list(range(1000)) == sorted(second.tolist())
    assert not torch.equal(first, second)
    assert torch.equal(first, epoch_order(1000, 0, 0))


def test_batches_are_normalised_channels_last_floats(data):
    x, _ = collected(Batches(data, "train", CPU))
    assert x.dtype == torch.float32
    assert next(iter(Batches(data, "train", CPU).once()))[0].is_contiguous(memory_format=torch.channels_last)
    assert x.mean((0, 2, 3)) == pytest.approx(torch.zeros(3), abs=1e-4)
    assert x.std((0, 2, 3)) == pytest.approx(torch.ones(3), abs=1e-3)


def test_the_shares_of_two_processes_make_up_the_batch_of_one(data):
    whole = list(Batches(data, "train", CPU, seed=3).epoch(2, 50))
    halves = [list(Batches(data, "train", CPU, seed=3, rank=r, world=2).epoch(2, 50)) for r in (0, 1)]
    for (x, y), (x0, y0), (x1, y1) in zip(whole, *halves, strict=True):
        assert torch.equal(x, torch.cat([x0, x1]))
        assert torch.equal(y, torch.cat([y0, y1]))


def test_an_epoch_can_begin_in_the_middle(data):
    for augment in ("none", "flip-crop"):
        batches = Batches(data, "train", CPU, augment, seed=1)
        whole, rest = list(batches.epoch(4, 100)), list(batches.epoch(4, 100, first=2))
        assert len(whole) == 5
        for (x, _), (y, _) in zip(whole[2:], rest, strict=True):
            assert torch.equal(x, y)


@pytest.mark.parametrize("augment", ["none", "flip-crop", "randaugment"])
@pytest.mark.parametrize("workers", [0, 2])
def test_decoding_one_by_one_gives_the_same_batches(data, augment, workers):
    expected = collected(Batches(data, "train", CPU, augment, seed=5), epoch=1)
    found = collected(Batches(one_by_one(data), "train", CPU, augment, seed=5, workers=workers), epoch=1)
    assert torch.equal(expected[0], found[0])
    assert torch.equal(expected[1], found[1])


def test_loading_draws_nothing_from_the_global_random_state(data):
    before = torch.get_rng_state()
    collected(Batches(one_by_one(data), "train", CPU, "autoaugment", seed=5))
    assert torch.equal(before, torch.get_rng_state())


def test_flip_and_crop_is_pad_crop_and_mirror():
    images = torch.arange(4 * 2 * 16 * 24).reshape(4, 2, 16, 24)
    draws = torch.tensor([[0.9, 0.0, 0.0], [0.1, 0.5, 0.5], [0.9, 0.999, 0.2], [0.0, 0.3, 0.999]])
    changed = flip_and_crop(images, draws)
    for image, draw, found in zip(images, draws, changed, strict=True):
        seen = image.flip(-1) if draw[0] >= 0.5 else image
        padded = F.pad(seen[None].float(), (3, 3, 2, 2), mode="reflect")[0].long()
        down, right = int(draw[1] * 5), int(draw[2] * 7)
        assert torch.equal(found, padded[:, down : down + 16, right : right + 24])


def test_augmentation_changes_pictures_and_differs_by_epoch(data):
    plain = collected(Batches(data, "train", CPU))[0]
    first = collected(Batches(data, "train", CPU, "flip-crop"))[0]
    second = collected(Batches(data, "train", CPU, "flip-crop"), epoch=1)[0]
    assert not torch.equal(plain, first)
    assert not torch.equal(first, second)


def test_bad_splits_and_batches_are_refused(data):
    with pytest.raises(ValueError, match="split must be 'train', 'validation' or 'test', got 'valid'"):
        Batches(data, "valid", CPU)
    with pytest.raises(ValueError, match="batch must be a multiple of the 2 processes, got 5"):
        Batches(data, "train", CPU, world=2).epoch(0, 5)
