"""Chapter 03: options to choose from, a formula to type, and what to be able to say."""

from types import SimpleNamespace

import numpy as np

from cnnkit.drills.kinds import Choice, ChoiceDrill, ExplainDrill, FormulaDrill, Misconception
from cnnkit.kernels import vectorized

WINDOW = "One number for each window"
GLOBAL = "Global average pooling"
COST = "What pooling costs"
ROUTING = "Where the gradient goes"
SHIFT = "Max pooling is not shift invariant"
BLUR = "Blur before you subsample"
LOSES = "What pooling buys and what it loses"


def _additions(v: SimpleNamespace) -> float:
    """Return the cells that an average pooling reads: of ones, each output is 1 and stands for k*k cells."""
    y = vectorized.avg_pool2d(np.ones((v.h, v.w, v.c)), v.k, stride=v.s)
    return float(y.sum() * v.k**2)


DECK = [
    ChoiceDrill(
        id="pooling-parameters",
        title="What is learned?",
        section=WINDOW,
        difficulty=1,
        minutes=1,
        prompt="""A network with @c channels gets a max pooling of @k×@k after its convolution. How many
trainable
parameters does that add?""",
        draw=lambda draw: {"c": draw.choice((16, 32, 64)), "k": draw.integer(2, 3)},
        choices=(
            Choice("None.", "A maximum has nothing to learn, whatever the window.", correct=True),
            Choice(
                "@{k * k}: one for each cell of the window.",
                "Those would be the weights of a filter. Pooling has none.",
                name="weights-in-the-window",
            ),
            Choice(
                "@{k * k * c}: one for each cell of the window and channel.",
                "That is a depthwise convolution. Pooling only selects.",
                name="depthwise-weights",
            ),
            Choice(
                "@c: one bias for each channel.",
                "A bias belongs to a convolution, not to a maximum.",
                name="bias-in-pooling",
            ),
        ),
        hints=("What would training change in a maximum?", "Compare with a strided convolution."),
        solution="Max and average pooling have no parameters. A strided convolution in their place has.",
    ),
    ChoiceDrill(
        id="max-pooling-and-shifts",
        title="Regardless of location?",
        section=SHIFT,
        difficulty=2,
        minutes=2,
        prompt="""'Max pooling with window 2 and stride 2 detects a feature regardless of its location.'
What is right
about it?""",
        choices=(
            Choice(
                "Only that a peak may move inside its window. Across a window's edge the output changes.",
                "[0, 0, 1, 1, 0, 0, 1, 1] gives [0, 1, 0, 1]; one step further it gives [1, 1, 1, 1].",
                correct=True,
            ),
            Choice(
                "It holds for every shift: the maximum stays the maximum.",
                "The maximum of the whole map does, but each window has its own.",
                name="invariance-believed",
            ),
            Choice(
                "It holds for shifts smaller than the window.",
                "A shift by one cell is smaller than the window, and it may already cross an edge.",
                name="smaller-than-the-window",
            ),
            Choice(
                "It does not hold for one cell, but a shift by the stride leaves the output as it was.",
                "Then the output shifts by one cell: equivariance, not invariance.",
                name="equivariance-for-invariance",
            ),
        ),
        hints=(
            "Pool [0, 0, 1, 1, 0, 0, 1, 1] before and after a step to the right.",
            "Where are the edges of the windows?",
        ),
        solution="""Inside its window the peak may move; the windows themselves stand still. What
happens on their edges
depends on the place, so the output of a strided pooling changes with a shift of a single pixel.""",
    ),
    ChoiceDrill(
        id="gradient-at-a-tie",
        title="A tie",
        section=ROUTING,
        difficulty=2,
        minutes=1,
        prompt="""The window of a max pooling holds @a, @b, @a, @c in reading order, and an error of @e
comes back. What do
frameworks usually pass on?""",
        draw=lambda draw: {
            "a": draw.integer(6, 9),
            "b": draw.integer(0, 2),
            "c": draw.integer(3, 5),
            "e": draw.integer(1, 5) * 2,
        },
        choices=(
            Choice(
                "[@e, 0, 0, 0]: one of the two maxima takes everything, the first one.",
                "The forward pass remembers one place for each window, and that place takes the error.",
                correct=True,
            ),
            Choice(
                "[@{e / 2}, 0, @{e / 2}, 0]: the two maxima share.",
                "A legitimate choice (`torch.amax` makes it), but not that of pooling layers.",
                name="ties-share",
            ),
            Choice(
                "[@e, 0, @e, 0]: each maximum takes the error.",
                "Then more would come back than went in: the usual bug of a mask `x == max`.",
                name="every-tie-takes-all",
            ),
            Choice(
                "[0, 0, 0, 0]: the maximum is not differentiable there.",
                "It is not, but a subgradient is used, as for ReLU at 0.",
                name="no-gradient-at-ties",
            ),
        ),
        hints=("What does a pooling layer store in the forward pass?", "One index for each window."),
        solution="A pooling layer stores one index for each window, so one cell takes the whole error.",
    ),
    ChoiceDrill(
        id="why-one-number-is-enough",
        title="One number for a map",
        section=GLOBAL,
        difficulty=1,
        minutes=1,
        prompt=(
            "After global average pooling one number for each map is left. Why can a classifier live with"
            " that?"
        ),
        choices=(
            Choice(
                "Each map scores how much of one feature is there, and classes differ in their sets "
                "of features.",
                "The vector of scores tells the classes apart; only the place is lost.",
                correct=True,
            ),
            Choice(
                "The dense layer behind it learns the positions again.",
                "They are gone: two images with the same features in other places give the same vector.",
                name="positions-come-back",
            ),
            Choice(
                "The last maps have one cell anyway.",
                "They usually have 7×7 cells or more; that is why there is something to average.",
                name="one-cell-maps",
            ),
            Choice(
                "It is not enough; networks with a global average classify worse and are only smaller.",
                "ResNets, Inception and most later classifiers end in a global average.",
                name="average-is-a-compromise",
            ),
        ),
        hints=("What does one map of a late layer stand for?", "What distinguishes two classes?"),
        solution="""A late map answers to one high-level feature. Its mean says how much of it there is,
and classes
switch on different sets of features. The location is lost, which classification does not need.""",
    ),
    ChoiceDrill(
        id="pooling-is-for",
        title="Against overfitting?",
        section=LOSES,
        difficulty=1,
        minutes=1,
        prompt="Which of these is *not* in the first place a measure against overfitting?",
        choices=(
            Choice(
                "Pooling.",
                "Its purpose is to shrink maps; what it does against overfitting is incidental.",
                correct=True,
            ),
            Choice("Dropout.", "It exists to prevent overfitting.", name="dropout"),
            Choice("Data augmentation.", "More varied data is the best remedy.", name="augmentation"),
            Choice("Early stopping.", "It stops before the network learns the noise.", name="early-stopping"),
        ),
        hints=("Three of them exist for that purpose.", "One of them is there to save work."),
        solution="Pooling shrinks maps. The other three are regularisation.",
    ),
    FormulaDrill(
        id="pooling-cost-formula",
        title="The cost of a pooling",
        section=COST,
        difficulty=2,
        minutes=2,
        prompt=r"""An input of $h \times w$ cells and $c$ channels is pooled with $k \times k$ windows and
stride $s$, without
padding. Write how many cells are read in all (a cell counts once for each window that holds it).""",
        names={"h": (8, 20), "w": (8, 20), "c": (1, 5), "k": (2, 4), "s": (1, 3)},
        answer="c * (floor((h - k)/s) + 1) * (floor((w - k)/s) + 1) * k^2",
        check=_additions,
        misconceptions=(
            Misconception(
                "partition",
                "c * h * w",
                "That holds for windows side by side that fill the map. In general they overlap or "
                "leave cells out.",
            ),
            Misconception(
                "channels-twice",
                "c^2 * (floor((h - k)/s) + 1) * (floor((w - k)/s) + 1) * k^2",
                "You counted like a convolution; each channel is pooled alone.",
            ),
            Misconception(
                "no-floor",
                "c * ((h - k)/s + 1) * ((w - k)/s + 1) * k^2",
                "The floors are missing: a window that does not fit is dropped.",
                WINDOW,
            ),
            Misconception(
                "outputs-only",
                "c * (floor((h - k)/s) + 1) * (floor((w - k)/s) + 1)",
                "Those are the outputs; each reads $k^2$ cells.",
            ),
        ),
        hints=("How many windows along each axis?", "Windows times channels times cells of a window."),
        solution=r"""$c \cdot h' w' \cdot k^2$ with $h' = \lfloor (h - k)/s \rfloor + 1$ and the same
for $w'$:
comparisons for the maximum, additions for the average, no weights.""",
    ),
    ExplainDrill(
        id="explain-max-against-average",
        title="Max or average?",
        section=WINDOW,
        difficulty=1,
        minutes=2,
        prompt="Compare max and average pooling: what does each keep, and when would you choose which?",
        rubric=(
            "Max keeps the strongest response: is the feature there? Good for sparse, sharp features.",
            "Average keeps the overall level; it is smoother.",
            "Gradients: max to one cell, average to all.",
            "Max inside classifiers, average at the end (global) or where all evidence counts.",
            "Max is sensitive to outliers and noise.",
        ),
        hints=("Think of a window with one large number and eight zeros.", "Name the gradients, too."),
        solution="""Max asks whether a feature is there and keeps its strength; one noisy peak decides.
Average says how much
there is on the whole, and dilutes a lone peak. Max passes gradients to one cell, average to all.
Classifiers used max
between the blocks and average at the end.""",
    ),
    ExplainDrill(
        id="explain-global-average",
        title="Why global average pooling",
        section=GLOBAL,
        difficulty=2,
        minutes=2,
        prompt=(
            "What is global average pooling, and why do modern classifiers use it instead of flatten and "
            "dense layers?"
        ),
        rubric=(
            "It averages each map over height and width: one number for each channel.",
            "No parameters: much smaller head, less overfitting.",
            "Works for any input size.",
            "Each map carries evidence that is added up for the classes (class activation maps).",
        ),
        hints=("What comes out of a 7×7×512 map?", "Compare the parameters, and feed a larger image."),
        solution="""It turns H×W×C into C means. No parameters and no fixed image size; a dense layer
after flatten has one
weight for every cell instead. Each map must carry evidence that can be added up for the classes, and it
shows where
that was found.""",
    ),
    ExplainDrill(
        id="explain-pooling-drawbacks",
        title="Why pool, and why not",
        section=LOSES,
        difficulty=2,
        minutes=3,
        prompt="Why is pooling used, what are its drawbacks, and what would you use instead?",
        rubric=(
            "Smaller maps: less compute and memory, and a larger receptive field for what follows.",
            "Tolerance of small shifts, without parameters.",
            "Drawback: it throws position and detail away, bad for segmentation, detection, keypoints.",
            "Drawback: strided pooling aliases; a shift by one pixel can change the output.",
            "Drawback: max passes gradients to one cell of each window only.",
            "Instead: strided convolution, dilation, blur pooling, global or adaptive pooling, attention.",
        ),
        hints=("Three gains, three losses.", "What does a segmentation network need that pooling destroys?"),
        solution="""Pooling shrinks maps (compute, memory, receptive field) and forgives small shifts,
for no parameters. It
loses position and detail, aliases, and feeds gradients to few cells. Strided convolutions learn how to
shrink, dilated
ones see far without shrinking, blur pooling reduces the aliasing.""",
    ),
    ExplainDrill(
        id="explain-blur-pooling",
        title="Anti-aliasing",
        section=BLUR,
        difficulty=3,
        minutes=2,
        prompt=(
            "Why can a CNN change its answer when the image moves by one pixel, and what does blur "
            "pooling do about it?"
        ),
        rubric=(
            "Strides subsample; what is left depends on the position modulo the stride.",
            "The sampling theorem: fine detail must be removed before sampling, otherwise it aliases.",
            "Blur pooling: maximum at stride 1, a small blur, then the stride.",
            "It reduces the change of the output, it does not remove it.",
        ),
        hints=(
            "Take max pooling apart: a dense maximum, then what?",
            "What does signal processing do first?",
        ),
        solution="""Max pooling is a dense maximum followed by subsampling, and subsampling without a
low-pass filter aliases.
A blur between the two makes each output a weighted mean of neighbouring maxima, which changes less when
the image
moves.""",
    ),
]
