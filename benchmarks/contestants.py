"""The protocol of a library that takes part, and who is there."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.cases import Case
from benchmarks.timing import Array, Contender

PEERS = {  # name -> module, and what it needs
    "PyTorch": ("benchmarks.pytorch", "torch"),
    "onnxruntime": ("benchmarks.onnx_runtime", "onnxruntime and onnx"),
    "SciPy": ("benchmarks.scipy_fft", "scipy"),
    "Java": ("benchmarks.java_engine", "a JDK (javac and java on the path)"),
}


class Unsupported(Exception):  # noqa: N818 - it is an answer, not a mistake
    """A library that takes part cannot do this case; the text says why."""


class Absent(Exception):  # noqa: N818 - it is an answer, not a mistake
    """A library is not on this machine; the text says what is missing."""


class Library(Protocol):
    """What takes part: ours, or a peer."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that it fills."""

    @property
    def version(self) -> str:
        """Which one it is."""

    def contenders(self, case: Case, dtype: str, arrays: Sequence[Array]) -> list[Contender]:
        """Return the ways in which the library does `case`; raises Unsupported."""

    def close(self) -> None:
        """Give back what it holds, such as processes."""


@dataclass
class Field:
    """Who takes part: the libraries that are there, and the absent ones with their reasons."""

    libraries: dict[str, Library] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def close(self) -> None:
        """Close every library."""
        for library in self.libraries.values():
            library.close()


def load(names: Sequence[str], threads: int, *, modules: Mapping[str, Any] | None = None) -> Field:
    """Return the named peers that are on this machine, each set to `threads` threads, then ours.

    Peers come first: our kernels set OMP_WAIT_POLICY for the OpenMP library that Numba loads, and a peer with
    an OpenMP of its own must not find it set.
    """
    found = Field()
    for name in names:
        module, needs = PEERS[name]
        try:
            made = (modules or {}).get(name) or importlib.import_module(module)
            found.libraries[name] = made.library(threads)
        except ImportError as error:
            found.absent[name] = f"needs {needs} ({error})"
        except Absent as error:
            found.absent[name] = str(error)
    from benchmarks import ours

    found.libraries = {"cnnkit": ours.library(threads), **found.libraries}
    return found
