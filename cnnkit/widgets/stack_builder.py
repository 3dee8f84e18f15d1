"""StackBuilder: put layers on top of each other and see what any of their units sees of a photograph."""

from functools import cache
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from cnnkit import data, receptive
from cnnkit.errors import CnnkitError, OptionError
from cnnkit.stacks import KINDS, NETWORKS, Window
from cnnkit.widgets import stack_text
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.control_kinds import Button, Control, Range, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.stack_text import Seen
from cnnkit.widgets.tensor_view import TensorView, input_window, window

OWN = "your own stack"
PARTS = ("kind", "kernel_size", "stride", "padding", "dilation")
NEW_LAYER = Window(3, 1, 1)
MAX_LAYERS, MAX_KERNEL, MAX_STRIDE, MAX_PADDING, MAX_DILATION = 60, 11, 4, 8, 8
IMAGE_SIZES = (32, 64, 128, 224, 227)


def _own(value: int, least: int, most: int) -> Any:
    return traitlets.Int(value, min=least, max=most).tag(state=True)


class StackBuilder(ChapterWidget):
    """Add, change and remove layers, or start from a well-known network; click a unit to see its field.

    State, all of it settable: `network` (a name of ``stacks.NETWORKS``), `photo`, `image_size` (pixels a
    side), `windows` (the layers, from the input upwards), `layer` (whose map is shown; 0 is the input),
    `unit` (row, column in that map), and the geometry of that layer: `kind`, `kernel_size`, `stride`,
    `padding`, `dilation`. Results: `fields` and `sizes` (of the input and every layer), `seen` (the pixels
    by each of the three methods), `feature_map`, and the sentences `summary`, `recurrence`, `unit_text`,
    `agreement`, `effective`.

    Raises ShapeError for a layer whose window does not fit, OptionError for unknown names.
    """

    network = traitlets.Unicode("conv, pool, conv").tag(state=True)
    photo = traitlets.Unicode("astronaut").tag(state=True)
    image_size = traitlets.Int(32, min=8, max=256).tag(state=True)
    windows = traitlets.Tuple().tag(state=True)
    layer = traitlets.Int(0, min=0).tag(state=True)
    unit = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(state=True)
    kind = traitlets.Enum(KINDS, KINDS[0]).tag(state=True)
    kernel_size, stride = _own(3, 1, MAX_KERNEL), _own(1, 1, MAX_STRIDE)
    padding, dilation = _own(0, 0, MAX_PADDING), _own(1, 1, MAX_DILATION)
    # What was chosen last: it tells a new network or layer from a changed one.
    _chosen = traitlets.Tuple(("", -1, ())).tag(state=True)

    feature_map = FloatArray("H", "W")
    fields: Any = traitlets.List()
    sizes: Any = traitlets.List()
    seen = traitlets.Instance(Seen, allow_none=True)
    summary = traitlets.Unicode()
    recurrence = traitlets.Unicode()
    unit_text = traitlets.Unicode()
    agreement = traitlets.Unicode()
    effective = traitlets.Unicode()

    def __init__(self, network: str = "conv, pool, conv", **state: Any) -> None:
        super().__init__()
        self.network = network
        self._choose_network()
        self._mapped: tuple[Any, ...] = ()
        self._reach: NDArray[np.bool_]
        self._listed: tuple[str, ...] = ()
        for name, value in state.items():
            setattr(self, name, value)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Compute the fields of every layer and what the chosen unit sees, and hand it to the views."""
        self._choose_network()
        _check_windows(self.windows)
        self._change_layer()
        size = (self.image_size, self.image_size)
        self.sizes = receptive.map_sizes(self.windows, size)
        self.fields = receptive.fields(self.windows)
        self._compute_map()
        height, width = self.feature_map.shape
        self.unit = (min(self.unit[0], height - 1), min(self.unit[1], width - 1))
        self._see()
        self._show()

    def _choose_network(self) -> None:
        """Take the layers of a newly chosen network, and show its last map; else note layers of one's own."""
        chosen = self._chosen[0]
        if self.network == chosen:
            if self.network != OWN and self.windows != NETWORKS[self.network].windows:
                self.network = OWN
        elif self.network != OWN:
            if self.network not in NETWORKS:
                raise OptionError(f"network is {self.network!r}; expected one of {', '.join(NETWORKS)}")
            network = NETWORKS[self.network]
            self.windows, self.image_size = network.windows, network.input_size
            self.layer = len(self.windows)
            last = receptive.map_sizes(self.windows, (self.image_size,) * 2)[-1]
            self.unit = (last[0] // 2, last[1] // 2)
            self._chosen = (self.network, -1, ())

    def _change_layer(self) -> None:
        """Load the numbers of a newly chosen layer, or write changed numbers into the chosen one."""
        self.layer = min(self.layer, len(self.windows))
        number, loaded = self._chosen[1:]
        current = self.windows[self.layer - 1] if self.layer else None
        parts = tuple(getattr(self, name) for name in PARTS)
        if current is not None and number == self.layer and loaded not in ((), parts):
            current = Window(**dict(zip(PARTS, parts, strict=True)))
            self.windows = (*self.windows[: self.layer - 1], current, *self.windows[self.layer :])
            self.network = OWN
        if current is not None:
            for name in PARTS:
                setattr(self, name, getattr(current, name))
        parts = tuple(getattr(self, name) for name in PARTS)
        self._chosen = (self.network, self.layer, parts)

    def _compute_map(self) -> None:
        """Run the layers up to the chosen one; again only when one of them or the photograph changed."""
        below = self.windows[: self.layer]
        key = (below, self.photo, self.image_size)
        if key == self._mapped:
            return
        gray = _photo(self.photo, self.image_size).mean(axis=2, dtype=np.float64)
        self.feature_map = receptive.forward(below, gray[..., np.newaxis])[..., 0]
        # Windows are square here, so both axes are disturbed alike.
        self._reach = receptive.disturbances(below, self.image_size)
        self._mapped = key

    def _see(self) -> None:
        below, size = self.windows[: self.layer], (self.image_size, self.image_size)
        share = receptive.gradient_share(below, size, self.unit)
        self.seen = Seen(
            field=self.fields[self.layer],
            unit=self.unit,
            computed=receptive.computed_field(below, size, self.unit),
            gradient=share > 0,
            perturbed=self._reach[:, self.unit[0], np.newaxis] & self._reach[:, self.unit[1]],
            share=share,
        )
        current = self.windows[self.layer - 1] if self.layer else None
        below_field = self.fields[max(self.layer - 1, 0)]
        about = "" if self.network == OWN else f" {NETWORKS[self.network].about}"
        self.summary = stack_text.summary(self.windows, self.fields, self.sizes) + about
        self.recurrence = stack_text.recurrence(current, below_field, self.fields[self.layer])
        self.unit_text = stack_text.unit_text(self.seen)
        self.agreement = stack_text.agreement(self.seen)
        self.effective = stack_text.effective(self.seen)

    # ---- changing the stack

    def add(self) -> None:
        """Put a 3×3 convolution that keeps the size above the chosen layer, and choose it.

        Raises OptionError when there are `MAX_LAYERS` already.
        """
        if len(self.windows) >= MAX_LAYERS:
            raise OptionError(f"the stack has {len(self.windows)} layers; expected at most {MAX_LAYERS}")
        with self.changing():
            self.windows = (*self.windows[: self.layer], NEW_LAYER, *self.windows[self.layer :])
            self.layer += 1
            self._chosen = (self._chosen[0], -1, ())

    def remove(self) -> None:
        """Take the chosen layer away, and choose the one below. Raises OptionError for the input."""
        if not self.layer:
            raise OptionError("layer 0 is the image itself; choose a layer to remove")
        with self.changing():
            self.windows = (*self.windows[: self.layer - 1], *self.windows[self.layer :])
            self.layer -= 1
            self._chosen = (self._chosen[0], -1, ())

    def _pressed(self, name: str, _presses: int) -> None:
        self._settings.messages = {}
        try:
            {"add": self.add, "remove": self.remove}[name]()
        except CnnkitError as error:
            self._settings.say(name, str(error))

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(
            self._setting_controls(["0. the image"]),
            label="Stack settings",
            layout=flexible("1 1 230px", 300),
        )
        self._map = _view("map", 300, pointer="click")
        self._photo = _view("photo", 300, pointer="none", readout=False)
        small: dict[str, Any] = {"pointer": "none", "readout": False}
        self._gradient, self._perturbed = (_view("", 190, **small) for _ in range(2))
        self._share = _view("", 190, cmap="positive", **small)
        self._texts = Controls(
            [
                Readout("summary", "The stack", wide=True, lines=2),
                Readout("recurrence", "This layer", wide=True),
                Readout("unit_text", "This unit", wide=True, lines=2),
                Readout("agreement", "Three methods", wide=True, lines=2),
                Readout("effective", "Effective field, all weights equal", wide=True, lines=2),
            ],
            label="Stack results",
        )
        self._map.observe(self._pointed_at, "cursor")
        self._settings.on_change(self._pressed, "add", "remove")
        large = ipywidgets.HBox([self._map, self._photo], layout=wrapping())
        others = ipywidgets.HBox([self._gradient, self._perturbed, self._share], layout=wrapping())
        right = ipywidgets.VBox([large, others, self._texts], layout=flexible("3 1 420px", 700))
        self.start([self._settings], [ipywidgets.HBox([self._settings, right], layout=wrapping())])

    def _setting_controls(self, layers: list[str]) -> list[Control]:
        own = (OWN,) if self.network == OWN else ()
        sizes = sorted({*IMAGE_SIZES, self.image_size})
        return [
            Select("network", "Network", (*NETWORKS, *own)),
            Select("photo", "Photo", tuple(data.photo_names())),
            Select("image_size", "Image, pixels a side", tuple((f"{n} × {n}", n) for n in sizes)),
            Select("layer", "Layer to look at", tuple((text, n) for n, text in enumerate(layers))),
            Select("kind", "Kind", KINDS),
            Range("kernel_size", "Kernel size", 3, minimum=1, maximum=MAX_KERNEL),
            Range("stride", "Stride", 1, minimum=1, maximum=MAX_STRIDE),
            Range("padding", "Padding", 0, maximum=MAX_PADDING),
            Range("dilation", "Dilation", 1, minimum=1, maximum=MAX_DILATION),
            Button("add", "Add a layer above"),
            Button("remove", "Remove this layer"),
        ]

    def _show(self) -> None:
        """Hand everything computed to the views and the panels."""
        assert self.seen is not None
        picture = _photo(self.photo, self.image_size)
        height, width = self.feature_map.shape
        with self._map.hold_sync():
            self._map.title = f"map of layer {self.layer}, {height} × {width}: click a unit"
            self._map.show(self.feature_map, cmap="gray")
            self._map.cursor = list(self.unit)
        field = self.seen.field
        with self._photo.hold_sync():
            self._photo.title = f"field computed: {field.size} × {field.size}"
            self._photo.show(picture)
            self._photo.link = input_window(
                self._map, (field.size,) * 2, stride=(field.jump,) * 2, padding=(-field.start,) * 2
            )
        self._show_measured(picture)
        self._show_settings()

    def _show_measured(self, picture: NDArray[Any]) -> None:
        from cnnkit.figures import lit

        assert self.seen is not None
        for view, mask, name in (
            (self._gradient, self.seen.gradient, "by gradient"),
            (self._perturbed, self.seen.perturbed, "by perturbation"),
        ):
            with view.hold_sync():
                view.title = f"{name}: {int(mask.sum()):,}"
                view.show(lit(picture, mask))
        with self._share.hold_sync():
            self._share.title = "how much each counts"
            self._share.show(self.seen.share / (self.seen.share.max() or 1.0), limits=(0, 1))
            self._share.windows = [window(*self.seen.inside, color="orange")]

    def _show_settings(self) -> None:
        names = ["0. the image"] + [
            stack_text.layer_name(number, layer, self.sizes[number], self.fields[number])
            for number, layer in enumerate(self.windows, start=1)
        ]
        listed = (self.network, str(self.image_size), *names)
        if listed != self._listed:
            self._listed = listed
            self._settings.replace(self._setting_controls(names))
        self._settings.disabled = [] if self.layer else [*PARTS, "remove"]
        names_of_texts = ("summary", "recurrence", "unit_text", "agreement", "effective")
        self._texts.set(**{name: getattr(self, name) for name in names_of_texts})

    def _pointed_at(self, change: Any) -> None:
        if not self._quiet and change.new and tuple(change.new) != self.unit:
            self.unit = tuple(change.new)

    # ---- without a browser

    def digest(self) -> str:
        """Return the stack, the chosen layer and every sentence on display as text."""
        return "\n".join(
            [
                f"Stack builder: {self.network} on {self.photo}, {self.image_size} pixels a side",
                self.summary,
                f"Layer {self.layer}: {self.recurrence}",
                self.unit_text,
                self.agreement,
                self.effective,
            ]
        )

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 10.0, 2.5

    def draw(self, figure: Any) -> None:
        """Draw the map with its unit, the computed field, the measured ones and the shares."""
        from cnnkit.figures import draw_stack_builder

        assert self.seen is not None
        draw_stack_builder(
            _photo(self.photo, self.image_size),
            self.feature_map,
            self.unit,
            (*self.seen.inside, "orange"),
            {"by gradient": self.seen.gradient, "by perturbation": self.seen.perturbed},
            self.seen.share,
            figure,
        )


def _check_windows(windows: tuple[Any, ...]) -> None:
    """Raise OptionError unless every layer is a square window, as the controls can show it."""
    for number, layer in enumerate(windows, start=1):
        parts = [getattr(layer, name, None) for name in PARTS[1:]]
        if not all(isinstance(part, int) for part in parts):
            raise OptionError(f"layer {number} is {layer!r}; expected a Window with one number for each part")


@cache
def _photo(name: str, size: int) -> NDArray[Any]:
    return data.photo(name, size=size)


def _view(title: str, size: int, *, cmap: str = "gray", **traits: Any) -> TensorView:
    return TensorView(
        [[0.0]],
        title=title or "field",
        cmap=cmap,
        numbers=False,
        width=size,
        height=size,
        layout=flexible(f"1 1 {size - 60}px", size + 6),
        **traits,
    )
