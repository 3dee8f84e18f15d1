"""Chapter 08: right solutions of different style, and programs with a bug to find."""

import numpy as np


def chunks_rounded_up(rows, cores):
    size = -(-rows // cores)  # rounded up
    chunks = []
    for core in range(cores):
        start = core * size
        if start >= rows:
            break
        chunks.append((start, min(start + size, rows)))
    return chunks


def balanced_chunks(rows, cores):
    parts = min(rows, cores)
    size, larger = divmod(rows, parts)
    chunks, start = [], 0
    for part in range(parts):
        end = start + size + (1 if part < larger else 0)
        chunks.append((start, end))
        start = end
    return chunks


def split_chunks(rows, cores):
    parts = np.array_split(np.arange(rows), min(rows, cores))
    return [(part[0], part[-1] + 1) for part in parts]


def pool_from_lowest(x, k, stride):
    rows, columns = (len(x) - k) // stride + 1, (len(x[0]) - k) // stride + 1
    y = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            peak = -1.7976931348623157e308
            for m in range(k):
                for n in range(k):
                    value = x[i * stride + m, j * stride + n]
                    if value > peak:
                        peak = value
            y[i, j] = peak
    return y


def pool_keeping_nan(x, k, stride):
    rows, columns = (len(x) - k) // stride + 1, (len(x[0]) - k) // stride + 1
    y = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            peak = -np.inf
            for m in range(k):
                for n in range(k):
                    value = x[i * stride + m, j * stride + n]
                    if value > peak or np.isnan(value):
                        peak = value
                    if np.isnan(peak):
                        break
                if np.isnan(peak):
                    break
            y[i, j] = peak
    return y


def pool_by_windows(x, k, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k))[::stride, ::stride]
    return windows.max(axis=(2, 3))


def sigmoid_that_overflows(z):
    from math import exp

    return np.array([1 / (1 + exp(-value)) for value in z])


def sigmoid_by_sign(z):
    from math import exp

    result = []
    for value in z:
        small = exp(-abs(value))
        result.append(1 / (1 + small) if value >= 0 else small / (1 + small))
    return np.array(result)


def sigmoid_by_tanh(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


def channels_of_the_input(x, w, b):
    height, width, channels = x.shape
    kh, kw, _, filters = w.shape
    y = np.zeros((height - kh + 1, width - kw + 1, filters))
    for i, j, k in np.ndindex(y.shape):
        total = 0.0
        for m in range(kh):
            for n in range(kw):
                for c in range(channels):
                    total += x[i + m, j + n, c] * w[m, n, c, k]
        z = total + b[k]
        y[i, j, k] = z if z > 0 else 0
    return y


def linear_convolution(x, w, b):
    height, width, channels = x.shape
    kh, kw, _, filters = w.shape
    y = np.zeros((height - kh + 1, width - kw + 1, filters))
    for i, j, k in np.ndindex(y.shape):
        total = 0.0
        for m in range(kh):
            for n in range(kw):
                for c in range(channels):
                    total += x[i + m, j + n, c] * w[m, n, c, k]
        y[i, j, k] = total + b[k]
    return y


def windows_convolution(x, w, b):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("ijcmn,mnck->ijk", windows, w) + b


def counts_by_assignment(labels, classes, workers):
    counts = np.zeros(classes)
    for worker in range(workers):
        seen = np.zeros(classes)
        for label in labels[worker::workers]:
            seen[int(label)] += 1
        counts = np.where(seen > 0, seen, counts)
    return counts


def counts_merged(labels, classes, workers):
    counts = np.zeros(classes)
    for worker in range(workers):
        seen = np.zeros(classes)
        for label in labels[worker::workers]:
            seen[int(label)] += 1
        counts = counts + seen
    return counts


def counts_at_once(labels, classes, workers):
    return np.bincount(labels.astype(int), minlength=classes).astype(float)


def folded(w, b, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return np.concatenate([(w * scale).ravel(), (b - mean) * scale + beta])


def folded_by_filters(w, b, gamma, beta, mean, var, eps):
    w_new, b_new = np.zeros(w.shape), np.zeros(len(b))
    for k in range(len(b)):
        std = np.sqrt(var[k] + eps)
        w_new[..., k] = gamma[k] * w[..., k] / std
        b_new[k] = gamma[k] * (b[k] - mean[k]) / std + beta[k]
    return np.concatenate([w_new.ravel(), b_new])


def quantised(w):
    largest = np.abs(w).max(axis=(0, 1, 2))
    scale = np.where(largest > 0, largest, 1) / 127
    return np.rint(w / scale)


def quantised_by_filters(w):
    codes = np.zeros(w.shape)
    for k in range(w.shape[-1]):
        largest = max(abs(w[..., k].min()), abs(w[..., k].max()))
        if largest > 0:
            codes[..., k] = np.round(127 * w[..., k] / largest)
    return codes
