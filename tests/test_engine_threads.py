"""The engine from many Python threads, on every threading layer of Numba, in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_parallel import LAYERS, ROOT, run_python

JOBS = Path(__file__).with_name("engine_jobs.py")
CALLS = 1000


@pytest.mark.parametrize("layer", LAYERS)
def test_eight_threads_times_a_thousand_calls_get_the_bits_of_a_lone_call(layer):
    """Without a common lock workqueue ends the process, and a plan's buffers mix two callers' images.

    LAYERS holds what Numba brings along; its third layer, tbb, needs a library from outside and is tested
    where `NUMBA_THREADING_LAYER=tbb` finds one.
    """
    done = run_python(str(JOBS), "load", str(CALLS), NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")
    assert (done.returncode, done.stdout) == (0, f"{layer} []\n"), done.stderr


def test_tbb_too_where_it_is_installed():
    done = run_python(str(JOBS), "load", "100", NUMBA_THREADING_LAYER="tbb", NUMBA_NUM_THREADS="2")
    assert done.stdout == "tbb []\n" or "No threading layer could be loaded" in done.stderr, done.stderr


@pytest.mark.parametrize("layer", LAYERS)
def test_closing_lets_running_calls_finish_and_refuses_the_next(layer):
    done = run_python(str(JOBS), "close", NUMBA_THREADING_LAYER=layer)
    assert (done.returncode, done.stdout) == (0, f"{layer} closed closed closed closed\n"), done.stderr


def test_an_engine_left_open_keeps_no_process_alive():
    done = run_python(str(JOBS), "forget")
    assert done.returncode == 0
    assert done.stdout.endswith("left open\n"), done.stderr


LOOP = """
import numpy as np
from cnnkit.engine import InferenceEngine
with InferenceEngine() as running:
    x, w, b = np.ones((9, 9, 4)), np.ones((3, 3, 4, 16)), np.zeros(16)
    running.forward_convolution_2d(x, w, b, 1)
    print("running", flush=True)
    try:
        while True:
            running.forward_convolution_2d(x, w, b, 1)
    finally:
        print(running.forward_convolution_2d(x, w, b, 1).max(), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT that can be sent to one process")
def test_ctrl_c_in_the_middle_of_a_call_leaves_no_lock_behind():
    """The call after the interrupt would wait forever if the interrupted one had kept its turn."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out == "36.0\n", error
    assert error.rstrip().endswith("KeyboardInterrupt")
