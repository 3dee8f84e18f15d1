"""AlexNet (2012): the network that began the present era, in both forms that go by its name.

Sources: Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks"
(2012), section 3; Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014).
"""

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.errors import OptionError
from cnnkit.layers import Conv2D, Dense, Dropout, Flatten, Layer, LocalResponseNorm, MaxPool2D
from cnnkit.network import Sequential
from cnnkit.zoo.building import IMAGENET_CLASSES, START, Shape, assemble, classifier, scaled

NAMES = tuple(f"features.{index}" for index in (0, 3, 6, 8, 10)) + tuple(
    f"classifier.{index}" for index in (1, 4, 6)
)
"""torchvision's names of the layers with weights, in order."""


def alexnet(
    towers: int = 1,
    num_classes: int = IMAGENET_CLASSES,
    input_shape: Shape | None = None,
    *,
    width: float = 1.0,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return AlexNet: 61,100,840 parameters in one tower, 60,965,224 in the original's two.

    One tower is the 2014 version that torchvision has: 64, 192, 384, 256, 256 maps, 224×224 pixels, no local
    response normalisation. Two towers, one for each graphics card of 2012: 96, 256, 384, 384, 256 maps in two
    groups that meet in the third layer only, 227×227 pixels (the paper writes 224, which does not fit its
    own 55×55 maps).

    `width` scales all layers but the last. Raises OptionError for another number of towers.
    """
    if towers not in (1, 2):
        raise OptionError(f"towers is {towers!r}; expected 1 (torchvision's) or 2 (the paper's)")
    side = 224 if towers == 1 else 227
    make = _one_tower if towers == 1 else _two_towers
    layers = [*make(width), classifier(num_classes)]
    name = "alexnet" if towers == 1 else "alexnet_two_towers"
    return assemble(name, layers, (side, side, 3) if input_shape is None else input_shape, seed, dtype)


def _one_tower(width: float) -> list[Layer]:
    def conv(channels: int, kernel_size: int, padding: int, stride: int = 1) -> Conv2D:
        return Conv2D(
            scaled(channels, width),
            kernel_size,
            stride=stride,
            padding=padding,
            activation="relu",
            initializer=START,
        )

    return [
        *(conv(64, 11, 2, stride=4), MaxPool2D(3, stride=2)),
        *(conv(192, 5, 2), MaxPool2D(3, stride=2)),
        *(conv(384, 3, 1), conv(256, 3, 1), conv(256, 3, 1), MaxPool2D(3, stride=2)),
        Flatten(),
        *(Dropout(0.5), _hidden(width)),
        *(Dropout(0.5), _hidden(width)),
    ]


def _two_towers(width: float) -> list[Layer]:
    def conv(channels: int, kernel_size: int, padding: int, stride: int = 1, groups: int = 2) -> Conv2D:
        maps = 2 * scaled(channels // 2, width)
        return Conv2D(
            maps,
            kernel_size,
            stride=stride,
            padding=padding,
            groups=groups,
            activation="relu",
            initializer=START,
        )

    return [
        *(conv(96, 11, 0, stride=4, groups=1), LocalResponseNorm(), MaxPool2D(3, stride=2)),
        *(conv(256, 5, 2), LocalResponseNorm(), MaxPool2D(3, stride=2)),
        *(conv(384, 3, 1, groups=1), conv(384, 3, 1), conv(256, 3, 1), MaxPool2D(3, stride=2)),
        Flatten(),
        *(_hidden(width), Dropout(0.5)),
        *(_hidden(width), Dropout(0.5)),
    ]


def _hidden(width: float) -> Dense:
    return Dense(scaled(4096, width), activation="relu", initializer=START)
