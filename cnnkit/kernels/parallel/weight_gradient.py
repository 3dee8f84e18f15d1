"""dw and db of a convolution: the plan of which taps are summed together, for `weight_gradient_loops`."""

from functools import lru_cache

import numpy as np

from cnnkit.kernels.arguments import Array, Geometry
from cnnkit.kernels.parallel import depthwise
from cnnkit.kernels.parallel import weight_gradient_loops as loops
from cnnkit.kernels.parallel.region import plain
from cnnkit.kernels.parallel.simd import VECTOR_BYTES

ITERATIONS = 16  # of the parallel loop, if there are enough taps: plenty to share out, and each long
LARGEST_CHUNK = 64  # sixes of taps in an iteration: their sums stay in cache
POSITIONS = 128  # summed in registers before the sums are added to those in memory


def weight_gradient(x: Array, dy: Array, w_shape: tuple[int, ...], geometry: Geometry) -> tuple[Array, Array]:
    """Return dw (KH, KW, C/groups, F) and db (F,), given `x` (N, H, W, C) and `dy` (N, H', W', F)."""
    db = bias_gradient(dy)
    if depthwise.is_depthwise(w_shape, geometry.groups):
        return depthwise.weight_gradient(x, dy, geometry), db
    # Where a window hangs over the edge, 0 * dy is left out, unless it is NaN: then db is not finite either.
    padded = w_shape[2] < loops.TAPS or not np.isfinite(db).all()
    if padded:
        x = np.pad(x, ((0, 0), *geometry.padding, (0, 0)))
    runs = _plan(geometry, w_shape[2], padded)
    sizes = (*x.shape, *dy.shape[1:])
    lanes = VECTOR_BYTES // x.itemsize
    own_filters = dy.shape[3] // geometry.groups
    blocks = geometry.groups * -(-own_filters // lanes)
    chunk = max(1, min(LARGEST_CHUNK, len(runs), len(runs) * blocks // ITERATIONS))
    band = max(1, POSITIONS // dy.shape[2])
    dw = np.empty(w_shape, x.dtype)
    loops.correlate(
        _with_tail(x, loops.TAPS if padded else 0),
        _with_tail(dy, own_filters % lanes and lanes),
        dw.reshape(-1),
        sizes,
        geometry.stride,
        geometry.groups,
        runs,
        chunk,
        band,
        work=dy.size * dw.size / max(1, w_shape[3]),
    )
    return dw, db


def bias_gradient(dy: Array) -> Array:
    """Return db (F,), the sum of `dy` (N, H, W, F): rows first, so that no sum runs over many numbers."""
    images, rows, columns, filters = dy.shape
    sums = np.empty((images * rows, filters), dy.dtype)
    loops.sum_rows(plain(dy).reshape(images * rows, columns, filters), sums, work=dy.size)
    db: Array = sums.reshape(images, rows, filters).sum(axis=1).sum(axis=0)
    return db


def _with_tail(array: Array, count: int) -> Array:
    """Return `array` flat, followed by `count` zeros: the last vector may reach behind the last number."""
    if not count:
        return plain(array).reshape(-1)
    flat = np.zeros(array.size + count, array.dtype)
    flat[: array.size] = array.reshape(-1)
    return flat


@lru_cache(maxsize=64)
def _plan(geometry: Geometry, channels: int, padded: bool) -> Array:
    """Return the `runs` of `correlate`: every tap of a window in one six, neighbouring numbers together."""
    (rows, columns), (d_h, d_w) = geometry.kernel_size, geometry.dilation
    (top, _), (left, _) = ((0, 0), (0, 0)) if padded else geometry.padding
    flat = padded and d_w == 1 and geometry.groups == 1  # then a row of the window has no gaps
    length = columns * channels if flat else channels
    runs = []
    for m, n in np.ndindex(rows, 1 if flat else columns):
        first, stop = (0, geometry.output_size[1]) if padded else _columns_inside(geometry, n)
        for c in range(0, length, loops.TAPS):
            begin = c if length < loops.TAPS else min(c, length - loops.TAPS)
            place = m * d_h - top, (n * d_w - left) * channels * geometry.groups + begin
            tap = (m * columns + n) * channels + begin
            runs.append((*place, first, max(first, stop), tap, c - begin, min(loops.TAPS, length - begin)))
    return np.array(runs, np.int64)


def _columns_inside(geometry: Geometry, n: int) -> tuple[int, int]:
    """Return (first, stop) of the output columns whose tap n lies inside the image."""
    start = n * geometry.dilation[1] - geometry.padding[1][0]
    stride, width = geometry.stride[1], geometry.input_size[1]
    first = max(0, -(start // stride))
    return first, min(geometry.output_size[1], -((start - width) // stride))
