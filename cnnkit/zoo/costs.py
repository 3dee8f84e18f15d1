"""What each layer of a network costs: parameters, multiply-adds, and numbers that it leaves in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnnkit.layers import Layer, Shape
from cnnkit.layers.containers import shapes_through
from cnnkit.network import Sequential


@dataclass(frozen=True)
class LayerCost:
    """One plain layer and its bill, for one example.

    Attributes:
        layer: the layer itself, for its name, kind and options.
        input_shape, output_shape: of one example.
        params: trained numbers.
        macs: multiply-adds.
        activations: numbers that the layer leaves in memory, as in ``Layer.count_activations``.
    """

    layer: Layer
    input_shape: Shape
    output_shape: Shape
    params: int
    macs: int
    activations: int

    @property
    def name(self) -> str:
        """The layer's name in its network, such as "residual/conv2d_1"."""
        return self.layer.name


def layer_costs(network: Sequential) -> list[LayerCost]:
    """Return the costs of every plain layer in order, those inside containers in the containers' places.

    Merging (an addition, a concatenation) has no weights and no multiply-adds; its output is left out here.
    """
    return list(_costs(network.layers, network.input_shape))


def _costs(layers: Sequence[Layer], input_shape: Shape) -> Iterator[LayerCost]:
    for layer, shape, output in shapes_through(layers, input_shape):
        if layer.sublayers():
            for row in layer.paths().values():
                yield from _costs(row, shape)
            continue
        yield LayerCost(
            layer,
            shape,
            output,
            layer.count_params(),
            layer.count_macs(shape),
            layer.count_activations(shape),
        )


PARTS = ("maps of 50 and more", "25 to 49", "12 to 24", "below 12", "dense")
"""Where a layer belongs by the side of its output; dense layers, and what works on tokens, come last."""


def cost_shares(network: Sequential) -> dict[str, dict[str, int]]:
    """Return parameters, multiply-adds and activations of a network, each summed by `PARTS`."""
    quantities = {"parameters": "params", "multiply-adds": "macs", "activations": "activations"}
    sums = {quantity: dict.fromkeys(PARTS, 0) for quantity in quantities}
    for cost in layer_costs(network):
        for quantity, attribute in quantities.items():
            sums[quantity][_part(cost.output_shape)] += getattr(cost, attribute)
    return sums


def _part(shape: Shape) -> str:
    if len(shape) < 3:
        return PARTS[-1]
    return next(part for part, least in zip(PARTS, (50, 25, 12, 1), strict=False) if max(shape[:2]) >= least)
