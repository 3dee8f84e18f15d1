"""Receptive fields against published values, against each other, and against brute force."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnkit import receptive, shapes, stacks
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import loops
from cnnkit.stacks import Parallel, Window, conv, max_pool, same_convs

WAYS = (receptive.computed_field, receptive.gradient_field, receptive.perturbed_field)


def sizes(stack):
    return [field.size for field in receptive.fields(stack)]


# ---- published values


@pytest.mark.parametrize(
    ("stack", "size", "jump"),
    [
        (stacks.lenet5(), 32, 4),
        (stacks.alexnet(), 195, 32),  # Araujo et al. (2019)
        (stacks.vgg16(), 212, 32),  # the same
        (stacks.resnet50("last 3x3"), 483, 32),  # the same, TF-Slim's strides
        (stacks.resnet50("first 1x1"), 483, 32),
        (stacks.resnet50("first 3x3"), 427, 32),
        (stacks.longest_path(stacks.googlenet()), 715, 32),
    ],
)
def test_well_known_networks(stack, size, jump):
    field = shapes.receptive_field(stack)
    assert (field.size, field.jump) == (size, jump)


def test_start_of_the_published_networks():
    # the padding column of the Distill article: 64 for AlexNet, 90 for VGG-16
    assert shapes.receptive_field(stacks.alexnet()).start == -64
    assert shapes.receptive_field(stacks.vgg16()).start == -90


def test_the_map_sizes_of_the_papers():
    assert receptive.map_sizes(stacks.lenet5(), (32, 32)) == [(n, n) for n in (32, 28, 14, 10, 5, 1)]
    assert [size[0] for size in receptive.map_sizes(stacks.alexnet(), (227, 227))][1:] == [
        55, 27, 27, 13, 13, 13, 13, 6,
    ]  # fmt: skip
    for place in stacks.RESNET_STRIDES:
        assert receptive.map_sizes(stacks.resnet50(place), (224, 224))[-1] == (7, 7)
        assert len(stacks.resnet50(place)) == 1 + 1 + 3 * 16


def test_interview_questions():
    assert sizes(same_convs((1, 1, 1))) == [1, 3, 5, 7]
    assert sizes((conv(5), max_pool(2, 2), conv(5))) == [1, 5, 6, 14]
    assert sizes((conv(5, dilation=2), max_pool(2, 2), conv(5))) == [1, 9, 10, 18]
    assert sizes((conv(5), max_pool(2, 2), conv(3), max_pool(2, 2))) == [1, 5, 6, 10, 12]
    assert sizes((conv(3),) * 50)[-1] == 101
    assert sizes((conv(3, 2),) * 50)[-1] == 2**51 - 1


# ---- three ways


@st.composite
def stacks_with_units(draw):
    """Return small stacks with rectangles, uneven padding and all options, an input size, a unit."""
    number = st.integers
    windows = []
    size = (draw(number(6, 13)), draw(number(6, 13)))
    current = size
    for _ in range(draw(number(1, 3))):
        kernel = (draw(number(1, 3)), draw(number(1, 3)))
        dilation = (draw(number(1, 2)), draw(number(1, 2)))
        padding = tuple((draw(number(0, 2)), draw(number(0, 2))) for _ in range(2))
        stride = (draw(number(1, 3)), draw(number(1, 3)))
        kind = draw(st.sampled_from(stacks.KINDS))
        if kind == stacks.MAX_POOLING:  # a window that lies in the padding entirely has no maximum
            padding = tuple(
                tuple(min(side, k - 1) for side in sides) for sides, k in zip(padding, kernel, strict=True)
            )
        window = Window(kernel, stride, padding, dilation, kind)
        try:
            current = receptive.map_sizes([window], current)[-1]
        except ShapeError:
            break
        windows.append(window)
    unit = tuple(draw(number(0, n - 1)) for n in current)
    return windows, size, unit


@given(stacks_with_units())
@settings(max_examples=60, deadline=None)
def test_all_three_ways_find_the_same_pixels(case):
    stack, size, unit = case
    first, *others = [way(stack, size, unit) for way in WAYS]
    for other in others:
        np.testing.assert_array_equal(first, other)


@given(stacks_with_units())
@settings(max_examples=60, deadline=None)
def test_the_recurrence_gives_the_ends_of_the_computed_field(case):
    stack, size, unit = case
    mask = receptive.computed_field(stack, size, unit)
    for axis in (0, 1):
        field = shapes.receptive_field(
            [(w.kernel_size, w.stride, w.padding, w.dilation) for w in stack], axis=axis
        )
        first, last = field.span(unit[axis])
        seen = np.flatnonzero(mask.any(axis=1 - axis))
        if seen.size:
            assert seen[0] >= max(first, 0)
            assert seen[-1] <= min(last, size[axis] - 1)
        if seen.size and first >= 0 and last < size[axis] and not _wide_padding(stack):
            assert (seen[0], seen[-1]) == (first, last)


def _wide_padding(stack):
    """Return whether there is padding: what lies in that of a map is no unit, and sees nothing."""
    return any(side for window in stack for pair in window.padding for side in pair)


def test_one_pixel_at_a_time_by_the_literal_loops():
    stack = (Window((3, 2), (2, 1), ((1, 0), (0, 1)), (1, 2)), conv(2, dilation=2))
    image = np.random.default_rng(0).normal(size=(8, 7, 1))

    def run(x):
        for window in stack:
            weights = np.ones((*shapes.pair(window.kernel_size, "k"), 1, 1))
            options = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}
            x = loops.conv2d(x, weights, **options)
        return x[..., 0]

    unit = (1, 2)
    found = np.zeros((8, 7), bool)
    for pixel in np.ndindex(8, 7):
        changed = image.copy()
        changed[pixel] += 1
        found[pixel] = run(changed)[unit] != run(image)[unit]
    for way in WAYS:
        np.testing.assert_array_equal(way(stack, (8, 7), unit), found)


@pytest.mark.parametrize("way", WAYS)
def test_units_outside_the_map_are_refused(way):
    with pytest.raises(ShapeError, match=r"unit is \(0, 6\); expected .* 6 × 6"):
        way((conv(3),), (8, 8), (0, 6))


def test_a_window_that_does_not_fit_names_its_layer():
    with pytest.raises(ShapeError, match="layer 2 reads a map of 3 × 3"):
        receptive.map_sizes((conv(3), conv(5)), (5, 5))


def test_gridding():
    mask = receptive.computed_field(same_convs((2, 2, 2)), (32, 32), (16, 16))
    assert mask.sum() == 49
    assert receptive.computed_field(same_convs((1, 2, 3)), (32, 32), (16, 16)).sum() == 169


def test_padding_moves_and_does_not_widen():
    plain, padded = (shapes.receptive_field([conv(5, padding=p), conv(3, padding=p)]) for p in (0, 1))
    assert (plain.size, plain.jump) == (padded.size, padded.jump)
    assert (plain.start, padded.start) == (0, -2)


# ---- from pixels to units and back


def test_centres_and_coordinates_are_inverse():
    field = shapes.receptive_field(stacks.vgg16()[:-1])
    assert receptive.center(field, 0) == 7.5
    for index in (0, 3, 2.25):
        assert receptive.map_coordinate(field, receptive.center(field, index)) == pytest.approx(index)


def test_the_centre_is_the_mean_of_the_pixels_seen():
    stack = (conv(3, 2, 1), conv(4), max_pool(2, 2))
    mask = receptive.computed_field(stack, (40, 40), (3, 4))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    field = shapes.receptive_field(stack)
    assert receptive.center(field, 3) == rows.mean()
    assert receptive.center(field, 4) == columns.mean()


# ---- branches


def test_the_fields_of_an_inception_module_and_of_residual_blocks():
    found = receptive.path_fields([stacks.inception()])
    assert [(field.size, field.start) for field in found] == [(1, 0), (3, -1), (5, -2)]
    block = Parallel(((), same_convs((1, 1))))
    assert [field.size for field in receptive.path_fields([block] * 3)] == [1, 5, 9, 13]
    whole = receptive.path_fields(stacks.googlenet())
    assert (len(whole), whole[0].size, whole[-1].size) == (41, 75, 715)


def test_branches_inside_branches():
    inner = Parallel(((), (conv(3, padding=1),)))
    outer = Parallel(((inner, inner), (conv(7, padding=3),)))
    assert [field.size for field in receptive.path_fields([outer])] == [1, 3, 5, 7]
    assert stacks.longest_path([outer]) == (conv(7, padding=3),)


def test_paths_without_branches_are_the_recurrence():
    assert receptive.path_fields(stacks.vgg16()) == [shapes.receptive_field(stacks.vgg16())]


def test_paths_with_different_jumps_cannot_meet():
    with pytest.raises(ShapeError, match=r"jumps \[1, 2\]"):
        receptive.path_fields([Parallel(((), (conv(3, 2),)))])


# ---- the spread


def test_the_share_of_paths_of_a_small_stack():
    share = receptive.gradient_share((conv(3),) * 3, (7, 7), (0, 0))
    expected = np.convolve(np.convolve(np.ones(3), np.ones(3)), np.ones(3))
    np.testing.assert_allclose(share * 27**2, np.outer(expected, expected), atol=1e-9)


@pytest.mark.parametrize(
    "stack",
    [same_convs((1, 1, 1)), same_convs((1, 2, 4)), (conv(3, 2), conv(5), max_pool(3, 2), conv(3))],
    ids=["plain", "dilated", "strided"],
)
def test_variances_add(stack):
    size = (61, 61)
    last = receptive.map_sizes(stack, size)[-1]
    share = receptive.gradient_share(stack, size, (last[0] // 2, last[1] // 2))
    assert share.sum() == pytest.approx(1)
    assert receptive.measured_sigma(share) == pytest.approx(receptive.computed_sigma(stack))


def test_spread_of_a_rectangle_depends_on_the_axis():
    stack = (Window((3, 1), (1, 1), 0, (2, 1)), Window((1, 5)))
    share = receptive.gradient_share(stack, (9, 9), (2, 2))
    for axis in (0, 1):
        expected = receptive.computed_sigma(stack, axis)
        assert receptive.measured_sigma(share, axis) == pytest.approx(expected)
    assert receptive.computed_sigma(stack, 0) != receptive.computed_sigma(stack, 1)


def test_a_deep_stack_is_a_gaussian():
    profile = receptive.gradient_share(same_convs((1,) * 20), (41, 41), (20, 20)).sum(axis=0)
    bell = receptive.gaussian(41, np.sqrt(2 * 20 / 3))
    assert np.abs(profile - bell).max() < 0.01 * profile.max()
    shallow = receptive.gradient_share(same_convs((1,)), (41, 41), (20, 20)).sum(axis=0)
    assert np.abs(shallow - receptive.gaussian(41, np.sqrt(2 / 3))).max() > 0.1 * shallow.max()


def test_central_size():
    share = np.diag([0.1, 0.2, 0.4, 0.2, 0.1])
    assert [receptive.central_size(share, part) for part in (0.4, 0.5, 0.8, 1.0)] == [1, 2, 3, 5]


def test_nothing_has_no_spread():
    with pytest.raises(OptionError, match="nothing above 0"):
        receptive.measured_sigma(np.zeros((3, 3)))


# ---- declarations


def test_unknown_words_are_refused():
    with pytest.raises(OptionError, match="kind is 'blur'"):
        Window(3, kind="blur")
    with pytest.raises(OptionError, match="stride_in is 'last'"):
        stacks.resnet50("last")


def test_the_presets_fit_their_images_and_say_the_right_size():
    for name, network in stacks.NETWORKS.items():
        size = (network.input_size,) * 2
        assert min(receptive.map_sizes(network.windows, size)[-1]) >= 1
        said = [int(number) for number in re.findall(r"\b\d{2,3}\b(?= pixels)", network.about)]
        assert said in ([], [shapes.receptive_field(network.windows).size]), name
    assert sum("pixels" in network.about for network in stacks.NETWORKS.values()) >= 6
