"""A convolution prepared once for many inputs, finished (bias, shortcut, ReLU, pooling) before it stores."""

from typing import Any

import numpy as np

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels.arguments import (
    Array,
    Geometry,
    Padding,
    Pair,
    check_conv2d,
    check_float,
    check_images,
    check_same_dtype,
    check_x_shape,
)
from cnnkit.kernels.parallel.choice import Problem, choose
from cnnkit.kernels.parallel.columns import ColumnsPlan, DepthwisePlan
from cnnkit.kernels.parallel.plans import DirectPlan, WinogradPlan
from cnnkit.kernels.parallel.region import plain

AnyPlan = DirectPlan | WinogradPlan | ColumnsPlan | DepthwisePlan


def plan_convolution(
    w: Array,
    b: Array | None,
    geometry: Geometry,
    *,
    images: int = 1,
    algorithm: str = "auto",
    relu: bool = False,
    pooled: int = 1,
) -> tuple[str, AnyPlan]:
    """Return the path for a convolution and its plan, weights packed; arguments have been checked.

    `w` is (KH, KW, C/groups, F) and `b` (F,) or None, in any layout. `images` is the batch to expect;
    `pooled` is 4 for a 2x2 maximum over the results, else 1. Raises OptionError for an `algorithm` that
    cannot serve.
    """
    filters = w.shape[3] // geometry.groups
    path = choose(algorithm, Problem(images, geometry, w.shape[2], filters, w.itemsize))
    if path == "winograd":
        return path, WinogradPlan(w, b, geometry, relu=relu, pooled=pooled)
    if path == "depthwise":
        return path, DepthwisePlan(w, b, geometry, relu=relu, pooled=pooled)
    if path == "columns":
        return path, ColumnsPlan(w, b, geometry, relu=relu, pooled=pooled)
    return path, DirectPlan(w, b, geometry, relu=relu, pooled=pooled, copy_all=path == "im2col")


def forward(x: Array, w: Array, b: Array | None, geometry: Geometry, algorithm: str = "auto") -> Array:
    """Return the convolution (N, H_out, W_out, F) of checked arguments, `x` with its batch axis."""
    y = np.empty((len(x), *geometry.output_size, w.shape[3]), x.dtype)
    _, plan = plan_convolution(w, b, geometry, images=len(x), algorithm=algorithm)
    if y.size:
        plan.run(plain(x), y, np.empty(0, x.dtype))
    return y


class PreparedConv2D:
    """A convolution whose weights are packed once, and whose result is finished before it is stored.

    ``run(x)`` is ``max_pool2d(relu(conv2d(x, w, b) + shortcut))``, each step only if asked for. Storing once
    saves a round trip through memory for each step. Weights are copied: later changes of `w` are not seen.
    Safe from any number of Python threads; they take turns.

    Args:
        w: (KH, KW, C/groups, F), float32 or float64.
        b: (F,) or None, the type of `w`.
        input_shape: (H, W, C) of every image.
        stride: step between windows, one number or (vertical, horizontal).
        padding: a word, a number, a pair, or ((top, bottom), (left, right)).
        dilation: distance between the taps of a kernel.
        groups: blocks of channels that are convolved independently.
        activation: None or "relu".
        pool: None, or 2 for the maximum over 2x2 windows that tile the result; an odd last row or column is
            dropped, as by ``max_pool2d(y, 2)``.
        algorithm: "auto", "direct", "winograd" or "im2col"; see `cnnkit.kernels.parallel.choice.PATHS`.
        batch: how many images a call usually brings; only "auto" looks at it.

    Attributes:
        output_shape: (H', W', F) of every result.
        algorithm: the path that computes it, one of the names in `choice.PATHS`.

    Raises ShapeError, DTypeError or OptionError.
    """

    def __init__(
        self,
        w: Array,
        b: Array | None = None,
        *,
        input_shape: tuple[int, int, int],
        stride: Pair = 1,
        padding: Padding = "valid",
        dilation: Pair = 1,
        groups: int = 1,
        activation: str | None = None,
        pool: int | None = None,
        algorithm: str = "auto",
        batch: int = 1,
    ) -> None:
        if activation not in (None, "relu"):
            raise OptionError(f"activation is {activation!r}; expected None or 'relu'")
        if pool not in (None, 2):
            raise OptionError(f"pool is {pool!r}; expected None or 2, the 2x2 windows that can be fused")
        shape = check_x_shape(input_shape)
        if len(shape) != 3:
            raise ShapeError(
                f"input_shape is {input_shape!r}; expected (H, W, C), one image without its batch"
            )
        options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        example = np.broadcast_to(np.zeros((), check_float(w, "w").dtype), shape)
        _, weights, biases, geometry, _ = check_conv2d(example, w, b, **options, groups=groups)
        self.algorithm, self._plan = plan_convolution(
            weights,
            biases,
            geometry,
            images=batch,
            algorithm=algorithm,
            relu=activation == "relu",
            pooled=1 if pool is None else 4,
        )
        side = pool or 1
        rows, columns = geometry.output_size
        if rows < side or columns < side:
            raise ShapeError(
                f"the result has size {(rows, columns)}; pool=2 needs at least two rows and columns"
            )
        filters = weights.shape[3]
        self.output_shape = (rows // side, columns // side, filters)
        self._input_shape, self._dtype = shape, weights.dtype
        self._unpooled_shape = (rows, columns, filters)

    @property
    def scratch_bytes(self) -> int:
        """Bytes of working memory kept between calls; 0 before the first."""
        return self._plan.scratch_bytes

    def run(self, x: Array, out: Array | None = None, shortcut: Array | None = None) -> Array:
        """Return the finished convolution of `x`, (N, H', W', F), or (H', W', F) for an `x` without N.

        `x` is (N, H, W, C) or (H, W, C). `out`, if given, is filled and returned: it has the result's shape
        and type, is contiguous and does not overlap `x`. `shortcut` is added before the activation; it has
        the shape of the result before pooling and may be `out` itself. Raises ShapeError or DTypeError.
        """
        images, unbatched = check_images(x)
        if images.shape[1:] != self._input_shape:
            raise ShapeError(f"x has shape {np.shape(x)}; expected images of shape {self._input_shape}")
        check_same_dtype(x=images, w=self._plan.w)
        batch = () if unbatched else (len(images),)
        y = self._result(out, (*batch, *self.output_shape), images)
        added = self._shortcut(shortcut, (*batch, *self._unpooled_shape))
        if y.size:
            self._plan.run(plain(images), y if y.ndim == 4 else y[None], added)
        return y

    def _result(self, out: Array | None, shape: tuple[int, ...], x: Array) -> Array:
        if out is None:
            return np.empty(shape, self._dtype)
        if not isinstance(out, np.ndarray) or out.shape != shape:
            raise ShapeError(f"out has shape {np.shape(out)}; expected {shape}, the shape of the result")
        if out.dtype != self._dtype:
            raise DTypeError(f"out holds {out.dtype} numbers; expected {self._dtype}, like w")
        if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
            raise ShapeError("out is a view or read-only; expected a contiguous array as np.empty makes it")
        if np.may_share_memory(out, x):
            raise ShapeError("out shares memory with x, which is still read while results are written")
        return out

    def _shortcut(self, shortcut: Array | None, shape: tuple[int, ...]) -> Array:
        if shortcut is None:
            return np.empty(0, self._dtype)
        if np.shape(shortcut) != shape:
            raise ShapeError(
                f"shortcut has shape {np.shape(shortcut)}; expected {shape}, like the convolution"
            )
        added = np.asarray(shortcut)
        check_same_dtype(shortcut=added, w=self._plan.w)
        return plain(added)
