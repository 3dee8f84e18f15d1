"""The gradients of a convolution in their other forms, against the literal loops and finite differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import axis, conv2d_cases, examples, numbers, tolerance

from cnnkit.errors import DTypeError, ShapeError
from cnnkit.kernels import gradients, loops, vectorized

FORMS = (gradients.dx_by_scatter, gradients.dx_by_full_convolution, gradients.dx_by_toeplitz)


@st.composite
def cases(draw):
    """Draw dz, x, w and the options of one backward pass, a single group."""
    height, width = axis(draw, dilated=True), axis(draw, dilated=True)
    channels, filters, images = (draw(st.integers(1, 3)) for _ in range(3))
    seed = draw(st.integers(0, 2**16))
    x = numbers(seed, (images, height[0], width[0], channels), np.float64)
    w = numbers(seed + 1, (height[1], width[1], channels, filters), np.float64)
    options = {
        "stride": (height[2], width[2]),
        "padding": (height[4:], width[4:]),
        "dilation": (height[3], width[3]),
    }
    dz = numbers(seed + 2, vectorized.conv2d(x, w, **options).shape, np.float64)
    return dz, x, w, options


@examples(60)
@given(cases())
def test_all_forms_of_dx_agree_with_the_loops(case):
    dz, x, w, options = case
    wanted = loops.conv2d_backward(dz, x, w, **options)[0]
    for form in FORMS:
        dx = form(dz, w, x.shape[1:3], **options)
        np.testing.assert_allclose(dx, wanted, err_msg=form.__name__, rtol=1e-12, atol=1e-13)
        unbatched = form(dz[0], w, x.shape[1:3], **options)
        np.testing.assert_allclose(unbatched, wanted[0], err_msg=form.__name__, rtol=1e-12, atol=1e-13)


@examples(60)
@given(cases())
def test_dw_is_a_correlation_with_stride_and_dilation_swapped(case):
    dz, x, w, options = case
    wanted = loops.conv2d_backward(dz, x, w, **options)[1]
    dw = gradients.dw_by_correlation(dz, x, w.shape[:2], **options)
    np.testing.assert_allclose(dw, wanted, rtol=1e-12, atol=1e-13)


@examples(10)
@given(conv2d_cases(dtypes=("float32",)))
def test_float32_stays_float32(case):
    x, w = case.arrays["x"], case.arrays["w"][:, :, :, :1]
    x = x[..., : w.shape[2]]
    options = {**case.options, "groups": 1}
    dz = np.ones_like(vectorized.conv2d(x, w, **options))
    del options["groups"]
    wanted = loops.conv2d_backward(dz, x, w, **options)[0]
    for form in FORMS:
        dx = form(dz, w, x.shape[1:3], **options)
        assert dx.dtype == np.float32
        np.testing.assert_allclose(dx, wanted, **tolerance(np.float32))


def test_zeros_stand_between_the_errors_and_not_around_them():
    stuffed = gradients.zero_stuff(np.arange(1.0, 5).reshape(2, 2, 1), (2, 3))
    np.testing.assert_array_equal(stuffed[..., 0], [[1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]])


def test_the_turned_kernel_swaps_its_channels():
    w = numbers(3, (2, 3, 4, 5), np.float64)
    turned = gradients.flip_and_swap(w)
    assert turned.shape == (2, 3, 5, 4)
    assert turned[0, 2, 1, 3] == w[1, 0, 3, 1]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_bad_input_is_named(form):
    w = np.ones((3, 3, 1, 2))
    with pytest.raises(ShapeError, match=r"dz has shape \(2, 2, 2\); expected \(3, 3, 2\)"):
        form(np.ones((2, 2, 2)), w, (5, 5))
    with pytest.raises(DTypeError, match="one type"):
        form(np.ones((3, 3, 2), np.float32), w, (5, 5))
    with pytest.raises(ShapeError, match="w has shape"):
        form(np.ones((3, 3, 2)), w[..., 0], (5, 5))
    with pytest.raises(ShapeError, match="input_size"):
        form(np.ones((3, 3, 2)), w, (5,))


def test_dw_wants_as_many_errors_as_images():
    with pytest.raises(ShapeError, match="dz holds 2 images and x 3"):
        gradients.dw_by_correlation(np.ones((2, 3, 3, 1)), np.ones((3, 5, 5, 1)), (3, 3))


def test_random_cases_are_seeded_varied_and_within_their_ranges():
    options = []
    for seed in range(60):
        dz, x, w, how = gradients.random_case(seed)
        assert dz.shape == loops.conv2d(x, w, **how).shape
        np.testing.assert_array_equal(dz, gradients.random_case(seed)[0])
        options.append((how["stride"], how["dilation"], how["padding"]))
    assert len(set(options)) > 50
    assert {stride for strides, _, _ in options for stride in strides} == {1, 2, 3}
