"""onnxruntime on graphs made here: one node for a layer, or a whole network with our weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks import networks
from benchmarks.cases import Case, Conv, Dense, MaxPool, Network
from benchmarks.contestants import Unsupported
from benchmarks.onnx_graph import Graph, add_row
from benchmarks.timing import Array, Contender

NAME = "onnxruntime"
OPSET = 17
IR_VERSION = 10
TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


class OnnxRuntime:
    """Sessions on the CPU with all of its graph optimisations; weights are constants, packed once."""

    columns = (NAME,)

    def __init__(self, threads: int) -> None:
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.log_severity_level = 3
        self.version = onnxruntime.__version__

    def contenders(self, case: Case, dtype: str, arrays: Sequence[Array]) -> list[Contender]:
        """Return the case as one session; raises Unsupported where an operator is missing."""
        x, graph = np.ascontiguousarray(_channels_first(arrays[0])), Graph(dtype)
        match case:
            case Conv():
                result = graph.conv("x", arrays[1], arrays[2], case.stride, case.kernel // 2, case.groups)
            case MaxPool():
                result = graph.max_pool("x", case.window, case.stride, case.padding)
            case Dense():
                result = graph.dense("x", arrays[1], arrays[2])
            case Network():
                network = networks.built(case.build, dtype)
                result = add_row(graph, "x", network.layers, network.input_shape)
            case _:
                raise Unsupported("has no gradients in this build")
        session = self._session(graph, x, result)
        return [
            Contender(NAME, lambda: session.run(None, {"x": x}), lambda results: [_channels_last(results[0])])
        ]

    def close(self) -> None:
        """Hold nothing."""

    def _session(self, graph: Graph, x: Array, result: str) -> Any:
        kind = TYPES[str(x.dtype)]
        inputs = [helper.make_tensor_value_info("x", kind, x.shape)]
        outputs = [helper.make_tensor_value_info(result, kind, None)]
        constants = [numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
        made = helper.make_graph(graph.nodes, "case", inputs, outputs, constants)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        try:
            return onnxruntime.InferenceSession(
                _serialised(model), self._options, providers=["CPUExecutionProvider"]
            )
        except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented as error:
            raise Unsupported(f"has no {x.dtype} kernel for an operator of this case") from error


def library(threads: int) -> OnnxRuntime:
    """Return onnxruntime, set to `threads`."""
    return OnnxRuntime(threads)


def _serialised(model: onnx.ModelProto) -> bytes:
    data: bytes = model.SerializeToString()
    return data


def _channels_first(array: Array) -> Array:
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def _channels_last(array: Array) -> Array:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
