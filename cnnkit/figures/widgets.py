"""The static twins of the widgets: the same picture for where no kernel runs."""

from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from cnnkit.figures.matrices import MAX_CELLS_WITH_NUMBERS, Highlight, draw_image, draw_matrix
from cnnkit.figures.style import color_limits

Array = NDArray[np.floating[Any]]


def draw_view(values: Array, title: str, cmap: str, limits: tuple[float, float], figure: FigureBase) -> None:
    """Draw one array (H, W) or (H, W, 3): with its numbers when it is small, as a picture otherwise."""
    ax = figure.subplots()
    if values.ndim == 2 and values.size <= MAX_CELLS_WITH_NUMBERS:
        draw_matrix(values, ax, title=title, cmap=cmap, limits=limits)
    else:
        draw_image(values, ax, title=title, cmap=cmap, limits=limits)


def draw_stepper(
    padded: Array,
    kernel: Array,
    products: Array,
    y: Array,
    at: tuple[int, int],
    figure: FigureBase,
    *,
    stride: int = 1,
    dilation: int = 1,
    solved: bool = True,
) -> None:
    """Draw one step: the padded input with its window, the kernel, the products, the output.

    `padded` (H, W, C), `kernel` and `products` (KH, KW, C), `y` (H_out, W_out), `at` the output's (row,
    column). Products and output stay away unless `solved`. One row of pictures for each channel.
    """
    channels = padded.shape[2]
    widths = [padded.shape[1], kernel.shape[1], kernel.shape[1], y.shape[1]]
    grid = figure.add_gridspec(channels, 4, width_ratios=[max(width, 2) for width in widths])
    taps = _taps(at, kernel.shape[:2], stride, dilation)
    names = ("red", "green", "blue") if channels == 3 else tuple(f"channel {c}" for c in range(channels))
    for c in range(channels):
        name = "" if channels == 1 else f", {names[c]}"
        colours = "signed" if padded.min() < 0 else "positive"
        x_limits, w_limits = color_limits(padded, colours), color_limits(kernel, "signed")
        input_ax, kernel_ax, products_ax = (figure.add_subplot(grid[c, column]) for column in range(3))
        draw_matrix(
            padded[..., c], input_ax, title=f"input x{name}", cmap=colours, limits=x_limits, highlight=taps
        )
        draw_matrix(kernel[..., c], kernel_ax, title=f"kernel w{name}", limits=w_limits)
        if solved:
            total = f"{products[..., c].sum():.4g}".replace("-", "−")
            draw_matrix(products[..., c], products_ax, title=f"products, sum {total}")
        else:
            products_ax.axis("off")
    if solved:
        frame = [(*at, 1, 1, "orange")]
        draw_matrix(y, figure.add_subplot(grid[:, 3]), title="output y", highlight=frame)


def draw_kernel_lab(
    image: Array,
    kernel: Array,
    y: Array,
    figure: FigureBase,
    *,
    cmap: str,
    limits: tuple[float, float],
    corner: tuple[int, int],
) -> None:
    """Draw a photograph (H, W), the kernel (KH, KW) and the feature map `y`, with one window framed."""
    left, middle, right = figure.subplots(1, 3, width_ratios=[2, 1.1, 2])
    frame = [(*corner, *kernel.shape, "orange")]
    draw_image(
        image, left, title=f"input, {image.shape[0]} × {image.shape[1]}", limits=(0, 1), highlight=frame
    )
    draw_matrix(kernel, middle, title="kernel", numbers=kernel.size <= 25)
    draw_image(y, right, title=f"feature map, {y.shape[0]} × {y.shape[1]}", cmap=cmap, limits=limits)


def _taps(at: tuple[int, int], size: tuple[int, ...], stride: int, dilation: int) -> list[Highlight]:
    """Return one frame around a dense window, or one around each tap of a dilated one."""
    row, column = (start * stride for start in at)
    if dilation == 1:
        return [(row, column, size[0], size[1], "orange")]
    return [
        (row + m * dilation, column + n * dilation, 1, 1, "orange") for m, n in np.ndindex(size[0], size[1])
    ]
