"""Chapter 08's programs as people hand them in."""

CHUNKS = """
def chunks(rows, cores):
    parts = min(rows, cores)
    cuts = [0]
    for part in range(parts):
        cuts.append(cuts[-1] + rows // parts + (part < rows % parts))
    return list(zip(cuts, cuts[1:]))
"""

CHUNKS_BY_SPLIT = """
def chunks(rows, cores):
    return [(p[0], p[-1] + 1) for p in np.array_split(np.arange(rows), min(rows, cores))]
"""

POOL = """
def max_pool(x, k, stride):
    rows, columns = (x.shape[0] - k) // stride + 1, (x.shape[1] - k) // stride + 1
    y = np.empty((rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = x[i * stride : i * stride + k, j * stride : j * stride + k]
            y[i, j] = window.max()
    return y
"""

POOL_BY_CELLS = """
def max_pool(x, k, stride):
    rows, columns = (len(x) - k) // stride + 1, (len(x[0]) - k) // stride + 1
    y = np.full((rows, columns), -np.inf)
    for i, j, m, n in np.ndindex(rows, columns, k, k):
        value = x[i * stride + m, j * stride + n]
        if value > y[i, j] or value != value:
            y[i, j] = value
    return y
"""

SIGMOID = """
def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))
"""

SIGMOID_BY_LOOP = """
def sigmoid(z):
    result = []
    for value in z:
        if value >= 0:
            result.append(1 / (1 + math.exp(-value)))
        else:
            result.append(math.exp(value) / (1 + math.exp(value)))
    return np.array(result)
"""

LINEAR = """
def conv2d(x, w, b):
    kh, kw, channels, filters = w.shape
    y = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1, filters))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = np.tensordot(x[i : i + kh, j : j + kw], w, axes=3) + b
    return y
"""

COUNT = """
def count(labels, classes, workers):
    parts = np.zeros((workers, classes))
    for worker in range(workers):
        for label in labels[worker::workers]:
            parts[worker, int(label)] += 1
    return parts.sum(axis=0)
"""

FOLD = """
def fold(w, b, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return np.concatenate([(w * scale).ravel(), (b - mean) * scale + beta])
"""

FOLD_BY_LOOP = """
def fold(w, b, gamma, beta, mean, var, eps):
    w = w.copy()
    bias = []
    for k in range(len(b)):
        factor = gamma[k] * (var[k] + eps) ** -0.5
        w[..., k] *= factor
        bias.append(factor * b[k] - factor * mean[k] + beta[k])
    return np.append(w.flatten(), bias)
"""

QUANTISE = """
def quantise(w):
    scale = np.abs(w).max(axis=(0, 1, 2)) / 127
    scale = np.where(scale <= 0, 1, scale)
    return np.round(w / scale)
"""

QUANTISE_BY_LOOP = """
def quantise(w):
    codes = np.empty(w.shape)
    for k in range(w.shape[3]):
        top = max(np.abs(w[..., k]).max(), 1e-300)
        codes[..., k] = np.floor(w[..., k] / top * 127 + 0.5)
    return codes
"""

RIGHT = [
    ("bug-idle-cores", CHUNKS),
    ("bug-idle-cores", CHUNKS_BY_SPLIT),
    ("bug-lowest-start", POOL),
    ("bug-lowest-start", POOL_BY_CELLS.replace("if value >", "if not np.isnan(y[i, j]) and (value >").replace(
        "value != value:", "value != value):")),
    ("bug-stable-sigmoid", SIGMOID),
    ("bug-stable-sigmoid", SIGMOID_BY_LOOP.replace("math.exp", "np.exp")),
    ("bug-forced-relu", LINEAR),
    ("bug-forced-relu", LINEAR.replace("np.tensordot(x[i : i + kh, j : j + kw], w, axes=3)",
                                       "x[i : i + kh, j : j + kw].ravel() @ w.reshape(-1, filters)")),
    ("bug-merged-counts", COUNT),
    ("bug-merged-counts", "def count(labels, classes, workers):\n"
                          "    return np.bincount(labels.astype(int), minlength=classes) * 1.0\n"),
    ("fold-batch-norm-code", FOLD),
    ("fold-batch-norm-code", FOLD_BY_LOOP),
    ("quantise-code", QUANTISE),
    ("quantise-code", QUANTISE_BY_LOOP),
]  # fmt: skip

SLIPS = [  # (drill, right program, mistake, what stood there, what was written instead)
    ("bug-idle-cores", CHUNKS, "bug-still-there",
     "    parts = min(rows, cores)\n    cuts = [0]\n    for part in range(parts):\n"
     "        cuts.append(cuts[-1] + rows // parts + (part < rows % parts))\n",
     "    size = -(-rows // cores)\n    cuts = [*range(0, rows, size), rows]\n"),
    ("bug-idle-cores", CHUNKS, "rows-left-over", " + (part < rows % parts)", ""),
    ("bug-idle-cores", CHUNKS, "rest-in-the-last", "(part < rows % parts)",
     "(rows % parts if part == parts - 1 else 0)"),
    ("bug-idle-cores", CHUNKS, "row-by-row", "min(rows, cores)", "rows"),
    ("bug-lowest-start", POOL, "bug-still-there", "window.max()",
     "np.fmax.reduce(window, axis=None, initial=-1.7976931348623157e308)"),
    ("bug-lowest-start", POOL, "nan-vanishes", "window.max()",
     "np.fmax.reduce(window, axis=None, initial=-np.inf)"),
    ("bug-lowest-start", POOL, "starts-at-zero", "window.max()",
     "np.fmax.reduce(window, axis=None, initial=0)"),
    ("bug-lowest-start", POOL, "nan-only-in-front", "window.max()",
     "max(window.ravel().tolist())"),
    ("bug-stable-sigmoid", SIGMOID, "clipped", "    e =", "    z = np.clip(z, -20, 20)\n    e ="),
    ("bug-stable-sigmoid", SIGMOID, "sign-lost", "np.where(z >= 0, 1 / (1 + e), e / (1 + e))", "1 / (1 + e)"),
    ("bug-stable-sigmoid", SIGMOID, "branches-swapped", "z >= 0", "z < 0"),
    ("bug-forced-relu", LINEAR, "bug-still-there", "return y", "return np.maximum(y, 0)"),
    ("bug-forced-relu", LINEAR, "absolute-value", "return y", "return abs(y)"),
    ("bug-forced-relu", LINEAR, "bias-gone", " + b", ""),
    ("bug-forced-relu", LINEAR, "relu-before-bias", "np.tensordot(x[i : i + kh, j : j + kw], w, axes=3)",
     "np.maximum(np.tensordot(x[i : i + kh, j : j + kw], w, axes=3), 0)"),
    ("bug-merged-counts", COUNT, "first-worker-only", "parts.sum(axis=0)", "parts[0]"),
    ("bug-merged-counts", COUNT, "largest-part", ".sum(", ".max("),
    ("bug-merged-counts", COUNT, "averaged", ".sum(", ".mean("),
    ("fold-batch-norm-code", FOLD, "bias-dropped", "(b - mean) * scale", "-mean * scale"),
    ("fold-batch-norm-code", FOLD, "bias-not-scaled", "(b - mean) * scale", "b - mean * scale"),
    ("fold-batch-norm-code", FOLD, "divided-by-variance", "np.sqrt(var + eps)", "(var + eps)"),
    ("fold-batch-norm-code", FOLD, "epsilon-outside-the-root", "np.sqrt(var + eps)", "(np.sqrt(var) + eps)"),
    ("fold-batch-norm-code", FOLD, "gamma-forgotten", "gamma / np", "1 / np"),
    ("quantise-code", QUANTISE, "one-scale-for-all", "axis=(0, 1, 2)", ""),
    ("quantise-code", QUANTISE, "truncated", "np.round", "np.trunc"),
    ("quantise-code", QUANTISE, "codes-of-128", "/ 127", "/ 128"),
    ("quantise-code", QUANTISE, "scaled-back", "np.round(w / scale)", "np.round(w / scale) * scale"),
    ("quantise-code", QUANTISE, "largest-not-magnitude", "np.abs(w).max", "w.max"),
]  # fmt: skip
