"""Making a trained network smaller and faster: batch norm folded away, eight-bit numbers, fewer weights."""

from cnnkit.deploy.channels import prune_channels
from cnnkit.deploy.folding import fold_arrays, fold_batch_norm
from cnnkit.deploy.integer_layers import IntegerConv2D, IntegerDense
from cnnkit.deploy.pruning import apply_masks, count_zeros, magnitude_masks, prune_magnitude
from cnnkit.deploy.quantization import Quantization, choose_quantization, signal_to_noise
from cnnkit.deploy.quantizing import count_bytes, quantize_network

__all__ = [
    "IntegerConv2D",
    "IntegerDense",
    "Quantization",
    "apply_masks",
    "choose_quantization",
    "count_bytes",
    "count_zeros",
    "fold_arrays",
    "fold_batch_norm",
    "magnitude_masks",
    "prune_channels",
    "prune_magnitude",
    "quantize_network",
    "signal_to_noise",
]
