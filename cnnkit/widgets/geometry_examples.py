"""Settings of the geometry explorer that show one thing each."""

from typing import Any

PLAIN: dict[str, Any] = {
    "mode": "convolution",
    "fill": "zeros",
    "show": "counts",
    "height": 7,
    "width": 7,
    "kernel_height": 3,
    "kernel_width": 3,
    "stride_height": 1,
    "stride_width": 1,
    "dilation_height": 1,
    "dilation_width": 1,
    "output_padding_height": 0,
    "output_padding_width": 0,
    "step": 0,
}
"""What an example does not mention."""


def _both(**values: int) -> dict[str, int]:
    return {f"{name}_{axis}": value for name, value in values.items() for axis in ("height", "width")}


EXAMPLES: dict[str, dict[str, Any]] = {
    "3×3, same": {"padding": "same"},
    "3×3, valid": {"padding": "valid"},
    "dropped rows": {"padding": "valid", "height": 8, "width": 9, **_both(stride=3)},
    "4×4, same": {"padding": "same", **_both(kernel=4)},
    "7×7, stride 2, same": {"padding": "same", "height": 8, "width": 8, **_both(kernel=7, stride=2)},
    "full": {"padding": "full", "height": 5, "width": 5},
    "causal, dilation 2": {
        "padding": "causal",
        "height": 1,
        "width": 10,
        "kernel_height": 1,
        "dilation_width": 2,
    },
    "reflection": {"padding": "same", "fill": "reflect", "show": "values", "height": 6, **_both(kernel=5)},
    "dilation 2": {"padding": "valid", "height": 9, "width": 9, **_both(dilation=2)},
    "holes: stride 3, kernel 2": {"padding": "valid", "height": 8, "width": 8, **_both(kernel=2, stride=3)},
    "transposed, checkerboard": {
        "mode": "transposed convolution",
        "padding": "valid",
        "height": 4,
        "width": 4,
        **_both(stride=2),
    },
    "transposed, even overlap": {
        "mode": "transposed convolution",
        "padding": "same",
        "height": 4,
        "width": 4,
        **_both(kernel=4, stride=2),
    },
    "too large a kernel": {"padding": "valid", "height": 4, "width": 4, **_both(kernel=3, dilation=2)},
}
