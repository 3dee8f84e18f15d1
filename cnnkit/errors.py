"""The errors that cnnkit raises: each message names the argument, its value and what was expected.

Every class is also a built-in ``ValueError`` (or ``TypeError``), so that code which does not know
cnnkit can still catch it.
"""


class CnnkitError(Exception):
    """Base of every error that cnnkit raises on purpose."""


class ShapeError(CnnkitError, ValueError):
    """An array has the wrong number of axes, or two sizes do not fit together."""


class DTypeError(CnnkitError, TypeError, ValueError):
    """An array holds numbers of a type that the kernels do not compute with."""


class OptionError(ShapeError):
    """An option that decides a shape (stride, padding, dilation, groups, ...) has a meaningless value."""


class DataError(CnnkitError, ValueError):
    """A file is missing, damaged, too large or not what its name says."""


class ClosedError(CnnkitError, RuntimeError):
    """Something was used after it had been closed."""
