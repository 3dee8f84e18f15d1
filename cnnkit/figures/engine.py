"""Pictures of work shared out: chunks on cores, speed against cores, rungs of a ladder, clients in time."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from cnnkit.figures.style import PALETTE

Chunk = tuple[int, int]
_COLORS = [PALETTE[name] for name in ("blue", "orange", "green", "pink", "yellow", "sky")]


def draw_chunks(shares: Mapping[str, Sequence[Chunk]], cores: int, figure: FigureBase) -> None:
    """Draw, one panel for each way of sharing out, the rows that every core computes, a box for each."""
    panels = figure.subplots(1, len(shares), squeeze=False, sharey=True)[0]
    longest = max(last - first for chunks in shares.values() for first, last in chunks)
    for panel, (name, chunks) in zip(panels, shares.items(), strict=True):
        for core in range(cores):
            first, last = chunks[core] if core < len(chunks) else (0, 0)
            for step, row in enumerate(range(first, last)):
                panel.barh(core, 1, left=step, color=PALETTE["blue"], edgecolor="white", height=0.8)
                panel.text(step + 0.5, core, str(row), ha="center", va="center", color="white", fontsize=8)
            if first == last:
                panel.text(0.1, core, "idle", va="center", color=PALETTE["orange"], fontsize=9)
        panel.set(xlim=(0, longest + 0.2), ylim=(cores - 0.4, -0.6), yticks=range(cores))
        panel.set(xlabel="time, in rows", xticks=range(longest + 1))
        panel.set_title(name)
    panels[0].set_ylabel("core")


def draw_amdahl(shares: Sequence[float], ax: Axes) -> None:
    """Draw Amdahl's speed-up against the number of cores for each serial share of the time."""
    cores = np.arange(1, 65)
    ax.plot(cores, cores, linestyle=":", color=PALETTE["gray"], label="no serial part")
    for share, color in zip(shares, _COLORS, strict=False):
        ax.plot(cores, 1 / (share + (1 - share) / cores), color=color, label=f"{share:.0%} serial")
    ticks = [1, 2, 4, 8, 16, 32, 64]
    ax.set(xscale="log", yscale="log", xlabel="cores", ylabel="times faster", xticks=ticks, yticks=ticks)
    ax.set_xticklabels([str(tick) for tick in ticks])
    ax.set_yticklabels([str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.legend(fontsize=8)


def draw_ladder(gflops: Mapping[str, float], roof: float, ax: Axes) -> None:
    """Draw a bar for each rung, GFLOP/s on a logarithmic axis, and the machine's peak as a line."""
    names, speeds = list(gflops), list(gflops.values())
    ax.barh(names, speeds, color=PALETTE["blue"], height=0.7)
    ax.axvline(roof, color=PALETTE["orange"], linestyle="--")
    ax.text(roof, -0.75, "peak", color=PALETTE["orange"], ha="center", fontsize=8)
    lowest = 10 ** np.floor(np.log10(min(speeds)))
    ax.set(xscale="log", xlabel="GFLOP/s", xlim=(lowest, 6 * max(*speeds, roof)))
    for place, speed in enumerate(speeds):
        label = f"{speed:,.2g}" if speed < 10 else f"{speed:,.0f}"
        ax.text(speed * 1.15, place, label, va="center", fontsize=8, backgroundcolor="white")
    ax.invert_yaxis()


def draw_waiting(runs: Mapping[str, Sequence[tuple[int, float, float]]], figure: FigureBase) -> None:
    """Draw, one panel for each run, when which client waited: (client, start, end) in seconds."""
    panels = figure.subplots(1, len(runs), squeeze=False)[0]
    most = 1 + max(client for requests in runs.values() for client, _, _ in requests)
    for panel, (name, requests) in zip(panels, runs.items(), strict=True):
        for client, start, end in requests:
            color = _COLORS[client % len(_COLORS)]
            panel.barh(
                client, (end - start) * 1e3, left=start * 1e3, color=color, edgecolor="white", height=0.8
            )
        clients = sorted({client for client, _, _ in requests})
        panel.set(xlabel="milliseconds", ylabel="client", yticks=clients)
        panel.set_ylim(most - 0.4, -0.6)
        panel.set_title(name)


def draw_trade(
    shares: Sequence[float], curves: Mapping[str, Sequence[float]], ax: Axes, *, xlabel: str, ylabel: str
) -> None:
    """Draw what is kept against what is taken away, a line with a mark at each measured share."""
    for (name, values), color in zip(curves.items(), _COLORS, strict=False):
        ax.plot(shares, values, "o-", color=color, label=name, markersize=4)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(fontsize=8)
