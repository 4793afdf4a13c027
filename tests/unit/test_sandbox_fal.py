"""The stand-in for fal.ai: what its endpoints take, make, cost and tell, spoken to by fal's own client."""

import base64
import io
from urllib.parse import urlsplit

import fal_client
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from easel.nodes.sandbox import start
from easel.nodes.sandbox.fal.models import MODELS
from easel.nodes.sandbox.fal.schemas import document
from support.fal_site import KEY, MASK, NEEDED, PICTURE, POLICY, PRO, SCHNELL, SMALL, play, png, uri


@pytest.fixture(scope="module")
def served():
    url, stop = start()
    yield url
    stop()


def test_the_official_client_submits_polls_and_gets(served):
    async def story(site):
        await site.settings(job_seconds=30)
        await site.fault("slow", times=1, seconds=0.3, path="/jobs/")
        handle = await site.fal.submit(SCHNELL, {"prompt": "a star", "seed": 7, **SMALL})
        assert urlsplit(handle.status_url).path == f"/queue.fal.run/fal-ai/flux/requests/{handle.request_id}/status"
        assert await handle.status() == fal_client.Queued(position=0)
        await site.settings(job_seconds=0)
        seen = {type(one).__name__ async for one in handle.iter_events(with_logs=True, interval=0.02)}
        assert {"InProgress", "Completed"} <= seen
        told = await handle.get()
        assert (told["seed"], told["prompt"], told["has_nsfw_concepts"]) == (7, "a star", [False])
        assert told["images"][0]["url"].startswith(f"{site.url}/v3.fal.media/files/")
        assert (await site.picture(told["images"][0]["url"])).size == (256, 160)
        again = await site.fal.get_handle(SCHNELL, handle.request_id)
        assert await again.get() == told
        (entry,) = await site.bought()
        assert (entry["model"], entry["operation"], entry["size"]) == (SCHNELL, "generate", "256x160")
        assert (entry["charged_usd"], entry["request_id"]) == (0.003, handle.request_id)
        assert await site.counts() == (1, 1)

    play(served, story)


def test_the_official_client_uploads_both_ways(served):
    async def story(site):
        data = png(box=(60, 30, 140, 90))
        direct = await site.fal.upload(data, "image/png", "a.png", repository="fal_v3", fallback_repository=[])
        in_two_steps = await site.fal.upload(data, "image/png", "a.png", repository="fal")
        for url in (direct, in_two_steps):
            assert (await site.picture(url)).size == (200, 120)
            told = await site.fal.run("fal-ai/esrgan", {"image_url": url, "scale": 2})
            assert (told["image"]["width"], told["image"]["height"]) == (400, 240)
        assert await site.counts() == (2, 2)

    play(served, story)


def test_the_official_client_reports_a_refusal_with_its_details(served):
    async def story(site):
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            await site.fal.subscribe(PRO, {"prompt": "a forbidden star", **SMALL}, interval=0.02)
        assert caught.value.status_code == 422
        assert caught.value.response.json()["detail"][0]["type"] == POLICY
        assert caught.value.response_headers["x-fal-retryable"] == "false"
        assert await site.counts() == (1, 0)

    play(served, story)


def test_every_endpoint_answers_what_its_schema_says(served):
    async def story(site):
        for path in MODELS:
            sides = document()["endpoints"][path]
            body = {name: NEEDED[name] for name in sides["input"].get("required", [])}
            if "anyOf" in sides["input"]["properties"].get("image_size", {}):
                body |= SMALL
            for name in ("aspect_ratio", "resolution_mode"):
                if name in sides["input"]["properties"]:
                    body[name] = "16:9"
            status, told = await site.run(path, **body, unknown_field=1)
            assert status == 200, (path, told)
            Draft202012Validator({"$defs": document()["$defs"], **sides["output"]}).validate(told)
        assert await site.counts() == (len(MODELS), len(MODELS))

    play(served, story)


def test_every_endpoint_has_a_row_and_a_schema():
    assert set(MODELS) == set(document()["endpoints"])


@pytest.mark.parametrize(
    ("path", "body", "size"),
    [
        ("fal-ai/flux/dev", {}, (1024, 768)),
        ("fal-ai/flux/dev", {"image_size": "square"}, (512, 512)),
        ("fal-ai/flux/dev", {"image_size": {"width": 300, "height": 200}}, (300, 200)),
        ("fal-ai/flux-pro/kontext/text-to-image", {"aspect_ratio": "16:9"}, (1360, 768)),
        ("fal-ai/flux-pro/kontext", {"image_url": PICTURE}, (1328, 800)),
        ("fal-ai/flux-2/edit", {"image_urls": [PICTURE]}, (200, 120)),
        ("blackforestlabs/flux-3/text-to-image", {"aspect_ratio": "1:1", "resolution": "512sq"}, (512, 512)),
        ("fal-ai/gpt-image-1.5", {"image_size": "1536x1024"}, (1536, 1024)),
    ],
)
def test_sizes_are_as_asked(served, path, body, size):
    async def story(site):
        _, told = await site.run(path, prompt="a star", **body)
        one = told["images"][0]
        assert (one["width"], one["height"]) == size
        assert (await site.picture(one["url"])).size == size

    play(served, story)


def test_formats_counts_seeds_and_inline_pictures(served):
    async def story(site):
        _, told = await site.run("fal-ai/flux-2", prompt="a star", num_images=3, seed=5, output_format="webp", **SMALL)
        assert [(await site.picture(one["url"])).format for one in told["images"]] == ["WEBP"] * 3
        assert (told["seed"], len({one["url"] for one in told["images"]})) == (5, 3)
        _, told = await site.run(SCHNELL, prompt="a star", sync_mode=True, output_format="png", **SMALL)
        head, _, data = told["images"][0]["url"].partition(",")
        assert head == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (256, 160)
        assert [round(entry["charged_usd"], 4) for entry in await site.bought()] == [0.036, 0.003]

    play(served, story)


def test_fill_changes_only_what_is_white_in_the_mask(served):
    async def story(site):
        body = {"prompt": "a green square on a green background", "output_format": "png"}
        _, told = await site.run("fal-ai/flux-pro/v1/fill", image_url=PICTURE, mask_url=MASK, **body)
        picture = (await site.picture(told["images"][0]["url"])).convert("RGB")
        assert picture.getpixel((5, 5)) == (255, 255, 255)
        assert picture.getpixel((120, 60)) == (255, 0, 0)
        assert picture.getpixel((55, 25)) not in ((255, 255, 255), (255, 0, 0))

    play(served, story)


def test_a_cutout_and_its_mask(served):
    async def story(site):
        _, told = await site.run("fal-ai/birefnet/v2", image_url=PICTURE, output_mask=True)
        cut = await site.picture(told["image"]["url"])
        assert (cut.mode, cut.getchannel("A").getbbox()) == ("RGBA", (60, 30, 140, 90))
        assert (await site.picture(told["mask_image"]["url"])).getbbox() == (60, 30, 140, 90)
        _, told = await site.run("fal-ai/birefnet/v2", image_url=PICTURE, mask_only=True)
        assert (await site.picture(told["image"]["url"])).mode == "L"
        _, told = await site.run("fal-ai/imageutils/rembg", image_url=PICTURE, crop_to_bbox=True)
        assert (told["image"]["width"], told["image"]["height"]) == (80, 60)

    play(served, story)


def test_a_caption_is_text_that_is_true(served):
    async def story(site):
        _, told = await site.run("fal-ai/florence-2-large/caption", image_url=PICTURE)
        assert told["results"].startswith("A red rectangle on a white background.")

    play(served, story)


@pytest.mark.parametrize(
    ("body", "where", "kind"),
    [
        ({}, ["body", "prompt"], "missing"),
        ({"prompt": 3}, ["body", "prompt"], "value_error"),
        ({"prompt": "a", "output_format": "bmp"}, ["body", "output_format"], "one_of"),
        ({"prompt": "a", "num_images": 5}, ["body", "num_images"], "less_than"),
        ({"prompt": "a", "num_images": 0}, ["body", "num_images"], "greater_than"),
        ({"prompt": "a", "seed": 1.5}, ["body", "seed"], "value_error"),
        ({"prompt": "a", "image_size": {"width": 0, "height": 64}}, ["body", "image_size", "width"], "greater_than"),
        ({"prompt": "a", "image_size": {"width": 9000, "height": 9000}}, ["body", "image_size"], "image_too_large"),
    ],
)
def test_a_wrong_input_is_told_with_its_place(served, body, where, kind):
    async def story(site):
        status, detail = await site.detail(SCHNELL, **body)
        assert (status, detail["loc"], detail["type"]) == (422, where, kind)
        assert detail["url"].endswith(f"#{kind}")
        assert await site.counts() == (1, 0)

    play(served, story)


def test_a_mask_has_the_size_of_its_picture(served):
    async def story(site):
        status, detail = await site.detail(
            "fal-ai/flux-pro/v1/fill", prompt="a", image_url=PICTURE, mask_url=uri(png((64, 64)))
        )
        assert (status, detail["loc"], detail["type"]) == (422, ["body", "mask_url"], "value_error")

    play(served, story)


def test_null_and_unknown_fields_are_as_if_not_sent(served):
    async def story(site):
        body = {"prompt": "a star", "num_images": None, "image_url": "https://example.com/a.png", **SMALL}
        status, told = await site.run(SCHNELL, **body)
        assert (status, len(told["images"])) == (200, 1)
        assert (await site.detail(SCHNELL, prompt=None))[1]["type"] == "missing"

    play(served, story)


def test_all_that_is_wrong_is_told_at_once(served):
    async def story(site):
        status, told = await site.run("fal-ai/flux-pro/v1/fill", num_images="two")
        assert status == 422
        assert {detail["loc"][1] for detail in told["detail"]} == {"prompt", "image_url", "mask_url", "num_images"}

    play(served, story)


def test_in_the_queue_a_wrong_input_shows_in_the_result(served):
    async def story(site):
        told = await site.submit(SCHNELL)
        assert (await site.finished(told))["error"] is None
        status, answer, headers = await site.call("GET", told["response_url"])
        assert (status, answer["detail"][0]["type"]) == (422, "missing")
        assert headers["X-Fal-Retryable"] == "false"
        assert await site.counts() == (1, 0)

    play(served, story)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("data:image/png;base64,AAAA", "image_load_error"),
        ("data:image/png;base64,???", "image_load_error"),
        ("https://example.com/a.png", "file_download_error"),
        ("{site}/v3.fal.media/files/none.png", "file_download_error"),
        ("{site}/v3.fal.media/files/u/none.png", "file_download_error"),
    ],
)
def test_a_picture_that_cannot_be_had(served, address, kind):
    async def story(site):
        status, detail = await site.detail("fal-ai/aura-sr", image_url=address.format(site=site.url))
        assert (status, detail["loc"], detail["type"]) == (422, ["body", "image_url"], kind)
        assert await site.counts() == (1, 0)

    play(served, story)


def test_an_expired_result_is_no_input_and_no_download(served):
    async def story(site):
        await site.settings(link_seconds=0)
        _, told = await site.run(SCHNELL, prompt="a star", **SMALL)
        url = told["images"][0]["url"]
        assert (await site.call("GET", url, key=""))[0] == 403
        assert (await site.detail("fal-ai/esrgan", image_url=url))[1]["type"] == "file_download_error"

    play(served, story)


def test_a_result_goes_in_again_by_its_link(served):
    async def story(site):
        _, told = await site.run(SCHNELL, prompt="a star", **SMALL)
        link = told["images"][0]["url"]
        for url in (link, link.replace("/v3.fal.media", "")):
            status, told = await site.run("fal-ai/clarity-upscaler", image_url=url, upscale_factor=3)
            assert (status, told["image"]["width"], told["image"]["height"]) == (200, 768, 480)

    play(served, story)


def test_an_upload_needs_its_token(served):
    async def story(site):
        token = (await site.call("POST", "/rest.fal.ai/storage/auth/token", json={}))[1]
        assert token["base_url"] == f"{site.url}/v3.fal.media"
        where = f"{site.url}/v3.fal.media/files/upload"
        for header, status in ((f"Bearer {token['token']}", 200), (f"Key {KEY}", 401), ("Bearer wrong", 401)):
            async with site.session.post(where, data=png(), headers={"Authorization": header}) as answer:
                assert answer.status == status
        assert (await site.call("PUT", "/v3.fal.media/uploads/none", data=png()))[0] == 404

    play(served, story)


def test_prices(served):
    async def story(site):
        asked = f"endpoint_id={SCHNELL},{PRO}&endpoint_id=fal-ai/flux-pro/kontext"
        status, told, _ = await site.call("GET", f"/api.fal.ai/v1/models/pricing?{asked}")
        assert (status, told["has_more"], told["next_cursor"]) == (200, False, None)
        prices = [(one["endpoint_id"], one["unit_price"], one["unit"], one["currency"]) for one in told["prices"]]
        assert prices == [
            (SCHNELL, 0.003, "megapixels", "USD"),
            (PRO, 0.04, "megapixels", "USD"),
            ("fal-ai/flux-pro/kontext", 0.04, "image", "USD"),
        ]
        for where, key, status, kind in (
            ("?endpoint_id=none", KEY, 404, "not_found"),
            ("", KEY, 400, "validation_error"),
            ("?endpoint_id=" + ",".join([PRO] * 51), KEY, 400, "validation_error"),
            (f"?endpoint_id={PRO}", "", 401, "authorization_error"),
        ):
            answered, told, _ = await site.call("GET", f"/api.fal.ai/v1/models/pricing{where}", key=key)
            assert (answered, told["error"]["type"]) == (status, kind)
        await site.fault("rate_limit", times=1)
        _, told, _ = await site.call("GET", f"/api.fal.ai/v1/models/pricing?endpoint_id={PRO}")
        assert told["error"]["type"] == "rate_limited"

    play(served, story)


@pytest.mark.parametrize(
    ("path", "body", "usd"),
    [
        (PRO, {"image_size": "square_hd"}, 0.04),
        (PRO, {"image_size": {"width": 1025, "height": 1024}}, 0.08),
        ("fal-ai/flux-2-pro", {"image_size": {"width": 1440, "height": 1440}}, 0.045),
        ("fal-ai/flux-pro/v1.1-ultra", {"aspect_ratio": "1:1"}, 0.06),
        ("fal-ai/ideogram/v3", {"rendering_speed": "TURBO", "num_images": 2, **SMALL}, 0.06),
        ("blackforestlabs/flux-3/text-to-image", {"resolution": "1k"}, 0.048),
    ],
)
def test_a_job_is_charged_by_picture_or_megapixel(served, path, body, usd):
    async def story(site):
        await site.run(path, prompt="a star", **body)
        assert (await site.log())["charged_usd"] == usd

    play(served, story)


def referred(found, reference):
    return found["components"]["schemas"][reference["$ref"].rpartition("/")[2]]


def test_the_schema_of_an_endpoint_as_fal_serves_it(served):
    async def story(site):
        for path in MODELS:
            where = f"/fal.ai/api/openapi/queue/openapi.json?endpoint_id={path}"
            status, found, _ = await site.call("GET", where, key="")
            assert (status, found["info"]["x-fal-metadata"]["endpointId"]) == (200, path)
            body = found["paths"][f"/{path}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
            told = found["paths"][f"/{path}/requests/{{request_id}}"]["get"]["responses"]["200"]["content"]
            for side, reference in (("input", body), ("output", told["application/json"]["schema"])):
                schema = referred(found, reference)
                assert list(schema["properties"]) == schema["x-fal-order-properties"]
                assert set(schema["properties"]) == set(document()["endpoints"][path][side]["properties"])
        _, found, _ = await site.call("GET", where.replace(path, SCHNELL), key="")
        fields = found["components"]["schemas"]["FalAiFluxSchnellInput"]["properties"]
        names, numbers = fields["image_size"]["anyOf"]
        assert "square_hd" in names["enum"]
        assert set(referred(found, numbers)["properties"]) == {"width", "height"}
        assert (fields["num_images"]["type"], fields["num_images"]["maximum"]) == ("integer", 4)
        assert (await site.call("GET", where.replace(path, "none"), key=""))[0] == 404

    play(served, story)
