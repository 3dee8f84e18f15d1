"""A LeNet for the bundled 8x8 digits, with the trained weights that are shipped (`cnnkit.digit_training`)."""

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.data import shipped_file
from cnnkit.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D
from cnnkit.network import Sequential

WEIGHTS = "weights/digits-lenet.npz"


def digit_network(seed: int | np.random.Generator = 0, *, dtype: DTypeLike = np.float32) -> Sequential:
    """Return an untrained LeNet for (8, 8, 1) pictures: 40,690 parameters, softmax over ten digits.

    LeNet-5's order of layers for a sixteenth of its pixels: two convolutions (3x3 instead of 5x5), one
    subsampling (after two, a single pixel would be left), two dense layers.
    """
    layers = [
        Conv2D(16, 3, padding="same", activation="relu"),
        Conv2D(32, 3, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(120, activation="relu"),
        Dropout(0.4),
        Dense(10, activation="softmax"),
    ]
    return Sequential(layers, input_shape=(8, 8, 1), name="digits", seed=seed, dtype=dtype)


def trained_digits() -> Sequential:
    """Return `digit_network` with the shipped weights, trained on forms 0 to 10 of the bundled digits.

    It takes pictures (8, 8, 1), float32 in [0, 1], as `cnnkit.data.bitmap_to_digit` and `digits` make them.
    Raises DataError when the file is missing or damaged.
    """
    network = digit_network()
    network.load_weights(shipped_file(WEIGHTS))
    return network
