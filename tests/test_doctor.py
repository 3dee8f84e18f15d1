"""The doctor: quiet on a sound machine, and each fault gets its own line and remedy, never a traceback."""

import json
import re
import shutil
import subprocess
import webbrowser
from importlib import metadata
from pathlib import Path

import pytest

from cnnkit.__main__ import main
from cnnkit.data import shipped
from cnnkit.doctor import Finding, Report, compiled, course, diagnosis, machine, report

FACTS = {
    "layer": "omp",
    "layers": ["omp", "workqueue"],
    "threads": 4,
    "cache": ["/somewhere/__pycache__"],
    "agrees": True,
    "multiply_adds": 3_000_000,
    "seconds": 0.001,
    "first_seconds": 0.5,
}


@pytest.fixture(scope="module")
def facts() -> dict:
    """Return what the real kernels say about themselves on this machine."""
    return compiled.probe()


class TestReport:
    def test_this_machine_can_run_the_course(self, facts, monkeypatch):
        monkeypatch.setattr(compiled, "probe", lambda: facts)
        found = report()
        assert found.healthy, str(found)
        assert found.verdict == "No problem found: this machine can run the whole course."
        topics = [finding.topic for finding in found.findings]
        assert topics == [*diagnosis.CHECKS, "Threading layer", "Compiled code", "Kernel speed"]

    def test_the_verdict_is_the_same_on_every_healthy_machine(self):
        quick = Report((Finding("Python", "ok", "3.11"),))
        slow = Report((Finding("Python", "ok", "3.14"), Finding("Browser", "warning", "None.", "Open one.")))
        assert quick.verdict == slow.verdict

    def test_a_problem_is_named_and_its_remedy_stands_beside_it(self):
        ill = Report((Finding("Python", "ok", "3.11"), Finding("Store", "problem", "Full.", "Make room.")))
        assert not ill.healthy
        assert ill.verdict.endswith("To be mended: Store.")
        assert re.search(r"^problem  Store +Full\. Make room\.$", str(ill), re.MULTILINE)

    def test_long_lines_are_folded_under_their_text(self):
        lines = str(Finding("Packages", "ok", "word " * 60)).splitlines()
        assert len(lines) > 2
        assert max(map(len, lines)) <= 100
        assert {len(line) - len(line.lstrip()) for line in lines[1:]} == {lines[0].index("word")}

    def test_a_check_that_breaks_becomes_a_finding(self, monkeypatch):
        def broken() -> Finding:
            raise RuntimeError("the ground is gone")

        monkeypatch.setattr(diagnosis, "CHECKS", {"Ground": broken})
        monkeypatch.setattr(compiled, "probe", lambda: FACTS)
        first = report().findings[0]
        assert (first.topic, first.status) == ("Ground", "problem")
        assert "the ground is gone" in first.message


class TestMachine:
    @pytest.mark.parametrize(
        ("installed", "status", "said"),
        [
            ({"numpy": "2.10.1", "numba": "0.61rc1"}, "ok", "numpy 2.10.1"),
            ({"numpy": "1.26.4", "numba": "0.61"}, "problem", "numpy is 1.26.4, needed is 2.0 or newer"),
            ({"numpy": "2.0"}, "problem", "numba is missing"),
        ],
    )
    def test_packages(self, monkeypatch, installed, status, said):
        def version(name: str) -> str:
            if name not in installed:
                raise metadata.PackageNotFoundError(name)
            return installed[name]

        declared = ["numpy>=2.0", "numba>=0.61", "pytest>=8; extra == 'test'"]
        monkeypatch.setattr(metadata, "requires", lambda _: declared)
        monkeypatch.setattr(metadata, "version", version)
        found = machine.check_packages()
        assert found.status == status
        assert said in found.message

    def test_cnnkit_that_is_not_installed(self, monkeypatch):
        def requires(name: str) -> list[str]:
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(metadata, "requires", requires)
        assert machine.check_packages().status == "problem"

    @pytest.mark.parametrize(
        ("requirement", "expected"),
        [
            ("numpy>=2.0", ("numpy", "2.0")),
            ("axe-playwright-python>=0.1.4", ("axe-playwright-python", "0.1.4")),
            ("scipy>=1.14; extra == 'test'", ("scipy", "1.14")),
            ("pillow", ("pillow", "0")),
        ],
    )
    def test_requirements_are_read(self, requirement, expected):
        assert machine.minimum(requirement) == expected

    def test_versions_are_compared_as_numbers(self):
        assert machine.release("2.10") > machine.release("2.9.9")
        assert machine.release("3.0rc1") == (3, 0)

    def test_an_old_or_narrow_python(self, monkeypatch):
        assert machine.check_python().status == "ok"
        monkeypatch.setattr(machine.sys, "maxsize", 2**31 - 1)
        assert "64-bit" in machine.check_python().remedy
        monkeypatch.setattr(machine, "OLDEST_PYTHON", (9, 0))
        assert machine.check_python().status == "problem"

    @pytest.mark.parametrize(("content", "quota"), [("150000 100000", 1.5), ("max 100000", None), ("", None)])
    def test_a_containers_share_is_read(self, tmp_path, monkeypatch, content, quota):
        file = tmp_path / "cpu.max"
        file.write_text(content, encoding="ascii")
        monkeypatch.setattr(machine, "CPU_QUOTA", file)
        assert machine.cpu_quota() == quota

    def test_more_cores_than_a_container_may_use(self, monkeypatch):
        monkeypatch.setattr(machine, "usable_cores", lambda: 8)
        monkeypatch.setattr(machine, "cpu_quota", lambda: 2.5)
        found = machine.check_cores()
        assert found.status == "warning"
        assert "NUMBA_NUM_THREADS=2" in found.remedy
        monkeypatch.setattr(machine, "cpu_quota", lambda: None)
        assert machine.check_cores().status == "ok"

    @pytest.mark.parametrize(
        ("variable", "value", "status"),
        [
            ("NUMBA_NUM_THREADS", "8", "ok"),
            ("NUMBA_NUM_THREADS", "1", "warning"),
            ("NUMBA_NUM_THREADS", "0", "problem"),
            ("OMP_NUM_THREADS", "two", "problem"),
            ("OMP_NUM_THREADS", "2", "ok"),
            ("OMP_NUM_THREADS", " ", "ok"),
        ],
    )
    def test_thread_settings(self, monkeypatch, variable, value, status):
        monkeypatch.setattr(machine, "usable_cores", lambda: 4)
        for name in machine.THREAD_VARIABLES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, value)
        found = machine.check_thread_settings()
        assert found.status == status
        assert variable in found.message or not value.strip()

    def test_threads_of_the_blas(self, monkeypatch):
        monkeypatch.setattr(machine, "usable_cores", lambda: 128)
        for name in machine.THREAD_VARIABLES:
            monkeypatch.delenv(name, raising=False)
        assert machine.blas_threads("openblas", "Haswell MAX_THREADS=64") == "64 threads"
        assert machine.blas_threads("mkl", "") == "128 threads"
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        assert machine.blas_threads("openblas", "MAX_THREADS=64") == "3 threads (OMP_NUM_THREADS)"
        assert "itself" in machine.blas_threads("accelerate", "")


class TestCourse:
    def test_a_store_that_cannot_be_written(self, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("CNNKIT_HOME", str(tmp_path / "file" / "store"))
        found = course.check_store()
        assert found.status == "problem"
        assert "CNNKIT_HOME" in found.remedy

    def test_a_damaged_store(self, tmp_path, monkeypatch):
        monkeypatch.setenv("CNNKIT_HOME", str(tmp_path))
        (tmp_path / "drills.sqlite3").write_bytes(b"no database at all " * 100)
        found = course.check_store()
        assert found.status == "problem"
        assert "drills.sqlite3" in found.message

    def test_a_store_that_moves_with_the_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CNNKIT_HOME", "progress")
        assert course.check_store().status == "warning"

    def test_looking_at_the_store_does_not_make_one(self, tmp_path, monkeypatch):
        monkeypatch.setenv("CNNKIT_HOME", str(tmp_path / "new" / "store"))
        assert course.check_store().status == "ok"
        assert list(tmp_path.iterdir()) == []

    def test_a_changed_photograph(self, tmp_path, monkeypatch):
        copy = Path(shutil.copytree(shipped._data_folder(), tmp_path / "data"))
        monkeypatch.setattr(shipped, "_data_folder", lambda: copy)
        assert course.check_data().status == "ok"
        victim = min((copy / "photos").iterdir())
        victim.write_bytes(victim.read_bytes() + b"\0")
        found = course.check_data()
        assert found.status == "problem"
        assert victim.name in found.message

    def test_a_front_end_that_is_missing(self, monkeypatch):
        assert course.check_jupyterlab().status == "ok"
        monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda _: [])
        found = course.check_jupyterlab()
        assert found.status == "problem"
        assert "ipywidgets and anywidget" in found.message

    def test_no_browser_is_no_problem(self, monkeypatch):
        def get() -> None:
            raise webbrowser.Error("could not locate runnable browser")

        monkeypatch.setattr(course.webbrowser, "get", get)
        found = course.check_browser()
        assert found.status == "warning"
        assert "--no-browser" in found.remedy


class TestKernels:
    def test_the_real_kernels_report_what_they_run_on(self, facts):
        assert facts["agrees"]
        assert facts["layer"] in facts["layers"]
        assert facts["threads"] >= 1
        assert facts["multiply_adds"] == 64 * 64 * 3 * 3 * 32 * 32
        assert 0 < facts["seconds"] <= facts["first_seconds"]
        assert all(Path(folder).is_dir() for folder in facts["cache"])

    def test_kernels_that_do_not_start(self, monkeypatch):
        monkeypatch.setenv("NUMBA_NUM_THREADS", "0")
        (found,) = compiled.check_kernels()
        assert found.status == "problem"
        assert "NUMBA_" in found.remedy
        assert "Traceback" not in found.message

    def test_a_process_that_says_nothing(self, monkeypatch):
        def run(*_: object, **__: object) -> None:
            raise subprocess.CalledProcessError(-6, ["python"], stderr="")

        monkeypatch.setattr(compiled.subprocess, "run", run)
        (found,) = compiled.check_kernels()
        assert found.status == "problem"
        assert "SIGABRT" in found.message

    def test_nowhere_to_keep_compiled_code(self):
        error = subprocess.CalledProcessError(
            1, ["python"], stderr="RuntimeError: cannot cache: no locator available"
        )
        assert "NUMBA_CACHE_DIR" in compiled.broken_finding(error).remedy
        assert compiled.cache_finding(FACTS | {"cache": []}).status == "warning"

    def test_which_layers_may_be_entered_twice(self):
        safe = compiled.threading_finding(FACTS)
        unsafe = compiled.threading_finding(FACTS | {"layer": "workqueue", "layers": ["workqueue"]})
        assert "may use it at once" in safe.message
        assert "two Python threads at once" in unsafe.message
        assert "also available: none" in unsafe.message

    def test_speed_and_agreement(self):
        assert compiled.speed_finding(FACTS).message.startswith("3.0 billion multiply-adds a second")
        assert compiled.speed_finding(FACTS | {"agrees": False}).status == "problem"


class TestCommand:
    def test_the_exit_status_tells_a_script(self, monkeypatch, capsys):
        ill = Report((Finding("Store", "problem", "Full.", "Make room."),))
        monkeypatch.setattr("cnnkit.doctor.report", lambda: ill)
        assert main(["doctor"]) == 1
        assert "Make room." in capsys.readouterr().out

    def test_as_json(self, monkeypatch, capsys):
        monkeypatch.setattr("cnnkit.doctor.report", lambda: Report((Finding("Python", "ok", "3.11."),)))
        assert main(["doctor", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["healthy"] is True
        assert told["findings"] == [{"topic": "Python", "status": "ok", "message": "3.11.", "remedy": ""}]
