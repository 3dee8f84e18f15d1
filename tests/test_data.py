"""Shipped data against its published hashes; IDX files; train/test splits."""

import gzip
import hashlib
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnkit import data
from cnnkit.data import idx, shipped
from cnnkit.errors import DataError, DTypeError, OptionError, ShapeError
from cnnkit.zoo.digits import trained_digits

FOLDER = Path(__file__).parents[1] / "data"
PIXELS = {
    "astronaut": (512, 512),
    "brick": (512, 512),
    "camera": (512, 512),
    "cell": (660, 550),
    "chelsea": (300, 451),
    "clock": (300, 400),
    "coffee": (400, 600),
    "grass": (512, 512),
    "gravel": (512, 512),
    "retina": (512, 512),
}
IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def shipped_files():
    return {p.relative_to(FOLDER).as_posix(): p for p in FOLDER.glob("*/*") if p.is_file()}


def idx_bytes(array, code=None):
    head = bytes([0, 0, code or IDX_CODES[array.dtype.str[1:]], array.ndim])
    return (
        head
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


@pytest.fixture
def private_folder(tmp_path, monkeypatch):
    """A copy of data/ that a test may damage."""
    copy = tmp_path / "data"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(shipped, "_data_folder", lambda: copy)
    return copy


# ---- what is shipped -------------------------------------------------------------------------------------


def test_readme_table_describes_every_file_and_no_other():
    table = re.findall(
        r"^\| `(\w+/[\w.-]+)` \|(.*)\|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE
    )
    rows = {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in table}
    assert rows.keys() == shipped_files().keys()
    for name, path in shipped_files().items():
        shows, size, length, author, source, licence, changes, digest = rows[name]
        raw = path.read_bytes()
        assert length == f"{len(raw):,}", name
        assert digest == f"`{hashlib.sha256(raw).hexdigest()}`", name
        assert all([shows, author, source, changes]), name
        assert re.match(r"CC0 1\.0$|Public domain \(|CC BY 4\.0$", licence), name
        if name.startswith("photos/"):
            height, width = PIXELS[path.stem]
            colour = "colour" if Image.open(path).mode == "RGB" else "gray"
            assert size == f"{height}x{width}, {colour}", name


def test_manifest_lists_every_file_and_no_other():
    lines = dict(reversed(line.split("  ")) for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    assert lines == {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in shipped_files().items()}


def test_shipped_data_stays_small():
    assert sum(path.stat().st_size for path in shipped_files().values()) < 3_000_000


def test_photo_names():
    assert data.photo_names() == sorted(PIXELS)


@pytest.mark.parametrize(("name", "shape"), PIXELS.items())
def test_photo_shapes_and_range(name, shape):
    colour, gray = data.photo(name), data.photo(name, mode="gray", dtype=np.float64)
    assert colour.shape == (*shape, 3)
    assert colour.dtype == np.float32
    assert gray.shape == shape
    assert gray.dtype == np.float64
    for pixels in (colour, gray):
        assert 0 <= pixels.min() < 0.45
        assert 0.65 < pixels.max() <= 1


def test_photo_pixels_are_the_files_pixels_over_255():
    expected = np.asarray(Image.open(FOLDER / "photos/coffee.png"))
    np.testing.assert_array_equal(data.photo("coffee"), expected.astype(np.float32) / np.float32(255))


def test_gray_photo_in_rgb_has_three_equal_channels():
    camera = data.photo("camera")
    np.testing.assert_array_equal(camera, np.repeat(data.photo("camera", mode="gray")[..., None], 3, axis=2))


def test_gray_of_colour_is_luma():
    red, green, blue = np.moveaxis(data.photo("chelsea", dtype=np.float64), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    np.testing.assert_allclose(data.photo("chelsea", mode="gray", dtype=np.float64), luma, atol=1.01 / 255)


def test_photo_size_crops_around_the_centre_and_never_stretches():
    whole = data.photo("coffee", mode="gray")
    square = data.photo("coffee", size=400, mode="gray")
    np.testing.assert_array_equal(square, whole[:, 100:500])
    assert data.photo("coffee", size=(64, 96)).shape == (64, 96, 3)
    assert data.photo("chelsea", size=512).shape == (512, 512, 3)


def test_photo_is_the_readers_own_copy():
    first = data.photo("camera", size=8)
    first[:] = 0
    assert data.photo("camera", size=8).max() > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "camra"}, OptionError, "did you mean 'camera'"),
        ({"name": "../README"}, OptionError, "expected one of astronaut, brick"),
        ({"name": "camera", "mode": "rgb"}, OptionError, "mode is 'rgb'"),
        ({"name": "camera", "size": 0}, OptionError, "size is 0"),
        ({"name": "camera", "size": (64, 2.5)}, OptionError, r"size\[1\] is 2.5"),
        ({"name": "camera", "size": 100_000}, OptionError, "at most 4096"),
        ({"name": "camera", "dtype": np.uint8}, DTypeError, "float32 or float64"),
        ({"name": "camera", "dtype": "text"}, DTypeError, "dtype is 'text'"),
    ],
)
def test_photo_refuses_meaningless_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        data.photo(**arguments)


def test_digits_are_those_of_uci():
    images, labels = data.digits()
    assert images.shape == (1797, 8, 8)
    assert (images.dtype, labels.dtype) == (np.float32, np.int64)
    assert (images.min(), images.max()) == (0, 1)
    # Class counts of the test part, as published in its description.
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # The first digit of the published table, a zero.
    assert labels[0] == 0
    assert (images[0, 2] * 16).tolist() == [0, 3, 15, 2, 0, 11, 8, 0]


def read(name):
    if name.startswith("photos"):
        data.photo(Path(name).stem)
    elif name.startswith("digits"):
        data.digits()
    else:
        trained_digits()


@pytest.mark.parametrize("name", sorted(shipped_files()))
def test_one_flipped_bit_in_any_file_is_noticed(private_folder, name):
    raw = bytearray((private_folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (private_folder / name).write_bytes(raw)
    actual, expected = (
        hashlib.sha256(raw).hexdigest(),
        hashlib.sha256(shipped_files()[name].read_bytes()).hexdigest(),
    )
    with pytest.raises(DataError) as caught:
        read(name)
    for part in (f"data/{name}", actual, expected, "git checkout"):
        assert part in str(caught.value)


def test_absent_file_is_named(private_folder):
    (private_folder / "photos/brick.png").unlink()
    with pytest.raises(DataError, match=r"data/photos/brick\.png cannot be read \(No such file"):
        data.photo("brick")


def test_absent_folder_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "cnnkit" / "data" / "shipped.py"))
    with pytest.raises(DataError, match="SHA256SUMS is missing"):
        data.photo_names()


def test_built_wheels_folder_is_found(tmp_path, monkeypatch):
    shutil.copytree(FOLDER, tmp_path / "cnnkit" / "_data")
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "cnnkit" / "data" / "shipped.py"))
    assert data.photo("clock").shape == (300, 400, 3)


# ---- splits ----------------------------------------------------------------------------------------------


def test_split_keeps_every_image_with_its_label_once():
    images = np.arange(40).reshape(20, 2)
    split = data.train_test_split(images, np.arange(20), test_fraction=0.25, seed=3)
    assert (len(split.x_train), len(split.x_test)) == (15, 5)
    assert sorted([*split.y_train, *split.y_test]) == list(range(20))
    np.testing.assert_array_equal(split.x_train[:, 0], 2 * split.y_train)
    np.testing.assert_array_equal(split.x_test[:, 0], 2 * split.y_test)


def test_split_depends_on_the_seed_alone():
    images, labels = data.digits()
    first, again, other = (data.train_test_split(images, labels, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.y_test, again.y_test)
    assert not np.array_equal(first.y_test, other.y_test)


@pytest.mark.parametrize(
    ("count", "labels", "fraction", "error"),
    [(4, 5, 0.25, ShapeError), (4, 4, 0.0, OptionError), (4, 4, 1, OptionError), (1, 1, 0.5, ShapeError)],
)
def test_split_refuses_parts_that_make_no_sense(count, labels, fraction, error):
    with pytest.raises(error):
        data.train_test_split(np.zeros(count), np.zeros(labels), test_fraction=fraction)


# ---- IDX -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", IDX_CODES)
def test_idx_reads_all_six_number_types(tmp_path, kind, zipped):
    array = (np.arange(-12, 12).reshape(2, 3, 4) * 5).astype(kind)
    path = tmp_path / "numbers"  # gzip is told by its first bytes, not by the name
    path.write_bytes(gzip.compress(idx_bytes(array)) if zipped else idx_bytes(array))
    read = data.read_idx(path)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    read[0, 0, 0] = 1  # the reader's own, writable


def test_idx_reads_one_axis_and_empty_files(tmp_path):
    for array in (np.arange(5, dtype="u1"), np.zeros((0, 28, 28), "u1")):
        (tmp_path / "numbers").write_bytes(idx_bytes(array))
        np.testing.assert_array_equal(data.read_idx(tmp_path / "numbers"), array)


GOOD = idx_bytes(np.arange(6, dtype="i2").reshape(2, 3))
HUGE = bytes([0, 0, 0x0E, 3]) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
HUGE_AND_EMPTY = bytes([0, 0, 0x08, 3]) + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1)
BROKEN_IDX = {
    "empty": (b"", "truncated: 0 of 4 bytes"),
    "short magic": (GOOD[:3], "truncated: 3 of 4"),
    "short sizes": (GOOD[:9], "truncated: 5 of 8"),
    "short values": (GOOD[:-1], "truncated: 11 of 12"),
    "trailing byte": (GOOD + b"\0", "goes on after"),
    "foreign": (b"\x89PNG\r\n\x1a\n" + GOOD, "not an IDX file: it begins with the bytes 89 50 4e 47"),
    "unknown type": (b"\0\0\x0a" + GOOD[3:], "not an IDX file"),
    "no axes": (b"\0\0\x08\0", "claims 0 axes"),
    "too many axes": (b"\0\0\x08\xff" + bytes(2000), "claims 255 axes"),
    "absurd size": (HUGE, "over 2,147,483,648 bytes"),
    "absurd but empty": (HUGE_AND_EMPTY, "over 2,147,483,648 bytes"),
    "lying size": (
        bytes([0, 0, 8, 1]) + struct.pack(">I", 2**31 - 1) + b"123",
        "truncated: 3 of 2,147,483,647",
    ),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("raw", "message"), BROKEN_IDX.values(), ids=BROKEN_IDX)
def test_idx_refuses_broken_files(tmp_path, raw, message, zipped):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    with pytest.raises(DataError, match=f"train-images-idx3-ubyte .*{message}"):
        data.read_idx(path)


@pytest.mark.parametrize("damage", ["cut", "flip", "junk behind"])
def test_idx_refuses_damaged_gzip(tmp_path, damage):
    raw = bytearray(gzip.compress(idx_bytes(np.arange(200, dtype="u1"))))
    if damage == "flip":
        raw[-6] ^= 1  # inside the checksum
    path = tmp_path / "labels.gz"
    path.write_bytes({"cut": raw[:-4], "flip": raw, "junk behind": raw + b"junk"}[damage])
    with pytest.raises(DataError, match=r"labels\.gz is a damaged gzip file"):
        data.read_idx(path)


def test_idx_names_an_absent_file_or_a_folder(tmp_path):
    with pytest.raises(DataError, match="absent cannot be read"):
        data.read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be read"):
        data.read_idx(tmp_path)


def write_mnist(folder, *, part="train", images=None, labels=None, suffix=""):
    images = np.arange(3 * 28 * 28, dtype="u1").reshape(3, 28, 28) if images is None else images
    labels = np.array([7, 0, 9], "u1") if labels is None else labels
    for stem, array in (("images-idx3", images), ("labels-idx1", labels)):
        raw = idx_bytes(array)
        (folder / f"{part}-{stem}-ubyte{suffix}").write_bytes(gzip.compress(raw) if suffix else raw)
    return images


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(("split", "part"), [("train", "train"), ("test", "t10k")])
def test_mnist_reads_the_published_names(tmp_path, split, part, suffix):
    raw = write_mnist(tmp_path, part=part, suffix=suffix)
    images, labels = data.mnist(tmp_path, split)
    np.testing.assert_allclose(images, raw / 255, rtol=1e-6)
    assert (images.dtype, labels.dtype) == (np.float32, np.int64)
    assert labels.tolist() == [7, 0, 9]


def test_mnist_says_where_to_put_absent_files(tmp_path):
    write_mnist(tmp_path, part="train")
    with pytest.raises(DataError) as caught:
        data.mnist(tmp_path, "test")
    for part in ("t10k-images-idx3-ubyte", ".gz", str(tmp_path), "train-labels-idx1-ubyte"):
        assert part in str(caught.value)


def test_mnist_refuses_files_that_do_not_belong_together(tmp_path):
    write_mnist(tmp_path, labels=np.zeros(4, "u1"))
    with pytest.raises(DataError, match=r"labels are \(4,\) for 3 images"):
        data.mnist(tmp_path)
    write_mnist(tmp_path, images=np.zeros((3, 28), "u1"))
    with pytest.raises(DataError, match=r"images are \(3, 28\) uint8"):
        data.mnist(tmp_path)
    with pytest.raises(OptionError, match="split is 't10k'"):
        data.mnist(tmp_path, "t10k")


def test_nothing_reads_pickles():
    source = "".join(path.read_text("utf-8") for path in Path(idx.__file__).parent.glob("*.py"))
    assert not re.search(r"pickle\.|import pickle|np\.load|allow_pickle", source)
