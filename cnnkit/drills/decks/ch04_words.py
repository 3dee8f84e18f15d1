"""Chapter 04: formulas to type, and options to choose from."""

from cnnkit.drills.decks.ch04_receptive_field import cells_seen, extent
from cnnkit.drills.kinds import Choice, ChoiceDrill, FormulaDrill, Misconception

RECURRENCE = "The recurrence: size and jump"
GROWTH = "It grows without any compression"
START = "Padding, start and centre"
DILATION = "Dilation and gridding"
MEASURED = "Computed, and measured twice"
NUMBERS = "Well-known networks in numbers"
EFFECTIVE = "The effective receptive field"

DECK = [
    FormulaDrill(
        id="field-formula",
        title="One layer more",
        section=RECURRENCE,
        difficulty=1,
        minutes=1,
        prompt=r"""Units of a map have a field of $r$ pixels and a jump of $j$. A layer with kernel $k$,
stride $s$, dilation $d$ and padding $p$ follows. Write the size of the new field.""",
        names={"r": (1, 40), "j": (1, 8), "k": (2, 7), "s": (2, 3), "d": (2, 4), "p": (1, 3)},
        answer="r + d*(k - 1)*j",
        check=lambda v: max(m * v.d * v.j + v.r for m in range(v.k)),
        misconceptions=(
            Misconception(
                "own-stride-counted",
                "r + d*(k - 1)*j*s",
                "The layer's own stride is too much: it acts on the layers above.",
            ),
            Misconception(
                "jump-forgotten",
                "r + d*(k - 1)",
                "Taps are $d$ cells of the map apart, and a cell of the map is $j$ pixels from the next.",
            ),
            Misconception(
                "dilation-forgotten",
                "r + (k - 1)*j",
                "The dilation is missing: neighbouring taps are $d$ cells apart.",
                DILATION,
            ),
            Misconception(
                "k-for-k-minus-1",
                "r + d*k*j",
                "Between $k$ taps lie $k - 1$ gaps.",
            ),
            Misconception(
                "padding-widens",
                "r + d*(k - 1)*j + 2*p*j",
                "Padding moves the field, it does not widen it.",
                START,
            ),
        ),
        hints=("How far is the last tap from the first, in cells of the map? In pixels?",),
        solution=(
            r"The last tap lies $d(k - 1)$ cells from the first, and a cell is $j$ pixels wide: $r + d(k - "
            r"1)j$."
        ),
    ),
    FormulaDrill(
        id="start-formula",
        title="Where the field starts",
        section=START,
        difficulty=2,
        minutes=2,
        prompt=r"""Three layers have the strides $s_1, s_2, s_3$ and the padding $p_1, p_2, p_3$ on both
sides. At which pixel does the field of unit 0 of the last map start?""",
        names={"s_1": (2, 4), "s_2": (2, 4), "s_3": (2, 4), "p_1": (1, 3), "p_2": (1, 3), "p_3": (1, 3)},
        answer="-p_1 - p_2*s_1 - p_3*s_1*s_2",
        check=lambda v: cells_seen([(1, v.s_1, 1, v.p_1), (1, v.s_2, 1, v.p_2), (1, v.s_3, 1, v.p_3)])[0],
        misconceptions=(
            Misconception(
                "unscaled",
                "-p_1 - p_2 - p_3",
                "A cell of a higher map is several pixels wide: multiply its padding by the jump there.",
            ),
            Misconception(
                "own-stride-counted",
                "-p_1*s_1 - p_2*s_1*s_2 - p_3*s_1*s_2*s_3",
                "A layer's padding lies on its *input*, so its own stride does not count.",
            ),
            Misconception(
                "wrong-sign",
                "p_1 + p_2*s_1 + p_3*s_1*s_2",
                "The sign: padding lies before pixel 0, so the start is negative.",
            ),
        ),
        hints=(
            "The first layer moves the start by $p_1$ pixels. How wide is a cell of the second layer's "
            "input?",
        ),
        solution="Each padding counts in cells of its layer's input: $-p_1 - p_2 s_1 - p_3 s_1 s_2$.",
    ),
    FormulaDrill(
        id="strided-stack-formula",
        title="L layers, all strided",
        section=GROWTH,
        difficulty=3,
        minutes=3,
        prompt=(
            r"$L$ layers with kernel $k$ and stride $s > 1$ each. Write the receptive field of a unit of "
            r"the last one."
        ),
        names={"L": (2, 5), "k": (2, 5), "s": (2, 3)},
        answer="1 + (k - 1)*(s^L - 1)/(s - 1)",
        check=lambda v: extent([(v.k, v.s)] * v.L),
        misconceptions=(
            Misconception(
                "strides-ignored",
                "1 + L*(k - 1)",
                "That is the field at stride 1, where every layer adds the same.",
            ),
            Misconception(
                "own-stride-counted",
                "1 + (k - 1)*s*(s^L - 1)/(s - 1)",
                "You let each layer's own stride widen its own window.",
                RECURRENCE,
            ),
            Misconception(
                "pixel-forgotten", "(k - 1)*(s^L - 1)/(s - 1)", "The 1 is missing: the pixel itself."
            ),
        ),
        hints=(
            "Layer $l$ adds $(k - 1)s^{l - 1}$.",
            "A geometric series.",
        ),
        solution=r"$1 + (k - 1)(1 + s + \ldots + s^{L - 1}) = 1 + (k - 1)(s^L - 1)/(s - 1)$.",
    ),
    ChoiceDrill(
        id="padding-and-the-field",
        title="What padding changes",
        section=START,
        difficulty=1,
        minutes=1,
        prompt="A network's layers get more zero padding. What happens to the receptive fields of its units?",
        choices=(
            Choice(
                "They keep their size and move: the field of unit 0 starts further outside.",
                "Padding changes the start, $-p$ times the jump. Size and jump have no $p$ in them.",
                correct=True,
            ),
            Choice(
                "They grow by the padding on both sides.",
                "A window has as many taps as before. Some of them now lie on zeros.",
                name="padding-widens",
            ),
            Choice(
                "Nothing at all.",
                "The size stays, but unit 0 now looks at another place of the image.",
                name="padding-without-effect",
            ),
            Choice(
                "The jump between neighbours grows.",
                "The jump is the product of the strides.",
                name="padding-in-the-jump",
            ),
        ),
        hints=("Look for $p$ in the three lines of the recurrence.",),
        solution="The start moves by $-p$ jumps. Size and jump stay.",
    ),
    ChoiceDrill(
        id="why-427-or-483",
        title="427 or 483?",
        section=NUMBERS,
        difficulty=3,
        minutes=2,
        prompt="""Some sources give ResNet-50 a receptive field of 427 pixels, others 483. Both are
right. What differs?""",
        choices=(
            Choice(
                "Whether the 3×3 convolutions of a stage's first unit act before or after the map is halved.",
                "In 427 the stride sits in that 3×3 itself, so its taps still have the smaller jump. A "
                "stride before it "
                "doubles the jump of one 3×3 in each of three stages.",
                correct=True,
            ),
            Choice(
                "Whether the max pooling after the first convolution is counted.",
                "It is in both. Without it, all later jumps would be half as large.",
                name="pooling-left-out",
            ),
            Choice(
                "Whether padding is counted.",
                "Padding does not change the size of a field.",
                name="padding-widens",
            ),
            Choice(
                "427 is the effective field, 483 the theoretical one.",
                "Both are theoretical. The effective field is far smaller.",
                name="effective-for-theoretical",
            ),
        ),
        hints=("$483 - 427 = 56 = 2 \\cdot 4 + 2 \\cdot 8 + 2 \\cdot 16$. Which layers have two gaps?",),
        solution="""One 3×3 in each of three stages works with a jump of 4, 8, 16 or of 8, 16, 32: a
difference of $2 \\cdot (4 + 8 + 16) = 56$.""",
    ),
    ChoiceDrill(
        id="statements-on-the-effective-field",
        title="True of the effective field",
        section=EFFECTIVE,
        difficulty=2,
        minutes=2,
        prompt="Which statements about the effective receptive field are right? Choose all that are.",
        choices=(
            Choice(
                "In a deep stack it is close to a Gaussian around the middle.",
                "Paths are sums of independent steps, one for each layer: the central limit theorem.",
                correct=True,
            ),
            Choice(
                "Its width grows like the square root of the depth, so its share of the field shrinks.",
                "Variances add. The theoretical field grows with the depth itself.",
                correct=True,
            ),
            Choice(
                "Training can widen it, although the theoretical field stays the same.",
                "The weights decide how strong each path is; the geometry decides which paths there are.",
                correct=True,
            ),
            Choice(
                "Every pixel of the theoretical field counts about the same.",
                "A corner is reached by one path, the middle by very many.",
                name="evenly-spread",
            ),
            Choice(
                "It is larger than the theoretical field.",
                "Outside the theoretical field the gradient is exactly 0.",
                name="larger-than-theory",
            ),
        ),
        hints=("How many paths lead to a corner of the field? To its middle?",),
        solution="A bell in the middle, of width √L in a field of width L, that training can reshape.",
    ),
    ChoiceDrill(
        id="compression-or-not",
        title="Does it need compression?",
        section=GROWTH,
        difficulty=1,
        minutes=1,
        prompt=""""A deeper unit sees more of the image because each layer compresses the map." What is
wrong with it?""",
        choices=(
            Choice(
                "The field grows in every layer with a kernel larger than 1, also when the map keeps its "
                "size.",
                "Three 3×3 layers with stride 1 and padding 1 see 3, 5 and 7 pixels on maps of unchanged "
                "size.",
                correct=True,
            ),
            Choice(
                "Nothing: without pooling or stride the field stays at the kernel's size.",
                "The second layer reads cells that each see 3 pixels already.",
                name="growth-needs-compression",
            ),
            Choice(
                "It is the padding that makes the field grow.",
                "Padding moves fields; it does not widen them.",
                name="padding-widens",
            ),
            Choice(
                "The field shrinks with depth.",
                "No layer can take a pixel away from the field: sizes only grow.",
                name="field-shrinks",
            ),
        ),
        hints=("Compute the field of three 3×3 layers with stride 1.",),
        solution=(
            "Overlapping windows are enough. Strides make the growth faster: multiplication instead of "
            "addition."
        ),
    ),
    ChoiceDrill(
        id="measured-with-holes",
        title="A gradient with holes",
        section=MEASURED,
        difficulty=2,
        minutes=2,
        prompt="""You measure a receptive field as the pixels with a gradient other than 0, in a trained
network with ReLU and max pooling, on one photo. Many pixels inside the computed field have gradient 0.
Why?""",
        choices=(
            Choice(
                "On this photo some ReLUs are off and each maximum has one winner: their paths carry "
                "nothing.",
                "The gradient is local. Average over many inputs, or use positive weights and averages in "
                "place of maxima.",
                correct=True,
            ),
            Choice(
                "The recurrence overestimates the field of networks with max pooling.",
                "A pixel that loses the maximum here can win it elsewhere. It belongs to the field.",
                name="field-depends-on-the-kind",
            ),
            Choice(
                "The gradient must be computed in float64.",
                "Rounding can lose tiny values, but not half of the field of a shallow network.",
                name="rounding-blamed",
            ),
            Choice(
                "Padding removes them.",
                "Padding lies outside the image.",
                name="padding-blamed",
            ),
        ),
        hints=("What does the backward pass of a ReLU do where its input was negative?",),
        solution=(
            "ReLU and max pooling block paths on this input. The field holds every pixel that matters on "
            "*some* input."
        ),
    ),
]
