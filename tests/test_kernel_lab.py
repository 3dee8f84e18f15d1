"""The kernel lab's feature maps against SciPy, its kernels, its uploads, its text."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import signal

from cnnkit import data, famous_kernels
from cnnkit.errors import CnnkitError, OptionError, ShapeError
from cnnkit.widgets import Controls, KernelLab
from cnnkit.widgets.kernel_choice import OWN, preset, resized
from cnnkit.widgets.kernel_lab import OWN_IMAGE

IMAGE = np.random.default_rng(3).random((23, 31)).astype(np.float32)
KERNEL = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])


def browser_uploads(lab: KernelLab, name: str, file: bytes) -> str:
    head = {"kind": "file", "name": "upload", "filename": name, "start": 0, "size": len(file)}
    lab._settings._handle_custom_msg(head, [memoryview(file)])
    return lab._settings.messages["upload"]


def encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("padding", ["valid", "same", "full"])
@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_feature_maps_agree_with_scipy(padding, stride, flip):
    lab = KernelLab(IMAGE, KERNEL, padding=padding, stride=stride, flip=flip, bias=0.5)
    (top, bottom), (left, right) = lab._geometry.padding
    padded = np.pad(IMAGE.astype(float), ((top, bottom), (left, right)))
    kernel = KERNEL[::-1, ::-1] if flip else KERNEL
    expected = signal.correlate2d(padded, kernel, mode="valid")[::stride, ::stride] + 0.5
    np.testing.assert_allclose(lab.y, expected, atol=1e-5)


def test_it_starts_with_edges_of_a_photograph():
    lab = KernelLab()
    photo = data.photo("camera", mode="gray")
    expected = signal.correlate2d(photo, famous_kernels.sobel_x(), mode="same")
    np.testing.assert_allclose(lab.y, expected, atol=1e-5)
    np.testing.assert_array_equal(lab._output.values, lab.y)
    assert lab._output.cmap == "signed"


@pytest.mark.parametrize(
    ("activation", "function"),
    [("none", lambda z: z), ("ReLU", lambda z: z.clip(0)), ("absolute value", np.abs)],
)
def test_activations(activation, function):
    plain = KernelLab(IMAGE, KERNEL).y
    np.testing.assert_allclose(KernelLab(IMAGE, KERNEL, activation=activation).y, function(plain))


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2, "padding": "full"}, {"flip": True, "bias": 1.0}, {"activation": "absolute value"}],
    ids=str,
)
def test_the_products_at_the_cursor_make_the_output(options):
    lab = KernelLab(IMAGE, KERNEL, **options)
    last = [size - 1 for size in lab.y.shape]
    for cursor in ([0, 0], [3, 4], last):
        lab._output.cursor = cursor
        assert lab.position == tuple(cursor)
        total = lab.products.sum() + lab.bias
        total = abs(total) if lab.activation == "absolute value" else total
        assert total == pytest.approx(float(lab.y[tuple(cursor)]), abs=1e-5)
        assert lab.equation.startswith(f"y[{cursor[0]}, {cursor[1]}] = ")
        np.testing.assert_array_equal(lab._products_view.values, lab.products)


def test_the_cursor_survives_only_inside_the_output():
    lab = KernelLab(IMAGE, KERNEL)
    lab._output.cursor = [22, 30]
    lab.stride = 8
    assert lab.y.shape == (3, 4)
    assert lab.position == (1, 2)


@pytest.mark.parametrize("name", famous_kernels.PRESETS)
def test_every_preset_is_the_famous_kernel(name):
    lab = KernelLab(IMAGE, preset=name)
    np.testing.assert_array_equal(lab.kernel, famous_kernels.PRESETS[name])
    assert lab.kernel_size == lab.kernel.shape
    assert lab.preset == name


def test_sizes_of_a_preset_and_of_an_own_kernel():
    lab = KernelLab(IMAGE, preset="box blur")
    lab.kernel_size = (1, 7)
    np.testing.assert_allclose(lab.kernel, np.full((1, 7), 1 / 7))
    assert lab.preset == "box blur"
    lab.preset = "Sobel x"
    lab.kernel_size = (5, 5)
    assert lab.preset == OWN
    np.testing.assert_array_equal(lab.kernel, np.pad(famous_kernels.sobel_x(), 1))
    lab.kernel_size = (2, 2)
    np.testing.assert_array_equal(lab.kernel, famous_kernels.sobel_x()[:2, :2])


@pytest.mark.parametrize("name", ["identity", "box blur", "Gaussian blur"])
@pytest.mark.parametrize("size", [(3, 3), (1, 7), (9, 9), (7, 1)])
def test_blurs_and_identity_keep_the_brightness_at_any_size(name, size):
    kernel = preset(name, size)
    assert kernel.shape == size
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1])


def test_presets_without_that_size_say_so():
    assert preset("Sobel x", (5, 5)) is None
    assert preset("box blur", (2, 2)) is None


def test_a_resized_kernel_keeps_its_middle():
    kernel = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(resized(resized(kernel, (7, 5)), (3, 3)), kernel)
    assert resized(kernel, (1, 1)) == 4


def test_the_orientation_turns_gabor_alone():
    lab = KernelLab(IMAGE, preset="Gabor")
    lab.orientation = 90.0
    np.testing.assert_allclose(lab.kernel, famous_kernels.gabor(angle=90))
    assert lab._settings.disabled == []
    lab.preset = "sharpen"
    lab.orientation = 45.0
    np.testing.assert_array_equal(lab.kernel, famous_kernels.sharpen())
    assert lab._settings.disabled == ["orientation"]


def test_an_edited_kernel_is_the_learners_own():
    lab = KernelLab(IMAGE)
    lab._settings.set(kernel=[[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert lab.preset == lab._settings["preset"] == OWN
    np.testing.assert_allclose(lab.y, IMAGE, atol=1e-6)


def test_photos_and_the_own_image_can_be_chosen_back_and_forth():
    lab = KernelLab(IMAGE)
    assert lab.photo == OWN_IMAGE
    lab.photo = "coins" if "coins" in data.photo_names() else "brick"
    assert lab.image.shape == data.photo(lab.photo, mode="gray").shape
    lab.photo = OWN_IMAGE
    np.testing.assert_array_equal(lab.image, IMAGE)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("kernel", np.zeros((16, 3))), ShapeError),
        (("kernel", [[np.nan]]), ShapeError),
        (("preset", "blurr"), OptionError),
        (("photo", "lena"), CnnkitError),
        (("photo", OWN_IMAGE), OptionError),
    ],
)
def test_what_does_not_fit_is_refused_and_the_last_good_state_stays(change, error):
    lab = KernelLab()
    before = lab.digest()
    with pytest.raises(error):
        lab.set_trait(*change)
    assert lab.digest() == before
    lab.bias = 0.25  # and it goes on working
    assert lab.photo == "camera"


def test_a_kernel_larger_than_the_image_is_refused_in_the_browser_with_a_sentence():
    lab = KernelLab(np.ones((4, 4)), preset="Gabor")
    lab._settings.set(padding="valid")
    assert lab.padding == lab._settings["padding"] == "same"
    assert "window of 9" in lab._settings.messages["padding"]


class TestUpload:
    @pytest.fixture
    def lab(self, monkeypatch) -> KernelLab:
        monkeypatch.setattr(Controls, "send", lambda *_: None)
        return KernelLab(IMAGE)

    @pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "1", "I;16"])
    def test_every_mode_arrives_in_grey(self, lab, mode):
        picture = Image.new(mode, (40, 30), 1)
        assert "own.png: 30 × 40 pixels" in browser_uploads(lab, "own.png", encoded(picture, "PNG"))
        assert lab.image.shape == lab.y.shape == (30, 40)
        assert lab.photo == lab._settings["photo"] == OWN_IMAGE

    def test_grey_is_the_eyes_weighting_of_colour(self, lab):
        browser_uploads(lab, "green.png", encoded(Image.new("RGB", (5, 4), (0, 255, 0)), "PNG"))
        np.testing.assert_allclose(lab.image, 0.587, atol=1e-6)

    def test_a_large_picture_is_made_smaller(self, lab):
        browser_uploads(lab, "large.png", encoded(Image.new("L", (3000, 1500)), "PNG"))
        assert lab.image.shape == (512, 1024)

    @pytest.mark.parametrize("file", [b"", b"no picture", encoded(Image.new("L", (90, 90)), "PNG")[:60]])
    def test_a_broken_file_gets_a_sentence_and_changes_nothing(self, lab, file):
        message = browser_uploads(lab, "broken.png", file)
        assert message.startswith("broken.png: ")
        np.testing.assert_array_equal(lab.image, IMAGE)


def test_colours_suit_the_kernel():
    lab = KernelLab(IMAGE, preset="box blur")
    assert (lab._output.cmap, lab._output.limits) == ("gray", (0, 1))
    lab.preset = "Laplacian"
    assert lab._output.cmap == "signed"
    assert lab._output.limits[0] == -lab._output.limits[1] == -np.abs(lab.y).max()
    lab.activation = "ReLU"
    assert (lab._output.cmap, lab._output.limits) == ("gray", (0, lab.y.max()))


def test_not_a_number_in_the_image_is_shown_rather_than_hidden():
    image = IMAGE.copy()
    image[5, 5] = np.nan
    lab = KernelLab(image, KERNEL)
    assert np.isnan(lab.y).sum() == KERNEL.size
    assert lab._output._frame["kind"] == "float32"


def test_the_size_formula_has_the_numbers_in_it():
    lab = KernelLab(IMAGE, KERNEL, stride=2, padding="valid")
    assert "rows ⌊(23 + 0 + 0 − 2) / 2⌋ + 1 = 11; columns ⌊(31 + 0 + 0 − 3) / 2⌋ + 1 = 15." in lab.statistics


def test_the_text_twin_and_the_picture_are_the_same_every_time():
    first, second = (KernelLab(IMAGE, KERNEL)._repr_mimebundle_() for _ in range(2))
    assert first["text/plain"] == second["text/plain"]
    assert first["image/png"] == second["image/png"]
    assert "y[11, 15] = " in first["text/plain"]
