"""The front ends without a browser: what travels, what is refused, what the learner is told."""

import re
from importlib.resources import files

import numpy as np
import pytest
import traitlets
from ipywidgets.widgets.widget import _remove_buffers

from cnnkit.errors import CnnkitError, DataError, DTypeError, OptionError, ShapeError
from cnnkit.figures import CMAPS
from cnnkit.widgets import Controls, TensorView
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.control_kinds import (
    Button,
    Checkbox,
    File,
    Matrix,
    Number,
    Range,
    Readout,
    Select,
    Text,
)
from cnnkit.widgets.tensor_view import input_window, spoken, window


def sent_cells(view: TensorView) -> np.ndarray:
    frame = view._frame
    cells = np.frombuffer(frame["data"], frame["kind"])
    shape = (frame["rows"], frame["columns"], frame["channels"])
    return cells.reshape(shape)


class TestTensorView:
    def test_a_small_array_travels_as_its_numbers_in_one_binary_buffer(self):
        values = np.array([[1.5, -2.0, 0.25], [0.0, 7.0, 1e-3]])
        view = TensorView(values, title="x")
        np.testing.assert_array_equal(sent_cells(view)[..., 0], values.astype(np.float32))
        state, paths, buffers = _remove_buffers(view.get_state())
        assert ["_frame", "data"] in paths
        assert bytes(buffers[paths.index(["_frame", "data"])]) == values.astype(np.float32).tobytes()
        assert "data" not in state["_frame"]

    def test_a_large_array_travels_as_one_byte_a_cell_and_its_exact_value_follows_the_cursor(self):
        values = np.random.default_rng(1).normal(size=(80, 70))
        view = TensorView(values, title="x", limits=(-4, 4))
        levels = sent_cells(view)[..., 0]
        assert levels.dtype == np.uint8
        np.testing.assert_allclose(levels / 255 * 8 - 4, values.clip(-4, 4), atol=0.5 / 255 * 8 + 1e-6)
        view.cursor = [3, 5]
        assert view._exact == {"row": 3, "column": 5, "text": spoken(values[3, 5])}
        view.show(values * 2)
        assert view._exact["text"] == spoken(values[3, 5] * 2)
        view.cursor = [80, 0]
        assert view._exact == {}

    def test_a_large_array_with_nan_or_infinity_travels_as_numbers(self):
        values = np.zeros((100, 100))
        values[4, 4], values[5, 5] = np.nan, -np.inf
        sent = sent_cells(TensorView(values, title="x"))[..., 0]
        assert np.isnan(sent[4, 4])
        assert sent[5, 5] == -np.inf

    def test_a_colour_picture_keeps_its_channels(self):
        picture = np.random.default_rng(0).random((90, 60, 3))
        view = TensorView(picture, title="x")
        np.testing.assert_allclose(sent_cells(view) / 255, picture, atol=0.5 / 255 + 1e-6)
        assert view.read(2, 3) == pytest.approx(tuple(picture[2, 3]))

    def test_hidden_values_stay_in_python(self):
        view = TensorView([[1.0, 2.0]], title="y")
        view.show([[1.0, 12345.0]], hidden=[1])
        np.testing.assert_array_equal(sent_cells(view)[..., 0], [[1, 0]])
        assert view._frame["high"] == 1  # nor does the scale of colours tell
        assert view.read(0, 1) == 12345

    @pytest.mark.parametrize("cmap", sorted(CMAPS))
    def test_the_colours_are_those_of_the_figures(self, cmap):
        view = TensorView([[0.0, 1.0]], title="x", cmap=cmap)
        table = np.frombuffer(view._colors, np.uint8).reshape(256, 3)
        np.testing.assert_array_equal(table, CMAPS[cmap](np.arange(256) / 255, bytes=True)[:, :3])

    def test_signed_colours_are_centred_at_zero(self):
        assert TensorView([[-1.0, 3.0]], title="x", cmap="signed").limits == (-3, 3)

    def test_input_is_neither_changed_nor_watched(self):
        values = np.arange(12, dtype=np.int64).reshape(3, 4)
        view = TensorView(values[:, ::2], title="x")
        values[:] = 0
        np.testing.assert_array_equal(view.values, [[0, 2], [4, 6], [8, 10]])

    @pytest.mark.parametrize(
        ("values", "options", "error", "words"),
        [
            (np.zeros(3), {}, ShapeError, "shape (3,)"),
            (np.zeros((2, 2, 4)), {}, ShapeError, "shape (2, 2, 4)"),
            (np.zeros((0, 2)), {}, ShapeError, "shape (0, 2)"),
            ([[1j]], {}, DTypeError, "complex128"),
            ([["a"]], {}, DTypeError, "real numbers"),
            ([[1.0]], {"cmap": "jet"}, OptionError, "'jet'"),
            ([[1.0]], {"limits": (1, 1)}, OptionError, "(1, 1)"),
            ([[1.0]], {"limits": (0, np.nan)}, OptionError, "nan"),
        ],
    )
    def test_what_cannot_be_shown_is_refused(self, values, options, error, words):
        with pytest.raises(error, match=re.escape(words)):
            TensorView(values, title="x", **options)

    def test_frames_and_links_name_palette_colours(self):
        assert window(1, 2, 3, 4, color="orange")["color"] == "#D55E00"
        with pytest.raises(OptionError, match="'mauve'"):
            window(0, 0, 1, 1, color="mauve")

    def test_a_link_reaches_the_browser_as_the_other_views_id(self):
        output = TensorView([[0.0]], title="y")
        view = TensorView([[0.0]], title="x")
        view.link = input_window(output, (3, 2), stride=(2, 1), padding=(1, 0))
        link = view.get_state("link")["link"]
        assert link["source"] == f"IPY_MODEL_{output.model_id}"
        assert (link["kernel_size"], link["stride"], link["padding"]) == ([3, 2], [2, 1], [1, 0])

    def test_the_display_bundle_has_a_picture_and_a_text_that_does_not_change(self):
        bundles = [TensorView([[1.0, -2.5]], title="y")._repr_mimebundle_()[0] for _ in range(2)]
        assert bundles[0]["text/plain"] == "y: 1 x 2, from -2.5 to 1"
        assert bundles[0]["image/png"].startswith(b"\x89PNG")
        assert bundles[0]["image/png"] == bundles[1]["image/png"]
        assert "application/vnd.jupyter.widget-view+json" in bundles[0]

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (3.0, "3"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.3"),
            (-1.23456, "-1.235"),
            (1e-20, "1e-20"),
            (np.nan, "not a number"),
            (-np.inf, "minus infinity"),
        ],
    )
    def test_numbers_are_spoken_short(self, value, text):
        assert spoken(value) == text


KINDS = [
    (Range("a", "A", 2, maximum=5), 3, [6, -1, 2.5, True, "3", np.nan]),
    (Number("a", "A", 0.5, minimum=0.0, maximum=1.0, step=0.1), 0.25, [1.5, float("inf"), None]),
    (Select("a", "A", ("x", ("zwei", 2))), 2, ["zwei", 3, 2.5, True]),
    (Checkbox("a", "A"), True, [1, "yes", None]),
    (Button("a", "A"), 4, [-1, True, 1.0]),
    (Text("a", "A", max_length=3), "abc", ["abcd", 7]),
    (Matrix("a", "A", [[0]]), [[1.0, 2.0]], [[[1], [1, 2]], [], [[]], [[np.inf]], [["x"]], 3]),
    (File("a", "A"), "cat.png", [b"cat", None]),
    (Readout("a", "A"), "text", [3]),
]


@pytest.fixture
def sent(monkeypatch) -> list[dict]:
    """What Controls send to the browser besides their state."""
    messages: list[dict] = []
    monkeypatch.setattr(Controls, "send", lambda self, content, buffers=None: messages.append(content))
    return messages


def browser_edits(controls: Controls, **changes) -> None:
    controls._handle_custom_msg({"kind": "edit", "changes": changes}, [])


def browser_sends_file(controls: Controls, data: bytes, *, part: int = 4, name: str = "file") -> None:
    for start in range(0, max(len(data), 1), part):
        head = {"kind": "file", "name": name, "filename": "cat.png", "start": start, "size": len(data)}
        controls._handle_custom_msg(head, [memoryview(data[start : start + part])])


class TestControls:
    @pytest.mark.parametrize(("control", "good", "bad"), KINDS, ids=lambda value: getattr(value, "kind", ""))
    def test_each_kind_takes_what_it_can_hold_and_refuses_the_rest(self, control, good, bad):
        controls = Controls([control], label="panel")
        controls.set(a=good)
        assert controls["a"] == good
        for value in bad:
            with pytest.raises(OptionError, match="control 'a' got"):
                controls.set(a=value)
            assert controls["a"] == good

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Range("a", "A", minimum=3, maximum=3),
            lambda: Number("a", "A", step=0),
            lambda: Controls([Range("a", "A", 11)], label=""),
            lambda: Controls([Select("a", "A")], label=""),
            lambda: Controls([Text("a", "A"), Button("a", "B")], label=""),
        ],
        ids=["empty range", "no step", "value outside", "no options", "one name twice"],
    )
    def test_declarations_that_make_no_sense_are_refused(self, make):
        with pytest.raises(OptionError, match="'a'"):
            make()

    def test_a_handler_hears_only_of_what_changed(self, sent):
        heard = []
        controls = Controls([Range("a", "A"), Range("b", "B"), Range("c", "C")], label="panel")
        controls.on_change(lambda name, value: heard.append((name, value)), "a", "b")
        browser_edits(controls, a=4, c=2)
        controls.set(a=4, b=1)
        assert heard == [("a", 4), ("b", 1)]
        with pytest.raises(OptionError, match="no control is called 'z'"):
            controls.on_change(print, "z")

    def test_the_browser_hears_after_every_message_that_the_next_may_come(self, sent):
        controls = Controls([Range("a", "A")], label="panel")
        controls.on_change(lambda name, value: 1 / 0)
        browser_edits(controls, a=3)
        assert sent == [{"kind": "done", "file": ""}]

    def test_an_edit_that_is_refused_gets_a_sentence_and_the_others_count(self, sent):
        controls = Controls([Range("a", "A", 1), Range("b", "B")], label="panel")
        browser_edits(controls, a=99, b=2, gone=1)
        assert controls.values == {"a": 1, "b": 2}
        assert "99" in controls.messages["a"]

    def test_other_controls_keep_the_values_they_still_accept(self):
        controls = Controls([Range("a", "A", 7), Range("b", "B", 2)], label="panel")
        controls.replace([Range("a", "A", 1, maximum=3), Range("b", "B", maximum=3), Checkbox("c", "C")])
        assert controls.values == {"a": 1, "b": 2, "c": False}

    def test_a_file_arrives_whole_from_its_parts(self, sent):
        files_seen = []
        controls = Controls([File("file", "File")], label="panel")
        controls.on_file("file", lambda name, data: files_seen.append((name, data)))
        browser_sends_file(controls, b"0123456789")
        browser_sends_file(controls, b"")
        assert files_seen == [("cat.png", b"0123456789"), ("cat.png", b"")]
        assert [message["file"] for message in sent] == ["", "", "file", "file"]

    def test_a_broken_or_huge_file_gets_a_sentence(self, sent):
        def refuse(name, data):
            raise DataError("no picture")

        controls = Controls([File("file", "File", max_bytes=6)], label="panel")
        controls.on_file("file", refuse)
        browser_sends_file(controls, b"abc")
        assert controls.messages["file"] == "cat.png: no picture"
        browser_sends_file(controls, b"0123456789")
        assert controls.messages["file"] == "cat.png is too large."

    def test_the_text_twin_lists_the_values(self):
        controls = Controls([Range("a", "Stride", 2), Checkbox("b", "Flip")], label="panel")
        assert controls._repr_mimebundle_()[0]["text/plain"] == "Stride: 2; Flip: False"


class Halver(ChapterWidget):
    """Halves even numbers and refuses odd ones."""

    number = traitlets.Int(4).tag(state=True)
    other = traitlets.Int(0).tag(state=True)

    def __init__(self):
        self.computed = []
        super().__init__()
        self.controls = Controls([Range("number", "Number", 4)], label="halver")
        self.start([self.controls], [self.controls])

    def update(self):
        if self.number % 2:
            raise ShapeError(f"{self.number} is odd")
        self.computed.append(self.number // 2 + self.other)

    def digest(self):
        return f"half: {self.computed[-1]}"

    def draw(self, figure):
        figure.subplots()


class TestChapterWidget:
    def test_state_and_control_follow_each_other(self, sent):
        widget = Halver()
        widget.number = 8
        assert widget.controls["number"] == 8
        browser_edits(widget.controls, number=6)
        assert (widget.number, widget.computed) == (6, [2, 4, 3])

    def test_a_refused_state_is_taken_back(self, sent):
        widget = Halver()
        with pytest.raises(CnnkitError, match="7 is odd"):
            widget.number = 7
        assert (widget.number, widget.controls["number"]) == (4, 4)
        browser_edits(widget.controls, number=5)
        assert (widget.number, widget.controls["number"]) == (4, 4)
        assert widget.controls.messages == {"number": "5 is odd"}
        browser_edits(widget.controls, number=2)
        assert widget.controls.messages == {}

    def test_several_changes_are_computed_once(self):
        widget = Halver()
        with widget.changing():
            widget.number = 3
            widget.number, widget.other = 10, 100
        assert widget.computed == [2, 105]

    def test_the_bundle_has_view_picture_and_digest(self):
        bundle = Halver()._repr_mimebundle_()
        assert bundle["text/plain"] == "half: 2"
        assert bundle["image/png"].startswith(b"\x89PNG")
        assert "application/vnd.jupyter.widget-view+json" in bundle

    def test_array_traits_copy_check_and_freeze(self):
        class Holder(traitlets.HasTraits):
            x = FloatArray("H", "W", "C")

        holder, given = Holder(), np.ones((2, 3))
        holder.x = given
        given[:] = 0
        assert holder.x.shape == (2, 3, 1)
        assert holder.x.min() == 1
        assert not holder.x.flags.writeable
        with pytest.raises(ShapeError, match=r"expected \(H, W, C\)"):
            holder.x = np.zeros(3)
        with pytest.raises(DTypeError, match="numbers"):
            holder.x = [["a"]]


@pytest.mark.parametrize("name", ["tensor_view.js", "tensor_view.css", "controls.js", "controls.css"])
def test_front_ends_load_nothing_and_evaluate_nothing(name):
    source = (files("cnnkit.widgets") / name).read_text()
    assert not re.search(r"https?:|//cdn|@import|\beval\(|new Function|\bimport\b|\bfetch\(", source)
    assert len(source.splitlines()) < 400


def test_a_number_comes_back_from_the_browser_without_its_point():
    """JSON's 1.0 is 1 in a browser and an int in Python: the option is meant all the same, True is not."""
    panel = Controls([Select("rate", "Rate", (0.0, 1.0, 0.5))], label="panel")
    panel._receive(panel, {"kind": "edit", "changes": {"rate": 1}}, [])
    assert panel["rate"] == 1.0
    assert type(panel["rate"]) is float
    with pytest.raises(OptionError, match="got True"):
        panel.set(rate=True)
