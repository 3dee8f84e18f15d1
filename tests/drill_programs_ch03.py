"""Chapter 03's programs as people hand them in: right ones, and edits that make them wrong."""

MAX_POOL = """
def max_pool(x, k, stride):
    H, W, C = x.shape
    H_out = (H - k) // stride + 1
    W_out = (W - k) // stride + 1
    y = np.zeros((H_out, W_out, C))
    for i in range(H_out):
        for j in range(W_out):
            top, left = i * stride, j * stride
            window = x[top : top + k, left : left + k]
            y[i, j] = window.max(axis=(0, 1))
    return y
"""

MAX_POOL_OF_LISTS = """
def max_pool(x, k, stride):
    x = x.tolist()
    rows, columns = range(0, len(x) - k + 1, stride), range(0, len(x[0]) - k + 1, stride)
    def one(i, j, c):
        return max(x[i + m][j + n][c] for m in range(k) for n in range(k))
    return [[[one(i, j, c) for c in range(len(x[0][0]))] for j in columns] for i in rows]
"""

BACKWARD = """
def max_pool_backward(dy, x, k, stride):
    dx = np.zeros(x.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            best, where = -np.inf, None
            for m in range(k):
                for n in range(k):
                    at = (i * stride + m, j * stride + n)
                    if x[at] > best:
                        best, where = x[at], at
            dx[where] += dy[i, j]
    return dx
"""

BACKWARD_WITH_MASK = """
def max_pool_backward(dy, x, k, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        cells = np.s_[i * stride : i * stride + k, j * stride : j * stride + k]
        mask = x[cells] == x[cells].max()
        mask = mask & (np.cumsum(mask).reshape(mask.shape) == 1)
        dx[cells] += mask * dy[i, j]
    return dx
"""

GLOBAL = """
def global_average(x):
    return np.mean(x, axis=(0, 1))
"""

GLOBAL_BY_LOOP = """
def global_average(x):
    return [sum(map(sum, x[:, :, c].tolist())) / x[:, :, c].size for c in range(x.shape[2])]
"""

WEIGHTS = """
def weights(k, channels):
    return np.ones((k, k, 1, channels)) / k ** 2
"""

WEIGHTS_BY_REPEAT = """
def weights(k, channels):
    one = np.full((k, k), 1.0) / (k * k)
    return np.repeat(one[:, :, None, None], channels, axis=3)
"""

REPAIRED_MAX = """
def max_pool(x, k, stride):
    H, W = x.shape
    y = np.zeros(((H - k) // stride + 1, (W - k) // stride + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            best = x[i * stride, j * stride]
            for m in range(k):
                for n in range(k):
                    best = max(best, x[i * stride + m, j * stride + n])
            y[i, j] = best
    return y
"""

SLICED_MAX = """
def max_pool(x, k, stride):
    H, W = x.shape
    y = np.zeros(((H - k) // stride + 1, (W - k) // stride + 1))
    for i, j in np.ndindex(y.shape):
        y[i, j] = x[i * stride : i * stride + k, j * stride : j * stride + k].max()
    return y
"""

REPAIRED_AVERAGE = """
def avg_pool_backward(dy, x_shape, k, stride):
    dx = np.zeros(x_shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            top, left = i * stride, j * stride
            dx[top : top + k, left : left + k] += dy[i, j] / k**2
    return dx
"""

AVERAGE_BY_CELLS = """
def avg_pool_backward(dy, x_shape, k, stride):
    dx = np.zeros(x_shape)
    for row, column in np.ndindex(dx.shape):
        for i, j in np.ndindex(dy.shape):
            if 0 <= row - i * stride < k and 0 <= column - j * stride < k:
                dx[row, column] += dy[i, j] / (k * k)
    return dx
"""

RIGHT = [
    ("max-pool-code", MAX_POOL),
    ("max-pool-code", MAX_POOL_OF_LISTS),
    ("max-pool-backward-code", BACKWARD),
    ("max-pool-backward-code", BACKWARD_WITH_MASK),
    ("global-average-code", GLOBAL),
    ("global-average-code", GLOBAL_BY_LOOP),
    ("average-as-convolution-code", WEIGHTS),
    ("average-as-convolution-code", WEIGHTS_BY_REPEAT),
    ("bug-max-starts-at-zero", REPAIRED_MAX),
    ("bug-max-starts-at-zero", SLICED_MAX),
    ("bug-average-overwrites", REPAIRED_AVERAGE),
    ("bug-average-overwrites", AVERAGE_BY_CELLS),
]

# (drill, right program, name of the mistake, what to replace, by what)
SLIPS = [
    ("max-pool-code", MAX_POOL, "average-for-max", "window.max(", "window.mean("),
    ("max-pool-code", MAX_POOL, "stride-blind-window", "i * stride, j * stride", "i, j"),
    ("max-pool-code", MAX_POOL, "pooled-over-channels", "window.max(axis=(0, 1))", "window.max()"),
    ("max-pool-code", MAX_POOL, "maximum-starts-at-zero", "window.max(axis=(0, 1))",
     "np.maximum(y[i, j], window.max(axis=(0, 1)))"),
    ("max-pool-code", MAX_POOL, "forgot-plus-one", "stride + 1\n    W_out = (W - k) // stride + 1",
     "stride\n    W_out = (W - k) // stride"),
    ("max-pool-backward-code", BACKWARD, "assigned-for-added", "dx[where] +=", "dx[where] ="),
    ("max-pool-backward-code", BACKWARD, "last-tie", "x[at] > best", "x[at] >= best"),
    ("max-pool-backward-code", BACKWARD_WITH_MASK, "every-tie-takes-all",
     "        mask = mask & (np.cumsum(mask).reshape(mask.shape) == 1)\n", ""),
    ("max-pool-backward-code", BACKWARD_WITH_MASK, "ties-share",
     "mask & (np.cumsum(mask).reshape(mask.shape) == 1)", "mask / mask.sum()"),
    ("global-average-code", GLOBAL, "averaged-everything", ", axis=(0, 1)", ""),
    ("global-average-code", GLOBAL, "averaged-channels", "axis=(0, 1)", "axis=-1"),
    ("global-average-code", GLOBAL, "sum-for-mean", "np.mean", "np.sum"),
    ("global-average-code", GLOBAL, "max-for-mean", "np.mean", "np.max"),
    ("average-as-convolution-code", WEIGHTS, "sum-for-mean", " / k ** 2", ""),
    ("average-as-convolution-code", WEIGHTS, "divided-by-side", "k ** 2", "k"),
    ("average-as-convolution-code", WEIGHTS, "channels-mixed", "k, 1, channels", "k, channels, channels"),
    ("average-as-convolution-code", WEIGHTS, "channel-axes-swapped", "1, channels", "channels, 1"),
    ("bug-max-starts-at-zero", REPAIRED_MAX, "bug-still-there",
     "best = x[i * stride, j * stride]", "best = 0"),
    ("bug-max-starts-at-zero", SLICED_MAX, "minimum-for-maximum", ".max()", ".min()"),
    ("bug-max-starts-at-zero", SLICED_MAX, "first-cell-only", ".max()", "[0, 0]"),
    ("bug-max-starts-at-zero", SLICED_MAX, "largest-magnitude", "x[i * stride :", "abs(x)[i * stride :"),
    ("bug-average-overwrites", REPAIRED_AVERAGE, "bug-still-there", "+=", "="),
    ("bug-average-overwrites", REPAIRED_AVERAGE, "forgot-to-share", " / k**2", ""),
    ("bug-average-overwrites", REPAIRED_AVERAGE, "divided-by-side", "k**2", "k"),
]  # fmt: skip
