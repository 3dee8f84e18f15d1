"""Checks of what the course stands on: Python, packages, cores, threads and BLAS."""

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

from cnnkit.doctor.findings import Finding

OLDEST_PYTHON = (3, 11)
THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # what a container may use: "max 100000" or "200000 100000"
_REPAIR = "Run `make lab` (Windows: `py bootstrap.py lab`), which installs what is missing."


def check_python() -> Finding:
    """Find out whether this Python is new enough and wide enough."""
    bits = 64 if sys.maxsize > 2**32 else 32
    facts = f"{platform.python_version()}, {bits} bit, {platform.system()} {platform.machine()}."
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "problem", facts, "Install Python 3.11 or newer.")
    if bits == 32:
        return Finding("Python", "problem", facts, "Install the 64-bit Python: Numba has no 32-bit build.")
    return Finding("Python", "ok", facts)


def check_packages() -> Finding:
    """Compare each installed package with the oldest version that the project accepts."""
    try:
        requirements = metadata.requires("cnnkit") or []
    except metadata.PackageNotFoundError:
        return Finding("Packages", "problem", "cnnkit itself is not installed in this Python.", _REPAIR)
    accepted = dict(minimum(line) for line in requirements if "extra ==" not in line)
    installed = {name: _installed_version(name) for name in accepted}
    faults = [
        f"{name} is {'missing' if version is None else version}, needed is {accepted[name]} or newer"
        for name, version in installed.items()
        if version is None or release(version) < release(accepted[name])
    ]
    if faults:
        return Finding("Packages", "problem", "; ".join(faults) + ".", _REPAIR)
    return Finding(
        "Packages", "ok", ", ".join(f"{name} {version}" for name, version in installed.items()) + "."
    )


def minimum(requirement: str) -> tuple[str, str]:
    """Split "numpy>=2.0" into name and oldest version; a requirement without one gives "0"."""
    name, _, version = requirement.partition(">=")
    return re.split(r"[\s;\[<=!~]", name.strip())[0], re.split(r"[\s;,]", version.strip())[0] or "0"


def release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparing: "2.10.1rc1" gives (2, 10, 1)."""
    leading = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, leading.group().split("."))) if leading else ()


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_cores() -> Finding:
    """Count the cores that this process may use, and see whether a container gives it less time than that."""
    cores = usable_cores()
    machine = os.cpu_count() or cores
    facts = f"{cores} usable" + (f" of {machine} in the machine." if machine > cores else ".")
    quota = cpu_quota()
    if quota is not None and quota < cores:
        facts = f"{facts} This container may use the time of {quota:g}."
        remedy = f"Set NUMBA_NUM_THREADS={max(1, int(quota))}, or the threads will wait for each other."
        return Finding("Cores", "warning", facts, remedy)
    return Finding("Cores", "ok", facts)


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota() -> float | None:
    """Return how many cores' worth of time a container grants, or None when it does not say."""
    try:
        granted, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return int(granted) / int(period)
    except (OSError, ValueError):
        return None


def check_thread_settings() -> Finding:
    """Look for environment variables that make the kernels slow or keep them from starting."""
    chosen = {name: os.environ[name] for name in THREAD_VARIABLES if os.environ.get(name, "").strip()}
    facts = ", ".join(f"{name}={value}" for name, value in chosen.items()) + "."
    if not chosen:
        return Finding("Thread settings", "ok", "None set: every library uses all cores.")
    bad = [name for name, value in chosen.items() if not re.fullmatch(r"\s*[1-9]\d*\s*", value)]
    if bad:
        remedy = f"Unset {' and '.join(bad)}, or give a whole number from 1 up."
        return Finding("Thread settings", "problem", facts, remedy)
    if int(chosen.get("NUMBA_NUM_THREADS", usable_cores())) < usable_cores():
        remedy = "Unset NUMBA_NUM_THREADS to let the kernels use every core."
        return Finding("Thread settings", "warning", facts, remedy)
    return Finding("Thread settings", "ok", facts)


def check_blas() -> Finding:
    """Name the library behind NumPy's matrix products, and how many threads it takes."""
    import numpy as np

    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    name, version = blas.get("name", "none"), blas.get("version", "")
    if not blas.get("found", False):
        remedy = "Install NumPy from PyPI or conda-forge, whose builds bring one."
        return Finding("BLAS of NumPy", "warning", "None: matrix products are slow.", remedy)
    return Finding("BLAS of NumPy", "ok", f"{name} {version}, {blas_threads(name, str(blas))}.")


def blas_threads(name: str, configuration: str) -> str:
    """Say how many threads a BLAS takes: its variable's number, or every core up to its built-in limit."""
    if name.startswith("accelerate"):
        return "which picks its threads itself"
    variables = ("MKL_NUM_THREADS",) if "mkl" in name else ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    for variable in variables:
        if os.environ.get(variable, "").strip().isdigit():
            return f"{os.environ[variable].strip()} threads ({variable})"
    limit = re.search(r"MAX_THREADS=(\d+)", configuration)
    threads = min(usable_cores(), int(limit.group(1))) if limit else usable_cores()
    return f"{threads} thread{'s' if threads > 1 else ''}"
