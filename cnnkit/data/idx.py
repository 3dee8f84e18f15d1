"""IDX files, the format of MNIST and Fashion-MNIST: read as numbers, checked against their own header.

Layout: two zero bytes, one byte for the number type, one for the number of axes, then one big-endian
32-bit size per axis, then the values, big-endian, last axis fastest.
Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits", section "File formats".
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import DataError, OptionError

MAX_BYTES = 2**31
_CHUNK = 2**20
_MOST_AXES = 32
_GZIP_MARK = b"\x1f\x8b"
_NUMBER_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MNIST_PARTS = {"train": "train", "test": "t10k"}


def read_idx(path: str | Path) -> NDArray[Any]:
    """Return the array in an IDX file, plain or gzipped: any of its six number types, in native byte order.

    The type is that of the file: uint8, int8, int16, int32, float32 or float64.
    Raises DataError when the file is missing, foreign, truncated, too long or absurdly large.
    """
    path = Path(path).expanduser()
    try:
        with path.open("rb") as stream:
            return parse_idx(stream, path.name)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error


def parse_idx(stream: BinaryIO, name: str) -> NDArray[Any]:
    """Return the array in an open IDX file; `name` stands for it in messages. See `read_idx`."""
    try:
        return _parse(_unzipped(stream), name)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{name} is a damaged gzip file ({error}); fetch it again") from error


def mnist(
    folder: str | Path, split: Literal["train", "test"] = "train"
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return a part of MNIST, or of a data set with its file names, such as Fashion-MNIST.

    `folder` holds the files under their published names, gzipped or not. Returns images (N, H, W) float32
    in [0, 1] and labels (N,) int64; in MNIST N is 60,000 or 10,000 and H = W = 28.

    Raises OptionError for another `split`, and DataError when a file is absent or damaged, or when images
    and labels do not belong together.
    """
    if split not in _MNIST_PARTS:
        raise OptionError(f'split is {split!r}; expected "train" or "test"')
    images = read_idx(_find(Path(folder).expanduser(), f"{_MNIST_PARTS[split]}-images-idx3-ubyte"))
    labels = read_idx(_find(Path(folder).expanduser(), f"{_MNIST_PARTS[split]}-labels-idx1-ubyte"))
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(f"the images are {images.shape} {images.dtype}; expected (N, H, W) uint8")
    if labels.shape != images.shape[:1]:
        raise DataError(f"the labels are {labels.shape} for {len(images)} images; expected one each")
    return images.astype(np.float32) / np.float32(255), labels.astype(np.int64)


def _unzipped(stream: BinaryIO) -> BinaryIO:
    is_gzip = stream.read(len(_GZIP_MARK)) == _GZIP_MARK
    stream.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if is_gzip else stream


def _parse(stream: BinaryIO, name: str) -> NDArray[Any]:
    number_type, axes = _read_magic(stream, name)
    shape = tuple(np.frombuffer(_read_exactly(stream, 4 * axes, name), dtype=">u4").tolist())
    # Empty axes do not excuse the others: (0, 2**32 - 1, 2**32 - 1) is no shape either.
    if math.prod(max(size, 1) for size in shape) * number_type.itemsize > MAX_BYTES:
        raise DataError(f"{name} claims the shape {shape}, over {MAX_BYTES:,} bytes; its header is damaged")
    values = _read_exactly(stream, math.prod(shape) * number_type.itemsize, name)
    if stream.read(1):
        raise DataError(f"{name} goes on after the {shape} values that its header announces; fetch it again")
    array = np.frombuffer(values, dtype=number_type).reshape(shape)
    return array.astype(number_type.newbyteorder("="), copy=False)


def _read_magic(stream: BinaryIO, name: str) -> tuple[np.dtype[Any], int]:
    magic = _read_exactly(stream, 4, name)
    if magic[0] or magic[1] or magic[2] not in _NUMBER_TYPES:
        raise DataError(
            f"{name} is not an IDX file: it begins with the bytes {magic.hex(' ')}, expected 00 00 and a "
            "number type of 08, 09, 0b, 0c, 0d or 0e"
        )
    if not 1 <= magic[3] <= _MOST_AXES:
        raise DataError(f"{name} claims {magic[3]} axes; expected 1 to {_MOST_AXES}; the header is damaged")
    return np.dtype(_NUMBER_TYPES[magic[2]]), magic[3]


def _read_exactly(stream: BinaryIO, count: int, name: str) -> bytearray:
    """Return `count` bytes, read in pieces, so that a lying header cannot claim memory that no data fills."""
    values = bytearray()
    while len(values) < count and (piece := stream.read(min(_CHUNK, count - len(values)))):
        values += piece
    if len(values) < count:
        raise DataError(f"{name} is truncated: {len(values):,} of {count:,} bytes are there; fetch it again")
    return values


def _find(folder: Path, stem: str) -> Path:
    for candidate in (folder / stem, folder / f"{stem}.gz"):
        if candidate.is_file():
            return candidate
    raise DataError(
        f"neither {stem} nor {stem}.gz is in {folder}; put the four files of MNIST (or Fashion-MNIST) there "
        "under their published names: train-images-idx3-ubyte, train-labels-idx1-ubyte, "
        "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, each with or without .gz. "
        "cnnkit downloads nothing; the course works without them"
    )
