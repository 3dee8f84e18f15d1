"""Chapter 07: what to be able to say."""

from cnnkit.drills.kinds import ExplainDrill

DECK = [
    ExplainDrill(
        id="explain-residual-learning",
        title="What residual networks solve",
        section="Degradation",
        difficulty=2,
        minutes=3,
        prompt=(
            "What problem do residual networks solve, and how do skip connections make "
            "very deep networks trainable?"
        ),
        rubric=(
            "The problem is degradation: deeper plain networks have a higher training error, so "
            "it is not overfitting.",
            "A block returns F(x) + x, so the layers learn a residual; the identity is F = 0, "
            "which is easy to reach.",
            "The gradient has an additive path back: dL/dx = dL/dy (1 + F'(x)).",
            "Where size or channels change, the shortcut is a 1×1 projection with the same stride.",
            "So hundreds of layers can be trained, with batch normalisation in every block.",
        ),
        hints=("Start from the two error curves, 20 and 56 layers.",),
        solution="""Deeper plain nets fit their own training data worse, although they could copy a
shallower net: an
optimisation problem. With x + F(x) the copy is F = 0, and the gradient always has a direct way back. Shapes
that
differ are matched by a strided 1×1.""",
    ),
    ExplainDrill(
        id="explain-inception-module",
        title="An Inception module",
        section="Inception: branches side by side",
        difficulty=2,
        minutes=3,
        prompt="How does GoogLeNet's Inception module work, and how does it keep the computation low?",
        rubric=(
            "Four branches read the same map: 1×1, 3×3, 5×5 and a 3×3 max pool.",
            "Their outputs have the same height and width and are concatenated along the channels.",
            "1×1 convolutions reduce the channels before the 3×3 and 5×5, and behind the pool.",
            "At the end global average pooling and one dense layer, no large dense layers.",
            "Two auxiliary classifiers helped in training; they are removed afterwards.",
        ),
        hints=("Draw it. Do not forget the fourth branch.",),
        solution="""Several window sizes at once, concatenated; cheap because 1×1 convolutions shrink the
channels
before the wide kernels, and because a global average replaces the large dense layers.""",
    ),
    ExplainDrill(
        id="explain-vgg",
        title="VGG, and why not any more",
        section="VGG-16: small filters",
        difficulty=1,
        minutes=2,
        prompt="Describe VGG and its main idea. Why is it rarely used today?",
        rubric=(
            "Blocks of 3×3 convolutions with padding 1, each block followed by a 2×2 max pool.",
            "Channels double from 64 to 512 while the map halves; then dense layers 4096, 4096, 1000.",
            "Idea: only small filters, and depth (16 or 19 layers with weights).",
            "About 138 million parameters, most in the first dense layer, and 15.5 G multiply-adds.",
            "No skips and no batch normalisation; ResNet-50 is better with a fifth of the parameters.",
        ),
        hints=("Shapes, idea, price.",),
        solution="""Stacked 3×3 blocks and three dense layers. Simple and deep for 2014, but heavy: 138 M
parameters and
15.5 G multiply-adds, where ResNet-50 needs 25.6 M and 4.1 G.""",
    ),
    ExplainDrill(
        id="explain-transformer-against-cnn",
        title="Patches instead of convolutions",
        section="Vision transformer",
        difficulty=3,
        minutes=3,
        prompt="How does a vision transformer classify a picture, and how does it differ from a CNN?",
        rubric=(
            "The picture is cut into patches, each mapped to a token; a class token and position "
            "embeddings are added.",
            "Encoder blocks of self-attention and a small network per token, each with layer "
            "norm and a skip.",
            "Every token sees every other from the first layer on; a CNN's field grows layer by layer.",
            "Little built-in bias: locality and translation must be learned, so it needs much "
            "data or pretraining.",
            "Attention costs grow with the square of the number of tokens.",
        ),
        hints=("What does a convolution know about pictures that attention must learn?",),
        solution="""Patches become tokens, attention mixes all of them, the class token is classified. No
built-in
locality or weight sharing over shifts beyond the patch, so more data; work grows with the square of the
tokens.""",
    ),
    ExplainDrill(
        id="explain-choosing-a-network",
        title="Which network would you take?",
        section="Choosing a network",
        difficulty=2,
        minutes=3,
        prompt="Compare ResNet-18, -50 and -101. When would you choose ResNet, EfficientNet or MobileNet?",
        rubric=(
            "ResNet-18 and -34 have basic blocks of two 3×3, -50 and above bottlenecks of 1×1, 3×3, 1×1.",
            "Deeper is more accurate and slower; 18 for small data and quick trials, 50 as the "
            "usual backbone.",
            "ResNet: robust default, runs fast everywhere, many pretrained weights and detectors "
            "built on it.",
            "EfficientNet: best accuracy per multiply-add on paper; depthwise layers can be slow "
            "in practice.",
            "MobileNet: when latency, memory or battery of a device decide. Measure on the real device.",
        ),
        hints=("First the blocks, then accuracy, cost and device.",),
        solution="""ResNet-50 unless something speaks against it; ResNet-18 for trials; EfficientNet where
accuracy per
multiply-add counts; MobileNet on devices. Then measure latency: multiply-adds alone do not decide it.""",
    ),
]
