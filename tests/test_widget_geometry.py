"""The geometry explorer without a browser: counts, sizes and sentences against the kernels and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnkit import borders
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import loops
from cnnkit.kernels.geometry import conv_geometry
from cnnkit.widgets import GeometryExplorer
from cnnkit.widgets.geometry_controls import CUSTOM, OWN
from cnnkit.widgets.geometry_examples import EXAMPLES
from cnnkit.widgets.window_plan import AxisPlan

SETTINGS = {
    "height": st.integers(1, 9),
    "width": st.integers(1, 9),
    "kernel_height": st.integers(1, 5),
    "kernel_width": st.integers(1, 4),
    "stride_height": st.integers(1, 4),
    "stride_width": st.integers(1, 3),
    "dilation_height": st.integers(1, 3),
    "dilation_width": st.integers(1, 2),
    "top": st.integers(0, 3),
    "bottom": st.integers(0, 2),
    "left": st.integers(0, 2),
    "right": st.integers(0, 3),
}


def options(explorer):
    pairs = {
        name: (getattr(explorer, f"{name}_height"), getattr(explorer, f"{name}_width"))
        for name in ("stride", "dilation")
    }
    return {**pairs, "padding": ((explorer.top, explorer.bottom), (explorer.left, explorer.right))}


def ones(explorer):
    return np.ones((explorer.kernel_height, explorer.kernel_width, 1, 1))


def change(explorer, **state):
    """Set several traits at once, as the test of one state after the other would."""
    with explorer.changing():
        for name, value in state.items():
            setattr(explorer, name, value)


@settings(deadline=None, max_examples=60)
@given(st.fixed_dictionaries(SETTINGS))
def test_any_convolution_agrees_with_the_kernels_or_explains_itself(state):
    explorer = GeometryExplorer(**state)
    x = np.ones((explorer.height, explorer.width, 1))
    try:
        taps = loops.conv2d(x, ones(explorer), **options(explorer))[..., 0]
    except ShapeError:
        assert explorer.problem.startswith("Impossible along the ")
        assert explorer.output_size == (0, 0)
        assert explorer.summary == explorer.problem
        return
    assert explorer.problem == ""
    assert explorer.output_size == taps.shape
    assert np.array_equal(explorer.small, taps)
    bare = {name: value for name, value in options(explorer).items() if name != "padding"}
    dx, _, _ = loops.conv2d_backward(
        np.ones((*taps.shape, 1)), np.ones((*explorer.large.shape, 1)), ones(explorer), **bare
    )
    assert np.array_equal(explorer.large, dx[..., 0])


@settings(deadline=None, max_examples=60)
@given(st.fixed_dictionaries({**SETTINGS, "output_padding_height": st.integers(0, 3)}))
def test_any_transposed_convolution_agrees_with_the_kernels_or_explains_itself(state):
    explorer = GeometryExplorer(mode="transposed convolution", show="values", **state)
    x = np.add.outer(10.0 * np.arange(explorer.height), np.arange(explorer.width))[..., None]
    extra = (explorer.output_padding_height, explorer.output_padding_width)
    try:
        y = loops.conv2d_transpose(x, ones(explorer), output_padding=extra, **options(explorer))[..., 0]
    except ShapeError:
        assert explorer.problem.startswith("Impossible along the ")
        return
    height, width = y.shape
    kept = explorer.large[explorer.top : explorer.top + height, explorer.left : explorer.left + width]
    assert explorer.output_size == y.shape
    assert np.array_equal(kept, y)


@pytest.mark.parametrize("word", ["valid", "same", "same_lower", "full"])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (4, 1, 2), (7, 2, 1), (2, 3, 1)])
def test_words_pad_as_the_kernels_do(word, kernel, stride, dilation):
    explorer = GeometryExplorer(
        padding=word, height=12, width=11, kernel_height=kernel, kernel_width=3, stride_height=stride,
        dilation_height=dilation,
    )  # fmt: skip
    wanted = conv_geometry((12, 11), (kernel, 3), (stride, 1), word, (dilation, 1))
    assert ((explorer.top, explorer.bottom), (explorer.left, explorer.right)) == wanted.padding
    assert explorer.output_size == wanted.output_size


def test_causal_pads_the_columns_before_only():
    explorer = GeometryExplorer("causal, dilation 2")
    assert (explorer.top, explorer.bottom, explorer.left, explorer.right) == (0, 0, 4, 0)
    assert explorer.output_size == (1, 10)
    change(explorer, explain="column.before")
    assert "no output sees a later column" in explorer.explanation


def test_same_in_the_transposed_mode_multiplies_by_the_stride():
    explorer = GeometryExplorer(
        mode="transposed convolution", padding="same", height=4, width=5, kernel_height=2, kernel_width=4,
        stride_height=3, stride_width=2,
    )  # fmt: skip
    assert explorer.output_size == (12, 10)


@pytest.mark.parametrize("fill", borders.FILLS)
def test_values_are_padded_as_numpy_pads(fill):
    explorer = GeometryExplorer("reflection", fill=fill)
    x = np.add.outer(10.0 * np.arange(6), np.arange(7))
    mode = {"zeros": "constant"}.get(fill, fill)
    assert np.array_equal(explorer.large, np.pad(x, 2, mode=mode))
    means = loops.conv2d(np.pad(x, 2, mode=mode)[..., None], np.full((5, 5, 1, 1), 1 / 25))[..., 0]
    assert np.allclose(explorer.small, means)


def test_a_mirror_that_is_too_long_is_explained():
    explorer = GeometryExplorer(padding="full", fill="reflect", height=3, kernel_height=5)
    assert "Impossible along the rows" in explorer.problem
    assert "an axis of 3 has only 2" in explorer.problem
    change(explorer, height=6)
    assert explorer.problem == ""


def test_the_formula_holds_the_numbers():
    explorer = GeometryExplorer(
        height=10, kernel_height=3, dilation_height=2, stride_height=2, top=1, bottom=2
    )
    assert (
        explorer.formula.splitlines()[0] == "rows: ⌊(10 + 1 + 2 − (2·(3 − 1) + 1)) / 2⌋ + 1 = ⌊8 / 2⌋ + 1 = 5"
    )
    explorer = GeometryExplorer("transposed, even overlap")
    assert explorer.formula.splitlines()[1] == "columns: (4 − 1)·2 + 4 − 1 − 1 + 0 = 8"


def test_dropped_rows_are_framed_counted_and_explained():
    explorer = GeometryExplorer("dropped rows")
    assert "The floor drops 2 padded rows; 18 of 72 input cells are never read" in explorer.summary
    frames = [frame for frame in explorer._large_view.windows if frame["label"] == "dropped"]
    assert [(f["row"], f["column"], f["height"], f["width"]) for f in frames] == [(6, 0, 2, 9)]
    change(explorer, explain="row.moves")
    assert "The rest of 2 is too short for another move" in explorer.explanation
    explorer._large_view.cursor = [7, 4]
    assert explorer.explain == "cell"
    assert explorer.explanation == (
        "Input cell (7, 4) is never read: its row lies behind the last window, where the floor drops it."
    )


def test_every_number_of_the_formula_can_be_explained():
    for example in EXAMPLES:
        explorer = GeometryExplorer(example)
        sentences = set()
        for key in [option[1] for option in explorer._texts._controls["explain"].options]:
            explorer.explain = key
            assert explorer.explanation.endswith((".", ")."))
            sentences.add(explorer.explanation)
        assert len(sentences) > 8


def test_cells_are_explained():
    explorer = GeometryExplorer("3×3, same")
    explorer._large_view.cursor = [1, 2]
    assert explorer.explanation == (
        "Input cell (0, 1) is read 6 times: its row lies under a tap of output rows 0 and 1, "
        "its column of columns 0, 1 and 2; 2 × 3 = 6."
    )
    change(explorer, fill="edge", cell=(1, 1))
    assert explorer.explanation.endswith("With its copies in the padding it counts 9 times.")
    change(explorer, cell=(0, 0))
    assert explorer.explanation.startswith("Padding cell (−1, −1), a copy of input cell (0, 0), is read once")
    explorer = GeometryExplorer("holes: stride 3, kernel 2")
    explorer._large_view.cursor = [2, 0]
    assert "falls between the taps of all windows" in explorer.explanation
    explorer = GeometryExplorer("transposed, checkerboard")
    explorer._large_view.cursor = [2, 2]
    assert explorer.explanation == (
        "Output cell (2, 2) is the sum of 2 × 2 = 4 stamped numbers, from input rows 0 and 1 "
        "and columns 0 and 1."
    )


def test_stepping_moves_the_window_and_the_pointer_moves_the_step():
    explorer = GeometryExplorer("dilation 2")
    explorer.step = 7
    assert explorer.position == (1, 2)
    assert explorer.window_text == (
        "Output (1, 2) reads rows 1, 3 and 5 and columns 2, 4 and 6: 9 taps, all on input cells."
    )
    assert explorer._small_view.cursor == [1, 2]
    explorer._small_view.cursor = [4, 4]
    assert explorer.step == 24
    explorer.height = 5
    assert explorer.step == explorer.small.size - 1


def test_numbers_of_your_own_replace_the_word_and_the_word_brings_its_numbers_back():
    explorer = GeometryExplorer("4×4, same")
    assert (explorer.top, explorer.bottom) == (1, 2)
    explorer._axes[0].set(top=3)
    assert (explorer.padding, explorer.example, explorer.top, explorer.bottom) == (CUSTOM, OWN, 3, 2)
    explorer._general.set(padding="same")
    assert (explorer.top, explorer.bottom) == (1, 2)
    explorer._general.set(example="4×4, same")
    assert explorer.example == "4×4, same"


def test_controls_follow_the_state_and_the_state_the_controls():
    explorer = GeometryExplorer()
    explorer._axes[1].set(kernel_width=5)
    assert (explorer.kernel_width, explorer.right, explorer.example) == (5, 2, OWN)
    assert explorer._axes[1]["right"] == 2
    explorer.mode = "transposed convolution"
    assert explorer._general.disabled == ["fill"]
    assert explorer._axes[0].disabled == []
    assert [option[1] for option in explorer._texts._controls["explain"].options][5] == "row.output_padding"


def test_an_impossible_setting_hides_the_output_and_recovers():
    explorer = GeometryExplorer("too large a kernel")
    assert explorer._small_view.layout.visibility == "hidden"
    assert explorer._transport.disabled == ["step"]
    assert "Pad 1 more" in explorer.summary
    explorer.dilation_height = explorer.dilation_width = 1
    assert (explorer._small_view.layout.visibility, explorer.output_size) == ("visible", (2, 2))
    explorer = GeometryExplorer(mode="transposed convolution", padding="valid", output_padding_height=1)
    assert "output padding 1 is not below the stride 1" in explorer.problem


def test_an_output_padding_beside_same_is_a_setting_of_your_own():
    explorer = GeometryExplorer("transposed, even overlap")
    explorer._axes[0].set(output_padding_height=1)
    assert (explorer.padding, explorer.output_size) == (CUSTOM, (9, 8))
    explorer.padding = "same"
    assert (explorer.output_padding_height, explorer.output_size) == (0, (8, 8))


def test_unknown_examples_are_refused_and_the_last_state_stays():
    explorer = GeometryExplorer("full")
    with pytest.raises(OptionError, match="expected one of 3×3, same"):
        explorer.example = "fullest"
    assert (explorer.example, explorer.padding) == ("full", "full")


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_has_a_picture_and_a_digest(example):
    explorer = GeometryExplorer(example)
    bundle = explorer._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["image/png"][:4] == b"\x89PNG"
    assert data["text/plain"].splitlines()[0].startswith(f"Geometry explorer ({example}): ")
    assert GeometryExplorer(example).digest() == data["text/plain"]
    assert explorer.example == example


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 7), st.integers(1, 5), st.integers(1, 3))
def test_even_means_that_inner_cells_get_equally_many_stamps(kernel_size, stride, dilation):
    plan = AxisPlan("row", 100, kernel_size, stride, dilation, 0, 0, transposed=True)
    inner = plan.reads[2 * plan.span : -2 * plan.span]
    assert plan.even == (len(set(inner.tolist())) == 1)
