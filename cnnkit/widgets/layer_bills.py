"""What every layer of a network costs and sees, containers with what is inside: integers only, no weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnnkit.layers import Activation, Concat, Conv2D, Dense, Layer, Residual
from cnnkit.layers.attention import MultiHeadAttention, PatchEmbedding
from cnnkit.layers.base import Shape
from cnnkit.layers.containers import shapes_through
from cnnkit.network import Sequential
from cnnkit.shapes import ReceptiveField
from cnnkit.widgets.stages import FUNCTION_NAMES
from cnnkit.zoo import layer_costs

PARTS = ("convolution", "dense", "attention", "rest")

_WORDS = {
    "MaxPooling2D": "max pool",
    "AveragePooling2D": "average pool",
    "Subsampling": "subsampling",
    "GlobalAveragePooling2D": "global average",
    "BatchNormalization": "batch norm",
    "LayerNormalization": "layer norm",
    "LocalResponseNormalization": "local response norm",
    "ClassToken": "class token",
    "PositionEmbedding": "positions",
    "TakeToken": "take one token",
    "ScaledTanh": "scaled tanh",
    "RBFOutput": "RBF output",
    "TableConv2D": "conv with table",
}


@dataclass(frozen=True)
class Bill:
    """One layer of a network, for one example.

    Attributes:
        name: the layer's in its network, such as "residual_1/conv2d".
        label: what it is, in a few words.
        layer: the layer itself.
        depth: 0 in the network's own row, 1 inside a container, and so on.
        input_shape, output_shape: of one example.
        params, macs, activations: trained numbers, multiply-adds, numbers that it leaves in memory.
        field: what a unit of its output sees along the rows; None is everything.
        inner: the bills of what is inside a container, row by row.
    """

    name: str
    label: str
    layer: Layer
    depth: int
    input_shape: Shape
    output_shape: Shape
    params: int
    macs: int
    activations: int
    field: ReceptiveField | None
    inner: tuple["Bill", ...]


def bills(network: Sequential) -> list[Bill]:
    """Return a bill for each layer in the network's row, without dropout, which rests when it is used."""
    return list(_bills(network.layers, network.input_shape, ReceptiveField(1, 1, 0), 0))


def _bills(row: Sequence[Layer], shape: Shape, below: ReceptiveField | None, depth: int) -> Iterator[Bill]:
    for layer, input_shape, output_shape in shapes_through(row, shape):
        field = layer.field_above(below, input_shape, 0)
        activations = layer.count_activations(input_shape)
        if layer.kind != "Dropout":
            yield Bill(
                name=layer.name,
                label=describe(layer),
                layer=layer,
                depth=depth,
                input_shape=input_shape,
                output_shape=output_shape,
                params=layer.count_params(),
                macs=layer.count_macs(input_shape),
                activations=activations,
                field=field,
                inner=tuple(
                    bill
                    for path in layer.paths().values()
                    for bill in _bills(path, input_shape, below, depth + 1)
                ),
            )
        below = field


def unfolded(rows: Sequence[Bill], opened: Sequence[str]) -> list[Bill]:
    """Return the rows with what is inside of those named in `opened` behind them."""
    found = []
    for bill in rows:
        found.append(bill)
        if bill.name in opened:
            found += unfolded(bill.inner, opened)
    return found


def describe(layer: Layer) -> str:
    """Return what a layer is, such as "conv 3×3, 64, stride 2"."""
    if isinstance(layer, Conv2D):
        return _conv_words(layer)
    if isinstance(layer, Residual):
        return f"{'projected' if layer.shortcut else 'residual'} {_inside(layer.layers)}"
    if isinstance(layer, Concat):
        return f"{len(layer.branches)} branches, stacked"
    if isinstance(layer, Dense):
        return f"dense, {layer.out_features}"
    if isinstance(layer, PatchEmbedding):
        return f"patches {layer.patch_size}×{layer.patch_size}, {layer.dim}"
    if isinstance(layer, MultiHeadAttention):
        return f"attention, {layer.heads} heads"
    words = _WORDS.get(layer.kind, layer.kind.lower())
    window = getattr(layer, "kernel_size", None)
    if isinstance(layer, Activation):
        return FUNCTION_NAMES.get(layer.function, layer.function)
    return words if window is None else f"{words} {window[0]}×{window[1]}{_stride_words(layer)}"


def _conv_words(layer: Conv2D) -> str:
    groups = f", {layer.groups} groups" if layer.groups > 1 else ""
    high, wide = layer.kernel_size
    return f"conv {high}×{wide}, {layer.out_channels}{groups}{_stride_words(layer)}"


def _stride_words(layer: Layer) -> str:
    stride = getattr(layer, "stride", (1, 1))
    return "" if stride == (1, 1) else f", stride {stride[0]}"


def _inside(row: Sequence[Layer]) -> str:
    if any(isinstance(layer, MultiHeadAttention) for layer in row):
        return "attention"
    convolutions = [layer for layer in row if isinstance(layer, Conv2D)]
    if convolutions:
        return "-".join(f"{layer.kernel_size[0]}×{layer.kernel_size[1]}" for layer in convolutions)
    return f"{sum(isinstance(layer, Dense) for layer in row)} dense"


@dataclass(frozen=True)
class Totals:
    """What a network costs as a whole, and in which part of it that lives.

    Attributes:
        params, macs, activations: of the network.
        parts: the same three for each of `PARTS`.
    """

    params: int
    macs: int
    activations: int
    parts: dict[str, tuple[int, int, int]]

    def shares(self, place: int) -> dict[str, float]:
        """Return what share of count `place` (0 parameters, 1 multiply-adds, 2 activations) each part has."""
        whole = max(1, (self.params, self.macs, self.activations)[place])
        return {part: counts[place] / whole for part, counts in self.parts.items()}


@dataclass(frozen=True)
class Counted:
    """A network, its `bills` and its `totals`."""

    network: Sequential
    rows: list[Bill]
    sums: Totals


def totals(network: Sequential) -> Totals:
    """Return the sums over a network; merging of branches counts as "rest"."""
    sums = {part: [0, 0, 0] for part in PARTS}
    for cost in layer_costs(network):
        part = sums[_part(cost.layer)]
        for place, count in enumerate((cost.params, cost.macs, cost.activations)):
            part[place] += count
    whole = (network.count_params(), network.count_macs(), network.count_activations())
    merged = whole[2] - sum(part[2] for part in sums.values())
    sums["rest"][2] += merged
    return Totals(*whole, {part: (n[0], n[1], n[2]) for part, n in sums.items()})


def _part(layer: Layer) -> str:
    if isinstance(layer, Dense) or layer.kind == "RBFOutput":
        return "dense"
    if isinstance(layer, MultiHeadAttention):
        return "attention"
    return "convolution" if isinstance(layer, (Conv2D, PatchEmbedding)) or "Conv" in layer.kind else "rest"
