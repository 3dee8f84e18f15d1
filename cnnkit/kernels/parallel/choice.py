"""Which path computes a convolution: one table, read from the top."""

from collections.abc import Callable
from dataclasses import dataclass

from cnnkit.errors import OptionError
from cnnkit.kernels.geometry import Geometry
from cnnkit.kernels.parallel.simd import VECTOR_BYTES

ALGORITHMS = ("auto", "direct", "winograd", "im2col")


@dataclass(frozen=True, slots=True)
class Problem:
    """What the choice depends on.

    Attributes:
        images: images in the batch.
        geometry: sizes, stride, dilation, padding, groups.
        channels: input channels that a filter reads, C / groups.
        filters: filters of a group, F / groups.
        itemsize: bytes of one number.
    """

    images: int
    geometry: Geometry
    channels: int
    filters: int
    itemsize: int

    @property
    def lanes(self) -> int:
        """How many numbers one vector holds."""
        return VECTOR_BYTES // self.itemsize

    @property
    def run_length(self) -> int:
        """How many neighbouring numbers of the input a window reads at a stretch."""
        together = self.geometry.groups == 1 and self.geometry.dilation[1] == 1
        return self.channels * (self.geometry.kernel_size[1] if together else 1)

    @property
    def tiles(self) -> int:
        """How many tiles of 4x4 results Winograd's transformed weights are shared by."""
        rows, columns = self.geometry.output_size
        return self.images * -(-rows // 4) * -(-columns // 4)


@dataclass(frozen=True, slots=True)
class Path:
    """One row of the table: `name` serves the problems for which `serves` is true, for the reason `why`."""

    name: str
    serves: Callable[[Problem], bool]
    why: str


def winograd_fits(problem: Problem) -> bool:
    """Tell whether Winograd's F(4x4, 3x3) can compute the problem at all."""
    geometry = problem.geometry
    fixed = (geometry.kernel_size, geometry.stride, geometry.dilation, geometry.groups)
    return fixed == ((3, 3), (1, 1), (1, 1), 1)


PATHS = (
    Path(
        "depthwise",
        lambda p: p.channels == 1 and p.geometry.groups > 1,
        "every filter reads one channel of several: neighbouring channels share a vector",
    ),
    Path(
        "columns",
        lambda p: p.filters < 4 and p.filters < p.lanes,
        "1 to 3 filters per group: a vector of filters would be nearly empty, so columns share it",
    ),
    Path(
        "winograd",
        lambda p: winograd_fits(p) and min(p.channels, p.filters) >= p.lanes and p.tiles >= 12,
        "3x3, stride 1: a quarter of the multiplications. Enough channels and filters pay for the change of "
        "basis, and enough tiles for reading weights that have grown fourfold",
    ),
    Path(
        "im2col",
        lambda p: p.run_length < 3,
        "runs of one or two numbers (one channel with dilation, narrow groups): copying each window once "
        "costs less than starting its short loops for every vector of filters",
    ),
    Path(
        "direct",
        lambda p: True,
        "everything else: any kernel, stride, dilation and groups, reading the windows where they are",
    ),
)


def choose(algorithm: str, problem: Problem) -> str:
    """Return the path for a problem: the first row of `PATHS` that serves it, unless `algorithm` names one.

    Raises OptionError for another word, and for an algorithm that cannot compute the problem.
    """
    if algorithm not in ALGORITHMS:
        expected = ", ".join(repr(word) for word in ALGORITHMS)
        raise OptionError(f"algorithm is {algorithm!r}; expected one of {expected}")
    if algorithm == "winograd" and not winograd_fits(problem):
        geometry = problem.geometry
        raise OptionError(
            "algorithm is 'winograd', which computes 3x3 kernels with stride 1, dilation 1 and one group; "
            f"here kernel_size is {geometry.kernel_size}, stride {geometry.stride}, dilation "
            f"{geometry.dilation}, groups {geometry.groups}: use 'direct', or leave the choice to 'auto'"
        )
    if algorithm != "auto":
        return algorithm
    return next(path.name for path in PATHS if path.serves(problem))
