"""Small networks that together meet every path of the engine and of the deployment tools."""

import numpy as np

from cnnkit.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    LayerNorm,
    LocalResponseNorm,
    MaxPool2D,
    Residual,
)
from cnnkit.network import Sequential


def settled(network: Sequential, seed: int = 0) -> Sequential:
    """Give every batch norm the statistics, scales and shifts of a trained one, and biases that are not 0."""
    rng = np.random.default_rng(seed)
    for layer in network.walk():
        if isinstance(layer, BatchNorm):
            channels = layer.params["gamma"].size
            layer.params["gamma"][...] = rng.uniform(0.5, 1.5, channels) * rng.choice((-1, 1), channels)
            layer.params["beta"][...] = rng.normal(size=channels)
            layer.state["running_mean"][...] = rng.normal(size=channels)
            layer.state["running_var"][...] = rng.uniform(0.1, 3, channels)
        elif "b" in layer.params:
            layer.params["b"][...] = rng.normal(size=layer.params["b"].size)
    return network


def plain(dtype: str = "float32") -> Sequential:
    """The source's Keras model on a smaller image: a plain row, odd sizes."""
    layers = [
        Conv2D(12, 3, activation="relu"),
        MaxPool2D(2),
        Conv2D(20, 3, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(16, "relu"),
        Dropout(0.5),
        Dense(10, "softmax"),
    ]
    return settled(Sequential(layers, (19, 17, 3), dtype=dtype))


def branching(dtype: str = "float32") -> Sequential:
    """Residual blocks of three designs, branches, batch norm, and layers without a path of their own."""
    layers = [
        Conv2D(8, 3, padding="same", bias=False),
        BatchNorm(),
        Activation("relu"),
        MaxPool2D(3, stride=2, padding=1),
        Residual(
            [
                Conv2D(8, 3, padding="same"),
                BatchNorm(),
                Activation("relu"),
                Conv2D(8, 3, padding=1),
                BatchNorm(),
            ]
        ),
        Residual(
            [BatchNorm(), Activation("relu"), Conv2D(16, 3, padding="same", stride=2), Dropout(0.1)],
            shortcut=[Conv2D(16, 1, stride=2), BatchNorm()],
            activation=None,
        ),
        Residual([Conv2D(16, 1, activation="tanh"), AvgPool2D(3, stride=1, padding=1)], activation="silu"),
        Concat([[], Conv2D(4, 1, activation="gelu"), [MaxPool2D(3, stride=1, padding=1), Conv2D(4, 1)]]),
        Conv2D(24, 3, padding="same", groups=4, dilation=2),
        LocalResponseNorm(),
        Activation("leaky_relu"),
        LayerNorm(),
        GlobalAvgPool2D(),
        Dense(12, bias=False),
        BatchNorm(),
        Dense(10, "softmax"),
    ]
    return settled(Sequential(layers, (18, 21, 3), dtype=dtype))


def batch(network: Sequential, examples: int = 5, seed: int = 1) -> np.ndarray:
    """Return random examples for `network`."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((examples, *network.input_shape)).astype(network.dtype)
