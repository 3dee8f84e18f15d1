"""The way from literal loops to Winograd: every rung computes the same convolution, each in another order.

A rung is a function of x (N, H, W, C), w (KH, KW, C, F) and b (F,) or None: stride 1, padding "same", float32
or float64 in and out. Read the compiled loops in this order; each changes one thing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels import loops, vectorized
from cnnkit.kernels.arguments import Array, check_conv2d
from cnnkit.kernels.parallel.convolution import conv2d
from cnnkit.kernels.parallel.microkernel import multiply_block
from cnnkit.kernels.parallel.region import ParallelKernel, inlined, parallel, plain
from cnnkit.kernels.parallel.winograd import change_input

BLOCK = 32  # filters whose sums a blocked loop keeps at a time
LANES = 4  # neighbouring output positions that it computes together
TAPS = 4  # neighbouring input numbers that it takes together


@parallel
def source_order(x: Any, w: Any, b: Any, y: Any) -> None:
    """Write the convolution of the padded `x` to `y`, one finished sum after the other.

    The order of the formula: the innermost loops walk through `w` in steps of F numbers, and every addition
    waits for the one before.
    """
    images, rows, columns, filters = y.shape
    for i in prange(rows):
        for image in range(images):
            for j in range(columns):
                for k in range(filters):
                    z = b[k]
                    for m in range(w.shape[0]):
                        for n in range(w.shape[1]):
                            for c in range(w.shape[2]):
                                z += x[image, i + m, j + n, c] * w[m, n, c, k]
                    y[image, i, j, k] = z


@parallel
def outputs_innermost(x: Any, w: Any, b: Any, y: Any) -> None:
    """Write the convolution of the padded `x` to `y`, adding one input number to all filters at a time.

    Neighbours in the innermost loop are neighbours in `w` and in `y`, and none waits for another: the
    compiler makes vector instructions of it.
    """
    images, rows, columns, filters = y.shape
    for i in prange(rows):
        for image in range(images):
            for j in range(columns):
                z = y[image, i, j]
                z[:] = b
                for m in range(w.shape[0]):
                    for n in range(w.shape[1]):
                        for c in range(w.shape[2]):
                            cell, weights = x[image, i + m, j + n, c], w[m, n, c]
                            for k in range(filters):
                                z[k] += cell * weights[k]


@inlined
def add_products(sums: Any, line: Any, apart: int, weights: Any) -> None:
    """Add to `sums` (4, 32) the products of `weights` with four stretches of `line`, `apart` from each other.

    `weights` is (K, 32), K a multiple of 4. Each sum is loaded and stored once for four multiply-adds, and
    each weight is loaded once for four positions.
    """
    one, two, three = apart, 2 * apart, 3 * apart
    for k in range(0, len(weights), TAPS):
        a0, a1, a2, a3 = line[k], line[k + 1], line[k + 2], line[k + 3]
        b0, b1, b2, b3 = line[one + k], line[one + k + 1], line[one + k + 2], line[one + k + 3]
        c0, c1, c2, c3 = line[two + k], line[two + k + 1], line[two + k + 2], line[two + k + 3]
        d0, d1, d2, d3 = line[three + k], line[three + k + 1], line[three + k + 2], line[three + k + 3]
        for f in range(BLOCK):
            w0, w1, w2, w3 = weights[k, f], weights[k + 1, f], weights[k + 2, f], weights[k + 3, f]
            sums[0, f] = sums[0, f] + a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
            sums[1, f] = sums[1, f] + b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3
            sums[2, f] = sums[2, f] + c0 * w0 + c1 * w1 + c2 * w2 + c3 * w3
            sums[3, f] = sums[3, f] + d0 * w0 + d1 * w1 + d2 * w2 + d3 * w3


@parallel
def blocked(x: Any, packed: Any, b: Any, y: Any) -> None:
    """Write the convolution of the padded `x` to `y`, four positions by 32 filters at a time.

    Their 128 sums are kept for the whole window. `packed` (blocks, KH, KW * C, 32) holds the weights in the
    order of reading; one row of a window is KW * C neighbouring numbers of `x` (N, H, W, C), a multiple of 4.
    The last four positions of a row overlap the four before.
    """
    images, rows, columns, filters = y.shape
    channels = x.shape[3]
    for i in prange(rows):
        sums = np.empty((LANES, BLOCK), x.dtype)
        for image in range(images):
            for block in range(len(packed)):
                width = min(BLOCK, filters - block * BLOCK)
                for start in range(0, columns, LANES):
                    j = max(0, min(start, columns - LANES))
                    sums[:] = 0
                    for m in range(packed.shape[1]):
                        line = x[image, i + m].reshape(-1)[j * channels :]
                        add_products(sums, line, channels, packed[block, m])
                    for p in range(min(LANES, columns)):
                        for f in range(width):
                            k = block * BLOCK + f
                            y[image, i, j + p, k] = sums[p, f] + b[k]


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to compute a convolution with stride 1 and padding "same".

    Attributes:
        name: what it is called.
        function: ``function(x, w, b=None)`` returns y (N, H, W, F); its attribute `kernel` is the function
            whose source shows how.
        why: what changed from the rung before, and why that is faster.
    """

    name: str
    function: Callable[..., Array]
    why: str


def _shown_by(kernel: Any) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Give a rung's function the attribute `kernel`, plain Python whose source can be shown."""
    readable = kernel.dispatcher.py_func if isinstance(kernel, ParallelKernel) else kernel

    def decorate(function: Callable[..., Array]) -> Callable[..., Array]:
        function.__dict__["kernel"] = readable
        return function

    return decorate


@_shown_by(loops.conv2d)
def _literal(x: Array, w: Array, b: Array | None = None) -> Array:
    return loops.conv2d(x, w, b, padding="same")


@_shown_by(vectorized.conv2d)
def _windows(x: Array, w: Array, b: Array | None = None) -> Array:
    return vectorized.conv2d(x, w, b, padding="same")


@_shown_by(source_order)
def _source_order(x: Array, w: Array, b: Array | None = None) -> Array:
    padded, weights, biases, y, unbatched = _prepare(x, w, b)
    source_order(padded, weights, biases, y)
    return y[0] if unbatched else y


@_shown_by(outputs_innermost)
def _outputs_innermost(x: Array, w: Array, b: Array | None = None) -> Array:
    padded, weights, biases, y, unbatched = _prepare(x, w, b)
    outputs_innermost(padded, weights, biases, y)
    return y[0] if unbatched else y


@_shown_by(add_products)
def _blocked(x: Array, w: Array, b: Array | None = None) -> Array:
    padded, weights, biases, y, unbatched = _prepare(x, w, b)
    # Zero channels make a row of a window a multiple of 4, zero columns four positions of a narrow image.
    spare, narrow = -weights.shape[2] % TAPS, max(0, LANES - y.shape[2])
    padded = np.pad(padded, ((0, 0), (0, 0), (0, narrow), (0, spare)))
    weights = np.pad(weights, ((0, 0), (0, 0), (0, spare), (0, -weights.shape[3] % BLOCK)))
    packed = weights.reshape(len(weights), -1, weights.shape[3] // BLOCK, BLOCK).transpose(2, 0, 1, 3)
    blocked(plain(padded), plain(packed), biases, y)
    return y[0] if unbatched else y


@_shown_by(multiply_block)
def _microkernel(x: Array, w: Array, b: Array | None = None) -> Array:
    return conv2d(x, w, b, padding="same", algorithm="direct")


@_shown_by(change_input)
def _winograd(x: Array, w: Array, b: Array | None = None) -> Array:
    return conv2d(x, w, b, padding="same", algorithm="winograd")


def _prepare(x: Array, w: Array, b: Array | None) -> tuple[Array, Array, Array, Array, bool]:
    """Return padded input, weights, biases (zeros for none), an empty result, whether `x` had no batch."""
    options: dict[str, Any] = {"stride": 1, "padding": "same", "dilation": 1, "groups": 1}
    images, weights, biases, geometry, unbatched = check_conv2d(x, w, b, **options)
    padded = np.pad(images, ((0, 0), *geometry.padding, (0, 0)))
    y = np.empty((len(images), *geometry.output_size, weights.shape[3]), images.dtype)
    if biases is None:
        biases = np.zeros(weights.shape[3], images.dtype)
    return plain(padded), plain(weights), plain(biases), y, unbatched


LADDER = (
    Rung(
        "literal loops",
        _literal,
        "The formula, one Python statement for each multiplication. The judge of all the others.",
    ),
    Rung(
        "NumPy windows",
        _windows,
        "The loops move into compiled code: windows as a view, then one product of tensors by a BLAS "
        "library. It copies every window first, nine times the input for a 3x3 kernel.",
    ),
    Rung(
        "compiled loops in the source's order",
        _source_order,
        "The same loops as in Java, compiled by Numba, rows shared by the cores. Nothing is copied, but "
        "every addition waits for the one before, and weights are read in steps of F numbers.",
    ),
    Rung(
        "outputs innermost",
        _outputs_innermost,
        "The loop over filters moves inside. Its sums are independent and its numbers neighbours, so one "
        "instruction serves 4 to 16 filters. Each sum is loaded and stored for every single multiply-add.",
    ),
    Rung(
        "registers and cache, packed weights",
        _blocked,
        "Four positions by 32 filters are summed together. Each sum is loaded once for four multiply-adds, "
        "each weight once for four positions. Weights are packed in the order of reading.",
    ),
    Rung(
        "vector micro-kernel",
        _microkernel,
        "Vectors are values of their own, so the innermost loop says which six sums stay in registers, "
        "without hoping that the compiler finds out. Windows are read where they are; results stored once.",
    ),
    Rung(
        "Winograd F(4x4, 3x3)",
        _winograd,
        "A quarter of the multiplications: tiles of 6x6 numbers are changed to a basis in which convolving "
        "is multiplying number by number, by the same micro-kernel. The only rung that changes the sums.",
    ),
)
