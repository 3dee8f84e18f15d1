"""How chapter widgets lay out their parts: rows that wrap in a narrow notebook, columns that may shrink."""

import ipywidgets


def wrapping(**more: str) -> ipywidgets.Layout:
    """Return the layout of a row whose parts move to the next line where the notebook is narrow."""
    # Boxes clip by default, and a clipped focus ring is no ring.
    row = {
        "flex_flow": "row wrap",
        "align_items": "flex-start",
        "overflow": "visible",
        "grid_gap": "4px 12px",
    }
    return ipywidgets.Layout(**{**row, **more})


def flexible(flex: str, most: int) -> ipywidgets.Layout:
    """Return the layout of a part that shares a row by the CSS rule `flex`, at most `most` pixels wide."""
    return ipywidgets.Layout(flex=flex, max_width=f"{most}px", min_width="0", overflow="visible")


def column(width: int) -> ipywidgets.Layout:
    """Return the layout of a part that is `width` pixels wide, always."""
    return ipywidgets.Layout(flex=f"0 0 {width}px", width=f"{width}px", overflow="visible")
