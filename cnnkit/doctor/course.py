"""Checks of what the course brings or keeps: the learner's store, the data, JupyterLab, the browser."""

import json
import os
import sqlite3
import tempfile
import webbrowser
from pathlib import Path

from cnnkit.doctor.findings import Finding
from cnnkit.errors import DataError

EXTENSIONS = {"@jupyter-widgets/jupyterlab-manager": "ipywidgets", "anywidget": "anywidget"}


def check_store() -> Finding:
    """Find out whether the learner's progress can be read and written."""
    from cnnkit.drills.store import FILE_NAME, store_home

    home = store_home()
    chosen = "CNNKIT_HOME" if os.environ.get("CNNKIT_HOME", "").strip() else "the platform's data folder"
    facts = f"{home} ({chosen})."
    if fault := _why_unwritable(home):
        remedy = "Set CNNKIT_HOME to a folder that you may write to."
        return Finding("Store", "problem", f"{facts} {fault}.", remedy)
    if fault := _why_unreadable(home / FILE_NAME):
        remedy = f"Move {FILE_NAME} away and import your last export, or start anew."
        return Finding("Store", "problem", f"{facts} {fault}.", remedy)
    if not home.is_absolute():
        remedy = "Give CNNKIT_HOME as a full path: a relative one means another store in every folder."
        return Finding("Store", "warning", facts, remedy)
    return Finding("Store", "ok", facts)


def _why_unwritable(home: Path) -> str:
    """Try to write where the store is or would be made; return the system's complaint, or ""."""
    nearest = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"cnnkit")
    except OSError as error:
        return f"{nearest}: {error.strerror}"
    return ""


def _why_unreadable(file: Path) -> str:
    """Let SQLite look through a store that exists; return its complaint, or ""."""
    if not file.exists():
        return ""
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        try:
            (answer,) = connection.execute("PRAGMA quick_check").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return f"{file.name} cannot be read: {error}"
    return "" if answer == "ok" else f"{file.name} is damaged: {answer}"


def check_data() -> Finding:
    """Read every photograph and the digits; the loaders compare their SHA-256."""
    from cnnkit import data

    try:
        names = data.photo_names()
        for name in names:
            data.photo(name)
        images, _ = data.digits()
    except DataError as error:
        remedy = "Restore the files: `git checkout -- data` in a clone, or install cnnkit again."
        return Finding("Data", "problem", str(error).rstrip(".") + ".", remedy)
    return Finding("Data", "ok", f"{len(names)} photographs and {len(images)} digits, all as published.")


def check_jupyterlab() -> Finding:
    """Find out whether JupyterLab is here, with the two extensions that draw the course's widgets."""
    import jupyterlab
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    versions = {name: _extension_version(folders, name) for name in EXTENSIONS}
    missing = [EXTENSIONS[name] for name, version in versions.items() if version is None]
    if missing:
        facts = f"JupyterLab {jupyterlab.__version__} lacks the front end of {' and '.join(missing)}."
        return Finding("JupyterLab", "problem", facts, "Run `make lab`, or install that package again.")
    found = ", ".join(f"{EXTENSIONS[name]} front end {version}" for name, version in versions.items())
    return Finding("JupyterLab", "ok", f"{jupyterlab.__version__}, {found}.")


def _extension_version(folders: list[Path], name: str) -> str | None:
    for folder in folders:
        description = folder / name / "package.json"
        if description.is_file():
            return str(json.loads(description.read_text(encoding="utf-8")).get("version", "unknown"))
    return None


def check_browser() -> Finding:
    """Find out whether Python knows a browser to open."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        remedy = (
            "Start with `--no-browser` and open the printed address in a browser that reaches this machine."
        )
        return Finding("Browser", "warning", "Python knows none on this machine.", remedy)
    return Finding("Browser", "ok", f"{getattr(browser, 'name', type(browser).__name__)}.")
