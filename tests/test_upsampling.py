"""Upsampling against onnxruntime, and the pairs that undo each other."""

import numpy as np
import onnx_oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnkit import upsampling
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import loops, vectorized

sides = st.integers(1, 4)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@settings(deadline=None)
@given(sides, sides, st.integers(1, 3), st.integers(1, 4))
def test_bilinear_and_nearest_agree_with_onnxruntime(height, width, channels, factor):
    x = noise(height, width, channels)
    linear = onnx_oracle.resize(x[None], factor, "linear")[0]
    assert np.allclose(upsampling.bilinear(x, factor), linear, atol=1e-6)
    assert np.array_equal(upsampling.nearest(x, factor), onnx_oracle.resize(x[None], factor, "nearest")[0])


@settings(deadline=None)
@given(sides, sides, st.integers(1, 3), st.integers(1, 3))
def test_pixel_shuffle_agrees_with_onnxruntime(height, width, channels, factor):
    x = noise(height, width, channels * factor**2)
    assert np.array_equal(upsampling.pixel_shuffle(x, factor), onnx_oracle.depth_to_space(x[None], factor)[0])


def test_pixel_shuffle_by_hand():
    x = np.array([[[1.0, 2, 3, 4]]])
    assert upsampling.pixel_shuffle(x, 2)[..., 0].tolist() == [[1, 2], [3, 4]]


@settings(deadline=None)
@given(sides, sides, st.integers(1, 2), st.integers(1, 3))
def test_unpooling_puts_every_maximum_back_where_it_was(height, width, channels, window):
    x = noise(height * window, width * window, channels)
    y, switches = upsampling.pool_with_switches(x, window)
    assert np.array_equal(y, vectorized.max_pool2d(x, window))
    back = upsampling.unpool(y, switches, window)
    assert np.array_equal(back[back != 0], x[back != 0])
    assert np.count_nonzero(back) == y.size
    assert np.array_equal(vectorized.max_pool2d(np.abs(back), window), np.abs(y))


def test_the_first_of_equal_values_is_the_switch():
    _, switches = upsampling.pool_with_switches(np.ones((2, 2, 1)), 2)
    assert switches.tolist() == [[[0]]]


@settings(deadline=None)
@given(sides, sides, st.integers(1, 3))
def test_zero_stuffing_then_a_full_convolution_is_the_transposed_one(height, width, factor):
    x, w = noise(height, width, 1).astype(float), noise(3, 2, 1, 1).astype(float)
    stuffed = upsampling.zero_stuff(x, factor)[: (height - 1) * factor + 1, : (width - 1) * factor + 1]
    wanted = loops.conv2d_transpose(x, w, stride=factor)
    assert np.allclose(loops.conv2d(stuffed, w[::-1, ::-1].copy(), padding="full"), wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept(dtype):
    x = np.ones((2, 2, 4), dtype)
    for upsample in (
        upsampling.nearest,
        upsampling.bilinear,
        upsampling.zero_stuff,
        upsampling.pixel_shuffle,
    ):
        assert upsample(x, 2).dtype == dtype


def test_bad_input_is_named():
    with pytest.raises(ShapeError, match=r"expected \(H, W, C\)"):
        upsampling.nearest(np.ones((2, 2)), 2)
    with pytest.raises(OptionError, match="factor is 0"):
        upsampling.bilinear(np.ones((2, 2, 1)), 0)
    with pytest.raises(ShapeError, match=r"6 channels.*4"):
        upsampling.pixel_shuffle(np.ones((2, 2, 6)), 2)
    with pytest.raises(ShapeError, match=r"3 x 4.*window = 2"):
        upsampling.pool_with_switches(np.ones((3, 4, 1)), 2)
    with pytest.raises(ShapeError, match="switches"):
        upsampling.unpool(np.ones((1, 1, 1)), np.zeros((1, 2, 1), int), 2)
