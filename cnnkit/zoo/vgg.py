"""VGG-16 (2014): nothing but 3×3 convolutions, thirteen of them, and the largest dense layers of all.

Source: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2014),
table 1, column D.
"""

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D
from cnnkit.network import Sequential
from cnnkit.zoo.building import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    START,
    Shape,
    assemble,
    classifier,
    scaled,
)

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Maps and number of convolutions in each block; a pool that halves the map follows."""

NAMES = tuple(f"features.{index}" for index in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)) + tuple(
    f"classifier.{index}" for index in (0, 3, 6)
)
"""torchvision's names of the layers with weights, in order."""


def vgg16(
    num_classes: int = IMAGENET_CLASSES,
    input_shape: Shape = IMAGENET_SHAPE,
    *,
    width: float = 1.0,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return VGG-16: 138,357,544 parameters and 15.47 G multiply-adds at 224×224 pixels.

    `width` scales all layers but the last. Raises ShapeError for pictures below 32×32.
    """
    layers: list[Layer] = []
    for channels, count in BLOCKS:
        maps = scaled(channels, width)
        layers += [Conv2D(maps, 3, padding=1, activation="relu", initializer=START) for _ in range(count)]
        layers.append(MaxPool2D(2))
    hidden = scaled(4096, width)
    layers += [
        Flatten(),
        *(Dense(hidden, activation="relu", initializer=START), Dropout(0.5)),
        *(Dense(hidden, activation="relu", initializer=START), Dropout(0.5)),
        classifier(num_classes),
    ]
    return assemble("vgg16", layers, input_shape, seed, dtype)
