"""Small inputs and kernels whose arithmetic one can follow in the head."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnkit import famous_kernels

WORKED = [[1, 2, 0, 1, 3], [0, 1, 3, 2, 1], [2, 0, 1, 0, 2], [1, 3, 2, 1, 0], [0, 1, 0, 2, 1]]
RAMP = [[1, 0, -1], [2, 1, 0], [0, -1, 1]]


@dataclass(frozen=True)
class Example:
    """An input ``x`` (H, W, C) with a kernel ``w`` (KH, KW, C) and the options to start from."""

    x: NDArray[np.float64]
    w: NDArray[np.float64]
    bias: float = 0.0
    stride: int = 1
    padding: int | str = "valid"
    dilation: int = 1


def examples() -> dict[str, Example]:
    """Return the examples by name, the one to begin with first."""
    seven = np.add.outer(np.arange(7), 2 * np.arange(7)) % 5
    step = np.tile([0, 0, 0, 9, 9, 9], (6, 1))
    return {
        "worked 5×5": Example(_one(WORKED), _one(RAMP), bias=1.0),
        "edge": Example(_one(step), _one(famous_kernels.sobel_x())),
        "colour patch": Example(*_colour_patch(), bias=0.5),
        "stride 2": Example(_one(seven), _one(RAMP), stride=2),
        "even kernel": Example(_one(WORKED), _one([[1, 2], [-1, 0]]), padding="same"),
        "dilation 2": Example(_one(seven), _one(RAMP), dilation=2),
    }


def _one(matrix: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(matrix, dtype=np.float64)[:, :, np.newaxis]


def _colour_patch() -> tuple[NDArray[Any], NDArray[Any]]:
    """Return 5×5 pixels of a photograph, to one decimal, and a filter that answers to the edge of orange."""
    from cnnkit.data import photo

    patch = np.round(photo("astronaut", size=20, dtype=np.float64)[5:10, :5], 1)
    edge = np.tile([-1.0, 0.0, 1.0], (3, 1))
    return patch, np.stack([edge, -edge, famous_kernels.identity()], axis=2)
