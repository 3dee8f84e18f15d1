"""Where windows lie: counting positions, copying what hangs over the edge, dividing work."""

from typing import Any

import numpy as np

from cnnkit.kernels.parallel.microkernel import POSITIONS
from cnnkit.kernels.parallel.region import inlined, serial
from cnnkit.kernels.parallel.simd import VECTOR_BYTES, load, store


@serial
def share(amount: int, parts: int, part: int) -> Any:
    """Return the range (first, stop) of `amount` things that belongs to one of `parts` workers."""
    return amount * part // parts, amount * (part + 1) // parts


@serial
def position(index: int, size: Any, pooled: int) -> Any:
    """Return (image, i, j) of a result; with `pooled` 4, four in a row are the cells of a pooling window."""
    rows, columns = size
    if pooled == 1:
        return index // (rows * columns), index // columns % rows, index % columns
    cell, corner = index // 4, index % 4
    i, j = cell // (columns // 2) % (rows // 2), cell % (columns // 2)
    return cell // (columns // 2 * (rows // 2)), 2 * i + corner // 2, 2 * j + corner % 2


@inlined
def next_position(image: int, i: int, j: int, size: Any, pooled: int) -> Any:
    """Return the position after (image, i, j), in the order of `position` but without its divisions."""
    rows, columns = size
    if pooled == 4 and j % 2 == 0:
        return image, i, j + 1
    if pooled == 4 and i % 2 == 0:
        return image, i + 1, j - 1
    top = i - 1 if pooled == 4 else i
    if j + 1 < columns:
        return image, top, j + 1
    below = i + 1
    return (image, below, 0) if below < rows else (image + 1, 0, 0)


@serial
def copy_window(
    x: Any, base: int, corner: Any, sizes: Any, window: Any, own: int, patch: Any, at: int
) -> None:
    """Copy the window of `x` that begins at `base` to ``patch[at:]``; cells outside the image are zeros.

    `corner` is the window's (top, left) on the image, `own` the number of channels that it reads.
    """
    height, width, channels = sizes[1:4]
    lanes = VECTOR_BYTES // x.itemsize
    patch[at : at + window[0] * window[1] * own] = 0
    first, stop, step = 0, window[1], 1
    if window[5] == 1 and own == channels:  # neighbouring taps are neighbours in memory: copied together
        first, stop = max(0, -corner[1]), min(window[1], width - corner[1])
        step = max(1, stop - first)
    for m in range(window[0]):
        row = m * window[4]
        if not 0 <= corner[0] + row < height:
            continue
        for n in range(first, stop, step):
            column = n * window[5]
            if not 0 <= corner[1] + column < width:
                continue
            source, target = base + (row * width + column) * channels, at + (m * window[1] + n) * own
            whole = step * own // lanes * lanes
            for k in range(0, whole, lanes):
                store(patch, target + k, load(x, source + k))
            for k in range(whole, step * own):
                patch[target + k] = x[source + k]


@serial
def locate(
    x: Any, first: int, count: int, sizes: Any, window: Any, own: Any, modes: Any, tile: Any, patches: Any
) -> None:
    """Find the windows of `count` positions: where in `x`, or in `patches`, they begin.

    `tile` is (bases, copied, places): the beginnings, whether they are in `patches` (for each six), and where
    the position stands in the unpooled result. What is beyond the last position repeats it, so that the
    micro-kernel always has six.
    """
    copy_all, pooled = modes
    height, width, channels = sizes[1:4]
    bases, copied, places = tile
    size = (sizes[4], sizes[5]) if pooled == 1 else (sizes[4] // 2 * 2, sizes[5] // 2 * 2)
    taps = window[0] * window[1] * own[1]
    tops, lefts = np.empty(POSITIONS, np.int64), np.empty(POSITIONS, np.int64)
    lowest = height - (window[0] - 1) * window[4]  # a window is inside if its corner is above this row
    rightmost = width - (window[1] - 1) * window[5]
    image, i, j = position(first, size, pooled)
    for p in range(0, count, POSITIONS):
        inside = not copy_all
        for q in range(POSITIONS):
            top, left = i * window[2] - window[6], j * window[3] - window[7]
            inside = inside and 0 <= top < lowest and 0 <= left < rightmost
            tops[q], lefts[q] = top, left
            bases[p + q] = ((image * height + top) * width + left) * channels + own[0]
            places[p + q] = ((image * sizes[4] + i) * sizes[5] + j) * sizes[6]
            if p + q + 1 < count:
                image, i, j = next_position(image, i, j, size, pooled)
        copied[p // POSITIONS] = not inside
        if not inside:
            for q in range(POSITIONS):
                corner = (tops[q], lefts[q])
                copy_window(x, bases[p + q], corner, sizes, window, own[1], patches, (p + q) * taps)
                bases[p + q] = (p + q) * taps
