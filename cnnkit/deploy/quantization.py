"""Numbers of eight bits for numbers of 32: how a range of values is mapped to -128 ... 127, at what cost.

``value = scale * (code - zero_point)``. *Symmetric*: zero_point is 0, the range reaches equally far to both
sides. *Affine*: any range that holds 0, which gets a code of its own, so that padding stays exact.
Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (2018), section 2.1.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels.arguments import Array, check_float, check_same_dtype

LOWEST, HIGHEST = -128, 127
SCHEMES = ("symmetric", "affine")


@dataclass(frozen=True)
class Quantization:
    """A mapping between values and codes of eight bits.

    Attributes:
        scale: what a step of one code is worth, float64: (), or (C,), one for each channel, the last axis.
        zero_point: the code of the value 0, int64, of scale's shape.
    """

    scale: Array
    zero_point: Array

    def quantize(self, values: Array) -> Array:
        """Return the nearest codes, int8; values beyond the range get the first or last code.

        `values` is float32 or float64 without NaN, which has no code: ShapeError. Raises DTypeError.
        """
        numbers = check_float(values, "values")
        if np.isnan(numbers).any():
            raise ShapeError("values holds NaN, which no code of eight bits stands for; expected numbers")
        codes = np.rint(numbers / self.scale) + self.zero_point
        result: Array = np.clip(codes, LOWEST, HIGHEST).astype(np.int8)
        return result

    def dequantize(self, codes: Array, dtype: Any = np.float32) -> Array:
        """Return ``scale * (code - zero_point)`` for int8 `codes`, in `dtype`."""
        values: Array = (self.scale * (codes.astype(np.int64) - self.zero_point)).astype(dtype)
        return values


def choose_quantization(
    values: Array, *, scheme: str = "symmetric", per_channel: bool = False, percentile: float = 100.0
) -> Quantization:
    """Return the mapping whose range just covers `values`.

    Args:
        values: any shape, float32 or float64, finite; what is to be represented, or a sample of it.
        scheme: "symmetric", ``scale = max|v| / 127``; or "affine", ``scale = (high - low) / 255``, where the
            range is widened to hold 0.
        per_channel: one range for every index of the last axis instead of one for all.
        percentile: below 100, ignore the largest magnitudes: the rest then gets finer steps, and the few
            beyond are clipped.

    Raises OptionError for another scheme or percentile, ShapeError for no or infinite values, DTypeError.
    """
    numbers = check_float(values, "values").astype(np.float64)
    if scheme not in SCHEMES:
        raise OptionError(f"scheme is {scheme!r}; expected 'symmetric' or 'affine'")
    if not 0 < percentile <= 100:
        raise OptionError(f"percentile is {percentile!r}; expected a number above 0, up to 100")
    if not numbers.size or not np.isfinite(numbers).all():
        raise ShapeError(f"values, of shape {numbers.shape}, must be finite numbers, at least one")
    flat = numbers.reshape(-1, numbers.shape[-1]) if per_channel else numbers.reshape(-1, 1)
    low, high = _range(flat, scheme, percentile)
    steps = HIGHEST - LOWEST if scheme == "affine" else 2 * HIGHEST
    scale = (high - low) / steps
    scale[scale == 0] = 1.0  # nothing but zeros: any step will do
    zero_point = np.zeros(len(scale), np.int64)
    if scheme == "affine":
        zero_point = np.rint(LOWEST - low / scale).astype(np.int64)
    return Quantization(scale, zero_point) if per_channel else Quantization(scale[0], zero_point[0])


def signal_to_noise(values: Array, approximation: Array) -> float:
    """Return ``10 * log10(sum(v**2) / sum((v - a)**2))``, in decibels; infinite when they are equal.

    Each bit of a well used range is worth about 6 dB. Both have one shape and type. Raises ShapeError or
    DTypeError.
    """
    exact, near = check_float(values, "values"), check_float(approximation, "approximation")
    check_same_dtype(values=exact, approximation=near)
    if exact.shape != near.shape:
        raise ShapeError(f"approximation has shape {near.shape}; expected {exact.shape}, that of values")
    noise = float(np.square(np.float64(exact) - near).sum())
    signal = float(np.square(np.float64(exact)).sum())
    return math.inf if noise == 0 else 10 * math.log10(signal / noise) if signal else -math.inf


def _range(columns: Array, scheme: str, percentile: float) -> tuple[Array, Array]:
    """Return the lowest and the highest value to represent in each column; both ranges hold 0."""
    if scheme == "symmetric":
        reach = np.percentile(np.abs(columns), percentile, axis=0)
        return -reach, reach
    low, high = np.percentile(columns, [100 - percentile, percentile], axis=0)
    return np.minimum(low, 0), np.maximum(high, 0)
