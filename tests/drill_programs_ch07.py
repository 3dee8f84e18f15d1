"""Chapter 07's programs as people hand them in: right ones, and edits that make them wrong."""

GATE = """
def se(x, w1, w2):
    s = x.mean((1, 2))
    h = np.maximum(s @ w1, 0)
    g = 1 / (1 + np.exp(-h @ w2))
    return x * g[:, None, None]
"""

GATE_EINSUM = """
def se(x, w1, w2):
    h = np.einsum("nhwc,cr->nr", x, w1) / (x.shape[1] * x.shape[2])
    z = np.clip(h, 0, None).dot(w2)
    return np.einsum("nhwc,nc->nhwc", x, 0.5 + 0.5 * np.tanh(z / 2))
"""

SHUFFLE = """
def shuffle(x, groups):
    n, h, w, c = x.shape
    y = x.reshape(n, h, w, groups, c // groups)
    return y.transpose(0, 1, 2, 4, 3).reshape(n, h, w, c)
"""

SHUFFLE_SLICES = """
def shuffle(x, groups):
    y = np.empty_like(x)
    size = x.shape[-1] // groups
    for g in range(groups):
        y[..., g::groups] = x[..., g * size : (g + 1) * size]
    return y
"""

BLOCK = """
def block(x, w1, w2):
    h = np.maximum(x @ w1, 0)
    y = h @ w2
    return np.maximum(y + x, 0)
"""

BLOCK_NESTED = """
def block(x, w1, w2):
    relu = lambda z: z * (z > 0)
    return relu(x + relu(x.dot(w1)).dot(w2))
"""

RIGHT = [
    ("squeeze-and-excite-code", GATE),
    ("squeeze-and-excite-code", GATE_EINSUM),
    ("channel-shuffle-code", SHUFFLE),
    ("channel-shuffle-code", SHUFFLE_SLICES),
    ("bug-residual-block", BLOCK),
    ("bug-residual-block", BLOCK_NESTED),
]

SLIPS = [
    ("squeeze-and-excite-code", GATE, "relu-forgotten", "np.maximum(s @ w1, 0)", "s @ w1"),
    ("squeeze-and-excite-code", GATE, "no-sigmoid", "1 / (1 + np.exp(-h @ w2))", "h @ w2"),
    ("squeeze-and-excite-code", GATE, "gate-added", "x * g", "x + g"),
    (
        "squeeze-and-excite-code",
        GATE,
        "mean-over-the-batch",
        "x.mean((1, 2))",
        "x.mean((0, 1, 2), keepdims=True)[:, 0, 0]",
    ),
    ("channel-shuffle-code", SHUFFLE, "not-swapped", "transpose(0, 1, 2, 4, 3)", "copy()"),
    (
        "channel-shuffle-code",
        SHUFFLE,
        "positions-moved",
        "x.reshape(n, h, w, groups, c // groups)\n    return y.transpose(0, 1, 2, 4, 3)",
        "x.reshape(n, h, -1, groups)\n    return y.transpose(0, 1, 3, 2)",
    ),
    ("channel-shuffle-code", SHUFFLE, "the-inverse", "groups, c // groups)", "c // groups, groups)"),
    ("bug-residual-block", BLOCK, "added-after-the-relu", "np.maximum(y + x, 0)", "np.maximum(y, 0) + x"),
    ("bug-residual-block", BLOCK, "last-relu-forgotten", "np.maximum(y + x, 0)", "y + x"),
    ("bug-residual-block", BLOCK, "skip-forgotten", "y + x", "y"),
    ("bug-residual-block", BLOCK, "first-relu-forgotten", "np.maximum(x @ w1, 0)", "x @ w1"),
    ("bug-residual-block", BLOCK, "bug-still-there", "y + x", "y + h"),
]
