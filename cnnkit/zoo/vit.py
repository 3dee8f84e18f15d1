"""ViT-B/16 (2020): no convolution after the patches, attention between all of them.

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2020), section 3.1 and table 1.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.layers import Dense, Layer, LayerNorm
from cnnkit.layers.attention import (
    ClassToken,
    PatchEmbedding,
    PositionEmbedding,
    TakeToken,
    encoder_block,
)
from cnnkit.network import Sequential
from cnnkit.zoo.building import IMAGENET_CLASSES, IMAGENET_SHAPE, Shape, assemble

DEPTH = 12
_EPSILON = 1e-6


def vit_b16(
    num_classes: int = IMAGENET_CLASSES,
    input_shape: Shape = IMAGENET_SHAPE,
    *,
    patch_size: int = 16,
    dim: int = 768,
    depth: int = DEPTH,
    heads: int = 12,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return ViT-B/16: 86,567,656 parameters, 197 tokens of 768 features, 12 blocks with 12 heads.

    Smaller `patch_size`, `dim`, `depth` and `heads` make a network that is quick to check; the small network
    inside a block is always four times as wide as a token. Raises ShapeError when the patches do not tile the
    picture or the heads do not divide `dim`.
    """
    blocks: list[Layer] = []
    for _ in range(depth):
        blocks += encoder_block(dim, heads, 4 * dim, epsilon=_EPSILON)
    layers = [
        PatchEmbedding(dim, patch_size),
        *(ClassToken(), PositionEmbedding()),
        *blocks,
        *(LayerNorm(epsilon=_EPSILON), TakeToken(), Dense(num_classes)),
    ]
    return assemble("vit_b16", layers, input_shape, seed, dtype)


def names(style: str, depth: int) -> Iterator[str]:
    """Yield the names of the layers with weights, in order, as torchvision or "timm" calls them."""
    if style == "timm":
        yield from ("patch_embed.proj", "cls_token", "pos_embed")
        for block in range(depth):
            yield from (f"blocks.{block}.{part}" for part in ("norm1", "attn", "norm2", "mlp.fc1", "mlp.fc2"))
        yield from ("norm", "head")
        return
    yield from ("conv_proj", "class_token", "encoder.pos_embedding")
    for block in range(depth):
        place = f"encoder.layers.encoder_layer_{block}"
        yield from (f"{place}.{part}" for part in ("ln_1", "self_attention", "ln_2", "mlp.0", "mlp.3"))
    yield from ("encoder.ln", "heads.head")
