"""One JupyterLab and one browser for all browser tests."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import JupyterServer, Notebook, find_chromium, launch_browser, open_notebook
from playwright.sync_api import BrowserContext, expect, sync_playwright

expect.set_options(timeout=20_000)  # a machine that runs other tests beside these is slow

OpenNotebook = Callable[[Path], Notebook]


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    executable = find_chromium()
    if executable is None:
        message = (
            "no Chromium or Chrome found (set CNNKIT_CHROMIUM to its path): the browser tests did not run"
        )
        if os.environ.get("CNNKIT_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = launch_browser(playwright, executable)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    # Asking for the browser first: where there is none, no server starts either.
    server = JupyterServer(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_in_lab(browser: BrowserContext, server: JupyterServer) -> Iterator[OpenNotebook]:
    """Open a notebook file in JupyterLab; all that a module opened is closed after its last test."""
    with contextlib.ExitStack() as opened:
        yield lambda path: opened.enter_context(open_notebook(browser, server, server.add(path)))
