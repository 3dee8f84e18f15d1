"""Activation memory: how many numbers the backward pass needs, and what forgetting some of them costs.

Source: Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost" (2016).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from cnnkit.errors import ShapeError
from cnnkit.shapes import whole_number

__all__ = ["CheckpointedRun", "Step", "backward_with_checkpoints"]

Array = NDArray[Any]
Step = tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]
"""A layer as two functions: ``forward(x) -> y`` and ``backward(dy, x) -> dx``."""


@dataclass(frozen=True)
class CheckpointedRun:
    """What a forward and a backward pass gave and cost.

    Attributes:
        dx: the gradient with respect to the first input.
        peak: the most numbers that were kept for the backward pass at one time.
        forward_calls: how many layers were run forwards, those that were run again included.
    """

    dx: Array
    peak: int
    forward_calls: int


def backward_with_checkpoints(steps: Sequence[Step], x: Array, dy: Array, every: int) -> CheckpointedRun:
    """Run `steps` on `x`, keep the input of every `every`-th one, and go back, computing the others again.

    ``every=1`` keeps all inputs and runs nothing twice. `dy` has the shape of the result. Raises ShapeError
    for no steps, OptionError for an `every` below 1.
    """
    interval = whole_number(every, "every", least=1)
    if not steps:
        raise ShapeError("steps is empty; expected at least one layer")
    kept: dict[int, Array] = {}
    y = x
    for position, (forward, _) in enumerate(steps):
        if position % interval == 0:
            kept[position] = y
        y = forward(y)
    calls, peak, gradient = len(steps), 0, dy
    for start in sorted(kept, reverse=True):
        segment = steps[start : start + interval]
        inputs = _inputs_of(segment, kept.pop(start))
        calls += len(segment) - 1
        peak = max(peak, sum(array.size for array in (*kept.values(), *inputs)))
        for (_, backward), value in zip(reversed(segment), reversed(inputs), strict=True):
            gradient = backward(gradient, value)
    return CheckpointedRun(gradient, peak, calls)


def _inputs_of(segment: Sequence[Step], first: Array) -> list[Array]:
    """Return the input of every layer of a segment, computed from the first one."""
    inputs = [first]
    for forward, _ in segment[:-1]:
        inputs.append(forward(inputs[-1]))
    return inputs
