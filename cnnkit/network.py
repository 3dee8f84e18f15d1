"""Networks: layers in a row, with Keras' summary, counts, training and prediction."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels.arguments import check_float
from cnnkit.layers import Activation, Conv2D, Dense, Layer, Shape
from cnnkit.losses import softmax_cross_entropy
from cnnkit.optim import Adam, Optimizer
from cnnkit.shapes import whole_number
from cnnkit.tables import keras_table

Array = NDArray[Any]
Examples = tuple[Array, Array]
_BAR_WIDTH = 20


@dataclass
class History:
    """What `Sequential.fit` saw, one number per epoch.

    Attributes:
        loss: mean training loss over the epoch's batches, each taken before its step.
        accuracy: share of training examples that were right in the same passes.
        validation_loss: loss on the validation examples after the epoch; empty without such examples.
        validation_accuracy: share of validation examples that are right; empty without such examples.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


class Sequential:
    """Layers in a row: each one reads what the layer before it returns.

    Attributes:
        layers: the layers, built and named.
        input_shape: the shape of one example, for example (H, W, C).
        output_shapes: the shape of one output of every layer.
        dtype: float32 or float64, the type of all weights, and so of inputs and outputs.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Shape,
        *,
        name: str = "sequential",
        seed: int | np.random.Generator = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Build `layers` for examples of `input_shape`, with weights drawn from `seed` (or a Generator).

        Raises ShapeError, naming the layer, when a shape does not suit it; OptionError for no layers or one
        used twice; DTypeError for another `dtype` than float32 and float64.
        """
        if not layers:
            raise OptionError("layers is empty; expected at least one layer")
        self.name = name
        self.dtype = check_float(np.zeros(0, dtype), "dtype: the network").dtype
        self.input_shape = tuple(whole_number(size, "input_shape", least=1) for size in input_shape)
        self.layers = list(layers)
        for layer, layer_name in zip(self.layers, _keras_names(self.layers), strict=True):
            layer.name = layer_name
        self.output_shapes = [output for _, output in self._shapes(self.input_shape)]
        rng = np.random.default_rng(seed)
        for layer, shape in zip(self.layers, [self.input_shape, *self.output_shapes], strict=False):
            layer.build(shape, rng, self.dtype)

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.layers)} layers, {self.count_params():,} parameters>"

    # ---- counting ----

    @property
    def params(self) -> dict[str, Array]:
        """All trained arrays by name, such as ``"conv2d_1/w"``: the arrays themselves, not copies."""
        return {f"{layer.name}/{key}": array for layer in self.layers for key, array in layer.params.items()}

    @property
    def grads(self) -> dict[str, Array]:
        """The gradients of the last `backward`, under the names of `params`."""
        return {f"{layer.name}/{key}": array for layer in self.layers for key, array in layer.grads.items()}

    def count_params(self) -> int:
        """Return how many numbers the network learns."""
        return sum(layer.count_params() for layer in self.layers)

    def count_macs(self, input_shape: Shape | None = None) -> int:
        """Return the multiply-adds for one example, of the network's `input_shape` or of another one.

        Raises ShapeError when a layer cannot take that shape.
        """
        pairs = self._shapes(self.input_shape if input_shape is None else tuple(input_shape))
        return sum(layer.count_macs(shape) for layer, (shape, _) in zip(self.layers, pairs, strict=True))

    def summary(self) -> None:
        """Print the table that Keras prints for the same model."""
        rows = [
            (layer.name, layer.kind, shape, layer.count_params())
            for layer, shape in zip(self.layers, self.output_shapes, strict=True)
        ]
        print(keras_table(self.name, rows, bytes_per_number=self.dtype.itemsize))

    # ---- running ----

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the last layer's output for `x`: (N, ...) examples, or a single one without batch axis.

        `training` switches dropout on. Raises ShapeError or DTypeError when x is not what the network takes.
        """
        y, unbatched = self._batch(x)
        for layer in self.layers:
            y = layer.forward(y, training=training)
        return y[0] if unbatched else y

    def backward(self, dy: Array) -> Array:
        """Return dx for the last `forward` and fill every layer's ``grads``; `dy` has the output's shape."""
        single = dy.ndim == len(self.output_shapes[-1])
        dx = self._backward_through(self.layers, dy[None] if single else dy)
        return dx[0] if single else dx

    def predict(self, x: Array, *, batch_size: int = 32) -> Array:
        """Return `forward` for any number of examples, computed a batch at a time to bound the memory."""
        examples, unbatched = self._batch(x)
        whole_number(batch_size, "batch_size", least=1)
        starts = range(0, max(len(examples), 1), batch_size)
        y = np.concatenate([self.forward(examples[start : start + batch_size]) for start in starts])
        return y[0] if unbatched else y

    def activations(self, x: Array) -> dict[str, Array]:
        """Return every intermediate result for `x`, in order: "input", then each layer's output by name.

        A layer with an activation has two: the pre-activation under its name, such as "conv2d", and the
        result under "conv2d/relu". Shapes have a batch axis if `x` has one.
        """
        y, unbatched = self._batch(x)
        results = {"input": y}
        for layer in self.layers:
            y = layer.forward(y)
            if layer.activation is not None and layer.z is not None:
                results[layer.name] = layer.z
                results[f"{layer.name}/{layer.activation.function}"] = y
            else:
                results[layer.name] = y
        return {name: array[0] if unbatched else array for name, array in results.items()}

    # ---- learning ----

    def loss_and_gradients(self, x: Array, labels: Array, *, training: bool = True) -> tuple[float, Array]:
        """Return the mean softmax cross-entropy of `x` (N, ...) with `labels` (N,), and logits (N, classes).

        Fills every layer's ``grads``. A final softmax is differentiated together with the loss, where the
        gradient is ``(softmax(z) - onehot) / N``; a network that ends without one returns logits itself.
        Raises OptionError when the network ends in another activation.
        """
        logits = self._logits(x, training)
        loss, dlogits = softmax_cross_entropy(logits, labels)
        *before, last = self.layers
        if isinstance(last, (Conv2D, Dense)):
            self._backward_through(before, last.backward_from_z(dlogits))
        else:
            self._backward_through(before if _is_softmax(last) else self.layers, dlogits)
        return float(loss), logits

    def evaluate(self, x: Array, labels: Array, *, batch_size: int = 256) -> tuple[float, float]:
        """Return (mean loss, accuracy) on `x` (N, ...) and `labels` (N,), without dropout."""
        _check_examples(x, labels)
        total = _Running()
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            logits = self._logits(x[part], training=False)
            total.add(float(softmax_cross_entropy(logits, labels[part])[0]), logits, labels[part])
        return total.loss, total.accuracy

    def fit(
        self,
        x: Array,
        labels: Array,
        epochs: int = 1,
        batch_size: int = 32,
        *,
        optimizer: Optimizer | None = None,
        validation: Examples | None = None,
        seed: int | np.random.Generator = 0,
        progress: bool = True,
    ) -> History:
        """Train on `x` (N, ...) and `labels` (N,) integers, by softmax cross-entropy, and return the history.

        Each epoch passes over all examples once, shuffled by `seed`; the same seeds give the same weights.
        `optimizer` is Adam with its defaults unless given; `validation` is (x, labels) never trained on;
        `progress` prints a line per epoch. Raises ShapeError, DTypeError or OptionError for bad input.
        """
        _check_examples(x, labels)
        whole_number(epochs, "epochs", least=1)
        whole_number(batch_size, "batch_size", least=1)
        optimizer = Adam() if optimizer is None else optimizer
        rng = np.random.default_rng(seed)
        history = History()
        for epoch in range(1, epochs + 1):
            self._train_epoch(x, labels, batch_size, optimizer, rng, history)
            if validation is not None:
                loss, accuracy = self.evaluate(*validation)
                history.validation_loss.append(loss)
                history.validation_accuracy.append(accuracy)
            if progress:
                print(_progress_line(epoch, epochs, history))
        return history

    def _train_epoch(
        self,
        x: Array,
        labels: Array,
        batch_size: int,
        optimizer: Optimizer,
        rng: np.random.Generator,
        history: History,
    ) -> None:
        order = rng.permutation(len(x))
        total = _Running()
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            loss, logits = self.loss_and_gradients(x[batch], labels[batch])
            optimizer.step(self.params, self.grads)
            total.add(loss, logits, labels[batch])
        history.loss.append(total.loss)
        history.accuracy.append(total.accuracy)

    def _logits(self, x: Array, training: bool) -> Array:
        y = self.forward(x, training=training)
        last = self.layers[-1]
        function = last if isinstance(last, Activation) else last.activation
        if function is None:
            return y
        if function.function != "softmax" or function.z is None:
            raise OptionError(
                f"the last layer ends in {function.function}; expected softmax or no activation, because the "
                "loss is softmax cross-entropy"
            )
        return function.z

    @staticmethod
    def _backward_through(layers: Sequence[Layer], dy: Array) -> Array:
        for layer in reversed(layers):
            dy = layer.backward(dy)
        return dy

    def _batch(self, x: Any) -> tuple[Array, bool]:
        values = check_float(x, "x")
        if values.dtype != self.dtype:
            raise DTypeError(
                f"x holds {values.dtype} numbers and the network {self.dtype}; convert with "
                f"x.astype(np.{self.dtype}), or build the network with dtype=np.{values.dtype}"
            )
        unbatched = values.ndim == len(self.input_shape)
        batch = values[None] if unbatched else values
        if batch.shape[1:] != self.input_shape:
            raise ShapeError(
                f"x has shape {values.shape}; expected examples of shape {self.input_shape}, one or a batch"
            )
        return batch, unbatched

    def _shapes(self, input_shape: Shape) -> Iterator[tuple[Shape, Shape]]:
        """Yield (input shape, output shape) of every layer; a shape that does not suit names its layer."""
        for position, layer in enumerate(self.layers):
            try:
                output_shape = layer.output_shape(input_shape)
            except ShapeError as error:
                raise type(error)(f"layer {position} ({layer.name}): {error}") from None
            yield input_shape, output_shape
            input_shape = output_shape


class _Running:
    """Loss and accuracy over batches of different sizes: every example weighs the same."""

    def __init__(self) -> None:
        self._count, self._loss, self._correct = 0, 0.0, 0

    def add(self, loss: float, logits: Array, labels: Array) -> None:
        self._count += len(labels)
        self._loss += loss * len(labels)
        self._correct += int((logits.argmax(axis=-1) == labels).sum())

    @property
    def loss(self) -> float:
        return self._loss / self._count

    @property
    def accuracy(self) -> float:
        return self._correct / self._count


def _check_examples(x: Array, labels: Array) -> None:
    if len(x) != len(labels):
        raise ShapeError(f"x has {len(x)} examples and labels has {len(labels)}; expected one label each")
    if len(x) == 0:
        raise ShapeError("x has no examples; expected at least one")


def _is_softmax(layer: Layer) -> bool:
    return isinstance(layer, Activation) and layer.function == "softmax"


def _keras_names(layers: Sequence[Layer]) -> Iterator[str]:
    """Yield conv2d, conv2d_1, ... as Keras counts them."""
    if len({id(layer) for layer in layers}) < len(layers):
        raise OptionError("a layer object stands in the list twice; make a new one for each place")
    counts: Counter[str] = Counter()
    for layer in layers:
        stem = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", layer.kind).lower()
        yield f"{stem}_{counts[stem]}" if counts[stem] else stem
        counts[stem] += 1


def _progress_line(epoch: int, epochs: int, history: History) -> str:
    bar = "#" * math.floor(_BAR_WIDTH * epoch / epochs)
    line = (
        f"epoch {epoch:>{len(str(epochs))}}/{epochs} [{bar:.<{_BAR_WIDTH}}] "
        f"loss {history.loss[-1]:.3f}, accuracy {history.accuracy[-1]:.3f}"
    )
    if history.validation_loss:
        line += f"; validation {history.validation_loss[-1]:.3f}, {history.validation_accuracy[-1]:.3f}"
    return line
