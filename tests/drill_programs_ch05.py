"""Chapter 05's programs as people hand them in."""

DX = """
def conv2d_dx(dz, w, H, W, stride, padding, dilation):
    KH, KW, C, F = w.shape
    dx = np.zeros((H + 2 * padding, W + 2 * padding, C))
    for i in range(dz.shape[0]):
        for j in range(dz.shape[1]):
            for m in range(KH):
                for n in range(KW):
                    dx[i * stride + m * dilation, j * stride + n * dilation] += w[m, n] @ dz[i, j]
    return dx[padding:padding + H, padding:padding + W]
"""

DX_GATHERED = """
def conv2d_dx(dz, w, H, W, stride, padding, dilation):
    dx = np.zeros((H, W, w.shape[2]))
    for row in range(H):
        for column in range(W):
            for m in range(w.shape[0]):
                for n in range(w.shape[1]):
                    i, i_rest = divmod(row + padding - m * dilation, stride)
                    j, j_rest = divmod(column + padding - n * dilation, stride)
                    if i_rest or j_rest or not (0 <= i < dz.shape[0] and 0 <= j < dz.shape[1]):
                        continue
                    dx[row, column] += w[m, n] @ dz[i, j]
    return dx
"""

DW = """
def conv2d_dw(dz, x, KH, KW, stride, padding, dilation):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dw = np.zeros((KH, KW, x.shape[3], dz.shape[3]))
    for a in range(len(x)):
        for i in range(dz.shape[1]):
            for j in range(dz.shape[2]):
                for m in range(KH):
                    for n in range(KW):
                        cell = x[a, i * stride + m * dilation, j * stride + n * dilation]
                        dw[m, n] += np.outer(cell, dz[a, i, j])
    return dw
"""

DW_BY_EINSUM = """
def conv2d_dw(dz, x, KH, KW, stride, padding, dilation):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows = np.arange(dz.shape[1])[:, None] * stride + np.arange(KH) * dilation
    columns = np.arange(dz.shape[2])[:, None] * stride + np.arange(KW) * dilation
    windows = x[:, rows[:, None, :, None], columns[None, :, None, :]]
    return np.einsum("aijmnc,aijk->mnck", windows, dz)
"""

POOL = """
def max_pool_dx(dy, x, k, stride):
    dx = np.zeros_like(x)
    for a, i, j, c in np.ndindex(dy.shape):
        best, where = -np.inf, None
        for m in range(k):
            for n in range(k):
                value = x[a, i * stride + m, j * stride + n, c]
                if value > best:
                    best, where = value, (a, i * stride + m, j * stride + n, c)
        dx[where] += dy[a, i, j, c]
    return dx
"""

POOL_BY_ADD_AT = """
def max_pool_dx(dy, x, k, stride):
    dx = np.zeros_like(x)
    a, i, j, c = np.indices(dy.shape)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))[:, ::stride, ::stride]
    m, n = np.divmod(windows.reshape(*dy.shape, -1).argmax(axis=-1), k)
    np.add.at(dx, (a, i * stride + m, j * stride + n, c), dy)
    return dx
"""

NORM = """
def batch_norm_dx(dy, x, gamma, eps):
    M = x.shape[0]
    std = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / std
    dx_hat = dy * gamma
    return (M * dx_hat - dx_hat.sum(axis=0) - x_hat * (dx_hat * x_hat).sum(axis=0)) / (M * std)
"""

NORM_BY_JACOBIAN = """
def batch_norm_dx(dy, x, gamma, eps):
    M, C = x.shape
    dx = np.zeros((M, C))
    for c in range(C):
        std = np.sqrt(x[:, c].var() + eps)
        x_hat = (x[:, c] - x[:, c].mean()) / std
        jacobian = gamma[c] / std * (np.eye(M) - 1 / M - np.outer(x_hat, x_hat) / M)
        dx[:, c] = jacobian.T @ dy[:, c]
    return dx
"""

LOGITS = """
def dlogits(z, labels):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    t = np.eye(z.shape[1])[labels]
    return (p - t) / len(z)
"""

LOGITS_BY_LOGS = """
def dlogits(z, labels):
    top = z.max(axis=1, keepdims=True)
    logs = z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True))
    gradient = np.exp(logs)
    for row, label in enumerate(labels):
        gradient[row, label] -= 1.0
    return gradient / z.shape[0]
"""

LAYERS = """
def dw1(x, w1, b1, w2, b2, dy):
    z = x @ w1 + b1
    dz = (dy @ w2.T) * (z > 0)
    return x.T @ dz
"""

LAYERS_BY_EINSUM = """
def dw1(x, w1, b1, w2, b2, dy):
    h = np.maximum(x @ w1 + b1, 0)
    return np.einsum("ni,nh,ho,no->ih", x, (h > 0).astype(float), w2, dy)
"""

CHECK = """
def numeric_gradient(x, h):
    def f(x):
        return (x**3).sum() + x.prod()
    gradient = np.zeros_like(x)
    for k in range(len(x)):
        ahead, behind = x.copy(), x.copy()
        ahead[k] += h
        behind[k] -= h
        gradient[k] = (f(ahead) - f(behind)) / (2 * h)
    return gradient
"""

CHECK_BY_UNIT_VECTORS = """
def numeric_gradient(x, h):
    f = lambda x: (x**3).sum() + x.prod()
    return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))])
"""

STRIDE = """
def conv_dx(dz, w, H, W, stride):
    dx = np.zeros((H, W))
    for i, j in np.ndindex(dz.shape):
        for m, n in np.ndindex(w.shape):
            dx[i * stride + m, j * stride + n] += dz[i, j] * w[m, n]
    return dx
"""

STRIDE_BY_STUFFING = """
def conv_dx(dz, w, H, W, stride):
    stuffed = np.zeros(((dz.shape[0] - 1) * stride + 1, (dz.shape[1] - 1) * stride + 1))
    stuffed[::stride, ::stride] = dz
    dx = np.zeros((H, W))
    for m, n in np.ndindex(w.shape):
        dx[m : m + stuffed.shape[0], n : n + stuffed.shape[1]] += stuffed * w[m, n]
    return dx
"""

FLIP = """
def conv_dx(dz, w):
    KH, KW = w.shape
    padded = np.pad(dz, ((KH - 1, KH - 1), (KW - 1, KW - 1)))
    turned = w[::-1, ::-1]
    dx = np.zeros((dz.shape[0] + KH - 1, dz.shape[1] + KW - 1))
    for i, j in np.ndindex(dx.shape):
        dx[i, j] = (padded[i : i + KH, j : j + KW] * turned).sum()
    return dx
"""

UNPADDED = """
def conv_dw(dz, x, KH, KW, padding):
    x = np.pad(x, padding)
    dw = np.zeros((KH, KW))
    for m, n in np.ndindex(KH, KW):
        dw[m, n] = (dz * x[m : m + dz.shape[0], n : n + dz.shape[1]]).sum()
    return dw
"""

UNPADDED_BY_VIEW = """
def conv_dw(dz, x, KH, KW, padding):
    big = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    big[padding:padding + x.shape[0], padding:padding + x.shape[1]] = x
    windows = np.lib.stride_tricks.sliding_window_view(big, dz.shape)
    return np.tensordot(windows, dz)
"""

BATCH = """
def conv_db(dz):
    db = np.zeros(dz.shape[3])
    for image in range(len(dz)):
        db += dz[image].sum(axis=(0, 1))
    return db
"""

ASSIGNED = """
def conv1d_dx(dz, w, L, stride):
    dx = np.zeros(L)
    for i in range(len(dz)):
        for m in range(len(w)):
            dx[i * stride + m] += dz[i] * w[m]
    return dx
"""

ASSIGNED_BY_GATHERING = """
def conv1d_dx(dz, w, L, stride):
    return np.array([
        sum(dz[i] * w[cell - i * stride] for i in range(len(dz)) if 0 <= cell - i * stride < len(w))
        for cell in range(L)
    ], dtype=float)
"""

SLOPE = """
def dense_dw(x, w, b, da):
    z = x @ w + b
    a = 1 / (1 + np.exp(-z))
    return x.T @ (da * a * (1 - a))
"""

RIGHT = [
    ("conv-dx-code", DX),
    ("conv-dx-code", DX_GATHERED),
    ("conv-dw-code", DW),
    ("conv-dw-code", DW_BY_EINSUM),
    ("max-pool-backward-batch", POOL),
    ("max-pool-backward-batch", POOL_BY_ADD_AT),
    ("batch-norm-backward-code", NORM),
    ("batch-norm-backward-code", NORM_BY_JACOBIAN),
    ("softmax-gradient-code", LOGITS),
    ("softmax-gradient-code", LOGITS_BY_LOGS),
    ("two-layer-backward-code", LAYERS),
    ("two-layer-backward-code", LAYERS_BY_EINSUM),
    ("gradient-check-code", CHECK),
    ("gradient-check-code", CHECK_BY_UNIT_VECTORS),
    ("bug-stride-blind-gradient", STRIDE),
    ("bug-stride-blind-gradient", STRIDE_BY_STUFFING),
    ("bug-missing-flip", FLIP),
    ("bug-missing-flip", FLIP.replace("w[::-1, ::-1]", "np.rot90(w, 2)")),
    ("bug-unpadded-input", UNPADDED),
    ("bug-unpadded-input", UNPADDED_BY_VIEW),
    ("bug-batch-sum", BATCH),
    ("bug-batch-sum", "def conv_db(dz):\n    return dz.sum(axis=(0, 1, 2))\n"),
    ("bug-assigned-gradient", ASSIGNED),
    ("bug-assigned-gradient", ASSIGNED_BY_GATHERING),
    ("bug-activation-derivative", SLOPE),
    ("bug-activation-derivative", SLOPE.replace("da * a * (1 - a)", "da * (a - a**2)")),
]

SLIPS = [  # (drill, right program, mistake, what stood there, what was written instead)
    ("conv-dx-code", DX, "stride-blind-gradient", "i * stride + m * dilation, j * stride + n * dilation",
     "i + m * dilation, j + n * dilation"),
    ("conv-dx-code", DX, "dilation-ignored", "i * stride + m * dilation, j * stride + n * dilation",
     "i * stride + m, j * stride + n"),
    ("conv-dx-code", DX, "assigned-for-added", "] += w", "] = w"),
    ("conv-dx-code", DX, "padding-not-cropped", "dx[padding:padding + H, padding:padding + W]", "dx[:H, :W]"),
    ("conv-dx-code", DX, "flipped-kernel", "w[m, n] @", "w[KH - 1 - m, KW - 1 - n] @"),
    ("conv-dw-code", DW, "stride-blind-gradient", "i * stride + m * dilation, j * stride + n * dilation",
     "i + m * dilation, j + n * dilation"),
    ("conv-dw-code", DW, "dilation-ignored", "i * stride + m * dilation, j * stride + n * dilation",
     "i * stride + m, j * stride + n"),
    ("conv-dw-code", DW, "last-image-only", "range(len(x))", "[len(x) - 1]"),
    ("conv-dw-code", DW, "batch-averaged", "return dw", "return dw / len(x)"),
    ("conv-dw-code", DW_BY_EINSUM, "mean-over-positions", ", windows, dz)",
     ", windows, dz) / (dz.shape[1] * dz.shape[2])"),
    ("max-pool-backward-batch", POOL, "assigned-for-added", "dx[where] += dy", "dx[where] = dy"),
    ("max-pool-backward-batch", POOL, "one-winner-for-all-channels", "j * stride + n, c]\n",
     "j * stride + n, 0]\n"),
    ("max-pool-backward-batch", POOL_BY_ADD_AT, "one-winner-for-all-channels",
     "np.divmod(windows.reshape(*dy.shape, -1).argmax(axis=-1), k)",
     "np.divmod(windows.reshape(*dy.shape, -1).argmax(axis=-1)[..., :1], k)"),
    ("max-pool-backward-batch", POOL, "average-gradient", "        dx[where] += dy[a, i, j, c]",
     "        dx[a, i*stride:i*stride + k, j*stride:j*stride + k, c] += dy[a, i, j, c] / k**2"),
    ("batch-norm-backward-code", NORM, "statistics-are-constants",
     "(M * dx_hat - dx_hat.sum(axis=0) - x_hat * (dx_hat * x_hat).sum(axis=0)) / (M * std)",
     "dx_hat / std"),
    ("batch-norm-backward-code", NORM, "variance-path-missing",
     " - x_hat * (dx_hat * x_hat).sum(axis=0)", ""),
    ("batch-norm-backward-code", NORM, "mean-path-missing", " - dx_hat.sum(axis=0)", ""),
    ("batch-norm-backward-code", NORM, "gamma-missing", "dy * gamma", "dy"),
    ("softmax-gradient-code", LOGITS, "no-batch-mean", "(p - t) / len(z)", "p - t"),
    ("softmax-gradient-code", LOGITS, "probabilities-only", "(p - t)", "p"),
    ("softmax-gradient-code", LOGITS, "sign-turned", "(p - t)", "(t - p)"),
    ("softmax-gradient-code", LOGITS, "nan-result", "np.exp(z - z.max(axis=1, keepdims=True))", "np.exp(z)"),
    ("two-layer-backward-code", LAYERS, "forgot-activation-derivative", " * (z > 0)", ""),
    ("two-layer-backward-code", LAYERS, "mask-of-the-errors", "(dy @ w2.T) * (z > 0)",
     "np.maximum(dy @ w2.T, 0)"),
    ("two-layer-backward-code", LAYERS, "batch-averaged", "x.T @ dz", "x.T @ dz / len(x)"),
    ("two-layer-backward-code", LAYERS, "bias-left-out-of-the-mask", " + b1", ""),
    ("gradient-check-code", CHECK, "forward-difference", "f(behind)) / (2 * h)", "f(x)) / h"),
    ("gradient-check-code", CHECK, "divided-by-h", "(2 * h)", "h"),
    ("gradient-check-code", CHECK, "calculus", "return gradient",
     "return 3 * x**2 + np.array([np.delete(x, k).prod() for k in range(len(x))])"),
    ("bug-stride-blind-gradient", STRIDE, "bug-still-there", "i * stride + m, j * stride + n",
     "i + m, j + n"),
    ("bug-stride-blind-gradient", STRIDE, "stride-on-rows-only", "j * stride + n", "j + n"),
    ("bug-stride-blind-gradient", STRIDE, "stride-on-columns-only", "i * stride + m", "i + m"),
    ("bug-stride-blind-gradient", STRIDE, "flipped-kernel", "w[m, n]", "w[::-1, ::-1][m, n]"),
    ("bug-missing-flip", FLIP, "bug-still-there", "w[::-1, ::-1]", "w"),
    ("bug-missing-flip", FLIP, "flipped-one-axis", "w[::-1, ::-1]", "w[::-1]"),
    ("bug-missing-flip", FLIP, "error-flipped-too", "np.pad(dz,", "np.pad(dz[::-1, ::-1],"),
    ("bug-unpadded-input", UNPADDED, "padded-with-ones", "np.pad(x, padding)",
     "np.pad(x, padding, constant_values=1)"),
    ("bug-unpadded-input", UNPADDED, "padded-with-the-edge", "np.pad(x, padding)",
     'np.pad(x, padding, mode="edge")'),
    ("bug-unpadded-input", UNPADDED, "all-zeros-in-front", "np.pad(x, padding)",
     "np.pad(x, (2 * padding, 0))"),
    ("bug-batch-sum", BATCH, "bug-still-there", "db += dz", "db = dz"),
    ("bug-batch-sum", BATCH, "batch-averaged", "return db", "return db / len(dz)"),
    ("bug-batch-sum", BATCH, "mean-over-positions", ".sum(axis=(0, 1))", ".mean(axis=(0, 1))"),
    ("bug-assigned-gradient", ASSIGNED, "bug-still-there", "] += dz", "] = dz"),
    ("bug-assigned-gradient", ASSIGNED, "stride-blind-gradient", "i * stride + m", "i + m"),
    ("bug-assigned-gradient", ASSIGNED, "flipped-kernel", "w[m]", "w[len(w) - 1 - m]"),
    ("bug-activation-derivative", SLOPE, "bug-still-there", "(da * a * (1 - a))", "da"),
    ("bug-activation-derivative", SLOPE, "activation-for-derivative", " * (1 - a)", ""),
    ("bug-activation-derivative", SLOPE, "bias-forgotten", " + b\n", "\n"),
]  # fmt: skip
