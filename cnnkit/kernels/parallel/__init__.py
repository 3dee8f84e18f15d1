"""The kernels in Numba, on all cores: same names, arguments and results as `loops` and `vectorized`."""

from cnnkit.kernels.parallel.convolution import conv2d

__all__ = ["conv2d"]
