"""The photographs and digits that come with cnnkit, each verified against its SHA-256 on every read."""

import hashlib
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnnkit.data.idx import parse_idx
from cnnkit.errors import DataError, DTypeError, OptionError, ShapeError
from cnnkit.shapes import pair

if TYPE_CHECKING:
    from PIL import Image

MANIFEST = "SHA256SUMS"
_LARGEST_SIDE = 4096


class Split(NamedTuple):
    """Images and labels for training, and others, unseen, for testing."""

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]


def photo_names() -> list[str]:
    """Return the names that `photo` knows, in alphabetical order."""
    return sorted(Path(name).stem for name in _expected_hashes(_data_folder()) if name.startswith("photos/"))


def photo(
    name: str,
    *,
    size: int | tuple[int, int] | None = None,
    mode: Literal["RGB", "gray"] = "RGB",
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Return a shipped photograph with values in [0, 1]: (H, W, 3) for mode "RGB", (H, W) for "gray".

    `size` is the wanted (height, width), or one number for a square. The photograph is then cropped around
    its centre to that aspect ratio and resampled (Lanczos); it is never stretched. Gray is the luma of
    ITU-R BT.601, ``0.299 R + 0.587 G + 0.114 B``. `dtype` is float32 or float64.

    Raises OptionError for an unknown name, mode or size, DTypeError for another dtype, and DataError when
    the file is missing or damaged.
    """
    number_type = _float_type(dtype)
    if mode not in ("RGB", "gray"):
        raise OptionError(f'mode is {mode!r}; expected "RGB" (three channels) or "gray" (one)')
    image = _open_photo(name).convert("L" if mode == "gray" else "RGB")
    if size is not None:
        image = _crop_and_resize(image, _checked_size(size))
    pixels: NDArray[Any] = np.asarray(image, dtype=number_type) / number_type.type(255)
    return pixels


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return UCI's handwritten digits: images (1797, 8, 8) float32 in [0, 1], labels (1797,) int64 in 0..9.

    Every pixel is the share of ink in a 4x4 block of the original scan, in sixteenths.
    Source: Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998), the test part.
    Raises DataError when a file is missing or damaged.
    """
    images = parse_idx(*_named_stream("digits/digits-images-idx3-ubyte.gz"))
    labels = parse_idx(*_named_stream("digits/digits-labels-idx1-ubyte.gz"))
    return images.astype(np.float32) / np.float32(16), labels.astype(np.int64)


def train_test_split(
    images: NDArray[Any], labels: NDArray[Any], *, test_fraction: float = 0.25, seed: int = 0
) -> Split:
    """Return `images` (N, ...) and `labels` (N,) shuffled by `seed` and cut in two: training, then test.

    The same seed gives the same split on every machine. A random split mixes the writers of the digits, so
    its test accuracy is that for known hands; for strangers' hands it would be a little lower.

    Raises ShapeError when the lengths differ or a part would be empty, and OptionError for a fraction that is
    not between 0 and 1.
    """
    if len(images) != len(labels):
        raise ShapeError(f"images has {len(images)} entries and labels has {len(labels)}; expected as many")
    if not 0 < test_fraction < 1:
        raise OptionError(f"test_fraction is {test_fraction!r}; expected a number between 0 and 1")
    test_count = round(len(images) * test_fraction)
    if not 0 < test_count < len(images):
        raise ShapeError(f"{len(images)} images at test_fraction {test_fraction} leave one part empty")
    order = np.random.default_rng(seed).permutation(len(images))
    test, train = order[:test_count], order[test_count:]
    return Split(images[train], labels[train], images[test], labels[test])


def _data_folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    # A built wheel carries the files inside the package; a checkout has them beside it.
    for folder in (package / "_data", package.parent / "data"):
        if (folder / MANIFEST).is_file():
            return folder
    raise DataError(
        f"{MANIFEST} is missing: cnnkit's data folder is neither in {package} nor beside it; "
        "restore the folder data/ of the repository, or install cnnkit again"
    )


def _expected_hashes(folder: Path) -> dict[str, str]:
    lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name: expected for expected, name in pairs}


def shipped_file(name: str) -> Path:
    """Return the path of ``data/<name>``, verified; DataError when it is missing or damaged."""
    _verified_bytes(name)
    return _data_folder() / name


def _verified_bytes(name: str) -> bytes:
    """Return the bytes of ``data/<name>``, or raise DataError when they are not the published ones."""
    folder = _data_folder()
    expected = _expected_hashes(folder)[name]
    repair = f"restore it with `git checkout -- data/{name}`, or install cnnkit again"
    try:
        raw = (folder / name).read_bytes()
    except OSError as error:
        raise DataError(f"data/{name} cannot be read ({error.strerror}); {repair}") from error
    actual = hashlib.sha256(raw).hexdigest()
    if actual != expected:
        raise DataError(f"data/{name} is damaged: its SHA-256 is {actual}, expected {expected}; {repair}")
    return raw


def _named_stream(name: str) -> tuple[BytesIO, str]:
    return BytesIO(_verified_bytes(name)), f"data/{name}"


def _open_photo(name: str) -> "Image.Image":
    from PIL import Image

    if name not in photo_names():
        close = get_close_matches(str(name), photo_names(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise OptionError(f"name is {name!r}; expected one of {', '.join(photo_names())}{hint}")
    return Image.open(BytesIO(_verified_bytes(f"photos/{name}.png")))


def _checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = pair(size, "size")
    if max(height, width) > _LARGEST_SIDE:
        raise OptionError(f"size is {size!r}; expected at most {_LARGEST_SIDE} pixels a side")
    return height, width


def _crop_and_resize(image: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    from PIL import Image, ImageOps

    height, width = size
    return ImageOps.fit(image, (width, height), method=Image.Resampling.LANCZOS)


def _float_type(dtype: DTypeLike) -> np.dtype[Any]:
    if dtype not in (np.float32, np.float64, "float32", "float64"):
        raise DTypeError(f"dtype is {dtype!r}; expected float32 or float64, because values lie in [0, 1]")
    return np.dtype(dtype)
