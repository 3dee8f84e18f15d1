"""A graph in ONNX's words, node by node, from our layers and their weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import helper

from benchmarks.contestants import Unsupported
from benchmarks.networks import rows_channels_first
from benchmarks.timing import Array
from cnnkit import layers


class Graph:
    """Nodes and constants; every method adds a node and returns the name of its result."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add one node."""
        result = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [result], **attributes))
        return result

    def constant(self, array: Array) -> str:
        """Add an array."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def conv(self, x: str, w: Array, b: Array | None, stride: Any, padding: int, groups: int) -> str:
        """Add a convolution with our weights (KH, KW, C, F)."""
        weights = [self.constant(w.transpose(3, 2, 0, 1)), *([] if b is None else [self.constant(b)])]
        return self.add("Conv", x, *weights, strides=_pair(stride), pads=[padding] * 4, group=groups)

    def max_pool(self, x: str, window: Any, stride: Any, padding: int) -> str:
        """Add a max pooling."""
        sizes = {"kernel_shape": _pair(window), "strides": _pair(stride)}
        return self.add("MaxPool", x, pads=[padding] * 4, **sizes)

    def dense(self, x: str, w: Array, b: Array) -> str:
        """Add a dense layer with our weights (inputs, outputs)."""
        return self.add("Gemm", x, self.constant(w), self.constant(b))


def add_row(graph: Graph, x: str, row: Sequence[Any], shape: tuple[int, ...]) -> str:
    """Add a row of layers that reads `x`, examples of `shape`; return the name of its result."""
    maps: tuple[int, ...] = ()
    for layer in row:
        x = _add_layer(graph, x, layer, shape, maps)
        maps = shape if isinstance(layer, layers.Flatten) else ()
        shape = layer.output_shape(shape)
    return x


def _add_layer(graph: Graph, x: str, layer: Any, shape: tuple[int, ...], maps: tuple[int, ...]) -> str:
    match layer:
        case layers.Conv2D():
            w, b = layer.params["w"], layer.params.get("b")
            return _activated(graph, graph.conv(x, w, b, layer.stride, _cells(layer), layer.groups), layer)
        case layers.Dense():
            w = rows_channels_first(layer.params["w"], maps)
            return _activated(graph, graph.dense(x, w, layer.params["b"]), layer)
        case layers.BatchNorm():
            arrays = (*layer.params.values(), layer.state["running_mean"], layer.state["running_var"])
            return graph.add("BatchNormalization", x, *map(graph.constant, arrays), epsilon=layer.epsilon)
        case layers.Activation():
            return graph.add("Relu", x)
        case layers.MaxPool2D():
            return graph.max_pool(x, layer.window, layer.stride, _cells(layer))
        case layers.GlobalAvgPool2D():
            return graph.add("Flatten", graph.add("GlobalAveragePool", x))
        case layers.Flatten():
            return graph.add("Flatten", x)
        case layers.Dropout():
            return x
        case layers.Residual():
            main, shortcut = (add_row(graph, x, row, shape) for row in (layer.layers, layer.shortcut))
            return _activated(graph, graph.add("Add", main, shortcut), layer)
    raise Unsupported(f"no operator for {layer.kind}")


def _activated(graph: Graph, x: str, layer: Any) -> str:
    if layer.activation is None:
        return x
    if layer.activation.function == "softmax":
        return graph.add("Softmax", x, axis=1)
    return graph.add("Relu", x)


def _cells(layer: Any) -> int:
    """Return the padding of a layer, the same on all sides; raises Unsupported for another."""
    if layer.padding == "valid":
        return 0
    if isinstance(layer.padding, int):
        return layer.padding
    raise Unsupported(f"no operator for padding {layer.padding!r}")


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)
