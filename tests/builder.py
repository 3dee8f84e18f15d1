"""``notebooks/build.py`` for the tests: it is a script beside the chapters, not part of a package."""

import importlib.util
import sys
from pathlib import Path

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
_spec = importlib.util.spec_from_file_location("cnnkit_notebook_build", NOTEBOOKS / "build.py")
build = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = build
_spec.loader.exec_module(build)
