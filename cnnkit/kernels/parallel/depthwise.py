"""Depthwise convolution: one kernel, or a few, for every channel by itself."""

from functools import lru_cache

import numpy as np

from cnnkit.kernels.arguments import Array, Geometry
from cnnkit.kernels.parallel import depthwise_loops as loops
from cnnkit.kernels.parallel.region import plain
from cnnkit.kernels.parallel.simd import VECTOR_BYTES


def is_depthwise(w_shape: tuple[int, ...], groups: int) -> bool:
    """Tell whether every filter of `w` (KH, KW, C/groups, F) reads one channel of several."""
    return groups > 1 and w_shape[2] == 1


def convolve(x: Array, w: Array, b: Array, geometry: Geometry, y: Array) -> None:
    """Write the convolution of `x` (N, H, W, C) with `w` (KH, KW, 1, F) to `y`, plain; C divides F."""
    channels, filters = x.shape[3], w.shape[3]
    wide = _whole_vector(x)
    if filters == channels == wide:
        _convolve(x, w[:, :, 0], b, geometry, y)
        return
    part = np.empty((*y.shape[:3], wide), x.dtype)
    multiple = filters // channels
    for q in range(multiple):  # filters q, q + multiple, ... read the channels one after the other
        _convolve(x, w[:, :, 0, q::multiple], b[q::multiple], geometry, part)
        y[..., q::multiple] = part[..., :channels]


def weight_gradient(x: Array, dy: Array, geometry: Geometry) -> Array:
    """Return dw (KH, KW, 1, F) for `x` (N, H, W, C) and `dy` (N, H', W', F)."""
    channels, filters = x.shape[3], dy.shape[3]
    multiple = filters // channels
    dw = np.empty((*geometry.kernel_size, 1, filters), x.dtype)
    for q in range(multiple):
        dw[:, :, 0, q::multiple] = _correlate(x, dy[..., q::multiple], geometry)
    return dw


def _convolve(x: Array, w: Array, b: Array, geometry: Geometry, y: Array) -> None:
    wide = y.shape[3]
    flat = [_widened(array, wide).reshape(-1) for array in (x, w, b)]
    sizes = (len(x), *geometry.input_size, *geometry.output_size, wide)
    offsets, strips, _ = _plan(geometry)
    work = y.size * len(offsets)
    loops.convolve(*flat, y.reshape(-1), sizes, _window(geometry), offsets * wide, strips, work=work)


def _correlate(x: Array, dy: Array, geometry: Geometry) -> Array:
    channels, wide = x.shape[3], _whole_vector(x)
    lanes = VECTOR_BYTES // x.itemsize
    bands = len(x) * -(-geometry.output_size[0] // loops.BAND)
    sums = np.empty((bands, *geometry.kernel_size, -(-wide // lanes) * lanes), x.dtype)
    sizes = (len(x), *geometry.input_size, *geometry.output_size, wide)
    flat = [_widened(array, wide).reshape(-1) for array in (x, dy)]
    triples = _plan(geometry)[2]
    work = dy.size * geometry.kernel_size[0] * geometry.kernel_size[1]
    loops.correlate(*flat, sums.reshape(-1), sizes, _window(geometry), triples, work=work)
    total = sums.sum(axis=0)
    dw: Array = total[..., :wide].copy()
    dw[..., wide - lanes :] = total[..., -lanes:]  # the last vector ends with the last channel
    return dw[..., :channels]


def _whole_vector(x: Array) -> int:
    return max(int(x.shape[3]), VECTOR_BYTES // int(x.itemsize))


def _widened(array: Array, channels: int) -> Array:
    """Return `array` with zeros for channels up to `channels`; plain, and a copy only if it has to be."""
    missing = channels - array.shape[-1]
    return plain(np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)]) if missing else array)


def _window(geometry: Geometry) -> tuple[tuple[int, int], ...]:
    corner = (geometry.padding[0][0], geometry.padding[1][0])
    return geometry.kernel_size, geometry.stride, geometry.dilation, corner


@lru_cache(maxsize=64)
def _plan(geometry: Geometry) -> tuple[Array, Array, Array]:
    """Return where taps are from their corner in cells, the strips of columns, and the triples of taps."""
    (rows, columns), (d_h, d_w) = geometry.kernel_size, geometry.dilation
    offsets = (np.arange(rows)[:, None] * d_h * geometry.input_size[1] + np.arange(columns) * d_w).reshape(-1)
    segments = column_segments(geometry)
    strips, triples = [], []
    for first, stop, taps in segments:
        whole = (stop - first) // loops.POSITIONS if len(taps) == columns else 0
        strips += [(first + loops.POSITIONS * k, loops.POSITIONS) for k in range(whole)]
        strips += [(j, 1) for j in range(first + loops.POSITIONS * whole, stop)]
        for n in range(0, len(taps), 3):
            three = taps[n : n + 3]
            triples.append((*three, *[three[-1]] * (3 - len(three)), len(three), first, stop))
    return offsets, np.array(strips, np.int64), np.array(triples, np.int64).reshape(-1, 6)


def column_segments(geometry: Geometry) -> list[tuple[int, int, list[int]]]:
    """Return (first, stop, taps): neighbouring output columns whose windows have these taps in the image."""
    segments: list[tuple[int, int, list[int]]] = []
    for j in range(geometry.output_size[1]):
        left = j * geometry.stride[1] - geometry.padding[1][0]
        cells = [left + n * geometry.dilation[1] for n in range(geometry.kernel_size[1])]
        taps = [n for n, cell in enumerate(cells) if 0 <= cell < geometry.input_size[1]]
        if segments and segments[-1][2] == taps:
            segments[-1] = (segments[-1][0], j + 1, taps)
        else:
            segments.append((j, j + 1, taps))
    return segments
