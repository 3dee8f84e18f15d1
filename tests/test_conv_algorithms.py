"""Every algorithm of the parallel convolution is the same convolution, and the table chooses among them."""

import numpy as np
import onnx_oracle
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kernel_cases import LAYOUTS, conv2d_cases, examples, in_layout, numbers

from cnnkit.errors import OptionError
from cnnkit.kernels import loops, parallel, vectorized
from cnnkit.kernels.geometry import conv_geometry
from cnnkit.kernels.parallel.choice import ALGORITHMS, PATHS, Problem, choose
from cnnkit.kernels.parallel.plans import aligned, pack, share_out

ANY_SHAPE = ("direct", "im2col")
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
any_shape = pytest.mark.parametrize("algorithm", ANY_SHAPE)


def close(dtype, terms):
    """Rounding of sums of `terms` products of numbers in -1..1; Winograd's amplified."""
    rounding = (2e-6 if dtype == np.float32 else 4e-15) * max(4.0, terms**0.5)
    return {"rtol": rounding, "atol": rounding}


@any_shape
@examples(40)
@given(conv2d_cases())
def test_small_convolutions_agree_with_the_loops(algorithm, case):
    y = parallel.conv2d(**case.arrays, **case.options, algorithm=algorithm)
    expected = loops.conv2d(**case.arrays, **case.options)
    np.testing.assert_allclose(y, expected, **close(y.dtype, case.arrays["w"][..., 0].size))


@st.composite
def wide_cases(draw):
    """Convolutions with more filters than one vector or panel, more positions than one tile holds."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = draw(st.sampled_from([1, 2, 3, 8, 15, 16, 17, 33]))
    filters = draw(st.sampled_from([1, 7, 8, 9, 15, 16, 17, 40, 129, 150]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    least = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    size = tuple(draw(st.integers(span, span + 11)) for span in least)
    seed, dtype = draw(st.integers(0, 999)), draw(st.sampled_from(["float32", "float64"]))
    x = numbers(seed, (draw(st.integers(1, 3)), *size, channels * groups), dtype)
    w = numbers(seed + 1, (*kernel, channels, filters * groups), dtype)
    side = st.integers(0, 3)
    options = {
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": (draw(st.tuples(side, side)), draw(st.tuples(side, side))),
        "dilation": dilation,
        "groups": groups,
    }
    return x, w, numbers(seed + 2, (filters * groups,), dtype), options


@any_shape
@examples(60)
@given(wide_cases())
def test_blocks_panels_and_tiles_agree_with_the_vectorised_kernel(algorithm, case):
    x, w, b, options = case
    y = parallel.conv2d(x, w, b, **options, algorithm=algorithm)
    np.testing.assert_allclose(y, vectorized.conv2d(x, w, b, **options), **close(x.dtype, w[..., 0].size))


@any_shape
@examples(25)
@given(wide_cases())
def test_wide_convolutions_agree_with_onnxruntime(algorithm, case):
    x, w, b, options = case
    assume(x.dtype == np.float32)
    y = parallel.conv2d(x, w, b, **options, algorithm=algorithm)
    np.testing.assert_allclose(y, onnx_oracle.conv2d(x, w, b, **options), rtol=1e-4, atol=1e-4)


@any_shape
def test_float64_is_exact_to_one_part_in_a_trillion(algorithm):
    """Against sums in exact integers: 2304 products of numbers below 2**20 fit in 53 bits."""
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-(2**20), 2**20, shape) for shape in ((1, 9, 9, 256), (3, 3, 256, 20)))
    exact = np.einsum("ijcmn,mnck->ijk", np.lib.stride_tricks.sliding_window_view(x[0], (3, 3), (0, 1)), w)
    y = parallel.conv2d(x[0].astype(float), w.astype(float), algorithm=algorithm)
    np.testing.assert_array_equal(y, exact.astype(float))


@every_algorithm
@pytest.mark.parametrize("layout", [*LAYOUTS, "read-only"])
def test_memory_layouts_do_not_matter(algorithm, layout):
    x, w, b = numbers(0, (2, 9, 8, 17), "float32"), numbers(1, (3, 3, 17, 18), "float32"), np.zeros(18, "f4")
    expected = parallel.conv2d(x, w, b, algorithm=algorithm)
    awkward = [in_layout(array, layout) for array in (x, w)]
    for array in awkward:
        array.flags.writeable = layout != "read-only"
    np.testing.assert_array_equal(parallel.conv2d(*awkward, b, algorithm=algorithm), expected)


@every_algorithm
def test_batches_unbatched_images_and_no_images(algorithm):
    x, w = numbers(0, (3, 6, 7, 5), "float64"), numbers(1, (3, 3, 5, 9), "float64")
    y = parallel.conv2d(x, w, padding="same", algorithm=algorithm)
    for image, result in zip(x, y, strict=True):
        alone = parallel.conv2d(image, w, padding="same", algorithm=algorithm)
        np.testing.assert_array_equal(alone, result)
    assert parallel.conv2d(x[:0], w, padding="same", algorithm=algorithm).shape == (0, 6, 7, 9)


@every_algorithm
@pytest.mark.parametrize("padding", ["same", 2, ((0, 3), (2, 0)), "full"])
def test_one_pixel_and_much_padding(algorithm, padding):
    for size in ((1, 1), (1, 5), (4, 1)):
        x, w = numbers(0, (*size, 3), "float64"), numbers(1, (3, 3, 3, 5), "float64")
        try:
            expected = loops.conv2d(x, w, padding=padding)
        except ValueError:
            continue  # the window does not fit
        y = parallel.conv2d(x, w, padding=padding, algorithm=algorithm)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)


@every_algorithm
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "w", "b"])
def test_nan_and_infinity_are_where_the_loops_have_them(algorithm, value, where):
    arrays = {
        "x": numbers(0, (1, 9, 10, 18), "float32"),
        "w": numbers(1, (3, 3, 18, 19), "float32"),
        "b": numbers(2, (19,), "float32"),
    }
    for index in (0, arrays[where].size // 2, -1):
        spoilt = {name: array.copy() for name, array in arrays.items()}
        spoilt[where].flat[index] = value
        y = parallel.conv2d(**spoilt, padding="same", algorithm=algorithm)
        expected = loops.conv2d(**spoilt, padding="same")
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)  # NaN equals NaN, inf equals inf


@every_algorithm
def test_an_infinite_weight_on_a_padding_cell_is_nan(algorithm):
    x, w = np.ones((5, 5, 16)), np.ones((3, 3, 16, 16))
    w[0, 0, 3, 2] = np.inf
    y = parallel.conv2d(x, w, padding="same", algorithm=algorithm)
    np.testing.assert_allclose(y, loops.conv2d(x, w, padding="same"), rtol=1e-13)
    assert np.isnan(y[0, :, 2]).all()


def test_a_word_that_is_no_algorithm_is_refused():
    x, w = np.ones((5, 5, 2)), np.ones((3, 3, 2, 4))
    with pytest.raises(OptionError, match="algorithm is 'fft'; expected one of 'auto', 'direct', 'winograd'"):
        parallel.conv2d(x, w, algorithm="fft")
    with pytest.raises(OptionError, match="algorithm is None"):
        parallel.conv2d(x, w, algorithm=None)


@pytest.mark.parametrize(
    ("kernel", "options", "said"),
    [
        ((3, 3), {"stride": 2}, r"stride \(2, 2\)"),
        ((3, 3), {"dilation": (1, 2)}, r"dilation \(1, 2\)"),
        ((3, 3), {"groups": 2}, "groups 2"),
        ((5, 3), {}, r"kernel_size is \(5, 3\)"),
    ],
)
def test_winograd_says_what_it_cannot_compute(kernel, options, said):
    w = np.ones((*kernel, 4 // options.get("groups", 1), 4))
    with pytest.raises(OptionError, match=f"algorithm is 'winograd'.*{said}.*use 'direct'"):
        parallel.conv2d(np.ones((9, 9, 4)), w, **options, algorithm="winograd")


def problem(size, kernel, channels, filters, *, images=1, itemsize=4, **options):
    arguments = {"stride": 1, "padding": "same", "dilation": 1, "groups": 1, **options}
    geometry = conv_geometry((size, size), (kernel, kernel), **arguments)
    groups = geometry.groups
    return Problem(images, geometry, channels // groups, filters // groups, itemsize)


@pytest.mark.parametrize(
    ("case", "path"),
    [
        (problem(224, 7, 3, 64, stride=2), "direct"),
        (problem(112, 3, 64, 64), "winograd"),
        (problem(14, 3, 256, 256), "winograd"),
        (problem(7, 3, 512, 512), "direct"),
        (problem(7, 3, 512, 512, images=32), "winograd"),
        (problem(56, 3, 64, 128, stride=2), "direct"),
        (problem(56, 1, 256, 64), "direct"),
        (problem(27, 5, 96, 256), "direct"),
        (problem(224, 3, 3, 64), "direct"),
        (problem(56, 3, 128, 128, groups=128), "depthwise"),
        (problem(28, 3, 64, 1), "columns"),
        (problem(28, 3, 1, 32, dilation=2), "im2col"),
        (problem(7, 1, 64, 10), "direct"),
    ],
)
def test_the_table_chooses_by_shape(case, path):
    assert choose("auto", case) == path


def test_the_table_gives_a_reason_for_every_path_and_ends_with_one_for_everything():
    assert len({path.name for path in PATHS}) == len(PATHS)
    assert all(len(path.why) > 40 for path in PATHS)
    assert PATHS[-1].serves(problem(1, 1, 1, 1))


@pytest.mark.parametrize("workers", [1, 2, 3, 8, 16])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 32), (9, 32), (523, 4), (33, 16), (3, 1)])
def test_workers_share_evenly_and_never_outnumber_the_work(workers, rows, columns):
    across, along = share_out(workers, rows, columns, 1000, 1000)
    assert 1 <= across <= rows
    assert 1 <= along <= columns
    assert across * along <= workers
    busiest = -(-rows // across) * -(-columns // along)
    assert busiest <= -(-rows // min(rows, workers)) * columns  # no worse than sharing positions alone


def test_equal_shares_are_decided_by_what_has_to_be_read():
    assert share_out(2, 10, 10, row_bytes=1, column_bytes=100) == (1, 2)  # the weights are large: read once
    assert share_out(2, 10, 10, row_bytes=100, column_bytes=1) == (2, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 8, 16, 21, 40])
def test_packing_orders_by_blocks_and_fills_up_with_zeros(dtype, width):
    matrices = numbers(0, (2, 5, width), dtype)
    lanes = 64 // matrices.itemsize
    blocks = -(-width // lanes)
    packed = pack(matrices)
    assert packed.ctypes.data % 64 == 0
    unpacked = packed.reshape(2, blocks, 5, lanes).swapaxes(1, 2).reshape(2, 5, blocks * lanes)
    np.testing.assert_array_equal(unpacked[:, :, :width], matrices)
    assert not unpacked[:, :, width:].any()


def test_aligned_arrays_start_at_a_cache_line():
    for size in (0, 1, 7, 100):
        array = aligned(size, np.dtype(np.float32))
        assert array.shape == (size,)
        assert size == 0 or array.ctypes.data % 64 == 0
