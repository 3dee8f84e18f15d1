"""Chapter 09: answers to say aloud."""

from cnnkit.drills.kinds import ExplainDrill

DECK = [
    ExplainDrill(
        id="say-does-not-learn",
        title="The loss stays flat",
        section="The network does not learn",
        difficulty=2,
        minutes=3,
        prompt="Your network's loss does not move from the start. What do you do, in which order?",
        rubric=(
            "Look at the data as the network gets them: pictures, labels, ranges, shuffling.",
            "Compare the initial loss with ln K.",
            "Overfit one small batch: if that fails, it is a bug, not a lack of data.",
            "Check that gradients reach every layer (norms, dead units, frozen layers, training mode).",
            "Sweep the learning rate over powers of ten.",
            "Check that head and loss fit together (logits or probabilities, one softmax).",
            "Only then think about capacity and regularisation.",
        ),
        hints=("Cheap checks first; each one rules something out.",),
        solution="""From data to loss to gradients to step size: each check is minutes, and each rules
out a family of causes.""",
    ),
    ExplainDrill(
        id="say-overfitting",
        title="Your CNN overfits",
        section="Overfitting, made and cured",
        difficulty=1,
        minutes=2,
        prompt="The training accuracy is 100 %, the validation accuracy 80 %. What can you do?",
        rubric=(
            "First rule out a leak, duplicates or a shifted distribution between the two sets.",
            "More data, or augmentation that keeps the labels.",
            "A pretrained network in place of random weights.",
            "Weight decay, dropout, label smoothing.",
            "Early stopping by the validation loss.",
            "A smaller head: global average pooling instead of a large dense layer.",
            "Compare over several seeds, not by one run.",
        ),
        hints=("Data first, then regularisation, then size.",),
        solution="""More (or better used) data beats everything; then hold the network back; then make it
smaller.""",
    ),
    ExplainDrill(
        id="say-adam-or-sgd",
        title="Adam or SGD?",
        section="Optimisers",
        difficulty=2,
        minutes=2,
        prompt="Compare Adam with SGD with momentum for training CNNs. Which would you use?",
        rubric=(
            "Adam scales each weight's step by the root of its mean squared gradient; it needs little "
            "tuning.",
            "SGD with momentum and a good schedule often generalises as well or better on images.",
            "AdamW decouples the weight decay, and is the usual choice for transformers.",
            "Adam keeps two numbers for each weight, momentum one.",
            "Tune the learning rate of both before comparing them.",
        ),
        hints=("Step sizes, tuning, memory, generalisation.",),
        solution="""Start with AdamW for a quick result; spend tuning on SGD with momentum when the last
percent counts.""",
    ),
    ExplainDrill(
        id="say-batch-norm-modes",
        title="Batch norm in two modes",
        section="Batch normalisation",
        difficulty=2,
        minutes=2,
        prompt="What does batch norm do in training, what at inference, and what goes wrong between them?",
        rubric=(
            "Training: normalise each channel by the batch's mean and variance, then gamma and beta.",
            "Inference: the running statistics, a fixed affine map of each channel.",
            "Forgetting evaluation mode makes an image's answer depend on its neighbours.",
            "Small or unlike batches give noisy statistics, and the two modes drift apart.",
            "Group or layer norm do not depend on the batch.",
            "A bias in front of it is useless; it can be folded into the convolution at inference.",
        ),
        hints=("Whose statistics are used?",),
        solution="""Batch statistics while learning, running ones while serving; most faults are a mix-up
of the two.""",
    ),
]
