"""SciPy: convolution by Fourier transform, its image filters for pooling, its BLAS for a dense layer."""

from collections.abc import Sequence

import numpy as np
import scipy
from scipy import fft, ndimage
from scipy.linalg import blas

from benchmarks.cases import Case, Conv, Dense, MaxPool
from benchmarks.contestants import Unsupported
from benchmarks.timing import Array, Contender

NAME = "SciPy"


class SciPy:
    """What a user of SciPy would write: it has no convolution over channels, so that transforms make it."""

    columns = (NAME,)

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.version = scipy.__version__

    def contenders(self, case: Case, dtype: str, arrays: Sequence[Array]) -> list[Contender]:
        """Return the case; raises Unsupported for gradients, networks and the source's methods."""
        match case:
            case Conv():
                return [Contender(NAME, lambda: self._convolve(case, *arrays), lambda y: [y])]
            case MaxPool():
                return [Contender(NAME, lambda: _max_pool(case, arrays[0]), lambda y: [y])]
            case Dense():
                return [Contender(NAME, lambda: _dense(*arrays), lambda y: [y])]
        raise Unsupported("has single operations only")

    def close(self) -> None:
        """Hold nothing."""

    def _convolve(self, case: Conv, x: Array, w: Array, b: Array) -> Array:
        """Return the convolution theorem's answer: multiply the spectra, one filter at a time."""
        pad = case.kernel // 2
        side = fft.next_fast_len(case.size + 2 * pad, real=True)
        kept = slice(0, case.size + 2 * pad - case.kernel + 1, case.stride)
        with fft.set_workers(self._threads):
            padded = np.pad(x[0], ((pad, pad), (pad, pad), (0, 0))).transpose(2, 0, 1)
            spectrum = fft.rfft2(padded, (side, side))
            maps = []
            for k in range(case.filters):
                # A filter in a group of its own meets its own channel only.
                seen = spectrum if case.groups == 1 else spectrum[k : k + 1]
                # Cross-correlation: the conjugate turns the kernel round.
                weights = fft.rfft2(w[..., k].transpose(2, 0, 1), (side, side)).conj()
                maps.append(fft.irfft2((seen * weights).sum(axis=0), (side, side))[kept, kept] + b[k])
        return np.stack(maps, axis=-1)[None]


def library(threads: int) -> SciPy:
    """Return SciPy, whose transforms use `threads`."""
    return SciPy(threads)


def _max_pool(case: MaxPool, x: Array) -> Array:
    """Return every window's maximum: SciPy slides by one cell, so most of its results are dropped."""
    size, pad = case.window, case.padding
    padded = np.pad(x[0], ((pad, pad), (pad, pad), (0, 0)), constant_values=-np.inf)
    # The filter's windows are centred; this origin lets them begin at their cell.
    origin = (-(size // 2), -(size // 2), 0)
    rows = padded.shape[0] - size + 1
    kept = slice(0, rows, case.stride)
    largest: Array = ndimage.maximum_filter(padded, (size, size, 1), mode="nearest", origin=origin)
    return largest[kept, kept][None]


def _dense(x: Array, w: Array, b: Array) -> Array:
    multiply = blas.sgemm if x.dtype == np.float32 else blas.dgemm
    # BLAS keeps columns together: the transposed problem needs no copies.
    product: Array = multiply(1.0, w.T, x.T).T
    product += b
    return product
