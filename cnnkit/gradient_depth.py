"""How large a gradient is after many layers, with and without skip connections: measured, not argued."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.activations import relu, relu_grad
from cnnkit.errors import OptionError
from cnnkit.initializers import he_normal
from cnnkit.kernels import vectorized
from cnnkit.shapes import whole_number

__all__ = ["gradient_norms"]

Array = NDArray[Any]


def gradient_norms(
    depth: int,
    *,
    gain: float = 1.0,
    skip: bool = False,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    channels: int = 8,
    size: int = 8,
) -> NDArray[np.float64]:
    """Return ``|dJ/dx_l| / |dJ/dx_L|`` for l = 0 ... depth, one row for each seed, (seeds, depth + 1).

    A plain layer is ``x_(l+1) = relu(conv(x_l))``; a residual one is ``x_(l+1) = x_l + conv(relu(x_l))``,
    with nothing on the skip path. Kernels are 3x3, "same", of He's variance times gain squared; the input
    and the gradient at the end are random. Everything in float64. Raises OptionError for no seeds or a depth
    below 1.
    """
    whole_number(depth, "depth", least=1)
    if not seeds:
        raise OptionError("seeds is empty; expected at least one")
    return np.array([_one_run(depth, gain, skip, seed, channels, size) for seed in seeds])


def _one_run(depth: int, gain: float, skip: bool, seed: int, channels: int, size: int) -> list[float]:
    rng = np.random.default_rng(seed)
    shape = (3, 3, channels, channels)
    kernels = [gain * he_normal(shape, rng, np.float64) for _ in range(depth)]
    signal = rng.normal(size=(size, size, channels))
    inputs = []
    for w in kernels:
        inputs.append(signal)
        signal = _forward(signal, w, skip)
    delta = rng.normal(size=signal.shape)
    norms = [float(np.linalg.norm(delta))]
    for w, x in zip(reversed(kernels), reversed(inputs), strict=True):
        delta = _backward(delta, x, w, skip)
        norms.append(float(np.linalg.norm(delta)))
    return [norm / norms[0] for norm in reversed(norms)]


def _forward(x: Array, w: Array, skip: bool) -> Array:
    if skip:
        return x + vectorized.conv2d(relu(x), w, padding="same")
    return relu(vectorized.conv2d(x, w, padding="same"))


def _backward(dy: Array, x: Array, w: Array, skip: bool) -> Array:
    if skip:
        through: Array = vectorized.conv2d_backward(dy, relu(x), w, padding="same")[0]
        total: Array = dy + through * relu_grad(x)
        return total
    dz = dy * relu_grad(vectorized.conv2d(x, w, padding="same"))
    dx: Array = vectorized.conv2d_backward(dz, x, w, padding="same")[0]
    return dx
