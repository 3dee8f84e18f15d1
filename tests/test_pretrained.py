"""Published weight files: names mapped, arrays turned round, and nothing changed when one is wrong."""

import hashlib
import math

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from cnnkit import activations, zoo
from cnnkit.errors import DataError, OptionError
from cnnkit.layout import nhwc_to_nchw
from cnnkit.zoo.googlenet import MODULES

RNG = np.random.default_rng


def torch_arrays(shapes, seed=0):
    """Random arrays as torchvision would save them, sized so that signals neither die nor blow up."""
    rng = RNG(seed)
    arrays = {}
    for key, shape in shapes.items():
        values = rng.standard_normal(shape) / math.sqrt(max(1, math.prod(shape[1:])))
        if key.endswith("running_var"):
            values = 1 + values**2
        arrays[key] = values.astype(np.float32)
    return arrays


def conv(prefix, out, into, size, bias=True):
    return {f"{prefix}.weight": (out, into, size, size), **({f"{prefix}.bias": (out,)} if bias else {})}


def dense(prefix, out, into):
    return {f"{prefix}.weight": (out, into), f"{prefix}.bias": (out,)}


def norm(prefix, channels):
    return {f"{prefix}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def alexnet_shapes():
    maps = zip((0, 3, 6, 8, 10), (2, 6, 12, 8, 8), (3, 2, 6, 12, 8), (11, 5, 3, 3, 3), strict=True)
    shapes = {}
    for index, out, into, size in maps:
        shapes |= conv(f"features.{index}", out, into, size)
    # 63 × 95 pixels end as 1 × 2 cells of 8 maps
    return (
        shapes
        | dense("classifier.1", 128, 16)
        | dense("classifier.4", 128, 128)
        | dense("classifier.6", 5, 128)
    )


def small_alexnet():
    return zoo.alexnet(1, 5, (63, 95, 3), width=1 / 32)


def write(folder, arrays, kind="safetensors"):
    path = folder / f"weights.{kind}"
    if kind == "safetensors":
        save_file(arrays, path)
    else:
        np.savez(path, **arrays)
    return path


# ---- against a runtime that lays images out as PyTorch does


def onnx_alexnet(arrays, x):
    """Run the file's arrays as they are, NCHW, in ONNX Runtime: what torchvision's AlexNet computes."""
    nodes, y = [], "x"

    def add(operator, *inputs, **options):
        nonlocal y
        nodes.append(helper.make_node(operator, [y, *inputs], [f"y{len(nodes)}"], **options))
        y = f"y{len(nodes) - 1}"

    options = {0: (4, 2, True), 3: (1, 2, True), 6: (1, 1, False), 8: (1, 1, False), 10: (1, 1, True)}
    for index, (stride, pad, pool) in options.items():
        names = (f"features.{index}.weight", f"features.{index}.bias")
        add("Conv", *names, strides=[stride] * 2, pads=[pad] * 4)
        add("Relu")
        if pool:
            add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    add("Flatten")
    for index in (1, 4, 6):
        add("Gemm", f"classifier.{index}.weight", f"classifier.{index}.bias", transB=1)
        if index < 6:
            add("Relu")
    graph = helper.make_graph(
        nodes,
        "alexnet",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, (len(x), 5))],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_the_loaded_network_answers_as_the_original_does(tmp_path, kind):
    """An oblong map behind the flatten: transposing the first dense layer without reordering would fail."""
    arrays = torch_arrays(alexnet_shapes())
    x = RNG(1).standard_normal((2, 63, 95, 3)).astype(np.float32)
    network = small_alexnet()
    assert zoo.load_pretrained(network, write(tmp_path, arrays, kind)) is network
    expected = onnx_alexnet(arrays, nhwc_to_nchw(x))
    np.testing.assert_allclose(network.predict(x), expected, atol=1e-5 * np.abs(expected).max())
    dense_layer = next(layer for layer in network.walk() if layer.kind == "Dense")
    dense_layer.put("w", arrays["classifier.1.weight"].T)  # the trap: it fits, and it is wrong
    assert np.abs(network.predict(x) - expected).max() > 0.05 * np.abs(expected).max()


# ---- every array in its place


def resnet_shapes(units, bottleneck, width=64):
    """The names and shapes of torchvision's ResNets, written out independently of the zoo."""
    shapes = conv("conv1", width, 3, 7, bias=False) | norm("bn1", width)
    into = width
    for stage, count in enumerate(units):
        channels = width * 2**stage
        out = 4 * channels if bottleneck else channels
        for unit in range(count):
            place = f"layer{stage + 1}.{unit}"
            sizes = ((channels, into, 1), (channels, channels, 3), (out, channels, 1))
            if not bottleneck:
                sizes = ((channels, into, 3), (channels, channels, 3))
            for number, (after, before, size) in enumerate(sizes, start=1):
                shapes |= conv(f"{place}.conv{number}", after, before, size, bias=False)
                shapes |= norm(f"{place}.bn{number}", after)
            if into != out:
                shapes |= conv(f"{place}.downsample.0", out, into, 1, bias=False)
                shapes |= norm(f"{place}.downsample.1", out)
            into = out
    return shapes | dense("fc", 5, into)


def googlenet_shapes(channels_of):
    shapes = {}

    def block(prefix, out, into, size):
        shapes.update(conv(f"{prefix}.conv", out, into, size, bias=False) | norm(f"{prefix}.bn", out))

    block("conv1", 4, 3, 7)
    block("conv2", 4, 4, 1)
    block("conv3", 12, 4, 3)
    into = 12
    for module, published in channels_of.items():
        one, a3, b3, a5, b5, pool = (round(channels / 16) for channels in published)
        for branch, out, before, size in (
            ("branch1", one, into, 1),
            ("branch2.0", a3, into, 1),
            ("branch2.1", b3, a3, 3),
            ("branch3.0", a5, into, 1),
            ("branch3.1", b5, a5, 3),
            ("branch4.1", pool, into, 1),
        ):
            block(f"inception{module}.{branch}", out, before, size)
        into = one + b3 + b5 + pool
    return shapes | dense("fc", 5, into)


def vgg_shapes():
    shapes, into = {}, 3
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    for index, channels in zip(places, (4, 4, 8, 8, *[16] * 3, *[32] * 6), strict=True):
        shapes |= conv(f"features.{index}", channels, into, 3)
        into = channels
    return (
        shapes
        | dense("classifier.0", 256, 64)
        | dense("classifier.3", 256, 256)
        | dense("classifier.6", 5, 256)
    )


CASES = {
    "alexnet": (small_alexnet, alexnet_shapes()),
    "vgg16": (lambda: zoo.vgg16(5, (32, 64, 3), width=1 / 16), vgg_shapes()),
    "resnet18": (lambda: zoo.resnet18(5, width=1 / 16), resnet_shapes((2, 2, 2, 2), False, 4)),
    "resnet34": (lambda: zoo.resnet34(5, width=1 / 16), resnet_shapes((3, 4, 6, 3), False, 4)),
    "resnet50": (lambda: zoo.resnet50(5, width=1 / 16), resnet_shapes((3, 4, 6, 3), True, 4)),
    "googlenet": (lambda: zoo.googlenet("torchvision", 5, width=1 / 16), googlenet_shapes(MODULES)),
}


@pytest.mark.parametrize(("make", "shapes"), CASES.values(), ids=CASES)
def test_every_array_finds_its_place(tmp_path, make, shapes):
    network, arrays = make(), torch_arrays(shapes)
    zoo.load_pretrained(network, write(tmp_path, arrays))
    ours = [*network.params.values(), *network.state.values()]
    # each array arrived once: the numbers are the same, whatever their order
    assert sum(array.size for array in ours) == sum(array.size for array in arrays.values())
    found = np.sort(np.concatenate([array.ravel() for array in ours]))
    np.testing.assert_array_equal(found, np.sort(np.concatenate([a.ravel() for a in arrays.values()])))


def test_a_residual_block_of_the_file_is_that_of_the_network(tmp_path):
    arrays = torch_arrays(resnet_shapes((2, 2, 2, 2), False, 4))
    network = zoo.load_pretrained(zoo.resnet18(5, width=1 / 16), write(tmp_path, arrays))
    params = {**network.params, **network.state}
    kernel = arrays["layer2.0.conv1.weight"]
    assert params["residual_2/conv2d/w"][2, 0, 1, 5] == kernel[5, 1, 2, 0]
    assert (
        params["residual_2/shortcut/conv2d/w"][0, 0, 1, 5]
        == arrays["layer2.0.downsample.0.weight"][5, 1, 0, 0]
    )
    names = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_var": "running_var"}
    for own, theirs in names.items():
        mine = params[f"residual_2/batch_normalization_1/{own}"]
        np.testing.assert_array_equal(mine, arrays[f"layer2.0.bn2.{theirs}"])


# ---- the vision transformer, under both of its names

DIM, DEPTH, HEADS, TOKENS = 12, 2, 3, 5


def vit_shapes(style):
    torch = style == "torchvision"
    block = "encoder.layers.encoder_layer_{}." if torch else "blocks.{}."
    shapes = conv("conv_proj" if torch else "patch_embed.proj", DIM, 3, 4)
    shapes |= {"class_token" if torch else "cls_token": (1, 1, DIM)}
    shapes |= {"encoder.pos_embedding" if torch else "pos_embed": (1, TOKENS, DIM)}
    for number in range(DEPTH):
        place = block.format(number)
        first, attention, second = ("ln_1", "self_attention", "ln_2") if torch else ("norm1", "attn", "norm2")
        joined = "in_proj_" if torch else "qkv."
        out, up, down = (
            ("out_proj", "mlp.linear_1", "mlp.linear_2") if torch else ("proj", "mlp.fc1", "mlp.fc2")
        )
        shapes |= {f"{place}{first}.weight": (DIM,), f"{place}{first}.bias": (DIM,)}
        shapes |= {f"{place}{attention}.{joined}weight": (3 * DIM, DIM)}
        shapes |= {f"{place}{attention}.{joined}bias": (3 * DIM,)}
        shapes |= dense(f"{place}{attention}.{out}", DIM, DIM)
        shapes |= {f"{place}{second}.weight": (DIM,), f"{place}{second}.bias": (DIM,)}
        shapes |= dense(f"{place}{up}", 4 * DIM, DIM) | dense(f"{place}{down}", DIM, 4 * DIM)
    end, head = ("encoder.ln", "heads.head") if torch else ("norm", "head")
    return shapes | {f"{end}.weight": (DIM,), f"{end}.bias": (DIM,)} | dense(head, 4, DIM)


def torch_vit(values, x):
    """Compute a transformer as PyTorch does, from its arrays in the order in which they are listed."""
    take = iter(values)

    def layer_norm(t):
        scaled = (t - t.mean(-1, keepdims=True)) / np.sqrt(t.var(-1, keepdims=True) + 1e-6)
        return scaled * next(take) + next(take)

    def linear(t):
        return t @ next(take).T + next(take)

    def attention(t):
        q, k, v = np.split(linear(t), 3, axis=-1)
        heads = []
        for part in np.split(np.arange(DIM), HEADS):
            scores = q[:, part] @ k[:, part].T / math.sqrt(DIM // HEADS)
            heads.append(activations.softmax(scores) @ v[:, part])
        return linear(np.concatenate(heads, axis=1))

    patches = [x[:, i : i + 4, j : j + 4].ravel() for i in (0, 4) for j in (0, 4)]
    kernel, bias, token, positions = (next(take) for _ in range(4))
    t = np.array(patches) @ kernel.reshape(DIM, -1).T + bias
    t = np.concatenate([token[0], t]) + positions[0]
    for _ in range(DEPTH):
        t = t + attention(layer_norm(t))
        t = t + linear(activations.gelu(linear(layer_norm(t))))
    return linear(layer_norm(t)[0])


@pytest.mark.parametrize("style", ["torchvision", "timm"])
def test_the_vision_transformer_answers_as_the_original_does(tmp_path, style):
    arrays = torch_arrays(vit_shapes(style))
    network = zoo.vit_b16(4, (8, 8, 3), patch_size=4, dim=DIM, depth=DEPTH, heads=HEADS)
    zoo.load_pretrained(network, write(tmp_path, arrays))
    x = RNG(3).standard_normal((8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(network.predict(x), torch_vit(arrays.values(), nhwc_to_nchw(x)), atol=2e-5)


# ---- what is refused, and that it changes nothing


def unchanged(network, path, words, **options):
    before = {name: array.copy() for name, array in {**network.params, **network.state}.items()}
    with pytest.raises(DataError, match=words):
        zoo.load_pretrained(network, path, **options)
    for name, array in {**network.params, **network.state}.items():
        np.testing.assert_array_equal(array, before[name])


def spoilt(change):
    arrays = torch_arrays(alexnet_shapes())
    change(arrays)
    return arrays


SPOILT = {
    "missing": (lambda a: a.pop("classifier.6.bias"), "1 missing: classifier.6.bias"),
    "extra": (lambda a: a.update(mystery=np.zeros(3, np.float32)), "1 not expected: mystery"),
    "misshapen": (
        lambda a: a.update({"features.3.weight": np.zeros((6, 2, 3, 3), np.float32)}),
        r"features.3.weight is \(6, 2, 3, 3\), expected \(6, 2, 5, 5\)",
    ),
    "other classes": (
        lambda a: a.update(torch_arrays(dense("classifier.6", 7, 128))),
        "2 of another shape: classifier.6.weight",
    ),
    "integers": (lambda a: a.update({"features.0.bias": np.zeros(2, np.int64)}), "int64"),
}


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
@pytest.mark.parametrize(("change", "words"), SPOILT.values(), ids=SPOILT)
def test_a_file_that_does_not_fit_is_listed_and_changes_nothing(tmp_path, change, words, kind):
    unchanged(small_alexnet(), write(tmp_path, spoilt(change), kind), words)


def test_a_wrong_checksum_changes_nothing_and_the_right_one_passes(tmp_path):
    path = write(tmp_path, torch_arrays(alexnet_shapes()))
    unchanged(small_alexnet(), path, "damaged or another file", sha256="0" * 64)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    zoo.load_pretrained(small_alexnet(), path, sha256=right.upper())


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_a_damaged_file_is_refused(tmp_path, kind):
    path = write(tmp_path, torch_arrays(alexnet_shapes()), kind)
    path.write_bytes(path.read_bytes()[:2000])
    unchanged(small_alexnet(), path, "whole")


def test_files_that_could_run_code_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"anything")
    unchanged(small_alexnet(), path, "can run code")
    objects = tmp_path / "weights.npz"
    np.savez(objects, **{"features.0.weight": np.array([{}], dtype=object)})
    unchanged(small_alexnet(), objects, "damaged")
    unchanged(small_alexnet(), tmp_path / "none.npz", "cannot be read")
    unchanged(small_alexnet(), tmp_path / "none.npz", "cannot be read", sha256="0" * 64)


def test_counters_and_auxiliary_heads_are_left_out(tmp_path):
    make, shapes = CASES["googlenet"]
    arrays = torch_arrays(shapes) | {"conv1.bn.num_batches_tracked": np.array(7)}
    arrays |= torch_arrays(conv("aux1.conv.conv", 128, 32, 1) | dense("aux2.fc2", 1000, 1024))
    zoo.load_pretrained(make(), write(tmp_path, arrays))


def test_half_precision_is_converted(tmp_path):
    arrays = {key: array.astype(np.float16) for key, array in torch_arrays(alexnet_shapes()).items()}
    network = zoo.load_pretrained(small_alexnet(), write(tmp_path, arrays))
    assert network.params["conv2d/w"].dtype == np.float32
    assert network.params["conv2d/b"].tolist() == arrays["features.0.bias"].tolist()


def test_a_name_makes_the_network(tmp_path):
    shapes = conv("conv1", 6, 1, 5) | conv("conv2", 16, 6, 5)
    shapes |= dense("fc1", 120, 400) | dense("fc2", 84, 120) | dense("fc3", 10, 84)
    network = zoo.load_pretrained("lenet5", write(tmp_path, torch_arrays(shapes)))
    assert network.name == "lenet5"
    assert network.count_params() == 61_706


def test_only_networks_of_the_zoo_have_names_in_files(tmp_path):
    path = write(tmp_path, torch_arrays(alexnet_shapes()))
    with pytest.raises(OptionError, match="lenet5, lenet5_sparse, alexnet"):
        zoo.load_pretrained("lenet6", path)
    with pytest.raises(OptionError, match="no published weights"):
        zoo.load_pretrained("lenet5_sparse", path)
