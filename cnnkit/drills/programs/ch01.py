"""Chapter 01: right solutions of different style, and programs with a bug to find."""

import numpy as np


def output_size(n, k, stride, padding, dilation):
    span = dilation * (k - 1) + 1
    return (n + 2 * padding - span) // stride + 1


def output_size_by_counting(n, k, stride, padding, dilation):
    last_start = n + 2 * padding - dilation * (k - 1) - 1
    return len(range(0, last_start + 1, stride))


def conv2d_by_loops(x, w, b, stride):
    H, W, C = x.shape
    KH, KW, _, F = w.shape
    H_out, W_out = (H - KH) // stride + 1, (W - KW) // stride + 1
    y = np.zeros((H_out, W_out, F))
    for i in range(H_out):
        for j in range(W_out):
            for k in range(F):
                z = b[k]
                for m in range(KH):
                    for n in range(KW):
                        for c in range(C):
                            z += x[i * stride + m, j * stride + n, c] * w[m, n, c, k]
                y[i, j, k] = z
    return y


def conv2d_by_windows(x, w, b, stride):
    KH, KW = w.shape[:2]
    rows = range(0, x.shape[0] - KH + 1, stride)
    columns = range(0, x.shape[1] - KW + 1, stride)
    return np.array([[np.tensordot(x[i : i + KH, j : j + KW], w, 3) + b for j in columns] for i in rows])


def conv2d_by_window_view(x, w, b):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("ijcmn,mnck->ijk", windows, w) + b


def conv2d_by_shifts(x, w, b):
    KH, KW, _, F = w.shape
    H_out, W_out = x.shape[0] - KH + 1, x.shape[1] - KW + 1
    y = np.zeros((H_out, W_out, F)) + b
    for m in range(KH):
        for n in range(KW):
            y += x[m : m + H_out, n : n + W_out] @ w[m, n]
    return y


def im2col_by_loops(x, kh, kw):
    H, W, _ = x.shape
    rows = [x[i : i + kh, j : j + kw].ravel() for i in range(H - kh + 1) for j in range(W - kw + 1)]
    return np.array(rows)


def im2col_by_window_view(x, kh, kw):
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(0, 1))
    return windows.transpose(0, 1, 3, 4, 2).reshape(-1, kh * kw * x.shape[2])


def conv2d_forgets_channels(x, w, b):
    H, W, C = x.shape
    KH, KW, _, F = w.shape
    y = np.zeros((H - KH + 1, W - KW + 1, F))
    for i, j, k in np.ndindex(y.shape):
        for c in range(C):
            y[i, j, k] = (x[i : i + KH, j : j + KW, c] * w[:, :, c, k]).sum()
        y[i, j, k] += b[k]
    return y


def conv2d_adds_channels(x, w, b):
    H, W, C = x.shape
    KH, KW, _, F = w.shape
    y = np.zeros((H - KH + 1, W - KW + 1, F))
    for i, j, k in np.ndindex(y.shape):
        for c in range(C):
            y[i, j, k] += (x[i : i + KH, j : j + KW, c] * w[:, :, c, k]).sum()
        y[i, j, k] += b[k]
    return y


def conv2d_adds_window_at_once(x, w, b):
    KH, KW, _, F = w.shape
    y = np.zeros((x.shape[0] - KH + 1, x.shape[1] - KW + 1, F))
    for i, j, k in np.ndindex(y.shape):
        y[i, j, k] = (x[i : i + KH, j : j + KW] * w[..., k]).sum() + b[k]
    return y


def conv2d_forgets_stride(x, w, stride):
    H, W, _ = x.shape
    KH, KW, _, F = w.shape
    y = np.zeros(((H - KH) // stride + 1, (W - KW) // stride + 1, F))
    for i, j in np.ndindex(y.shape[:2]):
        window = x[i : i + KH, j : j + KW]
        y[i, j] = np.tensordot(window, w, 3)
    return y


def conv2d_starts_at_strides(x, w, stride):
    H, W, _ = x.shape
    KH, KW, _, F = w.shape
    y = np.zeros(((H - KH) // stride + 1, (W - KW) // stride + 1, F))
    for i, j in np.ndindex(y.shape[:2]):
        top, left = i * stride, j * stride
        y[i, j] = np.tensordot(x[top : top + KH, left : left + KW], w, 3)
    return y


def conv2d_thins_out(x, w, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("ijcmn,mnck->ijk", windows[::stride, ::stride], w)


def conv2d_scrambles_weights(x, w):
    KH, KW, C, F = w.shape
    H_out, W_out = x.shape[0] - KH + 1, x.shape[1] - KW + 1
    rows = [x[i : i + KH, j : j + KW].ravel() for i in range(H_out) for j in range(W_out)]
    weights = w.reshape(F, KH * KW * C).T
    return (np.array(rows) @ weights).reshape(H_out, W_out, F)


def conv2d_by_matrix_product(x, w):
    KH, KW, C, F = w.shape
    H_out, W_out = x.shape[0] - KH + 1, x.shape[1] - KW + 1
    rows = [x[i : i + KH, j : j + KW].ravel() for i in range(H_out) for j in range(W_out)]
    weights = w.reshape(KH * KW * C, F)
    return (np.array(rows) @ weights).reshape(H_out, W_out, F)


def conv2d_filter_by_filter(x, w):
    KH, KW, _, F = w.shape
    H_out, W_out = x.shape[0] - KH + 1, x.shape[1] - KW + 1
    y = np.empty((H_out, W_out, F))
    for i, j, k in np.ndindex(y.shape):
        y[i, j, k] = x[i : i + KH, j : j + KW].ravel() @ w[..., k].ravel()
    return y
