"""What the gradient flow widget starts with."""

from typing import Any

Example = dict[str, Any]

WORKED_X = ((1, 3, 2, 4, 6, 4), (4, 8, 3, 1, 0, 2), (2, 1, 4, 3, 9, 1), (4, 7, 2, 3, 9, 2))
EDGE = ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1))
PLAIN: Example = {
    "bias": 0.0,
    "target": 0.0,
    "activation": "none",
    "stride": 1,
    "padding": "valid",
    "dilation": 1,
}
SMALL_X = ((1, 0, 2, 1, 3), (0, 2, 1, 1, 0), (2, 1, 0, 3, 1), (1, 1, 2, 0, 2), (0, 3, 1, 2, 1))
SMALL_W = ((1, 2), (0, -1))

EXAMPLES: dict[str, Example] = {
    "worked 4×6": PLAIN | {"x": WORKED_X, "w": EDGE, "activation": "relu", "target": 1.0},
    "stride 2, padding 1": PLAIN | {"x": SMALL_X, "w": EDGE, "stride": 2, "padding": 1},
    "gaps: stride 3, 2×2 kernel": PLAIN | {"x": SMALL_X, "w": SMALL_W, "stride": 3},
    "dilation 2": PLAIN | {"x": SMALL_X, "w": SMALL_W, "dilation": 2, "target": 1.0},
    "saturated sigmoid": PLAIN | {"x": SMALL_X, "w": EDGE, "activation": "sigmoid", "bias": 4.0},
}
