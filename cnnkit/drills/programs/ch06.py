"""Chapter 06: right solutions of different style, and programs with a bug to find."""

import numpy as np


def softmax_shifted(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_row_by_row(x):
    rows = []
    for z in x:
        e = np.exp(z - max(z))
        rows.append(e / sum(e))
    return np.array(rows)


def log_sigmoid_by_parts(x):
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def log_sigmoid_by_logaddexp(x):
    return -np.logaddexp(0, -x)


def softmax_backward_by_sum(dy, p):
    return p * (dy - (dy * p).sum(axis=1, keepdims=True))


def softmax_backward_by_jacobian(dy, p):
    rows = []
    for n in range(len(p)):
        q = p[n]
        jacobian = np.diag(q) - np.outer(q, q)
        rows.append(dy[n] @ jacobian)
    return np.array(rows)


def leaky_backward_gated_by_gradient(dy, z, alpha):
    return np.where(dy > 0, dy, alpha * dy)


def leaky_backward_gated_by_input(dy, z, alpha):
    return np.where(z > 0, dy, alpha * dy)


def leaky_backward_by_loop(dy, z, alpha):
    dx = np.zeros(z.shape)
    for i in range(len(z)):
        dx[i] = dy[i] if z[i] > 0 else alpha * dy[i]
    return dx


def he_std_of_channels(kh, kw, c, f):
    fan_in = c
    return np.sqrt(2 / fan_in)


def he_std_of_window(kh, kw, c, f):
    fan_in = kh * kw * c
    return np.sqrt(2 / fan_in)


def he_std_by_power(kh, kw, c, f):
    return (kh * kw * c / 2) ** -0.5


def dead_units_on_one_example(x, w, b):
    z = x @ w + b
    return (z <= 0).any(axis=0).sum()


def dead_units_on_all_examples(x, w, b):
    z = x @ w + b
    return (z <= 0).all(axis=0).sum()


def dead_units_by_maximum(x, w, b):
    largest = (x @ w + b).max(axis=0)
    return sum(1 for z in largest if z <= 0)
