"""Open the course in JupyterLab: on this machine only, quiet, at the first chapter."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from cnnkit.errors import CnnkitError

CHECKOUT = Path(__file__).resolve().parent.parent
FIRST_CHAPTER = "notebooks/00_start_here.ipynb"
SETTINGS = Path(__file__).resolve().parent / "jupyter"  # the interface's defaults: no news, no pop-up


def open_lab(*, port: int | None = None, browser: bool = True, checkout: Path = CHECKOUT) -> None:
    """Run JupyterLab until it is stopped; `port` None takes the first free one from 8888.

    Raises CnnkitError when the chapters or JupyterLab are not there.
    """
    if not (checkout / FIRST_CHAPTER).is_file():
        raise CnnkitError(
            f"There are no chapters in {checkout / 'notebooks'}: they come with the course's repository, not "
            "with the installed package. Get the repository, and in it run `make lab` (Windows: "
            "`py bootstrap.py lab`)."
        )
    if find_spec("jupyterlab") is None:
        raise CnnkitError("JupyterLab is not installed in this Python. Run `make lab`, which brings its own.")
    from jupyterlab.labapp import LabApp

    searched = [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, searched))
    print("JupyterLab is starting. To stop it, press Ctrl-C here, then y.", flush=True)
    LabApp.launch_instance(lab_arguments(checkout, port=port, browser=browser))


def lab_arguments(checkout: Path, *, port: int | None, browser: bool) -> Sequence[str]:
    """Return the command line for JupyterLab: loopback, its token kept, nothing asked of the network."""
    arguments = [
        f"--ServerApp.root_dir={checkout}",
        f"--LabApp.default_url=/lab/tree/{FIRST_CHAPTER}",
        "--ServerApp.ip=127.0.0.1",
        # news, update checks and the extension catalogue are the three things that JupyterLab fetches
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # in a container there is often nobody else
    return arguments
