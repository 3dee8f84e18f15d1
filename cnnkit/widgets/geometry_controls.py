"""What a learner can set in the geometry explorer: names, ranges and words."""

from cnnkit.borders import FILLS
from cnnkit.shapes import PADDING_WORDS
from cnnkit.widgets.control_kinds import Control, Range, Readout, Select
from cnnkit.widgets.geometry_examples import EXAMPLES
from cnnkit.widgets.geometry_text import Term

OWN = "your own settings"
CONVOLUTION, TRANSPOSED = MODES = ("convolution", "transposed convolution")
CUSTOM = "custom"
COUNTS, VALUES = "counts", "values"
LARGE_CELL = "cell"
MAX_SIZE, MAX_KERNEL, MAX_STRIDE, MAX_DILATION = 12, 7, 5, 3
MAX_PADDING = MAX_DILATION * (MAX_KERNEL - 1)  # what "full" needs at most
AXES = ("height", "width")
SIDES = (("top", "bottom"), ("left", "right"))

_PADDING_NAMES = {"same_lower": "same, odd cell first", "causal": "causal, along the columns"}
_FILL_NAMES = {
    "zeros": "zeros",
    "reflect": "reflect (edge once)",
    "symmetric": "symmetric (edge twice)",
    "edge": "edge (repeated)",
    "wrap": "wrap (the other end)",
}


def general_controls() -> list[Control]:
    """Return what concerns both axes."""
    words = [(_PADDING_NAMES.get(word, word), word) for word in PADDING_WORDS]
    return [
        Select("example", "Example", (*EXAMPLES, OWN)),
        Select("mode", "Mode", MODES),
        Select("padding", "Padding", (*words, ("four numbers of your own", CUSTOM)), "same"),
        Select("fill", "What stands in it", tuple((_FILL_NAMES[fill], fill) for fill in FILLS)),
    ]


def display_controls() -> list[Control]:
    """Return what the cells show."""
    return [Select("show", "Numbers in the cells", (("times read or stamped", COUNTS), ("values", VALUES)))]


def axis_controls(axis: int) -> list[Control]:
    """Return what concerns the height (0) or the width (1)."""
    name, (first, last) = AXES[axis], SIDES[axis]
    return [
        Range(name, f"Input {name}", 7, minimum=1, maximum=MAX_SIZE),
        Range(f"kernel_{name}", f"Kernel {name}", 3, minimum=1, maximum=MAX_KERNEL),
        Range(f"stride_{name}", ("Stride down", "Stride across")[axis], 1, minimum=1, maximum=MAX_STRIDE),
        Range(
            f"dilation_{name}", ("Dilation down", "Dilation across")[axis], 1, minimum=1, maximum=MAX_DILATION
        ),
        Range(first, f"Padding {first}", 0, maximum=MAX_PADDING),
        Range(last, f"Padding {last}", 0, maximum=MAX_PADDING),
        Range(f"output_padding_{name}", ("Extra rows", "Extra columns")[axis], 0, maximum=MAX_STRIDE - 1),
    ]


def text_controls(terms: list[Term]) -> list[Control]:
    """Return the sentences, and the choice of the number of the formula to explain."""
    numbers = [(term.label, term.key) for term in terms]
    return [
        Readout("formula_rows", "Output rows", wide=True),
        Readout("formula_columns", "Output columns", wide=True),
        Readout("summary", "What happens", wide=True, lines=2),
        Readout("window", "This window", wide=True, lines=2),
        Select(
            "explain",
            "Explain this number",
            (*numbers, ("a cell of the large grid", LARGE_CELL)),
            help="Or click a cell of the large grid.",
            wide=True,
        ),
        Readout("explanation", "Explanation", wide=True, lines=2),
    ]
