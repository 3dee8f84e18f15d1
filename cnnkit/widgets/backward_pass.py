"""One small convolution, its activation and its loss, with every gradient and where it came from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import activations
from cnnkit.gradcheck import relative_error
from cnnkit.kernels import vectorized
from cnnkit.kernels.geometry import Geometry, Padding, conv_geometry
from cnnkit.widgets.sliding import enclosed, number

Array = NDArray[Any]
Cell = tuple[int, int]

FUNCTIONS = ("none", "relu", "sigmoid", "tanh")


@dataclass(frozen=True)
class Difference:
    """A central difference of the loss: its two values, the quotient, and how far the gradient is off."""

    ahead: float
    behind: float
    numeric: float
    analytic: float

    @property
    def error(self) -> float:
        """The relative error of the analytic gradient."""
        return float(relative_error(self.analytic, self.numeric))


@dataclass(frozen=True)
class BackwardPass:
    """A layer and its loss: ``z = conv(x, w) + bias``, ``a = f(z)``, ``J = 1/2 sum (a - target)**2``.

    `x` is (H, W), `w` (KH, KW).
    """

    x: Array
    w: Array
    bias: float = 0.0
    target: float = 0.0
    activation: str = "none"
    stride: int = 1
    padding: Padding = "valid"
    dilation: int = 1

    @cached_property
    def geometry(self) -> Geometry:
        """Where the windows stand."""
        return conv_geometry(self.x.shape, self.w.shape, self.stride, self.padding, self.dilation)

    @cached_property
    def padded(self) -> Array:
        """The input with its zeros around it."""
        return np.pad(self.x, self.geometry.padding)

    @cached_property
    def z(self) -> Array:
        """The pre-activation, (H_out, W_out)."""
        z = vectorized.conv2d(
            self.x[..., None],
            self.w[..., None, None],
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
        return np.asarray(z[..., 0]) + self.bias

    @cached_property
    def a(self) -> Array:
        """The activation, (H_out, W_out)."""
        return self.z if self.activation == "none" else getattr(activations, self.activation)(self.z)

    @cached_property
    def slope(self) -> Array:
        """The derivative of the activation at z, (H_out, W_out)."""
        if self.activation == "none":
            return np.ones_like(self.z)
        return np.asarray(getattr(activations, f"{self.activation}_grad")(self.z))

    @cached_property
    def delta(self) -> Array:
        """The error of every output, dJ/dz = (a - target) f'(z), (H_out, W_out)."""
        return (self.a - self.target) * self.slope

    @property
    def loss(self) -> float:
        """J."""
        return float(0.5 * ((self.a - self.target) ** 2).sum())

    def taps(self, i: int, j: int) -> tuple[Array, Array]:
        """Return the rows and the columns of the padded input that output (i, j) reads."""
        rows = i * self.stride + self.dilation * np.arange(self.w.shape[0])
        return rows, j * self.stride + self.dilation * np.arange(self.w.shape[1])

    def share(self, i: int, j: int) -> tuple[Array, Array]:
        """Return what output (i, j) alone adds to the gradient of the padded input, and to dw."""
        cells = np.ix_(*self.taps(i, j))
        dx_padded = np.zeros(self.padded.shape)
        dx_padded[cells] = self.delta[i, j] * self.w
        return dx_padded, self.delta[i, j] * self.padded[cells]

    def shares(self, count: int) -> tuple[Array, Array]:
        """Return what the first `count` outputs, in reading order, add up to."""
        dx_padded, dw = np.zeros(self.padded.shape), np.zeros(self.w.shape)
        for i, j in list(np.ndindex(self.z.shape))[:count]:
            more_dx, more_dw = self.share(i, j)
            dx_padded += more_dx
            dw += more_dw
        return dx_padded, dw

    @cached_property
    def gradients(self) -> tuple[Array, Array]:
        """The gradient of the padded input, and dw, of all outputs."""
        return self.shares(self.z.size)

    def inside(self, row: int, column: int) -> bool:
        """Return whether a cell of the padded input belongs to the input."""
        (top, _), (left, _) = self.geometry.padding
        return 0 <= row - top < len(self.x) and 0 <= column - left < len(self.x[0])

    def weight_terms(self, m: int, n: int) -> Iterator[tuple[Cell, float, float]]:
        """Yield every output that uses weight (m, n): the output, its error, the input met there."""
        for i, j in np.ndindex(self.z.shape):
            rows, columns = self.taps(i, j)
            yield (i, j), float(self.delta[i, j]), float(self.padded[rows[m], columns[n]])

    def input_terms(self, row: int, column: int) -> Iterator[tuple[Cell, float, float]]:
        """Yield every output that reads a cell of the padded input, its error, the weight there."""
        for i, j in np.ndindex(self.z.shape):
            m, m_off = divmod(row - i * self.stride, self.dilation)
            n, n_off = divmod(column - j * self.stride, self.dilation)
            if not m_off and not n_off and 0 <= m < self.w.shape[0] and 0 <= n < self.w.shape[1]:
                yield (i, j), float(self.delta[i, j]), float(self.w[m, n])

    def difference(self, kind: str, cell: Cell, h: float) -> Difference:
        """Return the central difference of J for a change of x or w (`kind`) at `cell`, beside the gradient.

        A cell of x is counted on the padded input and must lie inside.
        """
        (top, _), (left, _) = self.geometry.padding
        dx_padded, dw = self.gradients
        at = cell if kind == "w" else (cell[0] - top, cell[1] - left)
        analytic = dw[cell] if kind == "w" else dx_padded[cell]
        ahead, behind = (self._moved(kind, at, step).loss for step in (h, -h))
        return Difference(ahead, behind, (ahead - behind) / (2 * h), float(analytic))

    def _moved(self, kind: str, cell: Cell, step: float) -> "BackwardPass":
        array = (self.w if kind == "w" else self.x).copy()
        array[cell] += step
        return replace(self, w=array) if kind == "w" else replace(self, x=array)


def sum_text(terms: Iterator[tuple[Cell, float, float]], most: int = 9) -> str:
    """Return ``error·factor + ...`` for the terms whose error is not 0, at most `most` of them."""
    alive = [(delta, factor) for _, delta, factor in terms if delta]
    if not alive:
        return "nothing: no error that is not 0 meets it"
    written = " + ".join(f"{enclosed(delta)}·{enclosed(factor)}" for delta, factor in alive[:most])
    rest = f" + … ({len(alive) - most} more)" if len(alive) > most else ""
    return f"{written}{rest} = {number(sum(delta * factor for delta, factor in alive))}"
