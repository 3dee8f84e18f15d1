"""A small network taken apart into what a learner sees of it: stages with maps, and a unit's arithmetic."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError
from cnnkit.kernels.geometry import Geometry, conv_geometry
from cnnkit.layers import Activation, AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from cnnkit.layers.base import Layer
from cnnkit.network import Sequential
from cnnkit.shapes import ReceptiveField
from cnnkit.widgets.sliding import enclosed, number

Array = NDArray[Any]
Fields = tuple[ReceptiveField, ReceptiveField]
Off = Iterable[Sequence[int]]

FEW_PRODUCTS = 9
FUNCTION_NAMES = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "elu": "ELU", "leaky_relu": "leaky ReLU"}


@dataclass(frozen=True)
class Stage:
    """Layers that a learner sees as one: a convolution, pooling or dense layer with what belongs to it.

    Attributes:
        name: such as "conv 1".
        about: what it does, and the size of its result.
        layers: in order; `main` is the convolution, pooling or dense layer among them.
        source: (H, W, C) of the maps that it reads; a vector has one cell a map.
        shape: (H, W, C) of its own maps.
        geometry: how its window moves; None when it reads everything.
        fields: what its units see of the input, along rows and columns; None when that is everything.
    """

    name: str
    about: str
    layers: tuple[Layer, ...]
    main: Layer
    source: tuple[int, int, int]
    shape: tuple[int, int, int]
    geometry: Geometry | None
    fields: Fields | None

    @property
    def pools(self) -> bool:
        """Whether it is a pooling: every map is computed from the map of the same number alone."""
        return isinstance(self.main, (MaxPool2D, AvgPool2D))

    @property
    def functions(self) -> list[str]:
        """What happens to the main layer's sums, as the learner reads it."""
        own = [] if self.main.activation is None else [self.main.activation]
        rest = self.layers[self.layers.index(self.main) + 1 :]
        return [name for layer in (*own, *rest) if (name := _function_name(layer))]


def take_apart(network: Sequential) -> list[Stage]:
    """Return the stages of a network of images (H, W, C).

    Raises OptionError when it holds other layers than Conv2D, MaxPool2D, AvgPool2D, Dense, Flatten, Dropout,
    BatchNorm and Activation, or begins with none of the first four.
    """
    groups: list[list[Layer]] = [[]]
    waiting: list[Layer] = []  # what rearranges belongs to the stage that reads it
    for layer in network.layers:
        if isinstance(layer, (Conv2D, MaxPool2D, AvgPool2D, Dense)):
            groups.append([*waiting, layer])
            waiting = []
        elif isinstance(layer, (Flatten, Dropout)):
            waiting.append(layer)
        elif isinstance(layer, (BatchNorm, Activation)):
            groups[-1].append(layer)
        else:
            kinds = "a row of convolutions, poolings and dense layers"
            raise OptionError(f"the network holds {layer.name}, a {layer.kind}; expected {kinds}")
    if groups[0]:
        raise OptionError(
            f"the network begins with {groups[0][0].name}; expected a layer with weights or a pooling"
        )
    return _staged(groups[1:], network.input_shape)


def _staged(groups: Sequence[Sequence[Layer]], shape: tuple[int, ...]) -> list[Stage]:
    stages: list[Stage] = []
    fields: tuple[Any, ...] = (ReceptiveField(1, 1, 0), ReceptiveField(1, 1, 0))
    counts = {"conv": 0, "pool": 0, "dense": 0}
    for group in groups:
        source = shape
        for layer in group:
            fields = tuple(layer.field_above(field, shape, axis) for axis, field in enumerate(fields))
            shape = layer.output_shape(shape)
        main = next(layer for layer in group if isinstance(layer, (Conv2D, MaxPool2D, AvgPool2D, Dense)))
        kind = "conv" if isinstance(main, Conv2D) else "dense" if isinstance(main, Dense) else "pool"
        counts[kind] += 1
        stage = Stage(
            name="output" if group is groups[-1] else f"{kind} {counts[kind]}",
            about="",
            layers=tuple(group),
            main=main,
            source=_as_maps(source),
            shape=_as_maps(shape),
            geometry=_geometry(main, source),
            fields=None if None in fields else (fields[0], fields[1]),
        )
        stages.append(Stage(**{**stage.__dict__, "about": _about(stage)}))
    return stages


def _as_maps(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return (1, 1, shape[0]) if len(shape) == 1 else (shape[0], shape[1], shape[2])


def _geometry(main: Layer, source: tuple[int, ...]) -> Geometry | None:
    if isinstance(main, Dense):
        return None
    assert isinstance(main, (Conv2D, MaxPool2D, AvgPool2D))
    ceil_mode = getattr(main, "ceil_mode", False)
    return conv_geometry(
        source[:2], main.kernel_size, main.stride, main.padding, main.dilation, ceil_mode=ceil_mode
    )


def _about(stage: Stage) -> str:
    rows, columns, channels = stage.shape
    if stage.geometry is None:
        parts = [f"{channels} units", *stage.functions]
        return ", ".join(parts)
    high, wide = stage.geometry.kernel_size
    kind = "" if not stage.pools else "maximum of " if isinstance(stage.main, MaxPool2D) else "mean of "
    parts = [f"{kind}{high} × {wide}", *stage.functions, f"{channels} maps of {rows} × {columns}"]
    return ", ".join(parts)


def _function_name(layer: Layer) -> str:
    if isinstance(layer, BatchNorm):
        return "batch norm"
    return FUNCTION_NAMES.get(layer.function, layer.function) if isinstance(layer, Activation) else ""


# ---- running


def run(stages: Sequence[Stage], x: Array, off: Off = ()) -> list[Array]:
    """Return `x` (N, H, W, C) and every stage's result for it, each (N, H, W, C).

    `off` holds (layer, channel) of maps that pass on zeros; layer 1 is the first stage.
    """
    results, value = [x], x
    for number_, stage in enumerate(stages, start=1):
        for layer in stage.layers:
            value = layer.infer(value)
        dark = [channel for layer_number, channel in off if layer_number == number_]
        if dark:
            value = value.copy()
            value[..., dark] = 0
        results.append(value.reshape(len(x), *stage.shape))
    return results


def one_off(stages: Sequence[Stage], layer: int, maps: Array, off: Off = ()) -> Array:
    """Return the network's output (C, outputs) when each one of a layer's `maps` (H, W, C) is off, alone.

    `off` holds further (layer, channel) that pass on zeros.
    """
    channels = maps.shape[2]
    batch = np.repeat(maps[np.newaxis], channels, axis=0)
    batch[np.arange(channels), :, :, np.arange(channels)] = 0
    if maps.shape[0] * maps.shape[1] == 1:
        batch = batch.reshape(channels, channels)  # a vector, as the next layer takes it
    rest = [(number_ - layer, channel) for number_, channel in off]
    return run(stages[layer:], batch, rest)[-1].reshape(channels, -1)


def shifted(x: Array, shifts: Sequence[tuple[int, int]]) -> Array:
    """Return `x` (H, W, C) moved by each of `shifts` (down, right), (N, H, W, C); zeros move in."""
    reach = max(abs(by) for shift in shifts for by in shift)
    height, width = x.shape[:2]
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)))
    return np.stack(
        [
            padded[reach - rows : reach - rows + height, reach - columns : reach - columns + width]
            for rows, columns in shifts
        ]
    )


# ---- one unit


@dataclass(frozen=True)
class Arithmetic:
    """How one unit comes about.

    Attributes:
        window: what it reads, (KH, KW, C); -inf is padding of a maximum.
        weights: by what each value is multiplied, (KH, KW, C); pooling: 1 for the winner, or 1/count.
        bias: what is added; 0 for pooling.
        first: index of the first channel of `window` among the maps that the stage reads.
    """

    window: Array
    weights: Array
    bias: float
    first: int

    @property
    def products(self) -> Array:
        """Each value times its weight, (KH, KW, C)."""
        return np.where(self.weights != 0, self.window, 0).astype(np.float64) * self.weights

    @property
    def total(self) -> float:
        """The sum of all products and the bias."""
        return float(self.products.sum()) + self.bias


def arithmetic(stage: Stage, source: Array, place: tuple[int, int, int]) -> Arithmetic:
    """Return how the unit (row, column, channel) of a stage comes about from `source` (H, W, C)."""
    row, column, channel = place
    if stage.geometry is None:
        return _dense_arithmetic(stage, source, channel)
    lowest = -np.inf if isinstance(stage.main, MaxPool2D) else 0.0
    window = _window(stage.geometry, source, (row, column), lowest)
    if not stage.pools:
        return _conv_arithmetic(stage, window, channel)
    own = window[..., channel : channel + 1]
    weights = np.zeros(own.shape)
    if isinstance(stage.main, MaxPool2D):
        weights.flat[int(own.argmax())] = 1
    else:
        inside = _window(stage.geometry, np.ones_like(source), (row, column), 0.0)[..., :1]
        weights = inside / (inside.size if stage.main.count_include_pad else inside.sum())  # type: ignore[attr-defined]
    return Arithmetic(own, weights, 0.0, channel)


def _window(geometry: Geometry, source: Array, unit: tuple[int, int], outside: float) -> Array:
    pads = (*geometry.padding, (0, 0))
    padded = np.pad(source.astype(np.float64), pads, constant_values=outside)
    rows, columns = (
        unit[axis] * geometry.stride[axis] + np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis]
        for axis in (0, 1)
    )
    window: Array = padded[np.ix_(rows, columns)]
    return window


def _conv_arithmetic(stage: Stage, window: Array, channel: int) -> Arithmetic:
    assert isinstance(stage.main, Conv2D)
    w = stage.main.params["w"]
    bias = float(stage.main.params["b"][channel]) if "b" in stage.main.params else 0.0
    first = channel // (w.shape[3] // stage.main.groups) * w.shape[2]
    return Arithmetic(
        window[..., first : first + w.shape[2]], w[..., channel].astype(np.float64), bias, first
    )


def _dense_arithmetic(stage: Stage, source: Array, channel: int) -> Arithmetic:
    params = stage.main.params
    shape = source.shape if source.shape[0] * source.shape[1] > 1 else (*_near_square(source.size), 1)
    bias = float(params["b"][channel]) if "b" in params else 0.0
    weights = params["w"][:, channel].astype(np.float64).reshape(shape)
    return Arithmetic(source.astype(np.float64).reshape(shape), weights, bias, 0)


def _near_square(count: int) -> tuple[int, int]:
    """Return (rows, columns) of a full rectangle of `count` cells that is as square as can be."""
    rows = max(n for n in range(1, math.isqrt(count) + 1) if count % n == 0)
    return rows, count // rows


def equation(stage: Stage, sums: Arithmetic, value: float) -> str:
    """Return the arithmetic of a unit as sentences, `value` being what the stage returns for it."""
    if stage.pools:
        return _pooling_text(stage, sums, value)
    products = sums.products[sums.products != 0]
    if not products.size:
        bias = number(sums.bias)
        text = f"All {sums.weights.size} products are 0; with the bias {bias}, z = {number(sums.total)}."
    elif sums.weights.size <= FEW_PRODUCTS:
        factors = zip(sums.window.flat, sums.weights.flat, strict=True)
        terms = " + ".join(f"{number(round(x, 3))}·{enclosed(round(w, 3))}" for x, w in factors if x)
        text = f"z = {terms} + bias {enclosed(round(sums.bias, 3))} = {number(sums.total)}."
    else:
        plus, minus = float(products[products > 0].sum()), float(products[products < 0].sum())
        text = (
            f"{sums.weights.size} products: the positive ones sum to {number(plus)}, the negative ones to "
            f"{number(minus)}; with the bias {number(sums.bias)}, z = {number(sums.total)}."
        )
    return f"{text} {_function_text(stage, sums.total, value)}".strip()


def _pooling_text(stage: Stage, sums: Arithmetic, value: float) -> str:
    cells = [number(float(x)) for x in sums.window.flat if np.isfinite(x)]
    rule = "max" if isinstance(stage.main, MaxPool2D) else "mean"
    return f"{rule}({', '.join(cells)}) = {number(value)}."


def percent(share: float) -> str:
    """Return a probability as the learner reads it: never a false 0 or 100 %."""
    if share >= 0.9995:
        return "over 99.9 %"
    return "under 0.1 %" if share < 0.0005 else f"{100 * share:.1f} %"


def _function_text(stage: Stage, z: float, value: float) -> str:
    functions = stage.functions
    if not functions:
        return ""
    if functions == ["ReLU"]:
        return f"ReLU: max(0, {number(z)}) = {number(value)}."
    if functions == ["softmax"]:
        return f"softmax: exp(z) over the sum of all units' exp is {percent(value)}."
    return f"{' and '.join(functions)}: {number(value)}."
