"""Sizes and counts: against brute-force enumeration, and against published numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnkit import shapes
from cnnkit.errors import OptionError, ShapeError

MANY = settings(max_examples=200, deadline=None, derandomize=True, database=None)
kernels, strides, dilations = st.integers(1, 5), st.integers(1, 6), st.integers(1, 3)
sizes, margins = st.integers(1, 30), st.integers(0, 6)


def starts_that_fit(size, kernel, stride, before, after, dilation):
    span = dilation * (kernel - 1) + 1
    return [start for start in range(-before, size + after, stride) if start + span <= size + after]


@MANY
@given(sizes, kernels, strides, margins, margins, dilations)
def test_output_size_counts_the_windows_that_fit(size, kernel, stride, before, after, dilation):
    windows = starts_that_fit(size, kernel, stride, before, after, dilation)
    options = {"stride": stride, "padding": (before, after), "dilation": dilation}
    if windows:
        assert shapes.conv_output_size(size, kernel, **options) == len(windows)
    else:
        with pytest.raises(ShapeError, match=f"a window of {kernel}"):
            shapes.conv_output_size(size, kernel, **options)


@MANY
@given(sizes, kernels, strides, margins, margins, dilations)
def test_ceil_mode_keeps_a_window_that_overhangs_unless_it_starts_behind_the_input(
    size, kernel, stride, before, after, dilation
):
    fitting = starts_that_fit(size, kernel, stride, before, after, dilation)
    if not fitting:
        return
    overhanging = [] if fitting[-1] + dilation * (kernel - 1) + 1 == size + after else [fitting[-1] + stride]
    options = {"stride": stride, "padding": (before, after), "dilation": dilation}
    expected = [start for start in fitting + overhanging if start < size]
    assert shapes.conv_output_size(size, kernel, **options, ceil_mode=True) == len(expected)


@MANY
@given(sizes, kernels, strides, dilations, st.sampled_from(["same", "same_lower"]))
def test_same_covers_the_input_evenly(size, kernel, stride, dilation, word):
    before, after = shapes.resolve_padding(word, size, kernel, stride, dilation)
    output = shapes.conv_output_size(size, kernel, stride=stride, padding=word, dilation=dilation)
    assert output == -(-size // stride)
    assert (after - before if word == "same" else before - after) in (0, 1)
    if before + after:
        assert before + size + after == (output - 1) * stride + dilation * (kernel - 1) + 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("same", 224, 7, 2), (2, 3)),  # TensorFlow's first ResNet layer
        (("same_lower", 224, 7, 2), (3, 2)),
        (("same", 10, 4), (1, 2)),
        (("same", 10, 3, 1, 2), (2, 2)),
        (("same", 10, 1, 4), (0, 0)),
        (("valid", 10, 3), (0, 0)),
        (("full", 10, 3, 1, 2), (4, 4)),
        (("causal", 10, 3, 1, 2), (4, 0)),
        ((2, 10, 3), (2, 2)),
        (((1, 4), 10, 3), (1, 4)),
        (([np.int64(1), 4], 10, 3), (1, 4)),
    ],
)
def test_padding_forms(arguments, expected):
    assert shapes.resolve_padding(*arguments) == expected


@MANY
@given(sizes, kernels, strides, margins, margins, dilations)
def test_transposed_size_inverts_the_forward_size(size, kernel, stride, before, after, dilation):
    if not starts_that_fit(size, kernel, stride, before, after, dilation):
        return
    options = {"stride": stride, "padding": (before, after), "dilation": dilation}
    output = shapes.conv_output_size(size, kernel, **options)
    dropped = (size + before + after - dilation * (kernel - 1) - 1) % stride
    assert shapes.conv_transpose_output_size(output, kernel, **options, output_padding=dropped) == size


@MANY
@given(sizes, kernels, strides, dilations, st.sampled_from(["same", "same_lower"]))
def test_transposed_same_multiplies_the_size_by_the_stride(size, kernel, stride, dilation, word):
    options = {"stride": stride, "padding": word, "dilation": dilation}
    result = shapes.conv_transpose_output_size(size, kernel, **options)
    assert result == size * stride
    assert shapes.conv_output_size(result, kernel, **options) == size


VGG16 = [layer for block in (2, 2, 3, 3, 3) for layer in [(3, 1, 1, 1)] * block + [(2, 2, 0, 1)]]


def resnet50(stride_in):
    """Bottlenecks of 1x1, 3x3, 1x1; a stage's stride sits in one of the convolutions of its first unit."""
    layers = [(7, 2, 3, 1), (3, 2, 1, 1)]
    for stage, units in enumerate((3, 4, 6, 3)):
        for unit in range(units):
            step = 2 if stage and not unit else 1
            first, second = (step, 1) if stride_in == "1x1" else (1, step)
            layers += [(1, first, 0, 1), (3, second, 1, 1), (1, 1, 0, 1)]
    return layers


@pytest.mark.parametrize(
    ("layers", "size", "jump"),
    [
        ([], 1, 1),
        ([(3, 1, 1, 1)] * 3, 7, 1),
        (VGG16, 212, 32),
        (resnet50("1x1"), 483, 32),
        (resnet50("3x3"), 427, 32),
        ([(3, 1, 0, 1), (3, 1, 0, 2), (3, 1, 0, 4)], 15, 1),
    ],
)
def test_published_receptive_fields(layers, size, jump):
    field = shapes.receptive_field(layers)
    assert (field.size, field.jump) == (size, jump)


layers_1d = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), dilations), max_size=4
)


def cells_behind(layers, unit):
    """Every input index that a unit can reach, found by walking down the taps."""
    cells = {unit}
    for kernel, stride, padding, dilation in reversed(layers):
        cells = {cell * stride - padding + m * dilation for cell in cells for m in range(kernel)}
    return cells


@MANY
@given(layers_1d, st.integers(0, 3))
def test_receptive_field_is_what_the_taps_reach(layers, unit):
    cells = cells_behind(layers, unit)
    assert shapes.receptive_field(layers).span(unit) == (min(cells), max(cells))


def test_receptive_field_reads_objects_and_axes():
    layer = SimpleNamespace(kernel_size=(3, 5), stride=(1, 2), padding=((0, 0), (2, 1)), dilation=1)
    field = shapes.receptive_field([layer, (3, 1, "same", 1)], axis=1)
    assert (field.size, field.jump, field.start) == (5 + 2 * 2, 2, -2 - 2)


def test_receptive_field_of_strided_same_needs_the_input_size():
    layers = [(7, 2, "same", 1), (3, 2, "same", 1)]
    with pytest.raises(OptionError, match=r"layer 0 has padding 'same' and stride 2.*input_size"):
        shapes.receptive_field(layers)
    assert shapes.receptive_field(layers, input_size=224).start == -2
    assert shapes.receptive_field(layers, input_size=225).start == -3 - 2 * 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((5, 1, 6), 156),  # LeNet-5, C1
        ((11, 3, 64), 23_296),  # AlexNet in one tower, first layer
        ((7, 3, 64), 9_408 + 64),
        (((1, 7), 8, 4), 228),
        ((3, 512, 512), 2_359_808),  # VGG-16, conv5
    ],
)
def test_published_parameter_counts(arguments, expected):
    assert shapes.count_conv_params(*arguments) == expected


def test_counts_of_groups_and_dense_layers():
    assert 3 * shapes.count_conv_params(3, 64, 64, bias=False) == 110_592
    assert shapes.count_conv_params(7, 64, 64, bias=False) == 200_704
    assert shapes.count_conv_params(3, 32, 32, groups=32, bias=False) == 288
    assert shapes.count_conv_params(5, 96, 256, groups=2) == 307_456  # AlexNet in two towers, conv2
    assert shapes.count_dense_params(25_088, 4096) == 102_764_544  # VGG-16, fc6
    assert shapes.count_dense_macs(25_088, 4096) == 102_760_448
    assert shapes.count_conv_macs(112, 7, 3, 64) == 118_013_952  # ResNet-50, conv1
    assert shapes.count_conv_macs((4, 5), (1, 3), 6, 8, groups=2) == 4 * 5 * 3 * 3 * 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shapes.conv_output_size(5, 3, stride=0), "stride is 0; expected a whole number >= 1"),
        (lambda: shapes.conv_output_size(5, 3, stride=1.5), "stride is 1.5"),
        (lambda: shapes.conv_output_size(5, 3, stride=True), "stride is True"),
        (lambda: shapes.conv_output_size(5, 0), "kernel_size is 0"),
        (lambda: shapes.conv_output_size(5, 3, dilation=0), "dilation is 0.*1 is the ordinary kernel"),
        (lambda: shapes.conv_output_size(0, 1), "size is 0"),
        (lambda: shapes.resolve_padding("Same", 5, 3), "'Same'.*did you mean the lower-case word"),
        (lambda: shapes.resolve_padding("reflect", 5, 3), "'reflect'; expected one of valid, same"),
        (lambda: shapes.resolve_padding(-1, 5, 3), "padding is -1"),
        (lambda: shapes.resolve_padding((1, 2, 3), 5, 3), r"padding is \(1, 2, 3\)"),
        (lambda: shapes.pair((1, 2, 3), "stride"), r"stride is \(1, 2, 3\); expected one number or a pair"),
        (lambda: shapes.pair(np.array([1, 2]), "stride"), "stride is array"),
        (lambda: shapes.conv_transpose_output_size(4, 3, stride=2, output_padding=2), "output_padding is 2"),
        (
            lambda: shapes.conv_transpose_output_size(4, 3, stride=2, padding="same", output_padding=1),
            "output_padding is 1 with padding 'same'",
        ),
        (lambda: shapes.receptive_field([(3, 1)]), r"layer 0 is \(3, 1\); expected \(kernel_size"),
        (lambda: shapes.receptive_field([(3, 1, 0, 1)], axis=2), "axis is 2"),
        (lambda: shapes.count_conv_params(3, 6, 8, groups=4), "groups is 4.*6.*8"),
    ],
)
def test_meaningless_options_are_refused(call, message):
    with pytest.raises(OptionError, match=message):
        call()


def test_a_padding_that_crops_everything_is_refused():
    with pytest.raises(ShapeError, match=r"crops 1 \+ 1 of the 2 cells"):
        shapes.conv_transpose_output_size(1, 2, padding=1)
