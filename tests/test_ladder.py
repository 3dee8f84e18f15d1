"""Every rung of the ladder is the same convolution."""

import inspect

import numpy as np
import onnx_oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import examples, in_layout, numbers

from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels.parallel.ladder import LADDER

every_rung = pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.name)
LONGEST_KERNEL = 60


@st.composite
def layers(draw):
    """x, w and b of a small 3x3 layer whose sizes fill no block, tile or vector exactly."""
    seed, dtype = draw(st.integers(0, 999)), draw(st.sampled_from(["float32", "float64"]))
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    channels, filters = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    x = numbers(seed, (draw(st.integers(1, 2)), *size, channels), dtype)
    return x, numbers(seed + 1, (3, 3, channels, filters), dtype), numbers(seed + 2, (filters,), dtype)


@every_rung
@examples(12)
@given(layers())
def test_every_rung_agrees_with_onnxruntime(rung, layer):
    x, w, b = layer
    one, around = (1, 1), ((1, 1), (1, 1))
    expected = onnx_oracle.conv2d(x, w, b, stride=one, padding=around, dilation=one)
    y = rung.function(x, w, b)
    assert y.dtype == x.dtype
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


@every_rung
def test_every_rung_takes_images_alone_in_any_layout_and_without_biases(rung):
    x, w = numbers(0, (6, 5, 3), "float64"), numbers(1, (3, 3, 3, 9), "float64")
    expected = LADDER[0].function(x, w, np.zeros(9))
    np.testing.assert_allclose(rung.function(in_layout(x, "channels first"), w), expected, atol=1e-12)


@pytest.mark.parametrize("rung", LADDER[:-1], ids=lambda rung: rung.name)
@pytest.mark.parametrize("kernel", [(1, 1), (5, 3), (2, 4)])
def test_all_but_winograd_take_any_kernel(rung, kernel):
    x, w = numbers(0, (1, 7, 6, 2), "float64"), numbers(1, (*kernel, 2, 5), "float64")
    b = numbers(2, (5,), "float64")
    np.testing.assert_allclose(rung.function(x, w, b), LADDER[0].function(x, w, b), atol=1e-12)


def test_winograd_refuses_another_kernel():
    with pytest.raises(OptionError, match=r"algorithm is 'winograd'.*kernel_size is \(5, 5\)"):
        LADDER[-1].function(np.ones((6, 6, 2)), np.ones((5, 5, 2, 3)))


@every_rung
def test_every_rung_checks_its_arguments(rung):
    with pytest.raises(ShapeError, match="x has 3 channels"):
        rung.function(np.ones((6, 6, 3)), np.ones((3, 3, 2, 3)))


@every_rung
def test_every_rung_shows_code_that_is_short_and_a_reason(rung):
    source = inspect.getsource(rung.function.kernel)
    assert "for " in source or "load(" in source or "tensordot" in source
    assert len(source.splitlines()) <= LONGEST_KERNEL
    assert len(rung.why) > 60
    assert len({other.name for other in LADDER}) == len(LADDER)
