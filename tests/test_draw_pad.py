"""The drawing pad without a browser: what travels, what it reads as, what is refused."""

import numpy as np
import pytest

from cnnkit.errors import DTypeError, ShapeError
from cnnkit.widgets import DrawPad


def test_an_empty_sheet():
    pad = DrawPad()
    assert pad.empty
    assert pad.ink.shape == (128, 128)
    assert pad.ink.dtype == np.float32
    assert not pad.ink.any()
    assert pad.pixels == b""


def test_bytes_from_the_browser_become_ink():
    pad = DrawPad(size=(2, 3))
    heard = []
    pad.observe(lambda change: heard.append(pad.ink), "pixels")
    pad.set_state({"pixels": memoryview(bytes([0, 51, 255, 0, 0, 102]))})
    np.testing.assert_allclose(heard[-1], [[0, 0.2, 1], [0, 0, 0.4]], atol=1e-7)
    assert not pad.empty


def test_ink_from_python_becomes_blocks_of_bytes():
    pad = DrawPad(size=(4, 6))
    pad.show([[0, 0.5], [1, 2]])
    cells = np.frombuffer(pad.pixels, np.uint8).reshape(4, 6)
    np.testing.assert_array_equal(cells[:2], [[0, 0, 0, 128, 128, 128]] * 2)
    np.testing.assert_array_equal(cells[2:], [[255] * 6] * 2)
    pad.clear()
    assert pad.empty
    pad.pixels = bytes(24)
    assert pad.empty


def test_the_sheet_travels_as_one_binary_buffer_that_is_not_echoed():
    pad = DrawPad(size=2)
    pad.show(np.eye(2))
    assert pad.get_state("pixels")["pixels"] == bytes([255, 0, 0, 255])
    assert pad.traits()["pixels"].metadata["echo_update"] is False


@pytest.mark.parametrize("ink", [np.zeros((3, 2)), np.zeros((2, 2, 1)), np.zeros((0, 2))])
def test_ink_that_does_not_divide_the_sheet_is_refused(ink):
    with pytest.raises(ShapeError, match="divide the sheet's 4 x 4"):
        DrawPad(size=4).show(ink)


@pytest.mark.parametrize("ink", [[["a"]], [[np.nan]]])
def test_ink_that_is_no_number_is_refused(ink):
    with pytest.raises(DTypeError):
        DrawPad(size=4).show(ink)


def test_a_wrong_count_of_bytes_is_refused():
    pad = DrawPad(size=4)
    with pytest.raises(ShapeError, match="pixels has 5 bytes"):
        pad.pixels = bytes(5)
    assert pad.empty


def test_text_and_picture_without_a_browser():
    pad = DrawPad(size=4, title="A three")
    pad.show([[1, 0], [0, 0]])
    data, _ = pad._repr_mimebundle_()
    assert data["text/plain"] == "A three: 4 x 4 cells, 25.0% ink"
    assert data["image/png"].startswith(b"\x89PNG")
