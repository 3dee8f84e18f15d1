"""No test may touch the memory of whoever runs it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

# For what runs outside a test function (module level, session fixtures, servers that they start).
os.environ["CNNKIT_HOME"] = str(Path(tempfile.gettempdir()) / "cnnkit-tests-must-not-write-here")


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


@pytest.fixture(scope="session", autouse=True)
def real_store_is_untouched() -> Iterator[None]:
    """Fail the run when the learner's own memory changed, or a test wrote outside its own home."""
    forbidden = [platformdirs.user_data_path("cnnkit", appauthor=False), Path(os.environ["CNNKIT_HOME"])]
    before = [snapshot(folder) for folder in forbidden]
    yield
    assert [snapshot(folder) for folder in forbidden] == before, f"a test wrote to one of {forbidden}"


@pytest.fixture(autouse=True)
def drill_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty memory of its own."""
    home = tmp_path / "cnnkit-home"
    monkeypatch.setenv("CNNKIT_HOME", str(home))
    return home
