"""Each fault of the sandbox does what its name says, over real HTTP, and charges what it says."""

import asyncio
import base64
import io
import json
import time
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from easel.nodes.sandbox import KINDS, start
from support.story import CREATE, LEGACY, play


@pytest.fixture(scope="module")
def served():
    url, stop = start()
    yield url
    stop()


async def in_flight(site, count):
    """Wait until that many requests are being answered."""
    end = time.monotonic() + 10
    while (await site.log())["in_flight"] != count:
        assert time.monotonic() < end, f"there were never {count} requests in flight"
        await asyncio.sleep(0.02)


PLAIN = {
    "rate_limit": (429, "rate_limit_exceeded"),
    "insufficient_quota": (429, "insufficient_quota"),
    "server_error": (500, "server_error"),
    "unavailable": (503, "server_error"),
    "bad_key": (401, "invalid_api_key"),
    "not_verified": (403, None),
    "model_not_found": (404, "model_not_found"),
    "refuse_input": (400, "moderation_blocked"),
    "refuse_output": (400, "moderation_blocked"),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_an_error_answer_costs_nothing_and_passes(served, kind):
    async def story(site):
        await site.fault(kind, times=1)
        status, error, headers = await site.error()
        assert (status, error["code"]) == PLAIN[kind]
        assert "Retry-After" not in headers
        assert headers["x-request-id"].startswith("req_")
        assert (await site.buy())[0] == 200
        assert await site.counts() == (2, 1)

    play(served, story)


@pytest.mark.parametrize("kind", ["rate_limit", "unavailable"])
def test_retry_after_is_told_when_it_is_set(served, kind):
    async def story(site):
        await site.fault(kind, retry_after=2)
        _, _, headers = await site.error()
        assert headers["Retry-After"] == "2"

    play(served, story)


@pytest.mark.parametrize("stage", ["input", "output"])
def test_a_refusal_names_its_stage_unless_told_not_to(served, stage):
    async def story(site):
        await site.fault(f"refuse_{stage}", times=1, category="violence")
        _, error, _ = await site.error()
        assert error["moderation_details"] == {"moderation_stage": stage, "categories": ["violence"]}
        await site.fault(f"refuse_{stage}", times=1, details=False)
        _, error, _ = await site.error()
        assert "moderation_details" not in error

    play(served, story)


def test_slow_is_charged_even_when_the_client_has_gone(served):
    async def story(site):
        await site.fault("slow", seconds=1.0, times=1)
        buying = asyncio.ensure_future(site.buy())
        await in_flight(site, 1)
        buying.cancel()
        await in_flight(site, 0)
        assert await site.counts() == (1, 1)

    play(served, story)


def test_refused_connections_end_by_themselves(served):
    async def story(site):
        await site.fault("connection_refused", seconds=0.5)
        with pytest.raises(aiohttp.ClientConnectorError):
            await site.buy()
        await asyncio.sleep(0.7)
        assert (await site.buy())[0] == 200
        assert await site.counts() == (1, 1)

    play(served, story)


@pytest.mark.parametrize(("kind", "counts"), [("cut_before_body", (0, 0)), ("cut_after_body", (1, 1))])
def test_a_cut_connection_shows_nothing(served, kind, counts):
    async def story(site):
        await site.fault(kind)
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await site.buy()
        assert await site.counts() == counts
        assert (await site.log())["requests"][0]["status"] == 0

    play(served, story)


def test_a_cut_stream_ends_without_its_completed_event(served):
    async def story(site):
        await site.fault("cut_stream", times=1)
        _, _, cut = await site.buy(stream=True, partial_images=2)
        _, _, whole = await site.buy(stream=True, partial_images=2)
        assert (cut.count(b"partial_image\n"), cut.count(b"completed\n")) == (2, 0)
        assert (whole.count(b"partial_image\n"), whole.count(b"completed\n")) == (2, 1)
        assert await site.counts() == (2, 2)

    play(served, story)


def whole(data):
    Image.open(io.BytesIO(data)).load()


def inline(body):
    return base64.b64decode(json.loads(body)["data"][0]["b64_json"])


def test_half_a_picture_cannot_be_read(served):
    async def story(site):
        await site.fault("half_picture", times=2)
        _, _, body = await site.buy()
        with pytest.raises(OSError, match="truncated"):
            whole(inline(body))
        async with site.session.get(await site.link()) as answer:
            data = await answer.read()
        with pytest.raises(OSError, match="truncated"):
            whole(data)
        assert await site.counts() == (2, 2)

    play(served, story)


def test_half_a_picture_in_a_stream(served):
    async def story(site):
        await site.fault("half_picture")
        _, _, body = await site.buy(stream=True)
        last = json.loads(body.decode().split("data: ")[-1])
        with pytest.raises(OSError, match="truncated"):
            whole(base64.b64decode(last["b64_json"]))

    play(served, story)


def test_html_comes_with_status_200(served):
    async def story(site):
        await site.fault("html")
        status, headers, body = await site.buy()
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/html")
        assert body.startswith(b"<!DOCTYPE html>")
        assert await site.counts() == (1, 0)

    play(served, story)


def test_no_data_and_a_bill_without_a_picture(served):
    async def story(site):
        await site.fault("no_data", times=1)
        await site.fault("bill_without_picture", times=1)
        _, _, first = await site.buy()
        assert "data" not in json.loads(first)
        assert await site.counts() == (1, 0)
        _, _, second = await site.buy()
        assert json.loads(second)["data"] == []
        assert json.loads(second)["usage"]["output_tokens"] == 196
        assert await site.counts() == (2, 1)

    play(served, story)


def test_some_of_several_are_refused_and_only_the_others_charged(served):
    async def story(site):
        _, _, whole_body = await site.buy(n=3)
        await site.fault("refuse_some")
        _, _, body = await site.buy(n=3)
        assert (len(json.loads(whole_body)["data"]), len(json.loads(body)["data"])) == (3, 2)
        all_of_them, some = (request["charged_usd"] for request in (await site.log())["requests"])
        assert some < all_of_them

    play(served, story)


@pytest.mark.parametrize("status", [403, 404])
def test_an_expired_link(served, status):
    async def story(site):
        await site.fault("expired_link", status=status, times=1)
        link = await site.link()
        async with site.session.get(link) as answer:
            assert answer.status == status
        async with site.session.get(link) as answer:
            assert answer.status == 200

    play(served, story)


def test_links_expire_by_time(served):
    async def story(site):
        async with site.session.post(f"{site.url}/sandbox/settings", json={"link_seconds": 0.1}) as answer:
            assert answer.status == 200
        link = await site.link()
        await asyncio.sleep(0.2)
        async with site.session.get(link) as answer:
            assert answer.status == 403
        await site.session.post(f"{site.url}/sandbox/settings", json={"link_seconds": 3600})

    play(served, story)


def test_a_wrong_content_type(served):
    async def story(site):
        await site.fault("wrong_content_type")
        async with site.session.get(await site.link()) as answer:
            assert answer.content_type == "text/html"
            whole(await answer.read())

    play(served, story)


LINK_FAULTS = {"server_error": 500, "unavailable": 503, "html": 200, "half_picture": 200}


@pytest.mark.parametrize("kind", LINK_FAULTS)
def test_a_rule_that_names_the_link_strikes_the_download(served, kind):
    async def story(site):
        link = await site.link()
        await site.fault(kind, path="/files/")
        async with site.session.get(link) as answer:
            assert answer.status == LINK_FAULTS[kind]
            with pytest.raises(OSError, match=r"truncated|cannot identify"):
                whole(await answer.read())

    play(served, story)


def test_too_many_bytes_by_link_and_inline(served):
    async def story(site):
        await site.fault("too_many_bytes", megabytes=40)
        for path in (LEGACY, CREATE):
            _, headers, body = await site.buy(path)
            if path == LEGACY:
                async with site.session.get(json.loads(body)["data"][0]["url"]) as answer:
                    headers, body = answer.headers, await answer.read()
            assert "Content-Length" not in headers
            assert len(body) > 40_000_000
        assert len(inline(body)) > 30_000_000
        assert await site.counts() == (2, 2)

    play(served, story)


def test_too_many_bytes_stop_when_the_client_goes(served):
    async def story(site):
        await site.fault("too_many_bytes", megabytes=100_000)
        async with site.session.get(await site.link()) as answer:
            await answer.content.readexactly(2_000_000)
        await in_flight(site, 0)

    play(served, story)


@pytest.mark.parametrize("path", [CREATE, LEGACY])
def test_too_many_pixels(served, path):
    async def story(site):
        await site.fault("too_many_pixels")
        _, _, body = await site.buy(path)
        if path == LEGACY:
            async with site.session.get(json.loads(body)["data"][0]["url"]) as answer:
                data = await answer.read()
        else:
            data = inline(body)
        assert len(data) < 10_000
        with pytest.raises(Image.DecompressionBombError):
            Image.open(io.BytesIO(data))

    play(served, story)


def test_every_kind_has_a_test_here():
    told = Path(__file__).read_text("utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in told] == []
