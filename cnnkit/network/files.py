"""Networks as files: layers as JSON, weights as arrays, and all checks before anything is used."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError, DataError, DTypeError, ShapeError
from cnnkit.layers.base import Layer, restore
from cnnkit.network.structure import Structure
from cnnkit.weight_files import read_arrays, write_arrays

Array = NDArray[Any]

_FORMAT = "cnnkit network 1"


def save(network: Structure, path: str | Path) -> None:
    """Write all weights, the state and the architecture to a .npz or .safetensors file.

    Raises OptionError for another ending, DataError when the file cannot be written; the old one stays then.
    """
    architecture = {
        "name": network.name,
        "input_shape": network.input_shape,
        "dtype": str(network.dtype),
        "layers": [layer.describe() for layer in network.layers],
    }
    metadata = {"format": _FORMAT, "architecture": json.dumps(architecture)}
    write_arrays(path, {**network.params, **network.state}, metadata)


def load_weights(network: Structure, path: str | Path) -> None:
    """Take the weights and the state from a file of the same names and shapes.

    Nothing changes unless everything fits. Raises OptionError for another ending, DataError for a file that
    is missing, damaged or of other names, ShapeError or DTypeError for arrays that do not fit.
    """
    arrays, _ = read_arrays(path)
    put_arrays(network, arrays, str(path))


def put_arrays(network: Structure, arrays: Mapping[str, Array], source: str = "arrays") -> None:
    """Copy named arrays into a network's weights and state, all of them or, when one does not fit, none.

    `source` is what messages call them. Raises DataError for other names, ShapeError, DTypeError.
    """
    places = {
        f"{layer.name}/{key}": (layer, key, shape)
        for layer in network.walk()
        for key, shape in layer.array_shapes().items()
    }
    _check_names(set(places), set(arrays), source)
    for name, (_, _, shape) in places.items():
        _check_array(arrays[name], shape, network.dtype, f"{source}: {name}")
    for name, (layer, key, _) in places.items():
        layer.put(key, arrays[name])


def load(path: str | Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what a network is made with, restored layers among it, and its arrays, from a saved file."""
    arrays, metadata = read_arrays(path)
    if metadata.get("format") != _FORMAT:
        raise DataError(
            f"{path} holds {len(arrays)} arrays, but no network that cnnkit saved; build the network, "
            "then use its load_weights, or zoo.load_pretrained for published weights"
        )
    try:
        return _arguments(json.loads(metadata["architecture"])), arrays
    except (CnnkitError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{path} describes no network: {error}") from error


def _arguments(architecture: dict[str, Any]) -> dict[str, Any]:
    layers: list[Layer] = [restore(description) for description in architecture["layers"]]
    return {
        "layers": layers,
        "input_shape": tuple(architecture["input_shape"]),
        "name": str(architecture["name"]),
        "dtype": np.dtype(architecture["dtype"]),
    }


def _check_names(expected: set[str], found: set[str], source: str) -> None:
    missing, foreign = sorted(expected - found), sorted(found - expected)
    if missing or foreign:
        parts = [
            f"{what} {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
            for what, names in (("lacks", missing), ("has, but the network has not,", foreign))
            if names
        ]
        raise DataError(f"{source} {' and '.join(parts)}: it is of another network")


def _check_array(array: Array, shape: tuple[int, ...], dtype: np.dtype[Any], title: str) -> None:
    if array.shape != shape:
        raise ShapeError(f"{title} has shape {array.shape}; expected {shape}")
    if not (array.dtype.kind == "f" and np.can_cast(array.dtype, dtype)):
        raise DTypeError(
            f"{title} holds {array.dtype} numbers; expected {dtype}, or a type that it holds exactly"
        )
