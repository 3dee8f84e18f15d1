"""Chapter 09: options to choose from."""

from cnnkit.drills.kinds import Choice, ChoiceDrill

SILENCE = "The network does not learn"
CURVES = "Learning curves and early stopping"
OVERFITTING = "Overfitting, made and cured"

DECK = [
    ChoiceDrill(
        id="validation-below-training",
        title="Better on data it has not seen?",
        section="Dropout",
        difficulty=2,
        minutes=1,
        prompt="""With dropout and augmentation, the validation loss lies *below* the training loss during
the first epochs. Which explanations hold? (Several are right.)""",
        choices=(
            Choice(
                "Dropout and augmentation make the training examples harder; validation runs without them.",
                "The two losses are measured on different tasks.",
                correct=True,
            ),
            Choice(
                "The training loss is averaged over an epoch in which the network was still improving.",
                "The validation loss is taken at the end of it, with the better weights.",
                correct=True,
            ),
            Choice(
                "The network overfits.",
                "Then the validation loss would lie above.",
                name="overfits",
            ),
            Choice(
                "Dropout is switched on in validation.",
                "That would make the validation loss worse, not better.",
                name="dropout-in-validation",
            ),
        ),
        hints=("What is different when the two losses are measured?",),
        solution="""Measure the training loss again in evaluation mode, without augmentation, at the end of
the epoch: then the two can be compared.""",
    ),
    ChoiceDrill(
        id="digit-augmentations",
        title="Which augmentations for digits?",
        section="Augmentation",
        difficulty=1,
        minutes=1,
        prompt="Which augmentations keep the labels of handwritten digits 0 to 9? (Several are right.)",
        choices=(
            Choice("a shift by one pixel", "A digit stays what it is, a little further on.", correct=True),
            Choice("a rotation by 10 degrees", "Handwriting leans by more than that.", correct=True),
            Choice(
                "a horizontal flip",
                "A mirrored 2 or 7 is no digit.",
                name="flip",
            ),
            Choice("a rotation by 180 degrees", "It makes a 9 of a 6, with the label 6.", name="half-turn"),
            Choice("scaling by 10 %", "Digits are written in all sizes.", correct=True),
        ),
        hints=("Would you still give the picture the same label?",),
        solution="""An augmentation must be a change that the label survives. For satellite images any
rotation and flip qualifies; for digits hardly any; for flowers colours are part of the label.""",
    ),
    ChoiceDrill(
        id="what-leaks",
        title="What leaks?",
        section="Leakage",
        difficulty=2,
        minutes=2,
        prompt="Which of these let test data leak into training? (Several are right.)",
        choices=(
            Choice(
                "computing the mean and standard deviation over all data, then splitting",
                "The statistics carry test data into every training example.",
                correct=True,
            ),
            Choice(
                "augmenting first, then splitting at random",
                "Copies of one photo land on both sides.",
                correct=True,
            ),
            Choice(
                "splitting at random when several images show the same patient",
                "The network can recognise the patient instead of the disease. Split by patient.",
                correct=True,
            ),
            Choice(
                "choosing the number of epochs by the test accuracy",
                "The test set has become a validation set, and its figure is too good.",
                correct=True,
            ),
            Choice(
                "normalising test images with the statistics of the training set",
                "That is how it has to be done.",
                name="training-statistics",
            ),
        ),
        hints=("Could any number computed from a test image influence the weights, or the choice of them?",),
        solution="""Split first, by the unit that must generalise (patient, writer, video); fit every
statistic on the training part; choose on the validation part; look at the test part once.""",
    ),
    ChoiceDrill(
        id="all-weights-zero",
        title="All weights are zero",
        section=SILENCE,
        difficulty=2,
        minutes=2,
        prompt="""All weights and biases of a CNN with ReLU start at zero, and the head is a softmax over
balanced classes. What happens?""",
        choices=(
            Choice(
                "Only the biases of the last layer get a gradient; the loss stays near ln K.",
                "All activations are 0, so no weight of the head gets one; and its zero weights pass "
                "nothing down.",
                correct=True,
            ),
            Choice(
                "It trains, only slower.",
                "No gradient reaches the filters, ever: the weights above them stay zero.",
                name="just-slower",
            ),
            Choice(
                "All filters learn the same pattern.",
                "That is what equal *non-zero* weights do. Zeros do not even pass a gradient.",
                name="symmetry-only",
            ),
            Choice(
                "The loss becomes NaN.",
                "Nothing overflows and nothing is divided by zero: the softmax of equal logits is 1/K.",
                name="nan",
            ),
        ),
        hints=("What is the input of the last layer?", "What does its weight matrix pass back?"),
        solution="""Weights must differ to break the symmetry, and their size must keep signals in range: He's
initialisation for ReLU. Biases may start at zero.""",
    ),
    ChoiceDrill(
        id="high-training-error",
        title="High training error",
        section=CURVES,
        difficulty=1,
        minutes=1,
        prompt="A classifier of dog breeds has a high *training* error. What can help? (Several are right.)",
        choices=(
            Choice("a larger network", "It can fit more.", correct=True),
            Choice("less dropout", "Regularisation holds the fit back.", correct=True),
            Choice(
                "more training data",
                "More examples make it harder to fit them all. They help against overfitting.",
                name="more-data",
            ),
            Choice("a larger weight decay", "That holds the fit back further.", name="more-decay"),
            Choice(
                "training longer, or with a better learning rate", "It may not have finished.", correct=True
            ),
        ),
        hints=("Is this underfitting or overfitting?",),
        solution="""Underfitting: more capacity, less regularisation, better optimisation. First make sure
that it is no bug: can the network fit ten examples?""",
    ),
    ChoiceDrill(
        id="not-against-overfitting",
        title="Which one is not for it?",
        section=OVERFITTING,
        difficulty=1,
        minutes=1,
        prompt="Which of these is not a measure against overfitting?",
        choices=(
            Choice(
                "max pooling",
                "It shrinks the map and widens the field; any regularising effect is incidental.",
                correct=True,
            ),
            Choice("dropout", "It is: no unit can rely on another one.", name="dropout"),
            Choice("data augmentation", "It is: it makes the training set larger.", name="augmentation"),
            Choice("early stopping", "It is: it ends training before the fit is perfect.", name="stopping"),
        ),
        hints=("What is each one for?",),
        solution="Pooling is there to downsample. The others are classic regularisers.",
    ),
    ChoiceDrill(
        id="loss-becomes-nan",
        title="NaN after twenty steps",
        section=SILENCE,
        difficulty=1,
        minutes=1,
        prompt="""The loss falls for a few steps, then grows without bound and becomes NaN. What do you
suspect, and try, first?""",
        choices=(
            Choice(
                "The learning rate is too high: divide it by 10.",
                "Steps that overshoot grow; it is the commonest cause, and the cheapest test.",
                correct=True,
            ),
            Choice(
                "The network is too small: add layers.",
                "A network that is too small fits badly; it does not diverge.",
                name="capacity",
            ),
            Choice(
                "Too little data: augment.",
                "Too little data shows as overfitting, not as divergence.",
                name="data",
            ),
            Choice(
                "The labels are shuffled.",
                "Then the loss stays near ln K (or the network memorises); it does not explode.",
                name="labels",
            ),
        ),
        hints=("What makes a descent go uphill?",),
        solution="""Lower the rate; then look for a logarithm of zero or a division by zero, inputs that were
not normalised, or missing clipping.""",
    ),
    ChoiceDrill(
        id="accuracy-flat-loss-up",
        title="The loss rises, the accuracy stays",
        section=CURVES,
        difficulty=2,
        minutes=1,
        prompt="""The validation loss has risen for ten epochs, the validation accuracy stays. What is
going on?""",
        choices=(
            Choice(
                "The network becomes more confident, also where it is wrong.",
                "Cross-entropy punishes confident mistakes without bound; accuracy only counts them.",
                correct=True,
            ),
            Choice(
                "The loss is computed wrongly: the two must move together.",
                "They need not: one looks at probabilities, the other at the largest of them.",
                name="must-agree",
            ),
            Choice(
                "The validation set is too large.",
                "Its size changes the noise, not the trend.",
                name="set-size",
            ),
            Choice(
                "The learning rate is too low.",
                "A low rate slows both down.",
                name="low-rate",
            ),
        ),
        hints=("What does cross-entropy see that accuracy does not?",),
        solution="""Overfitting of confidence: calibration gets worse. Early stopping by loss, label
smoothing or temperature scaling help.""",
    ),
    ChoiceDrill(
        id="adam-and-decay",
        title="L2 inside Adam",
        section="Weight decay",
        difficulty=2,
        minutes=2,
        prompt="Why does AdamW take the weight decay out of the gradient?",
        choices=(
            Choice(
                "Inside, the decay would be divided by each weight's own gradient scale: weights with large "
                "gradients would hardly decay.",
                "Adam divides the whole gradient, penalty included, by the root of its mean square.",
                correct=True,
            ),
            Choice(
                "The moments would need more memory.",
                "They have the size of the weights in both cases.",
                name="memory",
            ),
            Choice(
                "L2 and weight decay are different for plain SGD too.",
                "For plain SGD they are the same, up to a factor.",
                name="different-for-sgd",
            ),
            Choice(
                "Because weight decay must not depend on the learning rate.",
                "In AdamW's usual form it is multiplied by the learning rate as well.",
                name="rate-free",
            ),
        ),
        hints=("What does Adam do to the sum of gradient and penalty?",),
        solution="Decoupled decay shrinks all weights by the same factor (Loshchilov and Hutter, 2017).",
    ),
    ChoiceDrill(
        id="small-batch-norm",
        title="Two images a batch",
        section="Batch normalisation",
        difficulty=2,
        minutes=1,
        prompt="A detector fits two images on each device. Batch norm works badly. What is the usual remedy?",
        choices=(
            Choice(
                "group normalisation",
                "Its statistics come from groups of channels of one example, so that the batch does not "
                "matter.",
                correct=True,
            ),
            Choice(
                "gradient accumulation",
                "The statistics are still those of two images.",
                name="accumulation",
            ),
            Choice(
                "a larger epsilon",
                "It hides small variances; the noise of two images stays.",
                name="epsilon",
            ),
            Choice(
                "the running statistics in training too",
                "Then the gradient no longer sees the normalisation, and training can drift off. (Frozen "
                "statistics are used when fine-tuning.)",
                name="running-statistics",
            ),
        ),
        hints=("Whose numbers are averaged?",),
        solution="Group norm (Wu and He, 2018), or statistics synchronised over the devices.",
    ),
    ChoiceDrill(
        id="softmax-twice",
        title="Softmax, twice",
        section="Losses",
        difficulty=2,
        minutes=2,
        prompt="""A network ends in a softmax, and the loss function applies another one (it expects logits).
What do you see?""",
        choices=(
            Choice(
                "It learns, slowly; the loss cannot come near 0, and the gradients are small.",
                "The second softmax sees inputs in [0, 1]: for ten classes it can give the right one at most "
                "e / (e + 9), about 23 %.",
                correct=True,
            ),
            Choice(
                "An error about shapes.",
                "The shapes fit; that is why the mistake survives.",
                name="error",
            ),
            Choice(
                "Nothing changes: the softmax of a softmax is the same.",
                "It is flatter: (1, 0) becomes (0.73, 0.27).",
                name="idempotent",
            ),
            Choice(
                "The loss becomes NaN.",
                "All values are tame. That is the trouble.",
                name="nan",
            ),
        ),
        hints=("In which range are the inputs of the second softmax?",),
        solution=r"""The smallest loss for K classes is $-\ln \frac{e}{e + K - 1}$: 1.46 for ten. A loss that
settles there although the accuracy is fine gives the mistake away.""",
    ),
    ChoiceDrill(
        id="accuracy-of-the-majority",
        title="97 % accurate",
        section="Losses",
        difficulty=1,
        minutes=1,
        prompt="""3 % of all parts have a defect. A detector of defects is 97 % accurate on a representative
test set. What does that tell you?""",
        choices=(
            Choice(
                "Nothing yet: a detector that never reports a defect scores the same.",
                "Ask for recall and precision on the rare class, or the precision-recall curve.",
                correct=True,
            ),
            Choice(
                "It finds 97 % of the defects.",
                "That would be the recall.",
                name="recall",
            ),
            Choice(
                "97 % of its alarms are right.",
                "That would be the precision.",
                name="precision",
            ),
            Choice(
                "It is better than chance, which is 50 %.",
                "Guessing the majority class reaches 97 %.",
                name="coin",
            ),
        ),
        hints=("What does the laziest detector reach?",),
        solution="""Compare with the majority class, then use precision, recall and their curve; weight or
resample the rare class in training if it is neglected.""",
    ),
]
