"""Chapter 06's programs as people hand them in: right ones, and edits that make them wrong."""

SOFTMAX = """
def softmax(x):
    z = x - x.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)
"""

SOFTMAX_BY_LOGS = """
def softmax(x):
    logs = np.array([z - np.logaddexp.reduce(z) for z in x])
    return np.exp(logs)
"""

LOG_SIGMOID = """
def log_sigmoid(x):
    return np.where(x > 0, 0, x) - np.log(1 + np.exp(-abs(x)))
"""

LOG_SIGMOID_OF_BRANCHES = """
import math
def log_sigmoid(x):
    return [-math.log1p(math.exp(-v)) if v >= 0 else v - math.log1p(math.exp(v)) for v in x.tolist()]
"""

BACKWARD = """
def softmax_backward(dy, p):
    inner = np.sum(dy * p, axis=1, keepdims=True)
    return p * (dy - inner)
"""

BACKWARD_BY_EINSUM = """
def softmax_backward(dy, p):
    jacobians = p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])
    return np.einsum("ni,nij->nj", dy, jacobians)
"""

LEAKY = """
def leaky_backward(dy, z, alpha):
    slope = np.where(z > 0, 1.0, alpha)
    return dy * slope
"""

LEAKY_IN_PLACE = """
def leaky_backward(dy, z, alpha):
    dx = dy.copy()
    dx[z <= 0] *= alpha
    return dx
"""

HE = """
def he_std(kh, kw, c, f):
    fan_in = kh * kw * c
    return np.sqrt(2 / fan_in)
"""

HE_BY_MATH = """
import math
def he_std(kh, kw, c, f):
    return math.sqrt(2) / math.sqrt(kh * kw * c)
"""

DEAD = """
def dead_units(x, w, b):
    z = x @ w + b
    silent = z <= 0
    return silent.all(axis=0).sum()
"""

DEAD_BY_RELU = """
def dead_units(x, w, b):
    a = np.maximum(x @ w + b, 0)
    return int((a.sum(axis=0) == 0).sum())
"""

RIGHT = [
    ("stable-softmax-code", SOFTMAX),
    ("stable-softmax-code", SOFTMAX_BY_LOGS),
    ("log-sigmoid-code", LOG_SIGMOID),
    ("log-sigmoid-code", LOG_SIGMOID_OF_BRANCHES),
    ("softmax-backward-code", BACKWARD),
    ("softmax-backward-code", BACKWARD_BY_EINSUM),
    ("bug-leaky-gate", LEAKY),
    ("bug-leaky-gate", LEAKY_IN_PLACE),
    ("bug-he-fan-in", HE),
    ("bug-he-fan-in", HE_BY_MATH),
    ("bug-dead-count", DEAD),
    ("bug-dead-count", DEAD_BY_RELU),
]

SLIPS = [  # (drill, right program, mistake, what stood there, what was written instead)
    ("stable-softmax-code", SOFTMAX, "nan-result", " - x.max(axis=1, keepdims=True)", ""),
    ("stable-softmax-code", SOFTMAX, "sum-over-everything", "e.sum(axis=1, keepdims=True)", "e.sum()"),
    ("stable-softmax-code", SOFTMAX, "not-normalised", " / e.sum(axis=1, keepdims=True)", ""),
    ("log-sigmoid-code", LOG_SIGMOID, "naive-logarithm",
     "np.where(x > 0, 0, x) - np.log(1 + np.exp(-abs(x)))", "np.log(1 / (1 + np.exp(-x)))"),
    ("log-sigmoid-code", LOG_SIGMOID, "sign-of-the-argument",
     "np.where(x > 0, 0, x)", "np.where(x > 0, -x, 0)"),
    ("log-sigmoid-code", LOG_SIGMOID, "large-values-only", " - np.log(1 + np.exp(-abs(x)))", " * 1.0"),
    ("softmax-backward-code", BACKWARD, "elementwise-slope", "p * (dy - inner)", "dy * p * (1 - p)"),
    ("softmax-backward-code", BACKWARD, "sum-over-everything", ", axis=1, keepdims=True", ""),
    ("softmax-backward-code", BACKWARD, "loss-included", "p * (dy - inner)", "p - dy"),
    ("bug-leaky-gate", LEAKY, "bug-still-there", "z > 0", "dy > 0"),
    ("bug-leaky-gate", LEAKY, "plain-relu", "1.0, alpha", "1.0, 0.0"),
    ("bug-leaky-gate", LEAKY, "sides-swapped", "1.0, alpha", "alpha, 1.0"),
    ("bug-he-fan-in", HE, "bug-still-there", "kh * kw * c", "c"),
    ("bug-he-fan-in", HE, "fan-out", "kh * kw * c", "kh * kw * f"),
    ("bug-he-fan-in", HE, "variance", "np.sqrt(2 / fan_in)", "2 / fan_in"),
    ("bug-he-fan-in", HE, "two-lost", "2 / fan_in", "1 / fan_in"),
    ("bug-dead-count", DEAD, "bug-still-there", "silent.all", "silent.any"),
    ("bug-dead-count", DEAD, "examples-counted", "all(axis=0)", "all(axis=1)"),
    ("bug-dead-count", DEAD, "zeros-counted", "silent.all(axis=0)", "silent"),
    ("bug-dead-count", DEAD, "share-of-zeros", "silent.all(axis=0).sum()", "silent.mean()"),
]  # fmt: skip
