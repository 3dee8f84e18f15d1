"""Checks of the compiled kernels, from what a process of their own reports."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cnnkit.doctor.findings import Finding

SAFE_LAYERS = {
    "tbb",
    "omp",
}  # Numba's manual, "The threading layers": these may be entered from several threads
TIME_LIMIT = 300  # seconds: compiling everything takes one minute on a slow machine
_PACKAGES = Path(__file__).resolve().parents[2]


def check_kernels() -> list[Finding]:
    """Run the kernels in another process; report their threading layer, cache and speed."""
    try:
        facts = probe()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return [broken_finding(error)]
    return [threading_finding(facts), cache_finding(facts), speed_finding(facts)]


def probe() -> dict[str, Any]:
    """Return the facts of `kernel_probe`; raises SubprocessError or ValueError when it does not get there."""
    search = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "cnnkit.doctor.kernel_probe"],
        env=os.environ | {"PYTHONPATH": search},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=True,
    )
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def broken_finding(error: Exception) -> Finding:
    """Say why the kernels' process did not get to its end, from the last line that it wrote."""
    said = (getattr(error, "stderr", None) or str(error)).strip()
    last = said.splitlines()[-1].rstrip(".") if said else "it ended without a word"
    if "no locator available" in said:
        remedy = (
            "Set NUMBA_CACHE_DIR to a folder that you may write to: there is nowhere to keep compiled code."
        )
    else:
        remedy = "Unset variables that begin with NUMBA_, then run `make lab` to repair the set-up."
    return Finding("Kernels", "problem", f"They do not run: {last}.", remedy)


def threading_finding(facts: dict[str, Any]) -> Finding:
    """Say which threading layer the kernels use, and whether two Python threads may enter it at once."""
    layer, others = facts["layer"], [name for name in facts["layers"] if name != facts["layer"]]
    message = f"{layer} with {facts['threads']} threads; also available: {', '.join(others) or 'none'}."
    if layer in SAFE_LAYERS:
        return Finding("Threading layer", "ok", f"{message} Several Python threads may use it at once.")
    note = "It stops a process that enters it from two Python threads at once; the course never does."
    return Finding("Threading layer", "ok", f"{message} {note}")


def cache_finding(facts: dict[str, Any]) -> Finding:
    """Say where compiled kernels are kept, so that the next start is quick."""
    if not facts["cache"]:
        remedy = "Set NUMBA_CACHE_DIR to a folder that you may write to."
        return Finding("Compiled code", "warning", "Not kept: every start compiles anew.", remedy)
    return Finding("Compiled code", "ok", f"Kept in {' and '.join(facts['cache'])}.")


def speed_finding(facts: dict[str, Any]) -> Finding:
    """Say how quick a 3x3 convolution is, and whether its result is right."""
    if not facts["agrees"]:
        remedy = "Delete the folder of compiled code that is named above, then run this again."
        return Finding("Kernel speed", "problem", "The compiled convolution gives wrong numbers.", remedy)
    speed = facts["multiply_adds"] / facts["seconds"] / 1e9
    milliseconds, first = facts["seconds"] * 1e3, facts["first_seconds"]
    message = (
        f"{speed:.1f} billion multiply-adds a second: 3x3, 32 to 32 channels, 64x64 pixels in "
        f"{milliseconds:.1f} ms (the first call, with loading or compiling: {first:.1f} s)."
    )
    return Finding("Kernel speed", "ok", message)
