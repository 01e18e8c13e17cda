import gzip
import hashlib
import io
import os
import pickle
import socket
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from effnet_lib.data import cifar10_data, data_root, digits_data, fashion_mnist_data
from effnet_lib.data.cifar10 import CLASSES

SIZES = {"validation": 10, "train": 20}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No connection can be made; the list holds the addresses that were tried."""
    tried = []

    def refuse(*args, **kwargs):
        tried.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("EFFNET_DATA", raising=False)
    return tried


def picture(seed, side=32):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def png(seed, side=32):
    file = io.BytesIO()
    Image.fromarray(picture(seed, side)).save(file, "png")
    return file.getvalue()


def cifar_pictures():
    """File names and contents of a tiny CIFAR-10: 4 training and 2 test pictures a class, without loss."""
    for split, count, offset in (("train", 4, 0), ("test", 2, 1000)):
        for label, name in enumerate(CLASSES):
            for i in range(count):
                yield f"{split}/{name}/{i:04d}.png", png(offset + 10 * i + label)


def write_folder(root):
    for name, content in cifar_pictures():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_zip(path, top="", contents=None):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("README.md", "a tiny CIFAR-10")
        for name, content in contents or cifar_pictures():
            archive.writestr(top + name, content)


def write_batches(root, monkeypatch):
    """The layout of torchvision's CIFAR10, whose lists of checksums are replaced by those of these files."""
    from torchvision.datasets import CIFAR10

    folder = Path(root, "cifar-10-batches-py")
    folder.mkdir(parents=True)

    def write(name, content):
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return [name, hashlib.md5(data).hexdigest()]

    def batch(seeds):
        rows = np.stack([picture(seed).transpose(2, 0, 1).ravel() for seed in seeds])
        return {"data": rows, "labels": [seed % 10 for seed in seeds]}

    monkeypatch.setattr(
        CIFAR10, "train_list", [write(f"data_batch_{i}", batch(range(10 * i, 10 * i + 10))) for i in range(4)]
    )
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", batch(range(1000, 1020)))])
    name, checksum = write("batches.meta", {"label_names": list(CLASSES)})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": checksum})


def pixels(images):
    return {(image.numpy().tobytes(), label) for image, label in images}


def expected(offset, count):
    rows = [(offset + 10 * i + label, label) for label in range(10) for i in range(count)]
    return {(np.ascontiguousarray(picture(seed).transpose(2, 0, 1)).tobytes(), label) for seed, label in rows}


def test_the_root_is_the_argument_then_the_environment_then_a_folder_here(monkeypatch):
    assert data_root() == Path("data")
    monkeypatch.setenv("EFFNET_DATA", "")
    assert data_root() == Path("data")
    monkeypatch.setenv("EFFNET_DATA", "/somewhere")
    assert data_root() == Path("/somewhere")
    assert data_root("/elsewhere") == Path("/elsewhere")
    assert data_root("~/x") == Path.home() / "x"


def test_digits_are_scikit_learns_in_three_equal_channels():
    from sklearn.datasets import load_digits

    data = digits_data(8)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [1077, 360, 360]
    assert data.classes == tuple("0123456789")
    ours = set()
    for split in (data.train, data.validation, data.test):
        assert torch.equal(split.images[:, 0], split.images[:, 1])
        assert torch.equal(split.images[:, 0], split.images[:, 2])
        levels = (split.images[:, 0].double() * 16 / 255).round().long()
        ours |= {(row.numpy().tobytes(), int(label)) for row, label in zip(levels, split.labels, strict=True)}
    digits = load_digits()
    rows = zip(digits.images.astype(np.int64), digits.target, strict=True)
    assert ours == {(row.tobytes(), int(label)) for row, label in rows}


def test_digits_are_enlarged_and_stratified_and_hold_still():
    data = digits_data(24, validation=100, test=200, train=500, seed=3)
    assert data.train.images.shape == (500, 3, 24, 24)
    assert (data.test.labels.bincount() - 20).abs().max() <= 1
    assert torch.equal(
        data.test.images, digits_data(24, validation=50, test=200, train=40, seed=3).test.images
    )
    assert data.mean == pytest.approx([float(data.train.images.double().mean() / 255)] * 3)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"test": 1797}, "test must be from 1 to 1795, .* got 1797"),
        ({"validation": 0}, "validation must be from 1 to 1436, .* got 0"),
        ({"train": 2000}, "train must be from 1 to 1077, the images that validation leaves, got 2000"),
        ({"train": 10.0}, "train must be .* got 10.0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        digits_data(8, **sizes)


@pytest.mark.parametrize(
    "form", ["cifar10/", "root", "cifar10.zip", "cifar10.zip with a folder on top", "batches"]
)
def test_cifar10_is_the_same_pictures_in_every_form(form, tmp_path, monkeypatch, offline):
    if form == "batches":
        write_batches(tmp_path, monkeypatch)
    elif form.startswith("cifar10.zip"):
        write_zip(tmp_path / "cifar10.zip", "CIFAR-10-images/" if "top" in form else "")
    else:
        write_folder(tmp_path / "cifar10" if form == "cifar10/" else tmp_path)
    data = cifar10_data(tmp_path, validation=10)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [30, 10, 20]
    assert data.classes == CLASSES
    assert pixels(data.train) | pixels(data.validation) == expected(0, 4)
    assert pixels(data.test) == expected(1000, 2)
    assert data.validation.labels.bincount().tolist() == [1] * 10
    assert offline == []


def test_cifar10_subsets_are_stratified_nested_and_share_a_validation_set(tmp_path):
    write_folder(tmp_path)
    small, large = (cifar10_data(tmp_path, train=n, validation=10, test=10) for n in (10, 20))
    assert small.train.labels.bincount().tolist() == [1] * 10
    assert small.test.labels.bincount().tolist() == [1] * 10
    assert pixels(small.train) < pixels(large.train)
    assert torch.equal(small.validation.images, large.validation.images)
    other = cifar10_data(tmp_path, train=10, validation=10, seed=1)
    assert pixels(other.validation) != pixels(small.validation)


def test_cifar10_is_found_through_the_environment_and_averaged_down(tmp_path, monkeypatch):
    write_zip(tmp_path / "cifar10.zip")
    monkeypatch.setenv("EFFNET_DATA", str(tmp_path))
    full, small = cifar10_data(**SIZES), cifar10_data(resolution=8, **SIZES)
    assert small.train.images.shape == (20, 3, 8, 8)
    theirs = torch.nn.functional.interpolate(
        full.train.images.float(), (8, 8), mode="bilinear", antialias=True
    )
    assert torch.equal(small.train.images, theirs.round().to(torch.uint8))
    assert small.std < full.std  # averaging noise


def test_a_cache_is_written_only_if_asked_and_holds_the_same(tmp_path):
    write_zip(tmp_path / "cifar10.zip")
    first = cifar10_data(tmp_path, **SIZES)
    assert os.listdir(tmp_path) == ["cifar10.zip"]
    cifar10_data(tmp_path, **SIZES, cache=True)
    assert sorted(os.listdir(tmp_path)) == ["cifar10.pt", "cifar10.zip"]
    (tmp_path / "cifar10.zip").unlink()
    again = cifar10_data(tmp_path, **SIZES)
    assert torch.equal(first.train.images, again.train.images)
    assert torch.equal(first.test.labels, again.test.labels)


def test_a_cache_that_cannot_be_finished_leaves_nothing_behind(tmp_path, monkeypatch):
    write_zip(tmp_path / "cifar10.zip")

    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        cifar10_data(tmp_path, **SIZES, cache=True)
    assert os.listdir(tmp_path) == ["cifar10.zip"]


def test_a_damaged_cache_is_named(tmp_path):
    (tmp_path / "cifar10.pt").write_bytes(b"not tensors")
    with pytest.raises(ValueError, match=r"cifar10\.pt is damaged or not a cache of CIFAR-10; delete it"):
        cifar10_data(tmp_path)
    torch.save({"train_images": torch.zeros(3)}, tmp_path / "cifar10.pt")
    with pytest.raises(ValueError, match=r"cifar10\.pt is damaged"):
        cifar10_data(tmp_path)


def test_missing_cifar10_names_the_folder_and_what_to_do_and_asks_no_network(tmp_path, offline):
    with pytest.raises(FileNotFoundError) as caught:
        cifar10_data(tmp_path / "nowhere")
    for part in (tmp_path / "nowhere", "cifar-10-batches-py/", "cifar10.zip", "download=True", "EFFNET_DATA"):
        assert str(part) in str(caught.value)
    assert offline == []
    assert not (tmp_path / "nowhere").exists()


def test_a_download_is_tried_only_when_asked_and_its_failure_is_named(tmp_path, offline):
    with pytest.raises(OSError, match=r"CIFAR-10 could not be downloaded from https://www\.cs\.toronto") as e:
        cifar10_data(tmp_path, download=True)
    assert str(tmp_path) in str(e.value)
    assert len(offline) >= 1


def test_what_is_there_is_not_downloaded_again(tmp_path, offline):
    write_zip(tmp_path / "cifar10.zip")
    cifar10_data(tmp_path, **SIZES, download=True)
    assert offline == []


def test_damaged_batches_are_named(tmp_path, monkeypatch):
    write_batches(tmp_path, monkeypatch)
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"cut")
    with pytest.raises(ValueError, match=r"cifar-10-batches-py is incomplete or damaged .* delete it"):
        cifar10_data(tmp_path)


def test_a_missing_class_of_cifar10_is_named(tmp_path):
    write_folder(tmp_path / "cifar10")
    for file in (tmp_path / "cifar10" / "test" / "frog").iterdir():
        file.unlink()
    with pytest.raises(
        ValueError, match=r"cifar10 must hold pictures of every class .* got none of test/frog"
    ):
        cifar10_data(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(0)[:200], r"train/cat/0001\.png could not be read as a picture"),
        (b"hello", r"train/cat/0001\.png could not be read as a picture: it is no picture"),
        (png(0, 31), r"train/cat/0001\.png must be 32 x 32 pixels, got \(31, 31\)"),
    ],
)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_bad_picture_of_cifar10_is_named(tmp_path, content, message, form):
    if form == "folder":
        write_folder(tmp_path)
        (tmp_path / "train" / "cat" / "0001.png").write_bytes(content)
    else:
        pictures = dict(cifar_pictures()) | {"train/cat/0001.png": content}
        write_zip(tmp_path / "cifar10.zip", contents=pictures.items())
        message = r"cifar10\.zip/" + message
    with pytest.raises(ValueError, match=message):
        cifar10_data(tmp_path)


def test_a_damaged_zip_is_named(tmp_path):
    path = tmp_path / "cifar10.zip"
    write_zip(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cifar10\.zip is damaged or no zip file"):
        cifar10_data(tmp_path)
    path.write_bytes(whole[:3000] + bytes(500) + whole[3500:])
    with pytest.raises(ValueError, match=r"cifar10\.zip is damaged"):
        cifar10_data(tmp_path)


def test_validation_that_leaves_nothing_to_train_on_is_refused(tmp_path):
    write_folder(tmp_path)
    with pytest.raises(ValueError, match=r"validation must be from 1 to 39, .* got 5000"):
        cifar10_data(tmp_path)


def grey(n, seed):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (n, 28, 28), dtype=np.uint8), (np.arange(n) % 10).astype(np.uint8)


def write_fashion(root):
    folder = Path(root, "FashionMNIST", "raw")
    folder.mkdir(parents=True)
    for name, n, seed in (("train", 40, 0), ("t10k", 20, 1)):
        images, labels = grey(n, seed)
        idx = {"images-idx3": (struct.pack(">4I", 2051, n, 28, 28), images)}
        idx["labels-idx1"] = (struct.pack(">2I", 2049, n), labels)
        for kind, (header, values) in idx.items():
            (folder / f"{name}-{kind}-ubyte").write_bytes(header + values.tobytes())
    return folder


def test_fashion_mnist_is_read_from_torchvisions_files(tmp_path, offline):
    write_fashion(tmp_path)
    data = fashion_mnist_data(tmp_path, 28, validation=10)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [30, 10, 20]
    assert (data.classes[0], data.classes[9]) == ("T-shirt/top", "Ankle boot")
    theirs = {(np.stack([i] * 3).tobytes(), int(label)) for i, label in zip(*grey(40, 0), strict=True)}
    assert pixels(data.train) | pixels(data.validation) == theirs
    assert offline == []
    assert fashion_mnist_data(tmp_path, validation=10).train.images.shape == (30, 3, 32, 32)


def test_missing_fashion_mnist_names_the_file_and_what_to_do_and_asks_no_network(tmp_path, offline):
    folder = write_fashion(tmp_path)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"raw: t10k-labels-idx1-ubyte is missing; download=True"):
        fashion_mnist_data(tmp_path)
    assert offline == []


def test_a_failed_download_of_fashion_mnist_is_named(tmp_path, offline):
    with pytest.raises(OSError, match=r"Fashion-MNIST could not be downloaded into .*FashionMNIST/raw"):
        fashion_mnist_data(tmp_path, download=True)
    assert len(offline) >= 1


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x03", gzip.compress(b"still packed"), bytes(5000)])
def test_damaged_fashion_mnist_is_named(tmp_path, content):
    folder = write_fashion(tmp_path)
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"FashionMNIST/raw holds a damaged file, train-images-idx3-ubyte or"
    ):
        fashion_mnist_data(tmp_path)


REAL = os.environ.get("EFFNET_DATA")


@pytest.mark.skipif(
    not (REAL and Path(REAL, "cifar10.zip").is_file()), reason="EFFNET_DATA has no cifar10.zip"
)
def test_the_real_cifar10_has_the_published_counts_and_means():
    data = cifar10_data(REAL)
    counts = data.train.labels.bincount() + data.validation.labels.bincount()
    assert counts.tolist() == [5000] * 10
    assert data.test.labels.bincount().tolist() == [1000] * 10
    assert data.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=0.002)
    assert data.std == pytest.approx((0.2470, 0.2435, 0.2616), abs=0.003)  # JPEG smooths a little
