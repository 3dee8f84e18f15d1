"""Drawings become digits like the bundled ones; the forms that the digits came on."""

import numpy as np
import pytest
from digit_strokes import STROKES, drawn

from cnnkit import data
from cnnkit.data.digit_scan import FORM_STARTS
from cnnkit.digit_training import DigitRuns, digit_runs, form_split, other_hands
from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.zoo import digit_network, trained_digits


def test_block_counts_by_hand():
    bitmap = np.zeros((32, 32), bool)
    bitmap[:4, 4:8] = True
    bitmap[5, 0] = True
    expected = np.zeros((8, 8))
    expected[0, 1], expected[1, 0] = 1, 1 / 16
    np.testing.assert_array_equal(data.block_counts(bitmap), expected)
    with pytest.raises(ShapeError, match=r"expected \(32, 32\)"):
        data.block_counts(bitmap[:16])


def test_neither_place_nor_size_nor_pen_matter_much():
    stroke = np.zeros((40, 40), np.float32)
    stroke[5:35, 10:14] = stroke[31:35, 10:30] = 1
    first = data.bitmap_to_digit(stroke)
    moved = np.zeros((90, 120))
    moved[3:43, 70:110] = stroke
    np.testing.assert_array_equal(data.bitmap_to_digit(moved), first)
    np.testing.assert_array_equal(data.bitmap_to_digit(np.kron(stroke, np.ones((3, 3)))), first)
    assert first.dtype == np.float32
    assert abs(first.mean() - 0.305) < 0.05
    assert (first * 16 == np.round(first * 16)).all()


def test_thin_and_thick_lines_become_alike():
    shares = []
    for pen in (2, 6, 12, 20):
        sheet = np.zeros((128, 128))
        sheet[20:110, 40 : 40 + pen] = sheet[110 - pen : 110, 40:90] = 1
        shares.append(data.bitmap_to_digit(sheet).mean())
    assert max(shares) - min(shares) < 0.08


@pytest.mark.parametrize("sheet", [np.zeros((9, 9)), np.zeros((1, 1))])
def test_an_empty_sheet_gives_zeros(sheet):
    assert not data.bitmap_to_digit(sheet).any()


@pytest.mark.parametrize("sheet", [np.eye(1), np.eye(200), np.ones((3, 90)), np.ones((90, 3), bool)])
def test_odd_drawings_give_a_digit_all_the_same(sheet):
    digit = data.bitmap_to_digit(sheet)
    assert digit.shape == (8, 8)
    assert 0 < digit.max() <= 1


@pytest.mark.parametrize(
    ("ink", "error", "message"),
    [
        (np.zeros(9), ShapeError, r"expected \(H, W\)"),
        (np.zeros((0, 4)), ShapeError, "neither of them 0"),
        (np.zeros((4, 4), np.uint8), DTypeError, "divide bytes by 255"),
        (np.full((4, 4), np.nan), DTypeError, "not finite"),
    ],
)
def test_what_is_no_drawing(ink, error, message):
    with pytest.raises(error, match=message):
        data.bitmap_to_digit(ink)


def test_threshold_is_between_paper_and_ink():
    with pytest.raises(OptionError, match="threshold is 1"):
        data.bitmap_to_digit(np.eye(8), threshold=1)


def test_every_form_asks_for_the_same_sequence_of_digits():
    """The evidence for the forms: each holds the labels of the first, in their order, some missing."""
    labels = data.digits()[1]
    forms = data.digit_forms()
    assert (np.flatnonzero(np.diff(forms)) + 1).tolist() == list(FORM_STARTS[1:])
    whole = labels[forms == 0]
    assert len(whole) == 130
    for form in range(1, 14):
        part = labels[forms == form]
        assert 122 <= len(part) <= 130
        assert part[:3].tolist() in ([0, 1, 2], [1, 2, 3])  # a zero is missing from form 7
        assert _is_nearly_subsequence(part, whole), form


def _is_nearly_subsequence(part, whole):
    """Whether `part` is `whole` with some digits missing, but for a digit or two."""
    lengths = np.zeros((len(part) + 1, len(whole) + 1), int)
    for i, a in enumerate(part):
        for j, b in enumerate(whole):
            lengths[i + 1, j + 1] = lengths[i, j] + 1 if a == b else max(lengths[i, j + 1], lengths[i + 1, j])
    return lengths[-1, -1] >= len(part) - 2


def test_forms_are_held_out_whole():
    split = form_split((2, 5))
    forms = data.digit_forms()
    assert len(split.y_test) == np.isin(forms, (2, 5)).sum()
    assert len(split.y_train) + len(split.y_test) == len(forms)
    assert split.x_test.shape[1:] == (8, 8, 1)
    for wrong in ((), (14,), range(14)):
        with pytest.raises(OptionError, match="expected some of the forms 0 to 13"):
            form_split(wrong)


def test_the_shipped_network_reads_hands_it_has_never_seen():
    split = form_split()
    network = trained_digits()
    assert network.count_params() == 40_690
    assert network.evaluate(split.x_test, split.y_test)[1] >= 0.98


@pytest.mark.parametrize("pen", [5.0, 11.0, 18.0])
def test_the_shipped_network_reads_drawn_digits(pen):
    rng = np.random.default_rng(11)
    network = trained_digits()
    right = [
        network.predict(data.bitmap_to_digit(drawn(digit, style, rng, pen=pen))[..., None]).argmax() == digit
        for digit, styles in STROKES.items()
        for style in range(len(styles))
        for _ in range(3)
    ]
    assert np.mean(right) >= 0.94


def test_a_short_training_reaches_far_on_a_random_split():
    """A fifth of the full training; the full one is reported by ``python -m cnnkit.digit_training``."""
    runs = digit_runs(seeds=(0, 1), epochs=6)
    assert runs.accuracy.min() > 0.95
    assert runs.test_counts == (449, 449)
    with pytest.raises(OptionError, match="split is 'writer'"):
        digit_runs("writer")


def test_the_report_names_the_interval():
    text = str(DigitRuns("forms", np.array([0.97, 0.99]), (300, 310)))
    assert "97.0%, 99.0%" in text
    assert "98.0% ± 12.7%" in text


def test_other_hands_keep_the_digit_in_the_picture():
    x = data.digits()[0][:200, ..., None]
    changed = other_hands(x, np.random.default_rng(0))
    assert 0.8 < changed.sum() / x.sum() < 1.2
    assert digit_network(3).output_shapes[-1] == (10,)
