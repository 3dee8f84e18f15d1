"""The launcher: does nothing the second time, mends what is broken, and says plainly what is missing."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import bootstrap

ROOT = Path(__file__).parent.parent


class Recorder:
    """Stands for the installers: keeps what it was asked to run, and gives a new environment a Python."""

    def __init__(self, venv: Path) -> None:
        self.venv = venv
        self.commands: list[list[str]] = []
        self.failing: Callable[[list[str]], Exception | None] = lambda _: None

    def __call__(self, command: list[str]) -> None:
        self.commands.append(command)
        if error := self.failing(command):
            raise error
        if "venv" in command:
            make_python(self.venv)

    def tools(self) -> list[str]:
        return [" ".join(command) for command in self.commands]


def make_python(venv: Path) -> None:
    python = venv / bootstrap.venv_python().relative_to(bootstrap.VENV)
    python.parent.mkdir(parents=True, exist_ok=True)
    python.symlink_to(sys.executable)


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Return what would install, in a copy of the project whose installers are recorded, not run."""
    for name in ("pyproject.toml", *bootstrap.LOCKS.values()):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "installers", lambda: ["uv", "pip"])
    recorder = Recorder(tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "run_installer", recorder)
    return recorder


class TestEnvironment:
    def test_the_first_time_makes_it_from_the_lock_and_checks_hashes(self, installer):
        bootstrap.ensure_environment("course")
        create, locked, project = installer.tools()
        assert create.startswith("uv venv")
        assert "--require-hashes --only-binary :all: --requirement requirements.lock" in locked
        assert "--no-deps --no-build-isolation --editable ." in project

    def test_the_second_time_does_nothing(self, installer):
        bootstrap.ensure_environment("course")
        installer.commands.clear()
        bootstrap.ensure_environment("course")
        assert installer.commands == []

    def test_what_the_tests_need_contains_what_the_course_needs(self, installer):
        bootstrap.ensure_environment("test")
        installer.commands.clear()
        bootstrap.ensure_environment("course")
        assert installer.commands == []

    def test_the_course_alone_is_not_enough_for_the_tests(self, installer):
        bootstrap.ensure_environment("course")
        installer.commands.clear()
        bootstrap.ensure_environment("test")
        assert any("requirements-test.lock" in tool for tool in installer.tools())
        assert not any("uv venv" in tool for tool in installer.tools())

    @pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
    def test_a_changed_file_means_an_update_in_place(self, installer, name):
        bootstrap.ensure_environment("course")
        installer.commands.clear()
        with (bootstrap.ROOT / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        bootstrap.ensure_environment("course")
        assert [tool.split()[1] for tool in installer.tools()] == ["pip", "pip"]

    def test_an_environment_made_by_hand_is_kept_and_filled(self, installer):
        make_python(bootstrap.VENV)
        (bootstrap.VENV / "kept").touch()
        bootstrap.ensure_environment("course")
        assert (bootstrap.VENV / "kept").exists()
        assert len(installer.commands) == 2


class TestRepair:
    @pytest.fixture(autouse=True)
    def made(self, installer):
        bootstrap.ensure_environment("course")
        (bootstrap.VENV / "old").touch()
        installer.commands.clear()

    def spoil(self, **changes: str) -> None:
        bootstrap.write_stamp(bootstrap.read_stamp() | changes)

    def assert_remade(self, installer, capsys, why: str) -> None:
        bootstrap.ensure_environment("course")
        assert not (bootstrap.VENV / "old").exists()
        assert installer.tools()[0].startswith("uv venv")
        assert why in capsys.readouterr().out

    def test_a_lost_python(self, installer, capsys):
        bootstrap.venv_python().unlink()
        self.assert_remade(installer, capsys, "has no Python in it")

    def test_a_python_that_does_not_start(self, installer, capsys):
        bootstrap.venv_python().unlink()
        bootstrap.venv_python().write_text("not a program", encoding="ascii")
        self.assert_remade(installer, capsys, "does not start")

    def test_another_python_than_it_was_made_with(self, installer, capsys):
        self.spoil(python="3.10.1")
        self.assert_remade(installer, capsys, "was made with Python 3.10.1")

    def test_a_moved_folder(self, installer, capsys):
        self.spoil(root="/elsewhere")
        self.assert_remade(installer, capsys, "another folder")

    def test_a_set_up_that_was_interrupted(self, installer, capsys):
        bootstrap.venv_python().unlink()
        installer.failing = lambda command: KeyboardInterrupt() if "--requirement" in command else None
        with pytest.raises(KeyboardInterrupt):
            bootstrap.ensure_environment("course")
        installer.failing = lambda _: None
        installer.commands.clear()
        self.assert_remade(installer, capsys, "half made")

    def test_a_stamp_that_is_no_json(self, installer):
        (bootstrap.VENV / bootstrap.STAMP).write_text("{", encoding="ascii")
        bootstrap.ensure_environment("course")
        assert len(installer.commands) == 2

    def test_a_link_is_removed_but_not_what_it_points_to(self, installer, tmp_path):
        elsewhere = bootstrap.VENV.rename(tmp_path / "elsewhere")
        (elsewhere / "bin").joinpath("python").unlink(missing_ok=True)
        bootstrap.VENV.symlink_to(elsewhere)
        bootstrap.ensure_environment("course")
        assert (elsewhere / "old").exists()
        assert not bootstrap.VENV.is_symlink()


class TestInstallers:
    def test_pip_has_its_turn_when_uv_cannot(self, installer, capsys):
        # pip may know a mirror that uv does not
        installer.failing = lambda command: bootstrap.SetupError("no way") if command[0] == "uv" else None
        bootstrap.ensure_environment("course")
        assert "uv did not succeed. no way" in capsys.readouterr().out
        assert any("-m ensurepip" in tool for tool in installer.tools())
        assert bootstrap.is_complete(bootstrap.read_stamp(), "course")

    def test_when_none_can_the_last_reason_is_told(self, installer):
        installer.failing = lambda command: bootstrap.SetupError(f"{command[0]} failed")
        with pytest.raises(bootstrap.SetupError, match=r"python.* failed"):
            bootstrap.ensure_environment("course")

    def test_a_python_without_venv_is_told_the_package_that_brings_it(self, monkeypatch):
        monkeypatch.setattr(bootstrap, "works", lambda _: False)
        monkeypatch.setattr(
            bootstrap.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name
        )
        with pytest.raises(bootstrap.SetupError, match=r"apt-get install python3\.\d+-venv"):
            bootstrap.installers()

    def test_a_shim_without_its_tool_is_not_taken_for_the_tool(self, tmp_path, monkeypatch):
        shim = tmp_path / "uv"
        shim.write_text("#!/bin/sh\nexit 127\n", encoding="ascii")
        shim.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        assert not bootstrap.works(["uv", "--version"])
        assert bootstrap.works([sys.executable, "--version"])

    @pytest.mark.parametrize(
        ("output", "meaning"),
        [
            ("OSError: [Errno 28] No space left on device", "disk is full"),
            ("error: failed to write to file: No space left on device (os error 28)", "disk is full"),
            (
                "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
                "cannot be reached",
            ),
            (
                "error: Request failed after 3 retries\n  Caused by: dns error: failed to lookup",
                "cannot be reached",
            ),
            (
                "Retrying ... connection broken by NewConnectionError\nERROR: No matching distribution found",
                "cannot be reached",
            ),
            ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one"),
            ("Hash mismatch for `numpy==2.4.6`", "not the one"),
            ("ERROR: No matching distribution found for numba==0.68.1", "no build for Python 3"),
            ("Because numba==0.68.1 has no usable wheels and you require", "no build for Python 3"),
            ("error: Permission denied (os error 13)", "could not be written"),
            ("Something nobody has seen", "Something nobody has seen"),
        ],
    )
    def test_what_an_installer_says_is_put_in_plain_words(self, output, meaning):
        assert meaning in bootstrap.explain(output)

    def test_too_small_a_disk_is_told_before_anything_is_fetched(self, installer, monkeypatch):
        monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: SimpleNamespace(free=5e6))
        with pytest.raises(bootstrap.SetupError, match="5 MB are free"):
            bootstrap.ensure_environment("course")
        assert installer.commands == []


class TestCommands:
    def test_lab_hands_its_options_on(self, installer, monkeypatch):
        class ReplacedError(Exception):
            """Stands for the process that replaces this one."""

        def become(path, command, env):
            raise ReplacedError(command, env)

        monkeypatch.setattr(bootstrap.os, "execve", become)
        monkeypatch.setenv("PYTHONPATH", "/somebody/elses")
        with pytest.raises(ReplacedError) as replaced:
            bootstrap.lab(["--port", "9000"])
        command, env = replaced.value.args
        assert command[1:] == ["-m", "cnnkit", "lab", "--port", "9000"]
        assert "PYTHONPATH" not in env

    def test_all_checks_run_and_one_failure_fails_the_whole(self, installer, monkeypatch, capsys):
        results = {"ruff": (False, 0.1), "mypy": (True, 2.0), "pytest": (True, 30.0)}
        ran = []

        def run_check(arguments, scratch):
            ran.append(arguments)
            return results[arguments[1]]

        monkeypatch.setattr(bootstrap, "run_check", run_check)
        (bootstrap.ROOT / "tests").mkdir()
        assert bootstrap.test(["-k", "shapes"]) == 1
        assert [arguments[1] for arguments in ran] == ["ruff", "ruff", "mypy", "pytest"]
        assert ran[-1][-3:] == ["tests", "-k", "shapes"]
        assert "--nbval-lax" not in ran[-1]
        assert capsys.readouterr().out.count("FAILED") == 2
        results["ruff"] = (True, 0.1)
        assert bootstrap.test([]) == 0

    def test_a_check_never_sees_the_learners_own_store(self, installer, tmp_path, monkeypatch):
        bootstrap.ensure_environment("test")
        monkeypatch.setenv("CNNKIT_HOME", "/precious")
        seen = tmp_path / "seen"
        code = f"import os; open({str(seen)!r}, 'w').write(os.environ['CNNKIT_HOME'])"
        passed, seconds = bootstrap.run_check(["-c", code], tmp_path / "scratch")
        assert passed
        assert seconds > 0
        assert seen.read_text(encoding="utf-8") == str(tmp_path / "scratch" / "store")
        assert not bootstrap.run_check(["-c", "raise SystemExit(3)"], tmp_path)[0]

    def test_an_unknown_command_gets_the_list(self, capsys):
        assert bootstrap.main(["laboratory"]) == 2
        assert "bootstrap.py lab" in capsys.readouterr().err


class TestAnyPython:
    source = (ROOT / "bootstrap.py").read_text(encoding="utf-8")

    def test_an_old_python_can_read_it_that_far(self):
        ast.parse(self.source, feature_version=(3, 6))

    def test_an_old_python_is_refused_in_plain_words(self, monkeypatch):
        opening = ast.Module(ast.parse(self.source).body[:3], type_ignores=[])
        monkeypatch.setattr(sys, "version_info", (3, 8, 10))
        with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and .* is Python 3\.8\."):
            exec(compile(opening, "bootstrap.py", "exec"), {})


def test_without_a_network_it_ends_in_one_sentence(tmp_path):
    # the real pip against an address of this machine where nobody answers
    for name in ("bootstrap.py", "pyproject.toml", "requirements-test.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "requirements.lock").write_text(
        f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n", encoding="ascii"
    )
    offline = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    command = [sys.executable, "bootstrap.py", "lab"]
    done = subprocess.run(
        command, cwd=tmp_path, env=env | offline | {"PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The package index cannot be reached.")
    assert "Traceback" not in done.stdout + done.stderr
    assert (
        json.loads((tmp_path / ".venv" / bootstrap.STAMP).read_text(encoding="utf-8"))["state"]
        == "unfinished"
    )
