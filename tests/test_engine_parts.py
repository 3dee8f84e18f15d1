"""What the engine is built from: checksums, numbers of threads, buffers taken in turns."""

import numba
import numpy as np
import pytest
from engine_networks import batch, branching, plain
from kernel_cases import numbers

from cnnkit.engine.plan import Plan, assign_buffers
from cnnkit.engine.planning import Planner
from cnnkit.engine.weights import SMALL, WIDTH, WeightWatch, checksum
from cnnkit.errors import OptionError
from cnnkit.kernels import loops
from cnnkit.kernels.parallel.few_rows import dense_few_rows
from cnnkit.kernels.parallel.threads import check_threads, limited_threads, most_threads


@pytest.mark.parametrize("size", [1, 2 * WIDTH - 1, 2 * WIDTH, 5 * WIDTH + 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_checksum_notices_any_one_number_and_any_exchange(size, dtype):
    array = np.random.default_rng(size).standard_normal(size).astype(dtype)
    seen = checksum(array)
    assert checksum(np.copy(array)) == seen
    for place in {0, size // 3, size - 1}:
        changed = array.copy()
        changed[place] = np.nextafter(changed[place], np.inf)
        assert checksum(changed) != seen
    for distance in (1, 2, WIDTH, 2 * WIDTH):
        changed = array.copy()
        changed[[0, distance % size]] = changed[[distance % size, 0]]
        assert distance % size == 0 or checksum(changed) != seen


def test_a_checksum_sees_order_and_sign_but_not_the_layout():
    array = np.random.default_rng(0).standard_normal((300, 40))
    assert checksum(array[::-1]) != checksum(array)
    assert checksum(array[:, ::-1]) != checksum(array)
    assert checksum(np.asfortranarray(array)) == checksum(array)
    zeros = np.zeros(3 * WIDTH, np.float32)
    assert checksum(zeros) != checksum(-zeros)


@pytest.mark.parametrize("size", [10, SMALL])
def test_a_watch_compares_bits_so_nan_is_itself(size):
    arrays = {"w": np.full(size, np.nan, np.float32)}
    watch = WeightWatch()
    watch.add(arrays)
    assert watch.unchanged()
    arrays["w"] = arrays["w"].copy()
    assert watch.unchanged()
    arrays["w"][size // 2] = 1
    assert not watch.unchanged()
    del arrays["w"]
    assert not watch.unchanged()


def test_threads_are_limited_inside_and_given_back_also_after_an_error():
    before = numba.get_num_threads()
    with limited_threads(1):
        assert numba.get_num_threads() == 1
    with pytest.raises(KeyError), limited_threads(1):
        raise KeyError
    assert numba.get_num_threads() == before
    assert check_threads(None) == most_threads()
    with pytest.raises(OptionError, match=f"at most {most_threads()}"):
        check_threads(most_threads() + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "terms", "columns"), [(1, 3, 2), (1, 70, 33), (5, 41, 1), (3, 64, 17)])
def test_a_walk_over_the_weights_is_the_dense_layer(rows, terms, columns, dtype):
    x, w, b = (
        numbers(seed, shape, dtype)
        for seed, shape in enumerate([(rows, terms), (terms, columns), (columns,)])
    )
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(dense_few_rows(x, w, b), loops.dense(x, w, b), **close)
    np.testing.assert_allclose(dense_few_rows(x, np.asfortranarray(w)), loops.dense(x, w), **close)
    x[0, terms // 2] = np.nan
    np.testing.assert_array_equal(np.isnan(dense_few_rows(x, w, b)).all(axis=1), np.isnan(x).any(axis=1))


@pytest.mark.parametrize("make", [plain, branching])
def test_no_buffer_is_written_while_somebody_still_reads_it(make):
    network = make()
    planner = Planner(network.input_shape)
    result = planner.row(network.layers, 0)
    buffer_of = assign_buffers(planner, result)
    assert set(buffer_of) == planner.buffered
    holds: dict[int, int] = {}  # buffer -> the value that stands in it
    source_of_view: dict[int, int] = {}
    for step in planner.steps:
        for source in step.sources:
            root = source
            while root in source_of_view:
                root = source_of_view[root]
            assert root not in buffer_of or holds[buffer_of[root]] == root
        if step.target in buffer_of:
            holds[buffer_of[step.target]] = step.target
        else:
            source_of_view[step.target] = step.sources[0]


def test_buffers_are_those_of_the_largest_values():
    plan = Plan(plain())
    # 17x15x12 pooled to 8x7x12, 6x5x20 pooled to 3x2x20: fused pooling keeps only the pooled maps
    assert plan.bytes_per_example == (8 * 7 * 12 + 3 * 2 * 20) * 4


def test_one_plan_serves_batches_of_different_size():
    network = plain()
    plan = Plan(network)
    x = batch(network, 6)
    for examples in (6, 1, 3, 6):
        np.testing.assert_allclose(
            plan.run(x[:examples]), network.predict(x[:examples]), rtol=2e-5, atol=1e-6
        )
