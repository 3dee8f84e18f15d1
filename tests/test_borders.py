"""Fills, use counts and stamp counts: against np.pad, against counting window by window, and by hand."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnkit import borders
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import loops
from cnnkit.shapes import conv_output_size, conv_transpose_output_size, resolve_padding

NUMPY_MODES = {
    "zeros": "constant",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "edge": "edge",
    "wrap": "wrap",
}
PADDINGS = st.one_of(
    st.sampled_from(["valid", "same", "same_lower", "full"]), st.tuples(st.integers(0, 4), st.integers(0, 4))
)
amounts = st.tuples(st.integers(0, 3), st.integers(0, 3))


@settings(deadline=None)
@given(st.integers(4, 7), st.integers(4, 7), amounts, amounts, st.sampled_from(borders.FILLS))
def test_every_fill_is_numpys(height, width, rows, columns, fill):
    image = np.arange(1.0, 2 * height * width + 1).reshape(height, width, 2)
    wanted = np.pad(image, (rows, columns, (0, 0)), mode=NUMPY_MODES[fill])
    assert np.array_equal(borders.pad(image, (rows, columns), fill), wanted)
    assert np.array_equal(borders.pad(image[..., 0], (rows, columns), fill), wanted[..., 0])


def test_padding_leaves_the_image_alone_and_keeps_its_type():
    image = np.ones((2, 3), np.float32)
    padded = borders.pad(image, ((1, 0), (0, 2)))
    padded[:] = 7
    assert padded.dtype == np.float32
    assert image.min() == image.max() == 1


def test_reflection_by_hand():
    assert borders.fill_index(4, 3, 3, "reflect").tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert borders.fill_index(4, 2, 1, "symmetric").tolist() == [1, 0, 0, 1, 2, 3, 3]
    assert borders.fill_index(1, 2, 2, "edge").tolist() == [0] * 5


@pytest.mark.parametrize(("fill", "size", "most"), [("reflect", 4, 3), ("symmetric", 4, 4), ("wrap", 4, 4)])
def test_a_mirror_needs_enough_cells(fill, size, most):
    assert borders.fill_index(size, most, 0, fill).size == size + most
    with pytest.raises(ShapeError, match=f"{fill}.*{size} has only {most}"):
        borders.fill_index(size, 0, most + 1, fill)


def test_unknown_fills_and_ranks_are_refused():
    with pytest.raises(OptionError, match=r"'mirror'.*reflect"):
        borders.fill_index(4, 1, 1, "mirror")
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 5\)"):
        borders.pad(np.ones((2, 3, 4, 5)), ((1, 1), (1, 1)))


@settings(deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(1, 4),
    PADDINGS,
    st.integers(1, 3),
    st.sampled_from(borders.FILLS),
)
def test_counts_agree_with_walking_through_all_windows(size, kernel_size, stride, padding, dilation, fill):
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    before, after = resolve_padding(padding, size, kernel_size, stride, dilation)
    assume(size + before + after >= dilation * (kernel_size - 1) + 1)
    assume(fill == "zeros" or max(before, after) < size)
    shown = np.pad(
        np.arange(size),
        (before, after),
        mode=NUMPY_MODES[fill],
        **({"constant_values": -1} if fill == "zeros" else {}),
    )
    uses, reads, real = np.zeros(size, int), np.zeros(shown.size, int), []
    for i in range(conv_output_size(size, kernel_size, **options)):
        cells = [i * stride + m * dilation for m in range(kernel_size)]
        for cell in cells:
            reads[cell] += 1
            if shown[cell] >= 0:
                uses[shown[cell]] += 1
        real.append(sum(before <= cell < before + size for cell in cells))
    assert borders.use_counts(size, kernel_size, fill=fill, **options).tolist() == uses.tolist()
    assert borders.read_counts(size, kernel_size, **options).tolist() == reads.tolist()
    assert borders.real_taps(size, kernel_size, **options).tolist() == real


@settings(deadline=None)
@given(
    st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), PADDINGS, st.integers(1, 2), st.integers(0, 3)
)
def test_stamp_counts_are_a_transposed_convolution_of_ones(
    size, kernel_size, stride, padding, dilation, extra
):
    assume(extra < stride and not (extra and isinstance(padding, str) and padding.startswith("same")))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "output_padding": extra}
    try:
        output = conv_transpose_output_size(size, kernel_size, **options)
    except ShapeError:
        assume(False)
    row_options = {
        "stride": (1, stride),
        "padding": ("valid", padding),
        "dilation": (1, dilation),
        "output_padding": (0, extra),
    }
    ones = loops.conv2d_transpose(np.ones((1, size, 1)), np.ones((1, kernel_size, 1, 1)), **row_options)
    counts = borders.stamp_counts(size, kernel_size, **options)
    assert counts.shape == (output,)
    assert np.array_equal(counts, ones[0, :, 0])


def test_the_checkerboard_by_hand():
    assert borders.stamp_counts(3, 3, stride=2).tolist() == [1, 1, 2, 1, 2, 1, 1]
    assert borders.stamp_counts(3, 4, stride=2, padding=1).tolist() == [1, 2, 2, 2, 2, 1]
