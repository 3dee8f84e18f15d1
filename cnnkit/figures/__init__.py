"""The course's pictures: every ``draw_*`` paints one picture from arrays."""

from cnnkit.figures.matrices import draw_image, draw_matrix, format_number
from cnnkit.figures.show import show
from cnnkit.figures.style import CMAPS, PALETTE, color_limits, png, use_style

__all__ = [
    "CMAPS",
    "PALETTE",
    "color_limits",
    "draw_image",
    "draw_matrix",
    "format_number",
    "png",
    "show",
    "use_style",
]
