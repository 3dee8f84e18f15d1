"""Learners' pictures: every mode, orientation and size comes out right; every broken file gets a sentence."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from cnnkit.data import read_image, upload
from cnnkit.errors import DataError, DTypeError, OptionError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quarters(scale=1):
    """Two by two blocks: red, green over blue, white, so that every orientation looks different."""
    pixels = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)
    return Image.fromarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, *, depth, colour, rows):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_rgb_pixels_come_back_exactly():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    read = read_image(encode(Image.fromarray(pixels)))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, pixels.astype(np.float32) / np.float32(255))


def test_source_may_be_bytes_view_or_path(tmp_path):
    raw = encode(quarters())
    path = tmp_path / "quarters.png"
    path.write_bytes(raw)
    for source in (raw, bytearray(raw), memoryview(raw), path, str(path)):
        np.testing.assert_array_equal(read_image(source)[0, 0], [1, 0, 0])


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("P", "PNG"),
        ("P", "GIF"),
        ("RGBA", "PNG"),
        ("CMYK", "TIFF"),
        ("YCbCr", "TIFF"),
        ("RGB", "BMP"),
        ("RGB", "PPM"),
    ],
)
def test_colour_modes_become_rgb(mode, kind):
    read = read_image(encode(quarters(4).convert(mode), kind))
    np.testing.assert_allclose(read, np.asarray(quarters(4)) / 255, atol=2 / 255)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_lossy_formats_keep_their_colours(mode, kind):
    read = read_image(encode(quarters(32).convert(mode), kind, quality=95))
    for row, column, colour in ((16, 16, RED), (16, 48, GREEN), (48, 16, BLUE), (48, 48, WHITE)):
        np.testing.assert_allclose(read[row, column], np.array(colour) / 255, atol=0.03)


def test_lab_becomes_rgb():
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    grey = Image.new("RGB", (4, 4), (120, 120, 120))
    raw = encode(ImageCms.profileToProfile(grey, srgb, lab, outputMode="LAB"), "TIFF")
    np.testing.assert_allclose(read_image(raw), 120 / 255, atol=0.02)


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_gray_modes_become_three_equal_channels(mode):
    gray = Image.fromarray(np.array([[0, 255, 255]], np.uint8))
    expected = np.array([[[0] * 3, [1] * 3, [1] * 3]], np.float32)
    np.testing.assert_array_equal(read_image(encode(gray.convert(mode))), expected)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGBA", (2, 1), (255, 0, 0, 0)),
        Image.new("LA", (2, 1), (0, 0)),
        Image.merge("PA", [Image.new("P", (2, 1)), Image.new("L", (2, 1), 0)]),
    ],
    ids=["RGBA", "LA", "PA"],
)
def test_transparency_is_white(image):
    kind = "TIFF" if image.mode == "PA" else "PNG"
    np.testing.assert_array_equal(read_image(encode(image, kind)), np.ones((1, 2, 3)))


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_entry_is_white(kind):
    image = quarters().quantize(4)
    raw = encode(image, kind, transparency=image.getpixel((0, 0)))
    np.testing.assert_array_equal(read_image(raw)[0, 0], [1, 1, 1])
    np.testing.assert_array_equal(read_image(raw)[0, 1], [0, 1, 0])


def test_half_transparency_is_mixed_with_white():
    read = read_image(encode(Image.new("RGBA", (1, 1), (0, 0, 0, 128))))
    np.testing.assert_allclose(read, 127 / 255, atol=1 / 255)


CORNERS = {  # orientation tag: what stands at (top left, top right, bottom left) once upright
    1: (RED, GREEN, BLUE),
    2: (GREEN, RED, WHITE),
    3: (WHITE, BLUE, GREEN),
    4: (BLUE, WHITE, RED),
    5: (RED, BLUE, GREEN),
    6: (BLUE, RED, WHITE),
    7: (WHITE, GREEN, BLUE),
    8: (GREEN, WHITE, RED),
}


@pytest.mark.parametrize(("tag", "corners"), CORNERS.items())
def test_orientation_tag_is_applied(tag, corners):
    exif = Image.Exif()
    exif[0x0112] = tag
    read = read_image(encode(quarters(), exif=exif))
    np.testing.assert_array_equal([read[0, 0], read[0, 1], read[1, 0]], np.array(corners) / 255)


def test_orientation_swaps_sides_of_deep_gray_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.array([[0, 65535, 65535]], np.uint16))
    read = read_image(encode(image, exif=exif))
    np.testing.assert_array_equal(read[:, 0, 0], [0, 1, 1])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_gray_keeps_its_depth(kind):
    values = np.array([[0, 257, 32768, 32769, 65535]], np.uint16)
    read = read_image(encode(Image.fromarray(values), kind))
    np.testing.assert_allclose(read[0, :, 0], values[0] / 65535, rtol=1e-6)
    assert read.shape == (1, 5, 3)


def test_sixteen_bit_colour():
    rows = b"\0" + struct.pack(">6H", 65535, 0, 32768, 0, 65535, 0)
    read = read_image(png(2, 1, depth=16, colour=2, rows=rows))
    np.testing.assert_allclose(read, [[[1, 0, 0.5], [0, 1, 0]]], atol=1 / 255)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.25, 1.0]], np.float32), [0, 0.25, 1]),
        (np.array([[-2.0, 0.0, 6.0]], np.float32), [0, 0.25, 1]),
        (np.array([[7.0, 7.0, 7.0]], np.float32), [0, 0, 0]),
        (np.array([[0, 100_000, 400_000]], np.int32), [0, 0.25, 1]),
    ],
)
def test_deep_gray_is_stretched_only_when_it_must_be(values, expected):
    np.testing.assert_allclose(
        read_image(encode(Image.fromarray(values), "TIFF"))[0, :, 0], expected, atol=1e-6
    )


def test_deep_gray_stays_in_range_when_reduced():
    edge = np.zeros((64, 64), np.uint16)
    edge[:, 30:] = 65535
    read = read_image(encode(Image.fromarray(edge)), max_side=16)
    assert (read.min(), read.max()) == (0, 1)


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    read = read_image(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    np.testing.assert_array_equal(read[0, 0], [1, 0, 0])


@pytest.mark.parametrize(
    ("size", "max_side", "shape"),
    [
        ((1, 1), 1024, (1, 1, 3)),
        ((300, 200), 1024, (200, 300, 3)),
        ((3000, 2000), 1024, (683, 1024, 3)),
        ((5000, 1), 64, (1, 64, 3)),
        ((1, 3_000_000), 64, (64, 1, 3)),
        ((90, 60), 1, (1, 1, 3)),
    ],
)
def test_longer_side_is_reduced_to_max_side(size, max_side, shape):
    read = read_image(encode(Image.new("RGB", size, (51, 102, 204))), max_side=max_side)
    assert read.shape == shape
    np.testing.assert_allclose(read, np.broadcast_to([0.2, 0.4, 0.8], shape), atol=1 / 255)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_reduction_averages_fine_stripes(kind):
    """Nearest-neighbour sampling would turn one-pixel stripes into black, white or a coarse false pattern."""
    stripes = np.zeros((800, 800), np.uint8)
    stripes[:, ::2] = 255
    read = read_image(encode(Image.fromarray(stripes), kind), max_side=100)
    np.testing.assert_allclose(read[10:-10, 10:-10], 0.5, atol=0.02)


# ---- broken files ----------------------------------------------------------------------------------------

NOISE = Image.fromarray(np.random.default_rng(5).integers(0, 256, (40, 40, 3), dtype=np.uint8))
REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"hello, this is no picture", "not a picture that can be read"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a picture that can be read"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture that can be read"),
    "phone": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC or AVIF"),
    "truncated png": (encode(NOISE)[:-900], "PNG picture .* cannot be decoded: .*truncated"),
    "truncated jpeg": (encode(NOISE, "JPEG")[:-300], "JPEG picture .* cannot be decoded: .*truncated"),
    "header only": (encode(NOISE)[:33], "cannot be decoded|not a picture"),
    "no pixels": (png(0, 9, depth=8, colour=2, rows=b""), "not a picture that can be read"),
    "bomb": (png(60_000, 60_000, depth=8, colour=2, rows=b""), "claims far more than 64 megapixels"),
    "large": (
        png(9000, 8000, depth=8, colour=2, rows=b""),
        r"9000 x 8000 pixels \(72 megapixels\); at most 64",
    ),
    "above pillow's warning": (png(12_000, 10_000, depth=1, colour=0, rows=b""), r"\(120 megapixels\)"),
    "not a number": (encode(Image.fromarray(np.full((2, 2), np.nan, np.float32)), "TIFF"), "not finite"),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_files_get_a_sentence(raw, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=message):
            read_image(raw)


def test_size_is_checked_before_anything_is_decoded(monkeypatch):
    monkeypatch.setattr(upload, "_decode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(DataError, match="megapixels"):
        read_image(png(9000, 8000, depth=8, colour=2, rows=b""))


def test_long_files_are_refused_unread(tmp_path):
    path = tmp_path / "long.png"
    with path.open("wb") as stream:
        stream.truncate(101_000_000)
    with pytest.raises(DataError, match="has 101 MB; at most 100 MB"):
        read_image(path)


def test_absent_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"absent\.png cannot be read"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path)


def test_meaningless_arguments():
    with pytest.raises(DTypeError, match="source is a NoneType"):
        read_image(None)
    with pytest.raises(OptionError, match="max_side is 0"):
        read_image(encode(quarters()), max_side=0)


@pytest.mark.filterwarnings("ignore:.*EXIF:UserWarning")
@pytest.mark.parametrize(
    "junk", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01" * 9]
)
def test_broken_exif_does_not_cost_the_picture(junk):
    assert read_image(encode(NOISE, "JPEG", exif=junk)).shape == (40, 40, 3)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    kept=st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_damage_gives_a_picture_or_a_data_error_and_nothing_else(kind, flips, kept):
    raw = bytearray(encode(NOISE, kind))
    for place, value in flips:
        raw[int(place * len(raw))] = value
    try:
        read = read_image(bytes(raw[: int(kept * len(raw))]))
    except DataError:
        return
    assert read.ndim == 3
    assert 0 <= read.min() <= read.max() <= 1
