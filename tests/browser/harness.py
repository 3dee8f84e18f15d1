"""Drive the course in a real browser: JupyterLab on loopback, Chromium through Playwright.

``JupyterServer`` serves notebooks from a scratch home, with the arguments and settings of ``make lab``.
``Notebook`` is one of them open in a page: it runs the cells, remembers console errors and requests to other
hosts, and asks axe-core about the widgets.
"""

import contextlib
import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Playwright, Route, WebSocket

from cnnkit.lab import SETTINGS, lab_arguments

# With windowing on, cells outside the window are not in the page.
TEST_SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
SERVER_START_SECONDS = 60
OPEN_SECONDS = 60
RUN_ALL_SECONDS = 180
# What ipywidgets and anywidget put around everything that a widget shows.
WIDGET_AREA = ".jp-OutputArea-output .jupyter-widgets"


def find_chromium() -> str | None:
    """Return the browser to drive: ``CNNKIT_CHROMIUM``, or a Chromium or Chrome on the path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CNNKIT_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def launch_browser(playwright: Playwright, executable: str) -> BrowserContext:
    """Start a headless browser that calls nobody by itself; its pages share one cache."""
    quiet = [
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    # Chromium refuses to run as root inside its sandbox, and containers run as root.
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    sandbox = ["--no-sandbox"] if as_root else []
    browser = playwright.chromium.launch(executable_path=executable, args=[*quiet, *sandbox, "--disable-gpu"])
    return browser.new_context(viewport={"width": 1280, "height": 900})


class JupyterServer:
    """A JupyterLab on loopback with a token, its home in ``scratch``, serving ``scratch/notebooks``."""

    def __init__(self, scratch: Path) -> None:
        self._notebooks = scratch / "notebooks"
        self._notebooks.mkdir(parents=True, exist_ok=True)
        self.token = secrets.token_hex(16)
        self._runtime = scratch / "runtime"
        self._log = scratch / "jupyter.log"
        settings = scratch / "settings"
        for plugin, values in TEST_SETTINGS.items():
            path = settings / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        homes = {
            "CNNKIT_HOME": scratch / "store",
            "IPYTHONDIR": scratch / "ipython",
            "JUPYTER_CONFIG_DIR": scratch / "config",
            "JUPYTER_CONFIG_PATH": SETTINGS,
            "JUPYTER_DATA_DIR": scratch / "data",
            "JUPYTER_RUNTIME_DIR": self._runtime,
            "JUPYTERLAB_SETTINGS_DIR": settings,
            "JUPYTERLAB_WORKSPACES_DIR": scratch / "workspaces",
        }
        environment = (
            os.environ | {name: str(path) for name, path in homes.items()} | {"JUPYTER_TOKEN": self.token}
        )
        arguments = lab_arguments(scratch, port=None, browser=False)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *arguments, "--expose-app-in-browser"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.url = self._wait_for_url()
        except BaseException:
            self.stop()
            raise

    def _wait_for_url(self) -> str:
        deadline = time.monotonic() + SERVER_START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            for info in self._runtime.glob("jpserver-*.json"):
                # The file may be half written, and the port opens a moment after it.
                with contextlib.suppress(OSError, ValueError):
                    url: str = json.loads(info.read_text())["url"]
                    urlopen(f"{url}api?token={self.token}", timeout=5).close()
                    return url
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{self._log.read_text()[-4000:]}")

    def add(self, notebook: Path) -> str:
        """Copy a notebook into the served folder and return the path to open it by."""
        shutil.copy(notebook, self._notebooks)
        return f"notebooks/{notebook.name}"

    def stop(self) -> None:
        """End the server and, with it, every kernel."""
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Notebook:
    """One notebook, open in a page of its own.

    ``console_errors`` holds what the page reported as an error, ``foreign_requests`` the addresses on other
    hosts that it asked for (and did not get: such requests are stopped).
    """

    def __init__(self, page: Page, server: JupyterServer, name: str) -> None:
        self.page = page
        self.console_errors: list[str] = []
        self.foreign_requests: list[str] = []
        self._host = urlsplit(server.url).netloc
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.on("websocket", self._note_socket)
        page.route(lambda url: self._is_foreign(url), self._stop_request)
        page.goto(f"{server.url}lab/tree/{name}?reset&token={server.token}")
        self._status = page.locator("#jp-main-statusbar")
        self._wait_until_idle(OPEN_SECONDS)
        page.evaluate("jupyterapp.shell.collapseLeft()")

    def _is_foreign(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme not in ("data", "blob") and parts.netloc != self._host

    def _stop_request(self, route: Route) -> None:
        self.foreign_requests.append(route.request.url)
        route.abort()

    def _note_socket(self, socket: WebSocket) -> None:
        if self._is_foreign(socket.url):
            self.foreign_requests.append(socket.url)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _wait_until_idle(self, seconds: float) -> None:
        # Only the status bar knows: the notebook's own indicator says idle while the kernel still starts.
        self._status.get_by_text("| Idle").wait_for(timeout=seconds * 1000)

    def command(self, name: str, **arguments: Any) -> None:
        """Run one of JupyterLab's commands and wait for it."""
        self.page.evaluate(
            "([name, args]) => jupyterapp.commands.execute(name, args).then(() => null)", [name, arguments]
        )

    def run_all(self) -> None:
        """Run every cell, wait until the kernel is idle and all output is drawn.

        Raises AssertionError with its text when a cell shows an error.
        """
        self.command("notebook:run-all-cells")
        self._wait_until_idle(RUN_ALL_SECONDS)
        errors = self.page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
        assert errors.count() == 0, errors.first.inner_text()

    def use_theme(self, theme: str) -> None:
        """Switch to the ``"Light"`` or ``"Dark"`` theme and wait until it is there."""
        self.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        self.page.locator(f'body[data-jp-theme-name="JupyterLab {theme}"]').wait_for(state="attached")

    def cells(self) -> Locator:
        """All cells, Markdown and code."""
        return self.page.locator(".jp-Notebook .jp-Cell")

    def outputs(self, text: str) -> Locator:
        """Return the output area of the code cell whose source contains ``text``."""
        source = self.page.locator(".jp-InputArea-editor", has_text=text)
        return self.page.locator(".jp-CodeCell").filter(has=source).locator(".jp-OutputArea-output")

    def axe_violations(self, area: str = WIDGET_AREA) -> list[str]:
        """Return what axe-core finds wrong inside the parts of the page that match ``area``, one line each.

        Raises AssertionError when nothing matches: a check of nothing must not pass.
        """
        assert self.page.locator(area).count(), f"nothing on the page matches {area}"
        found = Axe().run(self.page, context={"include": [[area]]}).response["violations"]
        return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]

    def close(self) -> None:
        """Shut the notebook's kernel down and close the page."""
        self.page.evaluate("jupyterapp.serviceManager.sessions.shutdownAll().then(() => null)")
        self.page.close()


@contextlib.contextmanager
def open_notebook(browser: BrowserContext, server: JupyterServer, name: str) -> Iterator[Notebook]:
    """Open a served notebook for the length of a ``with`` block."""
    notebook = Notebook(browser.new_page(), server, name)
    try:
        yield notebook
    finally:
        notebook.close()


def canvas_pixels(canvas: Locator) -> np.ndarray:
    """Return what a canvas shows: (height, width, 4) uint8, RGBA."""
    png = canvas.evaluate("async c => [...new Uint8Array(await (await fetch(c.toDataURL())).arrayBuffer())]")
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))
