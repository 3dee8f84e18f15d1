"""Networks: layers in a row, with Keras' summary, counts, training and prediction."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError, DataError, DTypeError, OptionError, ShapeError
from cnnkit.kernels.arguments import check_float
from cnnkit.layers.base import Activation, Layer
from cnnkit.losses import Result, softmax_cross_entropy
from cnnkit.network import files
from cnnkit.network.fitting import History, RunningMeans, Undo, check_examples, progress_line
from cnnkit.network.structure import Structure
from cnnkit.optim import Adam, Optimizer
from cnnkit.shapes import whole_number

Array = NDArray[Any]
Examples = tuple[Array, Array]
Loss = Callable[[Array, Array], Result]


class Sequential(Structure):
    """Layers in a row: each one reads what the layer before it returns; containers among them part and merge.

    Attributes:
        history: what the last `fit` did, also when it was interrupted; None before the first.
    """

    history: History | None = None

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
        dx = dy[None] if single else dy
        for layer in reversed(self.layers):
            dx = layer.backward(dx)
        return dx[0] if single else dx

    def predict(self, x: Array, *, batch_size: int = 32) -> Array:
        """Return `forward` for any number of examples, computed a batch at a time to bound the memory.

        Nothing is kept for a `backward`: at any time two layers' results are in memory.
        """
        examples, unbatched = self._batch(x)
        whole_number(batch_size, "batch_size", least=1)
        starts = range(0, max(len(examples), 1), batch_size)
        y = np.concatenate([self._infer(examples[start : start + batch_size]) for start in starts])
        return y[0] if unbatched else y

    def activations(self, x: Array) -> dict[str, Array]:
        """Return every intermediate result for `x`, in order: "input", then each layer's output by name.

        A layer with an activation has two: the pre-activation under its name, such as "conv2d", and the
        result under "conv2d/relu". A container's result comes after those of the layers inside. Shapes have
        a batch axis if `x` has one.
        """
        y, unbatched = self._batch(x)
        results = {"input": y}
        for layer in self.layers:
            y = layer.trace(y, results)
        return {name: array[0] if unbatched else array for name, array in results.items()}

    # ---- files ----

    def save(self, path: str | Path) -> None:
        """Write the network to a .npz (no pickle) or .safetensors file: weights, state and architecture.

        The old file stays as it is until the new one is whole. Raises OptionError for another ending of
        `path`, DataError when the file cannot be written.
        """
        files.save(self, path)

    def load_weights(self, path: str | Path) -> None:
        """Take weights and state from a file of a network with the same names and shapes: all, or none.

        Raises OptionError for another ending, DataError for a file that is missing, damaged or of another
        network, ShapeError or DTypeError for arrays that do not fit.
        """
        files.load_weights(self, path)

    load = load_weights

    # ---- learning ----

    def loss_and_gradients(
        self, x: Array, labels: Array, *, training: bool = True, loss: Loss = softmax_cross_entropy
    ) -> tuple[float, Array]:
        """Return the mean softmax cross-entropy of `x` (N, ...) with `labels` (N,), and logits (N, classes).

        `loss` may be another function of (logits, labels) that returns its value and dlogits.

        Fills every layer's ``grads``. A final softmax is differentiated together with the loss, where the
        gradient is ``(softmax(z) - onehot) / N``; a network that ends without one returns logits itself.
        Raises OptionError when the network ends in another activation.
        """
        logits = self._logits(x, training)
        value, dlogits = loss(logits, labels)
        self._fill_grads(dlogits)
        return float(value), logits

    def evaluate(self, x: Array, labels: Array, *, batch_size: int = 256) -> tuple[float, float]:
        """Return (mean loss, accuracy) on `x` (N, ...) and `labels` (N,), without dropout."""
        check_examples(x, labels)
        total = RunningMeans()
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

        An interrupt (or an error) ends the training at once and is passed on. The network is then as it was
        after its last whole step, and `history` says what was done until then.
        """
        check_examples(x, labels)
        whole_number(epochs, "epochs", least=1)
        whole_number(batch_size, "batch_size", least=1)
        optimizer = Adam() if optimizer is None else optimizer
        rng = np.random.default_rng(seed)
        history = self.history = History()
        undo = Undo(self)
        for epoch in range(1, epochs + 1):
            order = rng.permutation(len(x))
            total = RunningMeans()
            for start in range(0, len(x), batch_size):
                batch = order[start : start + batch_size]
                with undo:
                    loss, logits = self.loss_and_gradients(x[batch], labels[batch])
                    optimizer.step(self.params, self.grads)
                total.add(loss, logits, labels[batch])
                history.steps += 1
            history.loss.append(total.loss)
            history.accuracy.append(total.accuracy)
            if validation is not None:
                loss, accuracy = self.evaluate(*validation)
                history.validation_loss.append(loss)
                history.validation_accuracy.append(accuracy)
            if progress:
                print(progress_line(epoch, epochs, history))
        return history

    def _infer(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.infer(x)
        return x

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

    def _fill_grads(self, dlogits: Array) -> None:
        """Go back from the loss to the first layer with weights: nobody asks what lies before it."""
        *before, last = self.layers
        layers = before if _is_softmax(last) else [*before, last]
        learning = [position for position, layer in enumerate(layers) if layer.count_params()]
        dy = dlogits
        for position in reversed(range(min(learning, default=len(layers)), len(layers))):
            layer = layers[position]
            if layer is last:
                dy = layer.backward_from_z(dy)
            elif position > learning[0]:
                dy = layer.backward(dy)
            else:
                layer.fill_grads(dy)

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


def load(path: str | Path, *, seed: int = 0) -> Sequential:
    """Return the network that `Sequential.save` wrote; `seed` is for its dropout.

    Nothing in the file is run; layers are chosen by name from `cnnkit.layers.LAYERS`. Raises OptionError for
    another ending than .npz and .safetensors, DataError for any other file, a damaged one included.
    """
    arguments, arrays = files.load(path)
    try:
        network = Sequential(**arguments, seed=seed)
        files.put_arrays(network, arrays, str(path))
    except (CnnkitError, MemoryError) as error:
        raise DataError(f"{path} is damaged: its weights do not fit its layers: {error}") from error
    return network


def _is_softmax(layer: Layer) -> bool:
    return isinstance(layer, Activation) and layer.function == "softmax"
