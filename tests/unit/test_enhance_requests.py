"""What may be asked for enlarging and cutting out: refused by name before money moves, translated for the wire, priced."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.engine.inputs import InputPicture
from easel.nodes.hosted.enhance import prices
from easel.nodes.hosted.enhance.models import CUTTERS, UPSCALERS
from easel.nodes.hosted.enhance.ordering import order
from easel.nodes.hosted.enhance.removebg.bodies import fields_of
from easel.nodes.hosted.enhance.requests import RemoveBackground, Upscale
from easel.nodes.pictures import Pixels
from easel.nodes.sandbox import specs
from easel.nodes.sandbox.fal import schemas

REQUESTS = {"upscale": Upscale, "remove_background": RemoveBackground}
MODELS = [(kind, name) for kind, request in REQUESTS.items() for name in request.rows]
OPTIONS = [(kind, name, option) for kind, name in MODELS for option in REQUESTS[kind].rows[name].options]
SAMPLES = {
    "scale": 4.0,
    "face_enhancement": True,
    "prompt": "a red square",
    "overlapping_tiles": True,
    "seed": 7,
    "reverse": True,
    "crop": True,
    "crop_margin": "10%",
    "background_color": "#81d4fa",
    "roi": "10% 0px 90% 40px",
    "position": "25% 75%",
    "add_shadow": True,
    "semitransparency": False,
}
NEEDED = {"crop_margin": {"crop": True}, "shadow_type": {"add_shadow": True}, "shadow_opacity": {"add_shadow": True}}


def plain(width: int = 64, height: int = 48) -> Pixels:
    return Pixels(np.full((height, width, 3), 200, np.uint8))


class Large:
    """A picture that is only as large as it says."""

    digest, has_alpha = "large", False

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height

    def encoded(self, media_type: str = "image/png") -> bytes:
        raise AssertionError("nothing was to be sent")


def asked(kind: str, model: str, **changes):
    usual = {"scale": 4.0} if kind == "upscale" else {}
    return REQUESTS[kind].build(**{"model": model, "image": plain(), **usual, **changes})


def sample(kind: str, model: str, option: str):
    row = REQUESTS[kind].rows[model].options[option]
    if option == "background":
        return plain(8, 8)
    if row.choices:
        return row.choices[-1]
    if option == "scale" and kind == "remove_background":
        return 85
    return row.range[1] if row.range and option != "scale" else SAMPLES[option]


def with_option(kind: str, model: str, option: str):
    return asked(kind, model, **{**NEEDED.get(option, {}), option: sample(kind, model, option)})


def sent(request):
    """What goes over the wire, with a link for each picture."""
    fields = fields_of(request) if request.provider == "removebg" else order(request).inputs
    return {field: "https://x.example/a.png" if isinstance(it, InputPicture) else it for field, it in fields.items()}


def problem_on_the_wire(request):
    """What the stand-in's copy of the route's schema has against the request; also names unknown fields."""
    body, route = sent(request), request.provider
    if route == "fal":
        path = order(request).model
        return set(body) - set(schemas.properties(path)) or schemas.problems(path, body)
    name = "request" if route == "removebg" else order(request).model.partition(":")[0]
    return set(body) - set(specs.validator(route, name).schema["properties"]) or specs.problem(route, name, body)


@pytest.mark.parametrize(("kind", "model"), MODELS)
def test_the_least_that_is_asked_fits_the_schema(kind, model):
    assert not problem_on_the_wire(asked(kind, model))


def test_remove_bg_is_told_its_size_and_format_even_where_nothing_is_asked():
    told = sent(asked("remove_background", "remove.bg"))
    assert (told["size"], told["format"], told["type"]) == ("auto", "png", "auto")


@pytest.mark.parametrize(("kind", "model", "option"), OPTIONS)
def test_every_option_of_every_model_is_sent_and_fits_the_schema(kind, model, option):
    request = with_option(kind, model, option)
    assert not problem_on_the_wire(request)
    if option != "background":
        wanted = "85%" if (kind, option) == ("remove_background", "scale") else sample(kind, model, option)
        assert sent(request)[request.row.options[option].field] == wanted


@pytest.mark.parametrize(("kind", "model"), MODELS)
def test_an_option_that_a_model_lacks_is_refused_with_the_models_that_have_it(kind, model):
    request = REQUESTS[kind]
    for option in set(request.options) - set(request.rows[model].options) - {"seed"}:
        owner = next(name for name, row in request.rows.items() if option in row.options)
        with pytest.raises(InputRefused, match=r"has no such setting; ") as refused:
            asked(kind, model, **{option: sample(kind, owner, option)})
        assert refused.value.input_name == option
        assert owner in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "model", "changes", "sentence"),
    [
        ("upscale", "real-esrgan (Replicate)", {"scale": 11.0}, "takes 1 to 10"),
        ("upscale", "aura-sr (fal)", {"scale": 2.0}, "takes only 4"),
        ("upscale", "esrgan (fal)", {"variant": "v2"}, "takes RealESRGAN_x4plus, "),
        ("upscale", "clarity (fal)", {"resemblance": 2.0}, "takes 0 to 1"),
        ("upscale", "clarity (fal)", {"seed": 2**31}, "seed"),
        ("upscale", "waifu2x", {}, "the models for this are real-esrgan"),
        ("remove_background", "remove.bg", {"size": "huge"}, "takes preview, medium, hd, full and 50MP"),
        ("remove_background", "remove.bg", {"background_color": "#12345"}, "a colour is written like"),
        ("remove_background", "remove.bg", {"crop_margin": "10%"}, "switch crop on"),
        ("remove_background", "remove.bg", {"crop": True, "crop_margin": "60%"}, "at most 500px or 50%"),
        ("remove_background", "remove.bg", {"crop": True, "crop_margin": "1px " * 5}, "one to four"),
        (
            "remove_background",
            "remove.bg",
            {"background_color": "red", "background": plain(8, 8)},
            "a colour or a picture",
        ),
        ("remove_background", "remove.bg", {"background_color": "red", "format": "zip"}, "choose png or jpg"),
        ("remove_background", "851-labs (Replicate)", {"threshold": 1.5}, "takes 0 to 1"),
        ("remove_background", "remove.bg", {"roi": "0% 0% 50%"}, "four lengths, left top right bottom"),
        ("remove_background", "remove.bg", {"roi": "0 0 10 10"}, "four lengths, left top right bottom"),
        ("remove_background", "remove.bg", {"roi": "40% 0% 40% 100%"}, "roi = .*it is empty in a picture of 64x48"),
        ("remove_background", "remove.bg", {"roi": "40px 0px 30px 40px"}, "it is empty in a picture of 64x48"),
        ("remove_background", "remove.bg", {"roi": "0px 0px 65px 48px"}, "beyond the picture, which is 64x48"),
        ("remove_background", "remove.bg", {"scale": 9}, "takes 10 to 100"),
        ("remove_background", "remove.bg", {"position": "left"}, "a position is original or center"),
        ("remove_background", "remove.bg", {"position": "10% 101%"}, "a position is original or center"),
        ("remove_background", "remove.bg", {"shadow_type": "car"}, "switch add_shadow on"),
        ("remove_background", "remove.bg", {"shadow_opacity": 50}, "switch add_shadow on"),
        ("remove_background", "remove.bg", {"add_shadow": True, "shadow_opacity": 101}, "takes 0 to 100"),
        (
            "remove_background",
            "remove.bg",
            {"channels": "alpha", "crop": True, "scale": 50},
            "leave crop and scale away",
        ),
        ("remove_background", "remove.bg", {"channels": "alpha", "background_color": "red"}, "leave background_color"),
        ("remove_background", "remove.bg", {"channels": "alpha", "format": "zip"}, "choose png or jpg"),
    ],
)
def test_what_cannot_be_is_refused_in_words(kind, model, changes, sentence):
    with pytest.raises(InputRefused, match=sentence):
        asked(kind, model, **changes)


@pytest.mark.parametrize(
    ("kind", "model", "size", "sentence"),
    [
        ("upscale", "real-esrgan (Replicate)", (1536, 1536), "at most 2,096,704 pixels"),
        ("upscale", "esrgan (fal)", (2000, 2000), "makes 8000x8000, and 40,000,000 pixels are the most"),
        ("remove_background", "remove.bg", (9000, 6000), "at most 50,000,000 pixels"),
    ],
)
def test_a_picture_that_is_too_large_is_refused_before_it_is_sent(kind, model, size, sentence):
    with pytest.raises(InputRefused, match=sentence):
        asked(kind, model, image=Large(*size))


def test_fifty_megapixels_do_not_fit_into_a_png():
    large = {"image": Large(8000, 6000), "size": "50MP"}
    with pytest.raises(InputRefused, match="ormat png reaches 10 megapixels"):
        asked("remove_background", "remove.bg", format="png", **large)
    assert sent(asked("remove_background", "remove.bg", **large))["format"] == "zip"


def test_the_largest_picture_that_real_esrgan_takes_is_taken():
    assert asked("upscale", "real-esrgan (Replicate)", image=Large(1448, 1448)).made == (5792, 5792)


def test_real_esrgan_is_asked_for_by_a_version_that_exists():
    name, _, version = UPSCALERS["real-esrgan (Replicate)"].path.partition(":")
    assert (name, len(version)) == ("nightmareai/real-esrgan", 64)
    assert not version.endswith("8571e3d4edd3b")


@pytest.mark.parametrize(("kind", "model"), MODELS)
def test_the_route_s_account_is_who_is_paid(kind, model):
    wanted = {"(Replicate)": "replicate", "(fal)": "fal"}.get(model.rpartition(" ")[2], "removebg")
    assert asked(kind, model).provider == wanted


def test_a_seed_is_sent_where_there_is_one_and_else_tells_takes_apart():
    real, other = (asked("upscale", model, seed=5) for model in ("clarity (fal)", "esrgan (fal)"))
    assert (real.seed, real.take) == (5, 0)
    assert (other.seed, other.take) == (None, 5)
    assert other.fingerprint() != asked("upscale", "esrgan (fal)", seed=6).fingerprint()


@pytest.mark.parametrize("model", ["clarity (fal)", "esrgan (fal)"])
def test_a_random_seed_is_drawn(model):
    drawn = asked("upscale", model, seed=-1).with_seed()
    assert (drawn.take if drawn.seed is None else drawn.seed) >= 0


def test_a_whole_factor_is_sent_as_a_whole_number():
    assert str(sent(asked("upscale", "aura-sr (fal)", scale=4.0))["upscale_factor"]) == "4"
    assert sent(asked("upscale", "esrgan (fal)", scale=2.5))["scale"] == 2.5


@pytest.mark.parametrize(("size", "credits"), [(None, "1"), ("preview", "0.25"), ("full", "1"), ("50MP", "1")])
def test_the_credits_of_a_size_are_known_before(size, credits):
    request = asked("remove_background", "remove.bg", size=size)
    assert prices.credits_for(request) == Decimal(credits)
    assert prices.estimate(request) == Decimal(credits) * Decimal("0.2")


@pytest.mark.parametrize(("kind", "model"), MODELS)
def test_every_model_has_a_price(kind, model):
    assert 0 < prices.estimate(asked(kind, model)) <= Decimal("0.2")


def test_clarity_on_fal_is_priced_by_the_megapixels_of_the_result():
    request = asked("upscale", "clarity (fal)", image=Large(1024, 1024), scale=2.0)
    assert prices.estimate(request) == Decimal("0.12")


@pytest.mark.parametrize(
    ("size", "changes", "wanted"),
    [
        ((3000, 3000), {}, "png"),
        ((5000, 4000), {}, "zip"),
        ((5000, 4000), {"background_color": "red"}, "jpg"),
        ((5000, 4000), {"size": "hd"}, "png"),
        ((5000, 4000), {"format": "png"}, "png"),
        ((5000, 4000), {"channels": "alpha"}, "jpg"),
        ((3000, 3000), {"channels": "alpha"}, "png"),
    ],
)
def test_the_format_that_keeps_the_size_is_chosen(size, changes, wanted):
    assert asked("remove_background", "remove.bg", image=Large(*size), **changes).file_format == wanted


def test_all_models_of_the_brief_are_there():
    assert [name for name in CUTTERS if name.endswith("(Replicate)")] == [
        "lucataco (Replicate)",
        "851-labs (Replicate)",
    ]
    assert {row.path for row in UPSCALERS.values() if row.route == "fal"} == {
        "fal-ai/esrgan",
        "fal-ai/aura-sr",
        "fal-ai/clarity-upscaler",
    }
