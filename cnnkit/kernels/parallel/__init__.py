"""The kernels in Numba, on all cores: same names, arguments and results as `loops` and `vectorized`."""

from cnnkit.kernels.parallel.convolution import conv1d, conv2d
from cnnkit.kernels.parallel.dense import PreparedDense, dense, dense_backward
from cnnkit.kernels.parallel.gradient import conv2d_backward, conv2d_transpose
from cnnkit.kernels.parallel.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from cnnkit.kernels.parallel.prepared import PreparedConv2D
from cnnkit.kernels.parallel.warm import warm_up

__all__ = [
    "PreparedConv2D",
    "PreparedDense",
    "avg_pool2d",
    "avg_pool2d_backward",
    "conv1d",
    "conv2d",
    "conv2d_backward",
    "conv2d_transpose",
    "dense",
    "dense_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "warm_up",
]
