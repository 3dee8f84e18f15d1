"""Chapter 02's programs as people hand them in: right ones, and edits that make them wrong."""

SAME = """
def same_padding(n, k, stride, dilation):
    outputs = (n + stride - 1) // stride
    reach = (outputs - 1) * stride + dilation * (k - 1) + 1
    total = max(reach - n, 0)
    before = total // 2
    after = total - before
    return before, after
"""

SAME_BY_REMAINDER = """
def same_padding(n, k, stride, dilation):
    span = dilation * (k - 1) + 1
    rest = n % stride or stride
    total = span - rest if span > rest else 0
    return [total // 2, (total + 1) // 2]
"""

REFLECT = """
def reflect_pad(x, p):
    H, W, C = x.shape
    y = np.zeros((H + 2 * p, W + 2 * p, C))
    for i in range(H + 2 * p):
        for j in range(W + 2 * p):
            row, column = abs(i - p), abs(j - p)
            if row >= H:
                row = 2 * H - 2 - row
            if column >= W:
                column = 2 * W - 2 - column
            y[i, j] = x[row, column]
    return y
"""

REFLECT_BY_FLIPS = """
def reflect_pad(x, p):
    rows = np.vstack([np.flip(x[1:p + 1], 0), x, np.flip(x[-1 - p:-1], 0)])
    return np.hstack([np.flip(rows[:, 1:p + 1], 1), rows, np.flip(rows[:, -1 - p:-1], 1)])
"""

CAUSAL = """
def causal_filter(x, w, dilation):
    K = len(w)
    overhang = dilation * (K - 1)
    padded = np.concatenate([np.zeros(overhang), x])
    return np.array([sum(padded[t + m * dilation] * w[m] for m in range(K)) for t in range(len(x))])
"""

CAUSAL_BY_CONVOLUTION = """
def causal_filter(x, w, dilation):
    spread = np.zeros(dilation * (len(w) - 1) + 1)
    spread[::dilation] = w
    return np.convolve(x, spread[::-1])[:len(x)]
"""

TRANSPOSE = """
def transpose(x, w, stride):
    y = np.zeros((len(x) - 1) * stride + len(w))
    for i in range(len(x)):
        for m in range(len(w)):
            y[i * stride + m] += x[i] * w[m]
    return y
"""

TRANSPOSE_BY_MATRIX = """
def transpose(x, w, stride):
    matrix = np.zeros((len(x), (len(x) - 1) * stride + len(w)))
    for i in range(len(x)):
        matrix[i, i * stride:i * stride + len(w)] = w
    return matrix.T @ x
"""

RIGHT = [
    ("same-padding-code", SAME),
    ("same-padding-code", SAME_BY_REMAINDER),
    ("reflect-pad-code", REFLECT),
    ("reflect-pad-code", REFLECT_BY_FLIPS),
    ("bug-causal", CAUSAL),
    ("bug-causal", CAUSAL_BY_CONVOLUTION),
    ("bug-transposed", TRANSPOSE),
    ("bug-transposed", TRANSPOSE_BY_MATRIX),
]

NO_COLUMNS = REFLECT_BY_FLIPS.split("    return")[0] + "    return rows\n"

WRAPPED = """
def reflect_pad(x, p):
    H, W, C = x.shape
    return np.array([[x[i % H, j % W] for j in range(-p, W + p)] for i in range(-p, H + p)])
"""

OTHERS = [
    ("reflect-pad-code", "rows-only", NO_COLUMNS),
    ("reflect-pad-code", "wrapped", WRAPPED),
]

SLIPS = [
    ("same-padding-code", SAME, "odd-cell-first", "return before, after", "return after, before"),
    ("same-padding-code", SAME, "floor-for-ceil", "(n + stride - 1) // stride", "n // stride"),
    ("same-padding-code", SAME, "no-maximum-with-zero", "max(reach - n, 0)", "reach - n"),
    ("same-padding-code", SAME, "dilation-ignored", "dilation * (k - 1) + 1", "k"),
    ("same-padding-code", SAME, "stride-ignored", "max(reach - n, 0)", "dilation * (k - 1)"),
    ("reflect-pad-code", REFLECT, "wrong-shape", "    return y", "    return y[1:]"),
    ("bug-causal", CAUSAL, "dilation-forgotten", "overhang =", "dilation = 1; overhang ="),
    ("bug-causal", CAUSAL, "padded-at-the-end", "[np.zeros(overhang), x]", "[x, np.zeros(overhang)]"),
    ("bug-causal", CAUSAL_BY_CONVOLUTION, "flipped-kernel", "spread[::-1]", "spread"),
    ("bug-transposed", TRANSPOSE, "stride-ignored", "    y = np", "    stride = 1\n    y = np"),
    ("bug-transposed", TRANSPOSE, "flipped-kernel", "x[i] * w[m]", "x[i] * w[-1 - m]"),
    ("bug-transposed", TRANSPOSE, "bug-still-there", "+=", "="),
]
