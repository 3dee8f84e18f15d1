"""The smallest input on which a program fails: Hypothesis shrinks sizes, a last pass the cells."""

import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.draw import Draw

Case = Mapping[str, Any]
Check = Callable[[Case], bool]

_EXAMPLES = 60  # inputs that Hypothesis may try before it calls the function right
_PATTERNS = 999


def search(make_case: Callable[[Draw], Case], fails: Check, seed: str) -> None:
    """Let Hypothesis call `fails` on cases until one is True, then on smaller and smaller ones.

    `fails` keeps what it wants to know; a program that answers differently each time ends the search early.
    """
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis import strategies as st
    from hypothesis.errors import HypothesisException

    @st.composite
    def cases(draw: Any) -> Case:
        def integer(low: int, high: int) -> int:
            return int(draw(st.integers(low, high)))

        return make_case(Draw(integer, lambda count: _pattern(integer(0, _PATTERNS), count)))

    quiet = settings(
        max_examples=_EXAMPLES,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    with _files_elsewhere():
        try:
            find(cases(), fails, settings=quiet, random=random.Random(seed))
        except HypothesisException:
            return


def simplify(case: Case, fails: Check) -> None:
    """Call `fails` on variants of `case` whose array cells are replaced by 0 or 1, as long as they fail."""
    current = {name: np.copy(item) if isinstance(item, np.ndarray) else item for name, item in case.items()}
    for name, item in current.items():
        if isinstance(item, np.ndarray):
            _simplify_cells(current, name, fails)


def _simplify_cells(current: dict[str, Any], name: str, fails: Check) -> None:
    for index in np.ndindex(current[name].shape):
        for value in (0.0, 1.0):
            if current[name][index] == value:
                break
            simpler = current | {name: current[name].copy()}
            simpler[name][index] = value
            if fails(simpler):
                current[name] = simpler[name]
                break


def _pattern(seed: int, count: int) -> NDArray[np.float64]:
    """Return `count` numbers between -1 and 1; pattern 0, to which Hypothesis shrinks, is all zeros.

    One choice for a whole array instead of one for each cell: the search takes a tenth of the time.
    """
    rng = random.Random(seed)
    return np.array([rng.uniform(-1, 1) if seed else 0.0 for _ in range(count)])


@contextmanager
def _files_elsewhere() -> Iterator[None]:
    """Keep Hypothesis's cache out of the learner's folder."""
    from hypothesis.configuration import set_hypothesis_home_dir

    set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "cnnkit-hypothesis")
    try:
        yield
    finally:
        set_hypothesis_home_dir(None)
