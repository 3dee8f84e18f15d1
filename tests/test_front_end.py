"""Front ends whose messages come in on two threads at once, as JupyterLab sends them."""

import threading

import ipywidgets
import traitlets

from cnnkit.widgets import Chart, Controls, DrawPad, TensorView
from cnnkit.widgets.chapter import ChapterWidget
from cnnkit.widgets.control_kinds import Number
from cnnkit.widgets.front_end import FrontEnd
from cnnkit.widgets.network_view import NetworkView

SECONDS = 10


class Slow(ChapterWidget):
    """Two panels, and an update that waits until the other message has been delivered."""

    a = traitlets.Int(0).tag(state=True)
    b = traitlets.Int(0).tag(state=True)

    def __init__(self):
        self.computing, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.seen = []
        super().__init__()
        panels = [Controls([Number(name, name)], label=name) for name in ("a", "b")]
        self.first, self.second = panels
        self.start(panels, [ipywidgets.HBox(panels)])

    def update(self):
        state = (self.a, self.b)
        self.computing.set()
        assert self.go_on.wait(SECONDS)
        self.seen.append(state)


def message(name, value):
    content = {"method": "custom", "content": {"kind": "edit", "changes": {name: value}}}
    return {"content": {"data": content}, "buffers": []}


def overlap(widget, second):
    """Deliver an edit of `a`, and call `second` in another thread while the widget computes."""
    widget.computing.clear()
    widget.go_on.clear()
    threads = [threading.Thread(target=widget.first._handle_msg, args=(message("a", 3),))]
    threads.append(threading.Thread(target=second))
    threads[0].start()
    assert widget.computing.wait(SECONDS)
    threads[1].start()
    threads[1].join(0.2)  # as far as it gets
    widget.go_on.set()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_two_edits_at_once_both_count():
    widget = Slow()
    overlap(widget, lambda: widget.second._handle_msg(message("b", 5)))
    assert (widget.a, widget.b) == (3, 5)
    assert widget.seen == [(0, 0), (3, 0), (3, 5)]
    assert (widget.first["a"], widget.second["b"]) == (3, 5)


def test_a_cell_may_set_state_while_the_learner_moves_something():
    widget = Slow()
    overlap(widget, lambda: setattr(widget, "b", 7))
    assert widget.seen[-1] == (3, 7)
    assert widget.second["b"] == 7


def test_every_front_end_waits_for_its_turn():
    assert all(issubclass(kind, FrontEnd) for kind in (Chart, Controls, DrawPad, NetworkView, TensorView))
