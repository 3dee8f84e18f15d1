"""LeNet-5 (1998): convolutions, subsampling and full connections in the order that all others kept.

Source: LeCun, Bottou, Bengio & Haffner, "Gradient-Based Learning Applied to Document Recognition" (1998),
section II.B and table I.
"""

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.errors import OptionError
from cnnkit.layers import AvgPool2D, Conv2D, Dense, Flatten, Layer
from cnnkit.layers.lenet import RBFOutput, ScaledTanh, Subsampling, TableConv2D
from cnnkit.network import Sequential
from cnnkit.zoo.building import Shape, assemble
from cnnkit.zoo.prototypes import prototypes

C3_TABLE = (
    *((k, (k + 1) % 6, (k + 2) % 6) for k in range(6)),
    *(tuple(sorted((k + step) % 6 for step in range(4))) for k in range(6)),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    tuple(range(6)),
)
"""Table I: which of the six maps of S2 each of the sixteen maps of C3 reads, 60 connections of 96."""

NAMES = ("conv1", "conv2", "fc1", "fc2", "fc3")
"""What PyTorch's tutorials call the layers with weights, in order."""


def lenet5(
    c3: str = "dense",
    num_classes: int = 10,
    input_shape: Shape = (32, 32, 1),
    *,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return LeNet-5: 61,706 parameters with a dense C3, 60,000 with the original's table.

    "dense" is what is called LeNet-5 today: every map of C3 reads all six maps, pooling is a plain average,
    the output a dense layer of logits. "sparse" is the paper's: the table, two trained numbers for each map
    of a subsampling layer, the function 1.7159 tanh(2z/3), and distances to fixed pictures of the digits,
    which are not trained and so not counted.

    Raises OptionError for another word, ShapeError when the picture is too small for the five windows.
    """
    if c3 == "dense":
        layers = _dense(num_classes)
    elif c3 == "sparse":
        layers = _sparse(num_classes)
    else:
        raise OptionError(f"c3 is {c3!r}; expected 'dense' or 'sparse', the original connection table")
    return assemble("lenet5" if c3 == "dense" else "lenet5_sparse", layers, input_shape, seed, dtype)


def _dense(num_classes: int) -> list[Layer]:
    return [
        Conv2D(6, 5, activation="tanh"),
        AvgPool2D(2),
        Conv2D(16, 5, activation="tanh"),
        AvgPool2D(2),
        Flatten(),
        Dense(120, activation="tanh"),
        Dense(84, activation="tanh"),
        Dense(num_classes),
    ]


def _sparse(num_classes: int) -> list[Layer]:
    return [
        *(Conv2D(6, 5), ScaledTanh()),
        *(Subsampling(2), ScaledTanh()),
        *(TableConv2D(C3_TABLE, 5), ScaledTanh()),
        *(Subsampling(2), ScaledTanh()),
        *(Conv2D(120, 5), ScaledTanh()),
        Flatten(),
        *(Dense(84), ScaledTanh()),
        RBFOutput(prototypes(num_classes)),
    ]
