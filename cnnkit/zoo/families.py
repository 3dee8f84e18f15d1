"""The families by name: how to make each network, and what its published weight files call its layers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cnnkit.errors import OptionError
from cnnkit.layers.attention import MultiHeadAttention
from cnnkit.network import Sequential
from cnnkit.zoo import lenet, resnet, vgg, vit
from cnnkit.zoo.alexnet import NAMES as ALEXNET_NAMES
from cnnkit.zoo.alexnet import alexnet
from cnnkit.zoo.googlenet import googlenet
from cnnkit.zoo.googlenet import names as googlenet_names

Names = Callable[[Sequential, Iterable[str]], Iterable[str]]


@dataclass(frozen=True)
class Family:
    """One network of the zoo.

    Attributes:
        make: makes it with its published sizes.
        names: takes a network of the family and the names in a file, gives the file's names of the network's
            layers with weights, in order; None where no weights are published in a usual form.
    """

    make: Callable[[], Sequential]
    names: Names | None = None


def _fixed(names: Iterable[str]) -> Names:
    kept = tuple(names)
    return lambda network, keys: kept


def _vit_names(network: Sequential, keys: Iterable[str]) -> Iterable[str]:
    depth = sum(isinstance(layer, MultiHeadAttention) for layer in network.walk())
    return vit.names("timm" if "cls_token" in set(keys) else "torchvision", depth)


FAMILIES = {
    "lenet5": Family(lenet.lenet5, _fixed(lenet.NAMES)),
    "lenet5_sparse": Family(lambda: lenet.lenet5("sparse")),
    "alexnet": Family(alexnet, _fixed(ALEXNET_NAMES)),
    "alexnet_two_towers": Family(lambda: alexnet(2)),
    "vgg16": Family(vgg.vgg16, _fixed(vgg.NAMES)),
    "googlenet": Family(googlenet, _fixed(googlenet_names("paper"))),
    "googlenet_torchvision": Family(lambda: googlenet("torchvision"), _fixed(googlenet_names("torchvision"))),
    "resnet18": Family(resnet.resnet18, _fixed(resnet.names(18))),
    "resnet34": Family(resnet.resnet34, _fixed(resnet.names(34))),
    "resnet50": Family(resnet.resnet50, _fixed(resnet.names(50))),
    "vit_b16": Family(vit.vit_b16, _vit_names),
}
"""Every network of the zoo by the name that it carries."""


def family(name: str) -> Family:
    """Return the family called `name`. Raises OptionError for another name."""
    if name not in FAMILIES:
        raise OptionError(f"network is {name!r}; expected one of {', '.join(FAMILIES)}")
    return FAMILIES[name]
