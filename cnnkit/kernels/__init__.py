"""The same kernels three times: literal loops, vectorised NumPy, parallel Numba.

The three modules have the same names, arguments and results; pick one by importing it, for example
``from cnnkit.kernels import loops``. None is imported here, so that reading the loops never compiles Numba.

Around them: `arguments` checks what all three are given, `geometry` says where a window stands, and `linear`
writes a convolution out as the matrix that it is.
"""
