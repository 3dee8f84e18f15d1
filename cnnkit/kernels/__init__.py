"""The same kernels three times: literal loops, vectorised NumPy, parallel Numba.

The three modules have the same names, arguments and results; pick one by importing it, for example
``from cnnkit.kernels import loops``. None is imported here, so that reading the loops never compiles Numba.
"""
