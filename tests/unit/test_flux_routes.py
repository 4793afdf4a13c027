"""FLUX in each route's own words: every offer with every option against the route's specification, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.flux.bodies import body_of
from easel.nodes.hosted.flux.loras import Lora
from easel.nodes.hosted.flux.models import OFFERS, Offer, every_offer, routes_of
from easel.nodes.hosted.flux.request import FluxRequest
from easel.nodes.hosted.flux.sizes import RATIOS, number_of
from easel.nodes.hosted.platforms.orders import Attached
from easel.nodes.pictures import Mask
from easel.nodes.sandbox import specs
from support.flux_wishes import (
    CHOICES,
    EVERY_OFFER,
    KINDS,
    RANGES,
    SIDE,
    SWITCHES,
    as_sent,
    bounds_of,
    fullest,
    name_of,
    plain,
    simplest,
)

SPECS = Path(specs.__file__).with_name("specs")
FAL = json.loads((SPECS / "fal.json").read_text("utf-8"))
SHAPED = [offer for offer in EVERY_OFFER if offer.operation not in ("fill", "expand", "erase") and offer.sides]
RATIOED = [offer for offer in EVERY_OFFER if offer.ratios]

every_one = pytest.mark.parametrize("offer", EVERY_OFFER, ids=name_of)


def schema_of(request: FluxRequest) -> dict[str, Any]:
    """The published schema of a body."""
    if request.route == "fal":
        return {"$defs": FAL["$defs"], **FAL["endpoints"][request.path]["input"]}
    found: dict[str, Any] = specs.validator(request.route, request.path).schema
    return found


def wire_name(offer: Offer, name: str) -> str:
    """What the route calls a field of ours."""
    return offer.names.get(name, name).removeprefix("not ").removeprefix("1 - ")


def fits(request: FluxRequest) -> dict[str, Any]:
    """The body, which fits its schema and has no field that the schema does not know."""
    body = as_sent(body_of(request))
    schema = schema_of(request)
    Draft202012Validator(schema).validate(body)
    assert set(body) <= set(schema["properties"])
    assert json.loads(json.dumps(body)) == body
    return body


@every_one
def test_the_simplest_request_fits_the_schema(offer):
    fits(simplest(offer))


@every_one
def test_a_request_with_everything_fits_the_schema_and_every_field_arrives(offer):
    request = fullest(offer)
    body = fits(request)
    asked = [
        name
        for name in (*RANGES, *SWITCHES, *CHOICES, "loras", "user", "resolution")
        if getattr(request, name, None) is not None and (name != "safety_tolerance" or offer.safety_tolerance)
    ]
    assert {wire_name(offer, name) for name in asked} <= set(body)
    assert ("seed" in body) == offer.seed
    assert ("output_format" in body) == bool(offer.formats)
    assert ("safety_tolerance" in body) == (offer.safety_tolerance is not None)


@every_one
def test_the_least_of_every_range_and_every_format_fit_the_schema(offer):
    least = bounds_of(offer, 0)
    for output_format in offer.formats or ("png",):
        without = {"output_quality": None} if output_format == "png" else {}
        fits(simplest(offer, output_format=output_format, **{**least, **without}))


@every_one
def test_every_choice_and_both_ways_of_every_switch_fit_the_schema_and_no_other_choice_is_in_it(offer):
    known = schema_of(simplest(offer))["properties"]
    for name in CHOICES:
        choices = getattr(offer, name)
        assert set(known.get(wire_name(offer, name), {}).get("enum", ())) == set(choices)
        for choice in choices:
            assert fits(simplest(offer, **{name: choice}))[wire_name(offer, name)] == choice
    for name in SWITCHES:
        for is_on in (True, False) if getattr(offer, name) else ():
            told = offer.names.get(name, name)
            assert fits(simplest(offer, **{name: is_on}))[wire_name(offer, name)] == (is_on != told.startswith("not "))


# What a node pack has no use for, and what sockets, masks, margins and sizes are told by (tested for themselves).
NO_SETTINGS = {
    "webhook_url", "webhook_secret", "sync_mode", "version", "outpaint", "fill_image", "paste_back", "auto_crop",
    "image", "images", "image_url", "image_urls", "image_prompt", "mask", "mask_url", "aspect_ratio", "width", "height",
    "image_size", "resolution", "resolution_mode", "resize_to_original", "input_image_blob_path",
    *(f"input_image_{number}" for number in range(2, 9)), "input_image", "input_images",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted({(offer.route, offer.path) for offer in EVERY_OFFER}), ids="-".join)
def test_every_setting_that_a_specification_lists_is_offered(path):
    """A setting that is new in a specification wants a row, or a word above why not."""
    requests = [fullest(offer) for offer in EVERY_OFFER if (offer.route, offer.path) == path]
    offered = {name for request in requests for name in body_of(request)}
    known = {name for request in requests for name in schema_of(request)["properties"]}
    assert known - NO_SETTINGS <= offered


@pytest.mark.parametrize("offer", [one for one in SHAPED if one.operation == "generate"], ids=name_of)
def test_a_ratio_becomes_a_size_near_to_it_where_the_route_takes_sizes(offer):
    for ratio in RATIOS:
        width, height = size_in(fits(simplest(offer, aspect_ratio=ratio)))
        assert 800_000 < width * height <= 1024 * 1024
        assert width / height == pytest.approx(number_of(ratio), rel=0.03)


@pytest.mark.parametrize("offer", [one for one in RATIOED if isinstance(one.ratios, tuple)], ids=name_of)
def test_every_ratio_that_a_row_lists_is_in_the_schema_and_no_other_is_sent(offer):
    field = offer.names.get("aspect_ratio", "aspect_ratio")
    known = set(schema_of(simplest(offer))["properties"][field].get("enum", RATIOS))
    for ratio in RATIOS:
        if ratio in offer.ratios:
            assert fits(simplest(offer, aspect_ratio=ratio))[field] == ratio
        else:
            assert ratio not in known
            with pytest.raises(InputRefused) as refused:
                simplest(offer, aspect_ratio=ratio)
            assert refused.value.input_name == "aspect_ratio"


@pytest.mark.parametrize("offer", [one for one in EVERY_OFFER if one.operation in ("redux", "reimagine", "control")
                                   and (one.sides or one.ratios)], ids=name_of)  # fmt: skip
def test_auto_takes_the_shape_of_the_picture(offer):
    body = fits(simplest(offer, plain(900, 600)))
    if offer.sides:
        width, height = size_in(body)
        assert width / height == pytest.approx(1.5, rel=0.03)
    else:
        assert number_of(body["aspect_ratio"]) == pytest.approx(1.5, rel=0.15)


def size_in(body: dict[str, Any]) -> tuple[int, int]:
    sides = body.get("image_size", body)
    return sides["width"], sides["height"]


@pytest.mark.parametrize(
    ("operation", "model", "route", "asked", "sent"),
    [
        ("generate", "flux-2-pro", "bfl", {"prompt_upsampling": True}, {"disable_pup": False}),
        ("generate", "flux-2-pro", "bfl", {"prompt_upsampling": False}, {"disable_pup": True}),
        ("generate", "flux-2-flex", "replicate", {"prompt_upsampling": True}, {"prompt_upsampling": True}),
        ("generate", "flux-1.1-pro", "fal", {"prompt_upsampling": True}, {"enhance_prompt": True}),
        ("generate", "flux-3-image", "fal", {"prompt_upsampling": True}, {"enable_prompt_expansion": True}),
        ("generate", "flux-2-pro", "replicate", {"output_format": "jpeg"}, {"output_format": "jpg"}),
        ("generate", "flux-2-pro", "fal", {"output_format": "jpeg"}, {"output_format": "jpeg"}),
        ("generate", "flux-2-pro", "fal", {"safety_tolerance": 5}, {"safety_tolerance": "5"}),
        ("generate", "flux-3-image", "fal", {"safety_tolerance": 4}, {"safety_tolerance": 4}),
        ("generate", "flux-2-pro", "replicate", {"safety_tolerance": 5}, {"safety_tolerance": 5}),
        ("generate", "flux-dev", "bfl", {"steps": 20, "guidance": 2.5}, {"steps": 20, "guidance": 2.5}),
        ("generate", "flux-dev", "replicate", {"steps": 20, "guidance": 2.5}, {"num_inference_steps": 20, "guidance": 2.5}),
        ("generate", "flux-dev", "fal", {"steps": 20, "guidance": 2.5}, {"num_inference_steps": 20, "guidance_scale": 2.5}),
        ("generate", "flux-dev", "replicate", {"count": 3}, {"num_outputs": 3}),
        ("generate", "flux-dev", "fal", {"count": 3}, {"num_images": 3}),
        ("generate", "flux-schnell", "fal", {}, {"num_inference_steps": 4}),
        ("generate", "flux-schnell", "fal", {"steps": 2}, {"num_inference_steps": 2}),
        ("generate", "flux-2-pro", "bfl", {"aspect_ratio": "16:9"}, {"width": 1360, "height": 768}),
        ("generate", "flux-2-pro", "replicate", {"aspect_ratio": "16:9"},
         {"aspect_ratio": "custom", "width": 1360, "height": 768}),
        ("generate", "flux-2-pro", "fal", {"aspect_ratio": "16:9"}, {"image_size": {"width": 1360, "height": 768}}),
        ("generate", "flux-dev", "replicate", {"aspect_ratio": "16:9"}, {"aspect_ratio": "16:9"}),
        ("edit", "flux-2-pro", "replicate", {},
         {"aspect_ratio": "match_input_image", "resolution": "match_input_image"}),
        ("edit", "flux-2-pro", "fal", {}, {"image_size": "auto"}),
        ("edit", "flux-kontext-dev", "fal", {"aspect_ratio": "3:2"}, {"resolution_mode": "3:2"}),
        ("edit", "flux-3-image", "fal", {}, {"aspect_ratio": "auto"}),
        ("reimagine", "flux-1.1-pro-ultra", "fal", {"strength": 0.4, "raw": True}, {"image_prompt_strength": 0.4, "raw": True}),
        ("control", "flux-canny-dev", "replicate", {}, {"megapixels": "match_input"}),
        ("control", "flux-canny-dev", "replicate", {"megapixels": "0.25"}, {"megapixels": "0.25"}),
        ("fill", "flux-1-fill-dev", "replicate", {"megapixels": "1"}, {"megapixels": "1"}),
        ("generate", "flux-dev", "replicate", {"safety_checker": False}, {"disable_safety_checker": True}),
        ("generate", "flux-dev", "fal", {"safety_checker": False}, {"enable_safety_checker": False}),
        ("generate", "flux-dev", "replicate", {"go_fast": False, "output_format": "jpeg", "output_quality": 95},
         {"go_fast": False, "output_format": "jpg", "output_quality": 95}),
        ("generate", "flux-schnell", "fal", {"acceleration": "high"}, {"acceleration": "high"}),
        ("generate", "flux-pro", "replicate", {"interval": 3.5}, {"interval": 3.5}),
        ("reimagine", "flux-dev", "replicate", {"strength": 0.8}, {"prompt_strength": 0.2, "aspect_ratio": None}),
        ("reimagine", "flux-dev", "fal", {"strength": 0.05}, {"strength": 0.95, "image_size": None}),
        ("fill", "flux-1-fill-dev", "fal", {"loras": (Lora(path="someone/style"), Lora(path="https://a.b/c", scale=0.5))},
         {"loras": [{"path": "someone/style", "scale": 1.0}, {"path": "https://a.b/c", "scale": 0.5}]}),
        ("control", "flux-canny-dev-lora", "fal", {"control_strength": 0.5}, {"control_lora_strength": 0.5}),
        ("control", "flux-canny-dev-lora", "fal", {}, {"preprocess_depth": False}),
        ("control", "flux-depth-dev-lora", "fal", {"prepared": True}, {"preprocess_depth": False}),
        ("erase", "flux-erase", "bfl", {"grow": 4}, {"dilate_pixels": 4}),
        ("expand", "flux-1-expand-pro", "bfl", {"left": 8}, {"left": 8, "right": 64, "top": 0, "bottom": 0}),
        ("expand", "flux-outpainting", "bfl", {"left": 8, "top": 16},
         {"width": 584, "height": 528, "reference_offset_x": 8, "reference_offset_y": 16}),
    ],
)  # fmt: skip
def test_every_route_is_asked_in_its_own_words(operation, model, route, asked, sent):
    body = fits(simplest(OFFERS[operation][route][model], **asked))
    assert {name: body.get(name) for name in sent} == sent


@every_one
def test_what_is_left_to_the_model_is_not_sent(offer):
    body = fits(simplest(offer))
    for name in ("steps", "guidance", "count", "prompt_upsampling", "raw", "user", "resolution"):
        told = offer.names.get(name, name).removeprefix("not ")
        assert told not in body or told in offer.always or told in (offer.auto or {})


@every_one
def test_a_picture_may_go_as_its_link_only_where_the_model_takes_links(offer):
    if offer.operation == "generate" or offer.margins_in == "canvas":
        return
    sent = body_of(simplest(offer))[offer.pictures_in.removesuffix("[]")]
    picture = sent[0] if isinstance(sent, list) else sent
    # An attached file is always sent as bytes; of a picture its link, where there is one.
    assert isinstance(picture, Attached) != offer.links


@pytest.mark.parametrize("model", ["flux-kontext-pro", "flux-kontext-max"])
def test_several_pictures_go_to_another_endpoint_at_fal(model):
    offer = OFFERS["edit"]["fal"][model]
    one, two = simplest(offer), simplest(offer, images=(plain(), plain(64, 64)))
    assert (one.path, two.path) == (offer.path, f"{offer.path}/multi")
    assert ("image_url" in fits(one), len(fits(two)["image_urls"])) == (True, 2)


@pytest.mark.parametrize("offer", [one for one in every_offer("expand") if one.margins_in == "canvas"], ids=name_of)
def test_a_picture_is_continued_on_a_canvas_whose_new_part_is_masked(offer):
    request = simplest(offer, plain(64, 32), left=10, right=0, top=4, bottom=2)
    body = body_of(request)
    canvas, mask = (Image.open(io.BytesIO(body[name].encoded())) for name in (offer.pictures_in, offer.mask_in))
    assert canvas.size == mask.size == request.size == (74, 38)
    assert canvas.getpixel((10, 4)) == (200, 30, 30)
    assert canvas.getpixel((9, 4)) == (128, 128, 128)
    white = [(x, y) for x in range(74) for y in range(38) if mask.getpixel((x, y))]
    assert len(white) == 74 * 38 - 64 * 32
    assert mask.getpixel((10, 4)) == 0


@pytest.mark.parametrize("offer", every_offer("expand"), ids=name_of)
def test_a_canvas_larger_than_the_model_takes_is_refused_before_it_is_sent(offer):
    wide = {"left": 2048, "right": 2048, "top": 2048, "bottom": 2048}
    if offer.margins_in != "canvas":
        assert simplest(offer, **wide).size == (SIDE + 4096,) * 2
        return
    with pytest.raises(InputRefused, match=r"With these margins, a picture of 4608x4608 .* at most 20,000,000 pixels"):
        simplest(offer, **wide)


@pytest.mark.parametrize(
    ("operation", "model", "route", "asked", "name", "sentence"),
    [
        ("generate", "flux-2-pro", "fal", {"output_format": "webp"}, "output_format", "flux-2-pro at BFL or Replicate"),
        ("generate", "flux-2-pro", "replicate", {"safety_tolerance": 0}, "safety_tolerance", "flux-2-pro at BFL takes it"),
        ("generate", "flux-2-pro", "replicate", {"prompt_upsampling": True}, "prompt_upsampling", "flux-2-pro at BFL takes"),
        ("generate", "flux-2-pro", "replicate", {"user": "me"}, "user", "flux-2-pro at BFL takes it"),
        ("generate", "flux-3-image", "fal", {"grounding": True}, "grounding", "at BFL or Replicate takes it"),
        ("generate", "flux-3-image", "fal", {"resolution": "1.5k"}, "resolution", "at BFL or Replicate takes it"),
        ("generate", "flux-3-image", "bfl", {"resolution": "512sq"}, "resolution", "flux-3-image at fal takes it"),
        ("generate", "flux-dev", "bfl", {"count": 2}, "count", "flux-dev at Replicate or fal takes it"),
        ("generate", "flux-dev", "bfl", {"guidance": 8.0}, "guidance", "flux-dev at Replicate or fal takes it"),
        ("generate", "flux-dev", "fal", {"safety_tolerance": 6}, "safety_tolerance", "flux-dev at BFL takes it"),
        ("generate", "flux-dev", "replicate", {"aspect_ratio": "2:1"}, "aspect_ratio", "flux-dev at BFL or fal takes it"),
        ("generate", "flux-dev", "replicate", {"aspect_ratio": None, "width": 1024, "height": 768}, "width", "BFL or fal"),
        ("generate", "flux-1.1-pro-ultra", "fal", {"aspect_ratio": "5:4"}, "aspect_ratio", "BFL or Replicate takes it"),
        ("generate", "flux-1.1-pro-ultra", "replicate", {"prompt_upsampling": True}, "prompt_upsampling", "BFL or fal"),
        ("generate", "flux-schnell", "replicate", {"steps": 8}, "steps", "flux-schnell at fal takes it"),
        ("generate", "flux-schnell", "bfl", {}, "route", "choose Replicate or fal"),
        ("generate", "flux-pro", "fal", {}, "route", "choose Replicate"),
        ("edit", "flux-kontext-dev", "bfl", {}, "route", "choose Replicate or fal"),
        ("edit", "flux-2-klein-4b", "replicate", {}, "route", "choose BFL or fal"),
        ("redux", "flux-redux-dev", "replicate", {"prompt": "a dog"}, "prompt", "flux-1.1-pro and flux-pro do"),
        ("control", "flux-canny-dev", "bfl", {}, "route", "choose Replicate or fal"),
        ("control", "flux-canny-dev", "replicate", {"aspect_ratio": "16:9"}, "aspect_ratio", "flux-canny-dev at fal takes it"),
        ("control", "flux-canny-dev", "fal", {"control_strength": 0.5}, "control_strength", "flux-canny-dev-lora"),
        ("control", "flux-depth-dev", "fal", {"prepared": True}, "prepared", "flux-depth-dev-lora does"),
        ("erase", "flux-erase", "fal", {}, "route", "choose BFL"),
        ("edit", "flux-kontext-pro", "replicate", {"safety_tolerance": 3}, "safety_tolerance", "0 (strict) to 2"),
        ("edit", "flux-kontext-max", "replicate", {"safety_tolerance": 3}, "safety_tolerance", "at BFL or fal takes it"),
        ("generate", "flux-dev", "bfl", {"safety_checker": False}, "safety_checker", "flux-dev at Replicate or fal takes it"),
        ("generate", "flux-dev", "fal", {"go_fast": True}, "go_fast", "flux-dev at Replicate takes it"),
        ("generate", "flux-dev", "fal", {"output_quality": 90, "output_format": "jpeg"}, "output_quality", "at Replicate takes"),
        ("generate", "flux-dev", "replicate", {"output_quality": 90}, "output_quality", "png loses nothing"),
        ("generate", "flux-dev", "replicate", {"output_quality": 101, "output_format": "jpeg"}, "output_quality", "0 to 100"),
        ("generate", "flux-dev", "replicate", {"acceleration": "high"}, "acceleration", "flux-dev at fal takes it"),
        ("fill", "flux-1-fill-dev", "fal", {"acceleration": "high"}, "acceleration", "takes none and regular"),
        ("generate", "flux-dev", "replicate", {"megapixels": "match_input"}, "megapixels", "takes 1 and 0.25"),
        ("generate", "flux-dev", "fal", {"interval": 2.0}, "interval", "flux-pro at Replicate does"),
        ("generate", "flux-pro", "replicate", {"interval": 0.5}, "interval", "1 to 4"),
        ("fill", "flux-1-fill-dev", "replicate", {"loras": (Lora(path="a/b"),)}, "loras", "flux-1-fill-dev at fal takes it"),
        ("fill", "flux-1-fill-dev", "fal", {"loras": (Lora(path="a/b", scale=5.0),)}, "loras", "0 to 4"),
        ("reimagine", "flux-dev", "fal", {"raw": True}, "raw", "flux-1.1-pro-ultra does"),
        ("reimagine", "flux-dev", "replicate", {"aspect_ratio": "16:9"}, "aspect_ratio", "keeps the shape of the picture"),
        ("generate", "flux-2-dev", "fal", {"aspect_ratio": None, "width": 496, "height": 1024}, "width", "512 to 2048"),
        ("edit", "flux-2-dev-flash", "fal", {"aspect_ratio": None, "width": 496, "height": 1024}, "width", "512 to 2048"),
    ],
)  # fmt: skip
def test_what_a_route_lacks_is_refused_by_name_with_the_routes_that_have_it(
    operation, model, route, asked, name, sentence
):
    offer = OFFERS[operation][routes_of(operation, model)[0]][model]
    with pytest.raises(InputRefused) as refused:
        simplest(offer, **{"route": route, **asked})
    assert refused.value.input_name == name
    assert sentence in str(refused.value)


@pytest.mark.parametrize("offer", [*every_offer("fill"), *every_offer("erase")], ids=name_of)
def test_a_mask_that_marks_nothing_is_refused_before_it_is_paid_for(offer):
    with pytest.raises(InputRefused, match="nothing is marked") as refused:
        simplest(offer, mask=Mask(np.zeros((SIDE, SIDE), np.uint8)))
    assert refused.value.input_name == "mask"
    simplest(offer, mask=Mask(np.eye(SIDE, dtype=np.uint8)))


@pytest.mark.parametrize(("operation", "model"), [("fill", "flux-1-fill-dev"), ("control", "flux-canny-dev")])
def test_where_the_model_decides_how_large_it_is_no_size_is_promised(operation, model):
    offer = OFFERS[operation]["replicate"][model]
    assert simplest(offer).size == simplest(offer, megapixels="match_input").size == (SIDE, SIDE)
    assert simplest(offer, megapixels="0.25").size is None


def test_more_pictures_than_the_route_takes_are_refused_with_who_takes_them():
    offer = OFFERS["edit"]["replicate"]["flux-kontext-pro"]
    with pytest.raises(
        InputRefused, match=r"takes one picture, and these are 2; flux-kontext-pro at BFL or fal takes it"
    ) as refused:
        simplest(offer, images=(plain(), plain()))
    assert refused.value.input_name == "images"


@pytest.mark.parametrize("operation", list(OFFERS))
def test_any_model_can_stand_in_for_any_other_of_its_operation(operation):
    for first in every_offer(operation):
        request = fullest(first, other_routes=("bfl", "replicate", "fal"), **one_picture(first))
        for second in {offer.model for offer in every_offer(operation)}:
            replaced = request.with_model(second)
            fits(replaced)
            assert replaced.route == first.route or second not in OFFERS[operation][first.route]
            assert (replaced.take if replaced.seed is None else replaced.seed) == 42


def one_picture(offer: Offer) -> dict[str, Any]:
    return {"images": (plain(),)} if offer.operation == "edit" else {}


def test_a_second_model_that_only_another_route_has_is_not_bought_behind_the_user_s_back():
    chosen = simplest(OFFERS["generate"]["bfl"]["flux-2-pro"])
    with pytest.raises(InputRefused, match="BFL does not serve flux-schnell"):
        chosen.with_model("flux-schnell")


def test_of_many_that_take_it_only_some_are_named():
    with pytest.raises(InputRefused) as refused:
        simplest(OFFERS["generate"]["bfl"]["flux-2-pro"], count=2)
    assert str(refused.value).endswith("flux-dev at Replicate, flux-schnell at Replicate, flux-2-klein-4b at fal, "
                                       "flux-2-klein-9b at fal, flux-2-dev at fal and others do.")  # fmt: skip


def test_every_operation_has_its_request_and_every_route_its_specification():
    assert set(KINDS) == set(OFFERS)
    assert len({name_of(offer) for offer in EVERY_OFFER}) == len(EVERY_OFFER) > 70
