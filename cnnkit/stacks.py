"""Stacks of windows: the geometry of well-known networks, without their weights.

A receptive field depends on kernel sizes, strides, paddings and dilations alone. So a network is here a
sequence of `Window`; where paths part and meet again, a `Parallel` holds the paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cnnkit.errors import OptionError
from cnnkit.shapes import AxisPadding, receptive_field

Pair = int | tuple[int, int]
Padding = AxisPadding | tuple[AxisPadding, AxisPadding]

CONVOLUTION, MAX_POOLING, AVERAGE_POOLING = KINDS = ("convolution", "max pooling", "average pooling")


@dataclass(frozen=True, slots=True)
class Window:
    """The geometry of one layer: what a unit of its output reads of its input.

    Attributes:
        kernel_size, stride, dilation: one number, or (height, width).
        padding: as in `cnnkit.kernels`: a word, a number, a pair, or ((top, bottom), (left, right)).
        kind: one of `KINDS`; the receptive field does not depend on it.
    """

    kernel_size: Pair
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    kind: str = CONVOLUTION

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise OptionError(f"kind is {self.kind!r}; expected one of {', '.join(KINDS)}")


@dataclass(frozen=True, slots=True)
class Parallel:
    """Paths that read the same map and whose results are added or stacked; an empty path is a skip."""

    paths: tuple[tuple["Window | Parallel", ...], ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A named stack with the input that its paper gives it, and a sentence about it."""

    windows: tuple[Window, ...]
    input_size: int
    about: str


def conv(kernel_size: Pair, stride: Pair = 1, padding: Padding = 0, dilation: Pair = 1) -> Window:
    """Return a convolution's window."""
    return Window(kernel_size, stride, padding, dilation)


def same_convs(dilations: Sequence[int], kernel_size: int = 3) -> tuple[Window, ...]:
    """Return stride-1 convolutions, one for each dilation, that keep the size; for odd kernels."""
    return tuple(Window(kernel_size, 1, d * (kernel_size - 1) // 2, d) for d in dilations)


def max_pool(window: int, stride: int, padding: int = 0) -> Window:
    """Return a max pooling's window."""
    return Window(window, stride, padding, kind=MAX_POOLING)


def lenet5() -> tuple[Window, ...]:
    """Return LeNet-5 up to C5, for 32×32 pixels (LeCun et al., 1998, section II.B)."""
    pool = Window(2, 2, kind=AVERAGE_POOLING)
    return conv(5), pool, conv(5), pool, conv(5)


def alexnet() -> tuple[Window, ...]:
    """Return AlexNet's convolutions and pools, for 227×227 pixels (Krizhevsky et al., 2012, section 3.5)."""
    pool = max_pool(3, 2)
    thirds = (conv(3, padding=1),) * 3
    return conv(11, 4), pool, conv(5, padding=2), pool, *thirds, pool


def vgg16() -> tuple[Window, ...]:
    """Return VGG-16's convolutions and pools (Simonyan & Zisserman, 2014, table 1, column D)."""
    blocks = ((conv(3, padding=1),) * count + (max_pool(2, 2),) for count in (2, 2, 3, 3, 3))
    return tuple(window for block in blocks for window in block)


RESNET_STRIDES = ("first 3x3", "first 1x1", "last 3x3")


def resnet50(stride_in: str = "first 3x3") -> tuple[Window, ...]:
    """Return the longest path through ResNet-50 (He et al., 2015, table 1).

    `stride_in` says which layer of a stage halves the map, as implementations differ: "first 1x1" (the
    paper's own code), "first 3x3" (torchvision), or "last 3x3": the last unit of the stage before (TF-Slim).
    Raises OptionError for another word.
    """
    if stride_in not in RESNET_STRIDES:
        raise OptionError(f"stride_in is {stride_in!r}; expected one of {', '.join(RESNET_STRIDES)}")
    windows = [conv(7, 2, 3), max_pool(3, 2, 1)]
    for stage, units in enumerate((3, 4, 6, 3)):
        for unit in range(units):
            first = stage > 0 and unit == 0
            last = stage < 3 and unit == units - 1
            halves = last if stride_in == "last 3x3" else first
            windows += bottleneck(2 if halves else 1, stride_in)
    return tuple(windows)


def bottleneck(stride: int = 1, stride_in: str = "first 3x3") -> tuple[Window, ...]:
    """Return a residual unit's path of 1×1, 3×3, 1×1; the stride sits in the first 1×1 or in the 3×3."""
    early = stride_in == "first 1x1"
    return conv(1, stride if early else 1), conv(3, 1 if early else stride, 1), conv(1)


def inception() -> Parallel:
    """Return GoogLeNet's module: 1×1; 1×1, 3×3; 1×1, 5×5; 3×3 pool, 1×1 (Szegedy et al., 2014, figure 2b)."""
    pool = max_pool(3, 1, 1)
    return Parallel(
        (
            (conv(1),),
            (conv(1), conv(3, padding=1)),
            (conv(1), conv(5, padding=2)),
            (pool, conv(1)),
        )
    )


def googlenet() -> tuple[Window | Parallel, ...]:
    """Return GoogLeNet up to the last module (Szegedy et al., 2014, table 1)."""
    pool = max_pool(3, 2, 1)
    stem = (conv(7, 2, 3), pool, conv(1), conv(3, padding=1), pool)
    return *stem, *(inception(),) * 2, pool, *(inception(),) * 5, pool, *(inception(),) * 2


def longest_path(nodes: Sequence[Window | Parallel]) -> tuple[Window, ...]:
    """Return the windows along the path that sees most, through networks whose paths part and merge."""
    windows: list[Window] = []
    for node in nodes:
        if isinstance(node, Window):
            windows.append(node)
        else:
            paths = [longest_path(path) for path in node.paths]
            windows += max(paths, key=lambda path: receptive_field(path).size)
    return tuple(windows)


NETWORKS: dict[str, Network] = {
    "three 3×3": Network(
        same_convs((1, 1, 1)), 32, "Nothing is pooled, nothing is strided; the field grows."
    ),
    "conv, pool, conv": Network(
        (conv(5), Window(2, 2, kind=AVERAGE_POOLING), conv(5)), 32, "An interview favourite."
    ),
    "LeNet-5": Network(lenet5(), 32, "The last layer sees all 32 pixels."),
    "AlexNet": Network(alexnet(), 227, "Up to the last pool: 195 pixels, stride 32."),
    "VGG-16": Network(vgg16(), 224, "Up to the last pool: 212 pixels, stride 32."),
    "ResNet-50, stride in the first unit": Network(
        resnet50("first 3x3"), 224, "The stride sits in the 3×3 of each stage's first unit: 427 pixels."
    ),
    "ResNet-50, stride in the last unit before": Network(
        resnet50("last 3x3"), 224, "The stride sits in the last unit of the stage before: 483 pixels."
    ),
    "GoogLeNet, longest path": Network(
        longest_path(googlenet()), 224, "Through the 5×5 of every module: 715 pixels, stride 32."
    ),
    "dilated 1, 2, 4, 8": Network(same_convs((1, 2, 4, 8)), 64, "Four layers see 31 pixels, without a gap."),
    "dilated 2, 2, 2": Network(
        same_convs((2, 2, 2)), 32, "Equal rates: three of four pixels are never read."
    ),
}
"""Geometry that the chapter and its widget start from."""
