"""The famous networks, each one a short list of layers: made, counted, run, filled with published weights.

Every function returns a `Sequential` that ends in one score (logit) for each class. Weights are drawn when
one of them is first looked at, so that a network which is only counted costs nothing.
"""

from cnnkit.zoo.alexnet import alexnet
from cnnkit.zoo.costs import LayerCost, cost_shares, layer_costs
from cnnkit.zoo.digits import digit_network, trained_digits
from cnnkit.zoo.googlenet import googlenet, inception
from cnnkit.zoo.lenet import lenet5
from cnnkit.zoo.pretrained import load_pretrained
from cnnkit.zoo.resnet import basic_block, bottleneck_block, resnet18, resnet34, resnet50
from cnnkit.zoo.vgg import vgg16
from cnnkit.zoo.vit import vit_b16

__all__ = [
    "LayerCost",
    "alexnet",
    "basic_block",
    "bottleneck_block",
    "cost_shares",
    "digit_network",
    "googlenet",
    "inception",
    "layer_costs",
    "lenet5",
    "load_pretrained",
    "resnet18",
    "resnet34",
    "resnet50",
    "trained_digits",
    "vgg16",
    "vit_b16",
]
