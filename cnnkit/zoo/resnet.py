"""ResNet-18, -34 and -50 (2015): blocks that add what they computed to what they were given.

Source: He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition" (2015), table 1, figures 3 and 5.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.errors import OptionError
from cnnkit.layers import GlobalAvgPool2D, Layer, MaxPool2D, Residual
from cnnkit.network import Sequential
from cnnkit.zoo.building import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    Shape,
    assemble,
    classifier,
    conv_norm,
    conv_norm_relu,
    scaled,
)

UNITS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Blocks in each of the four stages, by depth."""

_STAGE_CHANNELS = (64, 128, 256, 512)
_EXPANSION = 4


def resnet18(
    num_classes: int = IMAGENET_CLASSES,
    input_shape: Shape = IMAGENET_SHAPE,
    *,
    width: float = 1.0,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return ResNet-18: 11,689,512 parameters in basic blocks of two 3×3 convolutions."""
    layers = _layers(18, "3x3", num_classes, width)
    return assemble("resnet18", layers, input_shape, seed, dtype)


def resnet34(
    num_classes: int = IMAGENET_CLASSES,
    input_shape: Shape = IMAGENET_SHAPE,
    *,
    width: float = 1.0,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return ResNet-34: 21,797,672 parameters in basic blocks of two 3×3 convolutions."""
    layers = _layers(34, "3x3", num_classes, width)
    return assemble("resnet34", layers, input_shape, seed, dtype)


def resnet50(
    num_classes: int = IMAGENET_CLASSES,
    input_shape: Shape = IMAGENET_SHAPE,
    *,
    stride_in: str = "3x3",
    width: float = 1.0,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return ResNet-50: 25,557,032 parameters in bottleneck blocks of 1×1, 3×3 and 1×1.

    `stride_in` says which convolution of a stage's first block halves the map: "3x3" (torchvision; receptive
    field 427, 4.09 G multiply-adds) or the first "1x1" (the paper; 483, 3.86 G). Raises OptionError for
    another word.
    """
    layers = _layers(50, stride_in, num_classes, width)
    return assemble("resnet50", layers, input_shape, seed, dtype)


def basic_block(channels: int, *, stride: int = 1, projection: bool = False) -> Residual:
    """Return ``relu(x + norm(conv3x3(relu(norm(conv3x3(x))))))``; `projection` puts a 1×1 on the shortcut."""
    path = [*conv_norm_relu(channels, 3, stride=stride), *conv_norm(channels, 3)]
    return Residual(path, _shortcut(channels, stride, projection))


def bottleneck_block(
    channels: int,
    *,
    stride: int = 1,
    stride_in: str = "3x3",
    projection: bool = False,
) -> Residual:
    """Return the block of 1×1 down to `channels`, 3×3, and 1×1 up to four times as many."""
    first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
    path = [
        *conv_norm_relu(channels, 1, stride=first),
        *conv_norm_relu(channels, 3, stride=second),
        *conv_norm(_EXPANSION * channels, 1),
    ]
    return Residual(path, _shortcut(_EXPANSION * channels, stride, projection))


def names(depth: int) -> Iterator[str]:
    """Yield torchvision's names of the layers with weights, in order."""
    convolutions = 3 if depth == 50 else 2
    yield from ("conv1", "bn1")
    for stage, units in enumerate(UNITS[depth], start=1):
        for unit in range(units):
            place = f"layer{stage}.{unit}"
            for number in range(1, convolutions + 1):
                yield from (f"{place}.conv{number}", f"{place}.bn{number}")
            if unit == 0 and (stage > 1 or depth == 50):
                yield from (f"{place}.downsample.0", f"{place}.downsample.1")
    yield "fc"


def _layers(depth: int, stride_in: str, num_classes: int, width: float) -> list[Layer]:
    if stride_in not in ("3x3", "1x1"):
        raise OptionError(f"stride_in is {stride_in!r}; expected '3x3' or '1x1'")
    layers = conv_norm_relu(scaled(64, width), 7, stride=2)
    layers.append(MaxPool2D(3, stride=2, padding=1))
    for stage, units in enumerate(UNITS[depth]):
        channels = scaled(_STAGE_CHANNELS[stage], width)
        for unit in range(units):
            stride = 2 if stage > 0 and unit == 0 else 1
            # A stage's first block changes the number of maps, so that x needs a projection to be added.
            # Only the first stage of the small nets reads as many maps as it writes.
            projection = unit == 0 and (stage > 0 or depth == 50)
            if depth == 50:
                block = bottleneck_block(channels, stride=stride, stride_in=stride_in, projection=projection)
            else:
                block = basic_block(channels, stride=stride, projection=projection)
            layers.append(block)
    return [*layers, GlobalAvgPool2D(), classifier(num_classes)]


def _shortcut(channels: int, stride: int, projection: bool) -> list[Layer] | None:
    return conv_norm(channels, 1, stride=stride) if projection else None
