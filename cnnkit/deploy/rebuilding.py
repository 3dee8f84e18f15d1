"""Making a new network out of an old one, row by row, without touching the old one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cnnkit.kernels.arguments import Array
from cnnkit.layers import Layer
from cnnkit.layers.base import restore
from cnnkit.network import Sequential

Weights = Mapping[str, Array]
Built = tuple[Layer, Weights]
"""A new layer, not built yet, and the arrays that it shall hold."""
Rewrite = Callable[[Sequence[Layer]], Sequence[Built]]


def rebuild(network: Sequential, rewrite: Rewrite) -> Sequential:
    """Return a new network with every row of layers, also those inside containers, put through `rewrite`.

    `rewrite` gets a row's old layers and returns new ones with their weights; `same` makes a plain copy.
    """
    filled: list[Built] = []

    def new_row(layers: Sequence[Layer]) -> list[Layer]:
        row = []
        for old_or_new, weights in rewrite(layers):
            layer = with_rows(old_or_new, new_row) if old_or_new.sublayers() else old_or_new
            filled.append((layer, weights))
            row.append(layer)
        return row

    layers = new_row(network.layers)
    new = Sequential(layers, network.input_shape, name=network.name, dtype=network.dtype)
    for layer, weights in filled:
        for name, values in weights.items():
            layer.put(name, values)
    return new


def same(layer: Layer) -> Built:
    """Return a fresh layer like `layer` and its weights; a container is rebuilt later."""
    if layer.sublayers():
        return layer, {}
    return restore(layer.describe()), {**layer.params, **layer.state}


def with_rows(container: Layer, new_row: Callable[[Sequence[Layer]], list[Layer]]) -> Layer:
    """Return a container like `container` whose rows are made by `new_row`."""

    def made(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if value and isinstance(value[0], list):
            return [new_row(row) for row in value]
        return new_row(value) if all(isinstance(item, Layer) for item in value) else value

    arguments = Layer.config(container)  # the rows themselves; a container's own config describes them
    return type(container)(**{name: made(value) for name, value in arguments.items()})
