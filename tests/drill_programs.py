"""Programs as people hand them in: (drill, name of the mistake or None when right, source text)."""

import drill_programs_ch02
import drill_programs_ch03
import drill_programs_ch04
import drill_programs_ch05
import drill_programs_ch06
import drill_programs_ch07
import drill_programs_ch08
import drill_programs_ch09

CONV2D = """
def conv2d(x, w, b, stride):
    H, W, C = x.shape
    KH, KW, _, F = w.shape
    H_out, W_out = (H - KH) // stride + 1, (W - KW) // stride + 1
    y = np.zeros((H_out, W_out, F))
    for i in range(H_out):
        for j in range(W_out):
            for k in range(F):
                for m in range(KH):
                    for n in range(KW):
                        for c in range(C):
                            y[i, j, k] += x[i * stride + m, j * stride + n, c] * w[m, n, c, k]
                y[i, j, k] += b[k]
    return y
"""

PURE_PYTHON = """
def conv2d(x, w, b, stride):
    x, w = x.tolist(), w.tolist()
    KH, KW, C, F = len(w), len(w[0]), len(w[0][0]), len(w[0][0][0])
    def one(i, j, k):
        taps = [(m, n, c) for m in range(KH) for n in range(KW) for c in range(C)]
        return float(b[k]) + sum(x[i + m][j + n][c] * w[m][n][c][k] for m, n, c in taps)
    rows, columns = range(0, len(x) - KH + 1, stride), range(0, len(x[0]) - KW + 1, stride)
    return [[[one(i, j, k) for k in range(F)] for j in columns] for i in rows]
"""

BY_FFT = """
def conv2d(x, w, b):
    H, W, C = x.shape
    KH, KW, _, F = w.shape
    X = np.fft.rfft2(x, axes=(0, 1))
    K = np.fft.rfft2(w, (H, W), axes=(0, 1))
    y = np.fft.irfft2((X[..., None] * np.conj(K)).sum(axis=2), (H, W), axes=(0, 1))
    return y[:H - KH + 1, :W - KW + 1] + b
"""

VIEW = """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

def conv2d(x, w, b):
    windows = sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.tensordot(windows, w, axes=([2, 3, 4], [2, 0, 1])) + b
"""

IM2COL = """
def im2col(x, kh, kw):
    H, W, C = x.shape
    rows = []
    for i in range(H - kh + 1):
        for j in range(W - kw + 1):
            rows.append(x[i:i + kh, j:j + kw, :].reshape(-1))
    return np.stack(rows)
"""

FANCY_IM2COL = """
def im2col(x, kh, kw):
    H, W, C = x.shape
    i = np.arange(H - kh + 1)[:, None, None, None] + np.arange(kh)[:, None]
    j = np.arange(W - kw + 1)[:, None, None] + np.arange(kw)
    return x[i, j].reshape(-1, kh * kw * C)
"""

CHANNELS = """
def conv2d(x, w, b):
    H, W, C = x.shape
    KH, KW, _, F = w.shape
    y = np.zeros((H - KH + 1, W - KW + 1, F))
    for i, j, k in np.ndindex(y.shape):
        for c in range(C):
            y[i, j, k] += (x[i : i + KH, j : j + KW, c] * w[:, :, c, k]).sum()
        y[i, j, k] += b[k]
    return y
"""

STRIDED = """
def conv2d(x, w, stride):
    H, W, _ = x.shape
    KH, KW, _, F = w.shape
    y = np.zeros(((H - KH) // stride + 1, (W - KW) // stride + 1, F))
    for i, j in np.ndindex(y.shape[:2]):
        window = x[i * stride : i * stride + KH, j * stride : j * stride + KW]
        y[i, j] = np.tensordot(window, w, 3)
    return y
"""

MATRIX = """
def conv2d(x, w):
    KH, KW, C, F = w.shape
    H_out, W_out = x.shape[0] - KH + 1, x.shape[1] - KW + 1
    rows = [x[i : i + KH, j : j + KW].ravel() for i in range(H_out) for j in range(W_out)]
    weights = w.reshape(-1, F)
    return (np.array(rows) @ weights).reshape(H_out, W_out, F)
"""

SIZE = """
def output_size(n, k, stride, padding, dilation):
    span = dilation * (k - 1) + 1
    return (n + 2 * padding - span) // stride + 1
"""

LOOPS_IN_A_COMPREHENSION = """
def conv2d(x, w, b):
    KH, KW = w.shape[:2]
    rows, columns = range(x.shape[0] - KH + 1), range(x.shape[1] - KW + 1)
    return np.array([[np.tensordot(x[i:i + KH, j:j + KW], w, 3) + b for j in columns] for i in rows])
"""

BIAS_AT_THE_END = """
def conv2d(x, w, b):
    KH, KW, C, F = w.shape
    y = np.zeros((x.shape[0] - KH + 1, x.shape[1] - KW + 1, F))
    for c in range(C):
        for i, j, k in np.ndindex(y.shape):
            y[i, j, k] += (x[i : i + KH, j : j + KW, c] * w[:, :, c, k]).sum()
    return y + b
"""

STRIDED_BY_RANGES = """
def conv2d(x, w, stride):
    KH, KW = w.shape[:2]
    tops, lefts = range(0, x.shape[0] - KH + 1, stride), range(0, x.shape[1] - KW + 1, stride)
    return np.array([[np.tensordot(x[t:t + KH, l:l + KW], w, 3) for l in lefts] for t in tops])
"""

ROUNDS_DOWN = """
from math import floor
def output_size(n, k, stride, padding, dilation):
    return floor((n + 2 * padding - dilation * (k - 1) - 1) / stride + 1)
"""

ROUNDS_UP = """
from math import ceil
def output_size(n, k, stride, padding, dilation):
    return ceil((n + 2 * padding - dilation * (k - 1) - 1) / stride) + 1
"""

RIGHT = [
    ("output-size-code", SIZE),
    ("output-size-code", ROUNDS_DOWN),
    ("conv2d-loops", CONV2D),
    ("conv2d-loops", PURE_PYTHON),
    ("conv2d-vectorised", VIEW),
    ("conv2d-vectorised", BY_FFT),
    ("im2col-code", IM2COL),
    ("im2col-code", FANCY_IM2COL),
    ("bug-channels", CHANNELS),
    ("bug-channels", BIAS_AT_THE_END),
    ("bug-stride", STRIDED),
    ("bug-stride", STRIDED_BY_RANGES),
    ("bug-im2col-weights", MATRIX),
    ("bug-im2col-weights", MATRIX.replace("w.reshape(-1, F)", "w.transpose(3, 0, 1, 2).reshape(F, -1).T")),
]

WINDOW = "x[i * stride : i * stride + KH, j * stride : j * stride + KW]"
SLIPS = [  # (drill, right program, mistake, what stood there, what was written instead)
    ("output-size-code", SIZE, "no-floor", "//", "/"),
    ("output-size-code", SIZE, "forgot-padding", "n + 2 * padding - span", "n - span"),
    ("output-size-code", SIZE, "padding-on-one-side", "2 * padding", "padding"),
    ("output-size-code", SIZE, "dilation-ignored", "dilation * (k - 1) + 1", "k"),
    ("output-size-code", SIZE, "dilation-times-kernel", "dilation * (k - 1) + 1", "dilation * k"),
    ("output-size-code", SIZE, "forgot-plus-one", "// stride + 1", "// stride"),
    ("conv2d-loops", CONV2D, "flipped-kernel", "w[m, n, c, k]", "w[KH - 1 - m, KW - 1 - n, c, k]"),
    ("conv2d-loops", CONV2D, "forgot-bias", "                y[i, j, k] += b[k]\n", ""),
    ("conv2d-loops", CONV2D, "stride-blind-window", "i * stride + m, j * stride + n", "i + m, j + n"),
    ("conv2d-loops", CONV2D, "assigned-for-added", "y[i, j, k] += x[", "y[i, j, k] = x["),
    ("conv2d-loops", CONV2D, "bias-in-the-inner-loop", "\n                y[i, j, k] += b[k]", " + b[k]"),
    ("conv2d-loops", CONV2D, "first-channel-only", "for c in range(C)", "for c in range(1)"),
    ("conv2d-loops", CONV2D, "forgot-plus-one", "KH) // stride + 1, (W - KW) // stride + 1",
     "KH) // stride, (W - KW) // stride"),
    ("conv2d-vectorised", VIEW, "flipped-kernel", "(windows, w,", "(windows, w[::-1, ::-1],"),
    ("conv2d-vectorised", BY_FFT, "flipped-kernel", "rfft2(w,", "rfft2(w[::-1, ::-1],"),
    ("conv2d-vectorised", VIEW, "forgot-bias", " + b", ""),
    ("conv2d-vectorised", VIEW, "kernel-axes-swapped", "[2, 0, 1]", "[2, 1, 0]"),
    ("im2col-code", IM2COL, "channel-first-rows", ":].reshape", ":].transpose(2, 0, 1).reshape"),
    ("im2col-code", IM2COL, "windows-as-columns", "np.stack(rows)", "np.stack(rows, axis=1)"),
    ("im2col-code", IM2COL, "first-channel-only", "j:j + kw, :]", "j:j + kw, 0]"),
    ("bug-channels", CHANNELS, "bug-still-there", "y[i, j, k] += (x", "y[i, j, k] = (x"),
    ("bug-channels", CHANNELS, "bias-per-channel", "  y[i, j, k] += b[k]", "      y[i, j, k] += b[k]"),
    ("bug-channels", CHANNELS, "forgot-bias", "        y[i, j, k] += b[k]\n", ""),
    ("bug-channels", CHANNELS, "first-channel-only", "range(C)", "range(1)"),
    ("bug-stride", STRIDED, "bug-still-there", WINDOW, "x[i : i + KH, j : j + KW]"),
    ("bug-stride", STRIDED, "stride-on-rows-only", "j * stride : j * stride + KW", "j : j + KW"),
    ("bug-stride", STRIDED, "stride-on-columns-only", "i * stride : i * stride + KH", "i : i + KH"),
    ("bug-im2col-weights", MATRIX, "bug-still-there", "w.reshape(-1, F)", "w.reshape(F, -1).T"),
    ("bug-im2col-weights", MATRIX, "channel-first-weights", "w.reshape(", "w.transpose(2, 0, 1, 3).reshape("),
    ("bug-im2col-weights", MATRIX, "reversed-axes", "w.reshape(-1, F)", "w.T.reshape(F, -1).T"),
    ("bug-im2col-weights", MATRIX, "outputs-scrambled", "(np.array(rows) @ weights)",
     "(weights.T @ np.array(rows).T)"),
]  # fmt: skip


def changed(source, old, new):
    assert source.count(old) == 1, old
    return source.replace(old, new)


CHAPTERS = (
    drill_programs_ch02,
    drill_programs_ch03,
    drill_programs_ch04,
    drill_programs_ch05,
    drill_programs_ch06,
    drill_programs_ch07,
    drill_programs_ch08,
    drill_programs_ch09,
)

SUBMISSIONS = [
    *(
        (drill_id, None, source)
        for drill_id, source in [*RIGHT, *(row for deck in CHAPTERS for row in deck.RIGHT)]
    ),
    *(
        (drill_id, mistake, changed(source, old, new))
        for drill_id, source, mistake, old, new in [*SLIPS, *(row for deck in CHAPTERS for row in deck.SLIPS)]
    ),
    *drill_programs_ch02.OTHERS,
    ("output-size-code", "ceil-for-floor", ROUNDS_UP),
    ("conv2d-vectorised", "loops-over-positions", LOOPS_IN_A_COMPREHENSION),
    ("conv2d-vectorised", "loops-over-positions", BIAS_AT_THE_END),
]
