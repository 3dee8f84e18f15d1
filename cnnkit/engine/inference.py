"""The engine: one inference at a time, each on all cores, from any number of Python threads."""

import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Self

from cnnkit import activations
from cnnkit.engine.arguments import check_batch, check_convolution, check_dense, check_pooling
from cnnkit.engine.cold import announced_if_slow
from cnnkit.engine.plan import Plan
from cnnkit.engine.steps import activate
from cnnkit.errors import ClosedError
from cnnkit.kernels import parallel as kernels
from cnnkit.kernels.arguments import Array
from cnnkit.kernels.parallel.threads import check_threads, limited_threads
from cnnkit.network import Sequential

# One for the process, not one for each engine: cores, Numba's threads and BLAS's threads are shared by all.
# A call uses all the cores that it may, so two at once would not be faster, only later and in each other's
# caches; and while one runs in BLAS, another must not start Numba's threads on the same cores.
_TURN = threading.Lock()


class InferenceEngine:
    """Runs the forward pass of convolutions, poolings, dense layers and whole networks.

    Safe from any number of Python threads on every threading layer of Numba: calls wait for their turn and
    each one then uses all the threads. Results do not depend on who else is calling. A context manager; after
    `close` every call raises ClosedError. It owns no threads, so one that is never closed keeps no
    process alive.

    Attributes:
        threads: how many threads a call uses.
        closed: whether `close` has been called.
    """

    def __init__(self, threads: int | None = None) -> None:
        """Take all cores, or `threads` of them; raises OptionError for more than Numba was started with."""
        self.threads = check_threads(threads)
        self.closed = False
        self._plans: weakref.WeakKeyDictionary[Sequential, Plan] = weakref.WeakKeyDictionary()

    def forward_convolution_2d(self, input: Array, kernel: Array, biases: Array, stride: int) -> Array:
        """Return ``relu(b[k] + sum over m, n, c of x[i*s + m, j*s + n, c] * w[m, n, c, k])``, no padding.

        Args:
            input: (H, W, C), or (N, H, W, C), float32 or float64.
            kernel: (KH, KW, C, F), of the same type, as the next.
            biases: (F,).
            stride: step between windows, for both axes.

        Returns:
            ((H-KH)//s + 1, (W-KW)//s + 1, F), behind N if `input` has it. NaN stays NaN.

        Raises ShapeError, OptionError, DTypeError or ClosedError.
        """
        images, filters, shifts, step = check_convolution(input, kernel, biases, stride)
        return self._alone(lambda: activate(kernels.conv2d(images, filters, shifts, stride=step), "relu"))

    def forward_max_pooling_2d(self, input: Array, pool_size: int, stride: int) -> Array:
        """Return the largest value of every `pool_size` x `pool_size` window; NaN if the window holds one.

        `input` is (H, W, C) or (N, H, W, C), float32 or float64; the result is ((H-pool_size)//stride + 1,
        (W-pool_size)//stride + 1, C), behind N if `input` has it. Windows that overhang the end are
        left out. Raises ShapeError, OptionError, DTypeError or ClosedError.
        """
        images, window, step = check_pooling(input, pool_size, stride)
        return self._alone(lambda: kernels.max_pool2d(images, window, stride=step))

    def forward_dense(self, inputs: Array, weights: Array, biases: Array) -> Array:
        """Return ``sigmoid(inputs @ weights.T + biases)``.

        `inputs` is (B, P), `weights` (T, P), a row for each target neuron, `biases` (T,), all float32 or all
        float64; the result is (B, T). Raises ShapeError, DTypeError or ClosedError.
        """
        rows, matrix, shifts = check_dense(inputs, weights, biases)
        return self._alone(lambda: activations.sigmoid(kernels.dense(rows, matrix.T, shifts)))

    def run(self, network: Sequential, batch: Array, *, frozen: bool = False) -> Array:
        """Return what ``network.predict(batch)`` returns, to rounding, from prepared weights and buffers.

        The first run of a network packs its weights, folds batch norm into convolutions and plans the
        buffers; later runs reuse all that. Weights that were changed in between, by training, loading or
        by hand, are noticed, and the network is prepared anew. The network itself is only read.

        Args:
            network: a `cnnkit.network.Sequential`; it is remembered only as long as it lives elsewhere.
            batch: (N, ...) examples of ``network.input_shape``, or a single one, in ``network.dtype``.
            frozen: the caller's promise that no weight has changed since the last run, which saves reading
                them all once more; a broken promise gives the old weights' answer.

        Returns:
            The output of every example, (N, ...), or without N.

        Raises ShapeError, DTypeError or ClosedError.
        """
        examples, unbatched = check_batch(network, batch)
        y = self._alone(lambda: self._plan(network, frozen).run(examples))
        return y[0] if unbatched else y

    def forget(self, network: Sequential) -> None:
        """Drop what was prepared for `network` and free its memory; the next run prepares it again."""
        with _TURN:
            self._plans.pop(network, None)

    def close(self) -> None:
        """Wait for the call that is running, then free everything; closing twice does no harm."""
        with _TURN:
            self.closed = True
            self._plans.clear()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<InferenceEngine: {'closed' if self.closed else f'{self.threads} threads'}>"

    def _alone(self, call: Callable[[], Array]) -> Array:
        """Return ``call()``, made when it is this caller's turn, with this engine's number of threads."""
        # The lock itself in the `with`: Python delivers Ctrl-C neither between taking it and getting inside,
        # nor on the way out, which no function around it could promise.
        with _TURN:
            self._check_open()
            with limited_threads(self.threads), announced_if_slow():
                return call()

    def _plan(self, network: Sequential, frozen: bool) -> Plan:
        plan = self._plans.get(network)
        if plan is None or not (frozen or plan.fits(network)):
            plan = self._plans[network] = Plan(network)
        return plan

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedError("this engine is closed; make a new InferenceEngine, or call it before close()")
