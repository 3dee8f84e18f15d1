"""The networks that are measured whole, each a function from the type of number to a `Sequential`."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import zoo
from cnnkit.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D
from cnnkit.network import Sequential


def keras_network(dtype: str) -> Sequential:
    """Return the source's Keras model: two convolutions, two poolings, two dense layers."""
    layers = [
        Conv2D(32, 3, activation="relu"),
        MaxPool2D(2),
        Conv2D(64, 3, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(128, activation="relu"),
        Dropout(0.5),
        Dense(10, activation="softmax"),
    ]
    return Sequential(layers, INPUT_SHAPES[keras_network], dtype=dtype)


def lenet(dtype: str) -> Sequential:
    """Return a LeNet-5 as it is trained today: ReLU, max pooling, softmax."""
    layers = [
        Conv2D(6, 5, activation="relu"),
        MaxPool2D(2),
        Conv2D(16, 5, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(120, activation="relu"),
        Dense(84, activation="relu"),
        Dense(10, activation="softmax"),
    ]
    return Sequential(layers, INPUT_SHAPES[lenet], dtype=dtype)


def vgg16(dtype: str) -> Sequential:
    """Return VGG-16 for 224x224 photographs."""
    return zoo.vgg16(dtype=dtype)


def resnet18(dtype: str) -> Sequential:
    """Return ResNet-18 for 224x224 photographs."""
    return zoo.resnet18(dtype=dtype)


INPUT_SHAPES: dict[Callable[[str], Any], tuple[int, ...]] = {
    keras_network: (64, 64, 3),
    lenet: (32, 32, 1),
    vgg16: (224, 224, 3),
    resnet18: (224, 224, 3),
}


@cache
def built(build: Callable[[str], Any], dtype: str) -> Any:
    """Return the network that `build` makes, the same one each time."""
    return build(dtype)


def rows_channels_first(w: NDArray[np.floating[Any]], maps: tuple[int, ...]) -> NDArray[np.floating[Any]]:
    """Return the weights (inputs, outputs) of a layer behind a Flatten of (H, W, C) for one of (C, H, W).

    `maps` is (H, W, C), or empty where there was no Flatten.
    """
    return w.reshape(*maps, -1).transpose(2, 0, 1, 3).reshape(w.shape) if maps else w
