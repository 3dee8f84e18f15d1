"""The zoo against the papers: parameters, multiply-adds, activations, receptive fields, shapes, gradients."""

import json
import subprocess
import sys
from math import prod

import numpy as np
import pytest

from cnnkit import stacks, zoo
from cnnkit.errors import OptionError, ShapeError
from cnnkit.losses import softmax_cross_entropy
from cnnkit.network import Sequential
from cnnkit.shapes import receptive_field

RNG = np.random.default_rng

MAKERS = {
    "lenet5": zoo.lenet5,
    "lenet5_sparse": lambda **options: zoo.lenet5("sparse", **options),
    "alexnet": zoo.alexnet,
    "alexnet_two_towers": lambda **options: zoo.alexnet(2, **options),
    "vgg16": zoo.vgg16,
    "googlenet": zoo.googlenet,
    "googlenet_torchvision": lambda **options: zoo.googlenet("torchvision", **options),
    "resnet18": zoo.resnet18,
    "resnet34": zoo.resnet34,
    "resnet50": zoo.resnet50,
    "resnet50_v1": lambda **options: zoo.resnet50(stride_in="1x1", **options),
    "vit_b16": zoo.vit_b16,
}

# Parameters: LeCun et al. 1998 (60,000), Krizhevsky et al. 2012 (60 M), the tables of torchvision's
# documentation (which also states the multiply-adds, as "GFLOPS") and, for GoogLeNet with biases, Caffe's.
PUBLISHED_PARAMS = {
    "lenet5": 61_706,
    "lenet5_sparse": 60_000,
    "alexnet": 61_100_840,
    "alexnet_two_towers": 60_965_224,
    "vgg16": 138_357_544,
    "googlenet": 6_998_552,
    "googlenet_torchvision": 6_624_904,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet50_v1": 25_557_032,
    "vit_b16": 86_567_656,
}
PUBLISHED_GMACS = {  # torchvision; He et al. 2015 write 3.8 for ResNet-50 with the stride in the first 1×1
    "alexnet": (0.714, 3),
    "vgg16": (15.470, 3),
    "googlenet_torchvision": (1.498, 3),
    "resnet18": (1.814, 3),
    "resnet34": (3.664, 3),
    "resnet50": (4.089, 3),
    "vit_b16": (17.564, 3),
    "alexnet_two_towers": (0.724, 3),
}
# Outputs of all convolutions in millions: Radosavovic et al., "Designing Network Design Spaces" (2020), for
# ResNet-50; timm's table of benchmarks for the others (which adds VGG's dense layers).
PUBLISHED_MEGA_ACTIVATIONS = {"resnet18": 2.48, "resnet34": 3.74, "resnet50": 11.11, "vgg16": 13.55}
PUBLISHED_FIELDS = {  # Araujo et al. 2019 for 195, 212 and 483; 427 in chapter 04
    "lenet5_sparse": (32, 4),
    "alexnet": (195, 32),
    "alexnet_two_towers": (195, 32),
    "vgg16": (212, 32),
    "googlenet": (715, 32),
    "resnet18": (435, 32),
    "resnet34": (899, 32),
    "resnet50": (427, 32),
    "resnet50_v1": (483, 32),
}


@pytest.mark.parametrize("name", MAKERS)
def test_parameters_are_the_published_ones(name):
    assert MAKERS[name]().count_params() == PUBLISHED_PARAMS[name]


@pytest.mark.parametrize("name", PUBLISHED_GMACS)
def test_multiply_adds_are_the_published_ones(name):
    value, digits = PUBLISHED_GMACS[name]
    assert round(MAKERS[name]().count_macs() / 1e9, digits) == value


def test_multiply_adds_exactly():
    assert zoo.vgg16().count_macs() == 15_470_264_320
    assert zoo.resnet50(stride_in="1x1").count_macs() == 3_857_973_248
    assert zoo.googlenet().count_macs() == 1_582_671_872


@pytest.mark.parametrize("name", PUBLISHED_MEGA_ACTIVATIONS)
def test_outputs_of_the_convolutions_are_the_published_ones(name):
    costs = zoo.layer_costs(MAKERS[name]())
    numbers = sum(prod(cost.output_shape) for cost in costs if cost.layer.kind == "Conv2D")
    assert round(numbers / 1e6, 2) == PUBLISHED_MEGA_ACTIVATIONS[name]


def test_activation_memory_of_vgg16_line_by_line():
    # the list of CS231n's notes ("Architectures") adds up to 15.2 million with the picture, not to their 24
    costs = zoo.layer_costs(zoo.vgg16())
    sizes = {224: 2 * 64 * 224**2, 112: (64 + 2 * 128) * 112**2, 56: (128 + 3 * 256) * 56**2}
    sizes |= {28: (256 + 3 * 512) * 28**2, 14: (512 + 3 * 512) * 14**2, 7: 512 * 7**2}
    assert sum(cost.activations for cost in costs) == sum(sizes.values()) + 4096 + 4096 + 1000 == 15_087_080
    assert zoo.vgg16().count_activations() + 224 * 224 * 3 == 15_237_608


@pytest.mark.parametrize("name", PUBLISHED_FIELDS)
def test_receptive_fields_are_the_published_ones(name):
    field = MAKERS[name]().receptive_field()
    assert (field.size, field.jump) == PUBLISHED_FIELDS[name]


@pytest.mark.parametrize(
    ("name", "stack"),
    [
        ("alexnet_two_towers", stacks.alexnet()),
        ("vgg16", stacks.vgg16()),
        ("resnet50", stacks.resnet50("first 3x3")),
        ("resnet50_v1", stacks.resnet50("first 1x1")),
    ],
)
def test_fields_are_those_of_the_stacks_of_chapter_04(name, stack):
    assert MAKERS[name]().receptive_field() == receptive_field(stack)


def test_lenets_connections_are_those_of_the_paper():
    # connections count biases, and every input of a subsampling: C1, S2, C3, S4, C5, F6; the paper's total of
    # 340,908 is theirs plus the 840 of the output
    costs = [cost for cost in zoo.layer_costs(MAKERS["lenet5_sparse"]()) if cost.params]
    counted = [
        prod(cost.output_shape) * 5
        if cost.layer.kind == "Subsampling"
        else cost.macs + prod(cost.output_shape)
        for cost in costs
    ]
    assert counted == [122_304, 5_880, 151_600, 2_000, 48_120, 10_164]
    assert sum(counted) + 840 == 340_908
    assert [cost.params for cost in costs] == [156, 12, 1_516, 32, 48_120, 10_164]


def test_shapes_on_the_way():
    assert zoo.vgg16().output_shapes[-6:-5] == [(25_088,)]
    costs = {cost.name: cost for cost in zoo.layer_costs(MAKERS["alexnet_two_towers"]())}
    first = costs["conv2d"]
    # question of many interviews: units, weights and connections of AlexNet's first layer
    assert (first.output_shape, first.params - 96, first.macs) == ((55, 55, 96), 34_848, 105_415_200)
    ends = [shape for shape in zoo.googlenet().output_shapes if len(shape) == 3]
    assert (ends[0], ends[-1]) == ((112, 112, 64), (7, 7, 1024))
    assert [shape[2] for shape in ends[-12:] if shape[0] == 14][:6] == [480, 512, 512, 512, 528, 832]
    assert [shape for shape in zoo.resnet50().output_shapes if len(shape) == 3][-1] == (7, 7, 2048)
    assert zoo.vit_b16().output_shapes[:3] == [(196, 768), (197, 768), (197, 768)]


def test_where_parameters_and_where_multiply_adds_live():
    for name, dense_params, dense_macs in (("vgg16", 0.894, 0.008), ("alexnet", 0.96, 0.08)):
        costs = zoo.layer_costs(MAKERS[name]())
        dense = [cost for cost in costs if cost.layer.kind == "Dense"]
        assert sum(c.params for c in dense) / sum(c.params for c in costs) == pytest.approx(
            dense_params, abs=2e-3
        )
        assert sum(c.macs for c in dense) / sum(c.macs for c in costs) == pytest.approx(dense_macs, abs=3e-3)


def test_shares_of_vgg16_by_the_size_of_its_maps():
    shares = zoo.cost_shares(zoo.vgg16())
    assert list(shares["parameters"].values()) == [
        38_720 + 221_440 + 1_475_328,
        5_899_776,
        7_079_424,
        0,
        102_764_544 + 16_781_312 + 4_097_000,
    ]
    assert sum(shares["multiply-adds"].values()) == 15_470_264_320
    assert sum(shares["activations"].values()) == 15_087_080


@pytest.mark.parametrize("name", MAKERS)
def test_costs_of_layers_add_up_to_those_of_the_network(name):
    network = MAKERS[name]()
    costs = zoo.layer_costs(network)
    assert [cost.layer for cost in costs] == list(network.walk())
    assert sum(cost.params for cost in costs) == network.count_params()
    assert sum(cost.macs for cost in costs) == network.count_macs()
    assert sum(cost.activations for cost in costs) <= network.count_activations()


# ---- small versions, forwards and backwards

SMALL = {
    "lenet5": lambda **options: zoo.lenet5(num_classes=4, **options),
    "lenet5_sparse": lambda **options: zoo.lenet5("sparse", num_classes=4, **options),
    "alexnet": lambda **options: zoo.alexnet(1, 4, (63, 63, 3), width=1 / 32, **options),
    "alexnet_two_towers": lambda **options: zoo.alexnet(2, 4, (67, 67, 3), width=1 / 32, **options),
    "vgg16": lambda **options: zoo.vgg16(4, (32, 32, 3), width=1 / 16, **options),
    "googlenet": lambda **options: zoo.googlenet("paper", 4, (40, 40, 3), width=1 / 16, **options),
    "googlenet_torchvision": lambda **options: zoo.googlenet(
        "torchvision", 4, (40, 40, 3), width=1 / 16, **options
    ),
    "resnet18": lambda **options: zoo.resnet18(4, (40, 40, 3), width=1 / 16, **options),
    "resnet34": lambda **options: zoo.resnet34(4, (40, 40, 3), width=1 / 32, **options),
    "resnet50": lambda **options: zoo.resnet50(4, (40, 40, 3), width=1 / 32, **options),
    "vit_b16": lambda **options: zoo.vit_b16(4, (8, 8, 3), patch_size=4, dim=12, depth=2, heads=3, **options),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_gradients_of_whole_networks(name, training):
    """Along one random direction in every array, and in the input, the loss grows as the gradient says."""
    network = SMALL[name](dtype=np.float64)
    x, labels = RNG(1).standard_normal((3, *network.input_shape)), np.array([0, 3, 1])
    for array in network.params.values():
        array += 0.05 * RNG(array.size).standard_normal(array.shape)
    without_dropout(network)

    def loss():
        return float(softmax_cross_entropy(network.forward(x, training=training), labels)[0])

    _, dlogits = softmax_cross_entropy(network.forward(x, training=training), labels)
    dx = network.backward(dlogits)
    arrays, gradients = {**network.params, "x": x}, {**network.grads, "x": dx}
    for key, array in arrays.items():
        direction = RNG(array.size + 1).standard_normal(array.shape)
        direction /= np.linalg.norm(direction)
        start, h = array.copy(), 1e-6
        array[...] = start + h * direction
        above = loss()
        array[...] = start - h * direction
        slope = (above - loss()) / (2 * h)
        array[...] = start
        assert slope == pytest.approx((gradients[key] * direction).sum(), rel=2e-4, abs=2e-7), key


def without_dropout(network):
    for layer in network.walk():
        if layer.kind == "Dropout":
            layer.rate = 0.0


@pytest.mark.parametrize("name", SMALL)
def test_small_versions_run_and_are_the_same_for_the_same_seed(name):
    x = RNG(0).standard_normal((2, *SMALL[name]().input_shape)).astype(np.float32)
    y = SMALL[name](seed=5).predict(x)
    assert y.shape == (2, 4)
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(SMALL[name](seed=5).predict(x), y)
    assert np.abs(SMALL[name](seed=6).predict(x) - y).max() > 0


def test_two_towers_meet_in_the_third_layer_only():
    network = SMALL["alexnet_two_towers"](dtype=np.float64)
    groups = [layer.groups for layer in network.walk() if layer.kind == "Conv2D"]
    assert groups == [1, 2, 1, 2, 2]


def test_an_inception_module_concatenates_four_branches():
    network = Sequential([zoo.inception((64, 96, 128, 16, 32, 32))], input_shape=(28, 28, 192))
    assert network.output_shapes == [(28, 28, 256)]
    assert network.count_params() == 163_696
    assert network.count_macs() == 128_049_152  # the paper's table writes 128M


def test_blocks_by_hand():
    same = Sequential([zoo.basic_block(64)], input_shape=(56, 56, 64))
    assert same.count_params() == 2 * (9 * 64 * 64) + 4 * 64
    halved = Sequential([zoo.basic_block(128, stride=2, projection=True)], input_shape=(56, 56, 64))
    assert halved.output_shapes == [(28, 28, 128)]
    assert halved.count_params() == 9 * 64 * 128 + 9 * 128 * 128 + 64 * 128 + 6 * 128
    narrow = Sequential([zoo.bottleneck_block(64)], input_shape=(56, 56, 256))
    assert narrow.count_params() == 256 * 64 + 9 * 64 * 64 + 64 * 256 + 2 * 64 * 2 + 2 * 256
    with pytest.raises(ShapeError, match="shortcut"):
        Sequential([zoo.basic_block(128, stride=2)], input_shape=(56, 56, 64))


@pytest.mark.parametrize(
    "make",
    [
        lambda: zoo.lenet5("thin"),
        lambda: zoo.alexnet(3),
        lambda: zoo.googlenet("caffe"),
        lambda: zoo.resnet50(stride_in="7x7"),
    ],
)
def test_unknown_words_are_refused(make):
    with pytest.raises(OptionError, match="expected"):
        make()


def test_counting_a_network_draws_nothing():
    networks = [make() for make in MAKERS.values()]
    assert sum(network.count_params() for network in networks) > 4e8
    assert not any(network._drawn for network in networks)


# ---- at full size

RUN = r"""
import json, re, sys
from pathlib import Path
import numpy as np
from cnnkit import data, zoo
network = getattr(zoo, sys.argv[1])()
photo = data.photo("astronaut", size=224)[None]
y = network.predict(photo)
# The peak of this program alone: getrusage's counts the process that started it, too.
peak = 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
finite = bool(np.isfinite(y).all())
print(json.dumps({"shape": y.shape, "finite": finite, "spread": float(y.std()), "peak": peak}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a program its own peak of memory")
@pytest.mark.parametrize(("name", "gigabytes"), [("vgg16", 1.3), ("resnet50", 0.8)])
def test_a_photograph_goes_through_at_full_size_in_bounded_memory(name, gigabytes):
    # The first process may have to compile kernels, which takes memory of its own; the second finds them.
    command = [sys.executable, "-c", RUN, name]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    result = json.loads(done.stdout)
    assert result["shape"] == [1, 1000]
    assert result["finite"]
    assert result["spread"] > 0
    assert result["peak"] < gigabytes * 1e9


def test_keras_total_of_resnet50_is_ours_with_biases_and_running_statistics():
    costs = zoo.layer_costs(zoo.resnet50())
    biases = sum(cost.output_shape[2] for cost in costs if cost.layer.kind == "Conv2D")
    kept = sum(cost.layer.count_state() for cost in costs)
    assert (biases, kept) == (26_560, 53_120)
    assert zoo.resnet50().count_params() + biases + kept == 25_636_712  # what Keras' documentation prints
