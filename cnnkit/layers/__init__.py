"""Layers: each one a forward and a backward side by side, around the kernels of `cnnkit.kernels.parallel`.

A layer works on batches, NHWC. ``build`` tells it the shape of one example and draws its weights;
``forward`` keeps what ``backward`` needs; ``backward`` takes the gradient of the loss with respect to the
layer's output, fills ``grads`` and returns the gradient with respect to its input.
"""

from cnnkit.layers.attention import (
    ClassToken,
    MultiHeadAttention,
    PatchEmbedding,
    PositionEmbedding,
    TakeToken,
    TokenDense,
    encoder_block,
)
from cnnkit.layers.base import LAYERS, Activation, Layer, Shape, restore
from cnnkit.layers.containers import Concat, Residual
from cnnkit.layers.convolution import Conv1D, Conv2D
from cnnkit.layers.lenet import RBFOutput, ScaledTanh, Subsampling, TableConv2D
from cnnkit.layers.normalization import BatchNorm, LayerNorm, LocalResponseNorm
from cnnkit.layers.plain import Dense, Dropout, Flatten
from cnnkit.layers.pooling import AvgPool2D, GlobalAvgPool1D, GlobalAvgPool2D, GlobalMaxPool1D, MaxPool2D

__all__ = [
    "LAYERS",
    "Activation",
    "AvgPool2D",
    "BatchNorm",
    "ClassToken",
    "Concat",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "Layer",
    "LayerNorm",
    "LocalResponseNorm",
    "MaxPool2D",
    "MultiHeadAttention",
    "PatchEmbedding",
    "PositionEmbedding",
    "RBFOutput",
    "Residual",
    "ScaledTanh",
    "Shape",
    "Subsampling",
    "TableConv2D",
    "TakeToken",
    "TokenDense",
    "encoder_block",
    "restore",
]
