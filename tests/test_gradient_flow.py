"""The gradient flow widget: its gradients against the kernels, its sentences against arithmetic."""

import re

import numpy as np
import pytest

from cnnkit import activations
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import loops
from cnnkit.widgets import GradientFlow
from cnnkit.widgets.gradient_examples import EXAMPLES
from cnnkit.widgets.gradient_flow import ALONE, SO_FAR
from cnnkit.widgets.stepper import OWN

RNG = np.random.default_rng(8)
X, W = RNG.integers(-3, 6, (6, 7)).astype(float), RNG.integers(-2, 3, (3, 2)).astype(float)
OPTIONS = [
    {},
    {"stride": 2, "activation": "relu", "bias": 0.25},
    {"padding": 1, "target": 2.0},
    {"padding": "same", "stride": 3, "activation": "sigmoid"},
    {"dilation": 2, "bias": -1.5, "activation": "tanh"},
    {"padding": "full", "stride": 2, "activation": "relu", "bias": 0.5},
]


def wanted(options):
    """Return delta, dx and dw by the literal loops."""
    geometry = {name: options[name] for name in ("stride", "padding", "dilation") if name in options}
    z = loops.conv2d(X[..., None], W[..., None, None], np.array([options.get("bias", 0.0)]), **geometry)
    function = options.get("activation", "none")
    a = z if function == "none" else getattr(activations, function)(z)
    slope = 1.0 if function == "none" else getattr(activations, f"{function}_grad")(z)
    delta = (a - options.get("target", 0.0)) * slope
    dx, dw, _ = loops.conv2d_backward(delta, X[..., None], W[..., None, None], **geometry)
    return delta[..., 0], dx[..., 0], dw[..., 0, 0]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_all_errors_together_give_the_gradients_of_the_loops(options):
    flow = GradientFlow(x=X, w=W, scope=SO_FAR, step=1000, **options)
    delta, dx, dw = wanted(options)
    (top, _), (left, _) = flow._pass.geometry.padding
    np.testing.assert_allclose(flow.delta, delta, atol=1e-11)
    np.testing.assert_allclose(flow.dx[top : top + 6, left : left + 7], dx, atol=1e-11)
    np.testing.assert_allclose(flow.dw, dw, atol=1e-11)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_errors_alone_add_up_to_all_of_them(options):
    flow = GradientFlow(x=X, w=W, **options)
    dx, dw = np.zeros(flow.dx.shape), np.zeros(flow.dw.shape)
    for step in range(flow.delta.size):
        flow.step = step
        assert flow.position == divmod(step, flow.delta.shape[1])
        dx, dw = dx + flow.dx, dw + flow.dw
    flow.scope = SO_FAR
    np.testing.assert_allclose(flow.dx, dx, atol=1e-9)
    np.testing.assert_allclose(flow.dw, dw, atol=1e-9)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_finite_differences_agree_at_every_weight_and_input(options):
    flow = GradientFlow(x=X, w=W, **options)
    for kind, shape in (("w", flow.dw.shape), ("x", flow.dx.shape)):
        for cell in np.ndindex(shape):
            with flow.changing():
                flow.probe, flow.cell = kind, cell
            assert flow.numeric == pytest.approx(flow.analytic, rel=1e-5, abs=1e-6), (kind, cell)


def test_a_padding_cell_is_no_input():
    flow = GradientFlow(x=X, w=W, padding=1, probe="x", cell=(0, 0))
    assert "cropped" in flow.check
    assert flow.total.startswith("padding cell [0, 0]")
    flow.cell = (1, 1)
    assert "dx[0, 0]" in flow.check


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("probe", ["x", "w"])
def test_the_written_sum_comes_out_at_the_written_result(example, probe):
    flow = GradientFlow(example, probe=probe, cell=(1, 1))
    if "nothing" in flow.total:
        assert flow.analytic == 0
        return
    _, _, terms, result = flow.total.replace("−", "-").split(" = ")
    arithmetic = terms.replace("·", "*")
    assert re.fullmatch(r"[-+*()., \de]+", arithmetic)
    assert eval(arithmetic) == pytest.approx(float(result), rel=1e-2)  # digits and operators only, see above
    if flow._pass.inside(1, 1) or probe == "w":
        assert float(result) == pytest.approx(flow.analytic, rel=1e-3)


def test_the_sentence_of_the_error_shows_the_activations_derivative():
    flow = GradientFlow(step=3)
    assert flow.chain == "δ[0, 3] = (a − t) · f′(z) = (0 − 1) · 0 = 0"
    flow.activation = "none"
    assert flow.chain == "δ[0, 3] = a − t = −1 − 1 = −2"


def test_the_step_h_shows_truncation_and_rounding():
    flow = GradientFlow("saturated sigmoid", digits=1)
    coarse = flow.error
    flow.digits = 5
    assert flow.error < 1e-7 < coarse
    flow.digits = 12
    assert flow.error > 1e-7


def test_pointing_chooses_output_and_probe():
    flow = GradientFlow()
    flow._backward[2].cursor = [1, 2]
    assert (flow.step, flow.position, flow._transport["step"]) == (6, (1, 2), 6)
    flow._backward[0].cursor = [2, 3]
    assert (flow.probe, flow.cell) == ("x", (2, 3))
    flow._forward[1].cursor = [0, 2]
    assert (flow.probe, flow.cell) == ("w", (0, 2))


def test_the_views_show_what_was_computed():
    flow = GradientFlow(x=X, w=W, padding=1, stride=2, step=2)
    shown = [view.values for view in (*flow._forward, *flow._backward)]
    for values, expected in zip(
        shown, (flow._pass.padded, W, flow.z, flow.dx, flow.dw, flow.delta), strict=True
    ):
        np.testing.assert_array_equal(values, expected)
    assert flow._forward[0].border == [1, 1, 1, 1]
    assert flow._backward[0].link["source"] is flow._backward[2]


def test_an_edited_kernel_is_the_learners_own_and_the_example_brings_it_back():
    flow = GradientFlow()
    flow._settings.set(kernel=[[0, 0, 0], [0, 2, 0], [0, 0, 0]])
    assert (flow.example, flow.w[1, 1]) == (OWN, 2)
    flow.example = "worked 4×6"
    assert flow.w[1, 1] == 0


def test_step_and_probe_stay_inside_when_the_geometry_shrinks():
    flow = GradientFlow(x=X, w=W, padding=2, step=60, probe="x", cell=(9, 10))
    with flow.changing():
        flow.padding, flow.stride = "valid", 3
    assert flow.step < flow.delta.size
    assert flow.cell == (5, 6)


def test_bad_input_is_named_and_taken_back():
    flow = GradientFlow()
    with pytest.raises(OptionError, match="example is 'none'"):
        flow.example = "none"
    with pytest.raises(ShapeError, match="leave room for numbers"):
        flow.x = np.ones((20, 20))
    with pytest.raises(ShapeError):
        flow.w = np.ones((9, 9))
    with pytest.raises(OptionError, match="finite"):
        flow.w = [[np.nan]]
    assert flow.x.shape == (4, 6)
    assert flow.scope == ALONE


def test_showing_the_widget_changes_nothing_and_the_twin_is_the_same_every_time():
    flow = GradientFlow(step=2)
    before = flow.digest()
    bundle = flow._repr_mimebundle_()
    assert bundle["text/plain"] == before == flow.digest() == GradientFlow(step=2).digest()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert "dw[0, 0] = 35" in before
