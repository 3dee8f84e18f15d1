"""What a plan is made of: each step reads some of the plan's values and sets one.

A value is an activation of the network for the whole batch, (N, ...). Steps with a buffer write into the
array that stands at their target already; the others put a new array there.
"""

import copy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cnnkit import activations
from cnnkit.kernels import parallel as kernels
from cnnkit.kernels.arguments import Array
from cnnkit.kernels.parallel import PreparedConv2D
from cnnkit.kernels.parallel.few_rows import MOST_ROWS, dense_few_rows
from cnnkit.layers import BatchNorm, Dense, Layer

Values = list[Array]


class Step(Protocol):
    """One operation of a plan."""

    target: int

    @property
    def sources(self) -> tuple[int, ...]:
        """The values that it reads."""

    def __call__(self, values: Values) -> None:
        """Compute ``values[target]``."""


@dataclass
class _FromOne:
    source: int
    target: int

    @property
    def sources(self) -> tuple[int, ...]:
        """The values that it reads."""
        return (self.source,)


@dataclass
class Convolve(_FromOne):
    """A convolution with all that is fused into it: bias, batch norm, shortcut, ReLU, 2x2 max pooling."""

    prepared: PreparedConv2D
    shortcut: int | None = None

    @property
    def sources(self) -> tuple[int, ...]:
        """The values that it reads."""
        return (self.source,) if self.shortcut is None else (self.source, self.shortcut)

    def __call__(self, values: Values) -> None:
        """Set the target."""
        shortcut = None if self.shortcut is None else values[self.shortcut]
        self.prepared.run(values[self.source], values[self.target], shortcut)


@dataclass
class Connect(_FromOne):
    """A dense layer. Its weights are read where they are: each is used once, so packing would not pay."""

    layer: Dense

    def __call__(self, values: Values) -> None:
        """Set the target."""
        x, params = values[self.source], self.layer.params
        product = dense_few_rows if len(x) <= MOST_ROWS else kernels.dense
        y = product(x, params["w"], params.get("b"))
        if self.layer.activation is not None:
            y = activate(y, self.layer.activation.function)
        values[self.target] = y


@dataclass
class Normalize(_FromOne):
    """A batch norm with no convolution before it to fold it into."""

    layer: BatchNorm

    def __call__(self, values: Values) -> None:
        """Set the target."""
        layer, y = self.layer, values[self.target]
        inverse_std = 1 / np.sqrt(layer.state["running_var"] + y.dtype.type(layer.epsilon))
        np.subtract(values[self.source], layer.state["running_mean"], out=y)
        y *= layer.params["gamma"] * inverse_std
        y += layer.params["beta"]


@dataclass
class Activate(_FromOne):
    """An activation that could not be fused."""

    function: str

    def __call__(self, values: Values) -> None:
        """Set the target."""
        if self.function == "relu":
            np.maximum(values[self.source], 0, out=values[self.target])
        else:
            values[self.target] = getattr(activations, self.function)(values[self.source])


@dataclass
class Flat(_FromOne):
    """Every example as one row; nothing moves."""

    def __call__(self, values: Values) -> None:
        """Set the target."""
        x = values[self.source]
        values[self.target] = x.reshape(len(x), -1)


@dataclass
class Forward(_FromOne):
    """Any other layer, by its own ``forward``; `layer` is a `twin`."""

    layer: Layer

    def __call__(self, values: Values) -> None:
        """Set the target."""
        values[self.target] = self.layer.infer(values[self.source])


@dataclass
class Merge:
    """The end of a container: rows are added or their channels stacked."""

    rows: tuple[int, ...]
    target: int
    stacked: bool

    @property
    def sources(self) -> tuple[int, ...]:
        """The values that it reads."""
        return self.rows

    def __call__(self, values: Values) -> None:
        """Set the target."""
        parts, y = [values[row] for row in self.rows], values[self.target]
        if self.stacked:
            np.concatenate(parts, axis=-1, out=y)
        else:
            np.add(parts[0], parts[1], out=y)


def activate(z: Array, function: str) -> Array:
    """Return ``function(z)`` for an array `z` that nobody else reads, in place where that is possible."""
    if function == "relu":
        return np.maximum(z, 0, out=z)
    y: Array = getattr(activations, function)(z)
    return y


def twin(layer: Layer) -> Layer:
    """Return a layer with the same weights and a memory of its own.

    A layer's ``forward`` keeps what its ``backward`` will need. The engine must not disturb a training that
    goes on meanwhile, so it never calls the network's own layers. Arrays are shared, also when they are
    replaced later: they stand in dictionaries that both layers hold.
    """
    double = copy.copy(layer)
    for name, value in vars(layer).items():
        setattr(double, name, _twins(value))
    double.forget()
    return double


def _twins(value: Any) -> Any:
    if isinstance(value, Layer):
        return twin(value)
    if isinstance(value, list | tuple):
        parts = [_twins(item) for item in value]
        inside = any(part is not item for part, item in zip(parts, value, strict=True))
        return type(value)(parts) if inside else value
    return value
