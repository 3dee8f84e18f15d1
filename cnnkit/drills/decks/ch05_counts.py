"""Chapter 05: what depth, batches and memory cost."""

import numpy as np

from cnnkit.activations import sigmoid
from cnnkit.drills.kinds import Misconception, NumericDrill

BATCH = "The bias gradient and the batch"
DEPTH = "Gradients through depth"
MEMORY = "Activation memory and checkpointing"


def _checkpoint_case(k: int, segments: int) -> dict[str, object]:
    return {"n": k * segments, "k": k}


DECK = [
    NumericDrill(
        id="sigmoid-bound",
        title="A chain of sigmoids",
        section=DEPTH,
        difficulty=1,
        minutes=2,
        prompt=r"""A gradient passes backwards through $@n$ sigmoids, with weights of 1 between them. By which
factor is it multiplied at most?""",
        draw=lambda draw: {"n": draw.integer(2, 9)},
        answer="0.25^n",
        check=lambda v: float(np.prod(np.full(v.n, float(sigmoid(np.zeros(1))[0]) ** 2))),
        tolerance=0.01,
        misconceptions=(
            Misconception("half", "0.5^n", "The sigmoid at 0 is 0.5; its *slope* there is 0.25."),
            Misconception("factor-times-depth", "0.25 * n", "The factors multiply; they do not add up."),
            Misconception("one-factor", "0.25", "That is one layer's factor."),
        ),
        hints=("The slope of a sigmoid is s(1 - s). Where is it largest?", "0.25, once per layer."),
        solution=r"$0.25^{@n} =$ **@answer**.",
    ),
    NumericDrill(
        id="db-sum",
        title="How many errors make a bias gradient?",
        section=BATCH,
        difficulty=1,
        minutes=1,
        prompt=r"""A convolution with $@f$ filters gives maps of $@h \times @w$ for a batch of $@n$ images.
How
many errors are added up for *one* entry of $db$?""",
        draw=lambda draw: {
            "n": draw.integer(2, 32),
            "h": draw.integer(5, 28),
            "w": draw.integer(5, 28),
            "f": draw.integer(3, 64),
        },
        answer="n * h * w",
        check=lambda v: np.ones((v.n, v.h, v.w, v.f)).sum(axis=(0, 1, 2))[0],
        misconceptions=(
            Misconception("forgot-batch-sum", "h * w", "The bias is shared by all images of the batch, too."),
            Misconception("all-filters", "n * h * w * f", "Each filter has its own bias."),
            Misconception("one-for-each-image", "n", "The bias is added at every position."),
        ),
        hints=("Where is one bias used?", "At every position of every image."),
        solution=r"$@n \cdot @h \cdot @w =$ **@answer**.",
    ),
    NumericDrill(
        id="checkpoint-memory",
        title="What checkpoints keep",
        section=MEMORY,
        difficulty=2,
        minutes=2,
        prompt=r"""A network of $@n$ equal layers keeps the input of every $@k$-th layer and computes the
others again when they are needed. How many layer inputs are held at the moment of the peak?""",
        draw=lambda draw: _checkpoint_case(draw.integer(3, 8), draw.integer(3, 9)),
        answer="n / k + k - 1",
        check=lambda v: len(range(0, v.n, v.k)) + len(range(v.n - v.k, v.n)) - 1,
        misconceptions=(
            Misconception(
                "checkpoints-only", "n / k", "While a segment goes back, its own inputs are held too."
            ),
            Misconception("segment-only", "k", "The other checkpoints are still there."),
            Misconception(
                "counted-twice", "n / k + k", "The first input of the segment *is* its checkpoint."
            ),
            Misconception("everything", "n", "That is without checkpoints."),
        ),
        hints=("How many checkpoints? How many inputs does one segment need besides its first?",),
        solution=r"$@n / @k$ checkpoints and $@k - 1$ inputs computed again: **@answer**.",
    ),
]
