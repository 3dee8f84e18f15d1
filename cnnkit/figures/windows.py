"""Pictures of a kernel on its way over an input: one window, the flip, the channels, the stride."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from cnnkit.figures.matrices import draw_image, draw_matrix, format_number
from cnnkit.figures.style import PALETTE

Matrix = NDArray[np.floating[Any]]


def draw_window_sum(x: Matrix, w: Matrix, y: Matrix, at: tuple[int, int], figure: FigureBase) -> None:
    """Draw how one output comes about: the window on `x`, the kernel `w`, their products, the cell of `y`.

    `x` (H, W), `w` (KH, KW), `y` the valid cross-correlation, `at` the (row, column) of the output.
    """
    row, column = at
    height, width = w.shape
    products = x[row : row + height, column : column + width] * w
    panels = figure.subplots(1, 4, width_ratios=[x.shape[1], width, width, y.shape[1]])
    framed = [(row, column, height, width, "orange")]
    draw_matrix(x, panels[0], title="input x", cmap="positive", highlight=framed)
    draw_matrix(w, panels[1], title="kernel w")
    draw_matrix(products, panels[2], title="window × kernel")
    draw_matrix(y, panels[3], title="output y", highlight=[(row, column, 1, 1, "orange")])
    panels[2].set_xlabel(f"sum = {format_number(float(products.sum()))}", fontweight="bold")


def draw_flip(impulse: Matrix, w: Matrix, correlated: Matrix, convolved: Matrix, figure: FigureBase) -> None:
    """Draw what one bright pixel becomes: cross-correlation stamps the flipped kernel, convolution `w`."""
    panels = figure.subplots(1, 4, width_ratios=[impulse.shape[1], w.shape[1], *[correlated.shape[1]] * 2])
    titles = ("one bright pixel", "kernel w", "cross-correlation", "convolution")
    for panel, title, matrix in zip(panels, titles, (impulse, w, correlated, convolved), strict=True):
        draw_matrix(matrix, panel, title=title)


def draw_channel_sums(patch: NDArray[Any], w: NDArray[Any], bias: float, figure: FigureBase) -> None:
    """Draw one output of a multi-channel filter: window times kernel for each channel, then the sum over all.

    `patch` and `w` (KH, KW, C): the window's numbers and one filter.
    """
    channels = w.shape[2]
    panels = figure.subplots(3, channels)
    names = ("red", "green", "blue") if channels == 3 else tuple(f"channel {c}" for c in range(channels))
    for c in range(channels):
        products = patch[..., c] * w[..., c]
        draw_matrix(patch[..., c], panels[0, c], title=f"x, {names[c]}", cmap="positive", limits=(0, 1))
        draw_matrix(w[..., c], panels[1, c], title=f"w, {names[c]}", limits=_reach(w))
        draw_matrix(
            products,
            panels[2, c],
            title=f"sum = {format_number(float(products.sum()))}",
            limits=_reach(patch * w),
        )
    total = float((patch * w).sum())
    numbers = [format_number(value) for value in (total, bias, total + bias)]
    figure.supxlabel(f"{numbers[0]} from all channels + bias {numbers[1]} = {numbers[2]}: one number")


def draw_stride(
    size: int, kernel_size: int, stride: int, padding: tuple[int, int], output_size: int, ax: Axes
) -> None:
    """Draw the windows on one axis: padding cells, input cells, each window as a bar, unread cells marked."""
    before, after = padding
    read_to = (output_size - 1) * stride + kernel_size - before
    for cell in range(-before, size + after):
        inside, unread = 0 <= cell < size, cell >= read_to
        face = PALETTE["pale"] if not inside else PALETTE["yellow"] if unread else PALETTE["sky"]
        edge = "#AAAAAA" if not inside else PALETTE["ink"]
        ax.bar(cell, 0.8, width=0.92, bottom=0, color=face, edgecolor=edge, hatch="//" if unread else None)
        ax.text(cell, 0.4, str(cell) if inside else "0", ha="center", va="center", fontsize=9)
    for index in range(output_size):
        first = index * stride - before
        level = -0.35 - 0.35 * index
        ax.plot(
            [first - 0.4, first + kernel_size - 0.6], [level, level], color=PALETTE["orange"], linewidth=4
        )
        ax.text(first - 0.6, level, f"y[{index}]", ha="right", va="center", fontsize=9)
    ax.set(xlim=(-before - 1.4, size + after - 0.4), ylim=(-0.35 * output_size - 0.35, 0.9))
    ax.axis("off")


def draw_gallery(
    images: Sequence[NDArray[Any]],
    titles: Sequence[str],
    figure: FigureBase,
    *,
    columns: int = 4,
    cmaps: Sequence[str] = (),
) -> None:
    """Draw pictures ``(H, W)`` or ``(H, W, 3)`` side by side; `cmaps` names each one's colour map."""
    rows = -(-len(images) // columns)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat[len(images) :]:
        panel.axis("off")
    maps = tuple(cmaps) or ("gray",) * len(images)
    for panel, image, title, cmap in zip(panels.flat, images, titles, maps, strict=False):
        draw_image(image, panel, title=title, cmap=cmap)


def draw_kernels(kernels: dict[str, Matrix], figure: FigureBase, *, columns: int = 4) -> None:
    """Draw kernels as grids of numbers, each under its name."""
    rows = -(-len(kernels) // columns)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat[len(kernels) :]:
        panel.axis("off")
    for panel, (name, kernel) in zip(panels.flat, kernels.items(), strict=False):
        draw_matrix(kernel, panel, title=name, numbers=kernel.size <= 25)


def _reach(values: NDArray[Any]) -> tuple[float, float]:
    reach = float(np.abs(values).max()) or 1.0
    return -reach, reach
