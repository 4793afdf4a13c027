"""What may be asked of a Midjourney task and of which gateway; the handle that a workflow passes on; what it costs."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.engine.settings import Settings
from easel.nodes.hosted.midjourney import prices
from easel.nodes.hosted.midjourney.actions import ACTIONS
from easel.nodes.hosted.midjourney.gateways.choice import (
    ACCOUNT,
    GATEWAYS,
    OPTION_VARIABLE,
    NoGateway,
    check,
    gateway_at,
)
from easel.nodes.hosted.midjourney.handle import Handle
from easel.nodes.hosted.midjourney.parameters import VERSIONS
from easel.nodes.hosted.midjourney.requests import (
    REFERENCES,
    Blend,
    Describe,
    Imagine,
    Pan,
    Reroll,
    Upscale,
    Vary,
    VaryRegion,
    ZoomOut,
)
from easel.nodes.pictures import Mask
from support.midjourney_desk import KEY, asked, half, handle, plain

LIVE = "https://mj.example/mj"


def test_one_prompt_can_be_several_requests_that_differ():
    requests, composed = Imagine.of("a red fox --repeat 3 --seed 5 --turbo", "7", {}, take=2)
    assert [request.part for request in requests] == [None, 1, 2]
    assert len({request.fingerprint("live") for request in requests}) == 3
    assert {(request.take, request.seed, request.speed, request.model) for request in requests} == {
        (2, 5, "turbo", "midjourney-7")
    }
    assert composed.prompt == "a red fox --v 7 --seed 5"


def test_the_same_wish_typed_or_set_is_one_purchase():
    (typed,), _ = Imagine.of("a red fox --s 250 --ar 3:2", "7", {})
    (chosen,), _ = Imagine.of("a red fox", "7", {"aspect_ratio": "3:2", "stylize": "250"})
    assert typed.fingerprint("live") == chosen.fingerprint("live")


@pytest.mark.parametrize(
    ("version", "shows", "request_of", "sentence"),
    [
        (
            "8.1",
            "picture",
            lambda task: Upscale.on(task, which="subtle"),
            "Version 8.1 has no Upscale (Subtle): 7, 6.1",
        ),
        ("7", "picture", lambda task: Upscale.on(task, which="2x"), "Version 7 has no Upscale (2x): 5.2"),
        ("5.1", "picture", lambda task: Vary.on(task, which="strong"), "Version 5.1 has no Vary (Strong)"),
        ("8", "picture", lambda task: ZoomOut.on(task, factor=2.0), "Version 8 has no Zoom Out 2x: 7, 6.1"),
        ("4", "picture", lambda task: Pan.on(task, direction="left"), "Version 4 has no Pan left"),
        ("7", "grid", lambda task: Upscale.on(task, which="subtle"), "put Midjourney Upscale before it"),
        ("7", "grid", lambda task: ZoomOut.on(task, factor=1.5), "put Midjourney Upscale before it"),
        ("7", "picture", lambda task: Upscale.on(task, which="1"), "is for a grid of four"),
        ("7", "picture", Reroll.on, "is for a grid of four"),
        ("7", "grid", lambda task: Upscale.on(task, which="5"), "which"),
        ("7", "picture", lambda task: ZoomOut.on(task, factor=2.5), "factor"),
        ("7", "picture", lambda task: ZoomOut.on(task, factor=1.0), "factor"),
    ],
)
def test_what_a_task_does_not_allow_is_refused(version, shows, request_of, sentence):
    with pytest.raises(InputRefused) as refused:
        request_of(handle(version=version, shows=shows))
    assert sentence in str(refused.value)


@pytest.mark.parametrize("text", ["", "hello", "{}", "[1]", '{"task": ""}', '{"task": "1", "gateway": "piapi"}'])
def test_what_is_no_task_is_refused(text):
    with pytest.raises(InputRefused, match="no Midjourney task") as refused:
        Reroll.on(text)
    assert refused.value.input_name == "task"


def test_a_handle_is_plain_json_and_comes_back_the_same():
    known = Handle.read(handle(prompt="a “quoted” fox"))
    assert Handle.read(known.text) == known
    assert set(json.loads(known.text)) == {"task", "gateway", "host", "version", "shows", "prompt"}
    assert KEY not in known.text


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_names_only_versions_that_there_are_and_some_gateway_does_it(name):
    action = ACTIONS[name]
    assert {*action.versions, *action.unsure} <= set(VERSIONS)
    assert any(name in gateway.does for gateway in GATEWAYS.values())


def test_every_gateway_does_only_what_there_is():
    known = {*ACTIONS, "imagine", "blend", "describe"}
    for gateway in GATEWAYS.values():
        assert set(gateway.does) <= known


@pytest.mark.parametrize(
    ("custom_id", "name", "asked_for", "is_it"),
    [
        ("MJ::JOB::upsample::2::abc", "upscale_pick", "2", True),
        ("MJ::JOB::upsample::2::abc", "upscale_pick", "3", False),
        ("MJ::JOB::upsample_v6r1_2x_subtle::1::abc::SOLO", "upscale_subtle", "subtle", True),
        ("MJ::JOB::upsample_v7_2x_creative::1::abc::SOLO", "upscale_subtle", "subtle", False),
        ("MJ::Outpaint::75::1::abc::SOLO", "zoom_out", "1.5", True),
        ("MJ::Outpaint::75::1::abc::SOLO", "zoom_out", "2", False),
        ("MJ::JOB::pan_left::1::abc::SOLO", "pan", "left", True),
        ("XX::MJ::JOB::pan_left::1", "pan", "left", False),
    ],
)
def test_buttons_are_told_apart(custom_id, name, asked_for, is_it):
    assert ACTIONS[name].is_button(custom_id, asked_for) is is_it


@pytest.mark.parametrize("images", [(plain(),), tuple(plain(colour=(n, 0, 0)) for n in range(6))])
def test_two_to_five_pictures_are_blended(images):
    with pytest.raises(InputRefused, match="2 to 5 pictures"):
        Blend.build(model="midjourney-7", images=images)


@pytest.mark.parametrize(
    ("marked", "sentence"), [(0, "it marks nothing"), (127, "it marks nothing"), (255, "the whole")]
)
def test_a_region_has_something_to_change_and_something_to_keep(marked, sentence):
    mask = Mask(np.full((8, 8), marked, np.uint8))
    with pytest.raises(InputRefused, match=sentence) as refused:
        VaryRegion.inside(handle(shows="picture"), "a hat", mask=mask)
    assert refused.value.input_name == "mask"


@pytest.mark.parametrize(
    ("known", "wish", "wanted"),
    [
        ("a cat --v 7 --ar 3:2", "a hat", "a hat --v 7 --ar 3:2"),
        ("a cat --v 7 --ar 3:2 --s 50", "a hat --s 900", "a hat --v 7 --ar 3:2 --stylize 900"),
        ("https://a.example/b.png a cat --v 7 --iw 2", "a hat", "a hat --v 7"),
        ("a cat --v 7 --sref 123 --sw 50", "a hat --sref 456", "a hat --v 7 --sref 456 123 --sw 50"),
        ("a cat --v 7", "", "a cat --v 7"),
        ("", "a hat", "a hat --v 7"),
    ],
)
def test_a_region_keeps_the_parameters_of_its_picture(known, wish, wanted):
    request, _ = VaryRegion.inside(handle(shows="picture", prompt=known), wish, mask=half())
    assert request.prompt == wanted


def test_a_region_of_a_task_without_words_wants_some():
    with pytest.raises(InputRefused, match="no prompt of its own"):
        VaryRegion.inside(handle(shows="picture", prompt=""), "", mask=half())


def referred(name: str, version: str, prompt: str = "a fox", several: int = 1, **inputs: str) -> Imagine:
    shown = tuple(plain(colour=(shade, 0, 0)) for shade in range(several))
    (request,), _ = Imagine.of(prompt, version, inputs, references={name: shown})
    return request


def test_pictures_count_as_the_reference_that_they_become():
    request = referred("style_reference", "7", several=2, style_weight="50")
    assert request.prompt == "a fox --v 7 --sw 50"
    assert [len(request.references[name]) for name in REFERENCES] == [2, 0, 0]
    assert request.fingerprint("live") != referred("style_reference", "7", several=1, style_weight="50").fingerprint(
        "live"
    )


def test_a_request_without_references_is_the_purchase_that_it_was():
    (plainly,), _ = Imagine.of("a fox", "7", {})
    assert {"style_images", "character_images", "omni_image"}.isdisjoint(plainly.parameters())


@pytest.mark.parametrize(
    ("name", "version", "changes", "input_name", "sentence"),
    [
        ("character_reference", "7", {}, "character_images", "version 7 has no --cref: 6.1, 6 and niji 6 have it"),
        ("omni_reference", "6.1", {}, "omni_image", "version 6.1 has no --oref"),
        ("style_reference", "5.2", {}, "style_images", "version 5.2 has no --sref"),
        (
            "omni_reference",
            "7",
            {"prompt": "a fox --oref https://a.example/b.png"},
            "omni_image",
            "exactly one picture",
        ),
        ("omni_reference", "7", {"quality": "4"}, "omni_image", "cannot be used together with --quality 4"),
        ("style_reference", "7", {"several": 6}, "style_images", "at most 5"),
    ],
)
def test_pictures_are_checked_as_the_reference_that_they_become(name, version, changes, input_name, sentence):
    with pytest.raises(InputRefused) as refused:
        referred(name, version, **changes)
    assert sentence in str(refused.value)
    assert refused.value.input_name == input_name


# Gateways


def test_without_a_gateway_the_error_says_what_to_set():
    with pytest.raises(NoGateway) as missing:
        gateway_at(ACCOUNT.address, {})
    for word in ("MIDJOURNEY_BASE_URL", OPTION_VARIABLE, "MIDJOURNEY_API_KEY", "EASEL_SANDBOX=1", *GATEWAYS):
        assert word in str(missing.value)


@pytest.mark.parametrize(("options", "said"), [({}, "it is not set"), ({"gateway": "discord"}, "'discord' is none")])
def test_a_gateway_must_say_how_it_speaks(options, said):
    with pytest.raises(NoGateway, match=said):
        gateway_at(LIVE, options)


def test_the_variable_that_the_error_names_sets_it(tmp_path, monkeypatch):
    monkeypatch.setenv(OPTION_VARIABLE, "piapi")
    place = Settings.load(tmp_path).place_of(ACCOUNT.name, ACCOUNT.address_variable, {"MIDJOURNEY_BASE_URL": LIVE})
    assert gateway_at(place.base_url, place.options).name == "piapi"


def test_in_the_sandbox_nothing_needs_to_be_set():
    assert gateway_at("http://127.0.0.1:1/your-midjourney-gateway.example/mj", {}).name == "midjourney-proxy-trueai"


@pytest.mark.parametrize(
    ("gateway", "request_", "sentence"),
    [
        ("task-api", Reroll.on(handle(gateway="task-api", host="mj.example")), "cannot do Reroll: midjourney-proxy, "),
        ("task-api", Describe.build(model="midjourney-7", image=plain()), "cannot do describe"),
        ("midjourney-proxy", ZoomOut.on(handle(gateway="midjourney-proxy", host="mj.example", shows="picture"), factor=2.0),
         "Zoom Out 2x: midjourney-proxy (trueai-org) and PiAPI can"),
    ],
)  # fmt: skip
def test_what_a_gateway_cannot_do_is_refused_and_says_who_can(gateway, request_, sentence):
    with pytest.raises(InputRefused) as refused:
        check(request_, GATEWAYS[gateway], LIVE)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [{"gateway": "midjourney-proxy"}, {"host": "other.example"}, {"host": "sandbox"}],
    ids=["another way of speaking", "another host", "the sandbox"],
)
def test_a_task_of_another_gateway_is_refused(changes):
    task = handle(**{"gateway": "piapi", "host": "mj.example", **changes})
    with pytest.raises(InputRefused, match="was made at another gateway") as refused:
        check(Reroll.on(task), GATEWAYS["piapi"], LIVE)
    assert refused.value.input_name == "task"
    check(Reroll.on(handle(gateway="piapi", host="mj.example")), GATEWAYS["piapi"], LIVE)


# Prices


@pytest.mark.parametrize(
    ("request_", "usd"),
    [
        (asked("a red fox"), "0.04"),
        (asked("a red fox --turbo"), "0.108"),
        (asked("a red fox --draft --relax --v 7"), "0.0075"),
        (asked("a red fox --oref https://a.example/b.png --v 7"), "0.08"),
        (asked("a red fox", "7", references={"omni_reference": (plain(),)}), "0.08"),
        (Reroll.on(handle()), "0.04"),
        (Describe.build(model="midjourney-7", image=plain()), "0.04"),
    ],
)
def test_a_call_is_estimated_by_its_speed(request_, usd):
    assert prices.estimate(request_) == Decimal(usd)
