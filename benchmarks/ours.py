"""Our own kernels, layers and engine."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

import cnnkit
from benchmarks import networks
from benchmarks.cases import (
    Case,
    Conv,
    ConvBackward,
    Dense,
    EngineMethod,
    MaxPool,
    Network,
    TrainingStep,
)
from benchmarks.timing import Array, Contender
from cnnkit.engine import InferenceEngine
from cnnkit.kernels import parallel
from cnnkit.optim import SGD

PREPARED, CALLED = "cnnkit", "cnnkit, one call"


class Ours:
    """cnnkit: prepared (weights packed once, as in a network), and as one call of the function."""

    columns = (PREPARED, CALLED)

    def __init__(self, threads: int) -> None:
        numba.set_num_threads(threads)
        self.version = f"{cnnkit.__version__} with NumPy {np.__version__}, Numba {numba.__version__}"
        self._engine = InferenceEngine(threads)

    def contenders(self, case: Case, dtype: str, arrays: Sequence[Array]) -> list[Contender]:
        """Return the ways in which we do `case`."""
        match case:
            case Conv():
                return self._convolution(case, arrays)
            case MaxPool():
                return [self._pooling(case, arrays[0])]
            case Dense():
                return self._dense(arrays)
            case ConvBackward():
                options = case.forward.options
                dy, x, w = arrays
                return [Contender(PREPARED, lambda: parallel.conv2d_backward(dy, x, w, **options), list)]
            case Network():
                network = networks.built(case.build, dtype)
                return [_one(PREPARED, lambda: self._engine.run(network, arrays[0]))]
            case TrainingStep():
                return [self._training(case, dtype, arrays)]
            case EngineMethod():
                return [self._method(case, arrays)]

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def _convolution(self, case: Conv, arrays: Sequence[Array]) -> list[Contender]:
        x, w, b = arrays
        prepared = parallel.PreparedConv2D(w, b, input_shape=x.shape[1:], **case.options)
        called = _one(CALLED, lambda: parallel.conv2d(x, w, b, **case.options))
        return [_one(PREPARED, lambda: prepared.run(x)), called]

    def _pooling(self, case: MaxPool, x: Array) -> Contender:
        return _one(
            PREPARED,
            lambda: parallel.max_pool2d(x, case.window, stride=case.stride, padding=case.padding),
        )

    def _dense(self, arrays: Sequence[Array]) -> list[Contender]:
        x, w, b = arrays
        prepared = parallel.PreparedDense(w, b)
        called = _one(CALLED, lambda: parallel.dense(x, w, b))
        return [_one(PREPARED, lambda: prepared.run(x)), called]

    def _training(self, case: TrainingStep, dtype: str, arrays: Sequence[Array]) -> Contender:
        network, optimizer = case.build(dtype), SGD(0.01, momentum=0.9)
        x, labels = arrays

        def step() -> Any:
            loss, _ = network.loss_and_gradients(x, labels)
            optimizer.step(network.params, network.grads)
            return loss

        return Contender(PREPARED, step, lambda loss: [np.asarray(loss)])

    def _method(self, case: EngineMethod, arrays: Sequence[Array]) -> Contender:
        engine, layer = self._engine, case.layer
        match layer:
            case Conv():
                x, w, b = arrays
                return _one(PREPARED, lambda: engine.forward_convolution_2d(x, w, b, layer.stride))
            case MaxPool():
                x = arrays[0]
                return _one(PREPARED, lambda: engine.forward_max_pooling_2d(x, layer.window, layer.stride))
            case Dense():
                x, w, b = arrays
                rows = np.ascontiguousarray(w.T)  # a row for each neuron, as the source has it
                return _one(PREPARED, lambda: engine.forward_dense(x, rows, b))


def _one(name: str, call: Any) -> Contender:
    return Contender(name, call, lambda result: [np.asarray(result)])


def library(threads: int) -> Ours:
    """Return our library, set to `threads`."""
    return Ours(threads)
