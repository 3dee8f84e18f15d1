"""The source's Java engine in a JVM of its own, which times every call itself."""

import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from benchmarks.cases import Case, Conv, Dense, EngineMethod, MaxPool
from benchmarks.contestants import Absent, Unsupported
from benchmarks.timing import Array, Contender

NAME = "Java"
SOURCES = Path(__file__).parent / "java"
CONVOLUTION, POOLING, DENSE, RUN, RESULT, END = 1, 2, 3, 4, 5, 0  # as in Driver.java
WARM_UP_SECONDS = 1.5  # the JVM compiles what it has run often


class JavaContender(Contender):
    """A contender whose calls are timed inside the JVM, without the way there and back."""

    def seconds(self) -> float:
        """Return how long one call took there."""
        seconds: float = self.call()
        return seconds


class JavaEngine:
    """The class of the source, compiled, with a driver that listens on standard input."""

    columns = (NAME,)

    def __init__(self, threads: int) -> None:
        missing = [tool for tool in ("javac", "java") if shutil.which(tool) is None]
        if missing:
            raise Absent(f"needs a JDK: there is no {' and no '.join(missing)} on the path")
        self._classes = tempfile.TemporaryDirectory(prefix="cnnkit-java-")
        compiled = subprocess.run(
            ["javac", "-d", self._classes.name, *map(str, sorted(SOURCES.glob("*.java")))],
            capture_output=True,
            text=True,
            check=False,
        )
        if compiled.returncode:
            raise Absent(f"javac does not compile it: {compiled.stderr.strip().splitlines()[0]}")
        said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
        self.version = said.splitlines()[0].replace('"', "")
        self._jvm = subprocess.Popen(
            ["java", f"-XX:ActiveProcessorCount={threads}", "-cp", self._classes.name, "Driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def contenders(self, case: Case, dtype: str, arrays: Sequence[Array]) -> list[Contender]:
        """Load the numbers of one of the three methods and let the JVM compile; raises Unsupported."""
        if not isinstance(case, EngineMethod) or dtype != "float64":
            raise Unsupported("has three methods, in float64")
        layer = case.layer
        match layer:
            case Conv():
                self._send(CONVOLUTION, *arrays, layer.stride)
            case MaxPool():
                self._send(POOLING, *arrays, layer.window, layer.stride)
            case Dense():
                x, w, b = arrays
                self._send(DENSE, x, w.T, b)
        deadline = time.monotonic() + WARM_UP_SECONDS
        while time.monotonic() < deadline:
            self._run()
        return [JavaContender(NAME, self._run, lambda _: [self._result(_shape(layer, arrays))])]

    def close(self) -> None:
        """End the JVM and remove its classes."""
        if self._jvm.poll() is None:
            self._send(END)
        self._jvm.wait(timeout=30)
        self._classes.cleanup()

    def _run(self) -> float:
        self._send(RUN)
        return float(struct.unpack(">q", self._read(8))[0]) / 1e9

    def _result(self, shape: tuple[int, ...]) -> Array:
        self._send(RESULT)
        count = struct.unpack(">i", self._read(4))[0]
        return np.frombuffer(self._read(8 * count), ">f8").astype(np.float64).reshape(shape)

    def _send(self, *parts: Array | int) -> None:
        pipe = _opened(self._jvm.stdin)
        for part in parts:
            if isinstance(part, int):
                pipe.write(struct.pack(">i", part))
            else:
                _write(pipe.write, part)
        pipe.flush()

    def _read(self, size: int) -> bytes:
        data: bytes = _opened(self._jvm.stdout).read(size)
        return data


def library(threads: int) -> JavaEngine:
    """Return the engine in a JVM that believes in `threads` processors; raises Absent without a JDK."""
    return JavaEngine(threads)


def _write(write: Callable[[bytes], object], array: Array) -> None:
    """Send an array as nested Java arrays: every one behind its length."""
    write(struct.pack(">i", len(array)))
    if array.ndim == 1:
        write(array.astype(">f8").tobytes())
        return
    for part in array:
        _write(write, part)


def _shape(layer: Conv | MaxPool | Dense, arrays: Sequence[Array]) -> tuple[int, ...]:
    x = arrays[0]
    if isinstance(layer, Dense):
        return len(x), layer.outputs
    window = layer.kernel if isinstance(layer, Conv) else layer.window
    rows, columns = ((size - window) // layer.stride + 1 for size in x.shape[:2])
    return rows, columns, layer.filters if isinstance(layer, Conv) else layer.channels


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # both were asked for
    return pipe
