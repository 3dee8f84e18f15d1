"""Dense layers through NumPy's matrix product.

A dense layer is one matrix product, and the BLAS library behind NumPy already runs that on all cores, several
times faster than a compiled loop of this size could. It stays outside the parallel regions of Numba: the two
keep separate threads, and nesting one in the other would set more threads to work than there are cores.
"""

from cnnkit.kernels.arguments import Array, check_dense, check_dense_backward, quiet


@quiet
def dense(x: Array, w: Array, b: Array | None = None) -> Array:
    """Return the dense layer ``y[k] = b[k] + sum over c of x[c] * w[c, k]``.

    `x` is (N, in) or (in,), `w` (in, out), `b` (out,) or None, float32 or float64; the result is (N, out) or
    (out,). Raises ShapeError or DTypeError.
    """
    rows, weights, biases, unbatched = check_dense(x, w, b)
    y: Array = rows @ weights
    if biases is not None:
        y += biases
    return y[0] if unbatched else y


@quiet
def dense_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return dx, dw and db of `dense`.

    ``dx[c] += dy[k] * w[c, k]``; ``dw[c, k] += dy[k] * x[c]``; ``db[k] += dy[k]``, summed over the batch.
    `dy` is (N, out) or (out,), `x` and `w` are those of the forward call; dx has the shape of `x`, dw of `w`,
    db is (out,). Raises ShapeError or DTypeError.
    """
    delta, rows, weights, unbatched = check_dense_backward(dy, x, w)
    dx: Array = delta @ weights.T
    return (dx[0] if unbatched else dx), rows.T @ delta, delta.sum(axis=0)
