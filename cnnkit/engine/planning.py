"""From layers to steps: which layers are fused, and which value each step reads and writes.

============================================================  ====================================
layers in a row                                               becomes
============================================================  ====================================
Conv2D, BatchNorm, ReLU, MaxPool2D(2), each but the first     one convolution, all of it in its
optional; at the end of a Residual also sum and ReLU          store (batch norm in its weights)
Dense with its activation                                     a matrix product on the live weights
BatchNorm, Activation elsewhere                               one pass over a buffer
Flatten; Dropout                                              another view; nothing
Residual; Concat                                              its rows, then a sum; a copy
anything else, subclasses of the above included               a twin of the layer, by its forward
============================================================  ====================================
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnnkit.deploy.folding import fold_into
from cnnkit.engine import steps
from cnnkit.engine.weights import WeightWatch
from cnnkit.kernels.parallel import PreparedConv2D
from cnnkit.layers import (
    Activation,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    Residual,
    Shape,
)

_FUSED = (None, "relu")  # what a convolution can apply while it stores


@dataclass
class Chain:
    """A convolution and what follows it that can be computed with it.

    Attributes:
        conv: the convolution.
        norm: the batch norm behind it, if any.
        activation: the function behind that, if any.
        pool: 2 for a 2x2 max pooling behind that, else None.
        length: how many layers these are.
    """

    conv: Conv2D
    norm: BatchNorm | None = None
    activation: str | None = None
    pool: int | None = None
    length: int = 1


def chain_at(layers: Sequence[Layer]) -> Chain:
    """Return the longest chain at the beginning of `layers`, whose first is a Conv2D."""
    conv = layers[0]
    assert isinstance(conv, Conv2D)
    chain = Chain(conv, activation=_function(conv.activation))
    following = list(layers[1:3])
    if chain.activation is None and following and type(following[0]) is BatchNorm:
        chain.norm, chain.length = following[0], 2
        following = list(layers[2:3])
    if chain.activation is None and following and type(following[0]) is Activation:
        chain.activation = following[0].function
        chain.length += 1
    if chain.activation in _FUSED and _halves(layers[chain.length : chain.length + 1]):
        chain.pool = 2
        chain.length += 1
    return chain


class Planner:
    """Writes down the steps for rows of layers.

    Attributes:
        steps: the steps so far, in the order in which they run.
        shapes: the shape of one example of every value; value 0 is the input.
        buffered: the values that need a buffer.
        watch: the weights that were packed into steps.
    """

    def __init__(self, input_shape: Shape) -> None:
        self.steps: list[steps.Step] = []
        self.shapes: list[Shape] = [input_shape]
        self.buffered: set[int] = set()
        self.watch = WeightWatch()

    def row(self, layers: Sequence[Layer], value: int, *, plus: int | None = None) -> int:
        """Add the steps of `layers` on `value`; return their result's value.

        With `plus`, the last layers must be a convolution that can take the sum of a `Residual`; see
        `takes_sum`.
        """
        rest = [layer for layer in layers if type(layer) is not Dropout]
        while rest:
            if type(rest[0]) is Conv2D:
                chain = chain_at(rest)
                rest = rest[chain.length :]
                value = self._convolution(chain, value, None if rest else plus)
            else:
                value = self._layer(rest.pop(0), value)
        return value

    def _convolution(self, chain: Chain, value: int, plus: int | None) -> int:
        conv, norm = chain.conv, chain.norm
        w, b = conv.params["w"], conv.params.get("b")
        self.watch.add(conv.params)
        if norm is not None:
            w, b = fold_into(w, b, norm)
            self.watch.add(norm.params)
            self.watch.add(norm.state)
        fused = chain.activation in _FUSED
        height, width, channels = self.shapes[value]
        prepared = PreparedConv2D(
            w,
            b,
            input_shape=(height, width, channels),
            stride=conv.stride,
            padding=conv.padding,
            dilation=conv.dilation,
            groups=conv.groups,
            activation="relu" if chain.activation == "relu" else None,
            pool=chain.pool,
        )
        target = self._value(prepared.output_shape, buffered=True)
        self.steps.append(steps.Convolve(value, target, prepared, plus))
        return target if fused else self._activation(str(chain.activation), target)

    def _layer(self, layer: Layer, value: int) -> int:
        if type(layer) in (Residual, Concat):
            return self._container(layer, value)
        if type(layer) is Activation:
            return self._activation(layer.function, value)
        shape = layer.output_shape(self.shapes[value])
        target = self._value(shape, buffered=type(layer) is BatchNorm)
        step: steps.Step
        if type(layer) is Dense:
            step = steps.Connect(value, target, layer)
        elif type(layer) is BatchNorm:
            step = steps.Normalize(value, target, layer)
        elif type(layer) is Flatten:
            step = steps.Flat(value, target)
        else:
            step = steps.Forward(value, target, steps.twin(layer))
        self.steps.append(step)
        return target

    def _container(self, layer: Any, value: int) -> int:
        if type(layer) is Concat:
            ends = tuple(self.row(branch, value) for branch in layer.branches)
            return self._activation(_function(layer.activation), self._merge(ends, stacked=True))
        short = self.row(layer.shortcut, value)
        function = _function(layer.activation)
        if takes_sum(layer.layers) and function in _FUSED:
            return self.row(_with_relu(layer.layers, function), value, plus=short)
        main = self.row(layer.layers, value)
        return self._activation(function, self._merge((main, short), stacked=False))

    def _merge(self, ends: tuple[int, ...], *, stacked: bool) -> int:
        shape = self.shapes[ends[0]]
        if stacked:
            shape = (*shape[:-1], sum(self.shapes[end][-1] for end in ends))
        target = self._value(shape, buffered=True)
        self.steps.append(steps.Merge(ends, target, stacked))
        return target

    def _activation(self, function: str | None, value: int) -> int:
        if function is None:
            return value
        target = self._value(self.shapes[value], buffered=function == "relu")
        self.steps.append(steps.Activate(value, target, function))
        return target

    def _value(self, shape: Shape, *, buffered: bool) -> int:
        self.shapes.append(shape)
        value = len(self.shapes) - 1
        if buffered:
            self.buffered.add(value)
        return value


def takes_sum(layers: Sequence[Layer]) -> bool:
    """Tell whether a row ends in a convolution, perhaps with batch norm, and nothing else: a sum fits in."""
    kept = [layer for layer in layers if type(layer) is not Dropout]
    if kept and type(kept[-1]) is BatchNorm:
        kept.pop()
    last = kept[-1] if kept else None
    return type(last) is Conv2D and _function(last.activation) is None


def _with_relu(layers: Sequence[Layer], function: str | None) -> list[Layer]:
    return [*layers, Activation(function)] if function else list(layers)


def _function(activation: Activation | None) -> str | None:
    return None if activation is None else activation.function


def _halves(layers: Sequence[Layer]) -> bool:
    """Tell whether `layers` begins with a max pooling 2x2, stride 2, without padding and without overhang."""
    pool = layers[0] if layers else None
    return (
        type(pool) is MaxPool2D
        and (pool.kernel_size, pool.stride, pool.dilation) == ((2, 2), (2, 2), (1, 1))
        and pool.padding in ("valid", 0)
        and not pool.ceil_mode
    )
