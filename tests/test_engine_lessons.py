"""What chapter 08 takes apart: the source's engine with its faults, races, a cache, clients in a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import examples, numbers

from cnnkit.cache import lines_fetched
from cnnkit.engine.load import Request, serve, throughput
from cnnkit.engine.source import (
    SourceEngine,
    balanced_chunks,
    java_divide,
    java_exp,
    slowest_share,
    source_chunks,
)
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import vectorized
from cnnkit.kernels.parallel.races import count_alone, count_by_worker, count_with_race


@pytest.fixture(scope="module")
def source():
    engine = SourceEngine(cores=3)
    yield engine
    engine.shutdown()


def test_on_valid_input_the_source_is_right(source):
    x, w, b = (
        numbers(0, (7, 6, 2), "float64"),
        numbers(1, (3, 2, 2, 4), "float64"),
        numbers(2, (4,), "float64"),
    )
    expected = np.maximum(vectorized.conv2d(x, w, b, stride=2), 0)
    np.testing.assert_allclose(source.forward_convolution_2d(x, w, b, 2), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(
        source.forward_max_pooling_2d(x, 3, 2), vectorized.max_pool2d(x, 3, stride=2)
    )
    rows, matrix = numbers(3, (4, 5), "float64"), numbers(4, (3, 5), "float64")
    expected = 1 / (1 + np.exp(-(rows @ matrix.T + b[:3])))
    np.testing.assert_allclose(source.forward_dense(rows, matrix, b[:3]), expected, rtol=1e-12)


def test_its_faults_are_those_of_the_java_class(source):
    one = np.ones((1, 1, 1, 1))
    assert source.forward_convolution_2d(np.full((1, 1, 1), np.nan), one, [0.0], 1).item() == 0
    for value in (np.nan, -np.inf):
        assert source.forward_max_pooling_2d(np.full((2, 2, 1), value), 2, 2).item() == -np.finfo(float).max
    x = np.ones((4, 4, 2))
    extra = np.concatenate([np.ones((2, 2, 2, 1)), np.full((2, 2, 7, 1), 1e9)], axis=2)
    assert source.forward_convolution_2d(x, extra, [0.0], 1).max() == 8  # seven channels ignored
    assert source.forward_convolution_2d(x, np.ones((5, 1, 2, 1)), [0.0], 1).shape == (0, 4, 1)
    with pytest.raises(RuntimeError):  # out of bounds in a worker
        source.forward_convolution_2d(x, np.ones((5, 5, 2, 1)), [0.0], 2)
    assert source.forward_convolution_2d(x, np.ones((2, 2, 2, 1)), [0.0], -4).shape == (1, 1, 1)


def test_a_failing_task_does_not_stop_its_siblings():
    engine = SourceEngine(cores=4)
    ragged = [[[1.0]]] + [[[1.0], [1.0]]] * 7
    ragged[0], ragged[1] = ragged[1], ragged[0]  # the second row is too short, in the first chunk
    with pytest.raises(RuntimeError):
        engine.forward_convolution_2d(ragged, np.ones((1, 1, 1, 1)), [0.0], 1)
    engine.shutdown()
    assert sorted(engine.finished) == [(2, 4), (4, 6), (6, 8)]


@examples(50)
@given(st.integers(1, 40), st.integers(1, 12))
def test_chunks_cover_all_rows_once(rows, cores):
    for chunks in (source_chunks(rows, cores), balanced_chunks(rows, cores)):
        assert [row for first, last in chunks for row in range(first, last)] == list(range(rows))
    assert len(balanced_chunks(rows, cores)) == min(rows, cores) >= len(source_chunks(rows, cores))
    assert slowest_share(balanced_chunks(rows, cores)) == -(-rows // cores)
    assert slowest_share([]) == 0


def test_java_arithmetic():
    assert [java_divide(a, b) for a, b in ((-1, 2), (3, -2), (-4, -2), (5, 2))] == [0, -1, 2, 2]
    assert java_exp(1000) == np.inf


def test_lines_are_fetched_when_they_are_not_there():
    in_a_row = range(0, 1024, 8)
    assert lines_fetched(in_a_row) == 16
    assert lines_fetched([*in_a_row, *in_a_row]) == 16
    assert lines_fetched([*in_a_row, *in_a_row], cache_bytes=8 * 64) == 32  # the oldest goes, always
    assert lines_fetched([0, 64, 0, 128, 0], cache_bytes=128) == 3  # 0 was used last, so 64 goes
    assert lines_fetched([64, 0, 64, 128, 64, 0], cache_bytes=128) == 4
    with pytest.raises(OptionError, match="cache_bytes"):
        lines_fetched([0], cache_bytes=32)


def test_counting_apart_is_exact_and_a_race_never_counts_too_much():
    labels = np.random.default_rng(0).integers(0, 5, 1000)
    expected = np.bincount(labels, minlength=6)
    for workers in (1, 2, 7):
        for apart in (True, False):
            counts = count_by_worker(labels, 6, workers=workers, rounds=3, apart=apart)
            np.testing.assert_array_equal(counts, 3 * expected)
    np.testing.assert_array_equal(count_alone(labels, 6, rounds=2), 2 * expected)
    assert np.all(count_with_race(labels, 6, rounds=50) <= 50 * expected)
    with pytest.raises(OptionError, match="labels run from 0 to 4"):
        count_alone(labels, 4)
    with pytest.raises(ShapeError, match=r"expected \(N,\) of int64"):
        count_alone(labels.astype(float), 5)


def test_clients_wait_for_their_answers():
    calls = []
    served = serve(lambda: calls.append(0), clients=3, requests=4)
    assert len(calls) == len(served) == 12
    assert sorted({request.client for request in served}) == [0, 1, 2]
    assert [r.start for r in served] == sorted(r.start for r in served)
    assert all(request.latency >= 0 for request in served)

    def fails():
        raise KeyError("answer")

    with pytest.raises(KeyError):
        serve(fails, clients=2, requests=1)


def test_throughput_is_answers_over_time():
    assert throughput([Request(0, 1.0, 2.0), Request(1, 1.0, 3.0), Request(0, 2.0, 3.0)]) == 1.5
