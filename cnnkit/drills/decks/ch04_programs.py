"""Chapter 04: a program to write, and one to repair."""

from collections.abc import Callable
from typing import Any

from cnnkit.drills.kinds import BugDrill, CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch04 as programs
from cnnkit.shapes import receptive_field

RECURRENCE = "The recurrence: size and jump"
DILATION = "Dilation and gridding"
START = "Padding, start and centre"

Layers = list[tuple[int, int, int]]
Step = Callable[[int, int, int, int, int], tuple[int, int]]


def _dilated_case(draw: Draw) -> dict[str, Any]:
    layers = [(draw.integer(1, 5), draw.integer(1, 3), draw.integer(1, 3)) for _ in range(draw.integer(0, 4))]
    return {"layers": layers}


def _padded_case(draw: Draw) -> dict[str, Any]:
    layers = [(draw.integer(1, 5), draw.integer(1, 3), draw.integer(0, 2)) for _ in range(draw.integer(1, 3))]
    return {"layers": layers, "unit": draw.integer(0, 4)}


def _size(layers: Layers) -> int:
    return receptive_field([(k, s, 0, d) for k, s, d in layers]).size


def _span(layers: Layers, unit: int) -> list[int]:
    return list(receptive_field([(k, s, p, 1) for k, s, p in layers]).span(unit))


def _walk(step: Step, first: int = 1) -> Callable[[Layers], int]:
    """Return a program that goes from layer to layer with `step(size, jump, k, s, d) -> (size, jump)`."""

    def program(layers: Layers) -> int:
        size, jump = first, 1
        for k, s, d in layers:
            size, jump = step(size, jump, k, s, d)
        return size

    return program


DECK = [
    CodeDrill(
        id="receptive-field-code",
        title="The receptive field as a function",
        section=RECURRENCE,
        difficulty=2,
        minutes=5,
        prompt="""Write `receptive_field(layers)`. `layers` lists the layers from the input upwards, each as
`(kernel_size, stride, dilation)`. Return how many input cells one unit of the last layer spans along an axis.
Without layers, a unit is a pixel: 1.""",
        function="receptive_field",
        starter=(
            'def receptive_field(layers):\n    """[(kernel_size, stride, dilation), ...] -> whole number"""\n'
            "    ...\n"
        ),
        case=_dilated_case,
        reference=_size,
        solutions=(programs.receptive_field, programs.receptive_field_from_the_top),
        misconceptions=(
            Misconception(
                "stride-ignored",
                _walk(lambda size, jump, k, s, d: (size + d * (k - 1), jump)),
                "You leave out the strides: a tap above a stride of s is s input cells from the next.",
            ),
            Misconception(
                "dilation-ignored",
                _walk(lambda size, jump, k, s, d: (size + (k - 1) * jump, jump * s)),
                "You leave out the dilation: taps are `d` cells apart, so a layer adds `d * (k - 1)` jumps.",
                DILATION,
            ),
            Misconception(
                "own-stride-counted",
                _walk(lambda size, jump, k, s, d: (size + d * (k - 1) * jump * s, jump * s)),
                "You multiply the jump before you use it. A layer's own stride widens only the layers above.",
            ),
            Misconception(
                "last-stride-only",
                _walk(lambda size, jump, k, s, d: (size + d * (k - 1) * jump, s)),
                "Your jump is the last stride alone. Strides multiply from layer to layer.",
            ),
            Misconception(
                "strides-added",
                _walk(lambda size, jump, k, s, d: (size + d * (k - 1) * jump, jump + s - 1)),
                "You add the strides up. They multiply: two strides of 2 make a jump of 4.",
            ),
            Misconception(
                "k-for-k-minus-1",
                _walk(lambda size, jump, k, s, d: (size + d * k * jump, jump * s)),
                "You add k taps for each layer. The first one is there already: k - 1 are new.",
            ),
            Misconception(
                "starts-at-zero",
                _walk(lambda size, jump, k, s, d: (size + d * (k - 1) * jump, jump * s), first=0),
                "You start at 0. Before the first layer a unit is a pixel and sees itself: size 1.",
                "What a unit sees",
            ),
        ),
        hints=(
            "Two numbers go along: the size, and the jump between the fields of neighbours. Both start at 1.",
            "A layer adds `d * (k - 1)` gaps, each `jump` input cells wide.",
            "First the size, then `jump *= s`.",
        ),
        solution="Two numbers go from layer to layer; the order of the two lines matters:",
    ),
    BugDrill(
        id="bug-receptive-field",
        title="A field in the wrong place",
        section=START,
        difficulty=2,
        minutes=4,
        prompt="""`field_of_unit(layers, unit)` should return the first and the last input cell that a unit of
the last layer sees; cells in the padding have negative numbers. Each layer is `(kernel_size, stride,
padding)`. With stride 1 everywhere it is right, otherwise it is not. Find the bug and fix it.""",
        function="field_of_unit",
        buggy=programs.field_of_unit_jumps_too_early,
        bug=(
            "The bug is still there: the jump is multiplied before it is used, so a layer's own stride "
            "widens its own window."
        ),
        case=_padded_case,
        reference=_span,
        solutions=(programs.field_of_unit, programs.field_of_unit_from_the_top),
        misconceptions=(
            Misconception(
                "padding-unscaled",
                lambda layers, unit: [
                    edge + sum(p * (j - 1) for (_, _, p), j in zip(layers, _jumps(layers), strict=True))
                    for edge in _span(layers, unit)
                ],
                "The size is right now, but the padding of a deep layer counts in cells of its own input: "
                "multiply it by the jump there.",
            ),
            Misconception(
                "padding-widens",
                lambda layers, unit: [
                    _span(layers, unit)[0],
                    _span(layers, unit)[1]
                    + sum(p * j for (_, _, p), j in zip(layers, _jumps(layers), strict=True)),
                ],
                "You let padding make the field larger. It only moves the field.",
            ),
            Misconception(
                "one-too-far",
                lambda layers, unit: [_span(layers, unit)[0], _span(layers, unit)[1] + 1],
                "The last cell is one too far: a field of `size` cells ends at `first + size - 1`.",
            ),
        ),
        hints=(
            "Try one layer with kernel 3 and stride 2: its unit 0 sees cells 0, 1 and 2.",
            "Does a layer's own stride change how far its own taps lie apart?",
        ),
        solution="A layer's own stride acts on the layers above it, so the jump comes last:",
    ),
]


def _jumps(layers: Layers) -> list[int]:
    """Return the jump below every layer."""
    return [receptive_field([(k, s, 0, 1) for k, s, _ in layers[:n]]).jump for n in range(len(layers))]
