"""GoogLeNet (2014), Inception v1: four branches side by side in every module, and no large dense layer.

Source: Szegedy et al., "Going Deeper with Convolutions" (2014), table 1 and figures 2b and 3.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.errors import OptionError
from cnnkit.layers import (
    Concat,
    Conv2D,
    Dropout,
    GlobalAvgPool2D,
    Layer,
    LocalResponseNorm,
    MaxPool2D,
)
from cnnkit.network import Sequential
from cnnkit.zoo.building import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    START,
    Shape,
    assemble,
    classifier,
    conv_norm_relu,
    scaled,
)

MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Maps of every module: 1×1; before 3×3, 3×3; before 5×5, 5×5; behind the pool (table 1)."""

_TORCHVISION_EPSILON = 1e-3


def googlenet(
    variant: str = "paper",
    num_classes: int = IMAGENET_CLASSES,
    input_shape: Shape = IMAGENET_SHAPE,
    *,
    width: float = 1.0,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return GoogLeNet without its two auxiliary heads: 6,998,552 parameters, or torchvision's 6,624,904.

    "paper" has biases, no batch normalisation, and local response normalisation in the stem. "torchvision"
    has batch normalisation instead of biases, and 3×3 kernels where the paper has 5×5 (a slip that its
    trained weights made permanent). `width` scales all layers but the last. Raises OptionError for another
    word.
    """
    if variant not in ("paper", "torchvision"):
        raise OptionError(f"variant is {variant!r}; expected 'paper' or 'torchvision'")
    make = _Maker(width, norm=variant == "torchvision")
    layers = [
        *make.stem(),
        *make.modules("3a", "3b"),
        MaxPool2D(3, stride=2, ceil_mode=True),
        *make.modules("4a", "4b", "4c", "4d", "4e"),
        MaxPool2D(2 if make.norm else 3, stride=2, ceil_mode=True),
        *make.modules("5a", "5b"),
        *(GlobalAvgPool2D(), Dropout(0.2 if make.norm else 0.4), classifier(num_classes)),
    ]
    name = "googlenet" if variant == "paper" else "googlenet_torchvision"
    return assemble(name, layers, input_shape, seed, dtype)


def names(variant: str) -> Iterator[str]:
    """Yield torchvision's names of the layers with weights, in order."""
    parts = (".conv", ".bn") if variant == "torchvision" else (".conv",)
    branches = ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")
    for layer in ("conv1", "conv2", "conv3"):
        yield from (layer + part for part in parts)
    for module in MODULES:
        for branch in branches:
            yield from (f"inception{module}.{branch}{part}" for part in parts)
    yield "fc"


def inception(channels: tuple[int, int, int, int, int, int], *, width: float = 1.0) -> Concat:
    """Return one module: 1×1, 1×1 and 3×3, 1×1 and 5×5, 3×3 pool and 1×1, concatenated along the channels.

    `channels` are the maps of its six convolutions in that order. H and W stay as they are.
    """
    return _Maker(width, norm=False).module(channels)


class _Maker:
    """Makes the layers of one variant, all with the same width and first weights."""

    def __init__(self, width: float, *, norm: bool) -> None:
        self.width, self.norm = width, norm

    def conv(self, channels: int, kernel_size: int, stride: int = 1) -> list[Layer]:
        maps = scaled(channels, self.width)
        if self.norm:
            return conv_norm_relu(maps, kernel_size, stride=stride, epsilon=_TORCHVISION_EPSILON)
        return [
            Conv2D(
                maps,
                kernel_size,
                stride=stride,
                padding=(kernel_size - 1) // 2,
                activation="relu",
                initializer=START,
            )
        ]

    def stem(self) -> list[Layer]:
        return [
            *(*self.conv(64, 7, stride=2), MaxPool2D(3, stride=2, ceil_mode=True), *self.response_norm()),
            *(*self.conv(64, 1), *self.conv(192, 3), *self.response_norm()),
            MaxPool2D(3, stride=2, ceil_mode=True),
        ]

    def response_norm(self) -> list[Layer]:
        return [] if self.norm else [LocalResponseNorm()]

    def modules(self, *keys: str) -> list[Layer]:
        return [self.module(MODULES[key]) for key in keys]

    def module(self, channels: tuple[int, int, int, int, int, int]) -> Concat:
        one, before_three, three, before_five, five, behind_pool = channels
        return Concat(
            [
                self.conv(one, 1),
                [*self.conv(before_three, 1), *self.conv(three, 3)],
                [*self.conv(before_five, 1), *self.conv(five, 3 if self.norm else 5)],
                [MaxPool2D(3, stride=1, padding=1), *self.conv(behind_pool, 1)],
            ]
        )
