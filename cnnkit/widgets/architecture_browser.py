"""ArchitectureBrowser: the famous networks layer by layer, what each layer costs, and two side by side."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import ipywidgets
import traitlets

from cnnkit import zoo
from cnnkit.errors import OptionError
from cnnkit.network import Sequential
from cnnkit.widgets import architecture_table, architecture_text
from cnnkit.widgets.architecture_table import FULL
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.control_kinds import Button, Control, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.layer_bills import Bill, Counted, Totals, bills, totals, unfolded
from cnnkit.widgets.sliding import number

NETWORKS: dict[str, Callable[..., Sequential]] = {
    "LeNet-5": zoo.lenet5,
    "LeNet-5, original": lambda **options: zoo.lenet5("sparse", **options),
    "AlexNet": zoo.alexnet,
    "AlexNet, two towers": lambda **options: zoo.alexnet(2, **options),
    "VGG-16": zoo.vgg16,
    "GoogLeNet": zoo.googlenet,
    "ResNet-18": zoo.resnet18,
    "ResNet-34": zoo.resnet34,
    "ResNet-50": zoo.resnet50,
    "ViT-B/16": zoo.vit_b16,
}
"""What makes each network, by its name; `input_shape` makes it for pictures of another size."""

ONE_WIDTH = {"LeNet-5", "LeNet-5, original", "ViT-B/16"}
"""Networks that the zoo makes in their published width only."""
NONE = "none"
PUBLISHED = 0
WIDTHS = (0.25, 0.5, 1.0, 2.0)
SIZES = (32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)


class ArchitectureBrowser(ChapterWidget):
    """Choose a network and walk through its layers; change the input's size; put another one beside it.

    State, all of it settable: `network` and `other`, names of NETWORKS (`other` may be `NONE`); `size`, the
    input's rows and columns, or `PUBLISHED`; `width`, by which the channels of all layers but the last are
    multiplied, in networks outside ONE_WIDTH; `layer` and `other_layer`, the rows of the tables that are
    explained; `opened`, names of the containers whose inside is shown, in both tables.
    Results: `rows` and `other_rows`, the bills on display; `sums` and `other_sums`, each network's `Totals`;
    `changed`, names of layers whose weights do not fit this size of input; and the sentences `summary`,
    `layer_text`, `other_text`, `scaling`, `comparison`.

    Raises OptionError for unknown names, ShapeError for a size that a network cannot take.
    """

    network = traitlets.Unicode("VGG-16").tag(state=True)
    other = traitlets.Unicode(NONE).tag(state=True)
    size = traitlets.Int(PUBLISHED, min=0, max=1024).tag(state=True)
    width = traitlets.Float(1.0, min=0.05, max=4.0).tag(state=True)
    layer = traitlets.Int(0, min=0).tag(state=True)
    other_layer = traitlets.Int(0, min=0).tag(state=True)
    opened = traitlets.Tuple().tag(state=True)

    rows: Any = traitlets.List()
    other_rows: Any = traitlets.List()
    sums = traitlets.Instance(Totals, allow_none=True)
    other_sums = traitlets.Instance(Totals, allow_none=True)
    changed: Any = traitlets.List(traitlets.Unicode())
    summary = traitlets.Unicode()
    layer_text = traitlets.Unicode()
    other_text = traitlets.Unicode()
    scaling = traitlets.Unicode()
    comparison = traitlets.Unicode()

    def __init__(self, network: str = "VGG-16", **state: Any) -> None:
        super().__init__()
        self.network = network
        self._drawn: tuple[Any, ...] = ()
        for name, value in state.items():
            setattr(self, name, value)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Count the networks for this size of input, and explain the chosen layers."""
        names = [self.network] if self.other == NONE else [self.network, self.other]
        self.width = 1.0 if self.network in ONE_WIDTH else self.width
        now = [count(name, self.size, self.width) for name in names]
        published = [count(name, PUBLISHED, self.width) for name in names]
        changes = [
            architecture_text.changed_layers(before.rows, after.rows)
            for before, after in zip(published, now, strict=True)
        ]
        self.sums, self.changed = now[0].sums, changes[0]
        self.rows = unfolded(now[0].rows, self.opened)
        self.layer = min(self.layer, len(self.rows) - 1)
        self.summary = architecture_text.summary(self.network, now[0].network, now[0].sums)
        self.layer_text = architecture_text.layer_text(self.rows[self.layer])
        self.scaling = architecture_text.scaling(
            count(self.network, PUBLISHED), now[0], self.width, self.changed
        )
        self._put_beside(now[1:])
        self._show(changes)

    def _put_beside(self, others: list[Counted]) -> None:
        """Do the same for the second network, if there is one, and relate the two."""
        self.other_rows, self.other_sums, self.other_text, self.comparison = [], None, "", ""
        for other in others:
            assert self.sums is not None
            self.other_sums, self.other_rows = other.sums, unfolded(other.rows, self.opened)
            self.other_layer = min(self.other_layer, len(self.other_rows) - 1)
            self.other_text = architecture_text.layer_text(self.other_rows[self.other_layer])
            self.comparison = (
                f"{architecture_text.summary(self.other, other.network, other.sums)} "
                f"{architecture_text.comparison((self.network, self.other), (self.sums, other.sums))}"
            )

    def open_or_close(self) -> None:
        """Show what is inside the chosen layer, or no more. Raises OptionError for a layer with no inside."""
        bill = self.rows[self.layer]
        if not bill.inner:
            raise OptionError(f"{bill.label} is a plain layer; choose a row with a triangle")
        others = tuple(name for name in self.opened if name != bill.name)
        self.opened = others if len(others) < len(self.opened) else (*self.opened, bill.name)

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(_setting_controls(self.size, self.width), label="Which network")
        self._tables = [Chart(title="", layout=flexible("1 1 380px", FULL + 6)) for _ in range(2)]
        self._bills = Controls([], label="The chosen layers")
        self._shares = Chart(
            title="Where parameters, work and memory live", layout=flexible("1 1 auto", FULL + 6)
        )
        self._texts = Controls(
            [
                Readout("summary", "Sums", wide=True, lines=2),
                Readout("scaling", "What scales", wide=True, lines=2),
                Readout("comparison", "Side by side", wide=True, lines=2),
            ],
            label="The network as a whole",
        )
        for table, name in zip(self._tables, ("layer", "other_layer"), strict=True):
            table.observe(partial(self._pointed_at, name), "cursor")
        self._shares.observe(self._share_pointed_at, "cursor")
        self._settings.on_change(self._pressed, "open")
        tables = ipywidgets.HBox(self._tables, layout=wrapping())
        self.start([self._settings], [self._settings, self._texts, tables, self._bills, self._shares])

    def _show(self, changes: list[list[str]]) -> None:
        """Hand everything computed to the views and the panels."""
        names = (self.network, self.other)
        tables = [self.rows, self.other_rows] if self.other_rows else [self.rows]
        full = architecture_table.most(tables)
        narrow = len(tables) > 1
        for side, (rows, place) in enumerate(zip(tables, (self.layer, self.other_layer), strict=False)):
            drawing = architecture_table.layer_table(
                names[side], rows, full, opened=self.opened, changed=changes[side], narrow=narrow
            )
            table = self._tables[side]
            table.show(drawing, at=(place, 0), text=architecture_table.row_text(rows[place]))
            table.title = f"{names[side]}, layer by layer"
            table.layout.max_width = f"{drawing.width + 6}px"
        self._tables[1].layout.display = None if narrow else "none"
        self._show_shares()
        self._show_texts()

    def _show_texts(self) -> None:
        comparison = self.comparison or "Choose a second network."
        self._texts.set(summary=self.summary, scaling=self.scaling, comparison=comparison)
        readouts = [Readout("layer_text", f"Chosen in {self.network}", wide=True, lines=2)]
        if self.other_rows:
            readouts.append(Readout("other_text", f"Chosen in {self.other}", wide=True, lines=2))
        self._bills.replace(readouts)
        self._bills.set(**{readout.name: getattr(self, readout.name) for readout in readouts})
        self._settings.replace(_setting_controls(self.size, self.width))
        fixed = ["width"] if self.network in ONE_WIDTH else []
        self._settings.disabled = fixed + ([] if self.rows[self.layer].inner else ["open"])

    def _networks(self) -> dict[str, Totals]:
        assert self.sums is not None
        found = {self.network: self.sums}
        if self.other_sums is not None and self.other != self.network:
            found[self.other] = self.other_sums
        return found

    def _show_shares(self) -> None:
        drawing = architecture_table.share_bars(self._networks())
        row = min(self._shares.cursor[0], drawing.rows - 1)
        text = architecture_table.share_text(*architecture_table.share_rows(self._networks())[row])
        self._shares.show(drawing, at=(row, 0), text=text)

    def _pointed_at(self, name: str, change: Any) -> None:
        if not self._quiet:
            setattr(self, name, change.new[0])

    def _share_pointed_at(self, _change: Any) -> None:
        if not self._quiet:
            self._quiet = True
            self._show_shares()
            self._quiet = False

    def _pressed(self, _name: str, _presses: int) -> None:
        if not self._quiet:
            self.open_or_close()

    # ---- without a browser

    def digest(self) -> str:
        """Return the table of the layers and every sentence on display as text."""
        lines = [self.summary, self.scaling, *([self.comparison] if self.comparison else [])]
        for name, rows in zip((self.network, self.other), (self.rows, self.other_rows), strict=True):
            lines += [f"{name}: {_row_text(bill)}" for bill in rows]
        return "\n".join([*lines, f"Layer {self.layer}: {self.layer_text}"])

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        rows = max(len(self.rows), len(self.other_rows))
        return 9.5, 0.8 + 0.2 * rows

    def draw(self, figure: Any) -> None:
        """Draw the parameters and the multiply-adds of every layer as bars."""
        from cnnkit.figures import draw_layer_bills

        tables = {
            name: [("  " * bill.depth + bill.label, bill.params, bill.macs) for bill in rows]
            for name, rows in ((self.network, self.rows), (self.other, self.other_rows))
            if rows
        }
        draw_layer_bills(tables, figure)


@cache
def count(name: str, size: int, width: float = 1.0) -> Counted:
    """Return a network for square pictures of `size` pixels a side, or as published, and what it costs.

    `width` multiplies the channels, where the zoo offers that. No weights are drawn. Raises OptionError for
    an unknown name, ShapeError for a size that the network cannot take.
    """
    if name not in NETWORKS:
        raise OptionError(f"network is {name!r}; expected one of {', '.join(NETWORKS)}")
    options: dict[str, Any] = {} if name in ONE_WIDTH else {"width": width}
    if size != PUBLISHED:
        options["input_shape"] = (size, size, count(name, PUBLISHED).network.input_shape[2])
    network = NETWORKS[name](**options)
    return Counted(network, bills(network), totals(network))


def _setting_controls(size: int, width: float) -> list[Control]:
    sizes = sorted({*SIZES, size} - {PUBLISHED})
    widths = sorted({*WIDTHS, width})
    return [
        Select("network", "Network", tuple(NETWORKS), "VGG-16"),
        Select("size", "Input", (("as published", PUBLISHED), *((f"{n} × {n}", n) for n in sizes))),
        Select("width", "Width", tuple((f"× {number(w)}", w) for w in widths), 1.0),
        Select("other", "Beside it", (NONE, *NETWORKS)),
        Button("open", "Open or close this block"),
    ]


def _row_text(bill: Bill) -> str:
    shape = architecture_table.shape_text(bill.output_shape)
    field = "all" if bill.field is None else str(bill.field.size)
    counts = f"{bill.params:,} parameters, {bill.macs:,} multiply-adds, {bill.activations:,} activations"
    return f"{'  ' * bill.depth}{bill.label} -> {shape}, {counts}, sees {field}"
