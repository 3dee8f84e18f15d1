"""Containers: layers that hold rows of layers, side by side. With them, networks part and merge."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers.base import ActivatedLayer, Array, Layer, Shape
from cnnkit.shapes import ReceptiveField

Row = Layer | Sequence[Layer]
Run = Callable[[Layer, Array], Array]


class Container(ActivatedLayer):
    """Rows of layers that all read the same input, and a way to merge what they return."""

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare the weights of all layers inside."""
        self.output_shape(input_shape)
        for layer, shape, _ in self._shapes(input_shape):
            layer.plan(shape, dtype)

    def draw(self, rng: np.random.Generator) -> None:
        """Draw the weights of all layers inside, row by row."""
        for layer in self.sublayers():
            layer.draw(rng)

    def count_params(self) -> int:
        """Return how many numbers the layers inside learn."""
        return sum(layer.count_params() for layer in self.sublayers())

    def count_state(self) -> int:
        """Return how many numbers the layers inside keep without learning them by gradient."""
        return sum(layer.count_state() for layer in self.sublayers())

    def count_macs(self, input_shape: Shape) -> int:
        """Return the multiply-adds of all layers inside."""
        return sum(layer.count_macs(shape) for layer, shape, _ in self._shapes(input_shape))

    def count_activations(self, input_shape: Shape) -> int:
        """Return the numbers that the layers inside leave, and those of the merged result."""
        inside = sum(layer.count_activations(shape) for layer, shape, _ in self._shapes(input_shape))
        return inside + super().count_activations(input_shape)

    def field_above(
        self, below: ReceptiveField | None, input_shape: Shape, axis: int
    ) -> ReceptiveField | None:
        """Return the smallest field that holds those of all rows: the largest, where they share a centre.

        Raises ShapeError when rows merge with different jumps: then no fixed shift fits their maps together.
        """
        ends = [field_through(row, below, input_shape, axis) for row in self.paths().values()]
        fields = [end for end in ends if end is not None]
        if len(fields) < len(ends):
            return None
        jumps = sorted({field.jump for field in fields})
        if len(jumps) > 1:
            raise ShapeError(f"{self._title}: rows merge with jumps {jumps}; expected one for all")
        start = min(field.start for field in fields)
        end = max(field.start + field.size for field in fields)
        return ReceptiveField(end - start, jumps[0], start)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(merged results of all rows)."""
        return self._through(x, lambda layer, value: layer.forward(value, training=training))

    def infer(self, x: Array) -> Array:
        """Return ``forward(x)`` and keep nothing of it."""
        y = self._through(x, lambda layer, value: layer.infer(value))
        self.forget()
        return y

    def trace(self, x: Array, results: dict[str, Array]) -> Array:
        """Return ``forward(x)``; add what all layers inside return, then the merged result, to `results`."""
        y = self._through(x, lambda layer, value: layer.trace(value, results))
        self._record(y, results)
        return y

    def forget(self) -> None:
        """Drop what the last ``forward`` kept, here and inside."""
        super().forget()
        for layer in self.sublayers():
            layer.forget()

    def backward_from_z(self, dz: Array) -> Array:
        """Return dx, the sum of what the rows send back."""
        pairs = zip(self.paths().values(), self._part(dz), strict=True)
        dx = None
        for row, dy in pairs:
            for layer in reversed(row):
                dy = layer.backward(dy)
            dx = dy if dx is None else dx + dy
        if dx is None:
            raise OptionError(f"{self._title} has no rows; expected at least one")
        return dx

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, JSON-able; a layer inside as its `describe`."""
        return {name: _described(value) for name, value in super().config().items()}

    def _through(self, x: Array, run: Run) -> Array:
        results = []
        for row in self.paths().values():
            value = x
            for layer in row:
                value = run(layer, value)
            results.append(value)
        return self._activated(self._merge(results))

    def _shapes(self, input_shape: Shape) -> Iterator[tuple[Layer, Shape, Shape]]:
        for row in self.paths().values():
            yield from shapes_through(row, input_shape)

    def _ends(self, input_shape: Shape) -> list[Shape]:
        return [end_shape(row, input_shape) for row in self.paths().values()]

    def _merge(self, results: list[Array]) -> Array:
        raise NotImplementedError

    def _part(self, dz: Array) -> list[Array]:
        raise NotImplementedError


class Residual(Container):
    """A block with a skip connection, ``y = f(F(x) + S(x))``: F the `layers`, S the `shortcut`.

    Without a shortcut S is the identity, and F must keep the shape; a projection such as
    ``Conv2D(64, 1, stride=2)`` changes both alike. `activation` None is the pre-activation design.
    Source: He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition" (2015), equations 1 and 2.
    """

    kind = "Residual"

    def __init__(self, layers: Row, shortcut: Row | None = None, activation: str | None = "relu") -> None:
        """Raise OptionError for no layers."""
        super().__init__(activation)
        self.layers = _row(layers)
        self.shortcut = [] if shortcut is None else _row(shortcut)
        if not self.layers:
            raise OptionError("layers is empty; expected at least one layer beside the shortcut")

    def paths(self) -> dict[str, list[Layer]]:
        """Return the main row under "" and the shortcut under its name."""
        return {"": self.layers, "shortcut": self.shortcut}

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that both rows have. Raises ShapeError when they differ."""
        main, short = self._ends(input_shape)
        if main != short:
            hint = "" if self.shortcut else f", for example shortcut=Conv2D({main[-1]}, 1) with their stride"
            raise ShapeError(
                f"the layers turn {input_shape} into {main} and the shortcut into {short}; "
                f"they are added, so expected the same shape{hint}"
            )
        return main

    def _merge(self, results: list[Array]) -> Array:
        main, short = results
        return main + short

    def _part(self, dz: Array) -> list[Array]:
        return [dz, dz]


class Concat(Container):
    """Branches that read the same input; their channels are stacked. An empty branch is the identity.

    Source: Szegedy et al., "Going Deeper with Convolutions" (2014), figure 2; Huang et al., "Densely
    Connected Convolutional Networks" (2016).
    """

    kind = "Concat"

    def __init__(self, branches: Sequence[Row]) -> None:
        """Raise OptionError for no branches."""
        super().__init__()
        self.branches = [_row(branch) for branch in branches]
        if not self.branches:
            raise OptionError("branches is empty; expected at least one")

    def paths(self) -> dict[str, list[Layer]]:
        """Return the branches as "branch_0", "branch_1", ..."""
        return {f"branch_{number}": branch for number, branch in enumerate(self.branches)}

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the branches' shape with their channels added up. Raises ShapeError when they do not fit."""
        ends = self._ends(input_shape)
        if len({end[:-1] for end in ends}) > 1:
            raise ShapeError(
                f"the branches turn {input_shape} into {', '.join(map(str, ends))}; expected the same size, "
                "because only channels are stacked (a padding of 'same' keeps the size)"
            )
        return *ends[0][:-1], sum(end[-1] for end in ends)

    def _merge(self, results: list[Array]) -> Array:
        self._kept = np.cumsum([result.shape[-1] for result in results])[:-1]
        return np.concatenate(results, axis=-1)

    def _part(self, dz: Array) -> list[Array]:
        return [np.ascontiguousarray(part) for part in np.split(dz, self._remembered(), axis=-1)]


def shapes_through(row: Sequence[Layer], input_shape: Shape) -> Iterator[tuple[Layer, Shape, Shape]]:
    """Yield every layer of a row with its input's and its output's shape.

    Raises ShapeError (or OptionError) that names the layer whose input does not suit it.
    """
    for position, layer in enumerate(row):
        try:
            output_shape = layer.output_shape(input_shape)
        except ShapeError as error:
            raise type(error)(f"layer {position} ({layer.name or layer.kind}): {error}") from None
        yield layer, input_shape, output_shape
        input_shape = output_shape


def end_shape(row: Sequence[Layer], input_shape: Shape) -> Shape:
    """Return the shape behind the last layer of a row; that of the input for an empty one."""
    ends = [end for *_, end in shapes_through(row, input_shape)]
    return ends[-1] if ends else input_shape


def field_through(
    row: Sequence[Layer], below: ReceptiveField | None, input_shape: Shape, axis: int
) -> ReceptiveField | None:
    """Return what a unit behind the last layer of a row sees; None is everything."""
    for layer, shape, _ in shapes_through(row, input_shape):
        below = layer.field_above(below, shape, axis)
    return below


def _described(value: Any) -> Any:
    if isinstance(value, list):
        return [_described(part) for part in value]
    return value.describe() if isinstance(value, Layer) else value


def _row(layers: Row) -> list[Layer]:
    row = [layers] if isinstance(layers, Layer) else list(layers)
    for layer in row:
        if not isinstance(layer, Layer):
            raise OptionError(f"a layer is {layer!r}; expected a Layer, such as Conv2D(64, 3)")
    return row
