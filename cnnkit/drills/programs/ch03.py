"""Chapter 03: right solutions of different style, and programs with a bug to find."""

import numpy as np


def max_pool_by_loops(x, k, stride):
    H, W, C = x.shape
    H_out, W_out = (H - k) // stride + 1, (W - k) // stride + 1
    y = np.full((H_out, W_out, C), -np.inf)
    for i in range(H_out):
        for j in range(W_out):
            for c in range(C):
                for m in range(k):
                    for n in range(k):
                        y[i, j, c] = max(y[i, j, c], x[i * stride + m, j * stride + n, c])
    return y


def max_pool_by_window_view(x, k, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(0, 1))
    return windows[::stride, ::stride].max(axis=(3, 4))


def max_pool_backward_by_loops(dy, x, k, stride):
    dx = np.zeros_like(x)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            top, left = i * stride, j * stride
            window = x[top : top + k, left : left + k]
            m, n = np.unravel_index(window.argmax(), window.shape)
            dx[top + m, left + n] += dy[i, j]
    return dx


def max_pool_backward_by_add_at(dy, x, k, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k))[::stride, ::stride]
    winners = windows.reshape(*dy.shape, k * k).argmax(axis=2)
    i, j = np.indices(dy.shape)
    dx = np.zeros(x.shape)
    np.add.at(dx, (i * stride + winners // k, j * stride + winners % k), dy)
    return dx


def global_average(x):
    return x.mean(axis=(0, 1))


def global_average_by_sum(x):
    H, W, C = x.shape
    return x.reshape(H * W, C).sum(axis=0) / (H * W)


def average_weights(k, channels):
    return np.full((k, k, 1, channels), 1 / k**2)


def average_weights_by_loop(k, channels):
    w = np.zeros((k, k, 1, channels))
    for c in range(channels):
        w[:, :, 0, c] = np.ones((k, k)) / (k * k)
    return w


def max_pool_starts_at_zero(x, k, stride):
    H, W = x.shape
    y = np.zeros(((H - k) // stride + 1, (W - k) // stride + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            best = 0.0
            for m in range(k):
                for n in range(k):
                    best = max(best, x[i * stride + m, j * stride + n])
            y[i, j] = best
    return y


def max_pool_starts_at_minus_infinity(x, k, stride):
    H, W = x.shape
    y = np.zeros(((H - k) // stride + 1, (W - k) // stride + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            best = -np.inf
            for m in range(k):
                for n in range(k):
                    best = max(best, x[i * stride + m, j * stride + n])
            y[i, j] = best
    return y


def max_pool_of_slices(x, k, stride):
    H, W = x.shape
    rows, columns = range(0, H - k + 1, stride), range(0, W - k + 1, stride)
    return np.array([[x[i : i + k, j : j + k].max() for j in columns] for i in rows])


def avg_pool_backward_overwrites(dy, x_shape, k, stride):
    dx = np.zeros(x_shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            top, left = i * stride, j * stride
            dx[top : top + k, left : left + k] = dy[i, j] / k**2
    return dx


def avg_pool_backward_adds(dy, x_shape, k, stride):
    dx = np.zeros(x_shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            top, left = i * stride, j * stride
            dx[top : top + k, left : left + k] += dy[i, j] / k**2
    return dx


def avg_pool_backward_by_taps(dy, x_shape, k, stride):
    H_out, W_out = dy.shape
    dx = np.zeros(x_shape)
    for m in range(k):
        for n in range(k):
            rows = slice(m, m + stride * (H_out - 1) + 1, stride)
            columns = slice(n, n + stride * (W_out - 1) + 1, stride)
            dx[rows, columns] += dy / k**2
    return dx
