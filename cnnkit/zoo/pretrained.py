"""Published weights in our layout: PyTorch's names mapped, its arrays turned round, nothing half done.

PyTorch stores convolutions (out, in, KH, KW) and dense layers (out, in), and flattens images channel by
channel. Here it is (KH, KW, in, out), (in, out), and pixel by pixel. The last point is the trap: the first
dense layer behind a flatten also needs its inputs in another order, or it loads and answers nonsense.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import DataError, OptionError
from cnnkit.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, LayerNorm, Shape
from cnnkit.layers.attention import ClassToken, MultiHeadAttention, PatchEmbedding, PositionEmbedding
from cnnkit.layout import dense_weights_from_nchw, oihw_to_hwio
from cnnkit.network import Sequential
from cnnkit.weight_files import read_arrays
from cnnkit.zoo.costs import layer_costs
from cnnkit.zoo.families import family

Array = NDArray[Any]

_SHOWN = 5
# Counters that batch normalisation keeps in PyTorch, and GoogLeNet's heads for training.
_IGNORED = (".num_batches_tracked",)
_IGNORED_PREFIXES = ("aux1.", "aux2.")
# What torchvision's own files for vision transformers call two layers that its model calls otherwise.
_RENAMED = ((".mlp.linear_1.", ".mlp.0."), (".mlp.linear_2.", ".mlp.3."))


@dataclass(frozen=True)
class Slot:
    """One array of a file and where it goes: into `target` of `layer`, through `convert`."""

    key: str
    shape: Shape
    layer: Layer
    target: str
    convert: Callable[[Array], Array]


def load_pretrained(network: Sequential | str, path: str | Path, sha256: str | None = None) -> Sequential:
    """Put published weights into a network of the zoo, or a new one by name, and return it.

    Args:
        network: made by the zoo, or its name, such as "resnet50"; a number of classes that differs from the
            file's is an error, as for every other shape.
        path: a .safetensors or .npz file with torchvision's names (``layer1.0.conv1.weight``), for the
            vision transformer also timm's; floats of any width, converted to the network's.
        sha256: the file's checksum in hex, compared before anything of the file is used.

    Raises OptionError for the name of no network, or of no such kind of file; DataError when the file is
    missing, damaged, or not that network's: the message lists names that are missing, not expected, or of
    another shape. Then nothing has been changed.
    """
    target = family(network).make() if isinstance(network, str) else network
    _refuse_pickles(Path(path))
    if sha256 is not None:
        _check_sum(Path(path), sha256)
    arrays = _renamed(read_arrays(path)[0])
    slots = list(_slots(target, arrays))
    _check(slots, arrays, Path(path).name, target.name)
    for slot in slots:
        slot.layer.put(slot.target, slot.convert(arrays[slot.key]))
    return target


def _check_sum(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if found != expected.lower():
        raise DataError(
            f"{path.name} has the SHA-256 {found}; expected {expected}: it is damaged or another file"
        )


def _refuse_pickles(path: Path) -> None:
    if path.suffix in (".pt", ".pth", ".bin", ".ckpt"):
        raise DataError(
            f"{path.name} is PyTorch's own kind of file, which can run code when it is opened; expected "
            ".safetensors or .npz: convert it where you trust it, with safetensors.torch.save_file"
        )


def _renamed(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Leave out what no network here has, and give every layer its one name."""
    found = {}
    for key, array in arrays.items():
        if key.endswith(_IGNORED) or key.startswith(_IGNORED_PREFIXES):
            continue
        for old, new in _RENAMED:
            key = key.replace(old, new)
        found[key] = array
    return found


# ---- which array goes where


def _slots(network: Sequential, keys: Iterable[str]) -> Iterator[Slot]:
    names = family(network.name).names
    if names is None:
        raise OptionError(f"{network.name} has no published weights in a usual form; train it instead")
    weighted = [cost for cost in layer_costs(network) if cost.params or isinstance(cost.layer, Flatten)]
    prefixes = iter(names(network, keys))
    flattened: Shape | None = None
    for cost in weighted:
        if isinstance(cost.layer, Flatten):
            height, width, channels = cost.input_shape
            flattened = (channels, height, width)
            continue
        prefix = next(prefixes, None)
        if prefix is None:
            raise OptionError(f"{network.name} has more layers with weights than its files; use it unchanged")
        yield from _layer_slots(cost.layer, prefix, flattened)
        flattened = None
    if next(prefixes, None) is not None:
        raise OptionError(f"{network.name} has fewer layers with weights than its files; use it unchanged")


def _layer_slots(layer: Layer, prefix: str, flattened: Shape | None) -> Iterator[Slot]:
    """Yield what a file holds for one layer; `flattened` is (C, H, W) behind a flatten."""
    if isinstance(layer, (Conv2D, PatchEmbedding)):
        yield _slot(layer, "w", f"{prefix}.weight", (3, 2, 0, 1), oihw_to_hwio)
    elif isinstance(layer, Dense):
        yield _slot(layer, "w", f"{prefix}.weight", (1, 0), lambda w: dense_weights_from_nchw(w, flattened))
    elif isinstance(layer, (BatchNorm, LayerNorm)):
        yield _slot(layer, "gamma", f"{prefix}.weight")
        yield _slot(layer, "beta", f"{prefix}.bias")
        yield from (_slot(layer, name, f"{prefix}.{name}") for name in layer.state)
    elif isinstance(layer, MultiHeadAttention):
        yield from _attention_slots(layer, prefix)
    elif isinstance(layer, ClassToken):
        yield Slot(prefix, (1, 1, *layer.weight_shapes["token"]), layer, "token", lambda w: w[0, 0])
    elif isinstance(layer, PositionEmbedding):
        yield Slot(prefix, (1, *layer.weight_shapes["positions"]), layer, "positions", lambda w: w[0])
    else:
        raise OptionError(f"{layer.name} is a {layer.kind}, for which no published file has a name")
    if isinstance(layer, (Conv2D, PatchEmbedding, Dense)) and "b" in layer.weight_shapes:
        yield _slot(layer, "b", f"{prefix}.bias")


def _attention_slots(layer: Layer, prefix: str) -> Iterator[Slot]:
    timm = prefix.endswith("attn")
    joined = (".qkv.weight", ".qkv.bias") if timm else (".in_proj_weight", ".in_proj_bias")
    out = ".proj" if timm else ".out_proj"
    yield _slot(layer, "w_qkv", prefix + joined[0], (1, 0), np.transpose)
    yield _slot(layer, "b_qkv", prefix + joined[1])
    yield _slot(layer, "w_out", f"{prefix}{out}.weight", (1, 0), np.transpose)
    yield _slot(layer, "b_out", f"{prefix}{out}.bias")


def _same(array: Array) -> Array:
    return array


def _slot(
    layer: Layer,
    target: str,
    key: str,
    order: tuple[int, ...] = (0,),
    convert: Callable[[Array], Array] = _same,
) -> Slot:
    """Return the slot of an array whose axes the file has in another `order`."""
    own = layer.weight_shapes[target]
    return Slot(key, tuple(own[axis] for axis in order), layer, target, convert)


def _check(slots: list[Slot], arrays: Mapping[str, Array], file: str, network: str) -> None:
    expected = {slot.key: slot.shape for slot in slots}
    wrong = [
        f"{key} is {arrays[key].shape}, expected {shape}"
        for key, shape in expected.items()
        if key in arrays and arrays[key].shape != shape
    ]
    not_float = [
        f"{key} holds {arrays[key].dtype} numbers"
        for key in expected
        if key in arrays and arrays[key].dtype.kind != "f"
    ]
    problems = {
        "missing": [key for key in expected if key not in arrays],
        "not expected": [key for key in arrays if key not in expected],
        "of another shape": wrong,
        "not real numbers": not_float,
    }
    lines = [f"{len(found)} {word}: {_some(found)}" for word, found in problems.items() if found]
    if lines:
        raise DataError(
            f"{file} does not hold the weights of {network}; nothing was changed\n" + "\n".join(lines)
        )


def _some(found: list[str]) -> str:
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
