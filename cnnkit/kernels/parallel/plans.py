"""What a convolution can settle before it sees an input.

The weights in the order in which the kernels read them, where the runs of a window lie, how workers share the
work, and the memory that they compute in.
"""

from typing import Any

import numba
import numpy as np

from cnnkit.kernels.arguments import Array, Geometry
from cnnkit.kernels.parallel.direct import convolve
from cnnkit.kernels.parallel.microkernel import PANEL, POSITIONS
from cnnkit.kernels.parallel.region import plain
from cnnkit.kernels.parallel.simd import VECTOR_BYTES
from cnnkit.kernels.parallel.winograd import POINTS, STEP, convolve_winograd, transform_weights

LARGEST_TILE = 96  # positions that a worker sums before it stores them: whole sixes and whole pooling windows
PATCH_BYTES = 400_000  # of copied windows at a time, so that they stay in the second-level cache
CELLS = STEP * STEP

Numbers = tuple[int, ...]


def aligned(size: int, dtype: Any) -> Array:
    """Return an uninitialised flat array that starts at a cache line, so that no vector straddles two."""
    raw = np.empty(size * dtype.itemsize + VECTOR_BYTES, np.uint8)
    start = -raw.ctypes.data % VECTOR_BYTES
    return raw[start : start + size * dtype.itemsize].view(dtype)


def pack(matrices: Array) -> Array:
    """Return (groups, rows, columns) flat, in the order (groups, blocks, rows, lanes), zeros filling up."""
    groups, height, width = matrices.shape
    lanes = VECTOR_BYTES // matrices.itemsize
    blocks = -(-width // lanes)
    packed = aligned(groups * blocks * height * lanes, matrices.dtype)
    # Moved vector by vector, each one opaque item of 64 bytes, which NumPy copies much faster than numbers.
    full = width // lanes
    whole = np.ascontiguousarray(matrices[:, :, : full * lanes]).view(f"V{VECTOR_BYTES}")
    packed.view(f"V{VECTOR_BYTES}").reshape(groups, blocks, height)[:, :full] = whole.swapaxes(1, 2)
    if full < blocks:
        last = packed.reshape(groups, blocks, height, lanes)[:, full]
        last[...] = 0
        last[:, :, : width - full * lanes] = matrices[:, :, full * lanes :]
    return packed


def share_out(workers: int, rows: int, columns: int, row_bytes: int, column_bytes: int) -> tuple[int, int]:
    """Return a grid of at most `workers` workers over rows (positions) and columns (blocks of filters).

    The busiest worker shall have as little to do as possible, and then all together as little to read: each
    column of the grid reads the whole input, each row all the weights.
    """
    grids = [(min(rows, workers // parts), parts) for parts in range(1, min(workers, columns) + 1)]

    def cost(grid: tuple[int, int]) -> tuple[int, int]:
        busiest = -(-rows // grid[0]) * -(-columns // grid[1])
        return busiest, grid[1] * row_bytes + grid[0] * column_bytes

    return min(grids, key=cost)


class Plan:
    """What both ways of computing share: sizes, the window, a scratch row for each worker.

    Attributes:
        geometry: the convolution's geometry.
        bias: the biases, packed.
        pooled: 4 for a fused 2x2 max pooling, else 1.
        relu: whether negative results become 0.
    """

    def __init__(self, w: Array, b: Array | None, geometry: Geometry, *, relu: bool, pooled: int) -> None:
        rows, columns, channels, filters = w.shape
        groups = geometry.groups
        self.geometry, self.relu, self.pooled = geometry, relu, pooled
        self.channels, self.filters, self.taps = (channels, filters, rows * columns * channels)
        self.lanes = VECTOR_BYTES // w.itemsize
        self.blocks = -(-(filters // groups) // self.lanes)
        biases = np.zeros(filters, w.dtype) if b is None else b
        self.bias = pack(biases.reshape(groups, 1, filters // groups))
        corner = (geometry.padding[0][0], geometry.padding[1][0])
        self.window = (*geometry.kernel_size, *geometry.stride, *geometry.dilation, *corner)
        self._scratch = np.empty((0, 0), w.dtype)

    def sizes(self, images: int) -> Numbers:
        """Return (N, H, W, C, H_out, W_out, F)."""
        size = self.geometry.output_size
        return (images, *self.geometry.input_size, self.channels * self.geometry.groups, *size, self.filters)

    def scratch(self, workers: int, numbers: int) -> Array:
        """Return a row for each worker, kept from call to call: only one call at a time computes."""
        row = -(-numbers // self.lanes) * self.lanes
        if self._scratch.shape[0] < workers or self._scratch.shape[1] < row:
            self._scratch = aligned(workers * row, self._scratch.dtype).reshape(workers, row)
        return self._scratch

    @property
    def scratch_bytes(self) -> int:
        """Size of the memory that is kept between calls, beside the weights."""
        return self._scratch.nbytes


class DirectPlan(Plan):
    """A direct convolution, or im2col if `copy_all`; arguments as for `Plan`."""

    def __init__(
        self, w: Array, b: Array | None, geometry: Geometry, *, relu: bool, pooled: int, copy_all: bool
    ) -> None:
        super().__init__(w, b, geometry, relu=relu, pooled=pooled)
        groups = geometry.groups
        self.w = pack(w.reshape(self.taps, groups, self.filters // groups).swapaxes(0, 1))
        self.copy_all = copy_all
        self.runs = _runs(geometry, self.channels)
        unit = POSITIONS * (1 if pooled == 1 else 2)
        fitting = PATCH_BYTES // (self.taps * w.itemsize * unit) * unit
        self.tile = min(LARGEST_TILE, max(4 * POSITIONS, fitting))

    def run(self, x: Array, y: Array, shortcut: Array) -> None:
        """Write the convolution of `x` (N, H, W, C) to `y`; both plain, `shortcut` plain or empty."""
        sizes = self.sizes(len(x))
        positions = sizes[0] * sizes[4] * sizes[5]
        unit = POSITIONS * (1 if self.pooled == 1 else 2)
        blocks = self.blocks * self.geometry.groups
        workers = numba.get_num_threads()
        grid = share_out(workers, -(-positions // unit), blocks, x.nbytes, self.w.nbytes)
        scratch = self.scratch(workers, self.tile * (PANEL * self.lanes + self.taps))
        convolve(
            x.reshape(-1),
            self.w,
            self.bias,
            shortcut.reshape(-1),
            y.reshape(-1),
            scratch,
            sizes,
            self.window,
            self.runs,
            self.geometry.groups,
            grid,
            self.tile,
            (int(self.copy_all), int(self.relu), self.pooled),
            work=positions * self.filters * self.taps,
        )


class WinogradPlan(Plan):
    """A 3x3 convolution by Winograd's F(4x4, 3x3); arguments as for `Plan`."""

    def __init__(self, w: Array, b: Array | None, geometry: Geometry, *, relu: bool, pooled: int) -> None:
        lanes = VECTOR_BYTES // w.itemsize
        self.missing = max(0, lanes - w.shape[2])  # the changes of basis read whole vectors of channels
        w = plain(np.pad(w, ((0, 0), (0, 0), (0, self.missing), (0, 0))))
        super().__init__(w, b, geometry, relu=relu, pooled=pooled)
        self.u = aligned(POINTS * self.blocks * self.channels * lanes, w.dtype)
        self.w = w.reshape(-1)
        transform_weights(self.w, self.u, self.filters, self.blocks)

    def run(self, x: Array, y: Array, shortcut: Array) -> None:
        """Write the convolution of `x` (N, H, W, C) to `y`; both plain, `shortcut` plain or empty."""
        if self.missing:
            x = np.pad(x, ((0, 0), (0, 0), (0, 0), (0, self.missing)))
        sizes = self.sizes(len(x))
        tiles = sizes[0] * -(-sizes[4] // STEP) * -(-sizes[5] // STEP)
        workers = numba.get_num_threads()
        grid = share_out(workers, -(-tiles // POSITIONS), self.blocks, x.nbytes, self.u.nbytes)
        # The more channels, the more weights, and the more tiles should share one reading of them.
        most = min(max(24, 3 * self.channels // 16), 96)
        chunk = min(most // POSITIONS, -(-tiles // (POSITIONS * grid[0]))) * POSITIONS
        line = -(-self.blocks // grid[1]) * self.lanes
        numbers = POINTS * (chunk * (self.channels + line) + 3 * self.lanes + self.channels)
        scratch = self.scratch(workers, numbers + CELLS * PANEL * self.lanes)
        convolve_winograd(
            x.reshape(-1),
            self.w,
            self.u,
            self.bias,
            shortcut.reshape(-1),
            y.reshape(-1),
            scratch,
            sizes,
            self.window,
            grid,
            chunk,
            (int(self.relu), self.pooled),
            work=tiles * POINTS * self.filters * self.channels,
        )


def _runs(geometry: Geometry, channels: int) -> Array:
    """Return where the contiguous runs of a window begin, counted from its first number."""
    rows, columns = geometry.kernel_size
    pixel = channels * geometry.groups
    below, beside = (geometry.dilation[0] * geometry.input_size[1] * pixel, geometry.dilation[1] * pixel)
    starts = np.arange(rows)[:, None] * below + np.arange(columns) * beside
    together = geometry.groups == 1 and geometry.dilation[1] == 1
    return (starts[:, 0] if together else starts.reshape(-1)).astype(np.int64)
