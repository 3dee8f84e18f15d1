"""Set up and start cnnkit with Python's standard library alone.

    python3 bootstrap.py lab     open the course in JupyterLab
    python3 bootstrap.py test    run every check
    python3 bootstrap.py bench   time the kernels against other libraries
    python3 bootstrap.py lock    resolve the dependencies anew (needs uv)

The first command makes the environment `.venv` beside this file and fills it with exactly the
packages of the lock file, checked by their hashes. Later ones see that nothing has changed and start at once.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python must get this far and hear why it cannot go on
    sys.exit(
        "cnnkit needs Python 3.11 or newer, and {} is Python {}.{}.\nInstall a newer one and name it, for "
        "example: make lab PYTHON=python3.12".format(sys.executable, *sys.version_info[:2])
    )

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCKS = {"course": "requirements.lock", "test": "requirements-test.lock"}  # the second contains the first
FREE_MEGABYTES = {"course": 900, "test": 1600}  # measured: what .venv and its downloads take, rounded up
STAMP = "cnnkit-setup.json"  # in .venv: what it was filled from

CHECKS = {
    "lint": "-m ruff check .",
    "format": "-m ruff format --check .",
    "types": "-m mypy",
    # loadfile: without it xdist would split one notebook over two kernels
    "tests and notebooks": "-m pytest --nbval --nbval-current-env -n 2 --dist loadfile",
}

SYMPTOMS = [  # what an installer prints, what it means and what to do; the first that fits is said
    (
        "No space left on device|os error 28|Errno 28",
        "The disk is full. Make room, then run the same command again.",
    ),
    (
        "DO NOT MATCH THE HASHES|[Hh]ash(es)? mismatch",
        "A package is not the one that the lock file names, so it was not installed. A proxy or a mirror "
        "that changes files does this: try another network.",
    ),
    (
        "name resolution|Name or service not known|nodename nor servname|getaddrinfo|dns error|unreachable"
        "|error sending request|NewConnectionError|Connection refused|Connection reset|[Tt]imed out"
        "|ProxyError|[Ff]ailed to fetch|SSLError|CERTIFICATE_VERIFY|invalid peer certificate",
        "The package index cannot be reached. Check the network and the proxy, then run this again.",
    ),
    (
        "No matching distribution|no wheels|no usable wheels|Could not find a version",
        "A package has no build for Python {python} on this kind of machine. Python 3.11 to 3.14 on 64-bit "
        "Linux, macOS (Apple silicon) and Windows have all of them.",
    ),
    (
        r"[Pp]ermission denied|Errno 13|os error 13|WinError 5\b|os error 5\b",
        "A file could not be written. Check who owns this folder, and close programs that use .venv.",
    ),
]


class SetupError(Exception):
    """Something that this machine lacks, in plain words with its remedy."""


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


# ---- the environment -----------------------------------------------------------------------------


def ensure_environment(level: str) -> None:
    """Make `.venv` hold the packages of `level` ("course" or "test"); do nothing when it already does."""
    stamp = read_stamp()
    flaw = environment_flaw(stamp)
    if flaw is None and is_complete(stamp, level):
        return
    *others, last = installers()
    if flaw is not None:
        remove_environment(flaw)
    if not any(filled(installer, level) for installer in others):
        fill_environment(last, level)


def read_stamp() -> dict[str, Any]:
    """Return what the last set-up wrote about itself; empty when there was none."""
    try:
        stamp = json.loads((VENV / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def environment_flaw(stamp: dict[str, Any]) -> str | None:
    """Return why `.venv` cannot be used or repaired in place, or None."""
    if not VENV.exists():
        return "is not there"
    if not venv_python().exists():
        return "has no Python in it (half made, or its Python was removed)"
    if stamp.get("state") == "unfinished":
        return "was left half made"
    if stamp.get("root", str(ROOT)) != str(ROOT):
        return "was made in another folder"
    version = venv_version()
    if version is None:
        return "has a Python that does not start"
    if tuple(map(int, version.split(".")[:2])) < (3, 11):
        return f"is made with Python {version}, which is too old"
    if stamp.get("python", version).split(".")[:2] != version.split(".")[:2]:
        return f"was made with Python {stamp['python']}, which is now {version}"
    return None


def is_complete(stamp: dict[str, Any], level: str) -> bool:
    """Whether `.venv` was filled from the very lock file and project file that lie here now."""
    filled_from: dict[str, str] = stamp.get("files", {})
    return stamp.get("state") == "complete" and fingerprints(level).items() <= filled_from.items()


def fingerprints(level: str) -> dict[str, str]:
    """Return the SHA-256 of the files that decide what `.venv` holds (the test lock contains the other)."""
    names = {"pyproject.toml", LOCKS["course"], LOCKS[level]}
    return {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in sorted(names)}


def filled(installer: str, level: str) -> bool:
    """Whether `installer` could fill `.venv`; says so when not, as another one will try."""
    try:
        fill_environment(installer, level)
    except SetupError as error:
        say(f"{installer} did not succeed. {error}\n")
        return False
    return True


def fill_environment(installer: str, level: str) -> None:
    """Make `.venv` where it is absent, install the locked packages and this project, and leave the stamp."""
    check_disk(level)
    started = time.monotonic()
    say(f"Filling .venv with {installer}. The first time this downloads packages and takes a minute or two.")
    for command in steps(installer, level):
        run_installer(command)
        write_stamp({"state": "unfinished", "root": str(ROOT)})
    files = fingerprints(level)
    write_stamp({"state": "complete", "root": str(ROOT), "python": venv_version(), "files": files})
    say(f".venv is ready ({time.monotonic() - started:.0f} s).")


def write_stamp(stamp: dict[str, Any]) -> None:
    """Write the stamp in one step, so that a kill never leaves half of it."""
    temporary = VENV / (STAMP + ".new")
    temporary.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    temporary.replace(VENV / STAMP)


def remove_environment(flaw: str) -> None:
    """Delete a `.venv` that cannot be used, or only the link where it is one."""
    if not VENV.exists() and not VENV.is_symlink():
        return
    say(f".venv {flaw}: making it anew.")
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    else:
        shutil.rmtree(VENV)


def check_disk(level: str) -> None:
    """Raise SetupError when a new environment would not fit."""
    needed, free = FREE_MEGABYTES[level], shutil.disk_usage(ROOT).free / 1e6
    if not VENV.exists() and free < needed:
        raise SetupError(f"cnnkit needs about {needed} MB in {ROOT}, and {free:.0f} MB are free. Make room.")


def venv_python() -> Path:
    """Return the path of the environment's Python on this platform."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def venv_version() -> str | None:
    """Return the version of the environment's Python, or None when it does not start."""
    code = "import platform; print(platform.python_version())"
    try:
        done = subprocess.run([venv_python(), "-I", "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


# ---- the installers ------------------------------------------------------------------------------


def installers() -> list[str]:
    """Return the installers that work here, the quickest first; raise SetupError when there is none."""
    names = ["uv"] if works(["uv", "--version"]) else []
    if all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip")):
        names.append("pip")
    if not names:
        raise SetupError(no_installer_message())
    return names


def works(command: Sequence[str]) -> bool:
    """Whether `command` is there and exits with 0 (a shim without its tool is there, and does not)."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True).returncode == 0


def no_installer_message() -> str:
    """Say which system package brings what this Python lacks."""
    package = "python{}.{}-venv".format(*sys.version_info[:2])
    return (
        f"{sys.executable} cannot make environments: its venv or ensurepip module is missing.\n"
        f"Debian and Ubuntu keep them in a package of their own: sudo apt-get install {package}\n"
        "Elsewhere install Python from python.org. Then run the same command again."
    )


def steps(installer: str, level: str) -> list[list[str]]:
    """Return the commands by which `installer` makes and fills `.venv`, in order."""
    base = getattr(sys, "_base_executable", sys.executable)  # not a .venv's own, should one be active
    python = str(venv_python())
    if installer == "uv":
        make = [["uv", "venv", "--no-python-downloads", "--python", base, str(VENV)]]
        prepare: list[list[str]] = []
        install = ["uv", "pip", "install", "--python", python]
    else:
        make = [[base, "-m", "venv", "--without-pip", str(VENV)]]
        prepare = [[python, "-m", "ensurepip", "--default-pip"]]
        options = "--disable-pip-version-check --no-input --progress-bar off --no-warn-script-location"
        install = [python, "-m", "pip", "install", *options.split()]
    locked = [*install, "--require-hashes", "--only-binary", ":all:", "--requirement", LOCKS[level]]
    # the build backend is in the lock too: an isolated build would fetch one that nobody has checked
    project = [*install, "--no-deps", "--no-build-isolation", "--editable", "."]
    return [*([] if venv_python().exists() else make), *prepare, locked, project]


def run_installer(command: Sequence[str]) -> None:
    """Run `command`, show its last line as progress, and raise SetupError that explains a failure."""
    tail: deque[str] = deque(maxlen=200)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    with process:
        for line in process.stdout or ():
            tail.append(line.rstrip())
            show_progress(line.strip())
    show_progress("")
    if process.returncode != 0:
        raise SetupError(explain("\n".join(tail)))


def show_progress(text: str) -> None:
    """Write `text` over the last such line of a terminal; a pipe or a file gets none."""
    if sys.stdout.isatty():
        width = max(20, shutil.get_terminal_size().columns - 1)
        print("\r" + text[:width].ljust(width) + ("" if text else "\r"), end="", flush=True)


def explain(output: str) -> str:
    """Return in plain words what an installer's `output` means, with its last lines where nobody knows."""
    for pattern, meaning in SYMPTOMS:
        if re.search(pattern, output):
            return meaning.format(python=".".join(map(str, sys.version_info[:3])))
    last = "\n".join("    " + line for line in output.splitlines()[-12:])
    return f"The installer stopped, and its last lines say why:\n{last}"


def clean_environment(**extra: str) -> dict[str, str]:
    """Return the environment variables for `.venv`, without those that point Python or pip elsewhere."""
    foreign = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {"PIP_USER": "0"} | extra


# ---- the commands --------------------------------------------------------------------------------


def lab(options: Sequence[str]) -> int:
    """Open the course; `options` go to `python -m cnnkit lab`."""
    ensure_environment("course")
    command = [str(venv_python()), "-m", "cnnkit", "lab", *options]
    if os.name != "nt":  # become JupyterLab, so that Ctrl-C reaches it and nobody else
        os.execve(command[0], command, clean_environment())
    return subprocess.run(command, env=clean_environment()).returncode


def test(options: Sequence[str]) -> int:
    """Run every check, also after one has failed; `options` go to pytest."""
    ensure_environment("test")
    places = [name for name in ("tests", "notebooks") if (ROOT / name).is_dir()]
    results = []
    with tempfile.TemporaryDirectory(prefix="cnnkit-test-") as scratch:
        for name, check in CHECKS.items():
            arguments = check.split() + ([*places, *options] if "pytest" in check else [])
            say(f"\n== {name}: python {' '.join(arguments)}")
            results.append((name, *run_check(arguments, Path(scratch))))
    say("")
    for name, passed, seconds in results:
        say(f"{name:<22}{'ok' if passed else 'FAILED':<8}{seconds:7.1f} s")
    return 0 if all(passed for _, passed, _ in results) else 1


def run_check(arguments: Sequence[str], scratch: Path) -> tuple[bool, float]:
    """Run the environment's Python with `arguments`; return whether it exited with 0, and its seconds.

    The learner's progress and personal IPython and Jupyter settings stay out of it; `scratch` replaces them.
    """
    names = {"CNNKIT_HOME": "store", "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "jupyter"}
    personal = {variable: str(scratch / folder) for variable, folder in names.items()}
    started = time.monotonic()
    done = subprocess.run([venv_python(), *arguments], cwd=ROOT, env=clean_environment(**personal))
    return done.returncode == 0, time.monotonic() - started


def bench(options: Sequence[str]) -> int:
    """Time our kernels against those of other libraries; `options` go to `python -m benchmarks`.

    The environment of the tests has all of them but PyTorch, which takes 1 GB or more and so stays a choice.
    """
    ensure_environment("test")
    return subprocess.run([venv_python(), "-m", "benchmarks", *options], cwd=ROOT).returncode


def lock(options: Sequence[str]) -> int:
    """Resolve the dependencies for every platform into both lock files (`--upgrade`: the newest of each)."""
    if not works(["uv", "--version"]):
        raise SetupError("Only uv writes one lock file for all platforms. Install it, then run this again.")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    backend = "\n".join(project["build-system"]["requires"])
    compile_lock(["--extra", "test", *options], backend, ROOT / LOCKS["test"])
    # uv keeps the versions that it finds in its output file, so both files name the same ones
    shutil.copy(ROOT / LOCKS["test"], ROOT / LOCKS["course"])
    compile_lock([], backend, ROOT / LOCKS["course"])
    return 0


def compile_lock(options: Sequence[str], backend: str, target: Path) -> None:
    """Write the pinned and hashed requirements of pyproject.toml and `backend` to `target`."""
    fixed = "--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet"
    sources = ["pyproject.toml", "-"]
    command = ["uv", "pip", "compile", *sources, *fixed.split(), *options, "--output-file", target.name]
    subprocess.run(command, cwd=ROOT, input=backend, text=True, check=True, stdout=subprocess.DEVNULL)
    pinned = target.read_text(encoding="utf-8")
    header = "# Written by `make lock` from pyproject.toml; not edited by hand.\n"
    target.write_text(header + pinned, encoding="utf-8", newline="\n")
    say(f"{target.name}: {pinned.count('==')} packages")


def main(arguments: Sequence[str]) -> int:
    """Run the command named first in `arguments`; say in plain words what kept it from running."""
    known = {"lab": lab, "test": test, "bench": bench, "lock": lock}
    if not arguments or arguments[0] not in known:
        print(__doc__, file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        return known[arguments[0]](arguments[1:])
    except SetupError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or 'This machine'}: {error.strerror or error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} stopped with status {error.returncode}.", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
