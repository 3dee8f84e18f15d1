"""What a learner sees and hears of a widget in the page: its canvases, controls and spoken sentences."""

import numpy as np
from harness import canvas_pixels
from playwright.sync_api import Locator

from cnnkit.figures import CMAPS, color_limits

INDEX_MARGIN, MAX_CELL = 18, 44  # CSS pixels: how a small view numbers its rows and sizes its cells


def canvas(area: Locator, title: str) -> Locator:
    """Return the canvas whose spoken name begins with `title`."""
    return area.locator(f'canvas[aria-label^="{title}"]')


def spoken(area: Locator, title: str) -> Locator:
    """Return the sentence that a view says about the cell under its cursor."""
    view = area.page.locator(f'canvas[aria-label^="{title}"]')
    return area.locator("figure").filter(has=view).locator("output")


def control(area: Locator, name: str) -> Locator:
    """Return the control of that name, with its label and messages."""
    return area.locator(f'.cnnkit-control[data-name="{name}"]')


def readout(area: Locator, name: str) -> Locator:
    """Return the line of text that Python writes."""
    return control(area, name).locator("output:not(.cnnkit-message)")


def cell_corner(view: Locator, shape: tuple[int, int], row: int, column: int) -> tuple[int, int]:
    """Return a point (x, y) inside a cell of a small view, beside its number and its frame."""
    box = view.bounding_box()
    rows, columns = shape
    fit = ((box["width"] - INDEX_MARGIN - 2) / columns, (box["height"] - INDEX_MARGIN - 2) / rows)
    room = int(min(*fit, MAX_CELL))
    return INDEX_MARGIN + column * room + 6, INDEX_MARGIN + row * room + 6


def expect_cells(view: Locator, values: np.ndarray, cmap: str) -> None:
    """Check the colour of every cell of a small view against `values`."""
    pixels = canvas_pixels(view)
    places = [cell_corner(view, values.shape, *index) for index in np.ndindex(values.shape)]
    seen = np.array([pixels[y, x, :3] for x, y in places]).reshape(*values.shape, 3)
    low, high = color_limits(values, cmap)
    levels = np.clip(np.floor((values - low) / (high - low) * 256), 0, 255).astype(int)
    wanted = CMAPS[cmap](np.linspace(0, 1, 256), bytes=True)[:, :3][levels]
    np.testing.assert_allclose(seen, wanted, atol=1)
