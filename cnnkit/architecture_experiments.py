"""What chapter 07 tries out: deeper networks that train worse, and kernels that stand for stacks of kernels.

Everything is seeded and in float64, where rounding is too small to steer a short training another way on
another machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data import digits
from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers import Activation, BatchNorm, Conv2D, Dense, GlobalAvgPool2D, Layer, Residual
from cnnkit.network import Sequential
from cnnkit.optim import SGD

Array = NDArray[Any]
Table = NDArray[np.float64]

KINDS = ("plain", "residual")
_CHANNELS = 8


# ---- plain against residual


@dataclass(frozen=True)
class DepthStudy:
    """How well plain and residual networks of several depths fit the pictures they are trained on.

    Attributes:
        depths: layers with weights in each network.
        errors: by kind, (depths, seeds): share of *training* pictures that are wrong in the last epoch.
        gradients: by kind, (depths, seeds): norm of the first convolution's gradient before the first step.
        params: by depth, the same for both kinds.
    """

    depths: tuple[int, ...]
    errors: dict[str, Table]
    gradients: dict[str, Table]
    params: tuple[int, ...]

    def __str__(self) -> str:
        lines = [
            f"{'layers':>6}{'parameters':>12}{'plain':>18}{'residual':>18}   training error, lowest-highest"
        ]
        for row, (depth, params) in enumerate(zip(self.depths, self.params, strict=True)):
            cells = "".join(f"{_spread(self.errors[kind][row]):>18}" for kind in KINDS)
            lines.append(f"{depth:>6}{params:>12,}{cells}")
        return "\n".join(lines)


def degradation(
    depths: Sequence[int] = (6, 18, 30),
    seeds: Sequence[int] = (0, 1, 2),
    *,
    count: int = 256,
    epochs: int = 6,
) -> DepthStudy:
    """Train plain and residual networks of growing depth on the same digits, in the same way.

    Both have the same layers, weights to start from and parameters; only the additions differ. Behind every
    convolution stands a batch normalisation, which keeps the scale of the signals.

    Raises OptionError for no depths, no seeds, or a `count` below 2.
    """
    if not depths or not seeds or count < 2:
        raise OptionError("expected at least one depth, one seed and two pictures")
    errors = {kind: np.zeros((len(depths), len(seeds))) for kind in KINDS}
    gradients = {kind: np.zeros((len(depths), len(seeds))) for kind in KINDS}
    for row, depth in enumerate(depths):
        for column, seed in enumerate(seeds):
            for kind in KINDS:
                place = (row, column)
                errors[kind][place], gradients[kind][place] = _train(kind, depth, seed, count, epochs)
    params = tuple(deep_network("plain", depth).count_params() for depth in depths)
    return DepthStudy(tuple(depths), errors, gradients, params)


def deep_network(kind: str, depth: int, seed: int = 0) -> Sequential:
    """Return a network with `depth` layers with weights for 8×8 digits, `kind` "plain" or "residual".

    A first convolution halves the map, pairs of 3×3 convolutions with 8 channels follow, then global average
    pooling and a dense layer. Raises OptionError for another kind, or a depth that is not even and above 2.
    """
    if kind not in KINDS:
        raise OptionError(f"kind is {kind!r}; expected 'plain' or 'residual'")
    if depth < 4 or depth % 2:
        raise OptionError(f"depth is {depth!r}; expected an even number from 4: pairs between first and last")
    layers = [*_conv_norm(stride=2), Activation("relu")]
    for _ in range((depth - 2) // 2):
        path = [*_conv_norm(), Activation("relu"), *_conv_norm()]
        layers += [Residual(path)] if kind == "residual" else [*path, Activation("relu")]
    layers += [GlobalAvgPool2D(), Dense(10)]
    return Sequential(layers, input_shape=(8, 8, 1), name=kind, seed=seed, dtype=np.float64)


def _conv_norm(stride: int = 1) -> list[Layer]:
    convolution = Conv2D(_CHANNELS, 3, stride=stride, padding=1, bias=False, initializer="he_normal")
    return [convolution, BatchNorm()]


def _train(kind: str, depth: int, seed: int, count: int, epochs: int) -> tuple[float, float]:
    images, labels = digits()
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    x, y = images[chosen, ..., np.newaxis].astype(np.float64), labels[chosen]
    network = deep_network(kind, depth, seed)
    network.loss_and_gradients(x, y)
    gradient = float(np.linalg.norm(network.grads["conv2d/w"]))
    optimizer = SGD(0.05, momentum=0.9)
    history = network.fit(x, y, epochs, 32, optimizer=optimizer, seed=seed, progress=False)
    return 1 - history.accuracy[-1], gradient


def _spread(values: Table) -> str:
    return f"{values.min():.0%}-{values.max():.0%}"


def with_identities(network: Sequential, extra: int) -> Sequential:
    """Return a deeper network that computes the same: `extra` identity convolutions behind the first layer.

    The first layer must be a Conv2D with ReLU: its outputs are not negative, so that ReLU leaves a copy of
    them as it is. The other layers, and all weights, are copied. Raises ShapeError for another first layer.
    """
    first, *rest = network.layers
    if not isinstance(first, Conv2D) or first.activation is None or first.activation.function != "relu":
        raise ShapeError(f"the first layer is {first.kind}; expected Conv2D with activation='relu'")
    channels = first.out_channels
    copies = [Conv2D(channels, 3, padding=1, activation="relu") for _ in range(extra)]
    layers = [_fresh(first), *copies, *(_fresh(layer) for layer in rest)]
    deeper = Sequential(layers, network.input_shape, name="deeper", dtype=network.dtype)
    identity = np.zeros((3, 3, channels, channels), network.dtype)
    identity[1, 1] = np.eye(channels)
    for copy in copies:
        copy.put("w", identity)
        copy.put("b", np.zeros(channels))
    for old, new in zip(network.walk(), [deeper.layers[0], *deeper.layers[1 + extra :]], strict=True):
        for name, values in {**old.params, **old.state}.items():
            new.put(name, values)
    return deeper


def _fresh(layer: Layer) -> Layer:
    return type(layer)(**layer.config())


# ---- stacks of kernels


def composed_kernel(first: Array, second: Array) -> Array:
    """Return the one kernel that does what `first` and then `second` do, without a function between them.

    ``w[m, n, c, k] = sum of first[m1, n1, c, h] * second[m2, n2, h, k]`` over all h and all taps with
    m1 + m2 = m and n1 + n2 = n. Two kernels (KH, KW, C, F) of KH1 and KH2 rows give KH1 + KH2 - 1 rows.
    Raises ShapeError when `second` does not read as many channels as `first` writes.
    """
    if first.ndim != 4 or second.ndim != 4 or first.shape[3] != second.shape[2]:
        raise ShapeError(
            f"first is {first.shape} and second {second.shape}; expected (KH, KW, C, F) and (KH, KW, F, G)"
        )
    height, width = (a + b - 1 for a, b in zip(first.shape[:2], second.shape[:2], strict=True))
    both = np.zeros((height, width, first.shape[2], second.shape[3]), first.dtype)
    for row, column in np.ndindex(second.shape[:2]):
        part = both[row : row + first.shape[0], column : column + first.shape[1]]
        part += first @ second[row, column]
    return both


# ---- a small change of the picture


def fast_gradient_sign(network: Sequential, x: Array, labels: Array, size: float) -> Array:
    """Return `x` (N, ...) moved by `size` in every number, each in the direction that raises the loss.

    ``x + size * sign(dloss/dx)``, kept within [0, 1]. The network must end in softmax or in logits.
    Source: Goodfellow, Shlens & Szegedy, "Explaining and Harnessing Adversarial Examples" (2014).
    """
    probabilities_or_logits = network.forward(x)
    last = network.layers[-1]
    logits = last.z if last.activation is not None and last.z is not None else probabilities_or_logits
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    dz = shifted / shifted.sum(axis=1, keepdims=True)
    dz[np.arange(len(labels)), labels] -= 1
    gradient = last.backward_from_z(dz)
    for layer in reversed(network.layers[:-1]):
        gradient = layer.backward(gradient)
    moved: Array = np.clip(x + x.dtype.type(size) * np.sign(gradient), 0, 1)
    return moved
