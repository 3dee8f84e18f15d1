"""How windows stand along one axis of a convolution, or stamps of its transpose; they may not fit."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnkit.borders import NOTHING, fill_index, window_cells
from cnnkit.errors import ShapeError
from cnnkit.shapes import effective_kernel_size

Cells = NDArray[np.int64]


@dataclass(frozen=True)
class AxisPlan:
    """One axis, with the same two grids in both modes: a *fine* one, and one *coarse* cell for each window.

    A convolution reads the fine grid (its padded input) and writes the coarse one (its output). The
    transposed convolution reads the coarse grid (its input) and stamps the fine one; then its
    margins are cropped.

    Attributes:
        name: what the cells are called: "row" or "column".
        size: cells of the input.
        before, after: padding of the convolution; what the transposed convolution crops.
        output_padding: cells that the transposed convolution adds at the end.
        fill: what stands in the padding, one of ``borders.FILLS``.
    """

    name: str
    size: int
    kernel_size: int
    stride: int
    dilation: int
    before: int
    after: int
    output_padding: int = 0
    fill: str = "zeros"
    transposed: bool = False

    @cached_property
    def span(self) -> int:
        """Cells from the first tap to the last."""
        return effective_kernel_size(self.kernel_size, self.dilation)

    @cached_property
    def room(self) -> int:
        """How far the window of a convolution can travel; negative when it does not fit at all."""
        return self.size + self.before + self.after - self.span

    @cached_property
    def coarse(self) -> int:
        """Number of windows: outputs of the convolution, inputs of its transpose."""
        return self.size if self.transposed else max(self.room // self.stride + 1, 0)

    @cached_property
    def fine(self) -> int:
        """Cells of the padded input; in the transposed mode, of the output before it is cropped."""
        if self.transposed:
            return (self.size - 1) * self.stride + self.span + self.output_padding
        return self.before + self.size + self.after

    @cached_property
    def inside(self) -> int:
        """Cells of the fine grid between the margins: input cells, or outputs that are kept."""
        return self.fine - self.before - self.after

    @cached_property
    def output(self) -> int:
        """Cells that come out."""
        return self.inside if self.transposed else self.coarse

    @cached_property
    def reads(self) -> Cells:
        """How many windows lie on each fine cell, (fine,)."""
        return np.bincount(self._taps.ravel(), minlength=self.fine)

    @cached_property
    def inside_taps(self) -> Cells:
        """How many taps of each window lie between the margins, (coarse,)."""
        at = self._taps - self.before
        return np.asarray(((at >= 0) & (at < self.inside)).sum(axis=1), dtype=np.int64)

    @cached_property
    def source(self) -> Cells:
        """Which input cell each padded cell shows, ``borders.NOTHING`` for a zero, (fine,)."""
        if self.transposed or self.fill_problem:
            at = np.arange(self.fine) - self.before
            return np.where((at >= 0) & (at < self.inside), at, NOTHING)
        return fill_index(self.size, self.before, self.after, self.fill)

    @cached_property
    def dropped(self) -> int:
        """Cells at the end of the padded input that lie behind the last window."""
        return 0 if self.transposed or not self.coarse else self.room % self.stride

    @cached_property
    def unread(self) -> int:
        """Input cells that no window reads, not even through a copy in the padding."""
        seen = {int(self.source[cell]) for cell in np.flatnonzero(self.reads)}
        return len(set(range(self.size)) - seen)

    @cached_property
    def even(self) -> bool:
        """Whether every cell away from the ends gets the same number of stamps: no checkerboard."""
        phases = np.arange(self.kernel_size) * self.dilation % self.stride
        return len(set(np.bincount(phases, minlength=self.stride).tolist())) == 1

    def windows_on(self, cell: int) -> list[int]:
        """Return the windows that have a tap on the fine cell."""
        return [int(window) for window in np.flatnonzero((self._taps == cell).any(axis=1))]

    def taps(self, window: int) -> list[int]:
        """Return the cells that a window reads or stamps, counted from the first one inside the margins."""
        return [int(cell) - self.before for cell in self._taps[window]]

    def uses(self, cell: int) -> int:
        """Return how often windows read the input cell, its copies in the padding included."""
        return int(self.reads[self.source == cell].sum())

    @cached_property
    def fill_problem(self) -> str:
        """Why the fill is impossible, or an empty text."""
        if self.transposed:
            return ""
        try:
            fill_index(self.size, self.before, self.after, self.fill)
        except ShapeError as error:
            return f"{error}."
        return ""

    @cached_property
    def problem(self) -> str:
        """Why these settings give no output, in a sentence; an empty text when they do."""
        reason = self._transposed_problem() if self.transposed else self._convolution_problem()
        return f"Impossible along the {self.name}s: {reason}" if reason else ""

    def _convolution_problem(self) -> str:
        if self.room >= 0:
            return self.fill_problem
        return (
            f"the window spans {self.span} {self.name}s, but input and padding have only "
            f"{self.size + self.before + self.after}, and the formula gives {self.room // self.stride + 1}. "
            f"Pad {-self.room} more, shrink the kernel or lower the dilation."
        )

    def _transposed_problem(self) -> str:
        if self.output_padding >= self.stride:
            return (
                f"output padding {self.output_padding} is not below the stride {self.stride}. It only "
                f"chooses among the {self.stride} input sizes that a convolution of this stride maps to one "
                "output size."
            )
        if self.inside < 1:
            return (
                f"the stamps cover {self.fine} {self.name}s and the padding crops "
                f"{self.before} + {self.after} of them; nothing is left. Use less padding."
            )
        return ""

    @cached_property
    def _taps(self) -> Cells:
        return window_cells(self.coarse, self.kernel_size, self.stride, self.dilation)
