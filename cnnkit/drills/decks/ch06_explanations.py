"""Chapter 06: answers to say aloud."""

from cnnkit.drills.kinds import ExplainDrill

DECK = [
    ExplainDrill(
        id="explain-non-linearity",
        title="Why activations at all?",
        section="Why non-linearity",
        difficulty=1,
        minutes=2,
        prompt="""Why do networks need non-linear activations, and in what sense is ReLU, made of two
straight lines, non-linear?""",
        rubric=(
            "Linear (or convolutional) layers in a row are one linear layer: depth would add nothing.",
            "With non-linearities a network can represent functions that no linear model can, such as XOR.",
            "ReLU violates additivity: relu(1) + relu(-1) is 1, relu(0) is 0.",
            "Compositions of ReLU layers are piecewise linear; within one piece the network is a linear map.",
        ),
        hints=("Multiply two matrices.", "Test f(a + b) = f(a) + f(b)."),
        solution="""Two linear layers are one, with the product of the matrices; so depth without
activations adds nothing. ReLU is linear on each side of 0 but not as a whole: additivity fails. A ReLU
network is piecewise linear, and a linear map as long as no unit switches.""",
    ),
    ExplainDrill(
        id="explain-relu-at-zero",
        title="The kink of ReLU",
        section="ReLU and its kink",
        difficulty=2,
        minutes=2,
        prompt="ReLU is not differentiable at 0. Why can it be trained by gradient descent all the same?",
        rubric=(
            "It is a single point, hit with probability about zero by real-valued pre-activations.",
            "Any number from 0 to 1 is a subgradient there; frameworks take 0.",
            "Gradient descent needs a useful direction, not differentiability everywhere.",
        ),
        hints=(
            "How often does a pre-activation equal 0 exactly?",
            "What would a wrong choice at that point change?",
        ),
        solution="""At 0 every slope between 0 and 1 is a subgradient, and frameworks choose 0.
Pre-activations hit 0 exactly almost never (on empty borders with zero biases they do, and the choice 0
just skips them). Descent needs a useful direction on average, which the slopes on both sides give.""",
    ),
    ExplainDrill(
        id="explain-stable-cross-entropy",
        title="Softmax and cross-entropy without overflow",
        section="Numbers that overflow",
        difficulty=2,
        minutes=2,
        prompt="How do you implement softmax with cross-entropy so that nothing overflows or underflows?",
        rubric=(
            "Subtract the row's largest logit before exponentiating; softmax does not change.",
            "Never take the logarithm of a softmax: compute log-softmax directly, z minus log-sum-exp.",
            "Fuse both in the loss, from logits; the gradient is p - t.",
        ),
        hints=(
            "Which exponent overflows first?",
            "What is the logarithm of a probability that rounded to 0?",
        ),
        solution="""Take the maximum away, compute log-softmax as z - log(sum(exp(z))) and pick the
label's entry. Loss functions of frameworks take *logits* for that reason; a softmax before them would be
applied twice.""",
    ),
    ExplainDrill(
        id="explain-cross-entropy-against-mse",
        title="Cross-entropy, not squared error",
        section="Cross-entropy or squared error?",
        difficulty=2,
        minutes=2,
        prompt="Why is a sigmoid or softmax output trained with cross-entropy rather than "
        "with mean squared error?",
        rubric=(
            "The squared error's gradient contains the sigmoid's slope, which vanishes for a "
            "saturated, wrong unit.",
            "The cross-entropy's gradient is output minus target: large when wrong.",
            "Cross-entropy is the maximum-likelihood loss of a categorical (or Bernoulli) output.",
            "As a function of the logits it is convex, the squared error of a sigmoid is not.",
        ),
        hints=("Write both gradients with respect to the logit.", "What cancels the slope?"),
        solution="""With squared error the gradient is (s - t) times the slope s (1 - s), nearly 0 when
the unit is confidently wrong. The logarithm in cross-entropy cancels the slope, and s - t is left. It is
also the likelihood of the labels, and convex in the logits.""",
    ),
    ExplainDrill(
        id="explain-xavier-and-he",
        title="Xavier and He",
        section="Keeping the variance: Xavier and He",
        difficulty=2,
        minutes=3,
        prompt="Which initialisation do you use for a CNN, and where do its numbers come from?",
        rubric=(
            "Aim: the variance of signals and of gradients stays the same from layer to layer.",
            "Var(z) = fan_in Var(w) E[a^2]; for a convolution fan_in is k k C_in.",
            "Xavier: 2 / (fan_in + fan_out), a compromise of forward and backward, for tanh-like functions.",
            "He: 2 / fan_in, because ReLU halves the mean square.",
            "Biases start at 0; normalisation, residual connections or pretrained weights "
            "make it less critical.",
        ),
        hints=(
            "What must the factor per layer be so that 50 layers neither vanish nor explode?",
            "What does ReLU halve?",
        ),
        solution="""He's normal distribution with variance 2 / (k k C_in) for ReLU networks, Xavier for
tanh. Both come from one requirement: the factor of the variance per layer is 1. Equal weights would be
worse: all units of a layer would learn the same.""",
    ),
    ExplainDrill(
        id="explain-activation-tour",
        title="A tour of activations",
        section="The functions and their derivatives",
        difficulty=1,
        minutes=3,
        prompt="Name the common activation functions with range, slope, strength and weakness.",
        rubric=(
            "Sigmoid (0, 1), slope up to 0.25, tanh (-1, 1), slope up to 1: both saturate for large |x|.",
            "ReLU [0, inf): slope 0 or 1, cheap and sparse; units can die.",
            "Leaky ReLU and ELU keep a slope on the left; they make death unlikely, not training certain.",
            "GELU and SiLU: smooth, slightly negative dip, used in transformers and newer CNNs.",
            "Softmax: a vector map for the output of exclusive classes.",
        ),
        hints=(
            "Two that saturate, one that is cut off, two that leak, two that are smooth, one for vectors.",
        ),
        solution="""Saturating: sigmoid (slope at most 0.25) and tanh (at most 1). Rectifying: ReLU,
cheap, can die; leaky ReLU and ELU leak on the left. Smooth: GELU, SiLU. Softmax is not elementwise: it
turns a vector of logits into probabilities.""",
    ),
]
