"""Structured pruning: whole filters of convolutions go, and with them what the next layer read of them.

Source: Li, Kadav, Durdanovic, Samet & Graf, "Pruning Filters for Efficient ConvNets" (2017), section 3.1.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from cnnkit.deploy.rebuilding import Built, rebuild, same
from cnnkit.errors import OptionError
from cnnkit.kernels.arguments import Array
from cnnkit.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
)
from cnnkit.network import Sequential

_CHANNELWISE = (Activation, AvgPool2D, BatchNorm, Dropout, Flatten, GlobalAvgPool2D, MaxPool2D)


def prune_channels(network: Sequential, share: float) -> Sequential:
    """Return a new, smaller network without the `share` of each convolution's filters that weigh least.

    A filter's weight is the sum of its magnitudes, ``sum |w[:, :, :, k]``; at least one filter stays. Pruned
    are convolutions without groups whose result goes to another such convolution or a dense layer of the
    same row, with only poolings, batch norm, activations, dropout and flattening between: where rows merge,
    the others would have to lose the same channels. `network` is not changed. Raises OptionError for a share
    outside [0, 1).
    """
    if not 0 <= share < 1:
        raise OptionError(f"share is {share!r}; expected a number from 0 up to, but not including, 1")
    return rebuild(network, lambda layers: list(_slimmer(layers, share)))


def _slimmer(layers: Sequence[Layer], share: float) -> Iterator[Built]:
    kept: Array | None = None  # which channels of the convolution before are left; None is all
    for position, layer in enumerate(layers):
        filters = _best_filters(layer, share) if _feeds_a_reader(layers, position) else None
        yield _cut(layer, kept, filters)
        if not isinstance(layer, _CHANNELWISE):
            kept = filters


def _best_filters(layer: Layer, share: float) -> Array:
    """Return a mask (F,) of the filters that stay."""
    magnitudes = np.abs(layer.params["w"]).sum(axis=(0, 1, 2), dtype=np.float64)
    leaving = min(int(share * magnitudes.size), magnitudes.size - 1)
    best = np.ones(magnitudes.size, bool)
    best[np.argsort(magnitudes, kind="stable")[:leaving]] = False
    return best


def _feeds_a_reader(layers: Sequence[Layer], position: int) -> bool:
    """Tell whether `layers[position]` is a convolution and only one later layer with weights reads it."""
    if not _is_plain_convolution(layers[position]):
        return False
    following = (layer for layer in layers[position + 1 :] if not isinstance(layer, _CHANNELWISE))
    reader = next(following, None)
    return reader is not None and (type(reader) is Dense or _is_plain_convolution(reader))


def _is_plain_convolution(layer: Layer) -> bool:
    return type(layer) is Conv2D and layer.groups == 1


def _cut(layer: Layer, kept: Array | None, filters: Array | None) -> Built:
    """Return a copy of `layer` that reads only the channels `kept`, a mask, and computes only `filters`."""
    copy, weights = same(layer)
    if isinstance(layer, Conv2D) and filters is not None:
        copy = Conv2D(**{**layer.config(), "out_channels": int(filters.sum())})
        weights = {name: array[..., filters] for name, array in weights.items()}
    if kept is None:
        return copy, weights
    if isinstance(layer, BatchNorm):
        return copy, {name: array[kept] for name, array in weights.items()}
    if isinstance(layer, Conv2D):
        return copy, {**weights, "w": weights["w"][:, :, kept]}
    if isinstance(layer, Dense):
        # Behind Flatten the channels vary fastest: (H*W*C, out) is (H*W, C, out).
        cells = weights["w"].reshape(-1, kept.size, layer.out_features)[:, kept]
        return copy, {**weights, "w": cells.reshape(-1, layer.out_features)}
    return copy, weights
