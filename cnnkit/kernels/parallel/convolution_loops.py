"""The compiled loops of the convolutions: everything is a small matrix product in registers and cache.

Forward, a tile of output positions gathers what its windows cover into rows of *patches*, and these meet
the weights: ``patches (positions, taps) @ weights (taps, filters)``. The gradients are the same product with
other partners: dx scatters ``dy @ weights.T`` back, dw is ``patches.T @ dy``.

Weights come packed in blocks of 32 filters, innermost contiguous, so that one instruction serves several
filters. Every ``prange`` runs over results that no other iteration touches: there are no races, and the
bits of a result do not depend on the number of threads.
"""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.parallel.region import parallel, serial

BLOCK = 32  # filters in a packed block
LANES = 4  # rows, and taps, that one pass of `multiply_add` takes together
TILE = 32  # output positions that share a buffer of patches, a multiple of LANES


@serial
def multiply_add(acc: Any, a: Any, w: Any) -> None:
    """Add ``a (4, K) @ w (K, 32)`` to `acc` (4, 32); K is a multiple of 4.

    Four rows by four taps make 16 multiply-adds for every four loads of `w`: that is what keeps the
    arithmetic units busy. The sum runs in the order of the taps.
    """
    for k in range(0, a.shape[1], LANES):
        a00, a01, a02, a03 = a[0, k], a[0, k + 1], a[0, k + 2], a[0, k + 3]
        a10, a11, a12, a13 = a[1, k], a[1, k + 1], a[1, k + 2], a[1, k + 3]
        a20, a21, a22, a23 = a[2, k], a[2, k + 1], a[2, k + 2], a[2, k + 3]
        a30, a31, a32, a33 = a[3, k], a[3, k + 1], a[3, k + 2], a[3, k + 3]
        for f in range(BLOCK):
            w0, w1, w2, w3 = w[k, f], w[k + 1, f], w[k + 2, f], w[k + 3, f]
            acc[0, f] = acc[0, f] + a00 * w0 + a01 * w1 + a02 * w2 + a03 * w3
            acc[1, f] = acc[1, f] + a10 * w0 + a11 * w1 + a12 * w2 + a13 * w3
            acc[2, f] = acc[2, f] + a20 * w0 + a21 * w1 + a22 * w2 + a23 * w3
            acc[3, f] = acc[3, f] + a30 * w0 + a31 * w1 + a32 * w2 + a33 * w3


@serial
def multiply(out: Any, a: Any, packed: Any, b: Any) -> None:
    """Write ``b + a @ w`` into `out` (R, blocks * 32): `a` is (R, K), `packed` (blocks, K, 32).

    R and K are whole lanes, `b` is (blocks, 32).
    """
    acc = np.empty((LANES, BLOCK), out.dtype)
    for block in range(len(packed)):
        for start in range(0, len(a), LANES):
            for p in range(LANES):
                for f in range(BLOCK):
                    acc[p, f] = b[block, f]
            multiply_add(acc, a[start : start + LANES], packed[block])
            for p in range(LANES):
                for f in range(BLOCK):
                    out[start + p, block * BLOCK + f] = acc[p, f]


@serial
def split(index: Any, size: int) -> Any:
    """Return ``divmod(index, size)`` in signed integers: Numba counts a ``prange`` in unsigned ones."""
    return np.int64(index) // size, np.int64(index) % size


@parallel
def convolve_planes(x: Any, w: Any, b: Any, y: Any, stride: Any, dilation: Any) -> None:
    """Write the convolution of padded planes `x` (N, C, H, W) into `y` (N, F, H_out, W_out).

    For few filters per group, where a block of filters would be nearly empty: here neighbouring *columns*
    share an instruction. `w` is (KH, KW, C/groups, F).
    """
    images, filters, height, width = y.shape
    rows, columns, group_channels, _ = w.shape
    group_filters = filters // (x.shape[1] // group_channels)
    for index in prange(images * height):
        image, i = split(index, height)
        for k in range(filters):
            first = k // group_filters * group_channels
            z = y[image, k, i]
            z[:] = b[k]
            for m in range(rows):
                for n in range(columns):
                    for c in range(group_channels):
                        weight = w[m, n, c, k]
                        source = x[image, first + c, i * stride[0] + m * dilation[0], n * dilation[1] :]
                        for j in range(width):
                            z[j] += weight * source[j * stride[1]]


@serial
def stamp(
    dx: Any, stamps: Any, columns: int, kernel_width: int, stride: int, dilation: int, left: int
) -> None:
    """Add to a row `dx` (W, C) the first `columns` rows of `stamps`, each a kernel row of (n, c) cells."""
    width, channels = dx.shape
    for j in range(columns):
        for n in range(kernel_width):
            column = j * stride + n * dilation - left
            if 0 <= column < width:
                for c in range(channels):
                    dx[column, c] += stamps[j, n * channels + c]


@parallel
def scatter(dy: Any, packed: Any, dx: Any, kernel: Any, stride: Any, dilation: Any, corner: Any) -> None:
    """Add to `dx` (N, H, G, W, C/G) what the errors `dy` (N, H_out, W_out, G, F/G) send back through w.

    `packed` (KH, G, blocks, F/G, 32) holds the transposed weights; its columns are (n, c). Each iteration
    owns one row of dx and asks which rows of dy read it.
    """
    images, height, groups = dx.shape[:3]
    _, rows, columns, _, filters = dy.shape
    lanes = (columns + LANES - 1) // LANES * LANES
    for index in prange(images * height):
        image, row = split(index, height)
        errors = np.zeros((lanes, packed.shape[3]), dx.dtype)
        stamps = np.empty((lanes, packed.shape[2] * BLOCK), dx.dtype)
        nothing = np.zeros((packed.shape[2], BLOCK), dx.dtype)
        for m in range(kernel[0]):
            i, between = split(row + corner[0] - m * dilation[0], stride[0])
            if between or not 0 <= i < rows:
                continue  # this row of the kernel stands on `row` for no i
            for group in range(groups):
                for j in range(columns):
                    for k in range(filters):
                        errors[j, k] = dy[image, i, j, group, k]
                multiply(stamps, errors, packed[m, group], nothing)
                target = dx[image, row, group]
                stamp(target, stamps, columns, kernel[1], stride[1], dilation[1], corner[1])


@parallel
def correlate(x: Any, packed: Any, dw: Any, kernel: Any, stride: Any, dilation: Any) -> None:
    """Write into `dw` (G, taps, F/G) how every tap of the padded `x` (N, H, W, G, C/G) goes with the errors.

    `packed` (G, N, H_out, blocks, W_out, 32) holds the errors. Each iteration owns four taps and walks over
    all positions, so nothing has to be added up between threads.
    """
    groups, taps, filters = dw.shape
    _, images, rows, blocks, depth, _ = packed.shape
    channels = x.shape[4]
    columns = (x.shape[2] - (kernel[1] - 1) * dilation[1] - 1) // stride[1] + 1
    quads = (taps + LANES - 1) // LANES
    for index in prange(groups * quads):
        group, quad = split(index, quads)
        cells = np.zeros((LANES, depth), x.dtype)
        totals = np.zeros((blocks, LANES, BLOCK), x.dtype)
        used = min(LANES, taps - quad * LANES)
        for line in range(images * rows):
            image, i = split(line, rows)
            for t in range(used):
                window, c = split(quad * LANES + t, channels)
                m, n = split(window, kernel[1])
                top, left = i * stride[0] + m * dilation[0], n * dilation[1]
                for j in range(columns):
                    cells[t, j] = x[image, top, left + j * stride[1], group, c]
            for block in range(blocks):
                multiply_add(totals[block], cells, packed[group, image, i, block])
        for t in range(used):
            for k in range(filters):
                dw[group, quad * LANES + t, k] = totals[k // BLOCK, t, k % BLOCK]
