"""Single ONNX operators run by onnxruntime: results that nobody here computed. Arrays are NHWC and HWIO."""

from functools import cache
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

_OPSET = 22
_IR_VERSION = 10


@cache
def _session(operator: str, inputs: int, attributes: tuple[tuple[str, Any], ...]) -> Any:
    names = [f"input{index}" for index in range(inputs)]
    node = helper.make_node(operator, names, ["y"], **dict(attributes))
    graph = helper.make_graph(
        [node],
        operator,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _run(operator: str, arrays: list[np.ndarray], **attributes: Any) -> np.ndarray:
    frozen = tuple(
        (name, tuple(value) if isinstance(value, (list, tuple)) else value)
        for name, value in attributes.items()
    )
    session = _session(operator, len(arrays), frozen)
    feeds = {f"input{index}": np.ascontiguousarray(array, np.float32) for index, array in enumerate(arrays)}
    (y,) = session.run(None, feeds)
    return np.moveaxis(y, 1, -1)


def _window(stride: Any, padding: Any, dilation: Any) -> dict[str, Any]:
    """ONNX orders pads as top, left, bottom, right; a word becomes auto_pad."""
    attributes: dict[str, Any] = {"strides": tuple(stride), "dilations": tuple(dilation)}
    if isinstance(padding, str):
        attributes["auto_pad"] = padding
    else:
        (top, bottom), (left, right) = padding
        attributes["pads"] = (top, left, bottom, right)
    return attributes


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray, *, groups: int = 1, **window: Any) -> np.ndarray:
    arrays = [np.moveaxis(x, -1, 1), w.transpose(3, 2, 0, 1), b]
    return _run("Conv", arrays, kernel_shape=w.shape[:2], group=groups, **_window(**window))


def conv2d_transpose(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, *, groups: int, output_padding: Any, **window: Any
) -> np.ndarray:
    arrays = [np.moveaxis(x, -1, 1), w.transpose(3, 2, 0, 1), b]
    return _run(
        "ConvTranspose",
        arrays,
        kernel_shape=w.shape[:2],
        group=groups,
        output_padding=tuple(output_padding),
        **_window(**window),
    )


def max_pool2d(x: np.ndarray, window: Any, *, ceil_mode: bool, **geometry: Any) -> np.ndarray:
    attributes = _window(**geometry)
    return _run(
        "MaxPool", [np.moveaxis(x, -1, 1)], kernel_shape=window, ceil_mode=int(ceil_mode), **attributes
    )


def avg_pool2d(
    x: np.ndarray, window: Any, *, ceil_mode: bool, count_include_pad: bool, **geometry: Any
) -> np.ndarray:
    return _run(
        "AveragePool",
        [np.moveaxis(x, -1, 1)],
        kernel_shape=window,
        ceil_mode=int(ceil_mode),
        count_include_pad=int(count_include_pad),
        **_window(**geometry),
    )


def depth_to_space(x: np.ndarray, factor: int) -> np.ndarray:
    return _run("DepthToSpace", [np.moveaxis(x, -1, 1)], blocksize=factor, mode="DCR")


def resize(x: np.ndarray, factor: int, mode: str) -> np.ndarray:
    """Enlarge by a whole factor with half-pixel centres; mode "nearest" or "linear"."""
    arrays = [np.moveaxis(x, -1, 1), np.zeros(0), np.array([1, 1, factor, factor])]
    return _run("Resize", arrays, mode=mode, coordinate_transformation_mode="half_pixel")


def batch_norm(x: np.ndarray, *statistics: np.ndarray, epsilon: float) -> np.ndarray:
    """Normalise by gamma, beta, mean and variance, each (C,)."""
    return _run("BatchNormalization", [np.moveaxis(x, -1, 1), *statistics], epsilon=epsilon)


def local_response_norm(x: np.ndarray, **options: Any) -> np.ndarray:
    return _run("LRN", [np.moveaxis(x, -1, 1)], **options)


def layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, *, epsilon: float) -> np.ndarray:
    y = _run("LayerNormalization", [x, gamma, beta], axis=-1, epsilon=epsilon)
    return np.moveaxis(y, -1, 1)  # the last axis stayed the last


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    return _run("GlobalAveragePool", [np.moveaxis(x, -1, 1)])[:, 0, 0]
