import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from effnet_lib.data import FolderImages, folder_data, verify_folder
from effnet_lib.data.decode import decoded
from effnet_lib.data.folder import IMAGENET_MEAN, IMAGENET_STD


def noise(seed, height=40, width=60):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(path, array=None, **kwargs):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(0) if array is None else array).save(path, **kwargs)
    return path


def write_split(folder, count, classes=("cat", "dog", "owl")):
    for label, name in enumerate(classes):
        for i in range(count):
            write(folder / name / f"{i:02d}.png", noise(1000 * label + i))


def files(images):
    return {str(path) for path in images.paths}


@pytest.fixture
def root(tmp_path):
    """Twenty pictures each of three classes, no other split."""
    write_split(tmp_path / "pets" / "train", 20)
    return tmp_path / "pets"


def test_the_listing_is_torchvisions(root):
    from torchvision.datasets import ImageFolder

    write_split(root / "val", 2)
    write_split(root / "test", 3)
    data = folder_data(root, 16)
    for split, name in ((data.train, "train"), (data.validation, "val"), (data.test, "test")):
        theirs = ImageFolder(root / name)
        assert list(zip(split.paths, split.labels.tolist(), strict=True)) == theirs.samples
        assert list(data.classes) == theirs.classes
    assert data.name == "pets (16 px)"


def test_missing_splits_are_taken_from_train_stratified_and_disjoint(root):
    data = folder_data(root, 16)
    splits = (data.train, data.validation, data.test)
    assert [split.labels.bincount().tolist() for split in splits] == [[16] * 3, [2] * 3, [2] * 3]
    assert set.union(*map(files, splits)) == {str(path) for path in root.rglob("*.png")}
    assert sum(len(split) for split in splits) == 60
    for split in splits:
        assert [data.classes[label] for label in split.labels] == [Path(p).parent.name for p in split.paths]


def test_the_same_seed_gives_the_same_splits_and_another_does_not(root):
    first, again, other = folder_data(root, 16), folder_data(root, 32), folder_data(root, 16, seed=1)
    assert first.train.paths == again.train.paths
    assert files(first.test) != files(other.test)
    assert files(folder_data(root, 16, validation=0.3).test) == files(first.test)


def test_only_the_split_that_is_missing_is_taken_from_train(root):
    write_split(root / "validation", 5)
    data = folder_data(root, 16, test=0.25)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [45, 15, 15]
    assert all("validation" in path for path in data.validation.paths)
    assert not files(data.train) & files(data.test)


def test_an_image_is_the_central_square_resized_as_resizing_and_cropping_does(tmp_path):
    from torchvision.transforms import v2

    y, x = np.mgrid[:48, :96]
    smooth = np.stack([x * 2, y * 4, (x + y)], -1).astype(np.uint8)  # tells left from right and up from down
    path = write(tmp_path / "a.png", smooth)
    image, label = FolderImages([path], torch.tensor([3]), 16)[0]
    assert (image.dtype, tuple(image.shape), label) == (torch.uint8, (3, 16, 16), 3)
    theirs = v2.Compose([v2.Resize(16), v2.CenterCrop(16), v2.PILToTensor()])(Image.open(path))
    # the border of a crop is averaged with what lies outside it in one order and not in the other
    assert (image.int() - theirs.int()).abs().max() <= 2
    assert image[0, 0, 0] < image[0, 0, -1]
    assert image[1, 0, 0] < image[1, -1, 0]


@pytest.mark.parametrize("size", [(7, 5), (1, 1), (3, 4000), (33, 32)])
def test_every_shape_of_picture_fits(tmp_path, size):
    path = write(tmp_path / "a.png", noise(0, *size))
    assert FolderImages([path], torch.tensor([0]), 32)[0][0].shape == (3, 32, 32)


def test_nothing_is_decoded_before_it_is_asked_for(root, monkeypatch):
    opened = []
    monkeypatch.setattr("effnet_lib.data.folder.rgb_picture", lambda content, name: opened.append(name))
    data = folder_data(root, 16)
    assert opened == []
    with pytest.raises(AttributeError):
        data.train[5]
    assert opened == [data.train.paths[5]]


def test_a_folder_goes_through_pytorchs_loader_with_workers_and_a_bad_file_is_named_there(root):
    data = folder_data(root, 16)
    loader = torch.utils.data.DataLoader(data.train, 16, num_workers=1, multiprocessing_context="fork")
    assert sum(len(labels) for _, labels in loader) == 48
    bad = Path(data.train.paths[20])
    bad.write_text("not a picture")
    with pytest.raises(ValueError, match=f"{bad} could not be read as a picture: it is no picture"):
        list(loader)


def test_statistics_are_imagenets_or_those_of_a_sample(root):
    data = folder_data(root, 16)
    assert (data.mean, data.std) == (IMAGENET_MEAN, IMAGENET_STD)
    every = folder_data(root, 16, sample=1000)
    whole = torch.stack([image for image, _ in data.train]).double() / 255
    assert every.mean == pytest.approx(whole.mean((0, 2, 3)).tolist())
    few = folder_data(root, 16, sample=4)
    assert few.mean != every.mean
    assert few.mean == pytest.approx(every.mean, abs=0.05)
    assert few.mean == folder_data(root, 16, sample=4).mean


def test_hidden_files_and_folders_and_other_kinds_of_file_are_passed_over(root):
    expected = folder_data(root, 16).train.paths
    write(root / "train" / ".ipynb_checkpoints" / "a.png")
    (root / "train" / "cat" / "._00.png").write_bytes(b"resource fork")
    (root / "train" / "cat" / "notes.txt").write_text("a note")
    (root / "train" / "loose.png").write_bytes(b"")
    assert folder_data(root, 16).train.paths == expected
    assert verify_folder(root) == 60


def test_pictures_in_folders_within_a_class_belong_to_it(root):
    write(root / "train" / "owl" / "barn" / "a.JPEG")
    assert verify_folder(root) == 61


# What is wrong with a folder


def test_a_root_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"root must be a folder, got '.*/nowhere', which does not exist"
    ):
        folder_data(tmp_path / "nowhere", 16)


def test_a_root_without_train_says_which_layout_is_needed(tmp_path):
    write_split(tmp_path, 3)
    with pytest.raises(
        FileNotFoundError, match=r"must hold train/<class>/\*\.jpg, got no folder 'train'"
    ) as e:
        folder_data(tmp_path, 16)
    assert str(tmp_path) in str(e.value)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_class_folders_is_named(root, split):
    shutil.rmtree(root / split, ignore_errors=True)
    write(root / split / "picture.jpg")
    with pytest.raises(
        ValueError, match=rf"pets/{split} must hold one folder a class .* got no folder in it"
    ):
        folder_data(root, 16)


def test_a_class_without_a_picture_is_named(root):
    (root / "train" / "yak").mkdir()
    (root / "train" / "yak" / "readme.txt").write_text("to do")
    with pytest.raises(ValueError, match=r"train/yak must hold at least one picture \(\.jpg, .* got none"):
        folder_data(root, 16)


def test_a_class_that_another_split_lacks_is_named(root):
    write_split(root / "val", 2, ("cat", "dog"))
    with pytest.raises(
        ValueError, match=r"pets/val must have the same classes as train, got no folder 'owl'"
    ):
        folder_data(root, 16)
    write_split(root / "val", 2, ("owl", "yak"))
    with pytest.raises(
        ValueError, match=r"pets/train must have the same classes as val, got no folder 'yak'"
    ):
        folder_data(root, 16)


def test_two_validation_splits_are_one_too_many(root):
    write_split(root / "val", 2)
    write_split(root / "validation", 2)
    with pytest.raises(ValueError, match="must hold one validation split, got validation and val"):
        folder_data(root, 16)


def test_a_class_with_too_few_pictures_to_split_is_named(root):
    write_split(root / "train", 2, ("yak",))
    with pytest.raises(
        ValueError, match=r"train/yak must have more pictures than the 2 .* got 2; add pictures"
    ):
        folder_data(root, 16)
    write_split(root / "train", 3, ("yak",))
    assert folder_data(root, 16).train.labels.bincount().tolist() == [16, 16, 16, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation": 0.0}, "validation must be a fraction between 0 and 1, got 0.0"),
        ({"test": 5}, "test must be a fraction between 0 and 1, got 5"),
        ({"validation": 0.5, "test": 0.5}, "train/cat must have more pictures than the 20"),
        ({"sample": 0}, "sample must be a positive integer or None, got 0"),
        ({"resolution": 0}, "resolution must be a positive integer, got 0"),
        ({"resolution": 16.5}, "resolution must be a positive integer, got 16.5"),
    ],
)
def test_arguments_out_of_range_are_named(root, arguments, message):
    with pytest.raises(ValueError, match=message):
        folder_data(root, **{"resolution": 16, **arguments})


@pytest.mark.parametrize("labels", [torch.zeros(2).long(), torch.zeros(1), [0]])
def test_labels_that_do_not_fit_the_paths_are_refused(labels):
    with pytest.raises(ValueError, match=r"labels must be an int64 tensor \(1,\), one for each path, got"):
        FolderImages(["a.png"], labels, 16)


# What is wrong with a file


def damaged(kind, path):
    if kind == "cut JPEG":
        write(path, noise(0, 200, 200), format="jpeg")
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "cut PNG":
        write(path, noise(0, 200, 200), format="png")
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "text":
        path.write_text("<html>404</html>")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "floating point":
        Image.fromarray(noise(0)[..., 0].astype(np.float32)).save(path, "tiff")
    elif kind == "32 bits":
        Image.fromarray(noise(0)[..., 0].astype(np.int32) * 1000).save(path, "tiff")


KINDS = {
    "cut JPEG": "truncated",
    "cut PNG": "truncated",
    "text": "it is no picture",
    "empty": "it is empty",
    "floating point": "must be whole numbers",
    "32 bits": "must have at most 16 bits",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_file_is_named_when_it_is_asked_for_and_by_a_check_up_front(root, kind):
    bad = root / "train" / "dog" / "05.jpg"
    damaged(kind, bad)
    expected = f"{bad} could not be read as a picture: .*{KINDS[kind]}"
    with pytest.raises(ValueError, match=expected):
        FolderImages([bad], torch.tensor([0]), 16)[0]
    folder_data(root, 16)  # listing does not open it
    with pytest.raises(ValueError, match=expected + r".*; 1 of 61 pictures are bad"):
        folder_data(root, 16, check=True)


def test_a_check_names_the_first_bad_file_and_counts_them(root):
    for name in ("owl/03.png", "cat/07.png", "dog/01.png"):
        (root / "train" / name).write_text("")
    with pytest.raises(ValueError, match=r"train/cat/07\.png could not .*; 3 of 60 pictures are bad"):
        verify_folder(root)


def test_a_file_that_has_gone_is_named(root):
    data = folder_data(root, 16)
    os.remove(data.train.paths[0])
    with pytest.raises(FileNotFoundError, match=data.train.paths[0]):
        data.train[0]


# Every kind of picture comes out as RGB


def read(path):
    return decoded(path.read_bytes(), str(path)).permute(1, 2, 0).numpy()


def test_rgb_without_loss_comes_out_as_it_went_in(tmp_path):
    assert (read(write(tmp_path / "a.png", noise(1))) == noise(1)).all()


def test_a_jpeg_is_decoded_as_torchvision_decodes_it(tmp_path):
    from torchvision.io import decode_image

    path = write(tmp_path / "a.jpg", np.sort(noise(1), 1), quality=90)
    theirs = decode_image(str(path)).permute(1, 2, 0).numpy().astype(int)
    # two builds of libjpeg may round differently
    assert abs(read(path) - theirs).max() <= 3


def test_grey_is_repeated(tmp_path):
    grey = noise(2)[..., 0]
    assert (read(write(tmp_path / "a.png", grey)) == grey[..., None]).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_rounded_to_eight_and_not_cut_off(tmp_path, suffix):
    grey = noise(3)[..., 0]
    deep = grey.astype(np.uint16) * 257 + 100
    deep[grey == 255] = 65535
    found = read(write(tmp_path / f"a.{suffix}", deep))
    assert (found == grey[..., None]).all()


def test_black_and_white_is_nought_and_255(tmp_path):
    Image.fromarray(noise(4)[..., 0] > 127).save(tmp_path / "a.png")
    assert (read(tmp_path / "a.png") == np.where(noise(4)[..., :1] > 127, 255, 0)).all()


def test_a_palette_is_looked_up(tmp_path):
    picture = Image.fromarray(noise(5)).quantize(16)
    picture.save(tmp_path / "a.png")
    colours = np.array(picture.getpalette()).reshape(-1, 3)
    assert (read(tmp_path / "a.png") == colours[np.asarray(picture)]).all()


def over_white(colours, alpha):
    alpha = alpha[..., None] / 255
    return colours * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_lies_on_white(tmp_path, mode):
    colours, alpha = noise(6), noise(7)[..., 0]
    if mode == "LA":
        colours = colours[..., :1]
    Image.fromarray(np.concatenate([colours, alpha[..., None]], -1)).save(tmp_path / "a.png")
    assert abs(read(tmp_path / "a.png") - over_white(colours, alpha)).max() <= 1  # rounding


@pytest.mark.parametrize("transparency", [3, bytes([255, 255, 255, 0])])
def test_a_transparent_entry_of_a_palette_is_white(tmp_path, transparency):
    index = noise(8)[..., 0] % 4
    picture = Image.fromarray(index)
    picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    picture.save(tmp_path / "a.png", transparency=transparency)
    colours = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0], [255, 255, 255]])
    assert (read(tmp_path / "a.png") == colours[index]).all()


def test_cmyk_comes_out_as_rgb(tmp_path):
    Image.new("CMYK", (20, 20), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    assert read(tmp_path / "a.jpg").shape == (20, 20, 3)
    assert read(tmp_path / "a.jpg").min() > 250


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (6, lambda a: np.rot90(a, -1)),
        (8, np.rot90),
    ],
)
def test_a_picture_is_upright_as_its_exif_orientation_says(tmp_path, orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path / "a.png", noise(9), exif=exif)
    assert (read(path) == turned(noise(9))).all()


def test_the_first_frame_of_an_animation_counts(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (read(tmp_path / "a.gif") == [255, 0, 0]).all()
