"""Chapter 02: what to be able to say."""

from cnnkit.drills.kinds import ExplainDrill

DECK = [
    ExplainDrill(
        id="explain-paddings",
        title="Valid, same, full, causal",
        section="Valid, same, full and causal",
        difficulty=1,
        minutes=2,
        prompt="Describe valid, same, full and causal padding. When is each of them used?",
        rubric=(
            "Valid: no padding, the output shrinks by K − 1 (stride 1, dilation 1).",
            "Same: K − 1 in total, (K − 1)/2 on each side for odd K, keeps the size at stride 1; the default "
            "in deep nets.",
            "Full: K − 1 on both sides, every overlap counts, output n + K − 1; gradients and transposed "
            "convolutions.",
            "Causal: K − 1 (dilated: d(K − 1)) before the signal only, no output sees the future; audio and "
            "sequence models.",
        ),
        hints=(
            "Give the amount, the output size and one use of each.",
            "Which of them appears in backpropagation?",
        ),
        solution="""With dilation 1: valid pads nothing and shrinks the map by K − 1. Same pads K − 1 in all,
half on each side, an odd cell at the end, and keeps the size at stride 1. Full pads K − 1 on both sides, so
that every overlap counts, and gives n + K − 1; the gradient with respect to the input is such a
convolution. Causal pads K − 1 on the left only, so that output t depends on samples up to t.""",
    ),
    ExplainDrill(
        id="explain-not-an-inverse",
        title="Not an inverse",
        section="Transposed convolution",
        difficulty=2,
        minutes=2,
        prompt="""A convolution maps X to Y, and a transposed convolution with the same kernel maps Y to Z
of X's shape. Is Z equal to X? Why, or why not?""",
        rubric=(
            "No.",
            "As matrices: Y = T X and Z = Tᵀ T X, and Tᵀ T is in general not the identity.",
            "Only the shape is restored, not the values; 'deconvolution' is a misleading name.",
            "A convolution may lose information (fewer outputs than inputs), so no layer could restore it "
            "exactly.",
        ),
        hints=("Write the convolution as a matrix.", "What is the transposed matrix times the matrix?"),
        solution="""No. With T for the matrix of the convolution, Y = T X, and the transposed convolution
multiplies by Tᵀ: Z = Tᵀ T X. That is X for every X only if the columns of T are orthonormal, which they are
not in general. It restores the shape; the values are learned.""",
    ),
    ExplainDrill(
        id="explain-upsampling",
        title="Ways to upsample",
        section="Other ways to upsample",
        difficulty=2,
        minutes=3,
        prompt="""Why do networks need upsampling, and what ways are there? Where in a super-resolution
network would you put it?""",
        rubric=(
            "Dense outputs (segmentation, super-resolution, generators) need the resolution back after "
            "downsampling.",
            "Interpolation: nearest or bilinear, usually followed by a convolution.",
            "Transposed convolution: learned stamps; checkerboards if the stride does not divide the kernel.",
            "Unpooling with the remembered places of the maxima.",
            "Sub-pixel convolution (pixel shuffle): r² channels become an r × r block.",
            "Late: convolutions at low resolution cost r² times less.",
        ),
        hints=(
            "Name one fixed way, one learned way and one that only moves numbers.",
            "What does a 3×3 layer cost before, and after, the upsampling?",
        ),
        solution="""Outputs for every pixel need the resolution that strides and pooling took away. Fixed:
nearest, bilinear, unpooling with switches. Learned: transposed convolution, or a convolution followed by a
pixel shuffle. In super-resolution it goes to the end, because every layer before it is r² times cheaper.""",
    ),
    ExplainDrill(
        id="explain-gridding",
        title="Dilation and its danger",
        section="Dilation and gridding",
        difficulty=2,
        minutes=2,
        prompt="What is a dilated (atrous) convolution, why would you use it, and what can go wrong?",
        rubric=(
            "The taps stand d cells apart: K taps span d(K − 1) + 1 cells with the same number of weights.",
            "A larger receptive field without pooling, stride or further parameters; the resolution stays.",
            "Used in segmentation (DeepLab, ASPP) and audio (WaveNet).",
            "Gridding: equal rates above 1 read a grid only, neighbouring outputs disjoint cells; mix "
            "the rates.",
        ),
        hints=(
            "What changes, the weights or the cells that they meet?",
            "Which cells does a stack with rates 2, 2, 2 read?",
        ),
        solution="""The taps are spread: K taps, d apart, span d(K − 1) + 1 cells. The view grows, the
number of weights and the resolution stay, which segmentation and audio like. With equal rates above 1 an
output reads only every d-th cell of its field; rates such as 1, 2, 5 read them all.""",
    ),
]
