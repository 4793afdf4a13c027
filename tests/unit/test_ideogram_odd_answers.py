"""Answers that Ideogram may give and the stand-in never does: nothing is bought twice, and no paid job is lost."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from easel.nodes.hosted.engine.errors import EaselError, InputRefused, ProviderDown, ResultLost, TimedOut
from easel.nodes.hosted.ideogram.models import OFFERS
from easel.nodes.hosted.ideogram.requests import IdeogramReplaceBackground
from support.ideogram_desk import QUEUED, Desk, asked, plain, right_half

QUOTED = "ideogram-4-6"
QUOTE = {"object": "price_quote", "usd_micros": 40_000, "upper_bound_usd_micros": 50_000, "qualifier": "estimate"}
JOB = {"generation_id": "job-1", "seed": 3}
LINK = "PICTURE"
ITEM = {"url": LINK, "prompt": "x", "seed": 3, "is_image_safe": True}
DONE = {"status": "completed", "data": [ITEM]}
PAGE = "<html>Please log in.</html>"


class Scripted:
    """A server that answers each route ("create", "quote", "poll") with the next of its script, the last for ever."""

    def __init__(self, script: dict[str, list[tuple[int, Any]]]) -> None:
        self.url = ""
        self.calls: list[str] = []
        self.bodies: list[bytes] = []
        self._script = {route: list(answers) for route, answers in script.items()}

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/picture.png":
            file = io.BytesIO()
            Image.new("RGB", (8, 8)).save(file, "PNG")
            return web.Response(body=file.getvalue(), content_type="image/png")
        route = "poll" if request.method == "GET" else "quote" if request.query.get("dry_run") else "create"
        self.bodies.append(await request.read())
        self.calls.append(route)
        answers = self._script[route]
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if status == 0 and request.transport is not None:
            request.transport.close()
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html")
        return web.json_response(self._linked(body), status=status or 200)

    def _linked(self, body: dict[str, Any]) -> dict[str, Any]:
        items = body.get("data")
        if not items:
            return body
        return {**body, "data": [{**one, "url": f"{self.url}/picture.png" if one["url"] else None} for one in items]}


@asynccontextmanager
async def desk_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **script: list[tuple[int, Any]]
) -> AsyncIterator[tuple[Desk, Scripted]]:
    server = Scripted(script)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.setenv("IDEOGRAM_API_KEY", "live-key")
    monkeypatch.setenv("EASEL_PROVIDERS__IDEOGRAM__BASE_URL", server.url)
    monkeypatch.setattr("easel.nodes.hosted.ideogram.answers.POLL_EVERY", 0.02)
    desk = Desk(folder, SimpleNamespace(url=server.url))
    try:
        yield desk, server
    finally:
        desk.engine.stop()
        await runner.cleanup()


async def bill(desk: Desk) -> list[tuple[float, str]]:
    return [(line.usd_micros / 1e6, line.source) for line in await desk.engine.charges("live")]


async def test_a_job_that_is_accepted_with_another_good_status_is_not_lost(tmp_path, monkeypatch):
    script = {"create": [(202, JOB)], "poll": [(202, {"status": "pending"}), (200, DONE)]}
    async with desk_at(tmp_path, monkeypatch, **script) as (desk, server):
        assert len((await desk.buy(asked())).pictures) == 1
    assert server.calls == ["create", "poll", "poll"]


@pytest.mark.parametrize("taken", [{**JOB, "data": [ITEM]}, JOB])
async def test_a_server_that_takes_the_question_for_the_price_as_the_purchase_is_not_asked_again(
    tmp_path, monkeypatch, taken
):
    script = {"quote": [(200, taken)], "create": [(200, JOB)], "poll": [(200, DONE)]}
    async with desk_at(tmp_path, monkeypatch, **script) as (desk, server):
        assert len((await desk.buy(asked(model=QUOTED))).pictures) == 1
    assert "create" not in server.calls


async def test_the_highest_price_of_a_quote_is_written_down_where_the_answer_names_none(tmp_path, monkeypatch):
    at_once = {**JOB, "usage_cost_usd_micros": None, "data": [ITEM]}
    script = {"quote": [(200, QUOTE)], "create": [(200, at_once)]}
    async with desk_at(tmp_path, monkeypatch, **script) as (desk, server):
        await desk.buy(asked(model=QUOTED))
        assert await bill(desk) == [(0.05, "reported")]
    assert server.calls == ["quote", "create"]


@pytest.mark.parametrize("status", [405, 408, 500])
async def test_a_question_for_the_price_that_tells_nothing_is_no_charge(tmp_path, monkeypatch, status):
    script = {"quote": [(status, {"error": "No."})], "create": [(200, JOB)], "poll": [(200, DONE)]}
    async with desk_at(tmp_path, monkeypatch, **script) as (desk, _):
        assert (await desk.buy(asked(model=QUOTED))).pictures


@pytest.mark.parametrize(("status", "error"), [(504, ProviderDown), (0, TimedOut)])
async def test_a_server_that_may_have_taken_the_question_for_the_purchase_is_not_sent_it_again(
    tmp_path, monkeypatch, status, error
):
    script = {"quote": [(status, {"error": "Too late."})], "create": [(200, JOB)]}
    async with desk_at(tmp_path, monkeypatch, **script) as (desk, server):
        with pytest.raises(error) as told:
            await desk.buy(asked(model=QUOTED))
    assert (told.value.charge, server.calls) == ("unsure", ["quote"])


async def test_a_page_of_something_on_the_way_does_not_end_a_job(tmp_path, monkeypatch):
    script = {"create": [(200, JOB)], "poll": [(404, PAGE), (200, DONE)]}
    async with desk_at(tmp_path, monkeypatch, **script) as (desk, server):
        assert len((await desk.buy(asked())).pictures) == 1
    assert server.calls == ["create", "poll", "poll"]


@pytest.mark.parametrize(
    ("late", "kind", "charge"),
    [
        ({"status_code": 500, "error": "It broke."}, ProviderDown, "unsure"),
        ({"status_code": 503, "error": "It broke."}, ProviderDown, "unsure"),
        ({"status_code": 400, "error": "It broke."}, InputRefused, "none"),
        ({"error": "It broke."}, ProviderDown, "unsure"),
    ],
)
async def test_an_answer_that_fails_after_it_began_is_that_error(tmp_path, monkeypatch, late, kind, charge):
    async with desk_at(tmp_path, monkeypatch, create=[(200, late)]) as (desk, server):
        with pytest.raises(kind) as error:
            await desk.buy(asked())
    assert (error.value.charge, error.value.words) == (charge, "It broke.")
    assert server.calls == ["create"]


async def test_a_throttle_that_is_meant_for_later_is_obeyed(tmp_path, monkeypatch):
    late = {"status_code": 429, "error": "Wait.", "reject_reason": "inflight_limit"}
    script = {"create": [(200, late), (200, JOB)], "poll": [(200, DONE)]}
    async with desk_at(tmp_path, monkeypatch, **script) as (desk, server):
        assert (await desk.buy(asked())).pictures
    assert server.calls == ["create", "create", "poll"]


async def test_a_job_that_failed_is_not_billed_unless_a_cost_is_named(tmp_path, monkeypatch):
    failed = {"status": "failed", "failure_reason": "It broke."}
    async with desk_at(tmp_path, monkeypatch, create=[(200, JOB)], poll=[(200, failed)]) as (desk, _):
        with pytest.raises(ResultLost, match="It broke") as error:
            await desk.buy(asked())
        assert await bill(desk) == []
    assert (error.value.charge, error.value.request_id) == ("none", "job-1")


async def test_a_redirect_is_not_followed_with_the_key(tmp_path, monkeypatch):
    async with desk_at(tmp_path, monkeypatch, create=[(307, JOB)]) as (desk, server):
        with pytest.raises(ProviderDown) as error:
            await desk.buy(asked())
    assert server.calls == ["create"] and "live-key" not in str(error.value)


async def test_the_seed_of_a_model_without_one_is_the_number_that_gives_the_picture_again(tmp_path, monkeypatch):
    wish = {"model": "ideogram-3", "prompt": "a beach", "image": plain(64, 64)}
    assert not OFFERS["replace-background"]["ideogram-3"].seed
    async with desk_at(tmp_path, monkeypatch, create=[(200, JOB)], poll=[(200, DONE)]) as (desk, server):
        drawn = await desk.buy(IdeogramReplaceBackground.build(**wish, seed=-1))
        assert drawn.record["seed"] is None
        (note,) = [note for note in drawn.notes if "has no seed" in note]
        assert str(drawn.record["take"]) in note
        again = await desk.buy(IdeogramReplaceBackground.build(**wish, seed=drawn.record["take"]))
    assert again.reused and server.calls.count("create") == 1


async def test_the_mask_of_a_character_is_white_where_the_character_is(tmp_path, monkeypatch):
    whose = {"character_image": plain(64, 64), "character_mask": right_half(64, 64)}
    async with desk_at(tmp_path, monkeypatch, create=[(200, {"data": [ITEM]})]) as (desk, server):
        await desk.buy(asked(model="ideogram-v3", **whose))
    part = server.bodies[0].partition(b'name="character_reference_images_mask"')[2]
    assert whose["character_mask"].as_white() in part


async def test_each_picture_has_its_own_design(tmp_path, monkeypatch):
    bare, lettered = {**ITEM, "text_html": None}, {**ITEM, "text_html": "<p>B</p>"}
    withheld = {**ITEM, "is_image_safe": False, "text_html": "<p>A</p>"}
    answer = {"data": [withheld, bare, lettered]}
    async with desk_at(tmp_path, monkeypatch, create=[(200, answer)]) as (desk, _):
        outcome = await desk.buy(asked(model="ideogram-v3", num_images=3))
    assert (len(outcome.pictures), len(outcome.refused)) == (2, 1)
    assert [design["text_html"] for design in outcome.data["designs"]] == [None, "<p>B</p>"]


async def test_a_link_that_cannot_be_read_loses_no_bill(tmp_path, monkeypatch):
    monkeypatch.setattr(Scripted, "_linked", lambda _, body: body)
    script = {"create": [(200, JOB)], "poll": [(200, {**DONE, "data": [{**ITEM, "url": "http://[x"}]})]}
    async with desk_at(tmp_path, monkeypatch, **script) as (desk, _):
        with pytest.raises(EaselError) as error:
            await desk.buy(asked(model=QUEUED))
        assert error.value.charge == "charged"
        assert len(await bill(desk)) == 1
