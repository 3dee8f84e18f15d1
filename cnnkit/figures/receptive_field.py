"""Pictures of what units see: towers of cells, fields on a photograph, and how influence is spread."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from cnnkit.figures.matrices import Highlight, draw_image, draw_matrix
from cnnkit.figures.style import CMAPS, PALETTE
from cnnkit.receptive import center, fields, geometries
from cnnkit.stacks import Window

Array = NDArray[np.floating[Any]]
LINES = ("blue", "orange", "green", "pink", "sky", "yellow")
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))
OUTSIDE = 0.28
"""How bright a photograph stays where a unit does not see it."""


def draw_tower(
    stack: Sequence[Window], size: int, unit: int, ax: Axes, *, title: str = "", names: Sequence[str] = ()
) -> None:
    """Draw one axis of a stack from the input (below) to the last map, and all that `unit` of it reads.

    Cells that the unit depends on are blue, padding that it reads is grey; lines are the taps.
    """
    found = geometries(stack, (size, size))
    wanted = {unit}
    places = _cell_places(stack, size)
    for level in range(len(stack), -1, -1):
        count = len(places[level])
        for index in range(count):
            _draw_cell(ax, places[level][index], level, read=index in wanted, top=level == len(stack))
        label = names[level] if names else ("input" if level == 0 else f"layer {level}")
        ax.text(-1.2 - _widest(found, 0), level, label, ha="right", va="center", fontsize=9)
        if level:
            wanted = _draw_taps(ax, found[level - 1], places, level, wanted)
    low, high = -1.2 - _widest(found, 0), size + _widest(found, 1)
    ax.set(xlim=(low - 0.13 * (high - low) - 0.6, high), ylim=(-0.45, len(stack) + 0.45))
    ax.set_title(title, fontsize=10)
    ax.axis("off")


def _cell_places(stack: Sequence[Window], size: int) -> list[NDArray[np.float64]]:
    """Return, for the input and each map, where along the input each cell has its middle."""
    counts = [size, *(geometry.output_size[0] for geometry in geometries(stack, (size, size)))]
    along = fields(stack, input_size=size)
    return [
        np.array([center(field, index) for index in range(count)])
        for field, count in zip(along, counts, strict=True)
    ]


def _widest(found: Sequence[Any], side: int) -> int:
    return max((geometry.padding[0][side] for geometry in found[:1]), default=0)


def _draw_cell(
    ax: Axes, place: float, level: int, *, read: bool, top: bool = False, padding: bool = False
) -> None:
    face = PALETTE["pale"] if padding or not read else PALETTE["orange"] if top else PALETTE["sky"]
    box = Rectangle(
        (place - 0.42, level - 0.17),
        0.84,
        0.34,
        facecolor="#BBBBBB" if padding else face,
        edgecolor=PALETTE["ink"] if read else "#BBBBBB",
        linewidth=0.8,
        zorder=3,
    )
    ax.add_patch(box)


def _draw_taps(
    ax: Axes, geometry: Any, places: Sequence[NDArray[np.float64]], level: int, units: set[int]
) -> set[int]:
    """Draw the taps of `units` in the map below, and return the cells there that they read."""
    below = places[level - 1]
    step = below[1] - below[0] if len(below) > 1 else 1.0
    read: set[int] = set()
    for unit in sorted(units):
        first = unit * geometry.stride[0] - geometry.padding[0][0]
        for cell in first + np.arange(geometry.kernel_size[0]) * geometry.dilation[0]:
            place = below[0] + cell * step
            inside = 0 <= cell < len(below)
            if inside:
                read.add(int(cell))
            else:
                _draw_cell(ax, place, level - 1, read=False, padding=True)
            line = PALETTE["blue"] if inside else "#AAAAAA"
            ax.plot(
                [places[level][unit], place],
                [level - 0.17, level - 0.83],
                color=line,
                linewidth=0.8,
                zorder=2,
            )
    return read


def draw_towers(
    cases: Mapping[str, tuple[Sequence[Window], int, int]], figure: FigureBase, *, columns: int = 2
) -> None:
    """Draw several towers under their titles; each case is (stack, input size, unit)."""
    rows = -(-len(cases) // columns)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat[len(cases) :]:
        panel.axis("off")
    for panel, (title, (stack, size, unit)) in zip(panels.flat, cases.items(), strict=False):
        draw_tower(stack, size, unit, panel, title=title)


def draw_field_sizes(sizes: Mapping[str, Sequence[int]], ax: Axes, *, image: int = 224) -> None:
    """Draw how the field grows from layer to layer, one line per network; a line marks the image's side."""
    for (name, values), color, style in zip(sizes.items(), LINES, STYLES, strict=False):
        ax.plot(range(len(values)), values, color=PALETTE[color], linestyle=style, linewidth=2)
        ax.annotate(
            f"{name}: {values[-1]}",
            (len(values) - 1, values[-1]),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=PALETTE[color],
            fontsize=9,
        )
    ax.axhline(image, color=PALETTE["gray"], linewidth=1, linestyle=":")
    ax.text(0, image + 8, f"the image: {image}", color=PALETTE["gray"], fontsize=8)
    longest = max(len(values) for values in sizes.values())
    ax.set(xlabel="layer", ylabel="field, pixels", xlim=(0, longest * 1.32))


def draw_fields(photo: Array, frames: Mapping[str, Highlight], ax: Axes) -> None:
    """Draw frames on a photograph (H, W, 3), each with its name at its lower left corner."""
    draw_image(photo, ax, highlight=list(frames.values()))
    for name, (row, column, height, _, color) in frames.items():
        ax.text(
            column,
            row + height - 1,
            name,
            fontsize=8,
            va="bottom",
            color="white",
            bbox={"facecolor": PALETTE.get(color, color), "edgecolor": "none", "pad": 1.5},
            zorder=6,
        )


def lit(photo: ArrayLike, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a photograph (H, W, 3) that is dark wherever `mask` (H, W) is False."""
    return np.asarray(photo, dtype=np.float64) * np.where(mask, 1.0, OUTSIDE)[..., np.newaxis]


def draw_ways(
    photo: Array,
    masks: Mapping[str, NDArray[np.bool_]],
    figure: FigureBase,
    *,
    frame: Sequence[Highlight] = (),
) -> None:
    """Draw a photograph (H, W, 3) once for each mask (H, W), dark where the mask is False."""
    panels = figure.subplots(1, len(masks), squeeze=False)[0]
    for panel, (title, mask) in zip(panels, masks.items(), strict=True):
        draw_image(lit(photo, mask), panel, title=title, highlight=frame)


def draw_shares(
    shares: Mapping[str, Array], figure: FigureBase, *, frames: Mapping[str, Highlight] | None = None
) -> None:
    """Draw maps (H, W) of how much each pixel counts, each on its own scale; `frames` by title."""
    panels = figure.subplots(1, len(shares), squeeze=False)[0]
    for panel, (title, share) in zip(panels, shares.items(), strict=True):
        frame = [frames[title]] if frames and title in frames else []
        draw_matrix(share, panel, title=title, cmap="positive", numbers=False, highlight=frame)


def draw_profiles(profiles: Mapping[str, Array], ax: Axes, *, xlabel: str = "pixel") -> None:
    """Draw curves (N,) around their common middle, told apart by colour and by line style."""
    for (name, values), color, style in zip(profiles.items(), LINES, STYLES, strict=False):
        places = np.arange(len(values)) - (len(values) - 1) / 2
        ax.plot(places, values, color=PALETTE[color], linestyle=style, linewidth=2, label=name)
    ax.set(xlabel=xlabel, ylim=(0, None))
    ax.legend(fontsize=8, frameon=False)


def draw_spread(depths: Array, sizes: Array, measured: Array, computed: Array, figure: FigureBase) -> None:
    """Draw the theoretical field and the spread of the energy against depth, and the share that it fills."""
    left, right = figure.subplots(1, 2)
    left.plot(depths, sizes, "o-", color=PALETTE["blue"], label="theoretical field, 2L + 1")
    left.plot(depths, 4 * computed, "--", color=PALETTE["green"], label="4 sigma, sigma = √(2L/3)")
    middles = 4 * measured.mean(axis=1)
    reach = [middles - 4 * measured.min(axis=1), 4 * measured.max(axis=1) - middles]
    left.errorbar(
        depths, middles, reach, fmt="s", color=PALETTE["orange"], capsize=4, label="4 sigma, measured"
    )
    left.set(xlabel="layers L", ylabel="pixels", ylim=(0, None))
    left.legend(fontsize=8, frameon=False)
    right.plot(depths, 100 * middles / sizes, "s-", color=PALETTE["orange"])
    right.set(xlabel="layers L", ylabel="4 sigma in % of the field", ylim=(0, 100))


def draw_regions(
    photo: Array, jump: int, boxes: Mapping[str, tuple[float, float, float, float]], ax: Axes
) -> None:
    """Draw boxes (top, left, bottom, right) in pixels over a photograph with the grid of its map's cells."""
    height, width = photo.shape[:2]
    draw_image(photo, ax)
    for line in range(0, max(height, width) + 1, jump):
        ax.axhline(line - 0.5, color="white", linewidth=0.5, alpha=0.6)
        ax.axvline(line - 0.5, color="white", linewidth=0.5, alpha=0.6)
    for (name, (top, left, bottom, right)), color, style in zip(
        boxes.items(), ("orange", "sky"), ("-", "--"), strict=False
    ):
        corner = (left - 0.5, top - 0.5)
        box = Rectangle(
            corner,
            right - left,
            bottom - top,
            fill=False,
            edgecolor=PALETTE[color],
            linestyle=style,
            linewidth=2.5,
        )
        box.set_label(name)
        ax.add_patch(box)
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def draw_stack_builder(
    photo: Array,
    feature_map: Array,
    unit: tuple[int, int],
    frame: Highlight,
    masks: Mapping[str, NDArray[np.bool_]],
    share: Array,
    figure: FigureBase,
) -> None:
    """Draw the map with its unit, the computed field on the photograph, the measured ones, and the shares."""
    panels = figure.subplots(1, 3 + len(masks))
    height, width = feature_map.shape
    draw_image(feature_map, panels[0], title=f"map, {height} × {width}", highlight=[(*unit, 1, 1, "orange")])
    draw_image(photo, panels[1], title="computed", highlight=[frame])
    for panel, (title, mask) in zip(panels[2:], masks.items(), strict=False):
        draw_image(lit(photo, mask), panel, title=title)
    panels[-1].imshow(share, cmap=CMAPS["positive"])
    panels[-1].set(xticks=[], yticks=[])
    panels[-1].set_title("how much it counts")
