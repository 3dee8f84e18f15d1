"""Chapter 01: options to choose from."""

from cnnkit.drills.kinds import Choice, ChoiceDrill

EQUIVARIANCE = "Equivariance, not invariance"
CHANNELS = "Channels: many in, many out"

DECK = [
    ChoiceDrill(
        id="equivariance-or-invariance",
        title="Equivariant or invariant?",
        section=EQUIVARIANCE,
        difficulty=1,
        minutes=1,
        prompt="""A single convolutional layer with stride 1 sees the same image shifted by three pixels.
Away from the
border, what happens to its feature map?""",
        choices=(
            Choice(
                "It shifts by three pixels too: the layer is translation equivariant.",
                "The same weights meet the same patch, only three positions later.",
                correct=True,
            ),
            Choice(
                "It stays the same: the layer is translation invariant.",
                "Invariance means that the output does not change. Here it moves along; invariance needs "
                "pooling.",
                name="invariance-for-equivariance",
            ),
            Choice(
                "It shifts by three pixels times the kernel size.",
                "The window moves one input cell for one output cell at stride 1, whatever the kernel size.",
                name="kernel-size-scales-the-shift",
            ),
            Choice(
                "It changes unpredictably, because other weights look at the object now.",
                "That is a dense layer. In a convolution every position uses the same weights.",
                name="no-weight-sharing",
            ),
        ),
        hints=(
            "Follow one window: which weights look at the object before, and after the shift?",
            "Equivariant: the output moves with the input. Invariant: the output stays.",
        ),
        solution="""Every position uses the same weights, so the response moves with the object:
*equivariance*. Invariance
comes later, approximately, from pooling or a global average.""",
    ),
    ChoiceDrill(
        id="statements-on-conv-layers",
        title="True of every convolutional layer",
        section="Convolution as a matrix",
        difficulty=2,
        minutes=2,
        prompt="Which statements about a convolutional layer are right? Choose all that are.",
        choices=(
            Choice(
                "It is a special case of a dense layer.",
                "It can be written as a dense layer with a sparse matrix whose entries are tied.",
                correct=True,
            ),
            Choice(
                "It treats every patch of its input in the same way.",
                "The weights are shared over all positions.",
                correct=True,
            ),
            Choice(
                "By itself it makes a network translation invariant.",
                "By itself it is equivariant: its output moves with the input.",
                name="invariance-for-equivariance",
            ),
            Choice(
                "It never needs a bias.",
                "One bias for each filter is usual; it is left out where batch normalisation follows.",
                name="never-a-bias",
            ),
            Choice(
                "The number of its weights grows with the size of the image.",
                "The work grows with the image, the weights do not.",
                name="image-size-counted",
            ),
        ),
        hints=(
            "Two of them are right.",
            "Think of the matrix of a convolution: which entries are zero, which are equal?",
        ),
        solution=(
            "A dense layer plus *locality* plus *weight sharing* is a convolutional layer; the rest does "
            "not hold."
        ),
    ),
    ChoiceDrill(
        id="top-edge-kernel",
        title="A kernel for top edges",
        section="Famous kernels",
        difficulty=1,
        minutes=1,
        prompt=r"""Slid over an image as frameworks do, without a flip, which kernel gives a large
*positive* response where a
bright object begins below a dark background (a top edge), and 0 on flat regions?""",
        choices=(
            Choice(
                r"$\begin{bmatrix} -1 & -1 & -1 \\ 0 & 0 & 0 \\ 1 & 1 & 1 \end{bmatrix}$",
                "Dark above times -1, bright below times +1; the weights sum to zero, so flat regions "
                "give 0.",
                correct=True,
            ),
            Choice(
                r"$\begin{bmatrix} 1 & 1 & 1 \\ 0 & 0 & 0 \\ -1 & -1 & -1 \end{bmatrix}$",
                "This one answers positively to bottom edges, bright above dark: you turned it round.",
                name="flipped-kernel",
            ),
            Choice(
                r"$\begin{bmatrix} -1 & 0 & 1 \\ -1 & 0 & 1 \\ -1 & 0 & 1 \end{bmatrix}$",
                "This one compares left with right: it finds vertical edges.",
                name="transposed-kernel",
            ),
            Choice(
                r"$\begin{bmatrix} 0 & 0 & 0 \\ 0 & 0 & 0 \\ 1 & 1 & 1 \end{bmatrix}$",
                "Its weights do not sum to zero, so it answers to every bright region, edge or not.",
                name="weights-not-balanced",
            ),
        ),
        hints=(
            "Multiply cell by cell: which weights should meet the bright cells?",
            "On a flat region the weights must cancel.",
        ),
        solution=(
            "Negative weights above, positive weights below, sum zero: the difference between below and "
            "above."
        ),
    ),
    ChoiceDrill(
        id="pytorch-weight-shape",
        title="Shapes in PyTorch",
        section=CHANNELS,
        difficulty=1,
        minutes=1,
        prompt=r"""A PyTorch layer `Conv2d(@c, @f, kernel_size=(@kh, @kw))` is given a batch. Which shape
has its *weight*
tensor?""",
        draw=lambda draw: {
            "c": draw.choice((3, 16, 64)),
            "f": draw.choice((8, 32, 128)),
            "kh": draw.choice((3, 5)),
            "kw": draw.choice((1, 7)),
        },
        choices=(
            Choice(
                "(@f, @c, @kh, @kw)",
                "PyTorch keeps weights as OIHW: output channels, input channels, height, width.",
                correct=True,
            ),
            Choice(
                "(@kh, @kw, @c, @f)",
                "That is HWIO, the layout of TensorFlow, Keras and this course.",
                name="tensorflow-layout",
            ),
            Choice(
                "(@c, @f, @kh, @kw)",
                "Input and output channels are swapped. (A transposed convolution keeps its weights like "
                "that.)",
                name="channel-axes-swapped",
            ),
            Choice(
                "(@f, @kh, @kw)",
                "A filter is as deep as its input; the axis of the input channels is missing.",
                name="flat-filter",
            ),
        ),
        hints=(
            "PyTorch keeps images as NCHW. Which order do its weights have?",
            "Output channels come first.",
        ),
        solution="OIHW: **(@f, @c, @kh, @kw)**, and one bias for each of the @f output channels.",
    ),
    ChoiceDrill(
        id="why-no-flip",
        title="Why nobody flips",
        section="Cross-correlation or convolution?",
        difficulty=2,
        minutes=1,
        prompt=(
            "Frameworks compute a cross-correlation and call it a convolution. Why does a trained "
            "network not suffer?"
        ),
        choices=(
            Choice(
                "The kernel is learned: with a flip, training would find the flipped weights.",
                "Either operation can produce exactly the same functions; only the storage of the "
                "weights differs.",
                correct=True,
            ),
            Choice(
                "Learned kernels are symmetric, so the flip changes nothing.",
                "They are not: an edge detector, for example, is antisymmetric.",
                name="symmetric-kernels",
            ),
            Choice(
                "The flip happens in the backward pass instead.",
                "A flip does appear in the input gradient, but it does not change what the forward pass "
                "computes.",
                name="backward-flip",
            ),
            Choice(
                "Pooling removes the difference.",
                "Pooling does not know about the order of the weights.",
                name="pooling-repairs-it",
            ),
        ),
        hints=("Who chooses the weights?", "Compare what the two operations can represent."),
        solution="""The weights are learned, so a flip would only store them in another order. It matters
when you load fixed
kernels, or compare with a signal-processing library.""",
    ),
    ChoiceDrill(
        id="which-kernel-is-separable",
        title="Which one splits?",
        section="Separable kernels",
        difficulty=2,
        minutes=2,
        prompt="Which of these kernels can be replaced by one column pass and one row pass?",
        choices=(
            Choice(
                r"$\begin{bmatrix} -1 & 0 & 1 \\ -2 & 0 & 2 \\ -1 & 0 & 1 \end{bmatrix}$",
                "All rows are multiples of (-1, 0, 1): rank 1. It is the column (1, 2, 1) times that row.",
                correct=True,
            ),
            Choice(
                r"$\begin{bmatrix} 0 & 1 & 0 \\ 1 & -4 & 1 \\ 0 & 1 & 0 \end{bmatrix}$",
                "The Laplacian has rank 2: its rows are not multiples of one row.",
                name="laplacian",
            ),
            Choice(
                r"$\begin{bmatrix} 0 & -1 & 0 \\ -1 & 5 & -1 \\ 0 & -1 & 0 \end{bmatrix}$",
                "The sharpening kernel has rank 2, like the Laplacian in it.",
                name="sharpen",
            ),
            Choice(
                r"$\begin{bmatrix} 1 & 0 & 0 \\ 0 & 1 & 0 \\ 0 & 0 & 1 \end{bmatrix}$",
                "The diagonal has rank 3: no two rows are multiples of each other.",
                name="diagonal",
            ),
        ),
        hints=(
            "A separable kernel is a column times a row.",
            "Then all its rows are multiples of one row: rank 1.",
        ),
        solution="Only the Sobel kernel has rank 1: $(1, 2, 1)^T$ times $(-1, 0, 1)$.",
    ),
]
