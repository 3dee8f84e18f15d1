"""Run every check, and keep one that fails from hiding the others."""

from collections.abc import Callable, Sequence

from cnnkit.doctor import compiled, course, machine
from cnnkit.doctor.findings import Finding, Report

CHECKS: dict[str, Callable[[], Finding]] = {
    "Python": machine.check_python,
    "Packages": machine.check_packages,
    "Cores": machine.check_cores,
    "Thread settings": machine.check_thread_settings,
    "BLAS of NumPy": machine.check_blas,
    "Store": course.check_store,
    "Data": course.check_data,
    "JupyterLab": course.check_jupyterlab,
    "Browser": course.check_browser,
}


def report() -> Report:
    """Return what every check finds on this machine; takes a few seconds, as the kernels are timed too."""
    found = [_guarded(topic, check) for topic, check in CHECKS.items()]
    return Report((*found, *compiled.check_kernels()))


def _guarded(topic: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # a doctor who faints helps nobody: whatever broke becomes a finding
        return Finding(
            topic, "problem", f"{type(error).__name__}: {error}.", "Run `make lab` to repair the set-up."
        )


__all__: Sequence[str] = ["CHECKS", "report"]
