"""The pooling bench's maps, gradients and changes against the kernels and arithmetic, and its sentences."""

import re

import numpy as np
import pytest

from cnnkit import data
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import loops
from cnnkit.pooling_kinds import KINDS
from cnnkit.widgets import PoolingBench
from cnnkit.widgets.pooling_bench import EVERY, LEARNED
from cnnkit.widgets.pooling_scenes import FEATURES, MATRIX, MAX_SHIFT, scene_names, wide_map


def max_pooled(x, **box):
    return loops.max_pool2d(x[..., None], **box)[..., 0]


@pytest.mark.parametrize("box", [(3, 2, 1), (2, 2, 0), (4, 3, 2), (1, 1, 0)])
def test_every_output_is_what_its_kernel_computes(box):
    window, stride, padding = box
    bench = PoolingBench(scene=MATRIX, window=window, stride=stride, padding=padding, shift=3)
    x, options = bench.x[..., None], {"stride": stride, "padding": padding}
    np.testing.assert_allclose(bench.outputs["max"], loops.max_pool2d(x, window, **options)[..., 0])
    np.testing.assert_allclose(bench.outputs["average"], loops.avg_pool2d(x, window, **options)[..., 0])
    counted = loops.avg_pool2d(x, window, count_include_pad=True, **options)
    np.testing.assert_allclose(bench.outputs["average, padding counted"], counted[..., 0])
    strided = loops.conv2d(x, bench.weights[..., None, None], **options)
    np.testing.assert_allclose(bench.outputs["strided convolution"], strided[..., 0])
    np.testing.assert_allclose(bench.outputs["global average"], [[bench.x.mean()]])
    np.testing.assert_allclose(bench.outputs["L2"], np.sqrt(window**2 * loops.avg_pool2d(
        x**2, window, count_include_pad=True, **options))[..., 0])  # fmt: skip
    assert bench.outputs["blur"].shape == bench.outputs["max"].shape
    assert f"= {len(bench.outputs['max'])} rows" in bench.size_text


def test_the_map_is_a_rectified_convolution_of_the_photograph():
    photo = data.photo("coffee", size=64, mode="gray", dtype=np.float64)
    y = loops.conv2d(photo[..., None], FEATURES["horizontal edges"]()[..., None, None])[..., 0].clip(0)
    part = y[19:43, 15:47]
    bench = PoolingBench(scene="coffee", feature="horizontal edges")
    np.testing.assert_allclose(bench.x, (part / part.max())[:, MAX_SHIFT:], atol=1e-12)


def test_the_picture_slides_to_the_right_and_the_changes_are_relative():
    bench = PoolingBench()
    still, pooled = bench.x, {kind: bench.outputs[kind] for kind in KINDS}
    bench.shift = 5
    np.testing.assert_array_equal(bench.x[:, 5:], still[:, :-5])
    for kind in KINDS:
        gap = np.linalg.norm(bench.outputs[kind] - pooled[kind]) / np.linalg.norm(pooled[kind])
        assert bench.changes[kind][5] == pytest.approx(gap)
        assert f"{kind} {gap:.0%}" in bench.shift_text
    assert bench.shift_text.startswith("Slid by 5 pixels")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("errors", ["the chosen output", EVERY])
def test_the_gradient_is_that_of_finite_differences(kind, errors):
    bench = PoolingBench(kind=kind, errors=errors, shift=2, scene="brick")
    pooling, at = bench._kinds[kind], bench.position

    def error(x):
        y = pooling.forward(x[None, ..., None])[0, ..., 0]
        return y.sum() if errors == EVERY else y[at]

    rng = np.random.default_rng(1)
    direction = rng.normal(size=bench.x.shape)
    step = 1e-7 * direction
    slope = (error(bench.x + step) - error(bench.x - step)) / 2e-7
    if kind in ("max", "blur", "L2") and errors == EVERY:  # windows of zeros have no derivative there
        wanted = pooling.backward(np.ones((1, *bench.outputs[kind].shape, 1)), bench.x[None, ..., None])
        np.testing.assert_array_equal(bench.gradient, wanted[0, ..., 0])
    else:  # one random direction is enough, and cheap
        assert (bench.gradient * direction).sum() == pytest.approx(slope, rel=1e-4, abs=1e-6)


class TestRouting:
    def test_ties_are_counted_and_the_first_takes_the_error(self):
        bench = PoolingBench(scene=MATRIX, window=2, stride=2, padding=0)
        for i, j in np.ndindex(4, 4):
            bench.position = (i, j)
            window = bench.x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            ties = int((window == window.max()).sum())
            row, column = np.argwhere(window == window.max())[0] + (2 * i, 2 * j)
            assert bench.gradient[row, column] == bench.gradient.sum() == 1
            assert f"row {row}, column {column}" in bench.routing
            assert ("tie" in bench.routing) == (ties > 1)
            assert ties == 1 or f"stands there {ties} times" in bench.routing

    def test_the_two_corner_conventions(self):
        bench = PoolingBench(kind="average", position=(0, 0))
        assert bench.gradient[0, 0] == pytest.approx(1 / 4)
        assert "Each of its 4 cells takes 1/4" in bench.routing
        bench.kind = "average, padding counted"
        assert bench.gradient[0, 0] == pytest.approx(1 / 9)
        assert "takes 1/9 of the error. 5/9 is lost on the padding." in bench.routing

    def test_overlapping_windows_add_up(self):
        bench = PoolingBench(scene=MATRIX, errors=EVERY)
        assert bench.gradient.max() > 1
        assert bench.gradient.sum() == bench.outputs["max"].size
        assert f"The most is {bench.gradient.max():.0f}," in bench.routing
        assert bench._input.windows == []

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_field_holds_the_whole_gradient(self, kind):
        bench = PoolingBench(kind=kind, position=(5, 6))
        outside = bench.gradient.copy()
        outside[bench._field.cells] = 0
        assert not outside.any()
        np.testing.assert_array_equal(bench._zoomed_gradient.values, bench.gradient[bench._field.cells])
        np.testing.assert_array_equal(bench._zoomed.values, bench.x[bench._field.cells])

    def test_a_norm_of_zeros_passes_nothing_on(self):
        bench = PoolingBench(kind="L2")
        i, j = np.argwhere(bench.outputs["L2"] == 0)[0]
        bench.position = (int(i), int(j))
        assert not bench.gradient.any()
        assert "nothing is passed on" in bench.routing


def test_pointing_at_an_output_chooses_it():
    bench = PoolingBench()
    bench._output_views["blur"].cursor = [2, 7]
    assert (bench.kind, bench.position) == ("blur", (2, 7))
    assert bench._settings["kind"] == "blur"
    assert bench._output_views["max"].cursor == []
    assert bench._output_views["max"].windows[0]["row"] == 2
    bench._output_views["max"].cursor = [2, 7]  # the same cell of another map
    assert (bench.kind, bench.position) == ("max", (2, 7))


def test_the_position_stays_inside_when_the_outputs_shrink():
    bench = PoolingBench(position=(11, 11))
    bench.stride = 4
    assert bench.outputs["max"].shape == (6, 6)
    assert bench.position == (5, 5)
    bench.kind = "global average"
    assert bench.position == (0, 0)


def test_weights_are_edited_and_follow_the_window():
    bench = PoolingBench()
    np.testing.assert_array_equal(bench.weights, LEARNED)
    bench._settings.set(weights=[[1 / 9] * 3] * 3)
    np.testing.assert_allclose(
        bench.outputs["strided convolution"], bench.outputs["average, padding counted"], atol=1e-12
    )
    bench.window = 2
    assert bench.weights.shape == (2, 2)
    assert "1/4 everywhere" in str(bench._settings._specs)
    bench.window = 3
    np.testing.assert_allclose(bench.weights, np.full((3, 3), 1 / 9))


def test_controls_are_bound_and_the_feature_is_off_for_the_matrix():
    bench = PoolingBench()
    bench._slider.set(shift=2)
    assert bench.shift == 2
    bench._settings.set(scene=MATRIX)
    assert bench.x.shape == (8, 8)
    assert bench._settings.disabled == ["feature"]


def test_what_does_not_fit_is_refused_with_a_sentence_and_the_last_good_state_stays():
    bench = PoolingBench(window=2, padding=1)
    before = bench.digest()
    bench._settings.set(padding=2)
    assert "padding" in bench._settings.messages["padding"]
    assert (bench.padding, bench._settings["padding"], bench.digest()) == (1, 1, before)
    for name, value, error in [
        ("scene", "no such photo", OptionError),
        ("position", (-1, 0), ShapeError),
        ("weights", [[np.nan, 1], [1, 1]], ShapeError),
        ("weights", LEARNED, ShapeError),
        ("weights", [[0, 0], [0, 0]], OptionError),
    ]:
        with pytest.raises(error):
            setattr(bench, name, value)
        assert bench.digest() == before


@pytest.mark.parametrize("scene", scene_names())
@pytest.mark.parametrize("feature", FEATURES)
def test_every_scene_has_something_to_pool(scene, feature):
    wide = wide_map(scene, feature)
    assert wide.shape[1] - MAX_SHIFT in (8, 24)
    assert wide.min() >= 0
    assert np.count_nonzero(wide) > wide.size / 20


def test_the_text_twin_holds_the_numbers_and_is_the_same_every_time():
    bench = PoolingBench(shift=1)
    assert bench.digest() == PoolingBench(shift=1).digest()
    lines = dict(re.findall(r"^  (.{26}) *(\d+)%$", bench.digest(), re.M))
    assert {name.strip(): int(share) for name, share in lines.items()} == {
        name: round(100 * values[1]) for name, values in bench.changes.items()
    }


@pytest.mark.parametrize("state", [{}, {"scene": MATRIX, "kind": "global average", "errors": EVERY}], ids=str)
def test_the_static_picture_is_drawn(state):
    assert PoolingBench(**state)._repr_mimebundle_()["image/png"].startswith(b"\x89PNG")


def test_the_curves_follow_the_shift_and_their_cursor_sets_it():
    bench = PoolingBench()
    bench._plot.cursor = [0, 3]
    assert (bench.shift, bench._slider["shift"]) == (3, 3)
    for name, values in bench.changes.items():
        assert f"{name} {values[3]:.0%}" in bench._plot.label
        assert f">{name}: {values[3]:.0%}<" in bench._plot._drawing["svg"]
    bench.shift = 5
    assert bench._plot.cursor == [0, 5]
