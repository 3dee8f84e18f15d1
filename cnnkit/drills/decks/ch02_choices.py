"""Chapter 02: options to choose from."""

from cnnkit.drills.kinds import Choice, ChoiceDrill, Draw


def _checkerboard_case(draw: Draw) -> dict[str, int]:
    s = draw.choice((2, 3, 4))
    times = draw.choice((2, 3))
    return {
        "s": s,
        "good": s * times,
        "one": s * times + 1,
        "two": s * times - 1,
        "three": s * (times + 1) + 1,
    }


DECK = [
    ChoiceDrill(
        id="deep-nets-and-valid",
        title="Valid in deep networks",
        section="Valid, same, full and causal",
        difficulty=1,
        minutes=1,
        prompt="""'To build very deep networks one uses valid convolutions, and shrinks the maps by pooling
alone.' Is that true?""",
        choices=(
            Choice(
                "False: deep networks use same padding, since valid padding shrinks the map at every layer.",
                "Fifteen valid 3×3 layers bring 32 cells down to 2. With same padding the size changes only "
                "where "
                "a stride or a pooling layer changes it on purpose.",
                correct=True,
            ),
            Choice(
                "True: valid padding is the only one that invents no numbers.",
                "It invents none, but it costs K − 1 rows and columns in every layer.",
                name="valid-everywhere",
            ),
            Choice(
                "True: only pooling can make a map smaller.",
                "Valid convolutions and strides make it smaller, too.",
                name="only-pooling-shrinks",
            ),
            Choice(
                "False: deep networks use full padding, so that maps grow.",
                "Full padding belongs to gradients and to transposed convolutions; forward layers use same.",
                name="full-forward",
            ),
        ),
        hints=("What does a valid 3×3 layer take away?", "Do that fifteen times to a 32×32 image."),
        solution="False. Same convolutions keep the size; strides or pooling shrink it on purpose.",
    ),
    ChoiceDrill(
        id="ported-weights",
        title="Weights from another framework",
        section="Same with a stride: two conventions",
        difficulty=2,
        minutes=2,
        prompt="""Weights of a Keras network (`padding="same"`, some layers with stride 2) were copied to
PyTorch with `padding=(k - 1) // 2`. All shapes agree, axes are in the right order, yet the accuracy is far
lower. What is the most likely cause?""",
        choices=(
            Choice(
                "The strided layers: SAME pads asymmetrically, so every window is one pixel off.",
                "At an even size with stride 2 and an odd kernel SAME pads one cell less before than after. "
                "The shapes "
                "agree, the alignment does not, and the offset grows with depth.",
                correct=True,
            ),
            Choice(
                "The layers with stride 1: same padding is computed differently there.",
                "At stride 1 and for odd kernels both conventions pad (K − 1)/2 on each side.",
                name="stride-one-differs",
            ),
            Choice(
                "PyTorch flips its kernels and Keras does not.",
                "Neither flips: both compute a cross-correlation.",
                name="flipped-kernel",
            ),
            Choice(
                "Keras pads by reflection, PyTorch by zeros.",
                "Both pad with zeros unless told otherwise.",
                name="other-fill",
            ),
        ),
        hints=(
            "In which layers do the two conventions differ although the output size is the same?",
            "224 cells, kernel 7, stride 2: (2, 3) against (3, 3).",
        ),
        solution="""SAME with a stride puts fewer zeros before than after. Pad explicitly, for example (2,
3), in front of a convolution without padding, and compare the activations layer by layer.""",
    ),
    ChoiceDrill(
        id="checkerboard-free",
        title="Without a checkerboard",
        section="Checkerboard artefacts",
        difficulty=2,
        minutes=1,
        prompt="""A transposed convolution with stride @s must put equally many stamps on every output cell
(away from the border). Which kernel size does that?""",
        draw=_checkerboard_case,
        choices=(
            Choice(
                "@good × @good",
                "The stride divides it, so every cell gets the same number of stamps.",
                correct=True,
            ),
            Choice(
                "@one × @one",
                "@one is no multiple of @s: some cells get a stamp more than their neighbours.",
                name="odd-is-fine",
            ),
            Choice(
                "@two × @two",
                "@two is no multiple of @s: some cells get a stamp fewer than their neighbours.",
                name="smaller-is-fine",
            ),
            Choice(
                "@three × @three",
                "Size alone does not help: @three is no multiple of @s.",
                name="larger-is-fine",
            ),
        ),
        hints=(
            "Count the stamps on neighbouring cells of a 1-D example.",
            "Every cell gets K / s stamps if that is a whole number.",
        ),
        solution="""@good is a multiple of @s: each cell gets @{good / s} stamps along each axis. (Different
weights for the cells of a block may still make a pattern; resize and convolve avoids that.)""",
    ),
    ChoiceDrill(
        id="padding-for-the-job",
        title="The right border for the job",
        section="What stands in the padding",
        difficulty=2,
        minutes=2,
        prompt="Which statements about padding are right? Choose all that are.",
        choices=(
            Choice(
                "Zero padding darkens the border of a blurred photograph.",
                "The zeros take part in the mean: a 3×3 box leaves 6/9 at an edge, 4/9 in a corner.",
                correct=True,
            ),
            Choice(
                "Zero padding lets a network find out how far a pixel is from the border.",
                "A constant image is no longer constant after a zero-padded layer.",
                correct=True,
            ),
            Choice(
                "Reflection can pad by any number of cells.",
                "By n − 1 at most: then there is nothing left to mirror.",
                name="reflect-without-limit",
            ),
            Choice(
                "Padding adds parameters to the layer.",
                "Weights and biases stay the same; only the output grows.",
                name="padding-has-parameters",
            ),
            Choice(
                "Same padding adds channels as well.",
                "Height and width only: 15×15×8 with p = 2 becomes 19×19×8.",
                name="channels-padded",
            ),
        ),
        hints=("Two of them are right.", "What becomes of a constant image under a 3×3 mean?"),
        solution="Zeros darken the border, and by doing so they mark it. The rest is wrong.",
    ),
]
