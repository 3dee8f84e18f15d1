"""Chapter 09's programs as people hand them in."""

MOMENTUM = """
def sgd(w, gradients, rate, momentum):
    velocity = 0 * w
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        w = w - rate * velocity
    return w
"""

MOMENTUM_BY_DIFFERENCE = """
def sgd(w, gradients, rate, momentum):
    before = w
    for gradient in gradients:
        w, before = w + momentum * (w - before) - rate * gradient, w
    return w
"""

DROPOUT = """
def dropout(x, u, p):
    mask = (u >= p) / (1 - p)
    return x * mask
"""

DROPOUT_BY_COPY = """
def dropout(x, u, p):
    y = x / (1 - p)
    y[u < p] = 0
    return y
"""

NORM = """
def batch_norm(x, gamma, beta, mean, var, eps, training):
    if training:
        mean = x.mean(axis=(0, 1, 2))
        var = x.var(axis=(0, 1, 2))
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma * x_hat + beta
"""

NORM_BY_RESHAPING = """
def batch_norm(x, gamma, beta, mean, var, eps, training):
    flat = x.reshape(-1, x.shape[3])
    if training == 1:
        mean = flat.sum(axis=0) / len(flat)
        var = ((flat - mean) ** 2).sum(axis=0) / len(flat)
    scale = gamma / (var + eps) ** 0.5
    return (flat * scale + (beta - mean * scale)).reshape(x.shape)
"""

STATISTICS = """
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    return np.vstack([(train - mean) / std, (test - mean) / std])
"""

FIT = """
def fit(x, t, w, rate, steps):
    for _ in range(steps):
        gradient = x.T @ (x @ w - t) / len(x)
        w = w - rate * gradient
    return w
"""

FIT_BY_LOOPS = """
def fit(x, t, w, rate, steps):
    w = w.copy()
    for _ in range(steps):
        gradient = np.zeros(len(w))
        for row, target in zip(x, t):
            gradient += (row @ w - target) * row / len(x)
        w -= rate * gradient
    return w
"""

SHUFFLE = """
def shuffle(x, labels, order):
    order = order.astype(int)
    return np.column_stack([x[order], labels[order]])
"""

LOSS = """
def loss(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(z)), labels.astype(int)].mean()
"""

LOSS_BY_SOFTMAX = """
def loss(logits, labels):
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    return np.mean([-np.log(row[int(label)]) for row, label in zip(p, labels)])
"""

RIGHT = [
    ("momentum-code", MOMENTUM),
    ("momentum-code", MOMENTUM_BY_DIFFERENCE),
    ("dropout-code", DROPOUT),
    ("dropout-code", DROPOUT_BY_COPY),
    ("batch-norm-code", NORM),
    ("batch-norm-code", NORM_BY_RESHAPING),
    ("bug-leaking-statistics", STATISTICS),
    ("bug-leaking-statistics", STATISTICS.replace("np.vstack([(train - mean) / std, (test - mean) / std])",
                                                  "(np.append(train, test, axis=0) - mean) / std")),
    ("bug-forgotten-zeroing", FIT),
    ("bug-forgotten-zeroing", FIT_BY_LOOPS),
    ("bug-shuffled-apart", SHUFFLE),
    ("bug-shuffled-apart", "def shuffle(x, labels, order):\n"
                           "    return np.c_[x, labels][order.astype(int)]\n"),
    ("bug-softmax-twice", LOSS),
    ("bug-softmax-twice", LOSS_BY_SOFTMAX),
]  # fmt: skip

SLIPS = [  # (drill, right program, mistake, what stood there, what was written instead)
    ("momentum-code", MOMENTUM, "no-momentum", "momentum * velocity + gradient", "gradient"),
    ("momentum-code", MOMENTUM, "weighted-mean", "+ gradient", "+ (1 - momentum) * gradient"),
    ("momentum-code", MOMENTUM, "nesterov", "rate * velocity", "rate * (gradient + momentum * velocity)"),
    ("momentum-code", MOMENTUM, "one-update", "        w = w - rate * velocity\n    return w",
     "    return w - rate * velocity"),
    ("momentum-code", MOMENTUM, "uphill", "w - rate", "w + rate"),
    ("dropout-code", DROPOUT, "not-scaled", " / (1 - p)", ""),
    ("dropout-code", DROPOUT, "scaled-down", "/ (1 - p)", "* (1 - p)"),
    ("dropout-code", DROPOUT, "divided-by-the-rate", "(1 - p)", "p"),
    ("dropout-code", DROPOUT, "keeps-the-dropped", "u >= p", "u < p"),
    ("batch-norm-code", NORM, "always-the-batch", "if training:", "if True:"),
    ("batch-norm-code", NORM, "always-running", "if training:", "if False:"),
    ("batch-norm-code", NORM, "per-position",
     "mean = x.mean(axis=(0, 1, 2))\n        var = x.var(axis=(0, 1, 2))",
     "mean = x.mean(axis=0)\n        var = x.var(axis=0)"),
    ("batch-norm-code", NORM, "per-image",
     "mean = x.mean(axis=(0, 1, 2))\n        var = x.var(axis=(0, 1, 2))",
     "mean = x.mean(axis=(1, 2), keepdims=True)\n        var = x.var(axis=(1, 2), keepdims=True)"),
    ("batch-norm-code", NORM, "over-channels",
     "mean = x.mean(axis=(0, 1, 2))\n        var = x.var(axis=(0, 1, 2))",
     "mean = x.mean()\n        var = x.var()"),
    ("batch-norm-code", NORM, "sample-variance", "x.var(axis=(0, 1, 2))", "x.var(axis=(0, 1, 2), ddof=1)"),
    ("bug-leaking-statistics", STATISTICS, "bug-still-there", "(test - mean) / std",
     "(test - test.mean(axis=0)) / test.std(axis=0)"),
    ("bug-leaking-statistics", STATISTICS, "pooled-statistics", "train.mean(axis=0), train.std(axis=0)",
     "np.vstack([train, test]).mean(axis=0), np.vstack([train, test]).std(axis=0)"),
    ("bug-leaking-statistics", STATISTICS, "not-divided", "(train - mean) / std, (test - mean) / std",
     "train - mean, test - mean"),
    ("bug-forgotten-zeroing", FIT_BY_LOOPS, "bug-still-there",
     "    for _ in range(steps):\n        gradient = np.zeros(len(w))\n",
     "    gradient = np.zeros(len(w))\n    for _ in range(steps):\n"),
    ("bug-forgotten-zeroing", FIT, "gradient-not-renewed",
     "    for _ in range(steps):\n        gradient = x.T @ (x @ w - t) / len(x)\n",
     "    gradient = x.T @ (x @ w - t) / len(x)\n    for _ in range(steps):\n"),
    ("bug-forgotten-zeroing", FIT, "sum-for-mean", " / len(x)", ""),
    ("bug-forgotten-zeroing", FIT, "uphill", "w - rate", "w + rate"),
    ("bug-shuffled-apart", SHUFFLE, "bug-still-there", "labels[order]", "labels"),
    ("bug-shuffled-apart", SHUFFLE, "labels-only", "x[order]", "x"),
    ("bug-shuffled-apart", SHUFFLE, "not-shuffled", "[x[order], labels[order]]", "[x, labels]"),
    ("bug-softmax-twice", LOSS, "bug-still-there", "    z = logits",
     "    logits = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)\n    z = logits"),
    ("bug-softmax-twice", LOSS, "sum-for-mean", ".mean()", ".sum()"),
    ("bug-softmax-twice", LOSS, "sign-lost", "-log_p", "log_p"),
    ("bug-softmax-twice", LOSS, "log-of-the-mean", "-log_p[np.arange(len(z)), labels.astype(int)].mean()",
     "-np.log(np.exp(log_p[np.arange(len(z)), labels.astype(int)]).mean())"),
]  # fmt: skip
