"""The sandbox's pictures show what was asked, and its eyes see it."""

import io
import time

import pytest
from PIL import Image

from easel.nodes.sandbox import retouch, sight
from easel.nodes.sandbox.painter import Order, encode, paint
from easel.nodes.sandbox.scene import Scene, Thing, parse


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("a red circle on a blue background", Scene("blue", (Thing("circle", "red"),))),
        (
            "Two green squares and a yellow triangle",
            Scene(None, (Thing("square", "green", 2), Thing("triangle", "yellow"))),
        ),
        ("12 tiny grey stars on black", Scene("black", (Thing("star", "grey", 12, 0.6),))),
        ("a ball on a red box", Scene(None, (Thing("circle", None), Thing("square", "red")))),
        ("navy background", Scene("navy", ())),
        ("a lighthouse at dusk", None),
        ("", None),
    ],
)
def test_a_scene_is_read_from_its_words(prompt, scene):
    assert parse(prompt) == scene


def test_a_thousand_circles_are_as_many_as_fit():
    assert parse("99 red circles, 99 blue squares").things == (Thing("circle", "red", 24),)


@pytest.mark.parametrize("words", ["red circle on a blue", "yellow triangle on a navy", "green square on a white"])
@pytest.mark.parametrize("serial", [1, 2, 3])
def test_what_is_painted_can_be_seen(words, serial):
    picture = paint(Order(f"a {words} background", 1024, 1024, serial, "gpt-image-2.5-flare", "low"))
    assert sight.describe(sight.look(picture)).startswith(f"A {words} background. It is even-sided, 1024 by 1024")


def test_an_equal_order_gives_an_equal_picture_and_another_serial_another():
    def painted(serial):
        return encode(paint(Order("a lighthouse", 512, 512, serial, "m")))

    assert painted(1) == painted(1)
    assert painted(1) != painted(2)


def test_a_transparent_background_is_transparent():
    picture = paint(Order("a red heart", 512, 512, 1, transparent=True))
    assert picture.mode == "RGBA"
    assert picture.getpixel((5, 5))[3] == 0
    assert picture.getpixel((256, 200)) == (217, 45, 50, 255)


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_every_file_says_that_it_comes_from_the_sandbox(output_format):
    data = encode(paint(Order("a star", 256, 256, 1)), output_format, 80)
    assert Image.open(io.BytesIO(data)).format == output_format.upper()
    assert b"easel-sandbox" in data


def test_an_edit_changes_nothing_outside_its_mask():
    before = paint(Order("a lighthouse", 512, 384, 1))
    mask = Image.new("RGBA", before.size, "black")
    mask.paste((0, 0, 0, 0), (100, 100, 300, 250))
    after = retouch.edit([before], mask, Order("a yellow star on a purple background", 512, 384, 2))
    assert sight.look(after.crop((100, 100, 300, 250))).colours[0][0] == "purple"
    for picture in (before, after):
        picture.paste("black", (100, 100, 300, 250))
    assert after.tobytes() == before.tobytes()


@pytest.mark.alone
def test_painting_is_fast():
    paint(Order("warm the fonts up", 1024, 1024, 1))
    best = min(_seconds(serial) for serial in range(5))
    assert best < 0.15


def _seconds(serial):
    began = time.perf_counter()
    encode(paint(Order("a lighthouse at dusk", 1024, 1024, serial, "m", "high")))
    return time.perf_counter() - began
