"""The house stands as drawn: imports only look down, heavy packages stay in their rooms, files stay small."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cnnkit"

FLOORS = [  # from the ground up; a module may import its own floor and those below
    {"__init__", "errors", "shapes"},
    {
        "activations",
        "borders",
        "cache",
        "checkpointing",
        "explain",
        "famous_kernels",
        "gradcheck",
        "gradient_depth",
        "initializers",
        "intervals",
        "kernels",
        "layout",
        "losses",
        "normalization",
        "signal_depth",
        "stacks",
        "upsampling",
    },
    {"layers", "optim", "pooling_kinds", "pooling_variants", "receptive", "tables", "weight_files"},
    {
        "architecture_experiments",
        "augment",
        "data",
        "digit_training",
        "deploy",
        "dying_relu",
        "effective_field",
        "engine",
        "experiments",
        "network",
        "pooling_experiments",
        "roofline",
        "train",
        "training_experiments",
        "zoo",
    },
    {"figures"},
    {"drills", "widgets"},
    {"__main__", "doctor", "lab"},
]

ROOMS = {  # third-party package: the only modules (with what lies under them) that may import it
    "numba": {
        "kernels.parallel",
        "roofline",
        "doctor.kernel_probe",
    },  # the doctor's probe asks Numba about itself
    "llvmlite": {"kernels.parallel", "roofline"},  # the language that Numba translates to
    "matplotlib": {"figures"},
    "ipywidgets": {"widgets", "drills.card"},
    "anywidget": {"widgets", "drills.card"},
    "traitlets": {"widgets", "drills.card"},
    "IPython": {"figures", "widgets", "drills"},
    "PIL": {"data", "figures"},
    "hypothesis": {"drills"},
    "fsrs": {"drills.scheduler"},
    "platformdirs": {"drills.store"},
    "safetensors": {"weight_files"},
    "jupyterlab": {"lab", "doctor"},
    "jupyter_core": {"doctor"},
}
LOWEST_WITH_NUMPY = 1
COMPARISON = "kernels.parallel.ladder"  # shows the three kernel modules side by side; none may lean on it
HEAVY = {
    "numpy",
    "numba",
    "matplotlib",
    "ipywidgets",
    "anywidget",
    "PIL",
    "IPython",
    "jupyterlab",
    "hypothesis",
}
LONGEST_FILE = 400


def module_name(path: Path) -> str:
    """Name a file of the package without its first part: "kernels.loops", and "kernels" for its __init__."""
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def floor(module: str) -> int:
    """Return the number of the floor on which a module lives."""
    for number, rooms in enumerate(FLOORS):
        if module.split(".")[0] in rooms:
            return number
    raise AssertionError(f"cnnkit.{module} has no floor: give it one in FLOORS")


def imported_names(module: str) -> Iterator[str]:
    """Yield the full dotted name of everything that a module imports, at its top or inside its functions."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node, package)
            yield from (f"{source}.{alias.name}" for alias in node.names)


def absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the absolute name of the module that a `from ... import` reads."""
    if node.level == 0:
        return node.module or ""
    above = ["cnnkit", *filter(None, package.split("."))]
    above = above[: len(above) - node.level + 1]
    return ".".join([*above, *filter(None, [node.module])])


def own_module(name: str) -> str | None:
    """Return which module of the package an imported name means: itself a module, or inside of one."""
    if name.split(".")[0] != "cnnkit":
        return None
    inner = name.removeprefix("cnnkit").removeprefix(".") or "__init__"
    while inner and inner not in MODULES:
        inner = inner.rpartition(".")[0]
    return inner or "__init__"


IMPORTS = {
    module: set(filter(None, map(own_module, imported_names(module)))) - {module} for module in MODULES
}


def test_the_walk_sees_what_is_there():
    # a walker that missed imports would let every other test of this file pass
    assert {"errors", "shapes"} <= IMPORTS["kernels.arguments"]
    assert "drills.store" in IMPORTS["doctor.course"]  # an import inside a function
    assert "doctor.diagnosis" in IMPORTS["doctor"]  # a package's own file
    assert own_module("cnnkit.kernels.loops.conv2d") == "kernels.loops"


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_look_down(module: str):
    above = {other for other in IMPORTS[module] if floor(other) > floor(module)}
    assert not above, f"cnnkit.{module} (floor {floor(module)}) imports from above: {above}"


def test_no_module_imports_itself_by_a_detour():
    inner = {module: {other for other in others if other != "__init__"} for module, others in IMPORTS.items()}
    try:
        TopologicalSorter(inner).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    ("module", "others"),
    [
        ("loops", {"vectorized", "parallel"}),
        ("vectorized", {"loops", "parallel"}),
        ("parallel", {"loops", "vectorized"}),
    ],
)
def test_the_three_kernel_modules_do_not_lean_on_each_other(module: str, others: set[str]):
    # they are tested against one another, which would prove nothing if one called the other
    inside = [
        name for name in MODULES if name == f"kernels.{module}" or name.startswith(f"kernels.{module}.")
    ]
    assert inside
    inside = [name for name in inside if name != COMPARISON]
    for name in inside:
        used = {other.split(".")[1] for other in IMPORTS[name] if other.startswith("kernels.")}
        assert not used & others, f"cnnkit.{name} imports {used & others}"
        assert COMPARISON not in IMPORTS[name]


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_stay_in_their_rooms(module: str):
    foreign = {name.split(".")[0] for name in imported_names(module)} - {"cnnkit"} - sys.stdlib_module_names
    for package in foreign:
        if package == "numpy":
            assert floor(module) >= LOWEST_WITH_NUMPY, f"cnnkit.{module} is integers only"
        else:
            assert package in ROOMS, f"cnnkit.{module} imports {package}, which no room is named for"
            allowed = any(f"{module}.".startswith(f"{room}.") for room in ROOMS[package])
            assert allowed, f"cnnkit.{module} imports {package}; only {ROOMS[package]} may"


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import cnnkit", HEAVY),
        ("import cnnkit.__main__", HEAVY),
        ("import cnnkit; cnnkit.shapes", HEAVY),
        ("from cnnkit.kernels import loops, vectorized", HEAVY - {"numpy"}),
        ("from cnnkit import data", HEAVY - {"numpy", "PIL"}),
        ("from cnnkit.drills import store", HEAVY),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_used(statement: str, absent: set[str]):
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())


def written_files() -> list[Path]:
    sources = ROOT / "notebooks" / "src"  # chapters are as long as their subject
    folders = [PACKAGE, ROOT / "benchmarks", ROOT / "tests", ROOT / "notebooks"]
    found = [
        path for folder in folders for suffix in ("py", "js", "css") for path in folder.rglob(f"*.{suffix}")
    ]
    return [ROOT / "bootstrap.py", *(path for path in found if sources not in path.parents)]


@pytest.mark.parametrize("path", written_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_are_short_and_finished(path: Path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    # the words are put together here, so that this file does not find itself
    assert not re.search(r"\b(TO" "DO|FIX" "ME|XX" "X)\b", text)
    assert not re.search(r"pragma: no" " cover|# no" r"qa\s*$|type: ig" r"nore\s*$", text, re.MULTILINE)
