"""Cases for the kernel tests: geometries drawn by Hypothesis, arrays in awkward memory layouts."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from cnnkit.kernels import loops, parallel, vectorized

MODULES = (loops, vectorized, parallel)
OPERATORS = (
    "conv2d",
    "conv2d_backward",
    "conv2d_transpose",
    "max_pool2d",
    "max_pool2d_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "dense",
    "dense_backward",
    "conv1d",
)
LAYOUTS = ("c", "fortran", "reversed", "every other", "channels first")

WIDE: list[tuple[int, int, tuple[int, int], dict[str, Any]]] = [  # more channels than fit in registers
    (35, 67, (1, 1), {}),
    (19, 33, (3, 3), {"padding": "same"}),
    (3, 64, (7, 7), {"padding": "same", "stride": 2}),
    (40, 40, (3, 5), {"padding": 2, "groups": 40}),
    (34, 68, (2, 3), {"groups": 2, "dilation": 2, "stride": (1, 3)}),
]


def examples(count: int) -> settings:
    """Deterministic Hypothesis settings: the same cases on every machine and in every run."""
    return settings(max_examples=count, deadline=None, derandomize=True, database=None)


def name_of(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def in_layout(array: np.ndarray, layout: str) -> np.ndarray:
    """Return an equal array whose numbers lie differently in memory."""
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        return array[::-1, ::-1].copy()[::-1, ::-1]
    if layout == "every other":
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "channels first":
        return np.moveaxis(np.moveaxis(array, -1, 0).copy(), 0, -1)
    return array


@dataclass(frozen=True)
class Case:
    """Arguments of one call: arrays by name, then options."""

    arrays: dict[str, np.ndarray]
    options: dict[str, Any]


def numbers(seed: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


def axis(draw: Any, *, dilated: bool) -> tuple[int, int, int, int, int, int]:
    """Draw (size, kernel, stride, dilation, before, after) of one axis on which the window fits."""
    kernel = draw(st.integers(1, 4))
    dilation = draw(st.integers(1, 3)) if dilated else 1
    stride = draw(st.integers(1, 5))
    before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    span = dilation * (kernel - 1) + 1
    size = draw(st.integers(max(1, span - before - after), max(1, span - before - after) + 4))
    return size, kernel, stride, dilation, before, after


@st.composite
def conv2d_cases(draw: Any, dtypes: tuple[str, ...] = ("float32", "float64"), batch: int = 2) -> Case:
    """x, w, b of a convolution with four-sided padding, any stride, dilation and number of groups."""
    height, width = axis(draw, dilated=True), axis(draw, dilated=True)
    groups = draw(st.integers(1, 3))
    channels, filters = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    seed, dtype = draw(st.integers(0, 2**16)), draw(st.sampled_from(dtypes))
    images = draw(st.integers(1, batch))
    arrays = {
        "x": numbers(seed, (images, height[0], width[0], channels * groups), dtype),
        "w": numbers(seed + 1, (height[1], width[1], channels, filters * groups), dtype),
        "b": numbers(seed + 2, (filters * groups,), dtype),
    }
    arrays = {
        name: in_layout(array, draw(st.sampled_from(LAYOUTS))) if array.ndim > 1 else array
        for name, array in arrays.items()
    }
    options = {
        "stride": (height[2], width[2]),
        "padding": (height[4:], width[4:]),
        "dilation": (height[3], width[3]),
        "groups": groups,
    }
    return Case(arrays, options)


@st.composite
def pool_cases(
    draw: Any, *, dilated: bool = True, dtypes: tuple[str, ...] = ("float32", "float64")
) -> tuple[np.ndarray, tuple[int, int], dict[str, Any]]:
    """x, window and options of a pooling in which no window lies in the padding entirely."""

    def fits(one_axis: tuple[int, int, int, int, int, int]) -> bool:
        size, kernel, stride, dilation, before, after = one_axis
        starts = range(-before, size, stride)
        covered = all(any(0 <= start + m * dilation < size for m in range(kernel)) for start in starts)
        return covered and before < kernel and after < kernel and size + before + after >= kernel

    axes = st.composite(lambda draw: axis(draw, dilated=dilated))()
    height, width = draw(axes.filter(fits)), draw(axes.filter(fits))
    seed, dtype = draw(st.integers(0, 2**16)), draw(st.sampled_from(dtypes))
    shape = (draw(st.integers(1, 2)), height[0], width[0], draw(st.integers(1, 3)))
    x = in_layout(numbers(seed, shape, dtype), draw(st.sampled_from(LAYOUTS)))
    options = {
        "stride": (height[2], width[2]),
        "padding": (height[4:], width[4:]),
        "dilation": (height[3], width[3]),
        "ceil_mode": draw(st.booleans()),
    }
    return x, (height[1], width[1]), options


def tolerance(dtype: Any) -> dict[str, float]:
    return {"rtol": 1e-5, "atol": 2e-5} if np.dtype(dtype) == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
