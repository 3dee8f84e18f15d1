"""Chapter 07: options to choose from."""

from cnnkit.drills.kinds import Choice, ChoiceDrill

DECK = [
    ChoiceDrill(
        id="degradation-or-overfitting",
        title="Fifty-six layers, and worse",
        section="Degradation",
        difficulty=2,
        minutes=1,
        prompt="""A plain network with 56 layers has a higher *training* error than one with 20 layers, both
with
batch normalisation. What is this?""",
        choices=(
            Choice(
                "Degradation: an optimisation problem. A solution at least as good exists and is not found.",
                "Copy the 20 layers and let 36 be the identity: the error would be the same.",
                correct=True,
            ),
            Choice(
                "Overfitting.",
                "An overfitted network has a *low* training error and a high test error.",
                name="overfitting",
            ),
            Choice(
                "Vanishing gradients.",
                "With batch normalisation the paper's gradients had healthy norms, and ours at "
                "the start are larger "
                "in the deeper network.",
                name="vanishing-gradients",
            ),
            Choice(
                "Too little capacity.",
                "The deeper network can represent everything that the shallow one can, and more.",
                name="capacity",
            ),
        ),
        hints=("Is the error that went up measured on training or on test pictures?",),
        solution=(
            "Degradation: deeper plain networks are harder to *optimise*. Residual blocks make the copy easy."
        ),
    ),
    ChoiceDrill(
        id="residual-formula",
        title="Complete the block",
        section="The residual block",
        difficulty=1,
        minutes=1,
        prompt=r"""Two layers with a skip connection: $a^{[l+2]} = g(W^{[l+2]} g(W^{[l+1]} a^{[l]} +
b^{[l+1]}) +
b^{[l+2]} + P) + Q$. What are $P$ and $Q$?""",
        choices=(
            Choice(
                r"$a^{[l]}$ and $0$",
                "The input is added before the last activation, and nothing after it.",
                correct=True,
            ),
            Choice(
                r"$0$ and $a^{[l]}$",
                "Then the sum would not pass the activation: with ReLU, block after block could only grow.",
                name="after-the-activation",
            ),
            Choice(
                r"$z^{[l]}$ and $0$",
                "The block gets the *output* of layer l, its activation, not what was before it.",
                name="pre-activation-added",
            ),
            Choice(
                r"$0$ and $a^{[l+1]}$",
                "The skip starts at the block's input and jumps over both layers.",
                name="one-layer-skipped",
            ),
        ),
        hints=("Where does the plus stand in the picture: before or behind the last ReLU?",),
        solution=r"$P = a^{[l]}$, $Q = 0$. If shapes differ, $P = W_s a^{[l]}$.",
    ),
    ChoiceDrill(
        id="vgg-on-a-small-picture",
        title="VGG on 32×32",
        section="VGG-16: small filters",
        difficulty=2,
        minutes=2,
        prompt="""A VGG network (3×3 convolutions with padding 1, 2×2 pools) made for 224×224 pixels is
given a
32×32 picture. What happens?""",
        choices=(
            Choice(
                "Convolutions and pools run; it fails at the first dense layer.",
                "After five halvings the map is 1×1×512 instead of 7×7×512: 512 numbers where 25,088 are "
                "expected.",
                correct=True,
            ),
            Choice(
                "It fails at the first convolution.",
                "A convolution's weights do not depend on the picture's size.",
                name="size-in-the-convolution",
            ),
            Choice(
                "It runs, and the first convolution's activations take 7 times less memory.",
                "Both sides are 7 times smaller: 49 times less, and then the dense layer refuses.",
                name="one-side-only",
            ),
            Choice(
                "It runs normally and is only less accurate.",
                "It would, with global average pooling in place of the flatten.",
                name="flatten-forgotten",
            ),
        ),
        hints=("Halve 32 five times.", "Which layer's weights count the positions?"),
        solution="The dense layer behind the flatten is the only one whose weights depend on the size.",
    ),
    ChoiceDrill(
        id="add-or-concatenate",
        title="Add or concatenate",
        section="Inception: branches side by side",
        difficulty=2,
        minutes=2,
        prompt="Two maps of the same size are merged. Which statements are right? Choose all that are.",
        choices=(
            Choice(
                "Adding needs equal channel counts and leaves the count as it is.",
                "Values are summed channel by channel, as in ResNet.",
                correct=True,
            ),
            Choice(
                "Concatenating adds up the channels, so that the next layer has more weights.",
                "Both maps stay apart, as in Inception, DenseNet and U-Net, and the next layer "
                "learns the mix.",
                correct=True,
            ),
            Choice(
                "Adding, then a convolution, is a special case of concatenating, then a convolution.",
                "Use the same kernel for both halves of the concatenated channels.",
                correct=True,
            ),
            Choice(
                "Concatenating needs equal channel counts.",
                "It needs equal height and width only.",
                name="concat-needs-equal-channels",
            ),
            Choice(
                "Adding keeps the information of both maps apart.",
                "From a sum the two terms cannot be told apart again.",
                name="sum-keeps-apart",
            ),
        ),
        hints=("Write down both shapes, before and after.",),
        solution=(
            "Addition: same shape, cheap, mixes. Concatenation: channels add up, nothing is lost, costs more."
        ),
    ),
    ChoiceDrill(
        id="deeper-fits-better",
        title="Does depth always help?",
        section="Degradation",
        difficulty=1,
        minutes=1,
        prompt="""True or false: adding layers to a *plain* network lets it fit more complex functions, so its
training error almost always decreases.""",
        choices=(
            Choice(
                "False: beyond some depth the training error of plain networks rises.",
                "The functions are there, but gradient descent does not find them; residual blocks help it.",
                correct=True,
            ),
            Choice(
                "True: a deeper network contains the shallower one.",
                "Contained is not found. That is what the degradation experiment shows.",
                name="contained-is-found",
            ),
            Choice(
                "True, as long as it does not overfit.",
                "Overfitting lowers the training error; here it rises.",
                name="overfitting",
            ),
            Choice(
                "False, because more layers always mean fewer parameters each.",
                "The layers in question are all of the same size.",
                name="fewer-parameters",
            ),
        ),
        hints=("Think of the 20 and the 56 layers.",),
        solution="False in practice: degradation. In theory the deeper network could copy the shallower one.",
    ),
    ChoiceDrill(
        id="bias-before-batch-norm",
        title="Where did the bias go?",
        section="Normalisation inside the block",
        difficulty=1,
        minutes=1,
        prompt="ResNet's convolutions have no bias. Why is nothing lost?",
        choices=(
            Choice(
                "Batch normalisation subtracts each channel's mean, and a constant with it; its "
                "beta shifts instead.",
                "A bias would be subtracted at once, and its gradient would be zero.",
                correct=True,
            ),
            Choice(
                "The skip connection carries the bias.",
                "The skip carries x, whatever stands in the other path.",
                name="skip-carries-it",
            ),
            Choice(
                "ReLU removes it.",
                "ReLU behind a bias is shifted by it: there a bias matters.",
                name="relu-removes-it",
            ),
            Choice(
                "Biases are always zero in deep networks.",
                "They start at zero and are trained, where they have an effect.",
                name="always-zero",
            ),
        ),
        hints=("What is the mean of z + b over a batch?",),
        solution="mean(z + b) = mean(z) + b, so that b cancels. Beta takes its place.",
    ),
    ChoiceDrill(
        id="why-filters-of-layer-one",
        title="Readable filters",
        section="Inside a trained network",
        difficulty=1,
        minutes=1,
        prompt="Why are the filters of the first layer easier to interpret than those of deeper layers?",
        choices=(
            Choice(
                "They act on pixels and colours, so that a filter is itself a small picture.",
                "Deeper filters have a slice for each abstract map below; for those one looks at "
                "the patches that "
                "excite them most.",
                correct=True,
            ),
            Choice(
                "They are trained first.",
                "All layers are trained together.",
                name="trained-first",
            ),
            Choice(
                "They are larger.",
                "Sometimes, but a 3×3 filter on colours is readable and a 7×7 on 512 maps is not.",
                name="size",
            ),
            Choice(
                "They hold the classes.",
                "Edges and blobs serve all classes; what is specific comes late.",
                name="holds-classes",
            ),
        ),
        hints=("What does one number of the filter multiply?",),
        solution="Their inputs are pixels, so their weights can be drawn as pixels.",
    ),
]
