"""How the bundled digits were made: from a bitmap of ink to 8x8 counts, and which forms they came on.

Source: Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998): the authors used NIST's
form-reading programs (Garris et al., "NIST Form-Based Handprint Recognition System", 1994) to cut out and
normalise each digit to a bitmap of 32x32, and counted the ink in blocks of 4x4.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.shipped import digits
from cnnkit.errors import DTypeError, OptionError, ShapeError

__all__ = ["bitmap_to_digit", "block_counts", "digit_forms"]

Bitmap = NDArray[np.bool_]

SIDE, BLOCK = 32, 4
INK_SHARE = 0.305
"""The mean of the bundled digits, and nearly that of every class: the width of the line was normalised."""
WIDEST = 24
_INK = 0.5
_MOST_ROUNDS = 8

# Every form asked for the same row of 130 digits, so the labels repeat from form to form. A few digits of
# some forms are missing; these are the places where each form begins.
FORM_STARTS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667)


def digit_forms() -> NDArray[np.int64]:
    """Return, for each of the 1,797 bundled digits, the number 0 to 13 of the form that it came on.

    The data are published without their writers; the description says that 13 people wrote the test part.
    But the labels run 14 times through one and the same sequence of 130 digits, with some missing, which
    gives away the forms. A form is one hand. (One of the 13 may have filled in two forms.)
    """
    count = len(digits()[1])
    return np.searchsorted(FORM_STARTS, np.arange(count), side="right").astype(np.int64) - 1


def block_counts(bitmap: NDArray[Any]) -> NDArray[np.float32]:
    """Return the share of ink in each 4x4 block of `bitmap` (32, 32) bool, as (8, 8) float32 in sixteenths.

    Raises ShapeError for another shape.
    """
    if bitmap.shape != (SIDE, SIDE):
        raise ShapeError(f"bitmap has shape {bitmap.shape}; expected ({SIDE}, {SIDE})")
    blocks = np.asarray(bitmap, np.bool_).reshape(SIDE // BLOCK, BLOCK, SIDE // BLOCK, BLOCK)
    shares: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return shares


def bitmap_to_digit(ink: NDArray[Any], *, threshold: float = _INK) -> NDArray[np.float32]:
    """Return a drawing of a digit as the bundled ones are: (8, 8) float32 in [0, 1], in sixteenths.

    `ink` is (H, W), 0 for paper and 1 for ink, of any size from one pixel up. It is cut out, scaled to 32
    rows (and to at most 24 columns), put in the middle, and its line is thickened or thinned until about
    30 % of the bitmap is ink, as in the data. So neither the place, the size nor the pen matter. A sheet
    without ink gives zeros. Raises ShapeError or DTypeError when `ink` is no picture of that kind.
    """
    drawing = _drawing(ink, threshold)
    if not drawing.any():
        return np.zeros((SIDE // BLOCK, SIDE // BLOCK), np.float32)
    return block_counts(_normalised(_cut_out(drawing)))


def _drawing(ink: NDArray[Any], threshold: float) -> Bitmap:
    values = np.asarray(ink)
    if values.ndim != 2 or values.size == 0:
        raise ShapeError(f"ink has shape {values.shape}; expected (H, W), neither of them 0")
    if values.dtype.kind not in "bf" or not np.isfinite(values).all():
        raise DTypeError(
            f"ink holds {values.dtype}, or numbers that are not finite; expected numbers from 0 (paper) to "
            "1 (ink), or booleans: divide bytes by 255"
        )
    if not 0 < threshold < 1:
        raise OptionError(f"threshold is {threshold!r}; expected a number between 0 and 1")
    return np.asarray(values >= threshold, np.bool_)


def _cut_out(drawing: Bitmap) -> Bitmap:
    rows, columns = np.flatnonzero(drawing.any(axis=1)), np.flatnonzero(drawing.any(axis=0))
    return drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _normalised(drawing: Bitmap) -> Bitmap:
    """Return the bitmap (32, 32) with the amount of ink nearest to the data's, by more and more rounds."""
    thick = _placed(drawing, 0).mean() > INK_SHARE
    candidates = [_placed(drawing, 0)]
    for rounds in range(1, _MOST_ROUNDS):
        candidates.append(_erode(candidates[-1]) if thick else _thickened(drawing, rounds))
        if (candidates[-1].mean() < INK_SHARE) == thick:
            break
    return min(candidates, key=lambda bitmap: abs(float(bitmap.mean()) - INK_SHARE))


def _thickened(drawing: Bitmap, rounds: int) -> Bitmap:
    """Return the drawing placed with a margin, then dilated into it, so that no line is cut off."""
    bitmap = _placed(drawing, rounds)
    for _ in range(rounds):
        bitmap = _dilate(bitmap)
    return bitmap


def _placed(drawing: Bitmap, margin: int) -> Bitmap:
    """Return `drawing` scaled to ``32 - 2 * margin`` rows, with its proportions unless too wide, centred."""
    height = SIDE - 2 * margin
    width = round(drawing.shape[1] * height / drawing.shape[0])
    width = min(max(width, 1), WIDEST - 2 * margin)
    bitmap = np.zeros((SIDE, SIDE), np.bool_)
    left = (SIDE - width) // 2
    bitmap[margin : margin + height, left : left + width] = _resized(drawing, height, width)
    return bitmap


def _resized(drawing: Bitmap, height: int, width: int) -> Bitmap:
    """Return `drawing` at another size: the share of ink under each new pixel, against one half."""
    from PIL import Image

    image = Image.fromarray(drawing.astype(np.float32))
    shares = np.asarray(image.resize((width, height), Image.Resampling.BOX))
    resized = shares >= _INK
    # A hair line that falls between the new pixels must not vanish.
    return resized if resized.any() else shares > 0


def _dilate(bitmap: Bitmap) -> Bitmap:
    """Return the ink and its four neighbours."""
    padded = np.pad(bitmap, 1)
    sides = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return np.asarray(bitmap | sides, np.bool_)


def _erode(bitmap: Bitmap) -> Bitmap:
    """Return the ink whose four neighbours are ink; the edge of the bitmap counts as ink."""
    padded = np.pad(~bitmap, 1)
    sides = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return np.asarray(bitmap & ~sides, np.bool_)
