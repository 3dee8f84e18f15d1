"""A small ReLU network on real digits in which hidden units die, are counted, and can be brought back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import activations
from cnnkit.data import digits
from cnnkit.errors import OptionError
from cnnkit.losses import softmax_cross_entropy
from cnnkit.shapes import whole_number

__all__ = ["DigitNetwork"]

Array = NDArray[np.float64]

EXAMPLES, CLASSES = 300, 10


class DigitNetwork:
    """64 pixels, one hidden layer, 10 classes; plain gradient descent on 300 digits at once, in float64.

    A hidden unit is *dead* when its pre-activation is at most 0 for all examples: then its slope, and with it
    the gradient of all its weights, is exactly 0, and no step of training moves it.

    Attributes:
        losses: the loss before every step so far.
        dead_counts: the number of dead units before every step so far.
    """

    def __init__(self, *, hidden: int = 32, bias: float = 0.0, alpha: float = 0.0, seed: int = 0) -> None:
        """Draw weights; `bias` is every hidden unit's first bias, `alpha` the slope on the left (0: ReLU).

        Raises OptionError for no hidden unit, or an alpha outside 0 to 1.
        """
        whole_number(hidden, "hidden", least=1)
        if not 0 <= alpha <= 1:
            raise OptionError(f"alpha is {alpha!r}; expected 0 to 1")
        images, labels = digits()
        self.alpha = float(alpha)
        self._x: Array = images[:EXAMPLES].reshape(EXAMPLES, -1).astype(np.float64)
        self._labels = labels[:EXAMPLES]
        rng = np.random.default_rng(seed)
        pixels = self._x.shape[1]
        self.w1: Array = rng.standard_normal((pixels, hidden)) * np.sqrt(2 / pixels)
        self.b1: Array = np.full(hidden, float(bias))
        self.w2: Array = rng.standard_normal((hidden, CLASSES)) * np.sqrt(1 / hidden)
        self.b2: Array = np.zeros(CLASSES)
        self.losses: list[float] = []
        self.dead_counts: list[int] = []

    def pre_activations(self) -> Array:
        """Return z of the hidden layer for all examples, (300, hidden)."""
        z: Array = self._x @ self.w1 + self.b1
        return z

    def dead(self) -> NDArray[np.bool_]:
        """Return, for every hidden unit, whether no example makes its pre-activation positive, (hidden,)."""
        silent: NDArray[np.bool_] = np.all(self.pre_activations() <= 0, axis=0)
        return silent

    def gradients(self) -> tuple[float, dict[str, Array]]:
        """Return the loss and its gradients by name: w1 (64, hidden), b1, w2 (hidden, 10), b2."""
        z = self.pre_activations()
        a = activations.leaky_relu(z, self.alpha)
        loss, dlogits = softmax_cross_entropy(a @ self.w2 + self.b2, self._labels)
        dz = (dlogits @ self.w2.T) * activations.leaky_relu_grad(z, self.alpha)
        grads = {"w1": self._x.T @ dz, "b1": dz.sum(0), "w2": a.T @ dlogits, "b2": dlogits.sum(0)}
        return float(loss), grads

    def train(self, steps: int, learning_rate: float) -> "DigitNetwork":
        """Take `steps` steps of gradient descent and return the network itself.

        Raises OptionError for a learning rate that is not positive or fewer than 0 steps.
        """
        whole_number(steps, "steps", least=0)
        if not 0 < learning_rate < np.inf:
            raise OptionError(f"learning_rate is {learning_rate!r}; expected a positive number")
        for _ in range(steps):
            loss, grads = self.gradients()
            self.losses.append(loss)
            self.dead_counts.append(int(self.dead().sum()))
            for name, gradient in grads.items():
                parameter: Any = getattr(self, name)
                parameter -= learning_rate * gradient
        return self

    def revive(self, bias: float) -> int:
        """Add `bias` to the bias of every dead unit; return how many of them are alive now."""
        silent = self.dead()
        self.b1[silent] += bias
        return int(silent.sum() - self.dead().sum())

    @property
    def loss(self) -> float:
        """The loss as the network stands."""
        return self.gradients()[0]

    @property
    def accuracy(self) -> float:
        """The share of the 300 training digits that the network gets right."""
        a = activations.leaky_relu(self.pre_activations(), self.alpha)
        return float(((a @ self.w2 + self.b2).argmax(axis=1) == self._labels).mean())

    def __str__(self) -> str:
        hidden = len(self.b1)
        return (
            f"{self.dead().sum():>2} of {hidden} hidden units dead, loss {self.loss:.2f}, "
            f"accuracy {self.accuracy:.0%} after {len(self.losses)} steps"
        )
