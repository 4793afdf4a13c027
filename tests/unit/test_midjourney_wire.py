"""Midjourney's requests exactly as each gateway is sent them, and answers that are none about the task."""

from __future__ import annotations

from typing import Any

import pytest

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.engine.keys import SANDBOX_KEY
from easel.nodes.hosted.engine.provider import Call, Job
from easel.nodes.hosted.engine.retry import PASSING
from easel.nodes.hosted.engine.wire import Answer
from easel.nodes.hosted.midjourney.gateways.choice import GATEWAYS
from easel.nodes.hosted.midjourney.gateways.outcomes import begun
from easel.nodes.hosted.midjourney.gateways.wire import segment
from easel.nodes.hosted.midjourney.provider import Midjourney
from easel.nodes.hosted.midjourney.requests import Blend, Describe, Pan, Reroll, Upscale, Vary, ZoomOut
from easel.nodes.sandbox import specs
from support.midjourney_desk import asked, handle, plain

ADDRESS, HOST = "https://mj.example/mj", "mj.example"
TRUEAI, NOVICEZK, BRIEF, PIAPI = "midjourney-proxy-trueai", "midjourney-proxy", "task-api", "piapi"
LINK = "https://mj.example/a.png"
TAKEN = {"code": 1, "result": "9", "task_id": "9", "data": {"task_id": "9"}}
Sent = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The path and the body of everything that is submitted; all of it is taken."""
    seen: Sent = []

    async def submit(url: str, *, json: dict[str, Any], **_named: Any) -> Answer:
        seen.append((url.removeprefix(f"{ADDRESS}/"), json))
        return Answer(200, {}, TAKEN)

    monkeypatch.setattr("easel.nodes.hosted.engine.wire.submit", submit)
    return seen


async def submitted(gateway: str, request: Any) -> dict[str, Any]:
    """The handle of the job that the request began."""

    async def link_for(_picture: Any) -> str:
        return LINK

    call = Call(ADDRESS, SANDBOX_KEY, None, lambda _: None, link_for, {"gateway": gateway})
    return (await Midjourney().submit(request, call)).handle


def of(gateway: str, shows: str = "grid", **changes: Any) -> str:
    return handle(gateway=gateway, host=HOST, shows=shows, **changes)


def piapi(kind: str, **asked_for: Any) -> dict[str, Any]:
    return {"model": "midjourney", "task_type": kind, "input": asked_for}


DRAWN = asked("a star --turbo --ar 3:2", "niji 6")
ON_1 = {"origin_task_id": "1"}


@pytest.mark.parametrize(
    ("gateway", "request_", "path", "body"),
    [
        (TRUEAI, DRAWN, "submit/imagine",
         {"prompt": "a star --niji 6 --ar 3:2", "botType": "NIJI_JOURNEY", "accountFilter": {"modes": ["TURBO"]}}),
        (TRUEAI, asked("a star"), "submit/imagine", {"prompt": "a star --v 3", "botType": "MID_JOURNEY"}),
        (NOVICEZK, DRAWN, "submit/imagine", {"prompt": "a star --niji 6 --ar 3:2 --turbo"}),
        (BRIEF, DRAWN, "imagine", {"prompt": "a star --niji 6 --ar 3:2 --turbo"}),
        (PIAPI, DRAWN, "task",
         piapi("imagine", prompt="a star --niji 6", aspect_ratio="3:2", skip_prompt_check=False, process_mode="turbo")),
        (PIAPI, asked("a star", images=(plain(),)), "task",
         piapi("imagine", prompt=f"{LINK} a star --v 3", aspect_ratio="1:1", skip_prompt_check=False)),
        (BRIEF, asked("a star", images=(plain(),)), "imagine", {"prompt": f"{LINK} a star --v 3"}),
        (BRIEF, Upscale.on(of(BRIEF), which="2"), "upscale", {"task_id": "1", "index": 2}),
        (NOVICEZK, Upscale.on(of(NOVICEZK), which="2"), "submit/change",
         {"taskId": "1", "action": "UPSCALE", "index": 2}),
        (NOVICEZK, Vary.on(of(NOVICEZK), which="3"), "submit/change",
         {"taskId": "1", "action": "VARIATION", "index": 3}),
        (NOVICEZK, Reroll.on(of(NOVICEZK)), "submit/change", {"taskId": "1", "action": "REROLL"}),
        (PIAPI, Upscale.on(of(PIAPI, "picture"), which="creative"), "task", piapi("upscale", **ON_1, index="creative")),
        (PIAPI, Vary.on(of(PIAPI, "picture"), which="strong"), "task",
         piapi("variation", **ON_1, index="high_variation")),
        (PIAPI, Reroll.on(of(PIAPI)), "task", piapi("reroll", **ON_1)),
        (PIAPI, ZoomOut.on(of(PIAPI, "picture"), factor=1.3), "task",
         piapi("outpaint", **ON_1, zoom_ratio="1.3", prompt="a cat")),
        (PIAPI, Pan.on(of(PIAPI, "picture"), direction="up"), "task",
         piapi("pan", **ON_1, direction="up", prompt="a cat")),
        (PIAPI, Blend.build(model="midjourney-7", images=(plain(), plain()), shape="landscape"), "task",
         piapi("blend", image_urls=[LINK, LINK], dimension="landscape")),
        (PIAPI, Describe.build(model="midjourney-7", image=plain()), "task", piapi("describe", image_url=LINK)),
    ],
)  # fmt: skip
async def test_a_request_is_sent_as_the_gateway_wants_it(sent, gateway, request_, path, body):
    job = await submitted(gateway, request_)
    assert sent == [(path, body)]
    assert (job["task"], job["gateway"], job["shows"]) == ("9", gateway, request_.shows)
    if gateway == PIAPI:
        assert specs.problem("midjourney", f"piapi_{body['task_type']}", body["input"]) is None


@pytest.mark.parametrize("gateway", [TRUEAI, NOVICEZK])
async def test_pictures_travel_inside_the_request(sent, gateway):
    await submitted(gateway, asked("a star", images=(plain(), plain(8, 8))))
    await submitted(gateway, Blend.build(model="midjourney-7", images=(plain(), plain()), shape="portrait"))
    await submitted(gateway, Describe.build(model="midjourney-7", image=plain()))
    (_, drawn), (_, blended), (_, described) = sent
    assert (len(drawn["base64Array"]), len(blended["base64Array"]), blended["dimensions"]) == (2, 2, "PORTRAIT")
    every = [*drawn["base64Array"], *blended["base64Array"], described["base64"]]
    assert all(one.startswith("data:image/png;base64,iVBOR") for one in every)


@pytest.mark.parametrize(("factor", "zoom"), [(1.3, "1.3"), (2.0, "2")])
async def test_the_window_that_a_button_opens_is_answered_with_the_prompt_and_the_zoom(sent, monkeypatch, factor, zoom):
    buttons = [{"customId": name} for name in ("MJ::Outpaint::50::1::x::SOLO", "MJ::CustomZoom::x")]
    answers = iter([Answer(200, {}, {"code": 21, "result": "8"}), Answer(200, {}, {"code": 1, "result": "9"})])

    async def look(*_values: Any, **_named: Any) -> Answer:
        return Answer(200, {}, {"status": "SUCCESS", "buttons": buttons})

    async def submit(url: str, *, json: dict[str, Any], **_named: Any) -> Answer:
        sent.append((url.removeprefix(f"{ADDRESS}/"), json))
        return next(answers)

    monkeypatch.setattr("easel.nodes.hosted.engine.wire.ask", look)
    monkeypatch.setattr("easel.nodes.hosted.engine.wire.submit", submit)
    job = await submitted(TRUEAI, ZoomOut.on(of(TRUEAI, "picture"), factor=factor))
    button = buttons[0 if factor == 2.0 else 1]["customId"]
    assert sent == [
        ("submit/action", {"taskId": "1", "customId": button}),
        ("submit/modal", {"taskId": "8", "prompt": f"a cat --zoom {zoom}"}),
    ]
    assert job["task"] == "9"


async def test_a_job_is_asked_for_at_the_gateway_that_took_it(monkeypatch):
    seen = []

    async def look(_http: Any, _method: str, url: str, **_named: Any) -> Answer:
        seen.append(url)
        return Answer(200, {}, {"status": "IN_PROGRESS"})

    monkeypatch.setattr("easel.nodes.hosted.engine.wire.ask", look)
    call = Call(ADDRESS, SANDBOX_KEY, None, lambda _: None, None, {"gateway": PIAPI})
    await Midjourney().poll(Job({"task": "9", "gateway": NOVICEZK}), call)
    assert seen == [f"{ADDRESS}/task/9/fetch"]


ENDED = {"id": "7", "status": "FAILURE", "data": {"status": "failed"}, "images": [], "failReason": "x"}


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, {}, ENDED),
        Answer(502, {}, {"status": "error", "data": {"status": "failed"}}),
        Answer(404, {}, None, b"<html>nginx</html>"),
        Answer(502, {}, None, b"<html>nginx</html>"),
        Answer(302, {}, None),
    ],
    ids=["an error with a task", "an error with a status", "a proxy's 404", "a proxy's page", "a redirect"],
)
async def test_an_answer_that_is_none_about_the_task_never_ends_it(monkeypatch, gateway, answer):
    async def ask(*_values: Any, **_named: Any) -> Answer:
        return answer

    monkeypatch.setattr("easel.nodes.hosted.engine.wire.ask", ask)
    call = Call(ADDRESS, SANDBOX_KEY, None, print, None)
    with pytest.raises(PASSING):
        await Midjourney().poll(begun("7", asked(), GATEWAYS[gateway], "a star"), call)


@pytest.mark.parametrize("task", [".", ".."])
def test_a_handle_leads_to_no_other_address(task):
    with pytest.raises(InputRefused, match="no task"):
        segment(task)
    assert segment("a/../b") == "a%2F..%2Fb"
