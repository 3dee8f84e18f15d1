"""The gradients of a convolution written as other people's operations: scatter, convolution, matrix.

Chapter 05 proves that they agree. They take one group and small arrays; the course itself computes with
`conv2d_backward` of the kernel modules.
"""

from typing import Any

import numpy as np

from cnnkit.errors import ShapeError
from cnnkit.kernels import vectorized
from cnnkit.kernels.arguments import (
    Array,
    Geometry,
    Padding,
    Pair,
    check_float,
    check_images,
    check_same_dtype,
    conv_geometry,
    quiet,
)
from cnnkit.kernels.linear import toeplitz_matrix
from cnnkit.shapes import pair

__all__ = [
    "dw_by_correlation",
    "dx_by_full_convolution",
    "dx_by_scatter",
    "dx_by_toeplitz",
    "flip_and_swap",
    "random_case",
    "zero_stuff",
]

_SPANS = ((5, 9), (1, 4), (1, 4), (1, 3))  # of input size, kernel size, stride and dilation


@quiet
def dx_by_scatter(
    dz: Array,
    w: Array,
    input_size: tuple[int, int],
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
) -> Array:
    """Return dx of `conv2d`: every error stamps its multiple of the kernel on the padded input.

    ``dx_padded[i*s + m*d, j*s + n*d, c] += dz[i, j, k] * w[m, n, c, k]``, then the padding is cropped.

    `dz` is (N, H_out, W_out, F) or (H_out, W_out, F), `w` (KH, KW, C, F), both float32 or both float64, and
    `input_size` is (H, W). The result is (N, H, W, C), or (H, W, C). Raises ShapeError, DTypeError or
    OptionError.
    """
    delta, weights, geometry, unbatched = _checked(dz, w, input_size, stride, padding, dilation)
    dx_padded = _padded_zeros(delta, weights, geometry)
    (rows, columns), (s_h, s_w), (d_h, d_w) = geometry.output_size, geometry.stride, geometry.dilation
    for m, n in np.ndindex(geometry.kernel_size):
        down = slice(m * d_h, m * d_h + (rows - 1) * s_h + 1, s_h)
        across = slice(n * d_w, n * d_w + (columns - 1) * s_w + 1, s_w)
        dx_padded[:, down, across] += delta @ weights[m, n].T
    return _cropped(dx_padded, geometry, unbatched)


@quiet
def dx_by_full_convolution(
    dz: Array,
    w: Array,
    input_size: tuple[int, int],
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
) -> Array:
    """Return dx of `conv2d` as a 'full' convolution of the zero-stuffed error with the turned kernel.

    The stride becomes zeros between the errors (`zero_stuff`), the kernel is flipped and its channels change
    places (`flip_and_swap`), the dilation stays. Shapes and errors are those of `dx_by_scatter`.
    """
    delta, weights, geometry, unbatched = _checked(dz, w, input_size, stride, padding, dilation)
    reach = [d * (k - 1) for k, d in zip(geometry.kernel_size, geometry.dilation, strict=True)]
    full = vectorized.conv2d(
        zero_stuff(delta, geometry.stride),
        flip_and_swap(weights),
        padding=((reach[0], reach[0]), (reach[1], reach[1])),
        dilation=geometry.dilation,
    )
    # Cells behind the last window were dropped by the floor of the output size: their gradient is 0.
    dx_padded = _padded_zeros(delta, weights, geometry)
    dx_padded[:, : full.shape[1], : full.shape[2]] = full
    return _cropped(dx_padded, geometry, unbatched)


@quiet
def dx_by_toeplitz(
    dz: Array,
    w: Array,
    input_size: tuple[int, int],
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
) -> Array:
    """Return dx of `conv2d` as ``T.T @ dz``, T being the matrix of the convolution.

    Shapes and errors are those of `dx_by_scatter`; T grows with the square of the image.
    """
    delta, weights, _, unbatched = _checked(dz, w, input_size, stride, padding, dilation)
    matrix = toeplitz_matrix(weights, input_size, stride=stride, padding=padding, dilation=dilation)
    dx = delta.reshape(len(delta), -1) @ matrix
    images = dx.reshape(len(delta), *input_size, weights.shape[2])
    return images[0] if unbatched else images


@quiet
def dw_by_correlation(
    dz: Array,
    x: Array,
    kernel_size: tuple[int, int],
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
) -> Array:
    """Return dw of `conv2d` as one convolution of the padded input, with the error in the kernel's place.

    Stride and dilation change places, since ``dw[m, n, c, k]`` is the sum over images and i, j of
    ``x_padded[m*d + i*s, n*d + j*s, c] * dz[i, j, k]``: m moves in steps of d, and i is s cells apart. The
    images are summed over as channels are in the forward pass.

    `dz` is (N, H_out, W_out, F), `x` (N, H, W, C), both with or both without N, of one type. The result is
    (KH, KW, C, F). Raises ShapeError, DTypeError or OptionError.
    """
    images, _ = check_images(x)
    blank = np.zeros((*kernel_size, images.shape[3], np.shape(dz)[-1]), images.dtype)
    delta, _, geometry, _ = _checked(dz, blank, images.shape[1:3], stride, padding, dilation)
    if len(delta) != len(images):
        raise ShapeError(f"dz holds {len(delta)} images and x {len(images)}; expected the same number")
    padded = np.pad(images, ((0, 0), *geometry.padding, (0, 0)))
    swapped = vectorized.conv2d(
        padded.transpose(3, 1, 2, 0),
        delta.transpose(1, 2, 0, 3),
        stride=geometry.dilation,
        dilation=geometry.stride,
    )
    height, width = geometry.kernel_size
    # Rows that no window read leave room for taps that the kernel does not have.
    return np.ascontiguousarray(swapped[:, :height, :width].transpose(1, 2, 0, 3))


def zero_stuff(dz: Array, stride: Pair) -> Array:
    """Return `dz` (N, H, W, F) or (H, W, F) with ``stride - 1`` rows and columns of zeros between its cells.

    The result has ``(H - 1) * stride + 1`` rows: zeros stand between the errors, not around them.
    """
    errors, unbatched = check_images(dz, "dz")
    s_h, s_w = pair(stride, "stride")
    count, rows, columns, filters = errors.shape
    stuffed = np.zeros((count, (rows - 1) * s_h + 1, (columns - 1) * s_w + 1, filters), errors.dtype)
    stuffed[:, ::s_h, ::s_w] = errors
    return stuffed[0] if unbatched else stuffed


def flip_and_swap(w: Array) -> Array:
    """Return ``w'[m, n, k, c] = w[KH-1-m, KW-1-n, c, k]``: the kernel that maps errors back, (KH, KW, F, C).

    It is turned by 180 degrees, and its input channels are the filters. Raises ShapeError unless `w` has
    four axes.
    """
    weights = check_float(w, "w")
    if weights.ndim != 4:
        raise ShapeError(f"w has shape {weights.shape}; expected (KH, KW, C, F)")
    return np.ascontiguousarray(weights[::-1, ::-1].transpose(0, 1, 3, 2))


def random_case(seed: int) -> tuple[Array, Array, Array, dict[str, Any]]:
    """Return dz, x, w and the options of a small random convolution, for proofs by many examples.

    Two images, two channels, three filters; sizes, strides up to 3, four-sided paddings and dilations are
    drawn from `seed`. Everything is float64.
    """
    rng = np.random.default_rng(seed)
    size, kernel, stride, dilation = ([int(n) for n in rng.integers(*span, 2)] for span in _SPANS)
    options: dict[str, Any] = {
        "stride": tuple(stride),
        "padding": tuple((int(before), int(after)) for before, after in rng.integers(0, 3, (2, 2))),
        "dilation": tuple(dilation),
    }
    x, w = rng.normal(size=(2, *size, 2)), rng.normal(size=(*kernel, 2, 3))
    return rng.normal(size=vectorized.conv2d(x, w, **options).shape), x, w, options


def _checked(
    dz: Array, w: Array, input_size: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair
) -> tuple[Array, Array, Geometry, bool]:
    """Return dz as a batch, w, the geometry of the forward pass, and whether dz came without batch axis."""
    delta, unbatched = check_images(dz, "dz")
    weights = check_float(w, "w")
    if weights.ndim != 4:
        raise ShapeError(f"w has shape {weights.shape}; expected (KH, KW, C, F)")
    check_same_dtype(dz=delta, w=weights)
    if len(input_size) != 2:
        raise ShapeError(f"input_size is {input_size!r}; expected (H, W)")
    geometry = conv_geometry(input_size, weights.shape[:2], stride, padding, dilation)
    expected = (*geometry.output_size, weights.shape[3])
    if delta.shape[1:] != expected:
        raise ShapeError(
            f"dz has shape {np.shape(dz)}; expected {expected} for each image, as the forward result"
        )
    return delta, weights, geometry, unbatched


def _padded_zeros(delta: Array, weights: Array, geometry: Geometry) -> Array:
    sizes = (n + sum(pads) for n, pads in zip(geometry.input_size, geometry.padding, strict=True))
    return np.zeros((len(delta), *sizes, weights.shape[2]), delta.dtype)


def _cropped(padded: Array, geometry: Geometry, unbatched: bool) -> Array:
    (top, _), (left, _) = geometry.padding
    height, width = geometry.input_size
    dx = np.ascontiguousarray(padded[:, top : top + height, left : left + width])
    return dx[0] if unbatched else dx
