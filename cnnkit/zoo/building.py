"""What all families of the zoo have in common: scaled widths, cheap first weights, a few repeated layers."""

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.layers import Activation, BatchNorm, Conv2D, Dense, Layer
from cnnkit.network import Sequential

Shape = tuple[int, ...]
IMAGENET_CLASSES = 1000
IMAGENET_SHAPE = (224, 224, 3)


START = "he_uniform"
"""First weights of the large networks: uniform numbers are the cheapest to draw, half a second for VGG-16."""


def scaled(channels: int, width: float) -> int:
    """Return `channels` times `width`, at least 1: narrow versions of a network are quick to check."""
    return max(1, round(channels * width))


def conv_norm_relu(channels: int, kernel_size: int, *, stride: int = 1, epsilon: float = 1e-5) -> list[Layer]:
    """Return a convolution that keeps the size (divided by `stride`), batch normalisation and ReLU.

    The convolution has no bias: the normalisation would subtract it again, and has its own.
    """
    return [*conv_norm(channels, kernel_size, stride=stride, epsilon=epsilon), Activation("relu")]


def conv_norm(channels: int, kernel_size: int, *, stride: int = 1, epsilon: float = 1e-5) -> list[Layer]:
    """Return a convolution without bias, with its padding on both sides alike, and batch normalisation."""
    padding = (kernel_size - 1) // 2
    convolution = Conv2D(channels, kernel_size, stride=stride, padding=padding, bias=False, initializer=START)
    return [convolution, BatchNorm(epsilon=epsilon)]


def classifier(num_classes: int) -> Dense:
    """Return the last layer: one score (logit) for every class; softmax belongs to the loss."""
    return Dense(num_classes, initializer=START)


def assemble(
    name: str, layers: list[Layer], input_shape: Shape, seed: int, dtype: DTypeLike = np.float32
) -> Sequential:
    """Return the network under the family's name, by which `load_pretrained` knows it."""
    return Sequential(layers, input_shape, name=name, seed=seed, dtype=dtype)
