"""A whole network in bytes: batch norm folded, ranges calibrated on examples, layers replaced."""

from collections.abc import Sequence

from cnnkit.deploy.folding import fold_batch_norm
from cnnkit.deploy.integer_layers import IntegerConv2D, IntegerDense
from cnnkit.deploy.quantization import Quantization, choose_quantization
from cnnkit.deploy.rebuilding import Built, rebuild, same
from cnnkit.errors import ShapeError
from cnnkit.kernels.arguments import Array
from cnnkit.layers import Conv2D, Dense, Layer
from cnnkit.network import Sequential


def quantize_network(
    network: Sequential,
    examples: Array,
    *,
    scheme: str = "affine",
    per_channel: bool = True,
    percentile: float = 100.0,
) -> Sequential:
    """Return a new network whose Conv2D and Dense layers compute in int8 (post-training static quantisation).

    Batch norm is folded first. Weights are symmetric; inputs of the layers get the ranges that they have on
    `examples`. Everything between the layers stays in float. Grouped convolutions are left as they are.

    Args:
        network: a trained network; it is not changed.
        examples: (N, ...) typical inputs, a few dozen: what they do not show will be clipped.
        scheme: of the layers' inputs, "affine" or "symmetric".
        per_channel: whether each filter has a scale of its own.
        percentile: below 100, ignore the largest magnitudes of the inputs.

    Raises ShapeError for no examples, and what `choose_quantization` raises.
    """
    if len(examples) == 0:
        raise ShapeError("examples is empty; expected some typical inputs, to see which ranges occur")
    folded = fold_batch_norm(network)
    probes: dict[int, Probe] = {}

    def with_probes(layers: Sequence[Layer]) -> list[Built]:
        row: list[Built] = []
        for layer in layers:
            if _is_replaced(layer):
                probes[id(layer)] = Probe(scheme, percentile)
                row.append((probes[id(layer)], {}))
            row.append(same(layer))
        return row

    def in_integers(layers: Sequence[Layer]) -> list[Built]:
        return [
            _integer(layer, probes[id(layer)], per_channel) if _is_replaced(layer) else same(layer)
            for layer in layers
        ]

    rebuild(folded, with_probes).predict(examples, batch_size=len(examples))
    return rebuild(folded, in_integers)


def count_bytes(network: Sequential) -> int:
    """Return how many bytes the numbers of `network` take, those of integer layers as codes of one byte."""
    return sum(_bytes_of(layer) for layer in network.walk())


class Probe(Layer):
    """Passes its input through, and chooses how to quantise what it saw last."""

    kind = "Probe"
    pointwise = True

    def __init__(self, scheme: str = "affine", percentile: float = 100.0) -> None:
        super().__init__()
        self.scheme, self.percentile = scheme, percentile
        self.chosen: Quantization | None = None

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x."""
        self.chosen = choose_quantization(x, scheme=self.scheme, percentile=self.percentile)
        return x


def _is_replaced(layer: Layer) -> bool:
    return type(layer) is Dense or (type(layer) is Conv2D and layer.groups == 1)


def _integer(layer: Layer, probe: Probe, per_channel: bool) -> Built:
    assert probe.chosen is not None
    if isinstance(layer, Conv2D):
        return IntegerConv2D(layer, probe.chosen, per_channel=per_channel), {}
    assert isinstance(layer, Dense)
    return IntegerDense(layer, probe.chosen, per_channel=per_channel), {}


def _bytes_of(layer: Layer) -> int:
    if isinstance(layer, IntegerConv2D | IntegerDense):
        return layer.count_bytes
    return sum(array.nbytes for array in [*layer.params.values(), *layer.state.values()])
