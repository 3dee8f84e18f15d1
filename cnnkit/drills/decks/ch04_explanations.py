"""Chapter 04: what to be able to say."""

from cnnkit.drills.kinds import ExplainDrill

REGIONS = "From the image to the map and back"
BRANCHES = "Branches and skips"
EFFECTIVE = "The effective receptive field"

DECK = [
    ExplainDrill(
        id="explain-effective-field",
        title="Theoretical and effective",
        section=EFFECTIVE,
        difficulty=2,
        minutes=3,
        prompt=(
            "What is the difference between the theoretical and the effective receptive field? Why does it "
            "matter?"
        ),
        rubric=(
            "Theoretical: all pixels that can influence the unit; it follows from kernel, stride and "
            "dilation alone.",
            "Effective: how much each of them does influence it; measured by gradients.",
            "It is close to a Gaussian, because many more paths lead to the middle than to the edge.",
            "Its width grows with the square root of the depth, so it fills an ever smaller part of the "
            "field.",
            "A field as large as the object may be too small in effect; dilation, stride and training "
            "widen it.",
        ),
        hints=("Count the paths from a corner pixel and from the middle pixel to the unit.",),
        solution="""The theoretical field says which pixels *can* matter, the effective one how much they
*do*. Influence follows the number of paths, and that is a bell: in a deep stack most of it lies in a small
middle part. So one plans a field well beyond the size of the object, or widens the bell by strides and
dilation.""",
    ),
    ExplainDrill(
        id="explain-region-mapping",
        title="A box on a feature map",
        section=REGIONS,
        difficulty=3,
        minutes=3,
        prompt="""How is a region of interest in the original image mapped to coordinates on a feature
map, and back?""",
        rubric=(
            "To the map: divide by the cumulative stride (the jump) of all layers below that map.",
            "There is an offset too: the middle of unit 0 is start + (size - 1)/2; it depends on the "
            "padding.",
            "Back: the middle of unit i lies at offset + jump * i.",
            "Rounding to whole cells, as in RoI pooling, loses up to half a jump, many pixels at stride 16 "
            "or 32.",
            "RoI Align keeps the fractions and interpolates between cells.",
        ),
        hints=("Which two numbers of the recurrence say where the field of unit i lies?",),
        solution="""Middles of fields are an arithmetic sequence: offset + jump · i. So a coordinate is
divided by the jump, after subtracting the offset. RoI pooling then rounds, at the price of several pixels;
RoI Align interpolates.""",
    ),
    ExplainDrill(
        id="explain-growing-a-field",
        title="Ways to a larger field",
        section="Choosing a field",
        difficulty=2,
        minutes=3,
        prompt=(
            "Units of your network see too little of the image. What can you do, and what does each way cost?"
        ),
        rubric=(
            "More layers: grows by addition; costs depth, work and memory.",
            "Larger kernels: the work grows with their area.",
            "Stride or pooling: the jump multiplies everything above; costs resolution.",
            "Dilation: wider without more weights or lower resolution; risk of gridding.",
            "Global context: global pooling, attention, or a smaller input image.",
        ),
        hints=("Go through the letters of the recurrence: L, k, s, d.",),
        solution="""Depth adds, kernel size costs area, stride multiplies but loses resolution, dilation
widens for free but can leave gaps. Global pooling or attention see everything at once.""",
    ),
    ExplainDrill(
        id="explain-branches",
        title="Fields of a branching network",
        section=BRANCHES,
        difficulty=2,
        minutes=2,
        prompt=(
            "What is the receptive field of a unit in a network with branches, such as Inception or ResNet?"
        ),
        rubric=(
            "Each path has its own field, by the recurrence.",
            "The unit's theoretical field is the union; with aligned paths that is the largest one.",
            "The unit sees many scales at once: from the smallest path to the largest.",
            "Paths that merge must have the same jump, and should have the same centre.",
            "In a residual network the short paths through the skips make the effective field smaller.",
        ),
        hints=("How many paths are there, and what does each one see?",),
        solution="""Compute the field of each path. The theoretical field is their union, which is the
largest when they share a centre. With skips there are paths of every length, and the short ones carry much
of the influence.""",
    ),
]
