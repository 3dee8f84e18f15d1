"""PyTorch in eager mode, in both of its memory layouts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks import networks
from benchmarks.cases import Case, Conv, ConvBackward, Dense, MaxPool, Network, TrainingStep
from benchmarks.contestants import Unsupported
from benchmarks.timing import Array, Contender
from cnnkit import layers

FIRST, LAST = "PyTorch", "PyTorch NHWC"
FORMATS = {FIRST: torch.contiguous_format, LAST: torch.channels_last}


class PyTorch:
    """Calls under inference mode; gradients by the operator that autograd calls."""

    columns = (FIRST, LAST)

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self.version = str(torch.__version__)

    def contenders(self, case: Case, dtype: str, arrays: Sequence[Array]) -> list[Contender]:
        """Return the case in both layouts; a dense layer has only one."""
        if isinstance(case, Dense):
            return [_dense(arrays)]
        makers: dict[type, Callable[..., Contender]] = {
            Conv: _convolution,
            MaxPool: _pooling,
            ConvBackward: _backward,
            Network: _network,
            TrainingStep: _training,
        }
        if type(case) not in makers:
            raise Unsupported("is not compared with the source's engine")
        return [makers[type(case)](name, case, arrays) for name in FORMATS]

    def close(self) -> None:
        """Hold nothing."""


def library(threads: int) -> PyTorch:
    """Return PyTorch, set to `threads`."""
    return PyTorch(threads)


def _images(array: Array, name: str) -> torch.Tensor:
    """Return (N, H, W, C) as (N, C, H, W) in the layout called `name`."""
    tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))
    return tensor.contiguous(memory_format=FORMATS[name])


def _filters(array: Array, name: str) -> torch.Tensor:
    """Return (KH, KW, C, F) as (F, C, KH, KW) in the layout called `name`."""
    tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(3, 2, 0, 1)))
    return tensor.contiguous(memory_format=FORMATS[name])


def _numpy(tensor: torch.Tensor) -> Array:
    """Return images with channels last, anything else as it is."""
    array: Array = tensor.detach().numpy()
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def _quiet(function: Callable[[], Any]) -> Callable[[], Any]:
    return torch.inference_mode()(function)  # type: ignore[no-any-return]


def _convolution(name: str, case: Conv, arrays: Sequence[Array]) -> Contender:
    x, w, b = _images(arrays[0], name), _filters(arrays[1], name), torch.from_numpy(arrays[2])
    call = _quiet(lambda: functional.conv2d(x, w, b, **case.options))
    return Contender(name, call, lambda y: [_numpy(y)])


def _pooling(name: str, case: MaxPool, arrays: Sequence[Array]) -> Contender:
    x = _images(arrays[0], name)
    call = _quiet(lambda: functional.max_pool2d(x, case.window, case.stride, case.padding))
    return Contender(name, call, lambda y: [_numpy(y)])


def _dense(arrays: Sequence[Array]) -> Contender:
    x, w, b = (torch.from_numpy(np.ascontiguousarray(array.T)) for array in arrays)
    x = x.T.contiguous()
    return Contender(FIRST, _quiet(lambda: functional.linear(x, w, b)), lambda y: [_numpy(y)])


def _backward(name: str, case: ConvBackward, arrays: Sequence[Array]) -> Contender:
    dy, x, w = _images(arrays[0], name), _images(arrays[1], name), _filters(arrays[2], name)
    options = case.forward.options
    stride, padding, groups = [options["stride"]] * 2, [options["padding"]] * 2, options["groups"]
    geometry = (stride, padding, [1, 1], False, [0, 0], groups)
    call = _quiet(
        lambda: torch.ops.aten.convolution_backward(dy, x, w, [dy.shape[1]], *geometry, (True, True, True))
    )
    return Contender(
        name, call, lambda grads: [_numpy(grads[0]), grads[1].numpy().transpose(2, 3, 1, 0), grads[2].numpy()]
    )


def _network(name: str, case: Network, arrays: Sequence[Array]) -> Contender:
    ours = networks.built(case.build, str(arrays[0].dtype))
    model = module(ours).eval().to(memory_format=FORMATS[name])
    x = _images(arrays[0], name)
    softmax = ours.layers[-1].activation is not None
    call = _quiet(lambda: functional.softmax(model(x), dim=1) if softmax else model(x))
    return Contender(name, call, lambda y: [_numpy(y)])


def _training(name: str, case: TrainingStep, arrays: Sequence[Array]) -> Contender:
    model = module(case.build(str(arrays[0].dtype))).train().to(memory_format=FORMATS[name])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, labels = _images(arrays[0], name), torch.from_numpy(arrays[1])

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return Contender(name, step, lambda loss: [loss.detach().numpy()])


# ---- our network with the same weights -----------------------------------------------------------


class Sum(nn.Module):  # type: ignore[misc]
    """A residual block: two rows of modules, added, then ReLU."""

    def __init__(self, main: nn.Module, shortcut: nn.Module, relu: bool) -> None:
        super().__init__()
        self.main, self.shortcut, self.relu = main, shortcut, relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(main(x) + shortcut(x))."""
        y = self.main(x) + self.shortcut(x)
        return functional.relu(y, inplace=True) if self.relu else y


def module(network: Any) -> nn.Module:
    """Return `network` as a PyTorch module with the same weights, up to the logits."""
    return nn.Sequential(*_modules(network.layers, network.input_shape))


def _modules(row: Sequence[Any], shape: tuple[int, ...]) -> list[nn.Module]:
    made: list[nn.Module] = []
    maps: tuple[int, ...] = ()  # of the Flatten before, whose order of numbers differs
    for layer in row:
        made += _module(layer, shape, maps)
        maps = shape if isinstance(layer, layers.Flatten) else ()
        shape = layer.output_shape(shape)
    return made


def _module(layer: Any, shape: tuple[int, ...], maps: tuple[int, ...]) -> list[nn.Module]:
    """Return the modules that do what `layer` does on examples of `shape`."""
    match layer:
        case layers.Conv2D():
            return [_conv_module(layer, shape), *_relu(layer)]
        case layers.Dense():
            return [_dense_module(layer, maps), *_relu(layer)]
        case layers.BatchNorm():
            return [_norm_module(layer)]
        case layers.Activation():
            return [nn.ReLU(inplace=True)]
        case layers.MaxPool2D():
            padding = layer.padding if isinstance(layer.padding, int) else 0
            return [nn.MaxPool2d(layer.window, layer.stride, padding)]
        case layers.GlobalAvgPool2D():
            return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        case layers.Flatten():
            return [nn.Flatten()]
        case layers.Dropout():
            return [nn.Dropout(layer.rate)]
        case layers.Residual():
            main, shortcut = (nn.Sequential(*_modules(row, shape)) for row in (layer.layers, layer.shortcut))
            return [Sum(main, shortcut, layer.activation is not None)]
    raise Unsupported(f"no module for {layer.kind}")


def _relu(layer: Any) -> list[nn.Module]:
    # a final softmax belongs to the loss in training, and is applied by whoever calls at inference
    relu = layer.activation is not None and layer.activation.function == "relu"
    return [nn.ReLU(inplace=True)] if relu else []


def _conv_module(layer: Any, shape: tuple[int, ...]) -> nn.Module:
    w, b = layer.params["w"], layer.params.get("b")
    padding = 0 if layer.padding == "valid" else layer.padding
    made = nn.Conv2d(
        shape[-1], w.shape[3], w.shape[:2], layer.stride, padding, groups=layer.groups, bias=b is not None
    )
    made.weight = nn.Parameter(_filters(w, FIRST))
    if b is not None:
        made.bias = nn.Parameter(torch.from_numpy(b.copy()))
    return made


def _dense_module(layer: Any, maps: tuple[int, ...]) -> nn.Module:
    made = nn.Linear(*layer.params["w"].shape)
    w = networks.rows_channels_first(layer.params["w"], maps)
    made.weight = nn.Parameter(torch.from_numpy(np.ascontiguousarray(w.T)))
    made.bias = nn.Parameter(torch.from_numpy(layer.params["b"].copy()))
    return made


def _norm_module(layer: Any) -> nn.Module:
    made = nn.BatchNorm2d(len(layer.params["gamma"]), eps=layer.epsilon)
    arrays = {
        "weight": layer.params["gamma"],
        "bias": layer.params["beta"],
        "running_mean": layer.state["running_mean"],
        "running_var": layer.state["running_var"],
    }
    made.to(torch.from_numpy(layer.params["gamma"]).dtype)
    made.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=False)
    return made
