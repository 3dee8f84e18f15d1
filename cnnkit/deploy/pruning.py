"""Pruning: weights, or whole filters, that matter least are taken away.

Unstructured: single weights become 0, by magnitude (Han, Pool, Tran & Dally, "Learning both Weights and
Connections for Efficient Neural Networks", 2015). The arrays keep their shapes, so nothing gets faster
without kernels for sparse matrices; what gets smaller is the file. Structured: filters go, and with them
the channels that the next layer read; see `cnnkit.deploy.channels`. The arrays shrink, and every kernel gets
faster.
"""

from collections.abc import Mapping

import numpy as np

from cnnkit.deploy.rebuilding import rebuild, same
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels.arguments import Array
from cnnkit.network import Sequential

SCOPES = ("global", "layer")


def magnitude_masks(network: Sequential, sparsity: float, *, scope: str = "global") -> dict[str, Array]:
    """Return which weights to keep, when the share `sparsity` with the smallest magnitudes goes.

    Args:
        network: its weights named ".../w" are ranked; biases and batch norm are few, and left alone.
        sparsity: from 0 up to, but not including, 1; the number of zeros is rounded down.
        scope: "global" ranks all weights together, "layer" those of each layer by themselves.

    Returns:
        A boolean array for every weight array, under its name in ``network.params`` and of its shape.

    Raises OptionError.
    """
    if not 0 <= sparsity < 1:
        raise OptionError(f"sparsity is {sparsity!r}; expected a share from 0 up to, but not including, 1")
    if scope not in SCOPES:
        raise OptionError(f"scope is {scope!r}; expected 'global' or 'layer'")
    weights = {name: np.abs(w) for name, w in network.params.items() if _is_weight(name)}
    if scope == "layer":
        return {name: _largest(w.reshape(-1), sparsity).reshape(w.shape) for name, w in weights.items()}
    kept = _largest(np.concatenate([w.reshape(-1) for w in weights.values()]), sparsity)
    ends = np.cumsum([w.size for w in weights.values()])[:-1]
    parts = np.split(kept, ends)
    return {name: part.reshape(w.shape) for (name, w), part in zip(weights.items(), parts, strict=True)}


def apply_masks(network: Sequential, masks: Mapping[str, Array]) -> None:
    """Set the weights of `network` that are not kept to 0, in place; call it again after each training step.

    Raises ShapeError for a name or a shape that the network does not have.
    """
    params = network.params
    for name, kept in masks.items():
        if name not in params or params[name].shape != kept.shape:
            raise ShapeError(
                f"{name} of shape {kept.shape} is no array of this network; masks belong to one network"
            )
        params[name][~kept] = 0


def prune_magnitude(network: Sequential, sparsity: float, *, scope: str = "global") -> Sequential:
    """Return a new network without the smallest weights; see `magnitude_masks`. `network` is not changed."""
    masks = magnitude_masks(network, sparsity, scope=scope)
    pruned = rebuild(network, lambda layers: [same(layer) for layer in layers])
    new_names = [name for name in pruned.params if _is_weight(name)]
    apply_masks(pruned, dict(zip(new_names, masks.values(), strict=True)))
    return pruned


def count_zeros(network: Sequential) -> float:
    """Return the share of weights (not biases) that are exactly 0."""
    weights = [w for name, w in network.params.items() if _is_weight(name)]
    zeros = sum(w.size - int(np.count_nonzero(w)) for w in weights)
    return zeros / max(1, sum(w.size for w in weights))


def _largest(magnitudes: Array, sparsity: float) -> Array:
    """Return True for all but the smallest ``floor(sparsity * n)``; of equal ones the first go first."""
    kept = np.ones(magnitudes.size, bool)
    kept[np.argsort(magnitudes, kind="stable")[: int(sparsity * magnitudes.size)]] = False
    return kept


def _is_weight(name: str) -> bool:
    return name.rpartition("/")[2] == "w"
