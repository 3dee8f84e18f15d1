"""Signals through many layers: how the variance of the values and the size of the gradients change.

The network of the experiment is as plain as can be: dense layers of one width, no biases, one function after
each, random weights, random inputs. Everything is float64 and seeded.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import activations
from cnnkit.errors import OptionError
from cnnkit.shapes import whole_number

__all__ = ["FUNCTIONS", "SCHEMES", "DepthMap", "Signals", "depth_map", "propagate", "weight_variance"]

Array = NDArray[np.float64]
Function = Callable[[Any], Any]

WIDTH, BATCH = 64, 16
_SMALLEST = 1e-300
"""Below it a gradient counts as gone: its logarithm has to be a number."""


def _identity(x: Any) -> Any:
    return x


FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "none": (_identity, np.ones_like),
    "sigmoid": (activations.sigmoid, activations.sigmoid_grad),
    "tanh": (activations.tanh, activations.tanh_grad),
    "relu": (activations.relu, activations.relu_grad),
    "leaky_relu": (activations.leaky_relu, activations.leaky_relu_grad),
    "elu": (activations.elu, activations.elu_grad),
    "gelu": (activations.gelu, activations.gelu_grad),
    "silu": (activations.silu, activations.silu_grad),
}
"""Name -> the function and its derivative."""

SCHEMES: dict[str, Callable[[int, int], float]] = {
    "std 0.01": lambda fan_in, fan_out: 1e-4,
    "half of Xavier": lambda fan_in, fan_out: 1 / (fan_in + fan_out),
    "Xavier": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "He": lambda fan_in, fan_out: 2 / fan_in,
    "twice He": lambda fan_in, fan_out: 4 / fan_in,
    "std 1": lambda fan_in, fan_out: 1.0,
}
"""Name -> the variance of a weight, from (fan_in, fan_out)."""


@dataclass(frozen=True)
class Signals:
    """What one network does to a batch of inputs of variance 1, and to a random gradient at its end.

    Attributes:
        variances: (depth,) variance of the pre-activations z of every layer, over units and examples.
        gradients: (depth,) norm of dJ/dz of every layer, divided by that of dJ/da at the end.
    """

    variances: Array
    gradients: Array


@dataclass(frozen=True)
class DepthMap:
    """The two ends of the network for every function and initialisation: medians over seeds, as log10.

    Attributes:
        functions: names of the rows.
        schemes: names of the columns.
        signal: (rows, columns) log10 of the standard deviation of z in the last layer.
        gradient: (rows, columns) log10 of the norm of dJ/dz in the first layer, relative to the end.
    """

    functions: tuple[str, ...]
    schemes: tuple[str, ...]
    signal: Array
    gradient: Array

    def __str__(self) -> str:
        head = " " * 12 + "".join(f"{name:>16}" for name in self.schemes)
        rows = [
            f"{name:<12}" + "".join(f"{value + 0.0:>16.1f}" for value in row.round(1))
            for name, row in zip(self.functions, self.gradient, strict=True)
        ]
        return "\n".join([head, *rows])


def weight_variance(scheme: str | float, fan_in: int, fan_out: int) -> float:
    """Return the variance of a weight by the name of an initialisation, or by its standard deviation.

    Raises OptionError for a name that is not in SCHEMES, or a standard deviation that is not positive.
    """
    if isinstance(scheme, str) and scheme in SCHEMES:
        return SCHEMES[scheme](fan_in, fan_out)
    if isinstance(scheme, str) or not 0 < scheme < math.inf:
        raise OptionError(
            f"scheme is {scheme!r}; expected one of {', '.join(SCHEMES)}, or a standard deviation above 0"
        )
    return float(scheme) ** 2


@cache
def propagate(
    function: str, scheme: str | float, depth: int, *, width: int = WIDTH, batch: int = BATCH, seed: int = 0
) -> Signals:
    """Send a random batch forwards and a random gradient backwards through `depth` layers.

    Forwards ``z = a W``, ``a = f(z)``, from normal inputs; backwards ``dz = da * f'(z)``, ``da = dz Wᵀ``,
    from a normal da. `scheme` is a name or a standard deviation. Results are remembered.

    Raises OptionError for an unknown name or a size below 1.
    """
    if function not in FUNCTIONS:
        raise OptionError(f"function is {function!r}; expected one of {', '.join(FUNCTIONS)}")
    for name, value in (("depth", depth), ("width", width), ("batch", batch)):
        whole_number(value, name, least=1)
    f, slope = FUNCTIONS[function]
    spread = math.sqrt(weight_variance(scheme, width, width))
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((batch, width))
    weights = [spread * rng.standard_normal((width, width)) for _ in range(depth)]
    before: list[Array] = []
    for w in weights:
        before.append(a @ w)
        a = f(before[-1])
    da = rng.standard_normal((batch, width))
    end = np.linalg.norm(da)
    gradients = []
    for w, z in zip(reversed(weights), reversed(before), strict=True):
        dz = da * slope(z)
        gradients.append(float(np.linalg.norm(dz) / end))
        da = dz @ w.T
    return Signals(np.array([z.var() for z in before]), np.array(gradients[::-1]))


def depth_map(
    depth: int,
    functions: Sequence[str] = tuple(FUNCTIONS),
    schemes: Sequence[str] = tuple(SCHEMES),
    *,
    seeds: Sequence[int] = (0, 1, 2),
) -> DepthMap:
    """Measure every function with every initialisation at one depth; raises OptionError for unknown names."""
    if not seeds:
        raise OptionError("seeds is empty; expected at least one")
    runs = [[[propagate(f, s, depth, seed=n) for n in seeds] for s in schemes] for f in functions]
    ends = np.array([[[(r.variances[-1], r.gradients[0]) for r in cell] for cell in row] for row in runs])
    middle = np.log10(np.maximum(np.median(ends, axis=2), _SMALLEST))
    return DepthMap(tuple(functions), tuple(schemes), middle[..., 0] / 2, middle[..., 1])
