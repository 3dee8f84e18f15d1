"""Pictures that learners bring: any size, colour mode and orientation; a bad file gets a sentence."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import DataError, DTypeError
from cnnkit.shapes import whole_number

if TYPE_CHECKING:
    from PIL import Image

MAX_MEGAPIXELS = 64
MAX_FILE_MEGABYTES = 100

# Only pictures made of pixels: some of Pillow's other readers start external programs.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
_PHONE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"avif", b"avis")
_EASY = "save it as PNG or JPEG and try again"

Source = bytes | bytearray | memoryview | str | Path


def read_image(source: Source, *, max_side: int = 1024) -> NDArray[np.float32]:
    """Return any picture as (H, W, 3) float32 in [0, 1], its longer side reduced to at most `max_side`.

    `source` is the file's bytes (an upload) or its path. The camera's orientation tag is applied,
    transparency is laid on white, palettes, gray and CMYK become RGB, animations give their first frame.
    16-bit gray is divided by 65535; other deep gray outside [0, 1] is stretched from its least value to its
    greatest. Reduction is Lanczos; small pictures are not enlarged.

    Raises DataError with a sentence for the learner when the file is empty, broken, truncated, no picture,
    or above `MAX_MEGAPIXELS` or `MAX_FILE_MEGABYTES` (checked before anything is decoded), DTypeError when
    `source` is neither bytes nor a path, and OptionError for a `max_side` below 1.
    """
    max_side = whole_number(max_side, "max_side", least=1)
    raw, name = _raw_bytes(source)
    image = _open(raw, name)
    megapixels = image.width * image.height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        raise DataError(
            f"{name} has {image.width} x {image.height} pixels ({megapixels:.0f} megapixels); at most "
            f"{MAX_MEGAPIXELS} megapixels are decoded. Make it smaller and try again"
        )
    try:
        return _decode(image, max_side)
    except Exception as error:  # Pillow's decoders raise a dozen unrelated types on damaged data.
        raise DataError(
            f"{name} is a {image.format} picture (colour mode {image.mode}), but it cannot be decoded: "
            f"{error}. The file is damaged, truncated or unusual; {_EASY}"
        ) from error


def _raw_bytes(source: Source) -> tuple[bytes, str]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        name, size = "the picture", memoryview(source).nbytes
    elif isinstance(source, (str, Path)):
        name, size = str(source), _file_size(Path(source))
    else:
        raise DTypeError(f"source is a {type(source).__name__}; expected the bytes of a picture, or its path")
    if size == 0:
        raise DataError(f"{name} is empty (0 bytes); choose another file")
    if size > MAX_FILE_MEGABYTES * 1e6:
        raise DataError(f"{name} has {size / 1e6:.0f} MB; at most {MAX_FILE_MEGABYTES} MB are read")
    return (Path(source).read_bytes() if isinstance(source, (str, Path)) else bytes(source)), name


def _file_size(path: Path) -> int:
    try:
        with path.open("rb"):
            return path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); choose a picture file") from error


def _open(raw: bytes, name: str) -> "Image.Image":
    """Return the picture with its header read and its pixels still undecoded."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow warns at a limit of its own; ours is lower and is an error with a sentence.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(BytesIO(raw), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{name} claims far more than {MAX_MEGAPIXELS} megapixels. Make it smaller and try again"
        ) from error
    except Exception as error:  # A damaged header raises as many types as damaged pixels do.
        raise DataError(f"{name} {_what_else(raw)}; {_EASY}") from error


def _what_else(raw: bytes) -> str:
    if raw[4:8] == b"ftyp" and raw[8:12] in _PHONE_BRANDS:
        return "is a HEIC or AVIF picture, a format of phones that cannot be read here"
    return f"is not a picture that can be read ({', '.join(_FORMATS)} can), or its beginning is damaged"


def _decode(image: "Image.Image", max_side: int) -> NDArray[np.float32]:
    from PIL import ImageOps

    # JPEG can decode straight to 1/2, 1/4 or 1/8: a large photograph costs a tenth. Others ignore this.
    image.draft(None, (2 * max_side, 2 * max_side))
    is_deep = image.mode.startswith("I") or image.mode == "F"
    upright = ImageOps.exif_transpose(image)
    image = _shrink(_unit_gray(upright) if is_deep else _on_white(upright), max_side)
    if not is_deep:
        return np.asarray(image, dtype=np.float32) / np.float32(255)
    gray = np.clip(np.asarray(image, dtype=np.float32), 0, 1)  # Lanczos overshoots at sharp edges
    return np.repeat(gray[:, :, np.newaxis], 3, axis=2)


def _on_white(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _unit_gray(image: "Image.Image") -> "Image.Image":
    """Return a 16-bit, 32-bit or floating-point gray picture in Pillow's mode F with values in [0, 1]."""
    from PIL import Image

    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise DataError("it holds pixels that are not finite numbers")
    low, high = 0.0, 1.0 if image.mode == "F" else 65535.0
    if values.min() < low or values.max() > high:
        low, high = values.min(), max(values.max(), values.min() + 1)
    return Image.fromarray(((values - low) / (high - low)).astype(np.float32))


def _shrink(image: "Image.Image", max_side: int) -> "Image.Image":
    from PIL import Image

    scale = max_side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    # The gap lets Pillow average whole pixels first; a very long picture would need gigabytes of weights.
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
