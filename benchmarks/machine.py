"""The machine and the versions that a table of times is worthless without."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numba
from numba.np.ufunc.parallel import threading_layer

from benchmarks.contestants import Field
from cnnkit.roofline.report import busy_warning

CPU_FACTS = Path("/proc/cpuinfo")


def describe(field: Field, threads: int) -> list[str]:
    """Return one line for each fact: date, processor, cores, system, versions."""
    lines = [
        f"Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"Processor: {processor()}, {os.cpu_count()} logical cores",
        f"Threads for everyone: {threads}",
        f"System: {platform.system()} {platform.release()} ({platform.machine()}), "
        f"{platform.python_implementation()} {platform.python_version()}",
        *(f"{name}: {library.version}" for name, library in field.libraries.items()),
        *(f"{name}: absent, {reason}" for name, reason in field.absent.items()),
    ]
    busy = busy_warning().strip()
    return [*lines, busy] if busy else lines


def numba_layer() -> str:
    """Return the threading layer under our kernels, once one has run."""
    return f"Numba {numba.__version__}, threading layer {threading_layer()}"


def processor() -> str:
    """Return the processor's name as the system has it, and its vector instructions where it lists them."""
    if CPU_FACTS.is_file():
        return _from_cpuinfo(CPU_FACTS.read_text(encoding="utf-8", errors="replace"))
    if platform.system() == "Darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()


def _from_cpuinfo(text: str) -> str:
    name = re.search(r"^(?:model name|Hardware)\s*:\s*(.+)$", text, re.MULTILINE)
    family = re.search(r"^cpu family\s*:\s*(\d+)$.*?^model\s*:\s*(\d+)$", text, re.MULTILINE | re.DOTALL)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    known = set(flags.group(1).split()) if flags else set()
    vectors = [
        word for flag, word in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON")) if flag in known
    ]
    parts = [name.group(1) if name else platform.machine()]
    if family:
        parts.append(f"family {family.group(1)} model {family.group(2)}")
    return ", ".join([*parts, *vectors[:1]])
