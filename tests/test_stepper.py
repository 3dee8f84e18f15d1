"""The stepper's numbers against SciPy and plain arithmetic, and what it says about a guess."""

import re

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from scipy import signal

from cnnkit.errors import CnnkitError, OptionError, ShapeError
from cnnkit.widgets import Stepper
from cnnkit.widgets.stepper import OWN
from cnnkit.widgets.stepper_examples import examples

RNG = np.random.default_rng(5)
X = RNG.integers(-4, 9, (6, 7, 2)).astype(float)
W = RNG.integers(-3, 4, (3, 2, 2)).astype(float)
OPTIONS = [
    {},
    {"stride": 2},
    {"padding": 1},
    {"padding": "same", "stride": 3},
    {"dilation": 2, "bias": -1.5},
    {"padding": "full", "flip": True},
]


def correlated(x: np.ndarray, w: np.ndarray, pads, stride: int, dilation: int) -> np.ndarray:
    """Cross-correlate over all channels, by SciPy: (H, W, C) with (KH, KW, C)."""
    spread = np.zeros((*(dilation * (size - 1) + 1 for size in w.shape[:2]), w.shape[2]))
    spread[::dilation, ::dilation] = w
    padded = np.pad(x, (*pads, (0, 0)))
    return signal.correlate(padded, spread, mode="valid")[::stride, ::stride, 0]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_outputs_agree_with_scipy(options):
    stepper = Stepper(X, W, **options)
    kernel = W[::-1, ::-1] if stepper.flip else W
    pads = stepper._sliding.geometry.padding
    expected = correlated(X, kernel, pads, stepper.stride, stepper.dilation) + stepper.bias
    np.testing.assert_allclose(stepper.y, expected)


def test_flip_is_the_convolution_of_mathematics():
    stepper = Stepper(X[..., 0], W[..., 0], padding="full", flip=True)
    np.testing.assert_allclose(stepper.y, signal.convolve2d(X[..., 0], W[..., 0]))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_products_and_bias_add_up_to_the_output_at_every_step(options):
    stepper = Stepper(X, W, **options)
    for step in range(stepper.y.size):
        stepper.step = step
        assert stepper.position == divmod(step, stepper.y.shape[1])
        assert stepper.value == stepper.y[stepper.position]
        assert stepper.products.sum() + stepper.bias == pytest.approx(stepper.value)


@pytest.mark.parametrize("example", examples())
def test_the_written_sum_comes_out_at_the_written_result(example):
    stepper = Stepper(example=example, step=3)
    left, terms, result = stepper.equation.replace("−", "-").split(" = ")[0::1]
    assert left == "y[{}, {}]".format(*stepper.position)
    arithmetic = re.sub(r"red|green|blue|bias", "", terms).replace("·", "*")
    assert re.fullmatch(r"[-+*(). \d]+", arithmetic)
    assert eval(arithmetic) == pytest.approx(float(result))  # digits and operators only, see above
    assert float(result) == pytest.approx(stepper.value, rel=1e-3)


def test_the_formula_names_the_cells_that_the_window_reads():
    stepper = Stepper(X[..., 0], W[..., 0], stride=2, padding=1, dilation=2, step=4)
    i, j = stepper.position
    assert stepper.formula == (
        f"y[{i}, {j}] = Σ x[{i}·2 − 1 + 2·m, {j}·2 − 1 + 2·n] · w[m, n] + b, over m = 0…2, n = 0…1"
    )
    row, column = i * 2 - 1, j * 2 - 1
    padded = np.pad(X[..., 0], 1)
    window = padded[row + 1 : row + 6 : 2, column + 1 : column + 4 : 2]
    np.testing.assert_array_equal(stepper.products[..., 0], window * W[..., 0])


def test_the_views_show_what_was_computed():
    stepper = Stepper(X, W, padding=1, step=5)
    rows = stepper._channel_rows()
    assert len(rows) == 2
    for c, row in enumerate(rows):
        np.testing.assert_array_equal(row.x.values, np.pad(X[..., c], 1))
        assert row.x.border == [1, 1, 1, 1]
        np.testing.assert_array_equal(row.products.values, stepper.products[..., c])
        assert row.x.link["source"] is stepper._output
    np.testing.assert_array_equal(stepper._output.values, stepper.y)
    assert tuple(stepper._output.cursor) == stepper.position


def test_walking_about_makes_no_new_widgets():
    stepper = Stepper(example="colour patch")
    stepper.example = "worked 5×5"
    known = set(_instances)
    for step in range(9):
        stepper.step = step
    stepper.example = "colour patch"
    assert set(_instances) == known


def test_pointing_at_an_output_cell_goes_to_its_step():
    stepper = Stepper()
    stepper._output.cursor = [2, 1]
    assert (stepper.step, stepper._transport["step"]) == (7, 7)


def test_the_step_stays_inside_when_the_output_shrinks():
    stepper = Stepper(step=8)
    stepper.stride = 2
    assert (stepper.y.shape, stepper.step) == ((2, 2), 3)


def test_an_edited_kernel_is_the_learners_own_and_the_example_brings_it_back():
    stepper = Stepper()
    first = stepper.w
    stepper._settings.set(kernel_0=[[9, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert stepper.example == OWN
    assert stepper.value == 9 * stepper.x[0, 0, 0] + stepper.bias
    stepper.example = "worked 5×5"
    np.testing.assert_array_equal(stepper.w, first)


def test_numbers_with_other_channels_are_set_together():
    stepper = Stepper()
    with pytest.raises(ShapeError, match="channels"):
        stepper.x = X
    assert stepper.x.shape == (5, 5, 1)
    with stepper.changing():
        stepper.x, stepper.w = X, W
    assert stepper.y.shape == (4, 6)
    assert "kernel_1" in stepper._settings.values


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"x": np.zeros((13, 5))}, ShapeError),
        ({"x": np.full((5, 5), np.nan)}, OptionError),
        ({"w": np.zeros((6, 6))}, ShapeError),
        ({"padding": "sane"}, CnnkitError),
        ({"example": "none of these"}, OptionError),
    ],
)
def test_what_does_not_fit_is_refused_and_the_last_good_state_stays(change, error):
    stepper = Stepper()
    before = stepper.digest()
    with pytest.raises(error):
        stepper.set_trait(*next(iter(change.items())))
    assert stepper.digest() == before


class TestPredict:
    def test_nothing_gives_the_answer_away(self):
        stepper = Stepper(predict=True, step=4, example="edge")
        assert stepper.equation == "y[1, 0] = ?"
        assert "36" not in stepper.digest()
        shown = np.frombuffer(stepper._output._frame["data"], np.float32)
        assert not shown.any()
        products = stepper._channel_rows()[0].products
        assert not np.frombuffer(products._frame["data"], np.float32).any()
        assert products.title == "products, sum ?"

    def test_the_right_guess_shows_this_output_and_no_other(self):
        stepper = Stepper(predict=True, step=1)
        assert stepper.check("6").startswith("Right")
        assert stepper.equation.endswith("= 6")
        assert stepper._output._frame["hidden"] == [0, 2, 3, 4, 5, 6, 7, 8]
        stepper.step = 2
        assert (stepper.equation, stepper.verdict) == ("y[0, 2] = ?", "")
        stepper.step = 1
        assert stepper.solved
        stepper.bias = 5.0
        assert not stepper.solved

    def test_the_buttons_do_what_they_say(self):
        stepper = Stepper(predict=True)
        stepper._quiz.set(guess="4,0")
        stepper._quiz.set(check=1)
        assert stepper.verdict == "Right: 4."
        stepper.step = 3
        stepper._quiz.set(show=1)
        assert stepper.verdict == "It is 1."

    def test_guesses_are_read_as_people_write_them(self):
        stepper = Stepper(X[..., 0], W[..., 0] / 8, predict=True)
        right = stepper.value
        for text in (f"{right}", f"{right:.2f}", f" {right * 8:.0f}/8 ", f"{right}".replace("-", "−")):
            assert stepper.check(text).startswith("Right"), text
        for text in ("", "seven", "1/0", "1e999", "__import__('os')"):
            assert not stepper.check(text).startswith(("Right", "Not")), text
        assert stepper.check(f"{right + 0.02}").startswith("Not")

    @pytest.mark.parametrize(
        ("options", "mistake", "words"),
        [
            ({"step": 5}, {"flip": True}, "other way round"),
            ({"step": 5, "flip": True}, {"flip": False}, "flip is on"),
            ({"bias": 2.5, "step": 5}, {"bias": 0.0}, "without the bias"),
            ({"stride": 2, "step": 4}, {"stride": 1}, "stride"),
            ({"padding": 1, "step": 9}, {"padding": 0}, "padding"),
            ({"dilation": 2, "step": 4}, {"dilation": 1}, "dilation"),
        ],
    )
    def test_a_usual_mistake_is_named(self, options, mistake, words):
        w = RNG.normal(size=W.shape).round(2)  # so crooked that no two mistakes meet
        stepper = Stepper(X, w, predict=True, **options)
        i, j = stepper.position
        wrong = Stepper(X, w, **{**options, **mistake}).y[i, j]
        assert wrong != stepper.value
        assert words in stepper.check(str(wrong))

    def test_one_channel_alone_is_named(self):
        stepper = Stepper(X, W, predict=True)
        first = X[:3, :2, 0].ravel() @ W[..., 0].ravel()
        assert "first channel" in stepper.check(str(first))

    def test_any_other_number_gets_the_recipe(self):
        assert "cell by cell" in Stepper(predict=True).check("1234")


def test_the_text_twin_is_the_same_every_time():
    assert Stepper().digest() == Stepper().digest()
    assert Stepper().digest().splitlines()[1:] == [
        "step 1 of 9: y[0, 0] = 1·1 + 2·0 + 0·(−1) + 0·2 + 1·1 + 3·0 + 2·0 + 0·(−1) + 1·1 + bias 1 = 4",
        "output 3 x 3: 4 6 8; 1 0 4; 6 11 4",
    ]


@pytest.mark.parametrize("options", [{}, {"example": "colour patch", "predict": True}], ids=str)
def test_the_static_picture_is_drawn(options):
    bundle = Stepper(**options)._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
