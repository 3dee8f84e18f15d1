"""Chapter 06: options to choose from."""

from cnnkit.drills.kinds import Choice, ChoiceDrill

DECK = [
    ChoiceDrill(
        id="doubled-weights",
        title="W becomes 2W",
        section="Softmax: a vector map",
        difficulty=1,
        minutes=1,
        prompt="""A linear classifier with softmax, without biases and without regularisation, classifies
every training example correctly. All its weights are doubled. What happens on the training set?""",
        choices=(
            Choice(
                "The accuracy stays, and the cross-entropy falls.",
                "The largest logit stays the largest, all leads double, and the right class "
                "gets more probability.",
                correct=True,
            ),
            Choice(
                "The accuracy stays, and so does the cross-entropy.",
                "Softmax ignores an added constant, not a factor: doubled leads make sharper probabilities.",
                name="scale-invariance",
            ),
            Choice(
                "The accuracy stays, and the cross-entropy doubles.",
                "The logits double. The loss of a right answer falls when its lead grows.",
                name="loss-doubles",
            ),
            Choice(
                "The accuracy may fall, because the probabilities saturate.",
                "Doubling keeps the order of the logits, hence the class; saturation changes "
                "nothing about it.",
                name="order-lost",
            ),
        ),
        hints=("What happens to the order of the logits, and to the differences between them?",),
        solution="""The order stays, so the accuracy does. Every lead doubles, so the loss falls. That is
also why weights grow without bound on separable data unless something (weight decay, early stopping)
holds them.""",
    ),
    ChoiceDrill(
        id="leaky-relu-as-maximum",
        title="When is it a maximum?",
        section="ReLU and its kink",
        difficulty=1,
        minutes=1,
        prompt=r"A table gives leaky ReLU as $\max(\alpha x, x)$. For which $\alpha$ is that right?",
        choices=(
            Choice(
                r"for $0 \le \alpha \le 1$",
                r"Then $\alpha x \ge x$ exactly where x is negative.",
                correct=True,
            ),
            Choice(
                r"for every $\alpha$",
                r"Take $\alpha = 2$ and $x = 1$: the maximum is 2, where leaky ReLU gives 1.",
                name="any-alpha",
            ),
            Choice(
                r"for $\alpha \ge 0$",
                r"Above 1 the two branches swap: $\alpha = 2$, $x = -1$ gives $\max(-2, -1) = "
                r"-1$ instead of -2.",
                name="upper-end-forgotten",
            ),
            Choice(
                r"only for $\alpha = 0.01$",
                "0.01 is a habit, nothing more. Learned slopes (PReLU) are as good as any.",
                name="default-for-law",
            ),
        ),
        hints=("Try 2 and -2 on both sides of zero.",),
        solution=r"""$\max(\alpha x, x)$ takes the left branch where $\alpha x > x$, that is $(\alpha - 1)
x > 0$: for negative x only if $\alpha < 1$. A negative $\alpha$ would still pick that branch, but fold
the function up.""",
    ),
    ChoiceDrill(
        id="multi-label-output",
        title="Several labels at once",
        section="Which one where?",
        difficulty=1,
        minutes=1,
        prompt="A photograph may show a dog, a ball *and* a child. Which output and loss for 80 such labels?",
        choices=(
            Choice(
                "80 sigmoids with binary cross-entropy for each",
                "Every label is a question of its own; the answers need not sum to 1.",
                correct=True,
            ),
            Choice(
                "one softmax with cross-entropy",
                "Softmax makes the labels compete: a sure dog leaves no probability for the ball.",
                name="softmax-for-multi-label",
            ),
            Choice(
                "80 ReLUs with squared error",
                "A ReLU has no upper end and no meaning as a probability, and it can die.",
                name="relu-at-the-output",
            ),
            Choice(
                "80 sigmoids followed by a softmax",
                "Squashing twice limits the logits to 0..1, so no class could get more than a small share.",
                name="squashed-twice",
            ),
        ),
        hints=("May two labels be true at once?",),
        solution="Independent questions want independent sigmoids; exclusive classes want one softmax.",
    ),
    ChoiceDrill(
        id="what-kills-a-relu",
        title="What kills a ReLU?",
        section="Dying ReLU",
        difficulty=2,
        minutes=2,
        prompt="Which of these leave a ReLU unit without any gradient from the training set? "
        "(Several are right.)",
        choices=(
            Choice(
                "One huge step that pushed its bias to -50",
                "Then z is negative for all examples, and the slope 0 for all of them.",
                correct=True,
            ),
            Choice(
                "All its weights negative, inputs in [0, 1], bias -0.1",
                "No input can make z positive.",
                correct=True,
            ),
            Choice(
                "Negative z on 60 % of the examples",
                "The other 40 % still train it. Silence on some inputs is sparsity, not death.",
                name="sparsity-for-death",
            ),
            Choice(
                "Positive z on all examples",
                "Then its slope is 1 everywhere: it is linear on this data, and very much alive.",
                name="linear-for-dead",
            ),
        ),
        hints=("Dead means: silent on every example.",),
        solution="""A unit is dead when z is at most 0 on *all* examples. A changed input (the layers
below still learn, unless all its neighbours are dead too) or a hand on its bias can bring it back:
'permanently' is too strong.""",
    ),
]
