"""KernelLab: any kernel on any photograph, with the feature map beside it while it changes."""

from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from cnnkit import data
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import parallel
from cnnkit.kernels.geometry import Geometry, conv_geometry
from cnnkit.widgets import kernel_choice
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.control_kinds import Checkbox, Control, File, Matrix, Range, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.kernel_choice import OWN as OWN_KERNEL
from cnnkit.widgets.sliding import enclosed, number
from cnnkit.widgets.tensor_view import TensorView, input_window

OWN_IMAGE = "your own image"
PADDINGS = ("same", "valid", "full")
ACTIVATIONS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "none": lambda y: y,
    "ReLU": lambda y: np.maximum(y, 0),
    "absolute value": np.abs,
}
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in cnnkit.data.photo
MAX_TERMS = 25
"""A longer sum is counted rather than written out."""


class KernelLab(ChapterWidget):
    """Edit a kernel, choose a preset, a photograph or an image of one's own, and see the feature map at once.

    State, all of it settable: `photo` (a name of ``data.photo_names()``), `image` (H, W) in [0, 1], `preset`,
    `kernel_size` (KH, KW), `kernel` (KH, KW), `orientation` (degrees, Gabor only), `stride`, `padding`
    ("same", "valid", "full"), `flip`, `bias`, `activation` ("none", "ReLU", "absolute value").
    Results: `y` (H_out, W_out) float32, `position`, `value`, `products` (KH, KW), `equation`, `statistics`.

    Raises ShapeError for a kernel that is too large or does not fit, OptionError for unknown names.
    """

    photo = traitlets.Unicode("camera").tag(state=True)
    image = FloatArray("H", "W", dtype=np.float32).tag(state=True)
    preset = traitlets.Unicode("Sobel x").tag(state=True)
    kernel_size = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(3, 3)).tag(state=True)
    kernel = FloatArray("KH", "KW").tag(state=True)
    orientation = traitlets.Float(0.0, min=0, max=180).tag(state=True)
    stride = traitlets.Int(1, min=1, max=8).tag(state=True)
    padding = traitlets.Enum(PADDINGS, "same").tag(state=True)
    flip = traitlets.Bool(False).tag(state=True)
    bias = traitlets.Float(0.0, min=-2, max=2).tag(state=True)
    activation = traitlets.Enum(tuple(ACTIVATIONS), "none").tag(state=True)
    # What the image and the kernel were last made from: it tells a new choice from a new array.
    _made_image = traitlets.Tuple(("", None)).tag(state=True)
    _made_kernel = traitlets.Tuple(("", 0.0, None)).tag(state=True)

    y = FloatArray("H_out", "W_out", dtype=np.float32)
    products = FloatArray("KH", "KW")
    position = traitlets.Tuple((0, 0))
    value = traitlets.Float(0.0)
    equation = traitlets.Unicode()
    statistics = traitlets.Unicode()

    def __init__(self, image: ArrayLike | None = None, kernel: ArrayLike | None = None, **state: Any) -> None:
        self._own_image: NDArray[Any] | None = None
        self._geometry: Geometry
        self._range = (0.0, 0.0)
        self._choices: tuple[bool, tuple[int, int]] = (False, (3, 3))
        super().__init__(**state)
        self._made_image = ("", self.image)
        self._made_kernel = ("", 0.0, self.kernel)
        if image is not None:
            self.image = image
        if kernel is not None:
            self.kernel = kernel
        self._build()

    # ---- computing

    def update(self) -> None:
        """Compute the feature map and hand it to the views."""
        self._choose_image()
        self._choose_kernel()
        self._geometry = conv_geometry(self.image.shape, self.kernel.shape, self.stride, self.padding, 1)
        y = parallel.conv2d(
            self.image[:, :, np.newaxis],
            self._weights().astype(np.float32)[:, :, np.newaxis, np.newaxis],
            np.array([self.bias], np.float32),
            stride=self.stride,
            padding=self.padding,
        )
        self.y = ACTIVATIONS[self.activation](y[:, :, 0])
        self._range = _finite_range(self.y)
        self._show_maps()
        self._visit()

    def _choose_image(self) -> None:
        """Load a newly chosen photograph; an image that was set is the learner's own."""
        chosen, known = self._made_image
        if self.image is not known:
            self._own_image, self.photo = self.image, OWN_IMAGE
        elif self.photo == chosen:
            return
        elif self.photo != OWN_IMAGE:
            self.image = data.photo(self.photo, mode="gray")
        elif self._own_image is not None:
            self.image = self._own_image
        else:
            raise OptionError(f"photo is {OWN_IMAGE!r}, but there is none yet; set image, or bring a file")
        self._made_image = (self.photo, self.image)

    def _choose_kernel(self) -> None:
        """Take a newly chosen preset, size or orientation; a kernel that was edited is the learner's own."""
        chosen, angle, known = self._made_kernel
        if self.kernel is not known:
            self.preset = OWN_KERNEL
        elif self.preset != chosen and self.preset != OWN_KERNEL:
            self.kernel = self._preset(None)
        elif self.kernel_size != self.kernel.shape:
            fitting = None if self.preset == OWN_KERNEL else self._preset(self.kernel_size)
            self.preset = OWN_KERNEL if fitting is None else self.preset
            self.kernel = kernel_choice.resized(self.kernel, self.kernel_size) if fitting is None else fitting
        elif self.orientation != angle and self.preset == "Gabor":
            self.kernel = self._preset(self.kernel_size)
        self.kernel_size = self.kernel.shape
        self._made_kernel = (self.preset, self.orientation, self.kernel)
        if max(self.kernel.shape) > kernel_choice.MAX_SIDE or not np.isfinite(self.kernel).all():
            side = kernel_choice.MAX_SIDE
            raise ShapeError(
                f"kernel has shape {self.kernel.shape}; expected finite numbers, at most {side} x {side}"
            )

    def _preset(self, size: tuple[int, int] | None) -> NDArray[Any] | None:
        if self.preset not in kernel_choice.NAMES:
            raise OptionError(f"preset is {self.preset!r}; expected one of {', '.join(kernel_choice.NAMES)}")
        return kernel_choice.preset(self.preset, size, self.orientation)

    def _weights(self) -> NDArray[np.float64]:
        """Return the kernel as it meets the window."""
        kernel: NDArray[np.float64] = self.kernel
        return kernel[::-1, ::-1] if self.flip else kernel

    def _window(self, i: int, j: int) -> NDArray[np.float64]:
        """Return what output (i, j) reads, (KH, KW), zeros outside of the image."""
        height, width = self.kernel.shape
        top, left = (
            start * self.stride - pad[0] for start, pad in zip((i, j), self._geometry.padding, strict=True)
        )
        rows, columns = np.arange(top, top + height), np.arange(left, left + width)
        inside = [(at >= 0) & (at < size) for at, size in zip((rows, columns), self.image.shape, strict=True)]
        window = np.zeros((height, width))
        window[np.ix_(*inside)] = self.image[np.ix_(rows[inside[0]], columns[inside[1]])]
        return window

    def _visit(self) -> None:
        """Compute and show the products at the cursor of the output."""
        i, j = self._output.cursor
        window, weights = self._window(i, j), self._weights()
        self.position, self.products, self.value = (i, j), window * weights, float(self.y[i, j])
        self.equation = self._sum_text(i, j, window, weights)
        total = number(float(f"{self.products.sum():.3g}"))  # short: a caption does not wrap
        self._window_view.show(window, limits=(0, 1))
        self._weights_view.show(weights)
        self._weights_view.title = "kernel, turned" if self.flip else "kernel"
        self._products_view.show(self.products)
        self._products_view.title = f"products, sum {total}"
        self._readouts.set(statistics=self.statistics, equation=self.equation)

    def _sum_text(self, i: int, j: int, window: NDArray[Any], weights: NDArray[Any]) -> str:
        pairs = zip(window.flat, weights.flat, strict=True)
        terms = " + ".join(f"{number(x)}·{enclosed(w)}" for x, w in pairs)
        if weights.size > MAX_TERMS:
            terms = f"{enclosed(float(self.products.sum()))} (sum of {weights.size} products)"
        inner = f"{terms} + bias {enclosed(self.bias)}"
        wrapped = {"none": inner, "ReLU": f"max(0, {inner})", "absolute value": f"|{inner}|"}[self.activation]
        return f"y[{i}, {j}] = {wrapped} = {number(self.value)}"

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(
            self._setting_controls(), label="Kernel lab settings", layout=flexible("1 1 230px", 290)
        )
        self._input = _map("input")
        self._output = _map("feature map", scale=True)
        small = {
            "readout": False,
            "pointer": "none",
            "width": 190,
            "height": 190,
            "max_cell": 56,
            "layout": flexible("1 1 130px", 196),
        }
        self._window_view = TensorView([[0.0]], title="input window", cmap="gray", **small)
        self._weights_view = TensorView([[0.0]], title="kernel", **small)
        self._products_view = TensorView([[0.0]], title="products", **small)
        self._readouts = Controls(
            [
                Readout("statistics", "The feature map", wide=True, lines=2),
                Readout("equation", "The sum at the cursor", wide=True, lines=2),
            ],
            label="Kernel lab results",
        )
        details = [self._window_view, self._weights_view, self._products_view]
        maps = ipywidgets.HBox([self._input, self._output], layout=wrapping())
        right = ipywidgets.VBox(
            [maps, ipywidgets.HBox(details, layout=wrapping()), self._readouts],
            layout=flexible("3 1 420px", 800),
        )
        self._settings.on_file("upload", self._uploaded)
        self._output.observe(self._pointed_at, "cursor")
        self.start([self._settings], [ipywidgets.HBox([self._settings, right], layout=wrapping())])

    def _setting_controls(self) -> list[Control]:
        own = () if self._own_image is None else (OWN_IMAGE,)
        sizes = kernel_choice.SIZES + (
            (self.kernel_size,) if self.kernel_size not in kernel_choice.SIZES else ()
        )
        return [
            Select("photo", "Photo", (*data.photo_names(), *own)),
            File("upload", "Your own image", accept="image/*", help="It stays on this machine."),
            Select("preset", "Preset", kernel_choice.NAMES),
            Select("kernel_size", "Kernel size", tuple((f"{h} × {w}", [h, w]) for h, w in sizes)),
            Matrix("kernel", "Kernel"),
            Range("orientation", "Orientation (Gabor), degrees", 0, maximum=180, step=5),
            Range("bias", "Bias", 0.0, minimum=-2.0, maximum=2.0, step=0.05),
            Range("stride", "Stride", 1, minimum=1, maximum=8),
            Select("padding", "Padding", PADDINGS),
            Select("activation", "Activation", tuple(ACTIVATIONS)),
            Checkbox("flip", "Flip the kernel (convolution)"),
        ]

    def _show_maps(self) -> None:
        cmap, limits, shown = self._colours()
        rows, columns = self.y.shape
        with self._output.hold_sync():
            self._output.show(self.y, cmap=cmap, limits=limits)
            self._output.title = f"feature map, {rows} × {columns}"
            cursor = self._output.cursor
            if not cursor or cursor[0] >= rows or cursor[1] >= columns:
                self._output.cursor = [rows // 2, columns // 2]
        if self._input.values is not self.image:
            height, width = self.image.shape
            self._input.show(self.image, cmap="gray", limits=(0, 1))
            self._input.title = f"input, {height} × {width}"
        (top, _), (left, _) = self._geometry.padding
        height, width = self.kernel.shape
        self._input.link = input_window(
            self._output, (height, width), stride=(self.stride, self.stride), padding=(top, left)
        )
        self.statistics = f"{self._size_text()} {self._range_text()} {shown}"
        self._offer_choices()
        self._settings.disabled = [] if self.preset == "Gabor" else ["orientation"]

    def _offer_choices(self) -> None:
        """Rebuild the lists of choices when the learner's own image or an unusual kernel size joins them."""
        choices = (self._own_image is not None, self.kernel_size)
        if choices != self._choices:
            self._choices = choices
            self._settings.replace(self._setting_controls())

    def _colours(self) -> tuple[str, tuple[float, float], str]:
        """Return the colour map, its limits, and what the colours mean."""
        low, high = self._range
        if kernel_choice.keeps_brightness(self.kernel):
            clipped = np.count_nonzero((self.y < 0) | (self.y > 1)) / self.y.size
            return "gray", (0.0, 1.0), f"Shown as a photograph: black 0, white 1; {clipped:.1%} lie outside."
        reach = max(abs(low), abs(high)) or 1.0
        if self.activation != "none":
            return "gray", (0.0, reach), f"Shown from black 0 to white {number(reach)}."
        return "signed", (-reach, reach), "Shown with white for 0, blue below, orange above."

    def _range_text(self) -> str:
        low, high = self._range
        return f"Values from {number(low)} to {number(high)}, mean {number(float(self.y.mean()))}."

    def _size_text(self) -> str:
        """Return the output-size formula of both axes with this lab's numbers."""
        parts = []
        for axis, name in enumerate(("rows", "columns")):
            before, after = self._geometry.padding[axis]
            size, kernel = self.image.shape[axis], self.kernel.shape[axis]
            result = self._geometry.output_size[axis]
            parts.append(f"{name} ⌊({size} + {before} + {after} − {kernel}) / {self.stride}⌋ + 1 = {result}")
        return "; ".join(parts) + "."

    def _pointed_at(self, change: Any) -> None:
        if not self._quiet and tuple(change.new) != self.position:
            self._visit()

    def _uploaded(self, filename: str, file: bytes) -> None:
        picture = data.read_image(file)
        self.image = picture @ LUMA
        height, width = self.image.shape
        self._settings.say("upload", f"{filename}: {height} × {width} pixels, in grey.")

    # ---- without a browser

    def digest(self) -> str:
        """Return the setting, the statistics and the sum at the cursor as text."""
        kind = "convolution, kernel flipped" if self.flip else "cross-correlation"
        height, width = self.kernel.shape
        return (
            f"Kernel lab: {kind}, photo {self.photo}, kernel {self.preset} {height} x {width}, "
            f"stride {self.stride}, padding {self.padding}, bias {number(self.bias)}, "
            f"activation {self.activation}\n"
            f"{self.statistics}\n{self.equation}"
        )

    def draw(self, figure: Any) -> None:
        """Draw the image, the kernel and the feature map."""
        from cnnkit.figures import draw_kernel_lab

        cmap, limits, _ = self._colours()
        (top, _), (left, _) = self._geometry.padding
        corner = (self.position[0] * self.stride - top, self.position[1] * self.stride - left)
        draw_kernel_lab(self.image, self._weights(), self.y, figure, cmap=cmap, limits=limits, corner=corner)


def _finite_range(values: NDArray[Any]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _map(title: str, *, scale: bool = False) -> TensorView:
    return TensorView(
        [[0.0]],
        title=title,
        cmap="gray",
        numbers=False,
        scale=scale,
        width=370,
        height=370,
        layout=flexible("1 1 200px", 376),
    )
