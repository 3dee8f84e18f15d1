"""Axis order: every converter against an index formula, and against a network that flattens."""

import numpy as np
import pytest

from cnnkit import layout
from cnnkit.errors import ShapeError

N, H, W, C, F = 2, 3, 4, 5, 6


def counting(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_images_move_their_channels():
    x = counting(N, C, H, W)
    y = layout.nchw_to_nhwc(x)
    assert y.shape == (N, H, W, C)
    assert all(y[n, i, j, c] == x[n, c, i, j] for n, c, i, j in np.ndindex(x.shape))
    np.testing.assert_array_equal(layout.nhwc_to_nchw(y), x)
    np.testing.assert_array_equal(layout.nchw_to_nhwc(x[0]), y[0])
    np.testing.assert_array_equal(layout.nhwc_to_nchw(y[0]), x[0])


def test_kernels_move_all_four_axes_and_flip_none():
    w = counting(F, C, H, W)
    y = layout.oihw_to_hwio(w)
    assert y.shape == (H, W, C, F)
    assert all(y[m, n, c, k] == w[k, c, m, n] for k, c, m, n in np.ndindex(w.shape))
    np.testing.assert_array_equal(layout.hwio_to_oihw(y), w)


def test_dense_weights_follow_the_flatten_order():
    images = np.random.default_rng(0).normal(size=(N, C, H, W))
    w = np.random.default_rng(1).normal(size=(F, C * H * W))
    theirs = images.reshape(N, -1) @ w.T
    flat = layout.nchw_to_nhwc(images).reshape(N, -1)
    converted = layout.dense_weights_from_nchw(w, (C, H, W))
    np.testing.assert_allclose(flat @ converted, theirs, rtol=1e-12)
    assert np.abs(flat @ layout.dense_weights_from_nchw(w) - theirs).max() > 1  # the trap: only transposed
    np.testing.assert_array_equal(layout.dense_weights_to_nchw(converted, (C, H, W)), w)


def test_dense_weights_between_dense_layers_are_only_transposed():
    w = counting(F, C)
    np.testing.assert_array_equal(layout.dense_weights_from_nchw(w), w.T)
    np.testing.assert_array_equal(layout.dense_weights_to_nchw(w.T), w)


@pytest.mark.parametrize(
    ("convert", "shape"),
    [
        (layout.nchw_to_nhwc, (N, C, H, W)),
        (layout.nhwc_to_nchw, (N, H, W, C)),
        (layout.nhwc_to_nchw, (H, W, 1)),  # one channel: the view would share memory
        (layout.oihw_to_hwio, (F, C, H, W)),
        (layout.hwio_to_oihw, (H, W, C, F)),
        (layout.dense_weights_from_nchw, (1, C)),
        (layout.dense_weights_to_nchw, (C, 1)),
    ],
)
def test_results_are_contiguous_copies_of_the_same_type(convert, shape):
    array = counting(*shape)
    result = convert(array)
    assert result.flags.c_contiguous
    assert result.dtype == np.float32
    assert not np.shares_memory(result, array)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layout.nchw_to_nhwc(counting(3, 4)), r"x has shape \(3, 4\); expected \(N, C, H, W\)"),
        (lambda: layout.nhwc_to_nchw(counting(1, 1, 1, 3, 4)), r"expected \(N, H, W, C\)"),
        (
            lambda: layout.oihw_to_hwio(counting(3, 4)),
            r"\(3, 4\); expected \(F, C, KH, KW\).*dense_weights_from",
        ),
        (lambda: layout.hwio_to_oihw(counting(3, 4, 5)), r"expected \(KH, KW, C, F\)"),
        (lambda: layout.dense_weights_from_nchw(counting(1, 1, 3, 4)), r"expected \(out, in\).*oihw_to_hwio"),
        (lambda: layout.dense_weights_to_nchw(counting(4)), r"w has shape \(4,\); expected \(in, out\)"),
        (lambda: layout.dense_weights_from_nchw(counting(6, 60), (5, 3, 5)), r"\(5, 3, 5\), 75 numbers.*60"),
        (
            lambda: layout.dense_weights_from_nchw(counting(6, 60), 60),
            r"image_shape is 60; expected \(C, H, W\)",
        ),
        (lambda: layout.dense_weights_to_nchw(counting(60, 6), (5, -3, -4)), "image_shape is -3"),
    ],
)
def test_other_shapes_are_refused(call, message):
    with pytest.raises(ShapeError, match=message):
        call()
