"""Both axes of a window plan together: what stands in the large and in the small grid, and what it means."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.borders import NOTHING
from cnnkit.kernels import vectorized
from cnnkit.widgets.geometry_text import counted
from cnnkit.widgets.window_plan import AxisPlan

Grid = NDArray[np.float64]


@dataclass(frozen=True)
class WindowGrid:
    """A convolution (or its transpose) on rows and columns, both plans in the same mode."""

    rows: AxisPlan
    columns: AxisPlan

    @property
    def plans(self) -> tuple[AxisPlan, AxisPlan]:
        """Rows, then columns."""
        return self.rows, self.columns

    @cached_property
    def problem(self) -> str:
        """Why there is no output, or an empty text."""
        return " ".join(plan.problem for plan in self.plans if plan.problem)

    @cached_property
    def reads(self) -> Grid:
        """How many windows lie on each cell of the large grid."""
        return np.multiply.outer(self.rows.reads, self.columns.reads).astype(np.float64)

    @cached_property
    def inside_taps(self) -> Grid:
        """How many taps of each window lie between the margins."""
        return np.multiply.outer(self.rows.inside_taps, self.columns.inside_taps).astype(np.float64)

    @cached_property
    def uses(self) -> Grid:
        """How often each input cell is read, its copies in the padding included."""
        counts = ([plan.uses(cell) for cell in range(plan.size)] for plan in self.plans)
        return np.multiply.outer(*counts).astype(np.float64)

    def values(self) -> tuple[Grid, Grid]:
        """Return what the large and the small grid hold when input cell (r, c) is ``10 * r + c``.

        A convolution takes the mean of each window; the transposed one stamps a kernel of ones.
        """
        x = np.add.outer(10.0 * np.arange(self.rows.size), np.arange(self.columns.size))
        if self.rows.transposed:
            extra = (self.rows.output_padding, self.columns.output_padding)
            y = vectorized.conv2d_transpose(x[..., None], self._ones, output_padding=extra, **self._options)
            return y[..., 0], x
        padded = self._padded(x)
        y = vectorized.conv2d(padded[..., None], self._ones / self._ones.size, **self._options)
        # Sums of ninths leave crumbs of 1e-15 that would be written out as digits.
        return padded, y[..., 0].round(12) + 0.0

    def summary(self) -> str:
        """Return what happens with these settings, in a few sentences."""
        size = f"Output {self.rows.output} × {self.columns.output}."
        return f"{size} {self._overlap() if self.rows.transposed else self._losses()}"

    def _losses(self) -> str:
        bands = [counted(plan.dropped, f"padded {plan.name}") for plan in self.plans if plan.dropped]
        dropped = " and ".join(bands) or "nothing"
        unread = int(np.count_nonzero(self.uses == 0))
        read = (
            f"{unread} of {self.uses.size} input cells are never read"
            if unread
            else "every input cell is read"
        )
        middle = self.uses[self.rows.size // 2, self.columns.size // 2]
        ends = f"the corner {self.uses[0, 0]:.0f} ×, the middle {middle:.0f} ×"
        return f"The floor drops {dropped}; {read}, {ends}."

    def _overlap(self) -> str:
        rows, columns = self.plans
        kept = self.reads[rows.before :, columns.before :][: rows.inside, : columns.inside]
        sums = f"Each output cell is the sum of {kept.min():.0f} to {kept.max():.0f} stamped numbers."
        uneven = " and ".join(f"{plan.name}s" for plan in self.plans if not plan.even)
        if not uneven:
            return f"{sums} Away from the border all get the same number."
        return f"{sums} The stride does not divide the kernel along the {uneven}: a checkerboard."

    @cached_property
    def _ones(self) -> Grid:
        return np.ones((self.rows.kernel_size, self.columns.kernel_size, 1, 1))

    @cached_property
    def _options(self) -> dict[str, Any]:
        return {name: tuple(getattr(plan, name) for plan in self.plans) for name in ("stride", "dilation")}

    def _padded(self, x: Grid) -> Grid:
        padded = x[np.ix_(self.rows.source, self.columns.source)]
        padded[self.rows.source == NOTHING] = 0
        padded[:, self.columns.source == NOTHING] = 0
        return padded
