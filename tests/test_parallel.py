"""What only the parallel kernels promise: safe with threads, equal bits on any number of them, a cache."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import examples, in_layout, numbers
from parallel_jobs import jobs

from cnnkit.kernels import parallel, vectorized
from cnnkit.kernels.parallel import (
    convolution_loops,
    dense_loops,
    depthwise_loops,
    direct,
    pooling_loops,
    region,
    weight_gradient_loops,
    winograd,
)

ROOT = Path(__file__).parent.parent
JOBS = Path(__file__).with_name("parallel_jobs.py")
LAYERS = [
    layer
    for layer, module in {"workqueue": "workqueue", "omp": "omppool"}.items()
    if importlib.util.find_spec(f"numba.np.ufunc.{module}")
]
KERNELS = {
    f"{module.__name__}.{name}": value
    for module in (
        convolution_loops,
        dense_loops,
        depthwise_loops,
        direct,
        pooling_loops,
        weight_gradient_loops,
        winograd,
    )
    for name, value in vars(module).items()
    if isinstance(value, region.ParallelKernel)
}


def run_python(*arguments: str, where: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = {"PYTHONPATH": os.pathsep.join([str(where), str(JOBS.parent)])}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **paths, **environment},
        cwd=where,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_eight_python_threads_get_the_results_of_one(layer):
    """Without the lock, workqueue ends the process: "Concurrent access has been detected"."""
    done = run_python(str(JOBS), "load", NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="4")
    assert (done.returncode, done.stdout) == (0, f"{layer} []\n"), done.stderr


@pytest.mark.parametrize("layer", LAYERS)
def test_results_have_the_same_bits_for_any_number_of_threads(layer):
    done = run_python(
        str(JOBS), "counts", "2", "3", "5", "8", NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="8"
    )
    assert (done.returncode, done.stdout) == (0, f"{layer} []\n"), done.stderr


@pytest.mark.parametrize("name", jobs())
def test_a_region_holds_the_lock(name, monkeypatch):
    entered = []

    class Lock:
        def __enter__(self):
            entered.append(name)

        def __exit__(self, *error):
            entered.append("out")

    job = jobs()[name]
    monkeypatch.setattr(region, "REGION_LOCK", Lock())
    job()
    assert entered
    assert entered == [name, "out"] * (len(entered) // 2)


@st.composite
def wide_cases(draw):
    """Arguments with more filters, positions and taps than one block, tile or lane holds."""
    groups = draw(st.sampled_from([1, 2]))
    channels, filters = draw(st.integers(1, 9)), draw(st.integers(8, 70))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    size = draw(st.tuples(st.integers(5, 12), st.integers(5, 12)))
    seed, dtype = draw(st.integers(0, 999)), draw(st.sampled_from(["float32", "float64"]))
    x = numbers(seed, (draw(st.integers(1, 2)), *size, channels * groups), dtype)
    w = numbers(seed + 1, (*kernel, channels, filters * groups), dtype)
    padding = tuple(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(2))
    options = {
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "padding": padding,
        "groups": groups,
    }
    return x, w, options


def close(dtype):
    return {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-11}


@examples(60)
@given(wide_cases())
def test_blocks_tiles_and_lanes_agree_with_the_vectorised_kernels(case):
    x, w, options = case
    b = numbers(7, (w.shape[3],), x.dtype)
    y = parallel.conv2d(x, w, b, **options)
    np.testing.assert_allclose(y, vectorized.conv2d(x, w, b, **options), **close(x.dtype))
    gradients = parallel.conv2d_backward(y, x, w, **options)
    expected = vectorized.conv2d_backward(y, x, w, **options)
    for ours, theirs in zip(gradients, expected, strict=True):
        scale = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(ours / scale, theirs / scale, **close(x.dtype))


def test_one_bad_number_spoils_only_the_windows_that_see_it():
    """Positions share tiles and lanes with their neighbours, but never a sum."""
    x, w = numbers(0, (1, 6, 7, 3), "float64"), numbers(1, (3, 3, 3, 40), "float64")
    clean = parallel.conv2d(x, w)
    x[0, 2, 2, 1] = np.nan
    y = parallel.conv2d(x, w)
    np.testing.assert_array_equal(np.isnan(y[0, :3, :3]), True)
    y[0, :3, :3] = clean[0, :3, :3]
    np.testing.assert_array_equal(y, clean)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_compiling_does_not_assume_numbers_to_be_finite(bad):
    """With all of fastmath, LLVM may take ``v != v`` for false, and pooling loses its NaN."""
    x = numbers(0, (1, 6, 6, 20), "float32")
    x[0, 2, 2], x[0, 3, 3] = bad, -bad
    y, w = parallel.max_pool2d(x, 3, stride=1), np.ones((3, 3, 20, 9), np.float32)
    np.testing.assert_array_equal(y, vectorized.max_pool2d(x, 3, stride=1))
    seen = parallel.conv2d(x, w)[0, 1:3, 1:3]  # windows with both: NaN, or inf - inf
    np.testing.assert_array_equal(np.isnan(seen), True)
    dx = parallel.max_pool2d_backward(np.ones_like(y), x, 3, stride=1)
    np.testing.assert_array_equal(dx, vectorized.max_pool2d_backward(np.ones_like(y), x, 3, stride=1))


@pytest.mark.parametrize("layout", ["fortran", "reversed", "every other", "channels first", "read-only"])
@pytest.mark.parametrize("filters", [1, 32])
def test_no_memory_layout_is_compiled_for_separately(layout, filters):
    x, w = numbers(0, (2, 5, 6, 4), "float32"), numbers(1, (3, 3, 4, filters), "float32")
    y = parallel.conv2d(x, w)
    parallel.conv2d_backward(y, x, w)
    parallel.max_pool2d_backward(parallel.max_pool2d(x), x)
    compiled = {name: list(kernel.dispatcher.signatures) for name, kernel in KERNELS.items()}

    awkward = in_layout(x, layout)
    awkward.flags.writeable = layout != "read-only"
    parallel.conv2d(awkward, w)
    parallel.conv2d_backward(y, awkward, w)
    parallel.max_pool2d_backward(parallel.max_pool2d(awkward), awkward)
    assert {name: list(kernel.dispatcher.signatures) for name, kernel in KERNELS.items()} == compiled


def test_warming_up_leaves_nothing_to_compile(capsys):
    assert parallel.warm_up(verbose=False) > 0
    assert capsys.readouterr().out == ""
    assert {name: len(kernel.dispatcher.signatures) for name, kernel in KERNELS.items()} == dict.fromkeys(
        KERNELS, 2
    )
    for dtype in ("float32", "float64"):
        for call in jobs(dtype).values():
            call()
    assert all(len(kernel.dispatcher.signatures) == 2 for kernel in KERNELS.values())
    parallel.warm_up()
    assert "ready after" in capsys.readouterr().out


POOL_ONCE = """
import numpy as np
from cnnkit.kernels import parallel
from cnnkit.kernels.parallel.pooling_loops import max_forward
print(parallel.max_pool2d(np.arange(4.0).reshape(2, 2, 1)).item())
stats = max_forward.dispatcher.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_a_second_process_finds_the_compiled_code(tmp_path):
    cache = str(tmp_path)
    assert run_python("-c", POOL_ONCE, NUMBA_CACHE_DIR=cache).stdout.split() == ["3.0", "0", "1"]
    assert run_python("-c", POOL_ONCE, NUMBA_CACHE_DIR=cache).stdout.split() == ["3.0", "1", "0"]


def test_a_change_in_a_shared_part_compiles_anew(tmp_path):
    """Numba watches the kernel's own file; what other files give to it is compiled into it as well."""
    shutil.copytree(ROOT / "cnnkit", tmp_path / "cnnkit", ignore=shutil.ignore_patterns("__pycache__"))
    cache = str(tmp_path / "cache")
    assert run_python("-c", POOL_ONCE, where=tmp_path, NUMBA_CACHE_DIR=cache).stdout.split()[1:] == ["0", "1"]
    assert run_python("-c", POOL_ONCE, where=tmp_path, NUMBA_CACHE_DIR=cache).stdout.split()[1:] == ["1", "0"]
    with (tmp_path / "cnnkit" / "kernels" / "parallel" / region.SHARED_FILES[0].name).open("a") as file:
        file.write("# another line\n")
    assert run_python("-c", POOL_ONCE, where=tmp_path, NUMBA_CACHE_DIR=cache).stdout.split()[1:] == ["0", "1"]


def test_without_a_folder_to_write_to_the_kernels_run_and_say_what_it_costs(tmp_path):
    package = tmp_path / "cnnkit"
    shutil.copytree(ROOT / "cnnkit", package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").write_text("a file where the folder should be")
    nowhere = str(package / "errors.py" / "below")
    homes = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE"), nowhere)
    done = run_python("-c", POOL_ONCE, where=tmp_path, NUMBA_CACHE_DIR=nowhere, **homes)
    assert done.stdout.split()[0] == "3.0", done.stderr
    assert done.stderr.count("RuntimeWarning") == 1
    assert "set NUMBA_CACHE_DIR" in done.stderr
