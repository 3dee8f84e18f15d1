"""Chapter 01: what to be able to say."""

from cnnkit.drills.kinds import ExplainDrill

EQUIVARIANCE = "Equivariance, not invariance"
COUNTS = "Parameters and multiply-adds"
CHEAP = "1×1, grouped and depthwise-separable"

DECK = [
    ExplainDrill(
        id="explain-weight-sharing",
        title="Weight sharing",
        section=COUNTS,
        difficulty=1,
        minutes=2,
        prompt=(
            "What is weight sharing in a convolutional layer, what does it buy you, and what does it cost?"
        ),
        rubric=(
            "The same kernel weights are used at every position of the input.",
            "Far fewer parameters than a dense layer: less memory, less overfitting.",
            "Translation equivariance: one detector works everywhere.",
            "The cost: the layer cannot treat one place differently from another.",
        ),
        hints=(
            "Compare with a dense layer between the same two volumes.",
            "Name one property, one saving and one cost.",
        ),
        solution="""A filter's weights are reused at every position. So a layer needs $k^2 C_{in}$ weights
for each filter
instead of one for every pair of input and output cells, and it responds to a pattern wherever it appears
(equivariance).
The price: it cannot specialise on a place, which hurts where position carries meaning.""",
    ),
    ExplainDrill(
        id="explain-dense-to-convolution",
        title="From dense to convolutional",
        section="Convolution as a matrix",
        difficulty=2,
        minutes=3,
        prompt=(
            "Which two constraints turn a dense layer into a convolutional one? Which of the two is a "
            "special case of which?"
        ),
        rubric=(
            "Locality: each output sees a small window, so most entries of the matrix are zero.",
            "Weight sharing: the remaining entries are tied across positions (a Toeplitz structure).",
            "A convolution is a dense layer with a sparse, tied matrix; the converse is false.",
        ),
        hints=(
            "Write the convolution as a matrix: which entries are forced to be zero?",
            "Which of the others must be equal?",
        ),
        solution="""Locality forces most entries of the weight matrix to zero, weight sharing makes the
rest repeat along the
diagonals. So every convolution is a dense layer, but hardly any dense layer is a convolution.""",
    ),
    ExplainDrill(
        id="explain-invariance",
        title="Where invariance comes from",
        section=EQUIVARIANCE,
        difficulty=2,
        minutes=3,
        prompt="""People say that CNNs are translation invariant. What makes a classification network
behave like that, how far is
it true, and when is it a bad idea?""",
        rubric=(
            "Convolutions alone are equivariant: the response moves with the object.",
            "Pooling and strides discard small differences of position.",
            "A global average (or the classifier on top) drops the location.",
            "It holds only approximately: strides and borders break it.",
            "It hurts where position carries meaning, such as aligned faces, documents, left and right "
            "in medicine.",
        ),
        hints=(
            "Go through the network from the input to the classifier.",
            "Which layers throw position away?",
        ),
        solution="""Shared kernels respond equally wherever the pattern is, and the response moves along
(equivariance). Pooling
and strides blur small shifts, a global average removes the location. That is approximate: a strided
network can change
its answer for a shift of one pixel. Where position matters, add coordinate channels or positional
encodings, or keep the
spatial map.""",
    ),
    ExplainDrill(
        id="explain-depthwise-separable",
        title="Depthwise-separable in a minute",
        section=CHEAP,
        difficulty=2,
        minutes=2,
        prompt="What is a depthwise-separable convolution, what does it save, and what do you give up?",
        rubric=(
            "Depthwise: one k x k filter for each input channel, nothing is mixed.",
            "Pointwise: a 1x1 convolution mixes the channels.",
            "The cost falls to 1/C_out + 1/k^2 of a standard convolution.",
            "Less expressive for the same width; often limited by memory instead of arithmetic.",
        ),
        hints=(
            "It does in two steps what a standard convolution does in one.",
            "Count both steps for one output position.",
        ),
        solution="""A standard convolution mixes space and channels at once. Here a depthwise step filters
every channel alone and
a 1x1 step mixes the channels: $1/C_{out} + 1/k^2$ of the work, about a ninth for 3x3. The layer is less
expressive, and
on real hardware it gains less than the count says, because it does little arithmetic for each number it
loads.""",
    ),
    ExplainDrill(
        id="explain-1d-2d-3d",
        title="One, two and three dimensions",
        section="Beyond 2-D",
        difficulty=1,
        minutes=2,
        prompt="How do 1-D, 2-D and 3-D convolutions differ, and what data is each used for?",
        rubric=(
            "The number counts the axes along which the kernel slides.",
            "The channels are always summed over, never slid along.",
            "1-D: text, audio, sensors. 2-D: images. 3-D: video, CT volumes.",
            "Weights and work grow with every axis: 3-D is expensive.",
        ),
        hints=(
            "An RGB image has three axes, yet its convolution is called 2-D.",
            "Name one kind of data for each.",
        ),
        solution="""The name counts the axes along which the kernel slides: time; height and width; depth
(or time), height and
width. Channels are summed in all of them. A $3 \\times 3 \\times 3$ filter has three times the weights of
a $3 \\times 3$
one, and there are more positions too.""",
    ),
]
