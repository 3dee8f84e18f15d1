"""The base of every front end: what the learner does is heard one thing at a time, on whichever thread."""

import threading
from typing import Any

import anywidget

TURN = threading.RLock()
"""Whoever changes or shows a widget's state holds it.

JupyterLab sends the first message of a front end to the kernel's main thread, and later ones to a thread of
their own (a subshell). So a widget can be told of two changes at once, and of one while a cell changes it.
"""


class FrontEnd(anywidget.AnyWidget):
    """An anywidget whose messages wait for their turn."""

    def _handle_msg(self, message: dict[str, Any]) -> None:
        with TURN:
            super()._handle_msg(message)
