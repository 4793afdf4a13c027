"""What is no whole picture within the limits is refused, in words that say what arrived."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, features

from easel.nodes import pictures
from easel.nodes.pictures import NotAPicture

needs_avif = pytest.mark.skipif(
    "avif" not in features.modules or not features.check("avif"), reason="this Pillow reads no AVIF"
)


def noise(height=5, width=7, channels=3, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def file_of(image, kind, **settings):
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


# What is refused


def kinds_of_files():
    image = Image.fromarray(noise(40, 40))
    made = {kind: file_of(image, kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")}
    made["animated GIF"] = file_of(image, "GIF", save_all=True, append_images=[image.rotate(90)])
    made["progressive JPEG"] = file_of(image, "JPEG", progressive=True)
    made["JPEG with a thumbnail"] = file_of(image, "JPEG", exif=b"Exif\x00\x00" + made["JPEG"])
    return made


@pytest.mark.parametrize("lenient", [False, True], ids=["alone", "beside a pack that lets Pillow read cut files"])
@pytest.mark.parametrize("kind", kinds_of_files())
def test_a_file_cut_anywhere_is_refused(kind, lenient, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    data = kinds_of_files()[kind]
    pictures.decode(data)
    for end in {1, 5, 12, 20, 33, len(data) // 3, len(data) // 2, len(data) - 40}:
        with pytest.raises(NotAPicture):
            pictures.decode(data[:end])
    with pytest.raises(NotAPicture, match="only part of a picture"):
        pictures.decode(data[:-1])


def test_damaged_pixel_data_is_refused(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = bytearray(file_of(Image.fromarray(noise(40, 40)), "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(NotAPicture, match="damaged"):
        pictures.decode(bytes(data))


def test_bytes_after_the_end_are_no_harm():
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        pictures.decode(kinds_of_files()[kind] + b"\x00\x00trailing")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"\n<html lang=en>", "a web page"),
        (b'{"error": {"code": "expired"}}', "a JSON text"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML text"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"not found", "a text"),
        (b"%PDF-1.7\n%\xe2", "a PDF document"),
        (b"PK\x03\x04\x00\x00", "a ZIP archive"),
        (b"\x00\x00\x00\x18ftypmp42", "a video"),
        (b"II*\x00\x08\x00", "a TIFF picture"),
        (b"\x00\x01\x02\x03" * 4, "data of an unknown kind"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(data, words):
    with pytest.raises(NotAPicture, match=words):
        pictures.decode(data)


def test_a_bomb_is_refused_before_a_pixel_is_decoded(monkeypatch):
    def explode(*_):
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", explode)
    whole = kinds_of_files()["PNG"]
    png = whole[:16] + struct.pack(">II", 40_000, 40_000) + whole[24:]
    gif = b"GIF89a" + struct.pack("<HH", 40_000, 40_000) + b"\x00\x00\x00;"
    size = struct.pack("<I", 15_999)[:3] * 2
    webp = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x00\x00\x00\x00" + size
    jpeg = bytearray(kinds_of_files()["JPEG"])
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 40_000, 40_000)
    for data, words in [
        (png, "40000x40000"),
        (gif, "40000x40000"),
        (webp, "16000x16000"),
        (jpeg, "40000x40000"),
    ]:
        with pytest.raises(NotAPicture, match=f"a picture of {words} pixels .* more than the 89,478,485 allowed"):
            pictures.decode(bytes(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", pytest.param("AVIF", marks=needs_avif)])
def test_limits_are_those_that_were_given(kind):
    data = file_of(Image.new("RGB", (20, 10)), kind)
    assert pictures.decode(data, max_pixels=200, max_bytes=len(data)).width == 20
    with pytest.raises(NotAPicture, match="20x10 pixels"):
        pictures.decode(data, max_pixels=199)
    with pytest.raises(NotAPicture, match=f"{len(data):,} bytes, more than the"):
        pictures.decode(data, max_bytes=len(data) - 1)


@pytest.mark.parametrize("settings_", [{"lossless": True}, {"quality": 80}, {"quality": 80, "exif": b"Exif\x00\x00"}])
def test_every_form_of_webp_tells_its_size_before_it_is_opened(settings_, monkeypatch):
    data = file_of(Image.new("RGB", (300, 20)), "WEBP", **settings_)
    assert pictures.decode(data, max_pixels=6000).width == 300
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(NotAPicture, match="300x20 pixels"):
        pictures.decode(data, max_pixels=5999)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused_and_nothing_else(data):
    whole = bytearray(data.draw(st.sampled_from(list(kinds_of_files().values()))))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    try:
        pictures.decode(bytes(whole), max_pixels=100_000)
    except NotAPicture as error:
        assert str(error)
