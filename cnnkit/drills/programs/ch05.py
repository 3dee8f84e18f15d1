"""Chapter 05: right solutions of different style, and programs with a bug to find."""

import numpy as np


def dx_by_loops(dz, w, H, W, stride, padding, dilation):
    H_out, W_out, F = dz.shape
    KH, KW, C, _ = w.shape
    dx = np.zeros((H + 2 * padding, W + 2 * padding, C))
    for i in range(H_out):
        for j in range(W_out):
            for k in range(F):
                for m in range(KH):
                    for n in range(KW):
                        for c in range(C):
                            row, column = i * stride + m * dilation, j * stride + n * dilation
                            dx[row, column, c] += dz[i, j, k] * w[m, n, c, k]
    return dx[padding : padding + H, padding : padding + W]


def dx_by_taps(dz, w, H, W, stride, padding, dilation):
    KH, KW, C, _ = w.shape
    down, across = (dz.shape[0] - 1) * stride + 1, (dz.shape[1] - 1) * stride + 1
    dx = np.zeros((H + 2 * padding, W + 2 * padding, C))
    for m in range(KH):
        for n in range(KW):
            top, left = m * dilation, n * dilation
            dx[top : top + down : stride, left : left + across : stride] += dz @ w[m, n].T
    return dx[padding : padding + H, padding : padding + W]


def dw_by_loops(dz, x, KH, KW, stride, padding, dilation):
    N, H_out, W_out, F = dz.shape
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dw = np.zeros((KH, KW, x.shape[3], F))
    for image in range(N):
        for i in range(H_out):
            for j in range(W_out):
                for m in range(KH):
                    for n in range(KW):
                        cell = x[image, i * stride + m * dilation, j * stride + n * dilation]
                        dw[m, n] += np.outer(cell, dz[image, i, j])
    return dw


def dw_by_taps(dz, x, KH, KW, stride, padding, dilation):
    down, across = (dz.shape[1] - 1) * stride + 1, (dz.shape[2] - 1) * stride + 1
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dw = np.zeros((KH, KW, x.shape[3], dz.shape[3]))
    for m in range(KH):
        for n in range(KW):
            top, left = m * dilation, n * dilation
            met = x[:, top : top + down : stride, left : left + across : stride]
            dw[m, n] = np.einsum("aijc,aijk->ck", met, dz)
    return dw


def max_pool_dx_by_loops(dy, x, k, stride):
    dx = np.zeros(x.shape)
    for image, i, j, c in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        window = x[image, top : top + k, left : left + k, c]
        m, n = np.unravel_index(window.argmax(), window.shape)
        dx[image, top + m, left + n, c] += dy[image, i, j, c]
    return dx


def max_pool_dx_by_channels(dy, x, k, stride):
    dx = np.zeros(x.shape)
    images, channels = np.ix_(range(x.shape[0]), range(x.shape[3]))
    for i in range(dy.shape[1]):
        for j in range(dy.shape[2]):
            window = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
            winner = window.reshape(len(x), k * k, -1).argmax(axis=1)
            dx[images, i * stride + winner // k, j * stride + winner % k, channels] += dy[:, i, j]
    return dx


def batch_norm_dx(dy, x, gamma, eps):
    std = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / std
    return gamma / std * (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0))


def batch_norm_dx_step_by_step(dy, x, gamma, eps):
    M = len(x)
    centred = x - x.sum(axis=0) / M
    std = np.sqrt((centred**2).sum(axis=0) / M + eps)
    dx_hat = dy * gamma
    dvar = (dx_hat * centred).sum(axis=0) * -0.5 / std**3
    dcentred = dx_hat / std + dvar * 2 * centred / M
    return dcentred - dcentred.sum(axis=0) / M


def softmax_gradient(z, labels):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(z)), labels] -= 1
    return p / len(z)


def softmax_gradient_row_by_row(z, labels):
    rows = []
    for logits, label in zip(z, labels, strict=True):
        p = np.exp(logits - logits.max())
        rows.append(p / p.sum() - np.eye(len(logits))[label])
    return np.array(rows) / len(z)


def two_layer_dw(x, w1, b1, w2, b2, dy):
    z = x @ w1 + b1
    dh = dy @ w2.T
    dz = dh * (z > 0)
    return x.T @ dz


def two_layer_dw_one_by_one(x, w1, b1, w2, b2, dy):
    dw1 = np.zeros(w1.shape)
    for row, error in zip(x, dy, strict=True):
        alive = row @ w1 + b1 > 0
        dw1 += np.outer(row, np.where(alive, w2 @ error, 0))
    return dw1


def difference_gradient(x, h):
    def f(x):
        return (x**3).sum() + x.prod()

    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = h
        gradient[index] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


def difference_gradient_with_a_copy(x, h):
    def f(x):
        return (x**3).sum() + x.prod()

    moved, gradient = x.copy(), []
    for index, value in enumerate(x):
        moved[index] = value + h
        ahead = f(moved)
        moved[index] = value - h
        gradient.append((ahead - f(moved)) / (2 * h))
        moved[index] = value
    return np.array(gradient)


def stride_blind_dx(dz, w, H, W, stride):
    dx = np.zeros((H, W))
    for i, j in np.ndindex(dz.shape):
        for m, n in np.ndindex(w.shape):
            dx[i + m, j + n] += dz[i, j] * w[m, n]
    return dx


def striding_dx(dz, w, H, W, stride):
    dx = np.zeros((H, W))
    for i, j in np.ndindex(dz.shape):
        for m, n in np.ndindex(w.shape):
            dx[i * stride + m, j * stride + n] += dz[i, j] * w[m, n]
    return dx


def stamping_dx(dz, w, H, W, stride):
    KH, KW = w.shape
    dx = np.zeros((H, W))
    for i, j in np.ndindex(dz.shape):
        dx[i * stride : i * stride + KH, j * stride : j * stride + KW] += dz[i, j] * w
    return dx


def unflipped_dx(dz, w):
    KH, KW = w.shape
    padded = np.pad(dz, ((KH - 1, KH - 1), (KW - 1, KW - 1)))
    dx = np.zeros((dz.shape[0] + KH - 1, dz.shape[1] + KW - 1))
    for i, j in np.ndindex(dx.shape):
        dx[i, j] = (padded[i : i + KH, j : j + KW] * w).sum()
    return dx


def flipped_dx(dz, w):
    KH, KW = w.shape
    padded = np.pad(dz, ((KH - 1, KH - 1), (KW - 1, KW - 1)))
    dx = np.zeros((dz.shape[0] + KH - 1, dz.shape[1] + KW - 1))
    for i, j in np.ndindex(dx.shape):
        dx[i, j] = (padded[i : i + KH, j : j + KW] * w[::-1, ::-1]).sum()
    return dx


def stamped_dx(dz, w):
    KH, KW = w.shape
    dx = np.zeros((dz.shape[0] + KH - 1, dz.shape[1] + KW - 1))
    for i, j in np.ndindex(dz.shape):
        dx[i : i + KH, j : j + KW] += dz[i, j] * w
    return dx


def unpadded_dw(dz, x, KH, KW, padding):
    H, W = x.shape
    dw = np.zeros((KH, KW))
    for i, j in np.ndindex(dz.shape):
        for m, n in np.ndindex(KH, KW):
            if i + m < H and j + n < W:
                dw[m, n] += dz[i, j] * x[i + m, j + n]
    return dw


def padded_dw(dz, x, KH, KW, padding):
    x = np.pad(x, padding)
    dw = np.zeros((KH, KW))
    for i, j in np.ndindex(dz.shape):
        for m, n in np.ndindex(KH, KW):
            dw[m, n] += dz[i, j] * x[i + m, j + n]
    return dw


def shifted_dw(dz, x, KH, KW, padding):
    H, W = x.shape
    dw = np.zeros((KH, KW))
    for i, j in np.ndindex(dz.shape):
        for m, n in np.ndindex(KH, KW):
            row, column = i + m - padding, j + n - padding
            if 0 <= row < H and 0 <= column < W:
                dw[m, n] += dz[i, j] * x[row, column]
    return dw


def batch_blind_db(dz):
    db = np.zeros(dz.shape[3])
    for image in range(len(dz)):
        db = dz[image].sum(axis=(0, 1))
    return db


def batch_db(dz):
    db = np.zeros(dz.shape[3])
    for image in range(len(dz)):
        db += dz[image].sum(axis=(0, 1))
    return db


def whole_db(dz):
    return dz.reshape(-1, dz.shape[3]).sum(axis=0)


def overwriting_dx(dz, w, L, stride):
    dx = np.zeros(L)
    for i in range(len(dz)):
        for m in range(len(w)):
            dx[i * stride + m] = dz[i] * w[m]
    return dx


def adding_dx(dz, w, L, stride):
    dx = np.zeros(L)
    for i in range(len(dz)):
        for m in range(len(w)):
            dx[i * stride + m] += dz[i] * w[m]
    return dx


def slicing_dx(dz, w, L, stride):
    dx = np.zeros(L)
    for i, error in enumerate(dz):
        dx[i * stride : i * stride + len(w)] += error * w
    return dx


def linear_dw(x, w, b, da):
    return x.T @ da


def sigmoid_dw(x, w, b, da):
    z = x @ w + b
    a = 1 / (1 + np.exp(-z))
    return x.T @ (da * a * (1 - a))


def sigmoid_dw_by_tanh(x, w, b, da):
    slope = (1 - np.tanh((x @ w + b) / 2) ** 2) / 4
    return np.einsum("ai,aj->ij", x, da * slope)
