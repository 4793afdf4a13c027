"""The Ideogram stand-in over real HTTP: three APIs, JSON and forms, prices, refusals, jobs."""

import asyncio
import io
import json

import aiohttp
import numpy as np
import pytest
from PIL import Image

from easel.nodes.sandbox import start
from easel.nodes.sandbox.ideogram.models import ENDPOINTS
from easel.nodes.sandbox.specs import validator
from support.story import play

HOST = "/api.ideogram.ai/"
KEY = {"Api-Key": "ideogram-secret"}
V1, V2 = "v1/ideogram-v3/generate", "v2/image/generate/ideogram-3"


@pytest.fixture(scope="module")
def served():
    url, stop = start()
    yield url
    stop()


def png(width=64, height=64, colour=(200, 30, 30), mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, (width, height), colour).save(file, "PNG")
    return file.getvalue()


def half_mask(width=64, height=64, black=0, white=255):
    """Black (edit) on the right half."""
    array = np.full((height, width), white, np.uint8)
    array[:, width // 2 :] = black
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def form(files=(), **fields):
    made = aiohttp.FormData()
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            is_json = isinstance(one, dict)
            made.add_field(
                name, json.dumps(one) if is_json else str(one), content_type="application/json" if is_json else None
            )
    for name, data in files:
        made.add_field(name, data, filename="picture.png", content_type="image/png")
    return made


async def post(site, path, body=None, *, files=(), headers=KEY, **fields):
    sent = {"json": body} if body is not None else {"data": form(files, **fields)}
    async with site.session.post(site.url + HOST + path, headers=headers, **sent) as answer:
        return answer.status, await answer.json(), answer.headers


async def fetched(site, url):
    async with site.session.get(url) as answer:
        return Image.open(io.BytesIO(await answer.read()))


async def settings(site, **values):
    async with site.session.post(f"{site.url}/sandbox/settings", json=values) as answer:
        assert answer.status == 200


def test_the_three_apis_draw_and_charge(served):
    async def story(site):
        legacy = {"image_request": {"prompt": "a star", "model": "V_2", "num_images": 2, "aspect_ratio": "ASPECT_3_1"}}
        status, body, headers = await post(site, "generate", legacy)
        assert (status, len(body["data"]), body["data"][0]["resolution"]) == (200, 2, "1760x576")
        assert headers["Deprecation"] and headers["X-Request-Id"].startswith("req_")
        status, body, headers = await post(site, V1, {"prompt": "a star", "rendering_speed": "TURBO", "seed": 7})
        assert (status, body["data"][0]["seed"], body["data"][0]["is_image_safe"]) == (200, 7, True)
        assert "Deprecation" not in headers
        status, body, _ = await post(site, V2, {"prompt": "a star", "rendering_speed": "quality"})
        assert (status, body["generation_kind"], len(body["data"])) == (200, "image", 1)
        assert (await fetched(site, body["data"][0]["url"])).size == (1024, 1024)
        charges = [one["charged_usd"] for one in (await site.log())["requests"] if one["charged_usd"]]
        assert charges == [0.16, 0.03, 0.09]

    play(served, story)


def test_a_job_is_polled_until_it_is_done_and_tells_its_cost(served):
    async def story(site):
        await settings(site, job_seconds=0.15)
        _, begun, _ = await post(site, V2, {"prompt": "a star", "async": True})
        assert "data" not in begun
        url = f"{site.url}{HOST}v2/generations/{begun['generation_id']}"
        async with site.session.get(url, headers=KEY) as answer:
            assert (await answer.json())["status"] == "pending"
        while True:
            async with site.session.get(url, headers=KEY) as answer:
                told = await answer.json()
            if told["status"] != "pending":
                break
            await asyncio.sleep(0.05)
        assert (told["status"], told["usage_cost_usd_micros"]) == ("completed", 60_000)
        again = await (await site.session.get(url, headers=KEY)).json()
        assert again["data"] == told["data"]
        assert validator("ideogram", "v2/image/generate/ideogram-3")
        async with site.session.get(url + "x", headers=KEY) as answer:
            assert answer.status == 404
        await settings(site, job_seconds=1)
        assert await site.counts() == (1, 1)

    play(served, story)


def test_a_dry_run_prices_and_buys_nothing(served):
    async def story(site):
        body = {"prompt": "a star", "quality": "high", "num_images": 3}
        status, quote, _ = await post(site, "v2/image/generate/ideogram-4-6?dry_run=true", body)
        assert status == 200
        assert (quote["object"], quote["quantity"], quote["usd_micros"], quote["qualifier"]) == (
            "price_quote",
            3,
            300_000,
            "exact",
        )
        assert await site.counts() == (0, 0)
        status, _, _ = await post(site, "v2/image/generate/ideogram-4-6?dry_run=true", {"prompt": ""})
        assert status == 400

    play(served, story)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("generate", {"image_request": {"prompt": "x", "model": "V_9"}}, "V_9"),
        ("generate", {"image_request": {"prompt": "x", "model": "V_1", "style_type": "DESIGN"}}, "style_type"),
        ("generate", {"image_request": {"prompt": "x", "model": "V_2A", "negative_prompt": "y"}}, "negative_prompt"),
        ("generate", {"image_request": {"prompt": "x", "model": "V_1", "color_palette": {"name": "EMBER"}}}, "palette"),
        (
            "generate",
            {"image_request": {"prompt": "x", "aspect_ratio": "ASPECT_1_1", "resolution": "RESOLUTION_1024_1024"}},
            "conjunction",
        ),
        ("generate", {"prompt": "x"}, "image_request"),
        (V1, {"prompt": "x", "style_type": "design"}, "style_type"),
        (V1, {"prompt": "x", "style_codes": ["AAFF5733"], "style_type": "DESIGN"}, "style_codes"),
        (V1, {"prompt": "x", "num_images": 9}, "num_images"),
        (V2, {"prompt": "x", "style_type": "DESIGN"}, "style_type"),
        (V2, {"prompt": "x", "style_preset": "aura", "style_codes": ["AAFF5733"]}, "style_preset"),
        (V2, {"prompt": "x", "colour": "red"}, "colour"),
        ("v2/image/generate/ideogram-4-5", {"prompt": "x", "size": "source"}, "source"),
    ],
)
def test_a_body_that_breaks_the_specification_is_refused_and_named(served, path, body, words):
    async def story(site):
        status, told, _ = await post(site, path, body)
        assert status == 400
        assert words in json.dumps(told)
        assert ("detail" in told) == path.startswith("v1/")
        assert await site.counts() == (1, 0)

    play(served, story)


def test_forms_are_read_as_their_schemas_say(served):
    async def story(site):
        status, body, _ = await post(
            site,
            V1,
            files=[("style_reference_images", png()), ("style_reference_images", png())],
            prompt="a star",
            num_images=2,
            seed=3,
            color_palette={"members": [{"color_hex": "#FF8800", "color_weight": 0.5}]},
        )
        assert (status, len(body["data"]), body["data"][0]["seed"]) == (200, 2, 3)
        status, told, _ = await post(site, V1, files=[("style_reference_images", png())], prompt="x", num_images="two")
        assert status == 400 and "num_images" in json.dumps(told)
        status, told, _ = await post(site, V1, files=[("picture", png())], prompt="x")
        assert status == 400 and "picture" in json.dumps(told)
        image = [("image_file", png(100, 80))]
        status, body, _ = await post(site, "upscale", files=image, image_request={"resemblance": 70})
        assert (status, body["data"][0]["upscaled_resolution"]) == (200, "200x160")
        status, body, _ = await post(
            site, "remix", files=image, image_request={"prompt": "x", "model": "V_2", "image_weight": 9}
        )
        assert status == 200
        status, _, _ = await post(site, "remix", files=image, image_request={"prompt": "x", "image_weight": 0})
        assert status == 400

    play(served, story)


def test_files_are_counted_and_style_pictures_weighed_together(served):
    async def story(site):
        few, many = ([("style_reference_images", png())] * count for count in (10, 11))
        assert (await post(site, V2, files=few, prompt="x"))[0] == 200
        assert (await post(site, V1, files=many, prompt="x"))[0] == 200
        heavy = [("style_reference_images", png() + bytes(6_000_000))] * 2
        status, told, _ = await post(site, V1, files=heavy, prompt="x")
        assert status == 400 and "together" in json.dumps(told)
        inpaint = [("image", png()), ("mask", half_mask()), *few[:9]]
        status, told, _ = await post(site, "v2/image/inpaint/ideogram-3", files=inpaint, prompt="x")
        assert status == 400 and "10 files" in json.dumps(told)

    play(served, story)


EDITS = ["edit", "v1/ideogram-v3/inpaint", "v2/image/inpaint/ideogram-3", "v2/image/precise-edit/ideogram-4-5"]


@pytest.mark.parametrize("path", EDITS)
def test_black_is_edited_and_white_is_kept(served, path):
    name, fields = ("image_file", {"model": "V_2"}) if path == "edit" else ("image", {})

    async def story(site):
        async def edited(mask):
            return await post(site, path, files=[(name, png()), ("mask", mask)], prompt="a blue square", **fields)

        status, body, _ = await edited(half_mask())
        assert status == 200, body
        pixels = np.asarray((await fetched(site, body["data"][0]["url"])).convert("RGB"))
        assert (pixels[:, :32] == (200, 30, 30)).all() and (pixels[:, 32:] != (200, 30, 30)).any()
        assert (await edited(half_mask(32, 32)))[0] == 400
        assert (await edited(half_mask(black=100)))[0] == 400
        assert (await edited(half_mask(black=255)))[0] == (400 if "4-5" in path else 200)

    play(served, story)


def test_the_general_model_edits_what_it_is_sent(served):
    async def story(site):
        path, image = "v2/image/generate/ideogram-4-6", ("images", png(96, 64))
        status, body, _ = await post(site, path, files=[image], prompt="a star", size="source")
        assert (status, body["data"][0]["resolution"]) == (200, "96x64")
        files = [image, ("mask", half_mask(96, 64))]
        status, _, _ = await post(site, path, files=files, prompt="a star", size="source")
        assert status == 400
        assert (await site.log())["requests"][0]["operation"] == "edit"

    play(served, story)


def test_a_picture_that_is_too_narrow_or_none_is_refused(served):
    async def story(site):
        path = "v2/image/remix/ideogram-4"
        assert (await post(site, path, files=[("image", png(700, 100))], prompt="x"))[0] == 400
        assert (await post(site, path, files=[("image", b"no picture")], prompt="x"))[0] == 400
        assert (await post(site, path, files=[("image", png(600, 100))], prompt="x"))[0] == 200

    play(served, story)


def test_a_background_is_only_replaced_as_a_job(served):
    async def story(site):
        path = "v2/image/replace-background/ideogram-3"
        _, body, _ = await post(site, path, files=[("image", png())], prompt="a beach")
        assert "data" not in body and body["generation_id"]

    play(served, story)


def test_transparent_pictures_designs_and_descriptions(served):
    async def story(site):
        _, body, _ = await post(site, "v1/ideogram-v3/generate-transparent", {"prompt": "a red circle"})
        assert (await fetched(site, body["data"][0]["url"])).mode == "RGBA"
        _, body, _ = await post(site, "v1/ideogram-v3/generate-design", {"prompt": 'a card: "HELLO"'})
        assert body["data"][0]["text_html"] == "<p>HELLO</p>"
        _, body, _ = await post(site, "describe", files=[("image_file", png())], describe_model_version="V_2")
        assert "red" in body["descriptions"][0]["text"]

    play(served, story)


def test_a_character_costs_more_and_takes_certain_styles(served):
    async def story(site):
        files = [("character_reference_images", png())]
        assert (await post(site, V1, files=files, prompt="a star", style_type="FICTION"))[0] == 200
        assert (await post(site, V1, files=files, prompt="a star", style_type="DESIGN"))[0] == 400
        assert (await site.log())["charged_usd"] == 0.15

    play(served, story)


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"Api-Key": "bad-key"}, 401), (KEY, 200)])
def test_only_a_key_opens(served, headers, status):
    async def story(site):
        assert (await post(site, "describe", files=[("image_file", png())], headers=headers))[0] == status

    play(served, story)


PLAIN = {
    "rate_limit": 429,
    "insufficient_quota": 402,
    "server_error": 500,
    "unavailable": 503,
    "bad_key": 401,
    "not_verified": 403,
    "model_not_found": 404,
    "refuse_input": 422,
}


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("path", ["generate", V1, V2])
def test_an_error_answer_costs_nothing_and_passes(served, path, kind):
    async def story(site):
        await site.fault(kind, times=1)
        asked = {"image_request": {"prompt": "x"}} if path == "generate" else {"prompt": "x"}
        status, body, _ = await post(site, path, asked)
        assert (status, bool(body["error"])) == (PLAIN[kind], True)
        if kind in ("rate_limit", "insufficient_quota"):
            reason = {"rate_limit": "inflight_limit", "insufficient_quota": "insufficient_funds"}[kind]
            assert body.get("reject_reason") == (reason if path == V2 else None)
        assert await site.counts() == (1, 0)

    play(served, story)


def test_a_forbidden_prompt_is_refused_and_costs_nothing(served):
    async def story(site):
        status, body, _ = await post(site, V2, {"prompt": "a forbidden thing"})
        assert (status, "safety" in body["error"]) == (422, True)
        assert await site.counts() == (1, 0)

    play(served, story)


@pytest.mark.parametrize(("kind", "safe"), [("refuse_output", []), ("refuse_some", [True, True])])
def test_what_is_held_back_has_no_link_and_is_billed_all_the_same(served, kind, safe):
    async def story(site):
        await site.fault(kind)
        _, body, _ = await post(site, V1, {"prompt": "a star", "num_images": 3, "rendering_speed": "TURBO"})
        assert [item["is_image_safe"] for item in body["data"] if item["url"]] == safe
        assert len(body["data"]) == 3
        assert (await site.log())["charged_usd"] == pytest.approx(0.09)

    play(served, story)


def test_no_more_than_ten_are_in_flight():
    # A house of its own: the jobs of other tests would count.
    url, stop = start()

    async def story(site):
        await settings(site, job_seconds=30)
        for _ in range(10):
            assert (await post(site, V2, {"prompt": "a star", "async": True}))[0] == 200
        status, body, _ = await post(site, V1, {"prompt": "a star"})
        assert (status, body["max_inflight_requests"]) == (429, 10)

    play(url, story)
    stop()


def test_links_say_until_when_they_work(served):
    async def story(site):
        await settings(site, link_seconds=0)
        _, body, _ = await post(site, V1, {"prompt": "a star"})
        assert "exp=" in body["data"][0]["url"] and "sig=" in body["data"][0]["url"]
        async with site.session.get(body["data"][0]["url"]) as answer:
            assert answer.status == 403
        await settings(site, link_seconds=3600)

    play(served, story)


def test_every_endpoint_has_a_schema():
    for path in ENDPOINTS:
        assert validator("ideogram", path).schema["type"] == "object"
