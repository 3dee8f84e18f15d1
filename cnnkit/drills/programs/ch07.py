"""Chapter 07: right solutions of different style, and a program with a bug to find."""

import numpy as np


def squeeze_and_excite(x, w1, w2):
    s = x.mean(axis=(1, 2))
    gate = 1 / (1 + np.exp(-(np.maximum(s @ w1, 0) @ w2)))
    return x * gate[:, None, None, :]


def squeeze_and_excite_by_images(x, w1, w2):
    y = np.empty_like(x)
    for n in range(len(x)):
        means = [x[n, :, :, c].mean() for c in range(x.shape[3])]
        hidden = np.maximum(np.array(means) @ w1, 0)
        for c, z in enumerate(hidden @ w2):
            y[n, :, :, c] = x[n, :, :, c] / (1 + np.exp(-z))
    return y


def channel_shuffle(x, groups):
    N, H, W, C = x.shape
    return x.reshape(N, H, W, groups, C // groups).swapaxes(3, 4).reshape(N, H, W, C)


def channel_shuffle_by_index(x, groups):
    size = x.shape[3] // groups
    order = [group * size + place for place in range(size) for group in range(groups)]
    return x[..., order]


def residual_block_overwritten(x, w1, w2):
    x = np.maximum(x @ w1, 0)
    y = x @ w2
    return np.maximum(y + x, 0)


def residual_block(x, w1, w2):
    y = np.maximum(x @ w1, 0)
    return np.maximum(y @ w2 + x, 0)


def residual_block_with_a_shortcut(x, w1, w2):
    shortcut = x.copy()
    x = x @ w1
    x[x < 0] = 0
    x = shortcut + x @ w2
    x[x < 0] = 0
    return x
