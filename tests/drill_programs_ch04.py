"""Chapter 04's programs as people hand them in: right ones, and edits that make them wrong."""

FIELD = """
def receptive_field(layers):
    r, j = 1, 1
    for kernel_size, stride, dilation in layers:
        r = r + dilation * (kernel_size - 1) * j
        j = j * stride
    return r
"""

FIELD_AS_SETS = """
def receptive_field(layers):
    cells = {0}
    for k, s, d in layers[::-1]:
        cells = {c * s + m * d for c in cells for m in range(k)}
    return max(cells) - min(cells) + 1
"""

UNIT = """
def field_of_unit(layers, unit):
    size, jump, start = 1, 1, 0
    for k, s, p in layers:
        size += (k - 1) * jump
        start -= p * jump
        jump *= s
    first = start + unit * jump
    return [first, first + size - 1]
"""

UNIT_DOWNWARDS = """
def field_of_unit(layers, unit):
    if not layers:
        return unit, unit
    *below, (k, s, p) = layers
    left = field_of_unit(below, unit * s - p)[0]
    right = field_of_unit(below, unit * s - p + k - 1)[1]
    return left, right
"""

RIGHT = [
    ("receptive-field-code", FIELD),
    ("receptive-field-code", FIELD_AS_SETS),
    ("bug-receptive-field", UNIT),
    ("bug-receptive-field", UNIT_DOWNWARDS),
]

SLIPS = [
    ("receptive-field-code", FIELD, "stride-ignored", "        j = j * stride\n", ""),
    ("receptive-field-code", FIELD, "dilation-ignored", "dilation * (kernel_size - 1)", "(kernel_size - 1)"),
    (
        "receptive-field-code",
        FIELD,
        "own-stride-counted",
        "(kernel_size - 1) * j",
        "(kernel_size - 1) * j * stride",
    ),
    ("receptive-field-code", FIELD, "last-stride-only", "j = j * stride", "j = stride"),
    ("receptive-field-code", FIELD, "k-for-k-minus-1", "(kernel_size - 1)", "kernel_size"),
    ("receptive-field-code", FIELD, "starts-at-zero", "r, j = 1, 1", "r, j = 0, 1"),
    ("bug-receptive-field", UNIT, "padding-unscaled", "start -= p * jump", "start -= p"),
    ("bug-receptive-field", UNIT, "one-too-far", "first + size - 1", "first + size"),
    (
        "bug-receptive-field",
        UNIT,
        "bug-still-there",
        "        size += (k - 1) * jump\n        start -= p * jump\n        jump *= s\n",
        "        jump *= s\n        size += (k - 1) * jump\n        start -= p * jump\n",
    ),
]
