"""What a network is made of: its layers built and named, what they count, and the table of them."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnnkit.errors import OptionError
from cnnkit.kernels.arguments import check_float
from cnnkit.layers.base import Layer, Shape
from cnnkit.layers.containers import shapes_through
from cnnkit.shapes import ReceptiveField, whole_number
from cnnkit.tables import Row, keras_table

Array = NDArray[Any]

_DRAWING = threading.RLock()


class Structure:
    """Layers in a row, built for one shape of input.

    Attributes:
        layers: the layers, built and named; containers among them hold further ones.
        input_shape: the shape of one example, for example (H, W, C).
        output_shapes: the shape of one output of every layer.
        dtype: float32 or float64, the type of all weights, and so of inputs and outputs.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Shape,
        *,
        name: str = "sequential",
        seed: int | np.random.Generator = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Build `layers` for examples of `input_shape`, with weights drawn from `seed` (or a Generator).

        An int's weights are drawn when one of them is first looked at; a Generator's at once, as it serves
        others too. Raises ShapeError, naming the layer, when a shape does not suit it; OptionError for no
        layers or one used twice; DTypeError for another `dtype` than float32 and float64.
        """
        if not layers:
            raise OptionError("layers is empty; expected at least one layer")
        self.name = name
        self.dtype = check_float(np.zeros(0, dtype), "dtype: the network").dtype
        self.input_shape = tuple(whole_number(size, "input_shape", least=1) for size in input_shape)
        self.layers = list(layers)
        _check_used_once(self.layers)
        _name_layers(self.layers)
        self.output_shapes = [output for *_, output in shapes_through(self.layers, self.input_shape)]
        for layer, shape, _ in shapes_through(self.layers, self.input_shape):
            layer.plan(shape, self.dtype)
        self._seed, self._drawn = seed, False
        for leaf in self.walk():
            leaf.draw_before_use(self._draw_weights)
        if isinstance(seed, np.random.Generator):
            self._draw_weights()

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.layers)} layers, {self.count_params():,} parameters>"

    def walk(self) -> Iterator[Layer]:
        """Yield every plain layer in order, those inside containers in the containers' places."""
        for layer in _all_layers(self.layers):
            if not layer.sublayers():
                yield layer

    def _draw_weights(self) -> None:
        # One thread draws, from the start: an interrupted drawing is repeated with the same numbers.
        with _DRAWING:
            if self._drawn:
                return
            rng = np.random.default_rng(self._seed)
            for leaf in self.walk():
                leaf.draw(rng)
            for leaf in self.walk():
                leaf.draw_before_use(None)
            self._drawn = True

    # ---- arrays ----

    @property
    def params(self) -> dict[str, Array]:
        """All trained arrays by name, such as ``"residual/conv2d_1/w"``: the arrays, not copies."""
        return {f"{layer.name}/{key}": array for layer in self.walk() for key, array in layer.params.items()}

    @property
    def grads(self) -> dict[str, Array]:
        """The gradients of the last `backward`, under the names of `params`."""
        return {f"{layer.name}/{key}": array for layer in self.walk() for key, array in layer.grads.items()}

    @property
    def state(self) -> dict[str, Array]:
        """All arrays that are kept but not trained, such as ``"batch_normalization/running_mean"``."""
        return {f"{layer.name}/{key}": array for layer in self.walk() for key, array in layer.state.items()}

    # ---- counting ----

    def count_params(self) -> int:
        """Return how many numbers the network learns."""
        return sum(layer.count_params() for layer in self.layers)

    def count_macs(self, input_shape: Shape | None = None) -> int:
        """Return the multiply-adds for one example, of the network's `input_shape` or of another one.

        Raises ShapeError when a layer cannot take that shape.
        """
        return sum(layer.count_macs(shape) for layer, shape, _ in self._shapes(input_shape))

    def count_activations(self, input_shape: Shape | None = None) -> int:
        """Return how many numbers one example leaves in memory: the outputs of all layers, without the input.

        An activation is counted with its layer, as it can work in place; what only rearranges (Flatten) or
        rests (Dropout) leaves nothing. Raises ShapeError when a layer cannot take `input_shape`.
        """
        return sum(layer.count_activations(shape) for layer, shape, _ in self._shapes(input_shape))

    def receptive_field(self, *, axis: int = 0) -> ReceptiveField:
        """Return what a unit of the last map sees of the input, along one axis (0 height, 1 width).

        The last map is that before the first layer that sees everything at once (Flatten, global pooling).
        Where paths merge, it is the smallest field that holds those of all paths. Raises OptionError when
        the first layer sees everything already, ShapeError for paths that do not fit together.
        """
        if axis not in (0, 1):
            raise OptionError(f"axis is {axis!r}; expected 0 for the height or 1 for the width")
        field: ReceptiveField | None = ReceptiveField(1, 1, 0)
        for position, (layer, shape, _) in enumerate(self._shapes(None)):
            above = layer.field_above(field, shape, axis)
            if above is None and position == 0:
                raise OptionError(f"the first layer, {layer.name}, sees the whole input at once")
            if above is None:
                break
            field = above
        return field or ReceptiveField(1, 1, 0)

    def summary(self, *, expand_nested: bool = True) -> None:
        """Print the table that Keras prints for the same model.

        A container's line counts all that is inside; the lines below it, indented, say where. `expand_nested`
        False leaves those out.
        """
        rows = list(_table_rows(self.layers, self.input_shape))
        shown = [row for row in rows if expand_nested or not row.depth]
        frozen = sum(layer.count_state() for layer in self.layers)
        print(keras_table(self.name, shown, bytes_per_number=self.dtype.itemsize, frozen=frozen))

    def _shapes(self, input_shape: Shape | None) -> Iterator[tuple[Layer, Shape, Shape]]:
        return shapes_through(self.layers, self.input_shape if input_shape is None else tuple(input_shape))


def _all_layers(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Yield every layer in order, a container before what is inside."""
    for layer in layers:
        yield layer
        yield from _all_layers(layer.sublayers())


def _check_used_once(layers: Sequence[Layer]) -> None:
    counts = Counter(id(layer) for layer in _all_layers(layers))
    for layer in _all_layers(layers):
        if counts[id(layer)] > 1:
            raise OptionError(
                f"a layer object ({layer.kind}) stands in the list twice; make a new one for each place"
            )


def _name_layers(layers: Sequence[Layer], above: str = "") -> None:
    """Name layers conv2d, conv2d_1, ... as Keras counts them, unless a name was chosen."""
    counts: Counter[str] = Counter()
    names: set[str] = set()
    for layer in layers:
        stem = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", layer.kind).lower()
        counted = f"{stem}_{counts[stem]}" if counts[stem] else stem
        counts[stem] += layer.own_name is None
        name = layer.own_name or counted
        if name in names:
            raise OptionError(f"two layers are named {name!r}; expected a name for each")
        names.add(name)
        layer.name = above + name
        for path, row in layer.paths().items():
            _name_layers(row, f"{layer.name}/{path}/" if path else f"{layer.name}/")


def _table_rows(
    layers: Sequence[Layer], input_shape: Shape, above: str = "", depth: int = 0
) -> Iterator[Row]:
    for layer, shape, output in shapes_through(layers, input_shape):
        # What lies inside shows its path from the container on: "shortcut/conv2d".
        name = layer.name.removeprefix(above)
        yield Row(name, layer.kind, output, layer.count_params() + layer.count_state(), depth)
        for row in layer.paths().values():
            yield from _table_rows(row, shape, f"{layer.name}/", depth + 1)
