"""Chapter 02: right solutions of different style, and programs with a bug to find."""

import numpy as np


def same_padding(n, k, stride, dilation):
    outputs = -(-n // stride)
    total = max((outputs - 1) * stride + dilation * (k - 1) + 1 - n, 0)
    return total // 2, total - total // 2


def same_padding_by_trying(n, k, stride, dilation):
    total = 0
    while (n + total - dilation * (k - 1) - 1) // stride + 1 < (n + stride - 1) // stride:
        total += 1
    before = int(total / 2)
    return np.array([before, total - before])


def reflect_pad_by_slices(x, p):
    x = np.concatenate([x[1 : p + 1][::-1], x, x[-p - 1 : -1][::-1]], axis=0)
    return np.concatenate([x[:, 1 : p + 1][:, ::-1], x, x[:, -p - 1 : -1][:, ::-1]], axis=1)


def reflect_pad_by_index(x, p):
    def mirrored(n):
        index = np.abs(np.arange(-p, n + p))
        return np.where(index < n, index, 2 * (n - 1) - index)

    return x[mirrored(x.shape[0])][:, mirrored(x.shape[1])]


def causal_pads_both_sides(x, w, dilation):
    K = len(w)
    overhang = dilation * (K - 1)
    padded = np.pad(x, (overhang // 2, overhang - overhang // 2))
    y = np.zeros(len(x))
    for t in range(len(x)):
        for m in range(K):
            y[t] += padded[t + m * dilation] * w[m]
    return y


def causal_pads_before(x, w, dilation):
    K = len(w)
    padded = np.pad(x, (dilation * (K - 1), 0))
    y = np.zeros(len(x))
    for t in range(len(x)):
        for m in range(K):
            y[t] += padded[t + m * dilation] * w[m]
    return y


def causal_by_looking_back(x, w, dilation):
    K = len(w)
    y = np.zeros(len(x))
    for m in range(K):
        lag = dilation * (K - 1 - m)
        if lag < len(x):
            y[lag:] += w[m] * x[: len(x) - lag]
    return y


def transpose_overwrites(x, w, stride):
    K = len(w)
    y = np.zeros((len(x) - 1) * stride + K)
    for i in range(len(x)):
        y[i * stride : i * stride + K] = x[i] * w
    return y


def transpose_adds(x, w, stride):
    K = len(w)
    y = np.zeros((len(x) - 1) * stride + K)
    for i in range(len(x)):
        y[i * stride : i * stride + K] += x[i] * w
    return y


def transpose_by_zero_stuffing(x, w, stride):
    stuffed = np.zeros((len(x) - 1) * stride + 1)
    stuffed[::stride] = x
    return np.convolve(stuffed, w)
