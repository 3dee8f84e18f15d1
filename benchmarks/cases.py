"""What is measured: layers of well-known networks, whole networks, gradients, a training step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import networks
from cnnkit.roofline import (
    Work,
    conv2d_backward_work,
    conv2d_work,
    dense_work,
    network_work,
    pool2d_work,
)

Array = NDArray[Any]
SEED = 0


def random(rng: np.random.Generator, dtype: str, *shape: int) -> Array:
    """Return normal numbers of `dtype`."""
    return rng.standard_normal(shape).astype(dtype)


@dataclass(frozen=True)
class Conv:
    """A convolution of one image (size, size, channels), zero-padded by half a kernel."""

    size: int
    channels: int
    filters: int
    kernel: int
    stride: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        """How the table calls it."""
        kind = "depthwise" if self.groups == self.channels else "conv"
        step = f" s{self.stride}" if self.stride > 1 else ""
        filters = "" if self.groups == self.channels else f"->{self.filters}"
        return f"{kind} {self.size}x{self.size}x{self.channels}{filters} k{self.kernel}{step}"

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of our kernels."""
        return {"stride": self.stride, "padding": self.kernel // 2, "groups": self.groups}

    def arrays(self, dtype: str) -> tuple[Array, ...]:
        """Return x (1, H, W, C), w (K, K, C/groups, F) and b (F,)."""
        rng = np.random.default_rng(SEED)
        x = random(rng, dtype, 1, self.size, self.size, self.channels)
        fan_in = self.kernel**2 * self.channels // self.groups
        w = random(rng, dtype, self.kernel, self.kernel, self.channels // self.groups, self.filters)
        return x, (w / np.sqrt(fan_in)).astype(dtype), random(rng, dtype, self.filters)

    def work(self, dtype: str) -> Work:
        """Return its arithmetic and bytes."""
        x, w, _ = self.arrays(dtype)
        return conv2d_work(x.shape, w.shape, dtype=dtype, **self.options)


@dataclass(frozen=True)
class ConvBackward:
    """dx, dw and db of a convolution."""

    forward: Conv

    @property
    def name(self) -> str:
        """How the table calls it."""
        return f"backward of {self.forward.name}"

    def arrays(self, dtype: str) -> tuple[Array, ...]:
        """Return dy, x and w."""
        conv = self.forward
        x, w, _ = conv.arrays(dtype)
        out = -(-conv.size // conv.stride)
        return random(np.random.default_rng(SEED + 1), dtype, 1, out, out, conv.filters), x, w

    def work(self, dtype: str) -> Work:
        """Return its arithmetic and bytes."""
        _, x, w = self.arrays(dtype)
        return conv2d_backward_work(x.shape, w.shape, dtype=dtype, **self.forward.options)


@dataclass(frozen=True)
class MaxPool:
    """Max pooling of one image."""

    size: int
    channels: int
    window: int
    stride: int
    padding: int = 0

    @property
    def name(self) -> str:
        """How the table calls it."""
        return (
            f"max pool {self.window}x{self.window}/{self.stride} on {self.size}x{self.size}x{self.channels}"
        )

    def arrays(self, dtype: str) -> tuple[Array, ...]:
        """Return x (1, H, W, C)."""
        return (random(np.random.default_rng(SEED), dtype, 1, self.size, self.size, self.channels),)

    def work(self, dtype: str) -> Work:
        """Return its arithmetic and bytes."""
        shape = (1, self.size, self.size, self.channels)
        return pool2d_work(shape, self.window, stride=self.stride, padding=self.padding, dtype=dtype)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer on a batch."""

    examples: int
    inputs: int
    outputs: int

    @property
    def name(self) -> str:
        """How the table calls it."""
        return f"dense {self.examples}x{self.inputs}->{self.outputs}"

    def arrays(self, dtype: str) -> tuple[Array, ...]:
        """Return x (N, inputs), w (inputs, outputs) and b (outputs,)."""
        rng = np.random.default_rng(SEED)
        x = random(rng, dtype, self.examples, self.inputs)
        w = random(rng, dtype, self.inputs, self.outputs) / np.sqrt(self.inputs)
        return x, w.astype(dtype), random(rng, dtype, self.outputs)

    def work(self, dtype: str) -> Work:
        """Return its arithmetic and bytes."""
        return dense_work(self.examples, self.inputs, self.outputs, dtype=dtype)


@dataclass(frozen=True)
class Network:
    """Inference with a whole network."""

    title: str
    build: Callable[[str], Any]
    examples: int

    @property
    def name(self) -> str:
        """How the table calls it."""
        return f"{self.title}, batch {self.examples}"

    def arrays(self, dtype: str) -> tuple[Array, ...]:
        """Return x (N, H, W, C)."""
        shape = networks.INPUT_SHAPES[self.build]
        return (random(np.random.default_rng(SEED), dtype, self.examples, *shape),)

    def work(self, dtype: str) -> Work:
        """Return its arithmetic and bytes."""
        return network_work(networks.built(self.build, dtype), self.examples)


@dataclass(frozen=True)
class TrainingStep:
    """One step of training: forward, softmax cross-entropy, backward, gradient descent with momentum."""

    title: str
    build: Callable[[str], Any]
    examples: int

    @property
    def name(self) -> str:
        """How the table calls it."""
        return f"training step of {self.title}, batch {self.examples}"

    def arrays(self, dtype: str) -> tuple[Array, ...]:
        """Return x (N, H, W, C) and labels (N,)."""
        rng = np.random.default_rng(SEED)
        shape = networks.INPUT_SHAPES[self.build]
        return random(rng, dtype, self.examples, *shape), rng.integers(0, 10, self.examples)

    def work(self, dtype: str) -> Work:
        """Return three forward passes' worth of arithmetic and bytes: gradients go back to x and to w."""
        forward = network_work(networks.built(self.build, dtype), self.examples)
        return Work(3 * forward.flops, 3 * forward.bytes)


@dataclass(frozen=True)
class EngineMethod:
    """One of the three methods of the source's engine on the numbers of a layer, in float64.

    Its convolution knows no padding and applies ReLU, its dense layer applies the sigmoid.
    """

    layer: Conv | MaxPool | Dense

    @property
    def name(self) -> str:
        """How the table calls it."""
        extra = {Conv: " valid, ReLU", MaxPool: "", Dense: ", sigmoid"}[type(self.layer)]
        return f"engine: {self.layer.name}{extra}"

    def arrays(self, dtype: str) -> tuple[Array, ...]:
        """Return the arrays of the layer, its image without batch axis."""
        x, *rest = self.layer.arrays(dtype)
        return (x if isinstance(self.layer, Dense) else x[0]), *rest

    def work(self, dtype: str) -> Work:
        """Return its arithmetic and bytes."""
        layer = self.layer
        if isinstance(layer, Conv):
            x, w, _ = layer.arrays(dtype)
            return conv2d_work(x.shape, w.shape, stride=layer.stride, dtype=dtype)
        return layer.work(dtype)


Case = Conv | ConvBackward | MaxPool | Dense | Network | TrainingStep | EngineMethod

CONVOLUTIONS = (
    Conv(224, 3, 64, 7, stride=2),
    Conv(112, 64, 64, 3),
    Conv(56, 64, 64, 3),
    Conv(28, 128, 128, 3),
    Conv(14, 256, 256, 3),
    Conv(56, 256, 64, 1),
    Conv(27, 96, 256, 5),
    Conv(56, 128, 128, 3, groups=128),
)
POOLINGS = (MaxPool(112, 64, 2, 2), MaxPool(112, 64, 3, 2, padding=1))
DENSE = Dense(256, 4096, 1000)
NETWORKS = (
    Network("the source's Keras network", networks.keras_network, 1),
    Network("the source's Keras network", networks.keras_network, 32),
    Network("VGG-16", networks.vgg16, 1),
    Network("ResNet-18", networks.resnet18, 1),
)
BACKWARD = tuple(ConvBackward(conv) for conv in CONVOLUTIONS if conv.kernel == 3 and conv.groups == 1)
TRAINING = TrainingStep("LeNet", networks.lenet, 64)
_METHODS: tuple[Conv | MaxPool | Dense, ...] = (
    *(conv for conv in CONVOLUTIONS if conv.groups == 1),
    MaxPool(112, 64, 2, 2),
    MaxPool(112, 64, 3, 2),
    DENSE,
)
ENGINE = tuple(EngineMethod(layer) for layer in _METHODS)
CASES: tuple[Case, ...] = (*CONVOLUTIONS, *POOLINGS, DENSE, *NETWORKS, *BACKWARD, TRAINING, *ENGINE)


def dtypes(case: Case) -> tuple[str, ...]:
    """Return the types of number that a case is measured in: the source's engine has only one."""
    return ("float64",) if isinstance(case, EngineMethod) else ("float32", "float64")
