"""Files of networks: nothing is lost, nothing damaged or foreign gets in, nothing old is destroyed."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cnnkit import layers as kinds
from cnnkit import network as networks
from cnnkit import weight_files
from cnnkit.errors import CnnkitError, DataError, DTypeError, OptionError, ShapeError
from cnnkit.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    LayerNorm,
    LocalResponseNorm,
    MaxPool2D,
    Residual,
)
from cnnkit.network import Sequential

ENDINGS = (".npz", ".safetensors")


def network(seed=0, dtype=np.float32, classes=3):
    layers = [
        Conv2D(2, (3, 2), padding=((1, 0), (2, 1)), activation="relu"),
        Residual([Conv2D(2, 1).named("inner"), BatchNorm(0.5)], Conv2D(2, 1, bias=False), None).named("unit"),
        Concat([MaxPool2D(1), [Conv2D(1, 3, padding="same", dilation=(1, 2))], []]),
        Flatten(),
        Dropout(0.25),
        Dense(classes, "softmax"),
    ]
    made = Sequential(layers, (4, 5, 1), seed=seed, dtype=dtype, name="mine")
    made.fit(*examples(dtype), progress=False)  # running statistics and biases of its own
    return made


def examples(dtype=np.float32):
    rng = np.random.default_rng(9)
    return rng.standard_normal((6, 4, 5, 1)).astype(dtype), np.arange(6) % 3


def arrays_of(made):
    return {name: array.copy() for name, array in (made.params | made.state).items()}


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name, array in left.items():
        np.testing.assert_array_equal(array, right[name], err_msg=name)
        assert array.dtype == right[name].dtype


# ---- there and back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_as_it_was(tmp_path, ending, dtype):
    saved = network(dtype=dtype)
    saved.save(tmp_path / f"net{ending}")
    loaded = networks.load(tmp_path / f"net{ending}")
    assert_same(arrays_of(loaded), arrays_of(saved))
    assert [layer.describe() for layer in loaded.layers] == [layer.describe() for layer in saved.layers]
    assert (loaded.name, loaded.input_shape, loaded.dtype) == ("mine", (4, 5, 1), np.dtype(dtype))
    x, labels = examples(dtype)
    np.testing.assert_array_equal(loaded.predict(x), saved.predict(x))
    assert loaded.fit(x, labels, progress=False).loss  # dropout has its random numbers
    assert list(tmp_path.iterdir()) == [tmp_path / f"net{ending}"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_go_into_a_network_that_is_there(tmp_path, ending):
    saved, other = network(seed=1), network(seed=2)
    saved.save(tmp_path / f"net{ending}")
    held = other.params["dense/w"]
    other.load_weights(tmp_path / f"net{ending}")
    assert_same(arrays_of(other), arrays_of(saved))
    assert other.params["dense/w"] is held  # an optimiser that holds the arrays goes on with the same ones


def test_float32_weights_fit_float64_exactly_and_not_the_other_way(tmp_path):
    network(seed=1).save(tmp_path / "small.npz")
    wide = network(dtype=np.float64)
    wide.load_weights(tmp_path / "small.npz")
    np.testing.assert_array_equal(wide.params["dense/w"], network(seed=1).params["dense/w"])
    wide.save(tmp_path / "wide.npz")
    with pytest.raises(DTypeError, match="holds float64 numbers; expected float32"):
        network().load_weights(tmp_path / "wide.npz")


LAYERS = [
    Activation("gelu"),
    AvgPool2D(3, padding=1, count_include_pad=True),
    BatchNorm(0.7, 1e-3),
    Concat([Dense(3), [], [Dense(2), Residual(Dense(2))]]),
    Conv1D(4, 3, padding="causal", dilation=2, activation="tanh", bias=False),
    Conv2D(4, (3, 2), stride=(2, 1), padding=((0, 1), (2, 2)), initializer="zeros"),
    Dense(5, "softmax"),
    Dropout(0.3),
    Flatten(),
    GlobalAvgPool2D(),
    LayerNorm(),
    LocalResponseNorm(3, beta=0.5),
    MaxPool2D((3, 2), stride=1, padding="same", ceil_mode=True),
    Residual([Dense(3), Dense(3)], [Dense(3).named("s")], "elu").named("unit"),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.kind)
def test_every_layer_says_how_it_was_made(layer):
    again = kinds.restore(json.loads(json.dumps(layer.describe())))
    assert type(again) is type(layer)
    assert again.describe() == layer.describe()
    assert again.own_name == layer.own_name


# ---- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_cut_off_anywhere_is_refused(tmp_path, ending):
    path = tmp_path / f"net{ending}"
    network().save(path)
    whole = path.read_bytes()
    here = network(seed=5)
    before = arrays_of(here)
    for length in {*range(0, len(whole), 97), len(whole) - 1, 1, 8, 22}:
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=str(path)):
            networks.load(path)
        with pytest.raises(DataError, match=str(path)):
            here.load_weights(path)
    assert_same(arrays_of(here), before)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_changed_byte_is_noticed_or_changes_nothing(tmp_path, ending):
    path = tmp_path / f"net{ending}"
    saved = network()
    saved.save(path)
    whole, expected = path.read_bytes(), arrays_of(saved)
    rng = np.random.default_rng(0)
    refused = []
    for position in rng.permutation(len(whole))[:400]:
        changed = bytearray(whole)
        changed[position] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            loaded = networks.load(path)
        except CnnkitError as error:
            refused.append(str(error))
        else:  # a date inside the archive, say
            assert_same(arrays_of(loaded), expected)
    assert len(refused) > 300
    assert all(str(path) in message for message in refused)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04K*.", b"PK\x03\x04" + bytes(100), bytes(5000)])
def test_other_files_are_refused(tmp_path, ending, content):
    path = tmp_path / f"net{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="net"):
        networks.load(path)


def test_a_pickle_inside_an_archive_is_never_opened(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, weights=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match=r"net\.npz is damaged, or holds something else"):
        networks.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights", b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DataError, match="something else than arrays"):
        networks.load(path)


def test_weights_of_other_programs_are_named_as_such(tmp_path):
    np.savez(tmp_path / "foreign.npz", w=np.zeros(3))
    save_file({"w": np.zeros(3)}, tmp_path / "foreign.safetensors")
    for ending in ENDINGS:
        with pytest.raises(
            DataError, match=r"holds 1 arrays, but no network that cnnkit saved.*load_pretrained"
        ):
            networks.load(tmp_path / f"foreign{ending}")


@pytest.mark.parametrize("path", ["net.pt", "net", "net.npz.bak"])
def test_other_endings_are_refused(tmp_path, path):
    with pytest.raises(OptionError, match=r"ends in \.npz or \.safetensors"):
        network().save(tmp_path / path)
    with pytest.raises(OptionError, match=r"ends in \.npz or \.safetensors"):
        networks.load(tmp_path / path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz cannot be read: No such file"):
        networks.load(tmp_path / "none.npz")
    with pytest.raises(DataError, match=r"could not be written: No such file"):
        network().save(tmp_path / "nowhere" / "net.npz")


def write(path, arrays, **architecture):
    """Write a file in our own format with anything inside."""
    described = {"name": "n", "input_shape": [3], "dtype": "float32", "layers": [Dense(2).describe()]}
    metadata = {"format": "cnnkit network 1", "architecture": json.dumps({**described, **architecture})}
    weight_files.write_arrays(path, arrays, metadata)


GOOD = {"dense/w": np.zeros((3, 2), np.float32), "dense/b": np.zeros(2, np.float32)}


@pytest.mark.parametrize(
    ("arrays", "architecture", "message"),
    [
        (GOOD, {"layers": [{"layer": "os.system", "config": {}}]}, "there is no layer 'os.system'"),
        (GOOD, {"layers": [{"layer": "Container", "config": {}}]}, "there is no layer 'Container'"),
        (GOOD, {"layers": [{"layer": "Dense"}]}, "expected its name and options"),
        (GOOD, {"layers": "Dense"}, "expected its name and options"),
        (GOOD, {"layers": []}, "layers is empty"),
        (GOOD, {"layers": [{"layer": "Dense", "config": {"out_features": -1}}]}, "out_features is -1"),
        (GOOD, {"layers": [{"layer": "Dense", "config": {"units": 3}}]}, "Dense: .*units"),
        (GOOD, {"input_shape": [3, 3]}, "Dense got examples of shape"),
        (GOOD, {"input_shape": None}, "describes no network"),
        (GOOD, {"dtype": "int8"}, "int8"),
        (GOOD, {"dtype": "no type"}, "describes no network"),
        (GOOD | {"more": np.zeros(1)}, {}, "has, but the network has not, more: it is of another network"),
        ({"dense/w": GOOD["dense/w"]}, {}, "lacks dense/b"),
        (GOOD | {"dense/b": np.zeros(3, np.float32)}, {}, r"dense/b has shape \(3,\); expected \(2,\)"),
        (GOOD | {"dense/b": np.zeros(2, np.int64)}, {}, "dense/b holds int64"),
        (GOOD, {"layers": [{"layer": "Dense", "config": {"out_features": 10**15}}]}, "weights do not fit"),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(tmp_path, arrays, architecture, message):
    write(tmp_path / "good.npz", GOOD)
    assert networks.load(tmp_path / "good.npz").count_params() == 8
    write(tmp_path / "bad.npz", arrays, **architecture)
    with pytest.raises(DataError, match=message):
        networks.load(tmp_path / "bad.npz")


def test_loading_what_does_not_fit_changes_nothing(tmp_path):
    network(classes=4).save(tmp_path / "four.npz")
    here = network(seed=3)
    before = arrays_of(here)
    with pytest.raises(ShapeError, match=r"four.npz: dense/w has shape \(\d+, 4\); expected \(\d+, 3\)"):
        here.load_weights(tmp_path / "four.npz")
    Sequential([Conv1D(2, 3)], (5, 1)).save(tmp_path / "other.npz")
    with pytest.raises(DataError, match=r"lacks concat/branch_1/conv2d/b.* and 10 more and has, but"):
        here.load_weights(tmp_path / "other.npz")
    assert_same(arrays_of(here), before)


# ---- a failed save ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, ending, failure):
    path = tmp_path / f"net{ending}"
    network(seed=1).save(path)
    old = path.read_bytes()

    def fail(*_):
        raise failure

    monkeypatch.setattr(weight_files.os, "fsync", fail)
    expected = DataError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        network(seed=2).save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_saving_again_replaces_the_file_also_behind_a_link(tmp_path):
    path, link = tmp_path / "net.npz", tmp_path / "link.npz"
    network(seed=1).save(path)
    link.symlink_to(path)
    network(seed=2).save(link)
    assert link.is_symlink()
    assert_same(arrays_of(networks.load(path)), arrays_of(network(seed=2)))


def test_safetensors_are_those_of_everybody(tmp_path):
    saved = network()
    saved.save(tmp_path / "net.safetensors")
    assert_same(load_file(Path(tmp_path / "net.safetensors")), arrays_of(saved))
