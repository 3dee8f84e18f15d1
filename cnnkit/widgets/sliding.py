"""One filter over one small input: the window, the products, the sum, its text, and the usual mistakes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnkit.kernels import vectorized
from cnnkit.kernels.geometry import Geometry, Padding, conv_geometry

Array = NDArray[np.float64]
CHANNEL_NAMES = ("red", "green", "blue")


@dataclass(frozen=True)
class Sliding:
    """A filter ``w`` (KH, KW, C) with its options, sliding over ``x`` (H, W, C); both float64.

    Raises ShapeError or OptionError, when first computed with, if the window does not fit.
    """

    x: Array
    w: Array
    bias: float = 0.0
    stride: int = 1
    padding: Padding = 0
    dilation: int = 1
    flip: bool = False

    @cached_property
    def geometry(self) -> Geometry:
        """Where the windows stand."""
        return conv_geometry(self.x.shape[:2], self.w.shape[:2], self.stride, self.padding, self.dilation)

    @cached_property
    def padded(self) -> Array:
        """The input with its zeros around it, (H + top + bottom, W + left + right, C)."""
        return np.pad(self.x, (*self.geometry.padding, (0, 0)))

    @cached_property
    def kernel(self) -> Array:
        """The weights in the order in which they meet the window: turned by 180° when `flip`."""
        return self.w[::-1, ::-1] if self.flip else self.w

    @cached_property
    def y(self) -> Array:
        """All outputs, (H_out, W_out)."""
        y = vectorized.conv2d(
            np.ascontiguousarray(self.x),
            np.ascontiguousarray(self.kernel)[..., np.newaxis],
            np.array([self.bias]),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
        # Sums of decimals such as 0.1 leave crumbs of 1e-16 that would be written out as digits.
        return np.asarray(y[..., 0]).round(12) + 0.0

    def start(self, i: int, j: int) -> tuple[int, int]:
        """Return the row and column of `x` under the first weight; negative inside the padding."""
        (top, _), (left, _) = self.geometry.padding
        return i * self.stride - top, j * self.stride - left

    def window(self, i: int, j: int) -> Array:
        """Return what output (i, j) reads, (KH, KW, C)."""
        height, width = self.w.shape[:2]
        rows = i * self.stride + self.dilation * np.arange(height)
        columns = j * self.stride + self.dilation * np.arange(width)
        return self.padded[np.ix_(rows, columns)]

    def products(self, i: int, j: int) -> Array:
        """Return window times weights, (KH, KW, C); output (i, j) is their sum plus the bias."""
        return self.window(i, j) * self.kernel

    def formula(self, i: int, j: int) -> str:
        """Return the indexed sum with this position, stride, padding and dilation in it."""
        height, width, channels = self.w.shape
        (top, _), (left, _) = self.geometry.padding
        step = f"{self.dilation}·" if self.dilation > 1 else ""
        row = f"{i}·{self.stride}" + (f" − {top}" if top else "") + f" + {step}m"
        column = f"{j}·{self.stride}" + (f" − {left}" if left else "") + f" + {step}n"
        weight = f"{height - 1} − m, {width - 1} − n" if self.flip else "m, n"
        channel = ", c" if channels > 1 else ""
        ranges = f"m = 0…{height - 1}, n = 0…{width - 1}" + (
            f", c = 0…{channels - 1}" if channels > 1 else ""
        )
        return f"y[{i}, {j}] = Σ x[{row}, {column}{channel}] · w[{weight}{channel}] + b, over {ranges}"

    def equation(self, i: int, j: int, *, solved: bool = True) -> str:
        """Return the sum with every number written out; the products stay open unless `solved`."""
        head = f"y[{i}, {j}] ="
        if not solved:
            return f"{head} ?"
        window, channels = self.window(i, j), self.w.shape[2]
        lines = []
        for c in range(channels):
            pairs = zip(window[..., c].flat, self.kernel[..., c].flat, strict=True)
            terms = " + ".join(f"{number(value)}·{enclosed(weight)}" for value, weight in pairs)
            lines.append(terms if channels == 1 else f"{channel_name(c, channels)} ({terms})")
        total = number(float(self.y[i, j]))
        return f"{head} {' + '.join(lines)} + bias {enclosed(self.bias)} = {total}"

    def mistakes(self, i: int, j: int) -> Iterator[tuple[float, str]]:
        """Yield the values that common mistakes give at output (i, j), each with what went wrong."""
        right = float(self.y[i, j])
        turned = replace(self, flip=not self.flip)
        is_turned = "turned by 180°, because flip is on" if self.flip else "as it stands, because flip is off"
        yield (
            float(turned.y[i, j]),
            f"That comes out with the kernel the other way round; here it is used {is_turned}.",
        )
        yield right - self.bias, f"That is the sum without the bias; add {number(self.bias)}."
        pads = self.geometry.padding
        if self.stride > 1:
            row, column = self.start(i, j)
            start = f"with stride {self.stride} it starts at row {row}, column {column}"
            other = replace(self, stride=1, padding=pads)
            yield from _value_if_inside(other, i, j, f"That is the window of stride 1; {start}.")
        if any(before for before, _ in pads):
            start = "with padding the first one starts in the zeros before it"
            other = replace(self, padding=0)
            yield from _value_if_inside(other, i, j, f"That window starts inside the input; {start}.")
        if self.dilation > 1:
            gap = f"with dilation {self.dilation} the taps are {self.dilation} cells apart"
            other = replace(self, dilation=1, padding=pads)
            yield from _value_if_inside(other, i, j, f"That takes neighbouring cells; {gap}.")
        if self.w.shape[2] > 1:
            first = float(self.products(i, j)[..., 0].sum()) + self.bias
            yield first, "That is the first channel alone; the sum runs over all channels."

    def diagnose(self, i: int, j: int, guess: float) -> str:
        """Return an empty text when `guess` is output (i, j), otherwise what went wrong.

        Whole numbers must be exact, others right to two decimals.
        """
        right = float(self.y[i, j])
        if _close(guess, right):
            return ""
        known = (
            text for value, text in self.mistakes(i, j) if _close(guess, value) and not _close(value, right)
        )
        return next(known, "Multiply cell by cell, add all products, then the bias.")


def _value_if_inside(sliding: Sliding, i: int, j: int, sentence: str) -> Iterator[tuple[float, str]]:
    rows, columns = sliding.geometry.output_size
    if i < rows and j < columns:
        yield float(sliding.y[i, j]), sentence


def _close(a: float, b: float) -> bool:
    tolerance = 1e-6 if float(b).is_integer() else 0.005 + 1e-9
    return abs(a - b) <= tolerance


def channel_name(channel: int, channels: int) -> str:
    """Return what a channel is called: a colour when there are three."""
    return CHANNEL_NAMES[channel] if channels == 3 else f"channel {channel}"


def number(value: float) -> str:
    """Return a number for a sentence: at most four digits, a real minus sign."""
    rounded = float(f"{float(value):.4g}") + 0.0
    text = str(int(rounded)) if rounded.is_integer() and abs(rounded) < 1e16 else repr(rounded)
    return text.replace("-", "−")


def enclosed(value: float) -> str:
    """Return `number(value)`, in brackets when it is negative and follows another sign."""
    return f"({number(value)})" if value < 0 else number(value)
