"""The files that set a machine up agree, and the locks name nothing but packages and hashes."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from cnnkit.doctor.machine import minimum, release

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = PROJECT["project"]["dependencies"]
TESTING = PROJECT["project"]["optional-dependencies"]["test"]
MEASURING = PROJECT["project"]["optional-dependencies"]["bench"]
BACKEND = PROJECT["build-system"]["requires"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


class Pin(NamedTuple):
    """One locked package: its name, version, the machines it is for, and the hashes of its files."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def pins(name: str) -> list[Pin]:
    joined = re.sub(r"\\\n\s*", "", read(name))
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [pin(line) for line in lines]


def pin(line: str) -> Pin:
    requirement, *hashes = line.split("--hash=sha256:")
    name_version, _, marker = requirement.partition(";")
    name, version = name_version.strip().split("==")
    return Pin(name, version, marker.strip(), tuple(value.strip() for value in hashes))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
class TestLock:
    def test_every_file_is_known_by_its_hash(self, lock):
        for locked in pins(lock):
            assert locked.hashes, locked.name
            assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in locked.hashes), locked.name

    def test_it_names_no_host_index_or_path(self, lock):
        for line in read(lock).splitlines():
            rest = line.removesuffix("\\").replace("--hash=sha256:", "")
            assert not re.search(r"[/\\]|--|:|@|\blocalhost\b|\bwww\b", rest.removeprefix("#")), line

    def test_it_holds_every_declared_package_at_an_accepted_version(self, lock):
        declared = RUNTIME + BACKEND + (TESTING if "test" in lock else [])
        for name, oldest in map(minimum, declared):
            versions = [locked.version for locked in pins(lock) if locked.name == name]
            assert versions, f"{name} is not locked: run `make lock`"
            assert all(release(version) >= release(oldest) for version in versions), name


def test_both_locks_name_the_same_versions():
    course, testing = (
        {(p.name, p.version, p.marker) for p in pins(f"requirements{kind}.lock")} for kind in ("", "-test")
    )
    assert course < testing


def test_the_locks_reader_sees_through_markers_and_line_ends():
    locked = pin("numpy==2.4.6 ; python_full_version < '3.12' --hash=sha256:ab --hash=sha256:cd")
    assert locked == Pin("numpy", "2.4.6", "python_full_version < '3.12'", ("ab", "cd"))


def test_every_dependency_says_why_it_is_there():
    listed = re.findall(r'^    "[^"]+",(.*)$', read("pyproject.toml").split("[tool.hatch")[0], re.MULTILINE)
    assert len(listed) == len(RUNTIME + TESTING + MEASURING)
    assert all(re.fullmatch(r"\s*# \w.{10,}", reason) for reason in listed)


def test_dependencies_are_written_as_oldest_accepted_versions():
    # the doctor compares installed versions by this form
    assert all(re.fullmatch(r"[a-z0-9-]+>=[\d.]+", line) for line in RUNTIME + TESTING + MEASURING + BACKEND)


def test_conda_and_binder_get_what_pyproject_says():
    entries = re.findall(r"^\s*- (.+)$", read("environment.yml"), re.MULTILINE)
    assert entries == ["conda-forge", f"python{PROJECT['project']['requires-python']}", "pip", "pip:", "-e ."]


def test_the_makefile_offers_each_command_of_the_launcher():
    makefile = read("Makefile")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert set(phony.group(1).split()) == {"help", "lab", "test", "bench", "lock"}
    assert re.search(
        r"^lab test bench lock:\n(\t.*\n)*\t@\$\(PYTHON\) bootstrap\.py \$@ \$\(ARGS\)\n",
        makefile,
        re.MULTILINE,
    )


def test_the_oldest_python_is_the_same_everywhere():
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f"if sys.version_info < ({oldest.replace('.', ', ')}):" in read("bootstrap.py")
    assert f"Python {oldest} or newer" in read("Makefile")
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")


def test_the_continuous_check_insists_on_a_browser():
    script = read(".ci/run")
    subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=True)
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert re.search(r"^export CNNKIT_REQUIRE_BROWSER=1", script, re.MULTILINE)
    assert 'environ.get("CNNKIT_REQUIRE_BROWSER")' in read("tests/browser/conftest.py")
    assert script.rstrip().endswith("make test")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", target]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return zipfile.ZipFile(next(target.glob("*.whl")))


def test_a_wheel_carries_everything_that_is_not_python(wheel: zipfile.ZipFile):
    inside = set(wheel.namelist())
    beside = {
        path for path in (ROOT / "cnnkit").rglob("*") if path.suffix in {".js", ".css", ".json", ".mplstyle"}
    }
    assert beside
    assert {path.relative_to(ROOT).as_posix() for path in beside} <= inside
    data = {path.relative_to(ROOT / "data") for path in (ROOT / "data").rglob("*") if path.is_file()}
    assert {f"cnnkit/_data/{path.as_posix()}" for path in data} <= inside
    assert {Path(name).name for name in inside if "/licenses/" in name} == {"LICENSE", "LICENSE-text.md"}
    assert not any(name.startswith(("tests", "notebooks", "data")) for name in inside)


def test_an_unpacked_wheel_reads_its_own_data(wheel: zipfile.ZipFile, tmp_path: Path):
    wheel.extractall(tmp_path)
    code = "from cnnkit import data; print(data.__file__, data.photo('camera').shape, len(data.digits()[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(tmp_path))
    assert done.stdout.split()[-1] == "1797"
