"""The small, readable library under a course on convolutional neural networks.

Modules are loaded when they are first used: `import cnnkit` costs next to nothing, and
`cnnkit.data.photo("camera")` works without a second import.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    """Return the module `cnnkit.<name>`, importing it on first use; raise AttributeError for other names."""
    if name not in _module_names():
        raise AttributeError(f"module 'cnnkit' has no module or attribute {name!r}")
    return import_module(f"cnnkit.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_module_names()})


def _module_names() -> set[str]:
    return {module.name for module in iter_modules(__path__) if not module.name.startswith("_")}
