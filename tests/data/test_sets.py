import subprocess
import sys

import pytest
import torch

from effnet_lib.data.sets import (
    ImageData,
    Images,
    TensorImages,
    channel_statistics,
    resized,
    split_indices,
)


def some(n=6, side=4, channels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, channels, side, side), generator=generator, dtype=torch.uint8)


def split(n=6):
    return TensorImages(some(n), torch.arange(n) % 2)


def data(**changes):
    given = {
        "train": split(), "validation": split(), "test": split(), "classes": ("a", "b"),
        "mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2), "name": "some",
    }  # fmt: skip
    return ImageData(**{**given, **changes})


def test_importing_the_package_loads_neither_torch_nor_torchvision_nor_scikit_learn():
    program = (
        "import sys, effnet_lib.data\nassert 'torch' not in sys.modules\n"
        "from effnet_lib.data import ImageData, cifar10_data, folder_data, digits_data\n"
        "print({'torchvision', 'sklearn', 'PIL', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_name_of_the_package_can_be_had_and_others_are_attribute_errors():
    import effnet_lib.data

    for name in effnet_lib.data.__all__:
        assert getattr(effnet_lib.data, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = effnet_lib.data.nonsense


def test_a_split_in_memory_gives_an_image_and_an_int():
    images = split()
    image, label = images[3]
    assert torch.equal(image, images.images[3])
    assert (len(images), label, type(label)) == (6, 1, int)


def test_a_split_goes_through_pytorchs_own_loader():
    batches = list(torch.utils.data.DataLoader(split(), batch_size=4))
    assert [tuple(images.shape) for images, _ in batches] == [(4, 3, 4, 4), (2, 3, 4, 4)]
    assert torch.equal(torch.cat([labels for _, labels in batches]), split().labels)


def test_a_subclass_without_access_says_so():
    class Nothing(Images):
        labels = torch.zeros(1, dtype=torch.int64)

    with pytest.raises(NotImplementedError, match="Nothing must define __getitem__"):
        Nothing()[0]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            some().float(),
            torch.zeros(6).long(),
            r"images must be a uint8 .* got torch.float32 \(6, 3, 4, 4\)",
        ),
        (some()[0], torch.zeros(3).long(), r"images must be .*\(N, C, H, W\), got torch.uint8 \(3, 4, 4\)"),
        (some().numpy(), torch.zeros(6).long(), "images must be a uint8 tensor .* got ndarray"),
        (some(), torch.zeros(6), r"labels must be an int64 tensor \(N,\), got torch.float32 \(6,\)"),
        (some(), torch.zeros(6, 1).long(), r"labels must be .* got torch.int64 \(6, 1\)"),
        (some(), [0] * 6, "labels must be an int64 tensor .* got list"),
        (some(), torch.zeros(5).long(), "labels must be as many as images, 6, got 5"),
    ],
)
def test_a_split_refuses_other_tensors_and_says_what_it_got(images, labels, message):
    with pytest.raises(ValueError, match=message):
        TensorImages(images, labels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ("a",)}, "train must have labels from 0 to 0, .* got 0 to 1"),
        (
            {"test": TensorImages(some(1), torch.tensor([-1]))},
            "test must have labels from 0 to 1, .* got -1 to -1",
        ),
        ({"std": (0.2,)}, "std must have as many channels as mean, 3, got 1"),
        ({"std": (0.2, 0.0, 0.2)}, r"std must be positive in every channel, got \(0.2, 0.0, 0.2\)"),
    ],
)
def test_a_data_set_refuses_what_does_not_fit_together(changes, message):
    data()
    with pytest.raises(ValueError, match=message):
        data(**changes)


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_are_those_of_one_float_copy_of_everything(channels):
    images = some(2100, 5, channels)
    images[:, 0] //= 3
    whole = (images.double() / 255).transpose(0, 1).flatten(1)
    mean, std = channel_statistics(images)
    assert mean == pytest.approx(whole.mean(1).tolist(), abs=1e-12)
    assert std == pytest.approx(whole.std(1, correction=0).tolist(), abs=1e-12)


def test_statistics_do_not_depend_on_the_order_of_the_images():
    images = some(2100)
    assert channel_statistics(images) == channel_statistics(images.flip(0))


def test_statistics_need_a_pixel():
    with pytest.raises(ValueError, match="images must hold at least one pixel"):
        channel_statistics(some(0))


@pytest.mark.parametrize("side", [8, 16, 32, 48])
def test_resizing_agrees_with_pillow(side):
    import numpy as np
    from PIL import Image

    images = some(3, 32)
    images[1:, :] = torch.arange(32, dtype=torch.uint8) * 8  # a ramp beside noise
    for ours, image in zip(resized(images, side), images, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        theirs = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)).astype(int)
        # Pillow rounds after each of the two axes
        assert abs(ours.permute(1, 2, 0).numpy() - theirs).max() <= 1


def test_fine_stripes_shrink_to_grey_and_do_not_alias():
    stripes = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    stripes[..., ::2] = 255
    inner = resized(stripes, 8)[..., 1:-1].float()
    assert inner.sub(127.5).abs().max() < 10
    assert torch.nn.functional.interpolate(stripes.float(), scale_factor=0.25).std() == 0  # all one stripe


def test_many_images_are_resized_like_one_and_an_equal_size_is_left_alone():
    images = some(1001, 6)
    assert torch.equal(resized(images, 4)[-1:], resized(images[-1:], 4))
    assert resized(images, 6) is images


@pytest.mark.parametrize("resolution", [0, -1, 2.0, True, "8"])
def test_resizing_refuses_what_is_no_number_of_pixels(resolution):
    with pytest.raises(ValueError, match=f"resolution must be a positive integer, got {resolution!r}"):
        resized(some(), resolution)


def uneven(seed=0):
    return torch.randint(0, 5, (997,), generator=torch.Generator().manual_seed(seed)) ** 2 // 2


@pytest.mark.parametrize("sizes", [[100, 200], [0.1, 0.2], [10, 0.5], [997], [0, 996], [3, 4, 5, 6]])
def test_index_sets_are_disjoint_and_cover_everything(sizes):
    found = split_indices(uneven(), sizes)
    assert torch.equal(torch.cat(found).sort().values, torch.arange(997))
    for size, index in zip(sizes, found, strict=False):
        if isinstance(size, int):
            assert len(index) == size


def test_index_sets_have_the_classes_in_proportion():
    labels = uneven()
    share = labels.bincount() / len(labels)
    for index in split_indices(labels, [100, 0.2, 300])[:3]:
        expected = share * len(index)
        assert (labels[index].bincount(minlength=len(share)) - expected).abs().max() <= 1.5


def test_a_fraction_takes_at_least_one_image_of_every_class():
    labels = torch.tensor([0] * 50 + [1] * 3)
    assert labels[split_indices(labels, [0.1])[0]].bincount().tolist() == [5, 1]


def test_index_sets_depend_on_the_seed_and_on_nothing_after_them():
    labels = uneven()
    first = split_indices(labels, [100, 50])
    torch.manual_seed(99)
    again = split_indices(labels, [100, 400])
    assert torch.equal(first[0], again[0])
    assert set(first[1].tolist()) < set(again[1].tolist())  # and a smaller set lies within a larger
    assert not torch.equal(first[0], split_indices(labels, [100, 50], seed=1)[0])


def test_index_sets_leave_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    split_indices(uneven(), [100])
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_first_images_of_a_set_are_of_many_classes():
    labels = torch.arange(10).repeat_interleave(100)
    assert len(labels[split_indices(labels, [500])[0][:40]].unique()) > 7


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([998], r"sizes must add up to at most 997 images, got \[998\]"),
        ([500, 498], r"sizes must add up to at most 997 images, got \[500, 498\]"),
        ([-1], "sizes must be whole numbers or fractions between 0 and 1, got -1"),
        ([1.0], "got 1.0"),
        ([True], "got True"),
        ([0.6, 0.6], r"sizes \[0.6, 0.6\] need more than the \d+ images of label 0"),
    ],
)
def test_index_sets_refuse_sizes_that_do_not_fit(sizes, message):
    with pytest.raises(ValueError, match=message):
        split_indices(uneven(), sizes)
