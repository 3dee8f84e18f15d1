"""Dense layers: small products in the same threads as the convolutions, large ones in NumPy's BLAS.

The BLAS library has threads of its own, which go on spinning for a while after each call, on the cores that
the next convolution needs. A product of many milliseconds is worth that, a small one is not.
"""

import math

import numpy as np

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels.arguments import Array, check_dense, check_dense_backward, check_same_dtype, quiet
from cnnkit.kernels.parallel import dense_loops as loops
from cnnkit.kernels.parallel.region import plain
from cnnkit.kernels.parallel.simd import VECTOR_BYTES

FEW_ROWS = loops.SIX  # fewer are bound by reading the weights, not by arithmetic
LARGE_WORK = 100_000_000  # multiply-adds, more than a millisecond on one core


@quiet
def dense(x: Array, w: Array, b: Array | None = None) -> Array:
    """Return the dense layer ``y[k] = b[k] + sum over c of x[c] * w[c, k]``.

    `x` is (N, in) or (in,), `w` (in, out), `b` (out,) or None, float32 or float64; the result is (N, out) or
    (out,). Raises ShapeError or DTypeError.
    """
    rows, weights, biases, unbatched = check_dense(x, w, b)
    y = _product(rows, weights, biases)
    return y[0] if unbatched else y


@quiet
def dense_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return dx, dw and db of `dense`.

    ``dx[c] += dy[k] * w[c, k]``; ``dw[c, k] += dy[k] * x[c]``; ``db[k] += dy[k]``, summed over the batch.
    `dy` is (N, out) or (out,), `x` and `w` are those of the forward call; dx has the shape of `x`, dw of `w`,
    db is (out,). Raises ShapeError or DTypeError.
    """
    delta, rows, weights, unbatched = check_dense_backward(dy, x, w)
    dx = _product(delta, weights, transposed="b")
    return (dx[0] if unbatched else dx), _product(rows, delta, transposed="a"), delta.sum(axis=0)


class PreparedDense:
    """A dense layer whose weights are packed once: ``run(x)`` is ``dense(x, w, b)``, then ReLU if asked for.

    A single row is bound by reading the weights, which all threads do in the order of memory. Weights are
    copied: later changes of `w` are not seen. Safe from any number of Python threads; they take turns.

    Args:
        w: (in, out), float32 or float64.
        b: (out,) or None, the type of `w`.
        activation: None or "relu".

    Raises ShapeError, DTypeError or OptionError.
    """

    def __init__(self, w: Array, b: Array | None = None, activation: str | None = None) -> None:
        if activation not in (None, "relu"):
            raise OptionError(f"activation is {activation!r}; expected None or 'relu'")
        example = np.zeros(np.shape(w)[:1] or (1,), getattr(w, "dtype", np.float64))
        _, weights, biases, _ = check_dense(example, w, b)
        self._relu = activation == "relu"
        self._size = weights.shape
        terms, columns = self._size
        lanes = VECTOR_BYTES // weights.itemsize
        vectors = -(-columns // lanes)
        padded = np.zeros((terms, vectors * lanes), weights.dtype)
        padded[:, :columns] = weights
        self._packed = plain(padded.reshape(terms, vectors, lanes).swapaxes(0, 1)).reshape(-1)
        self._bias = np.zeros(columns, weights.dtype) if biases is None else plain(biases).copy()

    @property
    def output_shape(self) -> tuple[int]:
        """Shape of one result, (out,)."""
        return (int(self._size[1]),)

    def run(self, x: Array, out: Array | None = None) -> Array:
        """Return the layer's result (N, out), or (out,) for an `x` without N.

        `x` is (N, in) or (in,). `out`, if given, is filled and returned: it has the result's shape and type,
        and is contiguous. Raises ShapeError or DTypeError.
        """
        values = np.asarray(x)
        check_same_dtype(x=values, w=self._bias)
        if values.ndim not in (1, 2) or values.shape[-1] != self._size[0]:
            raise ShapeError(
                f"x has shape {values.shape}; expected ({self._size[0]},) or (N, {self._size[0]})"
            )
        rows = values if values.ndim == 2 else values[None]
        shape = (*values.shape[:-1], self._size[1])
        y = np.empty(shape, self._bias.dtype) if out is None else _checked_out(out, shape, values)
        sizes = (len(rows), self._size[1], self._size[0])
        arrays = self._packed, self._bias, y.reshape(-1)
        flat, work = plain(rows).reshape(-1), math.prod(sizes)
        if len(rows) < FEW_ROWS:
            loops.multiply_row(flat, *arrays, sizes, self._relu, work=work)
        else:
            steps = (sizes[2], 1)
            loops.multiply(flat, steps, arrays[0], steps, *arrays[1:], sizes, True, self._relu, work=work)
        return y


def _checked_out(out: Array, shape: tuple[int, ...], x: Array) -> Array:
    if not isinstance(out, np.ndarray) or out.shape != shape:
        raise ShapeError(f"out has shape {np.shape(out)}; expected {shape}, the shape of the result")
    if out.dtype != x.dtype:
        raise DTypeError(f"out holds {out.dtype} numbers; expected {x.dtype}, like w")
    if not (out.flags.c_contiguous and out.flags.writeable) or np.may_share_memory(out, x):
        raise ShapeError("out is a view, read-only or part of x; expected an array as np.empty makes it")
    return out


def _product(a: Array, b: Array, bias: Array | None = None, *, transposed: str = "") -> Array:
    """Return ``a @ b + bias``, one of the two matrices transposed if `transposed` names it."""
    left, right = (a.T if transposed == "a" else a), (b.T if transposed == "b" else b)
    sizes = (left.shape[0], right.shape[1], left.shape[1])
    work = math.prod(sizes)
    if work >= LARGE_WORK or sizes[0] < FEW_ROWS:
        product: Array = left @ right
        return product if bias is None else product + bias
    y = np.empty(sizes[:2], a.dtype)
    biases = np.zeros(sizes[1], a.dtype) if bias is None else plain(bias)
    a_steps = (1, a.shape[1]) if transposed == "a" else (a.shape[1], 1)
    b_steps = (1, b.shape[1]) if transposed == "b" else (b.shape[1], 1)
    flat = plain(a).reshape(-1), plain(b).reshape(-1)
    loops.multiply(flat[0], a_steps, flat[1], b_steps, biases, y.reshape(-1), sizes, False, False, work=work)
    return y
