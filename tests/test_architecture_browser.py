"""The architecture browser's counts against the networks and the papers, what scales, and what it says."""

import re

import numpy as np
import pytest

from cnnkit import zoo
from cnnkit.errors import OptionError, ShapeError
from cnnkit.figures import png
from cnnkit.widgets import ArchitectureBrowser
from cnnkit.widgets.architecture_browser import NETWORKS, NONE, PUBLISHED, count
from cnnkit.widgets.architecture_table import share_rows, short
from cnnkit.widgets.layer_bills import PARTS, unfolded

PARAMS = {
    "LeNet-5": 61_706,
    "LeNet-5, original": 60_000,
    "AlexNet": 61_100_840,
    "AlexNet, two towers": 60_965_224,
    "VGG-16": 138_357_544,
    "GoogLeNet": 6_998_552,
    "ResNet-18": 11_689_512,
    "ResNet-34": 21_797_672,
    "ResNet-50": 25_557_032,
    "ViT-B/16": 86_567_656,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_published_counts_and_sums_of_the_rows(name):
    browser = ArchitectureBrowser(name)
    assert browser.sums.params == PARAMS[name]
    assert f"{PARAMS[name]:,} parameters" in browser.summary
    network = count(name, PUBLISHED).network
    for quantity, whole in (
        ("params", network.count_params()),
        ("macs", network.count_macs()),
        ("activations", network.count_activations()),
    ):
        assert sum(getattr(bill, quantity) for bill in browser.rows) == whole
    inside = [sum(counts) for counts in zip(*browser.sums.parts.values(), strict=True)]
    assert inside == [browser.sums.params, browser.sums.macs, browser.sums.activations]
    assert browser.rows[-1].output_shape == network.output_shapes[-1]
    assert browser.changed == []


def test_no_weights_are_drawn():
    network = count("VGG-16", 448).network
    ArchitectureBrowser("VGG-16", size=448)
    assert not network._drawn


def test_fields_grow_as_the_networks_say():
    browser = ArchitectureBrowser("VGG-16")
    sizes = [bill.field.size for bill in browser.rows if bill.field]
    assert sizes == [3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212]
    assert browser.rows[-1].field is None
    assert "212 × 212 pixels" in browser.summary
    assert "427 × 427 pixels" in ArchitectureBrowser("ResNet-50").summary


def test_a_layer_is_explained_by_its_formulas():
    browser = ArchitectureBrowser("VGG-16", layer=1)
    assert browser.layer_text == (
        "conv 3×3, 64: 224×224×64 → 224×224×64; parameters 3·3·64·64 + 64 = 36,928; multiply-adds "
        "224·224·64 · 3·3·64 = 1,849,688,064; activations 3,211,264 (12.8 MB); sees 5 × 5 pixels, jump 1."
    )
    browser._tables[0].cursor = [19, 0]
    assert "parameters 25088·4096 + 4096 = 102,764,544; multiply-adds 25088·4096" in browser.layer_text
    assert "sees the whole picture" in browser.layer_text


@pytest.mark.parametrize("name", NETWORKS)
def test_every_formula_on_display_comes_out(name):
    rows = count(name, PUBLISHED).rows
    browser = ArchitectureBrowser(name, opened=tuple(bill.name for bill in rows if bill.inner))
    found = 0
    for place in range(len(browser.rows)):
        browser.layer = place
        for formula, result in re.findall(r"([\d·+ ]+·[\d·+ ]+) = ([\d,]+)", browser.layer_text):
            found += 1
            assert eval(formula.replace("·", "*")) == int(result.replace(",", ""))
    assert found >= 5


def test_another_size_scales_the_convolutions_and_breaks_the_dense_layer():
    browser = ArchitectureBrowser("VGG-16", size=448)
    small = count("VGG-16", PUBLISHED)
    assert browser.rows[0].macs == 4 * small.rows[0].macs
    assert browser.rows[0].params == small.rows[0].params
    assert browser.changed == ["dense"]
    assert "× 4 the pixels" in browser.scaling
    assert "parameters × 3.23" in browser.scaling
    assert "no longer fit where a ✱ stands (dense)" in browser.scaling
    assert "dense, 4096 ✱" in browser._tables[0]._drawing["svg"]
    browser.network = "ResNet-50"
    assert browser.changed == []
    assert "No layer's weights depend on the size" in browser.scaling
    browser.network = "ViT-B/16"
    assert browser.changed == ["position_embedding"]
    made = zoo.vit_b16(input_shape=(448, 448, 3))
    assert browser.sums.macs == made.count_macs()


def test_another_width_scales_the_inner_layers_by_its_square():
    browser = ArchitectureBrowser("VGG-16", width=0.5)
    whole = count("VGG-16", PUBLISHED)
    assert browser.sums.params == zoo.vgg16(width=0.5).count_params()
    assert 4 * browser.rows[1].macs == whole.rows[1].macs
    assert 2 * browser.rows[0].macs == whole.rows[0].macs  # three channels come in, whatever the width
    assert browser.changed == []
    assert browser.scaling == (
        "With layers × 0.5 as wide: multiply-adds × 0.251, activations × 0.5, parameters × 0.257. Weights "
        "trained at another width fit nowhere."
    )
    browser._settings.set(width=2.0)
    assert browser.sums.macs == zoo.vgg16(width=2.0).count_macs()
    browser.network = "ViT-B/16"
    assert browser.width == browser._settings["width"] == 1
    assert "width" in browser._settings.disabled
    browser.other = "ResNet-50"
    browser.network = "ResNet-18"
    browser.width = 0.25
    assert browser.other_sums.params == zoo.resnet50(width=0.25).count_params()


def test_a_block_is_opened_and_closed():
    browser = ArchitectureBrowser("GoogLeNet", layer=7)
    before = browser.rows
    browser._settings.set(open=1)
    assert browser.opened == ("concat",)
    inside = browser.rows[8:15]
    assert [bill.depth for bill in inside] == [1] * 7
    assert sum(bill.params for bill in inside) == browser.rows[7].params
    assert inside[2].label == "conv 3×3, 128"
    assert inside[4].field.size == 59
    browser.open_or_close()
    assert browser.rows == before
    browser.layer = 0
    assert browser._settings.disabled == ["open"]
    with pytest.raises(OptionError, match="plain layer"):
        browser.open_or_close()
    everything = unfolded(before, [bill.name for bill in before])
    assert sum(bill.params for bill in everything if not bill.inner) == PARAMS["GoogLeNet"]


def test_two_networks_beside_each_other():
    browser = ArchitectureBrowser("VGG-16")
    assert browser._tables[1].layout.display == "none"
    browser._settings.set(other="ResNet-50")
    assert browser._tables[1].layout.display is None
    assert browser.other_sums.params == PARAMS["ResNet-50"]
    assert "VGG-16 has 5.41 times the parameters, 3.78 times the multiply-adds" in browser.comparison
    browser._tables[1].cursor = [4, 0]
    assert browser.other_layer == 4
    assert browser.layer == 0
    assert browser.other_text.startswith("projected 1×1-3×3-1×1: 56×56×64 → 56×56×256")
    assert browser._bills["other_text"] == browser.other_text
    browser.other = NONE
    assert browser.other_rows == []
    assert browser.comparison == ""


def test_where_parameters_and_work_live():
    browser = ArchitectureBrowser("VGG-16", other="ViT-B/16")
    rows = share_rows(browser._networks())
    assert [row[:2] for row in rows[:3]] == [("VGG-16", name) for name in ("params", "macs", "activations")]
    vgg = browser.sums
    assert rows[0][3]["dense"] == pytest.approx(123_642_856 / 138_357_544)
    assert rows[1][3]["convolution"] == pytest.approx(1 - vgg.parts["dense"][1] / vgg.macs)
    for *_, shares in rows:
        assert list(shares) == list(PARTS)
        assert sum(shares.values()) == pytest.approx(1)
    browser._shares.cursor = [1, 0]
    assert browser._shares.text == ("VGG-16, multiply-adds: 15,470,264,320; convolution 99.2 %, dense 0.8 %")


def test_bars_are_as_long_as_their_share():
    browser = ArchitectureBrowser("LeNet-5")
    svg = browser._tables[0]._drawing["svg"]
    drawn = [float(width) for width in re.findall(r'width="([\d.]+)" height="10" fill="#0072B2"', svg)]
    counts = [bill.params for bill in browser.rows if bill.params]
    np.testing.assert_allclose(drawn, np.maximum(1, 100 * np.array(counts) / max(counts)), atol=0.06)


def test_refused_states_are_taken_back_and_explained():
    browser = ArchitectureBrowser("AlexNet")
    before = browser.digest()
    browser._settings.set(size=32)
    assert "max_pooling2d_2" in browser._settings.messages["size"]
    assert browser.digest() == before
    assert browser._settings["size"] == PUBLISHED
    with pytest.raises(ShapeError):
        browser.size = 32
    with pytest.raises(OptionError, match="network is 'VGG'"):
        browser.network = "VGG"
    with pytest.raises(OptionError, match="network is 'nobody'"):
        browser.other = "nobody"
    assert browser.digest() == before


def test_short_counts():
    assert [short(n) for n in (0, 999, 1_000, 36_928, 1_849_688_064)] == [
        "0",
        "999",
        "1 k",
        "36.9 k",
        "1.85 G",
    ]
    assert short(15_470_264_320, digits=4) == "15.47 G"


def test_digest_and_picture_are_the_same_each_time():
    first = ArchitectureBrowser("ResNet-18", other="LeNet-5, original")
    second = ArchitectureBrowser("ResNet-18", other="LeNet-5, original")
    assert first.digest() == second.digest()
    assert "LeNet-5, original: conv with table 5×5 -> 10×10×16, 1,516 parameters" in first.digest()
    assert png(first.draw, size=first.picture_size()) == png(second.draw, size=second.picture_size())
