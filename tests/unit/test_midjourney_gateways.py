"""Midjourney through every gateway over real HTTP: what is bought, what each refusal and fault means, what it cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from easel.nodes import pictures
from easel.nodes.hosted.buying import look_at
from easel.nodes.hosted.engine.engine import Engine, Order
from easel.nodes.hosted.engine.errors import (
    InputRefused,
)
from easel.nodes.hosted.engine.keys import SANDBOX_KEY, Key
from easel.nodes.hosted.engine.provider import Call, Progress
from easel.nodes.hosted.engine.wire import Answer
from easel.nodes.hosted.midjourney.gateways import piapi
from easel.nodes.hosted.midjourney.gateways.choice import GATEWAYS as GATEWAYS_BY_NAME
from easel.nodes.hosted.midjourney.gateways.choice import place_of
from easel.nodes.hosted.midjourney.gateways.outcomes import begun
from easel.nodes.hosted.midjourney.gateways.wire import get
from easel.nodes.hosted.midjourney.handle import Handle
from easel.nodes.hosted.midjourney.provider import Midjourney
from easel.nodes.hosted.midjourney.requests import Blend, Describe, Pan, Reroll, Upscale, Vary, VaryRegion, ZoomOut
from support.midjourney_desk import KEY, MOUNTS, Desk, asked, desks, half, handle, handle_of, plain
from support.shop import DEAD, until

GATEWAYS = list(MOUNTS)
RICH = ["midjourney-proxy-trueai", "piapi"]
TRUEAI, NOVICEZK, BRIEF, PIAPI = GATEWAYS
SENT = {
    TRUEAI: "a red circle --v 3 --ar 4:1 --seed 5",
    NOVICEZK: "a red circle --v 3 --ar 4:1 --seed 5 --fast",
    BRIEF: "a red circle --v 3 --ar 4:1 --seed 5 --fast",
    PIAPI: "a red circle --v 3 --seed 5",
}
"""One wish as each gateway wants it: the speed in the prompt or beside it, the ratio in the prompt or beside it."""


@pytest.fixture
def desk_at(tmp_path: Path, sandbox: Any) -> Iterator[Callable[..., Desk]]:
    with desks(tmp_path, sandbox) as make:
        yield make


@pytest.fixture(params=GATEWAYS)
def desk(request: pytest.FixtureRequest, desk_at: Callable[..., Desk]) -> Desk:
    """At each gateway in turn."""
    return desk_at(request.param)


@pytest.fixture
def trueai(desk_at: Callable[..., Desk]) -> Desk:
    return desk_at(TRUEAI)


# What is bought


async def test_a_grid_comes_as_asked_with_a_handle_and_the_prompt_that_was_sent(desk, sandbox):
    desk.job_seconds(2)
    outcome = await desk.buy(asked("a red circle --ar 4:1 --seed 5 --fast"))
    sizes = [(one.width, one.height) for one in outcome.pictures]
    assert sizes == ([(512, 128)] * 4 if desk.gateway == BRIEF else [(1024, 256)])
    task = Handle(**outcome.data["task"])
    assert (task.gateway, task.version, task.shows) == (desk.gateway, "3", "grid")
    assert task.host == place_of(desk.engine.live_address(Midjourney.account)) != "sandbox"
    assert outcome.record["request_id"] == task.task and outcome.record["seed"] == 5
    assert KEY not in handle_of(outcome) and KEY not in str(outcome.record)
    assert task.prompt in ("a red circle --v 3 --ar 4:1 --seed 5", SENT[desk.gateway])
    first, *others = sandbox.log()
    assert first["prompt"] == SENT[desk.gateway]
    assert any(task.prompt in look.status for look in desk.shown)
    keys = {request["operation"]: request["key"] for request in (first, *others)}
    assert keys["imagine"] and keys["imagine"] == keys["poll"] and keys["fetch"] is None
    if desk.gateway != BRIEF:
        assert any(look.fraction and 0 < look.fraction < 1 for look in desk.shown)
    assert desk.counts() == (1, 1)
    assert await desk.bill() == ["estimated"]


async def test_the_same_request_again_costs_nothing_and_another_take_is_another(trueai):
    first, again = await trueai.buy(asked()), await trueai.buy(asked())
    assert again.reused and again.pictures[0].data == first.pictures[0].data
    assert again.data == first.data
    await trueai.buy(asked(take=1))
    assert trueai.counts() == (2, 2)


async def test_a_reseller_is_shown_the_key_as_a_bearer_token(desk_at):
    desk = desk_at(TRUEAI, auth="bearer")
    sent: list[str] = []

    async def look(_session: Any, _context: Any, params: Any) -> None:
        sent.extend(name for name in params.headers if KEY in params.headers[name])

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(look)
    async with aiohttp.ClientSession(trace_configs=[trace]) as http:
        call = Call(desk.engine.live_address(Midjourney.account), Key(SecretStr(KEY), "test"), http, print, None,
                    {"auth": "bearer"})  # fmt: skip
        assert (await get(call, GATEWAYS_BY_NAME[TRUEAI], "task/1/fetch")).status == 200
    assert sent == ["Authorization"]
    assert (await desk.buy(asked())).pictures


async def test_one_of_the_four_is_exactly_that_one(desk):
    grid = await desk.buy(asked())
    one = await desk.buy(Upscale.on(handle_of(grid), which="3"))
    single = pictures.decode(one.pictures[0].data).array
    if desk.gateway == BRIEF:
        cell = pictures.decode(grid.pictures[2].data).array
    else:
        whole = pictures.decode(grid.pictures[0].data).array
        cell = whole[whole.shape[0] // 2 :, : whole.shape[1] // 2]
    assert (single == cell).all()
    assert Handle(**one.data["task"]).shows == "picture"
    assert desk.counts() == (2, 2)


@pytest.mark.parametrize("gateway", [TRUEAI, NOVICEZK, PIAPI])
async def test_a_grid_is_varied_and_rolled_again(desk_at, gateway):
    desk = desk_at(gateway)
    task = handle_of(await desk.buy(asked()))
    varied = await desk.buy(Vary.on(task, which="2"))
    rolled = await desk.buy(Reroll.on(handle_of(varied)))
    assert [(one.pictures[0].width, one.data["task"]["shows"]) for one in (varied, rolled)] == [(512, "grid")] * 2
    assert desk.counts() == (3, 3)


@pytest.mark.parametrize("gateway", RICH)
async def test_one_picture_is_carried_on_in_every_way(desk_at, gateway):
    desk = desk_at(gateway)
    task = handle_of(await desk.buy(Upscale.on(handle_of(await desk.buy(asked("a star --draft", "7"))), which="1")))
    wanted = [
        (Upscale.on(task, which="subtle"), (1024, 1024)),
        (Upscale.on(task, which="creative"), (1024, 1024)),
        (Vary.on(task, which="subtle"), (1024, 1024)),
        (Vary.on(task, which="strong"), (1024, 1024)),
        (ZoomOut.on(task, factor=2.0), (1024, 1024)),
        (ZoomOut.on(task, factor=1.5), (1024, 1024)),
        (ZoomOut.on(task, factor=1.3), (1024, 1024)),
        (Pan.on(task, direction="up"), (1024, 1536)),
    ]
    outcomes = await asyncio.gather(*(desk.buy(request) for request, _ in wanted))
    made = [(one.pictures[0].width, one.pictures[0].height) for one in outcomes]
    assert made == [size for _, size in wanted]
    assert desk.sandbox.report()["charged_submissions"] == 2 + len(wanted)


@pytest.mark.parametrize("gateway", RICH)
async def test_a_region_is_repainted_and_the_rest_stays(desk_at, gateway):
    desk = desk_at(gateway)
    one = await desk.buy(Upscale.on(handle_of(await desk.buy(asked("a star --ar 4:1 --draft", "7"))), which="1"))
    before = pictures.decode(one.pictures[0].data)
    request, _ = VaryRegion.inside(handle_of(one), "a blue hat", mask=half(before.width, before.height))
    varied = await desk.buy(request)
    after = pictures.decode(varied.pictures[0].data).array[: before.height, : before.width]
    middle = before.width // 2
    assert (after[:, middle:] == before.array[:, middle:]).all()
    assert (after[:, :middle] != before.array[:, :middle]).any()
    assert varied.data["task"]["prompt"].startswith("a blue hat --v 7 --ar 4:1")
    assert desk.sandbox.report()["charged_submissions"] == 3


async def zoomed(desk: Desk) -> ZoomOut:
    """A zoom of a new picture, for which a window opens."""
    one = await desk.buy(Upscale.on(handle_of(await desk.buy(asked("a star --ar 4:1 --draft", "7"))), which="1"))
    return ZoomOut.on(handle_of(one), factor=1.3)


@pytest.mark.parametrize("fault", ["cut_after_body", "cut_before_body", "html", "unavailable"])
async def test_a_window_that_broke_off_loses_no_task_and_buys_nothing_twice(trueai, sandbox, monkeypatch, fault):
    monkeypatch.setattr("easel.nodes.hosted.midjourney.gateways.proxy._LOOKS_TO_HEAR", 1)
    zoom = await zoomed(trueai)
    sandbox.fault(fault, path="/submit/modal", times=1)
    assert (await trueai.buy(zoom)).pictures
    assert sandbox.report()["charged_submissions"] == 3
    assert [request["operation"] for request in sandbox.log() if request["submission"]].count("zoom") == 1


async def test_a_crash_before_the_window_was_told_goes_on_with_the_same_task(trueai, desk_at, sandbox):
    trueai.engine.owner = DEAD
    zoom = await zoomed(trueai)
    sandbox.fault("cut_before_body", path="/submit/modal")
    lost = asyncio.ensure_future(trueai.buy(zoom))
    await until(lambda: any("modal" in look.status for look in trueai.shown))
    trueai.engine.stop()
    await asyncio.wait([lost], timeout=5)
    assert lost.done()
    sandbox.call("DELETE", "/sandbox/faults")
    assert (await desk_at(TRUEAI).buy(zoom)).pictures
    assert sandbox.report()["charged_submissions"] == 3
    assert [request["operation"] for request in sandbox.log() if request["submission"]].count("zoom") == 1


async def test_a_picture_becomes_a_reference_by_an_upload_that_costs_nothing(trueai, sandbox):
    outcome = await trueai.buy(asked("a star --ar 4:1 --draft", "7", references={"style_reference": (plain(),)}))
    upload, *_ = [request for request in sandbox.log() if request["operation"] == "upload"]
    (imagine,) = [request for request in sandbox.log() if request["submission"]]
    assert upload["key"] == imagine["key"] and "--sref http" in imagine["prompt"]
    assert "--sref http" in outcome.data["task"]["prompt"]
    assert trueai.counts() == (1, 1)


async def test_a_picture_of_piapi_s_own_is_a_reference_by_its_link(desk_at, sandbox):
    desk = desk_at(PIAPI)
    one = await desk.buy(Upscale.on(handle_of(await desk.buy(asked())), which="1"))
    mine = pictures.decode(one.pictures[0].data)
    await desk.buy(asked("a star --draft --ar 4:1", "7", references={"omni_reference": (mine,)}))
    assert any("--oref http" in request["prompt"] for request in sandbox.log())
    assert desk.sandbox.report()["charged_submissions"] == 3


@pytest.mark.parametrize("gateway", RICH)
async def test_version_5_has_sizes_of_its_own(desk_at, gateway):
    desk = desk_at(gateway)
    grid = await desk.buy(asked("a star", version="5.2"))
    one = await desk.buy(Upscale.on(handle_of(grid), which="1"))
    large = await desk.buy(Upscale.on(handle_of(one), which="2x"))
    assert large.pictures[0].width == one.pictures[0].width * 2


async def test_a_change_that_novicezk_made_before_is_given_again_for_nothing_and_said(desk_at):
    desk = desk_at(NOVICEZK)
    task = handle_of(await desk.buy(asked()))
    first = await desk.buy(Vary.on(task, which="1"))
    again = await desk.buy(Vary.on(task, which="1", take=1))
    assert again.data["task"]["task"] == first.data["task"]["task"]
    assert "had made just this before" in " ".join(again.notes) and again.paid_usd == 0
    assert desk.sandbox.report()["charged_submissions"] == 2


@pytest.mark.parametrize("gateway", [TRUEAI, NOVICEZK])
async def test_any_pictures_are_blended_described_and_drawn_over(desk_at, gateway):
    desk = desk_at(gateway)
    blend = Blend.build(model="midjourney-7", images=(plain(), plain(colour=(0, 0, 200, 90))), shape="portrait")
    described = Describe.build(model="midjourney-7", image=plain(colour=(217, 45, 50)))
    drawn = asked("a star --iw 2", images=(plain(),))
    outcomes = await asyncio.gather(desk.buy(blend), desk.buy(described), desk.buy(drawn))
    assert (outcomes[0].pictures[0].width, outcomes[0].pictures[0].height) == (1664, 2496)
    assert outcomes[1].text.count("\n\n") == 3 and "red" in outcomes[1].text and not outcomes[1].pictures
    assert outcomes[2].pictures[0].width == 512
    assert desk.counts() == (3, 3)


async def test_piapi_takes_pictures_of_its_own_as_links(desk_at, sandbox):
    desk = desk_at(PIAPI)
    task = handle_of(await desk.buy(asked()))
    ones = [pictures.decode((await desk.buy(Upscale.on(task, which=n))).pictures[0].data) for n in ("1", "2")]
    blended = await desk.buy(Blend.build(model="midjourney-7", images=tuple(ones)))
    described = await desk.buy(Describe.build(model="midjourney-7", image=ones[0]))
    drawn = await desk.buy(asked("a star", images=(ones[0],)))
    assert blended.pictures and described.text and drawn.pictures
    sent = [request for request in sandbox.log() if request["submission"]]
    assert max(request["bytes_in"] for request in sent) < 1500
    assert sent[-1]["prompt"].startswith("http")


def piapi_answers(monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], status: int = 200) -> None:
    async def answered(*_values: Any, **_named: Any) -> Answer:
        return Answer(status, {}, {"code": 200, "message": "success", "data": told})

    monkeypatch.setattr("easel.nodes.hosted.engine.wire.ask", answered)
    monkeypatch.setattr("easel.nodes.hosted.engine.wire.submit", answered)


CALL = Call("https://mj.example/api/v1", SANDBOX_KEY, None, lambda _: None, None, {"gateway": PIAPI})
FOUR = [f"https://img.example/{number}.png" for number in range(4)]


@pytest.mark.parametrize(
    ("output", "links"),
    [
        ({"image_url": "https://img.example/grid.png", "temporary_image_urls": FOUR}, ["https://img.example/grid.png"]),
        ({"image_url": "", "image_urls": FOUR}, FOUR),
        ({"image_url": None, "image_urls": None, "temporary_image_urls": FOUR}, FOUR),
    ],
)
async def test_four_pictures_of_piapi_are_four_where_there_is_no_grid(monkeypatch, output, links):
    piapi_answers(monkeypatch, {"task_id": "7", "status": "Completed", "output": output})
    job = begun("7", asked(), GATEWAYS_BY_NAME[PIAPI], "a star")
    pictures_told = (await Midjourney().poll(job, CALL)).pictures
    assert [link.url for link in pictures_told] == links
    # Discord's links die within a day, and a dead one must not be sent as an input.
    assert all(0 < link.lifetime < 86_400 for link in pictures_told)


async def test_a_task_that_was_created_is_a_task(monkeypatch):
    piapi_answers(monkeypatch, {"task_id": "7", "status": "pending"}, status=201)
    job = await Midjourney().submit(asked(), CALL)
    assert job.handle["task"] == "7"


@pytest.mark.parametrize("request_of", [Reroll.on, lambda task: Vary.on(task, which="1")])
def test_piapi_goes_on_with_the_task_s_own_prompt_and_its_pictures(request_of):
    kind, sent = piapi._on_task(request_of(handle(prompt="a cat")))
    assert kind in ("reroll", "variation") and "prompt" not in sent


@pytest.mark.parametrize("gateway", [PIAPI, BRIEF])
async def test_a_picture_without_a_link_is_refused_before_anything_is_sent(desk_at, gateway):
    desk = desk_at(gateway)
    with pytest.raises(InputRefused, match="only as links") as refused:
        await desk.buy(asked("a star", images=(plain(),)))
    assert refused.value.input_name == "image"
    assert desk.counts() == (0, 0)


async def test_sandbox_mode_needs_no_gateway_and_no_real_one_gets_its_tasks(tmp_path, sandbox, trueai, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    engine = Engine(tmp_path / "play", {"midjourney": Midjourney()}, inspect=look_at, open_sandbox=lambda: sandbox.url)
    outcome = await engine.buy(asked(), Order(run="test"), lambda _: None)
    engine.stop()
    monkeypatch.delenv("EASEL_SANDBOX")
    assert outcome.data["task"]["host"] == "sandbox"
    with pytest.raises(InputRefused, match="another gateway"):
        await trueai.buy(Reroll.on(handle_of(outcome)))
    assert trueai.counts() == (1, 1)


class Impatient(Exception):
    """Raised by a look, as the host's interrupt is."""


async def test_who_leaves_does_not_stop_what_is_paid_for(trueai):
    trueai.job_seconds(0.5)

    def look(progress: Progress) -> None:
        if "in progress" in progress.status:
            raise Impatient

    with pytest.raises(Impatient):
        await trueai.engine.buy(asked(), Order(run="test"), look)
    assert (await trueai.buy(asked())).pictures
    assert trueai.counts() == (1, 1)
