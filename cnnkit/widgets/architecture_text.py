"""What the architecture browser says: sums over a network, one layer's bill with its formula, what scales."""

from collections.abc import Sequence

from cnnkit.layers import Conv2D, Dense
from cnnkit.network import Sequential
from cnnkit.shapes import ReceptiveField
from cnnkit.widgets.architecture_table import BYTES, shape_text, short
from cnnkit.widgets.layer_bills import Bill, Counted, Totals
from cnnkit.widgets.sliding import number


def summary(name: str, network: Sequential, sums: Totals) -> str:
    """Return the sums over a network in a sentence."""
    field = network.receptive_field()
    weights = f"{sums.params:,} parameters ({_megabytes(sums.params)})"
    return (
        f"{name} on {shape_text(network.input_shape)}: {weights}; "
        f"{short(sums.macs, digits=4)} multiply-adds; {sums.activations:,} activations "
        f"({_megabytes(sums.activations)}). Before a layer sees everything, a unit sees {field.size} × "
        f"{field.size} pixels."
    )


def _megabytes(count: int) -> str:
    return f"{number(float(f'{BYTES * count / 1e6:.3g}'))} MB"


def layer_text(bill: Bill) -> str:
    """Return one layer's bill, with the formulas where there is one weight array."""
    parts = [f"{bill.label}: {shape_text(bill.input_shape)} → {shape_text(bill.output_shape)}"]
    parts.append(f"parameters {_formula(_params_formula(bill), bill.params)}")
    parts.append(f"multiply-adds {_formula(_macs_formula(bill), bill.macs)}")
    parts.append(f"activations {bill.activations:,} ({_megabytes(bill.activations)})")
    return f"{'; '.join(parts)}; {field_text(bill.field)}."


def field_text(field: ReceptiveField | None) -> str:
    """Return what a unit sees."""
    if field is None:
        return "sees the whole picture"
    pixels = "pixel" if field.size == 1 else "pixels"
    return f"sees {field.size} × {field.size} {pixels}, jump {field.jump}"


def _formula(formula: str, result: int) -> str:
    return f"{formula} = {result:,}" if formula and result else f"{result:,}"


def _params_formula(bill: Bill) -> str:
    layer = bill.layer
    if isinstance(layer, Conv2D):
        high, wide = layer.kernel_size
        weights = f"{high}·{wide}·{bill.input_shape[-1] // layer.groups}·{layer.out_channels}"
        return weights + (f" + {layer.out_channels}" if layer.bias else "")
    if isinstance(layer, Dense):
        bias = f" + {layer.out_features}" if layer.bias else ""
        return f"{bill.input_shape[-1]}·{layer.out_features}{bias}"
    return ""


def _macs_formula(bill: Bill) -> str:
    layer = bill.layer
    if isinstance(layer, Conv2D):
        high, wide = layer.kernel_size
        rows, columns, channels = bill.output_shape
        return f"{rows}·{columns}·{channels} · {high}·{wide}·{bill.input_shape[-1] // layer.groups}"
    if isinstance(layer, Dense):
        return "·".join(map(str, (*bill.input_shape, layer.out_features)))
    return ""


def changed_layers(published: Sequence[Bill], now: Sequence[Bill]) -> list[str]:
    """Return the names of plain layers whose weights have another size than in the published network."""
    names = []
    for before, after in zip(published, now, strict=True):
        if before.inner:
            names += changed_layers(before.inner, after.inner)
        elif before.params != after.params:
            names.append(after.name)
    return names


def scaling(published: Counted, now: Counted, width: float, changed: Sequence[str]) -> str:
    """Return what another input size and another `width` do to the counts.

    `changed` names the layers whose weights another input size does not fit.
    """
    (before, after), size = (published.sums, now.sums), published.network.input_shape
    pixels = _ratio(size[0] * size[1], now.network.input_shape[0] * now.network.input_shape[1])
    causes = [f"{pixels} the pixels of {shape_text(size)}"] if size != now.network.input_shape else []
    causes += [f"layers × {number(width)} as wide"] if width != 1 else []
    if not causes:
        return "This is the published size. Choose another one, and see what scales."
    names = {"multiply-adds": "macs", "activations": "activations", "parameters": "params"}
    ratios = [f"{what} {_ratio(getattr(before, name), getattr(after, name))}" for what, name in names.items()]
    text = f"With {' and '.join(causes)}: {', '.join(ratios)}."
    if width != 1:
        return f"{text} Weights trained at another width fit nowhere."
    if not changed:
        return f"{text} No layer's weights depend on the size: trained ones still fit."
    return f"{text} Trained weights no longer fit where a ✱ stands ({', '.join(changed)})."


def _ratio(before: int, after: int) -> str:
    return f"× {number(float(f'{after / before:.3g}'))}"


def comparison(names: tuple[str, str], sums: tuple[Totals, Totals]) -> str:
    """Return how two networks relate."""
    first, second = sums
    parts = []
    for what in ("params", "macs", "activations"):
        mine, other = getattr(first, what), getattr(second, what)
        parts.append(f"{number(float(f'{mine / other:.3g}'))} times the {_NAMES[what]}")
    return f"{names[0]} has {', '.join(parts[:-1])} and {parts[-1]} of {names[1]}."


_NAMES = {"params": "parameters", "macs": "multiply-adds", "activations": "activations"}
