"""Inputs on which learners' programs are tried: small, never square on purpose, with edge cases included."""

from typing import Any

from cnnkit.drills.draw import Draw


def image_and_filters(draw: Draw) -> dict[str, Any]:
    """Return x (H, W, C), w (KH, KW, C, F) and b (F,), float64, for a convolution without padding."""
    kh, kw = draw.integer(1, 3), draw.integer(1, 3)
    height, width = draw.integer(kh, kh + 3), draw.integer(kw, kw + 3)
    c, f = draw.integer(1, 2), draw.integer(1, 2)
    return {"x": draw.array(height, width, c), "w": draw.array(kh, kw, c, f), "b": draw.array(f)}
