"""A network prepared for inference: steps in order, and few buffers that its values take in turns."""

import math
import operator
from collections.abc import Iterator, Sequence

import numpy as np

from cnnkit.engine.planning import Planner
from cnnkit.kernels.arguments import Array
from cnnkit.kernels.parallel.region import plain
from cnnkit.layers import Layer
from cnnkit.network import Sequential

MEMORY = 1 << 26  # bytes of buffers that a batch may need before it is run in parts


class Plan:
    """The steps and buffers for one network; not safe to run from two threads at once.

    It holds the network's layers, not the network, so that the network can be collected.

    Attributes:
        steps: what is computed, in order.
        buffers: how many buffers the values share; two, taken in turns, for a plain row of layers.
        bytes_per_example: the size of all buffers for one example.
    """

    def __init__(self, network: Sequential) -> None:
        """Pack the weights of `network` as they are now."""
        planner = Planner(network.input_shape)
        self._result = planner.row(network.layers, 0)
        self._layers = list(_all_layers(network.layers))
        self._dtype, self._shapes, self._watch = network.dtype, planner.shapes, planner.watch
        self.steps = planner.steps
        self._buffer_of = assign_buffers(planner, self._result)
        self._sizes = self._buffer_sizes()
        self.buffers = len(self._sizes)
        self.bytes_per_example = sum(self._sizes) * self._dtype.itemsize
        self._values: list[Array] = []
        self._examples = -1  # how many examples the arrays in _values are for

    def fits(self, network: Sequential) -> bool:
        """Tell whether `network` still has the layers and the packed weights that it had."""
        layers = list(_all_layers(network.layers))
        same = len(layers) == len(self._layers) and all(map(operator.is_, layers, self._layers))
        return same and self._watch.unchanged()

    def run(self, x: Array) -> Array:
        """Return the network's output for `x` (N, ...), in parts when the buffers would grow too large."""
        y = np.empty((len(x), *self._shapes[self._result]), self._dtype)
        part = max(1, MEMORY // max(self.bytes_per_example, 1))
        for start in range(0, len(x), part):
            self._run_part(x[start : start + part], y[start : start + part])
        return y

    def _run_part(self, x: Array, y: Array) -> None:
        values = list(
            self._prepared_values(len(x))
        )  # a list of its own: what steps add does not outlive the run
        values[0] = plain(x)
        for step in self.steps:
            step(values)
        y[...] = values[self._result]

    def _prepared_values(self, examples: int) -> list[Array]:
        if examples != self._examples:
            buffers = [np.empty(examples * size, self._dtype) for size in self._sizes]
            nothing = np.empty(0, self._dtype)
            self._values = [nothing] * len(self._shapes)
            for value, buffer in self._buffer_of.items():
                shape = self._shapes[value]
                used = buffers[buffer][: examples * math.prod(shape)]
                self._values[value] = used.reshape(examples, *shape)
            self._examples = examples
        return self._values

    def _buffer_sizes(self) -> list[int]:
        sizes = [0] * (max(self._buffer_of.values(), default=-1) + 1)
        for value, buffer in self._buffer_of.items():
            sizes[buffer] = max(sizes[buffer], math.prod(self._shapes[value]))
        return sizes


def assign_buffers(planner: Planner, result: int) -> dict[int, int]:
    """Return a buffer for every value that needs one: a buffer is free again after its value's last reader.

    A step may hand on its source as another view (Flatten) or keep it (a layer's twin), so a value counts as
    read for as long as anything computed from it without a buffer is.
    """
    last_read = _last_reads(planner, result)
    free: list[int] = []
    taken: dict[int, int] = {}
    for position, step in enumerate(planner.steps):
        if step.target in planner.buffered:
            taken[step.target] = free.pop() if free else len(taken_buffers(taken))
        done = [value for value in taken if last_read[value] == position]
        free += [taken[value] for value in done]
    return taken


def taken_buffers(taken: dict[int, int]) -> set[int]:
    """Return the buffers that have been handed out so far."""
    return set(taken.values())


def _last_reads(planner: Planner, result: int) -> dict[int, int]:
    """Return the position of the last step that reads each value, directly or through a view of it."""
    end = len(planner.steps)
    last = {result: end}
    for position in range(end - 1, -1, -1):
        step = planner.steps[position]
        through = position if step.target in planner.buffered else last.get(step.target, position)
        for source in step.sources:
            last[source] = max(last.get(source, -1), through)
    return last


def _all_layers(layers: Sequence[Layer]) -> Iterator[Layer]:
    for layer in layers:
        yield layer
        yield from _all_layers(layer.sublayers())
