"""Chapter 05: formulas to type, choices, and what to be able to say."""

import numpy as np

from cnnkit.drills.kinds import Choice, ChoiceDrill, ExplainDrill, FormulaDrill, Misconception
from cnnkit.gradcheck import numeric_gradient

SCATTER = "The input gradient: a scatter"
FULL = "The input gradient as a full convolution"
WEIGHTS = "The weight gradient"
POOLING = "Backward through pooling"
SOFTMAX = "Softmax and cross-entropy"
NORM = "Batch normalisation"
CHECKING = "Checking gradients"
DEPTH = "Gradients through depth"

DECK = [
    FormulaDrill(
        id="scatter-index-formula",
        title="Where does the error land?",
        section=SCATTER,
        difficulty=1,
        minutes=1,
        prompt=r"""Along one axis: stride $s$, dilation $d$, $p$ zeros before the input. Write the index
$x$-cell
(counted in the *unpadded* input) to which the error of output $i$ sends its product with weight $m$.""",
        names={"i": (0, 9), "m": (0, 5), "s": (1, 4), "d": (1, 3), "p": (0, 3)},
        answer="i*s + m*d - p",
        check=lambda v: range(-v.p, 100)[v.i * v.s :][:: v.d][v.m],
        misconceptions=(
            Misconception("stride-blind-gradient", "i + m*d - p", "The window of output i starts at i*s."),
            Misconception("dilation-ignored", "i*s + m - p", "The taps are d cells apart."),
            Misconception("padding-ignored", "i*s + m*d", "That counts in the padded input; subtract p."),
            Misconception("gathering-index", "i*s - m*d - p", "The minus belongs to the gathering form."),
            Misconception("padding-added", "i*s + m*d + p", "The padding moves the window to the left: - p."),
        ),
        hints=("Which cell did weight m read for output i?", "It goes back to where it came from."),
        solution="The cell that was read: **i·s + m·d − p**.",
    ),
    FormulaDrill(
        id="full-padding-formula",
        title="How much padding is 'full'?",
        section=FULL,
        difficulty=2,
        minutes=2,
        prompt=r"""$dx$ is a stride-1 convolution of the zero-stuffed error with the turned kernel of $k$
taps and
dilation $d$. The forward pass had $p$ zeros before the input. Write how many zeros stand before the stuffed
error so that no crop is needed.""",
        names={"k": (3, 7), "d": (1, 3), "p": (0, 2), "s": (1, 4)},
        answer="d*(k - 1) - p",
        check=lambda v: len(range(1, v.d * (v.k - 1) + 1)) - v.p,
        misconceptions=(
            Misconception("dilation-ignored", "k - 1 - p", "A dilated kernel reaches d(k - 1) cells far."),
            Misconception("padding-ignored", "d*(k - 1)", "That is without the crop: subtract p."),
            Misconception("one-too-many", "d*(k - 1) + 1 - p", "The reach is the span minus 1."),
            Misconception("times-stride", "s*d*(k - 1) - p", "The stride is in the zero-stuffing already."),
        ),
        hints=(
            "A full convolution pads with the kernel's reach.",
            "The reach is d(k - 1); the crop takes p.",
        ),
        solution="The reach minus the crop: **d(k − 1) − p**. Negative means: crop.",
    ),
    FormulaDrill(
        id="stuffed-size-formula",
        title="The length of the stuffed error",
        section=FULL,
        difficulty=1,
        minutes=1,
        prompt="An axis has $n$ errors; the forward stride was $s$. How long is the zero-stuffed error?",
        names={"n": (2, 12), "s": (1, 5)},
        answer="(n - 1)*s + 1",
        check=lambda v: len(range(0, (v.n - 1) * v.s, 1)) + 1,
        misconceptions=(
            Misconception("zeros-behind", "n*s", "No zeros follow the last error: n - 1 gaps."),
            Misconception("one-zero-each", "2*n - 1", "Between two errors stand s - 1 zeros."),
            Misconception(
                "too-many-zeros", "(n - 1)*(s + 1) + 1", "Between two errors stand s - 1 zeros, not s."
            ),
        ),
        hints=("How many gaps do n errors have? How long is a gap?",),
        solution="n errors and (n − 1)(s − 1) zeros: **(n − 1)s + 1**.",
    ),
    FormulaDrill(
        id="gather-formula",
        title="Two errors meet in a cell",
        section=SCATTER,
        difficulty=2,
        minutes=2,
        prompt=r"""A kernel $(u, v, w)$ with stride 2 and no padding; the outputs have the errors $d_0,
d_1, d_2$. Type
the gradient of input cell 2.""",
        names={"u": (-9, 9), "v": (-9, 9), "w": (-9, 9), "d_0": (-9, 9), "d_1": (-9, 9), "d_2": (-9, 9)},
        answer="d_0*w + d_1*u",
        check=lambda v: _cell_two(v.u, v.v, v.w, (v.d_0, v.d_1, v.d_2)),
        misconceptions=(
            Misconception("flipped-kernel", "d_0*u + d_1*w", "Cell 2 is the *last* tap of output 0."),
            Misconception("last-error-only", "d_1*u", "Output 0 reads cell 2 too: its last tap. Add both."),
            Misconception(
                "stride-blind-gradient",
                "d_0*w + d_1*v + d_2*u",
                "That is stride 1. Here windows start at 0, 2, 4.",
            ),
            Misconception("middle-tap", "d_1*v", "The window of output 1 starts at cell 2: tap u."),
        ),
        hints=("Window 0 reads cells 0, 1, 2; window 1 reads 2, 3, 4.",),
        solution="Last tap of window 0, first tap of window 1: **d_0·w + d_1·u**.",
    ),
    FormulaDrill(
        id="residual-derivative",
        title="Through two residual blocks",
        section=DEPTH,
        difficulty=2,
        minutes=2,
        prompt=r"""Scalars: $x_1 = x_0 + f(x_0)$ and $x_2 = x_1 + g(x_1)$. The slopes are $f' = a$ and $g'
= b$, and
$\partial J/\partial x_2 = e$. Type $\partial J/\partial x_0$.""",
        names={"a": (-9, 9), "b": (-9, 9), "e": (-9, 9)},
        answer="e*(1 + a)*(1 + b)",
        check=lambda v: _two_blocks(v.a, v.b, v.e),
        misconceptions=(
            Misconception("plain-net", "e*a*b", "That is the net without skips. Each block passes 1 + f'."),
            Misconception(
                "sum-of-branches", "e*(1 + a + b)", "The path through both branches, a*b, is missing."
            ),
            Misconception("one-skip", "e*(1 + a*b)", "There are four paths: 1, a, b and a*b."),
        ),
        hints=("The derivative of x + f(x) is 1 + f'.",),
        solution="**e(1 + a)(1 + b)** = e(1 + a + b + ab): one path for every choice of skip or branch.",
    ),
    ChoiceDrill(
        id="shared-weight-gradient",
        title="A weight used a thousand times",
        section=WEIGHTS,
        difficulty=1,
        minutes=1,
        prompt=(
            "A kernel weight is used at every position. First compute the gradients as if every use "
            "had its own "
            "weight. What is the gradient of the shared one?"
        ),
        choices=(
            Choice("The sum of them.", "The chain rule adds over all paths from the weight.", correct=True),
            Choice("The mean of them.", "A mean changes the step length by the map's size.", name="mean"),
            Choice("The one of largest size.", "Every use moves the loss, not only the largest.", name="max"),
            Choice("The last one.", "That is the bug `=` for `+=`.", name="assigned-for-added"),
        ),
        hints=("J depends on w through every output.", "The multivariate chain rule."),
        solution="The **sum**: J changes through each use, and small changes add up.",
    ),
    ChoiceDrill(
        id="why-cross-entropy",
        title="Sure and wrong",
        section=SOFTMAX,
        difficulty=2,
        minutes=2,
        prompt=(
            "A sigmoid output is 0.001, the target is 1. Which loss gives a useful gradient for its input z?"
        ),
        choices=(
            Choice(
                "Cross-entropy: dJ/dz is about -1.", "It is s - t = -0.999: large when wrong.", correct=True
            ),
            Choice(
                "Squared error: dJ/dz is about -1.",
                "The error is about -1, but times the slope s(1 - s) = 0.001: it hardly moves.",
                name="slope-forgotten",
            ),
            Choice(
                "Neither: a saturated unit has no gradient.",
                "Cross-entropy's derivative cancels the slope.",
                name="no-gradient",
            ),
            Choice(
                "Both the same, up to a factor 2.",
                "They differ by the factor s(1 - s), which is a thousandth here.",
                name="same",
            ),
        ),
        hints=("Multiply dJ/ds by the slope s(1 - s).",),
        solution=(
            "For cross-entropy the slope cancels: **s − t**. For the squared error it stays, and is tiny."
        ),
    ),
    ChoiceDrill(
        id="check-that-fails",
        title="Reading a gradient check",
        section=CHECKING,
        difficulty=2,
        minutes=2,
        prompt=(
            "In float64 with h = 1e-5, all entries of a gradient agree to 1e-9, except three of a "
            "ReLU network, "
            "which are off by half. What do you look at first?"
        ),
        choices=(
            Choice(
                "Whether a pre-activation changes its sign within ±h.",
                "At a kink a central difference averages both slopes: off by half, though the code is right.",
                correct=True,
            ),
            Choice("A smaller learning rate.", "No step is taken in a check.", name="learning-rate"),
            Choice(
                "float32 instead of float64.",
                "Four digits would remain; everything would look wrong.",
                name="float32",
            ),
            Choice(
                "h = 1e-12.", "Rounding then eats the difference: eps/h is 1e-4.", name="smaller-is-better"
            ),
        ),
        hints=("What is special about ReLU at 0?",),
        solution="A **kink**. Move x away from it, or shrink h a little and see the entry jump.",
    ),
    ChoiceDrill(
        id="batch-norm-sum-of-errors",
        title="What batch norm gives back",
        section=NORM,
        difficulty=2,
        minutes=2,
        prompt=(
            "dx is the gradient behind a batch norm in training mode. What do its entries of one "
            "channel sum to?"
        ),
        choices=(
            Choice(
                "0.",
                "Shifting all x of a channel changes nothing, so no gradient may ask for it.",
                correct=True,
            ),
            Choice("The sum of dy.", "That is dbeta. dx has its mean removed.", name="dbeta"),
            Choice("gamma times the sum of dy.", "Only if the mean were a constant.", name="constants"),
            Choice("1.", "Nothing is normalised to a sum of 1.", name="one"),
        ),
        hints=("Add a constant to all x of the channel. What happens to y?",),
        solution="To **0**: the mean is subtracted, so a common shift of x has no effect on y.",
    ),
    ExplainDrill(
        id="explain-residual-gradient",
        title="Why gradients survive a skip",
        section=DEPTH,
        difficulty=2,
        minutes=3,
        prompt=(
            "Show with a formula why gradients do not vanish through a stack of residual blocks. "
            "What can still go wrong?"
        ),
        rubric=(
            "x_(l+1) = x_l + F(x_l), hence x_L = x_l + the sum of all F between.",
            "dJ/dx_l = dJ/dx_L (1 + d/dx_l of that sum): the 1 carries the gradient unchanged.",
            "It is a sum over paths and no longer one product of layer Jacobians.",
            "It can still explode: branches of full size multiply it by more than 1 per block.",
        ),
        hints=("Write x_L as x_l plus something.", "Differentiate that."),
        solution="""$x_L = x_l + \\sum F$, so $\\partial J/\\partial x_l = \\partial J/\\partial x_L\\,(1 +
\\partial \\sum F /
\\partial x_l)$. The 1 is a direct path. For the sum to be -1 everywhere would take a conspiracy. Too large
branches
still let it grow, which is why they are normalised, scaled down or started at zero.""",
    ),
    ExplainDrill(
        id="explain-exploding",
        title="Exploding gradients",
        section=DEPTH,
        difficulty=2,
        minutes=2,
        prompt="How do you notice exploding gradients, and what do you do about them?",
        rubric=(
            "The loss jumps up or becomes NaN; norms of weights or gradients are very large.",
            "Log the gradient norm of every layer; look at the first bad step.",
            "Clip by the global norm; lower the learning rate or warm it up.",
            "Better initialisation, normalisation layers, skip connections.",
        ),
        hints=("Two symptoms in the curves, one in the logs.", "One quick remedy, several structural ones."),
        solution="""Loss spikes, NaN, norms that grow from layer to layer. At once: clip the global norm
and lower the
learning rate. At the root: He initialisation, batch norm, skips, sane input scaling.""",
    ),
    ExplainDrill(
        id="explain-pooling-gradient",
        title="Gradients through pooling",
        section=POOLING,
        difficulty=1,
        minutes=2,
        prompt="How does the gradient pass through max pooling and through average pooling?",
        rubric=(
            "Max: all of it goes to the position of the maximum, the others get 0 (store the argmax).",
            "Average: split equally, 1 / window size each.",
            "Overlapping windows: contributions add up.",
            "Ties: a convention (first maximum, or shared).",
        ),
        hints=("Which inputs changed the output?",),
        solution="""Only the winner moved the maximum, so it takes the whole error; in an average all share
it. Where windows
overlap the parts add. At a tie frameworks take one winner by convention.""",
    ),
]


def _cell_two(u: int, v: int, w: int, errors: tuple[int, int, int]) -> float:
    def loss(x: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        return float(
            sum(e * (u * x[2 * i] + v * x[2 * i + 1] + w * x[2 * i + 2]) for i, e in enumerate(errors))
        )

    return round(float(numeric_gradient(loss, np.zeros(7), h=1.0)[2]))


def _two_blocks(a: int, b: int, e: int) -> float:
    def loss(x: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        middle = x[0] + a * x[0]
        return float(e * (middle + b * middle))

    return round(float(numeric_gradient(loss, np.zeros(1), h=1.0)[0]))
