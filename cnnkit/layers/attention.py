"""What a vision transformer is made of: an image as a row of tokens, and attention between the tokens.

Tokens are (T, D): T places with D features each. A transformer's encoder is a `Residual` around attention
and a `Residual` around a small network that treats every token alike; `encoder_block` puts it together.

Sources: Vaswani et al., "Attention Is All You Need" (2017), section 3.2; Dosovitskiy et al., "An Image is
Worth 16x16 Words" (2020), equations 1 to 4.
"""

import math

import numpy as np
from numpy.typing import DTypeLike

from cnnkit import activations, shapes
from cnnkit.errors import OptionError, ShapeError
from cnnkit.initializers import get_initializer, zeros
from cnnkit.layers.base import Array, Layer, Shape, window_field
from cnnkit.layers.containers import Residual
from cnnkit.layers.normalization import LayerNorm
from cnnkit.layers.plain import Dense
from cnnkit.shapes import ReceptiveField


class PatchEmbedding(Layer):
    """Cut an image into patches and map each to a token: ``token = patch.reshape(P*P*C) @ w + b``.

    The same as a convolution whose stride is its kernel size P. Takes (N, H, W, C), gives
    (N, H/P * W/P, dim), row by row; w is (P, P, C, dim), b (dim,).
    """

    kind = "PatchEmbedding"

    def __init__(self, dim: int, patch_size: int, *, initializer: str | None = None) -> None:
        """Raise OptionError unless both are whole numbers of at least 1."""
        super().__init__()
        self.dim = shapes.whole_number(dim, "dim", least=1)
        self.patch_size = shapes.whole_number(patch_size, "patch_size", least=1)
        self.initializer = initializer

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare w, random, and b, zeros, for images of shape (H, W, C)."""
        self.output_shape(input_shape)
        w_shape = (self.patch_size, self.patch_size, input_shape[2], self.dim)
        self._declare("w", w_shape, get_initializer(self.initializer), dtype)
        self._declare("b", (self.dim,), zeros, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H/P * W/P, dim) for (H, W, C). Raises ShapeError when P does not divide H and W."""
        self._check_axes(input_shape, 3, "(H, W, C)")
        height, width, _ = input_shape
        if height % self.patch_size or width % self.patch_size:
            raise ShapeError(
                f"images are {height} × {width}; expected multiples of patch_size ({self.patch_size}): "
                "crop or resize them, patches do not overlap"
            )
        return (height // self.patch_size) * (width // self.patch_size), self.dim

    def count_macs(self, input_shape: Shape) -> int:
        """Return ``T * P*P*C * dim``, which is ``H*W*C * dim``."""
        self.output_shape(input_shape)
        return math.prod(input_shape) * self.dim

    def field_above(
        self, below: ReceptiveField | None, input_shape: Shape, axis: int
    ) -> ReceptiveField | None:
        """Return the patch of a token; what it sees after the first attention is everything."""
        return window_field(below, input_shape[axis], (self.patch_size, self.patch_size, 0, 1))

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the tokens, (N, T, dim)."""
        count, height, width, channels = x.shape
        size = self.patch_size
        grid = x.reshape(count, height // size, size, width // size, size, channels)
        patches = grid.transpose(0, 1, 3, 2, 4, 5).reshape(count, -1, size * size * channels)
        self._kept = (patches, x.shape)
        y: Array = patches @ self._matrix() + self.params["b"]
        return y

    def backward(self, dy: Array) -> Array:
        """Return dx, the patches' gradients put back into their places."""
        patches, x_shape = self._remembered()
        dw = np.tensordot(patches, dy, axes=([0, 1], [0, 1])).reshape(self.params["w"].shape)
        self.grads = {"w": dw, "b": dy.sum(axis=(0, 1))}
        count, height, width, channels = x_shape
        size = self.patch_size
        grid = (dy @ self._matrix().T).reshape(count, height // size, width // size, size, size, channels)
        dx: Array = grid.transpose(0, 1, 3, 2, 4, 5).reshape(x_shape)
        return dx

    def _matrix(self) -> Array:
        return self.params["w"].reshape(-1, self.dim)


class ClassToken(Layer):
    """Put a learned token before the others, where the class will be read: (N, T, D) to (N, T+1, D)."""

    kind = "ClassToken"

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare the token, which starts at 0, as in the paper's code."""
        self.output_shape(input_shape)
        self._declare("token", input_shape[1:], zeros, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (T + 1, D) for (T, D)."""
        self._check_axes(input_shape, 2, "tokens (T, D)")
        return input_shape[0] + 1, input_shape[1]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the learned token and x behind it, (N, T+1, D)."""
        token = np.broadcast_to(self.params["token"], (len(x), 1, x.shape[-1]))
        return np.concatenate([token, x], axis=1)

    def backward(self, dy: Array) -> Array:
        """Return dx, dy without its first token."""
        self.grads = {"token": dy[:, 0].sum(axis=0)}
        return dy[:, 1:]


class PositionEmbedding(Layer):
    """Add a learned vector to every place; without it attention could not tell one order from another."""

    kind = "PositionEmbedding"

    def __init__(self, *, spread: float = 0.02) -> None:
        """Raise OptionError for a negative `spread`, the standard deviation of the first values."""
        if not spread >= 0:
            raise OptionError(f"spread is {spread!r}; expected a standard deviation, 0 or more")
        super().__init__()
        self.spread = float(spread)
        self._places: Shape | None = None

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare one normal vector for each of the T places."""
        self._places = self.output_shape(input_shape)
        self._declare("positions", input_shape, self._draw, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (T, D). Raises ShapeError for another number of places than it has learned."""
        self._check_axes(input_shape, 2, "tokens (T, D)")
        if self._places not in (None, input_shape):
            raise ShapeError(
                f"tokens are {input_shape}; expected {self._places}: positions are learned for one size of "
                "image, for another one they must be interpolated"
            )
        return input_shape

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x + positions, (N, T, D)."""
        y: Array = x + self.params["positions"]
        return y

    def backward(self, dy: Array) -> Array:
        """Return dy; the positions collect it over the batch."""
        self.grads = {"positions": dy.sum(axis=0)}
        return dy

    def _draw(self, shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        drawn: Array = rng.standard_normal(shape, dtype=np.float32) * np.float32(self.spread)
        return drawn.astype(dtype, copy=False)


class MultiHeadAttention(Layer):
    """Self-attention: every token asks all tokens, and takes a weighted mean of what they have to say.

    For each of `heads` slices of D/heads features: ``a = softmax(q kᵀ / sqrt(D/heads))``, ``y = a v``, where
    ``q, k, v = x @ w_qkv + b_qkv``; the slices side by side go through ``w_out``. x and y are (N, T, D),
    w_qkv (D, 3D), b_qkv (3D,), w_out (D, D), b_out (D,).

    Attributes:
        weights: a of the last forward, (N, heads, T, T); row t says where token t looked, and sums to 1.
    """

    kind = "MultiHeadAttention"

    def __init__(self, heads: int, *, initializer: str | None = None) -> None:
        """Raise OptionError unless `heads` is a whole number of at least 1."""
        super().__init__()
        self.heads = shapes.whole_number(heads, "heads", least=1)
        self.initializer = initializer
        self.weights: Array | None = None

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare the four matrices, three of them side by side, random, and their biases, zeros."""
        self.output_shape(input_shape)
        dim, draw = input_shape[1], get_initializer(self.initializer)
        self._declare("w_qkv", (dim, 3 * dim), draw, dtype)
        self._declare("b_qkv", (3 * dim,), zeros, dtype)
        self._declare("w_out", (dim, dim), draw, dtype)
        self._declare("b_out", (dim,), zeros, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (T, D). Raises ShapeError when the heads do not divide D."""
        self._check_axes(input_shape, 2, "tokens (T, D)")
        if input_shape[1] % self.heads:
            raise ShapeError(
                f"tokens have {input_shape[1]} features; expected a multiple of heads ({self.heads})"
            )
        return input_shape

    def count_macs(self, input_shape: Shape) -> int:
        """Return ``4*T*D*D`` for the four matrices and ``2*T*T*D`` for ``q kᵀ`` and ``a v``."""
        count, dim = self.output_shape(input_shape)
        return 4 * count * dim * dim + 2 * count * count * dim

    def count_activations(self, input_shape: Shape) -> int:
        """Return the numbers of q, k, v, the weights, the mixed values and the output."""
        count, dim = self.output_shape(input_shape)
        return 5 * count * dim + self.heads * count * count

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the mixed tokens, (N, T, D)."""
        q, k, v = self._split(x @ self.params["w_qkv"] + self.params["b_qkv"])
        scale = x.dtype.type(1 / math.sqrt(q.shape[-1]))
        a = activations.softmax(q @ k.swapaxes(-1, -2) * scale)
        mixed = self._merge(a @ v)
        self.weights, self._kept = a, (x, q, k, v, a, mixed)
        y: Array = mixed @ self.params["w_out"] + self.params["b_out"]
        return y

    def backward(self, dy: Array) -> Array:
        """Return dx and fill grads of the four."""
        x, q, k, v, a, mixed = self._remembered()
        scale = x.dtype.type(1 / math.sqrt(q.shape[-1]))
        dmixed = self._heads(dy @ self.params["w_out"].T)
        da = dmixed @ v.swapaxes(-1, -2)
        # Softmax's Jacobian is diag(a) - a aᵀ in every row; the scale belongs to q kᵀ.
        dscores = a * (da - (da * a).sum(axis=-1, keepdims=True)) * scale
        parts = (dscores @ k, dscores.swapaxes(-1, -2) @ q, a.swapaxes(-1, -2) @ dmixed)
        dqkv = np.concatenate([self._merge(part) for part in parts], axis=-1)
        self.grads = {
            "w_qkv": _outer(x, dqkv),
            "b_qkv": dqkv.sum(axis=(0, 1)),
            "w_out": _outer(mixed, dy),
            "b_out": dy.sum(axis=(0, 1)),
        }
        dx: Array = dqkv @ self.params["w_qkv"].T
        return dx

    def _split(self, qkv: Array) -> tuple[Array, Array, Array]:
        q, k, v = np.split(qkv, 3, axis=-1)
        return self._heads(q), self._heads(k), self._heads(v)

    def _heads(self, tokens: Array) -> Array:
        """Return (N, T, D) as (N, heads, T, D/heads)."""
        count, length, dim = tokens.shape
        return tokens.reshape(count, length, self.heads, dim // self.heads).transpose(0, 2, 1, 3)

    @staticmethod
    def _merge(heads: Array) -> Array:
        """Return (N, heads, T, D/heads) as (N, T, D)."""
        count, _, length, _ = heads.shape
        return heads.transpose(0, 2, 1, 3).reshape(count, length, -1)


class TokenDense(Dense):
    """A dense layer that treats every token alike: (N, T, in) to (N, T, out_features), a 1×1 convolution."""

    kind = "TokenDense"

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare w (in, out_features), random, and b, zeros, for tokens of shape (T, in)."""
        self.output_shape(input_shape)
        super().plan(input_shape[1:], dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (T, out_features) for (T, in); a single token (in,) is a dense layer's own case."""
        if len(input_shape) == 1:
            return super().output_shape(input_shape)
        self._check_axes(input_shape, 2, "tokens (T, in)")
        return input_shape[0], self.out_features

    def count_macs(self, input_shape: Shape) -> int:
        """Return ``T * in * out_features``."""
        self.output_shape(input_shape)
        return input_shape[0] * super().count_macs(input_shape[1:])

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(x @ w + b), (N, T, out_features)."""
        rows = super().forward(x.reshape(-1, x.shape[-1]), training=training)
        y_shape = (*x.shape[:-1], self.out_features)
        if self.z is not None:
            self.z = self.z.reshape(y_shape)
        return rows.reshape(y_shape)

    def backward(self, dy: Array) -> Array:
        """Return dx and fill grads with dw and db."""
        dx = super().backward(dy.reshape(-1, self.out_features))
        return dx.reshape(*dy.shape[:-1], dx.shape[-1])


class TakeToken(Layer):
    """Keep one token, by default the class token: (N, T, D) to (N, D)."""

    kind = "TakeToken"

    def __init__(self, index: int = 0) -> None:
        """Raise OptionError unless `index` is a whole number of at least 0."""
        super().__init__()
        self.index = shapes.whole_number(index, "index", least=0)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (D,). Raises ShapeError when there are not that many tokens."""
        self._check_axes(input_shape, 2, "tokens (T, D)")
        if self.index >= input_shape[0]:
            raise ShapeError(f"there are {input_shape[0]} tokens; expected more than index ({self.index})")
        return input_shape[1:]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return token `index`, (N, D)."""
        self._kept = x.shape
        return x[:, self.index]

    def backward(self, dy: Array) -> Array:
        """Return dx, zero but for that token."""
        dx = np.zeros(self._remembered(), dy.dtype)
        dx[:, self.index] = dy
        return dx


def encoder_block(
    dim: int, heads: int, mlp_dim: int, *, epsilon: float = 1e-6, initializer: str | None = None
) -> list[Layer]:
    """Return a pre-norm encoder block: ``x + attention(norm(x))``, then ``x + mlp(norm(x))``, x (N, T, dim).

    The small network is dim, mlp_dim with GELU, dim (Dosovitskiy et al., 2020, equations 2 and 3).
    """
    attention = [LayerNorm(epsilon=epsilon), MultiHeadAttention(heads, initializer=initializer)]
    mlp = [
        LayerNorm(epsilon=epsilon),
        TokenDense(mlp_dim, "gelu", initializer=initializer),
        TokenDense(dim, initializer=initializer),
    ]
    return [Residual(attention, activation=None), Residual(mlp, activation=None)]


def _outer(x: Array, dy: Array) -> Array:
    """Return the sum over batch and tokens of ``x dyᵀ``, (in, out)."""
    product: Array = x.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
    return product
