"""`python -m cnnkit lab`: on loopback, with its token, at the first chapter, silent towards the network."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnkit import __version__
from cnnkit.__main__ import main
from cnnkit.errors import CnnkitError
from cnnkit.lab import CHECKOUT, FIRST_CHAPTER, lab_arguments, open_lab

START = 60  # seconds that a busy machine may take


class Lab:
    """A JupyterLab that `python -m cnnkit lab` started, from a folder that is not the course's."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = folder / "log"
        command = [sys.executable, "-m", "cnnkit", "lab", "--no-browser", "--port", str(self.port)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env=_environment(folder)
            )

    def address(self) -> str:
        """Return the address with its token that JupyterLab prints, once it answers."""
        give_up = time.monotonic() + START
        while time.monotonic() < give_up and self.process.poll() is None:
            words = self.log.read_text(encoding="utf-8").split()
            found = [word for word in words if word.startswith("http://127.0.0.1") and "token=" in word]
            if found:
                return found[0]
            time.sleep(0.1)
        raise AssertionError(self.log.read_text(encoding="utf-8"))


def _environment(folder: Path) -> dict[str, str]:
    own = {
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
    }
    return os.environ | own


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("elsewhere"))
    yield lab
    lab.process.terminate()
    lab.process.wait(timeout=START)


def test_it_opens_the_first_chapter_and_asks_for_its_token(lab: Lab):
    address = lab.address()
    assert address.startswith(f"http://127.0.0.1:{lab.port}/lab/tree/{FIRST_CHAPTER}?token=")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"http://127.0.0.1:{lab.port}/api/contents")


def test_it_neither_asks_for_news_nor_fetches_them(lab: Lab):
    address = lab.address()
    token = address.split("token=")[1]
    name = "@jupyterlab/apputils-extension:notification"
    settings = f"http://127.0.0.1:{lab.port}/lab/api/settings/{name}?token={token}"
    with urllib.request.urlopen(settings) as answer:
        properties = json.load(answer)["schema"]["properties"]
    assert properties["fetchNews"]["default"] == "false"  # "none", the usual default, asks in a pop-up
    assert properties["checkForUpdates"]["default"] is False


def test_nothing_listens_beyond_this_machine(lab: Lab):
    lab.address()
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in {host for host in others if not host.startswith("127.")}:
        with socket.socket() as client:
            assert client.connect_ex((address, lab.port)) != 0


def test_the_news_the_update_check_and_the_extension_catalogue_are_off():
    arguments = lab_arguments(CHECKOUT, port=None, browser=True)
    assert "--LabApp.news_url=None" in arguments
    assert "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate" in arguments
    assert "--LabApp.extension_manager=readonly" in arguments
    assert "--ServerApp.ip=127.0.0.1" in arguments
    assert "--no-browser" not in arguments


def test_a_port_that_was_asked_for_is_not_swapped_for_another():
    arguments = lab_arguments(CHECKOUT, port=9000, browser=False)
    assert {"--ServerApp.port=9000", "--ServerApp.port_retries=0", "--no-browser"} <= set(arguments)


def test_an_installed_package_says_where_the_chapters_are(tmp_path: Path):
    with pytest.raises(CnnkitError, match="come with the course's repository"):
        open_lab(checkout=tmp_path)


def test_a_python_without_jupyterlab_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / FIRST_CHAPTER).parent.mkdir()
    (tmp_path / FIRST_CHAPTER).touch()
    monkeypatch.setattr("cnnkit.lab.find_spec", lambda _: None)
    with pytest.raises(CnnkitError, match="make lab"):
        open_lab(checkout=tmp_path)


class TestCommand:
    def test_what_keeps_it_from_running_is_one_sentence(self, monkeypatch, capsys):
        def fail(**_: object) -> None:
            raise CnnkitError("no chapters here")

        monkeypatch.setattr("cnnkit.lab.open_lab", fail)
        assert main(["lab"]) == 1
        assert capsys.readouterr().err == "no chapters here\n"

    def test_options_reach_the_lab(self, monkeypatch):
        seen = {}
        monkeypatch.setattr("cnnkit.lab.open_lab", seen.update)
        assert main(["lab", "--no-browser", "--port", "9001"]) == 0
        assert seen == {"port": 9001, "browser": False}

    @pytest.mark.parametrize(
        "arguments", [["lab", "--port", "0"], ["lab", "--port", "http"], ["lab", "--nope"], ["lap"], []]
    )
    def test_a_slip_of_the_fingers_is_explained(self, arguments, capsys):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert "usage: python -m cnnkit" in capsys.readouterr().err

    def test_drill_options_go_to_the_session(self, monkeypatch):
        monkeypatch.setattr("cnnkit.drills.session.main", lambda rest: len(rest))
        assert main(["drill", "--chapter", "01"]) == 2

    def test_the_version(self, capsys):
        with pytest.raises(SystemExit):
            main(["--version"])
        assert capsys.readouterr().out == f"cnnkit {__version__}\n"
