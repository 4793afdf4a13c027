"""Midjourney's requests exactly as each gateway is sent them, and answers that are none about the task."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from PIL import Image
from pydantic import SecretStr

from easel.nodes.hosted.engine.errors import ContentRejected, InputRefused, InvalidKey, ProviderDown, RateLimited
from easel.nodes.hosted.engine.keys import SANDBOX_KEY, Key
from easel.nodes.hosted.engine.provider import Call, Job
from easel.nodes.hosted.engine.retry import PASSING
from easel.nodes.hosted.engine.wire import Answer
from easel.nodes.hosted.midjourney.gateways.choice import GATEWAYS
from easel.nodes.hosted.midjourney.gateways.outcomes import begun, drawn
from easel.nodes.hosted.midjourney.gateways.wire import _key, segment
from easel.nodes.hosted.midjourney.masks import encoded
from easel.nodes.hosted.midjourney.provider import Midjourney
from easel.nodes.hosted.midjourney.requests import Blend, Describe, Pan, Reroll, Upscale, Vary, VaryRegion, ZoomOut
from easel.nodes.sandbox import specs
from support.midjourney_desk import asked, half, handle, plain

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


async def no_link(_picture: Any) -> None:
    return None


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
        (PIAPI, VaryRegion.inside(of(PIAPI, "picture"), "a hat --s 50", mask=half())[0], "task",
         piapi("inpaint", **ON_1, mask=encoded(half()), prompt="a hat --v 7 --stylize 50")),
        (PIAPI, asked("a star --ar 3:2", "6", references={"style_reference": (plain(),)}), "task",
         piapi("imagine", prompt=f"a star --v 6 --sref {LINK}", aspect_ratio="3:2", skip_prompt_check=False)),
        (BRIEF, asked("a star", "7", references={"omni_reference": (plain(),)}), "imagine",
         {"prompt": f"a star --v 7 --oref {LINK}"}),
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


WINDOWS = (
    "MJ::Outpaint::50::1::x::SOLO",
    "MJ::CustomZoom::x",
    "MJ::Inpaint::1::x::SOLO",
    "MJ::JOB::high_variation::1::x",
)
LINKED = "<https://s.mj.run/abc> a cat --ar 3:2 --v 7 --zoom 1.5"
"""A prompt as Midjourney has it in the end: with the links of its pictures, and the zoom of a task before."""
CALL = Call(ADDRESS, SANDBOX_KEY, None, lambda _: None, None, {"gateway": TRUEAI})


class Windowed:
    """A gateway whose buttons open windows: what it was sent, what it answers next, and what its task shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, final_prompt: str = LINKED) -> None:
        self.sent: Sent = []
        self.status = "SUCCESS"
        self.answers: list[Any] = [Answer(200, {}, {"code": 21, "result": "8"})]
        self._properties = {"finalPrompt": final_prompt}
        monkeypatch.setattr("easel.nodes.hosted.engine.wire.ask", self._look)
        monkeypatch.setattr("easel.nodes.hosted.engine.wire.submit", self._submit)

    async def _look(self, *_values: Any, **_named: Any) -> Answer:
        buttons = [{"customId": name} for name in WINDOWS]
        return Answer(200, {}, {"status": self.status, "buttons": buttons, "properties": self._properties})

    async def _submit(self, url: str, *, json: dict[str, Any], **_named: Any) -> Answer:
        self.sent.append((url.removeprefix(f"{ADDRESS}/"), json))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def looked(self, job: Job, times: int = 1) -> Job:
        """The job after some looks at it, which find that it waits for its window."""
        self.status = "MODAL"
        for _ in range(times):
            job = await Midjourney().poll(job, CALL)
        return job


def region(**changes: Any) -> VaryRegion:
    return VaryRegion.inside(of(TRUEAI, "picture", **changes), "", mask=half())[0]


TAKEN_AGAIN = Answer(200, {}, {"code": 1, "result": "8"})


@pytest.mark.parametrize(
    ("request_", "button", "prompt"),
    [
        (ZoomOut.on(of(TRUEAI, "picture"), factor=1.3), 1, "<https://s.mj.run/abc> a cat --ar 3:2 --v 7 --zoom 1.3"),
        (ZoomOut.on(of(TRUEAI, "picture"), factor=2.0), 0, "<https://s.mj.run/abc> a cat --ar 3:2 --v 7 --zoom 2"),
        (Vary.on(of(TRUEAI, "picture"), which="strong"), 3, LINKED),
    ],
)
async def test_a_window_is_told_the_prompt_with_its_links_once_the_task_is_known(monkeypatch, request_, button, prompt):
    gateway = Windowed(monkeypatch)
    job = await Midjourney().submit(request_, CALL)
    # Whatever breaks from here on, the task is in the journal.
    assert (job.handle["task"], gateway.sent) == (
        "8",
        [("submit/action", {"taskId": "1", "customId": WINDOWS[button]})],
    )
    gateway.answers = [TAKEN_AGAIN]
    await gateway.looked(job)
    assert gateway.sent[1:] == [("submit/modal", {"taskId": "8", "prompt": prompt})]


async def test_without_a_prompt_of_the_gateway_s_the_task_s_own_is_told(monkeypatch):
    gateway = Windowed(monkeypatch, final_prompt="")
    job = await Midjourney().submit(ZoomOut.on(of(TRUEAI, "picture"), factor=1.3), CALL)
    assert job.handle["window"] == {"prompt": "a cat --zoom 1.3"}
    assert not gateway.answers


async def test_a_region_is_told_with_its_mask(monkeypatch):
    gateway = Windowed(monkeypatch)
    gateway.answers.append(TAKEN_AGAIN)
    await gateway.looked(await Midjourney().submit(region(), CALL))
    path, body = gateway.sent[1]
    assert (path, body["taskId"], body["prompt"]) == ("submit/modal", "8", LINKED)
    data = base64.b64decode(body["maskBase64"].removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(data)) as mask:
        assert (mask.mode, mask.size, mask.getpixel((8, 32)), mask.getpixel((56, 32))) == ("1", (64, 64), 255, 0)
    assert specs.problem("midjourney", "mjproxy_modal", body) is None


@pytest.mark.parametrize(
    "unclear",
    [
        aiohttp.ServerDisconnectedError(),
        TimeoutError(),
        Answer(502, {}, None, b"<html>"),
        Answer(200, {}, None, b"<html>"),
    ],
    ids=["a broken connection", "no answer", "a proxy's error", "a page"],
)
async def test_a_window_that_may_have_heard_is_told_again_only_where_it_still_waits(monkeypatch, unclear):
    gateway = Windowed(monkeypatch)
    job = await Midjourney().submit(region(), CALL)
    gateway.answers = [unclear, TAKEN_AGAIN]
    job = await gateway.looked(job, 6)
    assert len(gateway.sent) == 2
    job = await gateway.looked(job)
    assert [path for path, _ in gateway.sent] == ["submit/action", "submit/modal", "submit/modal"]
    assert gateway.sent[1] == gateway.sent[2]
    gateway.status = "IN_PROGRESS"
    for _ in range(9):
        job = await Midjourney().poll(job, CALL)
    assert len(gateway.sent) == 3


async def test_a_window_that_took_what_it_was_told_is_never_told_again(monkeypatch):
    gateway = Windowed(monkeypatch)
    job = await Midjourney().submit(region(), CALL)
    gateway.answers = [TAKEN_AGAIN]
    await gateway.looked(job, 20)
    assert len(gateway.sent) == 2


async def test_a_no_to_the_second_telling_ends_no_task_that_heard_the_first(monkeypatch):
    gateway = Windowed(monkeypatch)
    job = await Midjourney().submit(region(), CALL)
    no = Answer(200, {}, {"code": 4, "description": "not in this state"})
    gateway.answers = [TimeoutError(), no, no]
    job = await gateway.looked(job, 7)
    assert len(gateway.sent) == 3
    gateway.status = "IN_PROGRESS"
    assert isinstance(await Midjourney().poll(job, CALL), Job)
    with pytest.raises(InputRefused, match="refused the request"):
        await gateway.looked(job, 7)


@pytest.mark.parametrize(
    ("answer", "kind", "charge"),
    [
        (Answer(200, {}, {"code": 24, "description": "no"}), ContentRejected, "none"),
        (Answer(200, {}, {"code": 23, "description": "full"}), RateLimited, "none"),
        (Answer(404, {}, {"code": 3, "description": "gone"}), InputRefused, "none"),
        (Answer(200, {}, {"code": 4, "description": "bad mask"}), InputRefused, "none"),
        (Answer(401, {}, {"error": "who?"}), InvalidKey, "none"),
    ],
)
async def test_a_window_that_says_no_is_told_in_its_words(monkeypatch, answer, kind, charge):
    gateway = Windowed(monkeypatch)
    job = await Midjourney().submit(region(), CALL)
    gateway.answers = [answer]
    with pytest.raises(kind) as error:
        await gateway.looked(job)
    assert error.value.charge == charge


UPLOADED = Answer(200, {}, {"code": 1, "result": ["https://cdn.example/1.png", "https://cdn.example/2.png"]})
REFERRED = asked("a star --sref 123", "6", references={"style_reference": (plain(), plain(8, 8))})


async def test_references_are_uploaded_and_become_links_beside_what_is_typed(monkeypatch):
    gateway = Windowed(monkeypatch)
    gateway.answers = [UPLOADED, Answer(200, {}, TAKEN)]
    call = replace(CALL, link_for=no_link)
    await Midjourney().submit(REFERRED, call)
    (upload, body), (path, imagine) = gateway.sent
    assert (upload, path) == ("submit/upload-discord-images", "submit/imagine")
    assert specs.problem("midjourney", "mjproxy_upload", body) is None
    assert imagine["prompt"] == "a star --v 6 --sref 123 https://cdn.example/1.png https://cdn.example/2.png"


@pytest.mark.parametrize(
    ("answer", "kind", "retryable"),
    [
        (Answer(200, {}, {"code": 4, "description": "禁止上传"}), InputRefused, False),
        (Answer(404, {}, None, b"no"), InputRefused, False),
        (Answer(503, {}, None, b"no"), ProviderDown, True),
        (Answer(200, {}, None, b"<html>"), ProviderDown, True),
        (Answer(200, {}, {"code": 1, "result": ["ftp://x.example/a", "https://x.example/b"]}), ProviderDown, True),
        (Answer(200, {}, {"code": 1, "result": ["https://x.example/b"]}), ProviderDown, True),
        (aiohttp.ServerDisconnectedError(), ProviderDown, True),
        (Answer(401, {}, {"error": "who?"}), InvalidKey, False),
    ],
)
async def test_an_upload_that_failed_cost_nothing(monkeypatch, answer, kind, retryable):
    gateway = Windowed(monkeypatch)
    gateway.answers = [answer]
    with pytest.raises(kind) as error:
        await Midjourney().submit(REFERRED, replace(CALL, link_for=no_link))
    assert (error.value.charge, error.value.retryable, len(gateway.sent)) == ("none", retryable, 1)
    if kind is InputRefused:
        assert error.value.input_name == "style_images"


@pytest.mark.parametrize(
    ("known", "calls"), [(LINK, ["imagine"]), ("http://10.0.0.5/a.png", ["upload-discord-images", "imagine"])]
)
async def test_an_own_link_is_used_where_midjourney_can_reach_it(monkeypatch, known, calls):
    gateway = Windowed(monkeypatch)
    gateway.answers = [UPLOADED, Answer(200, {}, TAKEN)][-len(calls) :]

    async def link_for(_picture: Any) -> str:
        return known

    await Midjourney().submit(REFERRED, replace(CALL, link_for=link_for))
    assert [path.removeprefix("submit/") for path, _ in gateway.sent] == calls
    assert (LINK in gateway.sent[-1][1]["prompt"]) == (known == LINK)
    assert "10.0.0.5" not in gateway.sent[-1][1]["prompt"]


@pytest.mark.parametrize("gateway", [NOVICEZK, PIAPI, BRIEF])
async def test_a_gateway_that_uploads_nothing_says_which_input_it_cannot_take(monkeypatch, gateway):
    windowed = Windowed(monkeypatch)
    call = replace(CALL, link_for=no_link, options={"gateway": gateway})
    with pytest.raises(InputRefused, match="no way to upload a picture, so style_images takes only") as refused:
        await Midjourney().submit(REFERRED, call)
    assert (refused.value.input_name, windowed.sent) == ("style_images", [])


@pytest.mark.parametrize(
    ("sent", "final", "kept"),
    [
        ("a star --v 7", "<https://s.mj.run/a> a star --v 7", "<https://s.mj.run/a> a star --v 7"),
        ("a star --v 7", "a bright star --v 7", "a star --v 7"),
        ("https://x.example/a.png a star", "<https://s.mj.run/a> a star", "https://x.example/a.png a star"),
        ("", "<https://s.mj.run/a> a star", "<https://s.mj.run/a> a star"),
    ],
)
def test_a_task_is_handed_on_with_the_links_of_its_pictures(sent, final, kept):
    job = begun("7", asked(), GATEWAYS[TRUEAI], sent)
    told = drawn(job, CALL, ["https://x.example/grid.png"], final)
    assert told.data["task"]["prompt"] == kept


def test_a_gateway_without_a_secret_is_sent_none():
    call = replace(CALL, key=Key(SecretStr(""), "none"))
    assert _key(call, GATEWAYS[TRUEAI]) == {}


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
