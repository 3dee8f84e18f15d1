"""The layers that the drawn-digit widget shows, and the digits that it starts from."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from cnnkit import data
from cnnkit.network import Sequential
from cnnkit.widgets.network_view import MapLayer
from cnnkit.widgets.stages import Stage, run

EXAMPLES = 30
"""Bundled digits of each kind to choose from."""
FIRST_UNSEEN_FORM = 11
"""The network was trained on the forms below; who wrote the others is unknown to it."""
LIMIT_DIGITS = 200
BRIGHT = 0.985
"""Colours end at this quantile of a layer's usual values."""


def bundled(digit: int, example: int) -> NDArray[np.float32]:
    """Return one of the bundled digits, (8, 8) float32, that the network was not trained on."""
    images: NDArray[np.float32] = _by_digit()[digit][example]
    return images


@cache
def _by_digit() -> dict[int, NDArray[np.float32]]:
    images, labels = data.digits()
    unseen = data.digit_forms() >= FIRST_UNSEEN_FORM
    return {digit: images[unseen & (labels == digit)][:EXAMPLES] for digit in range(10)}


def map_layers(network: Sequential, stages: list[Stage]) -> list[MapLayer]:
    """Return how each layer is drawn; colours span what the layer returns for bundled digits."""
    usual = run(stages, data.digits()[0][:LIMIT_DIGITS, ..., np.newaxis])
    rows, columns, _ = network.input_shape
    layers = [MapLayer("input", f"{rows} × {columns}", (rows, columns, 1), (0.0, 1.0), "gray")]
    for number, (stage, values) in enumerate(zip(stages, usual[1:], strict=True), start=1):
        low, high = float(values.min()), float(np.quantile(values, BRIGHT)) or 1.0
        reach = max(-low, high)
        geometry = stage.geometry
        windows = geometry and tuple(
            (
                (geometry.kernel_size[axis] - 1) * geometry.dilation[axis] + 1,
                geometry.stride[axis],
                -geometry.padding[axis][0],
            )
            for axis in (0, 1)
        )
        layers.append(
            MapLayer(
                stage.name,
                stage.about,
                stage.shape,
                (0.0, high) if low >= 0 else (-reach, reach),
                "positive" if low >= 0 else "signed",
                windows=windows,  # type: ignore[arg-type]
                own=stage.pools,
                fields=stage.fields,
                labels=tuple(map(str, range(stage.shape[2]))) if number == len(stages) else (),
            )
        )
    return layers
