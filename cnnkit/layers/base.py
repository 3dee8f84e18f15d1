"""What every layer is: shapes, weights declared first and drawn later, a forward beside its backward."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnnkit import activations, shapes
from cnnkit.errors import DataError, OptionError, ShapeError
from cnnkit.initializers import Initializer
from cnnkit.shapes import ReceptiveField

Array = NDArray[Any]
Shape = tuple[int, ...]

LAYERS: dict[str, type["Layer"]] = {}
"""Every kind of layer by the name of its class, the learner's own ones included: what a file may ask for."""


class Layer:
    """One step of a network; its own shapes are those of one example, without the batch axis.

    A layer with weights overrides ``plan`` and declares them there. Every layer overrides ``forward``, keeps
    in ``_kept`` what its ``backward`` needs, and has its constructor's arguments as attributes.

    Attributes:
        name: unique within a network, in Keras' style (``conv2d_1``, in a container ``residual/conv2d_1``);
            set by the network.
        grads: gradients of the loss under the names of ``params``, since the last ``backward``.
        state: arrays that are saved with the weights, but not trained, such as running statistics.
        activation: the function applied last, or None.
        z: the last output of a layer with an activation before that function, the pre-activation.
    """

    kind: ClassVar[str]
    """The type as Keras prints it."""

    pointwise: ClassVar[bool] = False
    """Whether every output position reads the input at its own position only."""

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "kind"):  # the others are only there to be inherited from
            LAYERS[cls.__name__] = cls

    def __init__(self, activation: str | None = None) -> None:
        self.name = ""
        self.own_name: str | None = None
        self.grads: dict[str, Array] = {}
        self.state: dict[str, Array] = {}
        self.activation = None if activation in (None, "linear") else Activation(str(activation))
        self.z: Array | None = None
        self._params: dict[str, Array] = {}
        self._undrawn: dict[str, Initializer] = {}
        self._before_use: Callable[[], None] | None = None
        self._kept: Any = None

    def __repr__(self) -> str:
        return f"<{self.name or self.kind}: {self.kind}>"

    def named(self, name: str) -> Self:
        """Choose the layer's name in its network, return the layer. Raises OptionError for an empty one."""
        if not name or "/" in name:
            raise OptionError(
                f"name is {name!r}; expected a word without '/', which marks what is inside what"
            )
        self.own_name = name
        return self

    # ---- weights ----

    @property
    def params(self) -> dict[str, Array]:
        """The trained arrays by name, ``{"w": ..., "b": ...}``; empty for a layer that learns nothing.

        A network draws its weights when one of them is first looked at, so that counting needs no memory.
        """
        self._ready()
        return self._params

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> None:
        """Fix the shape of one input and draw the weights. Raises ShapeError when the shape does not suit."""
        self.plan(input_shape, dtype)
        self.draw(rng)
        self.draw_before_use(None)

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare the weights for inputs of `input_shape`. Raises ShapeError when the shape does not suit."""
        self.output_shape(input_shape)

    def draw(self, rng: np.random.Generator) -> None:
        """Draw the weights that were declared and not `put`."""
        for name, initializer in self._undrawn.items():
            blank = self._params[name]
            self._params[name] = initializer(blank.shape, rng, blank.dtype)

    @property
    def weight_shapes(self) -> dict[str, Shape]:
        """The shapes of the trained arrays and of the state by name; looking at them draws nothing."""
        return {name: array.shape for name, array in (self._params | self.state).items()}

    def put(self, name: str, values: Array) -> None:
        """Take a copy of `values` for the weight or state `name`, converted to its type.

        Raises ShapeError for another shape or an unknown name.
        """
        store = self._params if name in self._params else self.state
        if name not in store or store[name].shape != np.shape(values):
            expected = store[name].shape if name in store else "no array of that name"
            raise ShapeError(f"{self._title}: {name} has shape {np.shape(values)}; expected {expected}")
        store[name][...] = values
        self._undrawn.pop(name, None)

    def array_shapes(self) -> dict[str, Shape]:
        """Return the shapes of all weights and state by name, without drawing anything."""
        return {name: array.shape for name, array in (self._params | self.state).items()}

    def _declare(self, name: str, shape: Shape, initializer: Initializer, dtype: DTypeLike) -> None:
        """Announce a weight: its room is reserved, its numbers are drawn when somebody needs them."""
        if name in self._params:
            raise OptionError(f"{self._title} has its weights already; use each layer object once")
        self._params[name] = np.empty(shape, dtype)
        self._undrawn[name] = initializer

    def draw_before_use(self, draw: Callable[[], None] | None) -> None:
        """Call `draw` when the weights are first needed; None: they are there."""
        self._before_use = draw
        if draw is None:
            self._undrawn = {}

    def _ready(self) -> None:
        if self._before_use is not None:
            self._before_use()

    # ---- shapes and counts ----

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output for one input. Raises ShapeError when the shape does not suit."""
        return input_shape

    def count_params(self) -> int:
        """Return how many numbers this layer learns."""
        return sum(array.size for array in self._params.values())

    def count_state(self) -> int:
        """Return how many numbers this layer keeps without learning them by gradient."""
        return sum(array.size for array in self.state.values())

    def count_macs(self, input_shape: Shape) -> int:
        """Return the multiply-adds for one example; comparisons, copies, biases and scaling do not count."""
        return 0

    def count_activations(self, input_shape: Shape) -> int:
        """Return how many numbers one example leaves in memory: those of the output."""
        return int(np.prod(self.output_shape(input_shape)))

    def field_above(
        self, below: ReceptiveField | None, input_shape: Shape, axis: int
    ) -> ReceptiveField | None:
        """Return what an output unit sees, when an input unit sees `below`; None is everything."""
        return below if self.pointwise else None

    # ---- running ----

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the layer's output for a batch `x` (N, ...), float32 or float64 as `x`."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array:
        """Return dx for the last ``forward``, from dy of its output's shape; fills ``grads``."""
        raise NotImplementedError

    def backward_from_z(self, dz: Array) -> Array:
        """Return dx from the gradient of the pre-activation: `backward` where there is no activation."""
        return self.backward(dz)

    def fill_grads(self, dy: Array) -> None:
        """Fill ``grads`` as `backward` does, without dx: for a first layer, whose input is data."""
        self.backward(dy)

    def infer(self, x: Array) -> Array:
        """Return ``forward(x)`` and keep nothing of it, so that a deep network needs little memory."""
        y = self.forward(x)
        self.forget()
        return y

    def trace(self, x: Array, results: dict[str, Array]) -> Array:
        """Return ``forward(x)`` and add it to `results` under the layer's name, z before the activation."""
        y = self.forward(x)
        self._record(y, results)
        return y

    def forget(self) -> None:
        """Drop what the last ``forward`` kept."""
        self._kept = self.z = None
        if self.activation is not None:
            self.activation.forget()

    def _record(self, y: Array, results: dict[str, Array]) -> None:
        if self.activation is None or self.z is None:
            results[self.name] = y
            return
        results[self.name] = self.z
        results[f"{self.name}/{self.activation.function}"] = y

    # ---- structure ----

    def paths(self) -> dict[str, list["Layer"]]:
        """Return the rows of layers inside a container by name; none for a plain layer."""
        return {}

    def sublayers(self) -> list["Layer"]:
        """Return the layers directly inside a container; none for a plain layer."""
        return [layer for path in self.paths().values() for layer in path]

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, JSON-able: the attributes of the same names."""
        values = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        if isinstance(values.get("activation"), Activation):
            values["activation"] = values["activation"].function
        return values

    def describe(self) -> dict[str, Any]:
        """Return what `cnnkit.layers.restore` makes the same layer from, without its weights; JSON-able."""
        chosen = {} if self.own_name is None else {"name": self.own_name}
        return {"layer": type(self).__name__, **chosen, "config": self.config()}

    @property
    def _title(self) -> str:
        return self.name or self.kind

    def _remembered(self) -> Any:
        """Return what the last forward kept; ShapeError when there was none."""
        if self._kept is None:
            raise ShapeError(f"{self._title}: backward needs a forward before it")
        return self._kept

    def _check_axes(self, input_shape: Shape, count: int, expected: str) -> None:
        if len(input_shape) != count:
            hint = "; put Flatten() before it" if count == 1 else ""
            raise ShapeError(f"{self.kind} got examples of shape {input_shape}; expected {expected}{hint}")


class ActivatedLayer(Layer):
    """A layer that may end in an activation: ``a = f(z)``, ``dz = f'(z) * da``."""

    def backward(self, dy: Array) -> Array:
        """Return dx and fill ``grads``."""
        return self.backward_from_z(self._before_activation(dy))

    def backward_from_z(self, dz: Array) -> Array:
        """Return dx from the gradient of the pre-activation, and fill ``grads``."""
        raise NotImplementedError

    def _activated(self, z: Array) -> Array:
        self.z = z
        return z if self.activation is None else self.activation.forward(z)

    def _before_activation(self, dy: Array) -> Array:
        return dy if self.activation is None else self.activation.backward(dy)


def restore(description: Any) -> Layer:
    """Return a new layer, and all inside it, from its `Layer.describe`, JSON's lists for tuples.

    Raises DataError for anything else, and for options that the layer refuses.
    """
    if not isinstance(description, dict) or not isinstance(description.get("config"), dict):
        raise DataError(f"a layer is described by {str(description)[:80]!r}; expected its name and options")
    made = LAYERS.get(str(description.get("layer")))
    if made is None:
        raise DataError(
            f"there is no layer {str(description.get('layer'))[:80]!r}; expected one of {', '.join(LAYERS)}"
        )
    try:
        layer = made(**{name: _restored(value) for name, value in description["config"].items()})
        return layer if "name" not in description else layer.named(description["name"])
    except (OptionError, TypeError) as error:
        raise DataError(f"{made.__name__}: {error}") from error


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return restore(value)
    if not isinstance(value, list):
        return value
    parts = [_restored(part) for part in value]
    # Numbers in a row are sizes or paddings, which layers keep as tuples; layers in a row stay a list.
    return parts if any(isinstance(part, (Layer, list)) for part in parts) or not parts else tuple(parts)


_FUNCTIONS = ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu", "softmax")


class Activation(Layer):
    """A function of every value (softmax: of the last axis): ``a = f(z)``, ``dz = f'(z) * da``."""

    kind = "Activation"
    pointwise = True

    def __init__(self, function: str) -> None:
        """Raise OptionError when `function` is not one of `cnnkit.activations`."""
        if function not in _FUNCTIONS:
            raise OptionError(f"activation is {function!r}; expected one of {', '.join(_FUNCTIONS)}, or None")
        super().__init__()
        self.function = function

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(x), of x's shape and dtype."""
        self._kept = self.z = x
        y: Array = getattr(activations, self.function)(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Return dy times the derivative at the last input (softmax: times its Jacobian)."""
        z = self._remembered()
        if self.function == "softmax":
            # The Jacobian is diag(a) - a aᵀ, so that its product with dy needs no (K, K) matrix.
            a = activations.softmax(z)
            dz: Array = a * (dy - (dy * a).sum(axis=-1, keepdims=True))
            return dz
        dx: Array = dy * getattr(activations, f"{self.function}_grad")(z)
        return dx


def window_field(
    below: ReceptiveField | None, size: int, window: tuple[int, int, Any, int]
) -> ReceptiveField | None:
    """Return what a window's unit sees above `below`; `window` is (kernel_size, stride, padding, dilation).

    `size` is that of the map on which the window stands. None, everything, stays None.
    """
    if below is None:
        return None
    kernel_size, stride, padding, dilation = window
    before, _ = shapes.resolve_padding(padding, size, kernel_size, stride, dilation)
    return ReceptiveField(
        below.size + (shapes.effective_kernel_size(kernel_size, dilation) - 1) * below.jump,
        below.jump * stride,
        below.start - before * below.jump,
    )
