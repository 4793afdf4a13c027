"""Midjourney's gateways when they do not deliver: what each refusal and fault means, in whose words, at what cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from easel.nodes.hosted.engine.errors import (
    ContentRejected,
    InputRefused,
    InvalidKey,
    ProviderDown,
    QuotaExhausted,
    ResultLost,
    TimedOut,
)
from easel.nodes.hosted.engine.provider import Job
from easel.nodes.hosted.engine.wire import Answer
from easel.nodes.hosted.midjourney.gateways.choice import GATEWAYS as GATEWAYS_BY_NAME
from easel.nodes.hosted.midjourney.gateways.choice import place_of
from easel.nodes.hosted.midjourney.gateways.outcomes import (
    begun,
    drawn,
    failed,
    fraction_of,
    not_taken,
    under_way,
    unknown,
)
from easel.nodes.hosted.midjourney.gateways.proxy import _place_in, _task_of
from easel.nodes.hosted.midjourney.gateways.wire import refusal, segment, words_of
from easel.nodes.hosted.midjourney.handle import Handle
from easel.nodes.hosted.midjourney.provider import Midjourney
from easel.nodes.hosted.midjourney.requests import Describe, Upscale, Vary
from support.midjourney_desk import MOUNTS, Desk, asked, desks, handle, handle_of, plain

GATEWAYS = list(MOUNTS)
RICH = ["midjourney-proxy-trueai", "piapi"]
TRUEAI, NOVICEZK, BRIEF, PIAPI = GATEWAYS


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


# What is refused


async def test_a_refused_prompt_costs_nothing_and_has_the_gateways_words(desk):
    with pytest.raises(ContentRejected) as refused:
        await desk.buy(asked("a forbidden picture"))
    assert (refused.value.stage, refused.value.charge) == ("input", "none")
    if desk.gateway in (TRUEAI, NOVICEZK):
        assert 'refused the word "forbidden"' in str(refused.value) and refused.value.words == "可能包含敏感词"
    else:
        assert refused.value.words == "Banned prompt detected" and refused.value.request_id
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


async def test_held_back_pictures_are_told_with_stage_words_and_task(desk, sandbox):
    sandbox.fault("refuse_output")
    with pytest.raises(ContentRejected) as refused:
        await desk.buy(asked())
    assert refused.value.stage == "output" and refused.value.request_id
    assert "AI moderator" in refused.value.words
    assert desk.counts() == (1, 0)
    assert await desk.bill() == ["unsure"]


async def test_some_of_four_held_back_are_said_and_the_others_kept(desk_at, sandbox):
    desk = desk_at(BRIEF)
    sandbox.fault("refuse_some", count=1)
    outcome = await desk.buy(asked())
    assert len(outcome.pictures) == 3 and len(outcome.refused) == 1
    assert desk.counts() == (1, 1)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("insufficient_quota", QuotaExhausted, "insufficient credits"),
        ("bad_key", InvalidKey, "Invalid key"),
        ("not_verified", InvalidKey, "Forbidden"),
        ("model_not_found", InputRefused, "Not Found"),
    ],
)
@pytest.mark.parametrize("gateway", RICH)
async def test_what_was_not_taken_was_not_charged(desk_at, sandbox, gateway, fault, kind, words):
    desk = desk_at(gateway)
    sandbox.fault(fault)
    with pytest.raises(kind) as error:
        await desk.buy(asked())
    assert (error.value.charge, error.value.words) == ("none", words)
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


@pytest.mark.parametrize(("gateway", "words"), [(TRUEAI, "queue is full"), (PIAPI, "asked too often")])
async def test_a_full_queue_is_waited_out(desk_at, sandbox, gateway, words):
    desk = desk_at(gateway)
    sandbox.fault("rate_limit", times=1, retry_after=0.1)
    assert (await desk.buy(asked())).pictures
    assert desk.counts() == (2, 1)
    assert any(words in look.status for look in desk.shown)


async def test_a_refused_connection_is_tried_again(trueai, sandbox):
    sandbox.fault("connection_refused", seconds=0.6)
    assert (await trueai.buy(asked())).pictures
    assert trueai.counts() == (1, 1)


@pytest.mark.parametrize(("fault", "charged"), [("cut_after_body", 1), ("cut_before_body", 0)])
async def test_a_cut_is_never_sent_again_and_is_told_as_unsure(trueai, sandbox, fault, charged):
    sandbox.fault(fault, times=1)
    with pytest.raises(TimedOut) as error:
        await trueai.buy(asked())
    assert error.value.charge == "unsure"
    assert sandbox.report()["charged_submissions"] == charged
    assert await trueai.bill() == ["unsure"]


@pytest.mark.parametrize("fault", ["server_error", "unavailable", "html"])
async def test_an_answer_that_tells_nothing_is_unsure_and_not_sent_again(trueai, sandbox, fault):
    sandbox.fault(fault, times=1)
    with pytest.raises(ProviderDown) as error:
        await trueai.buy(asked())
    assert error.value.charge == "unsure"
    assert trueai.counts() == (1, 0)


async def test_a_gateway_without_an_account_says_so_and_costs_nothing(trueai, sandbox):
    sandbox.fault("server_error", times=1, details=False)
    with pytest.raises(InputRefused) as error:
        await trueai.buy(asked())
    assert (error.value.words, error.value.charge) == ("No available account instance", "none")


@pytest.mark.parametrize(
    ("gateway", "fault"),
    [(TRUEAI, "cut_before_body"), (TRUEAI, "html"), (PIAPI, "rate_limit"), (PIAPI, "html"), (BRIEF, "unavailable")],
)
async def test_a_poll_that_fails_is_repeated_and_buys_nothing(desk_at, sandbox, gateway, fault):
    desk = desk_at(gateway)
    sandbox.fault(fault, path=desk.polls, method="GET", times=1)
    assert (await desk.buy(asked())).pictures
    assert desk.counts() == (1, 1)


async def test_a_key_that_fails_while_the_job_runs_leaves_the_job_to_be_resumed(trueai, sandbox):
    sandbox.fault("bad_key", path=trueai.polls, method="GET", times=1)
    with pytest.raises(InvalidKey):
        await trueai.buy(asked())
    assert (await trueai.buy(asked())).pictures
    assert trueai.counts() == (1, 1)


async def test_a_task_that_failed_is_told_as_unsure(desk, sandbox):
    sandbox.fault("bill_without_picture")
    with pytest.raises(ResultLost) as error:
        await desk.buy(asked())
    assert error.value.charge == "unsure" and "Failed to process" in error.value.words and error.value.request_id
    assert await desk.bill() == ["unsure"]


async def test_a_lost_task_is_told_as_charged(trueai, sandbox):
    sandbox.fault("model_not_found", path=trueai.polls, method="GET")
    with pytest.raises(ResultLost, match="does not know this task any more") as error:
        await trueai.buy(asked())
    assert error.value.charge == "charged" and error.value.request_id
    assert await trueai.bill() == ["estimated"]


async def test_a_task_that_one_look_did_not_find_is_not_given_up(desk, sandbox):
    sandbox.fault("model_not_found", path=desk.polls, method="GET", times=2)
    assert (await desk.buy(asked())).pictures
    assert desk.counts() == (1, 1)


def test_looks_that_find_no_task_count_only_in_a_row():
    job = begun("7", asked(), GATEWAYS_BY_NAME[BRIEF], "a star")
    for _ in range(3):
        job = unknown(unknown(under_way(job, "IN_PROGRESS", "10%")))
    with pytest.raises(ResultLost) as lost:
        unknown(unknown(job))
    assert (lost.value.request_id, lost.value.charge) == ("7", "charged")


@pytest.mark.parametrize("status", [400, 422])
def test_a_filter_that_answers_at_once_is_a_refusal_by_content(status):
    error = refusal(Answer(status, {}, {"error": "Banned prompt detected"}), asked())
    assert isinstance(error, ContentRejected)
    assert (error.stage, error.charge, error.words) == ("input", "none", "Banned prompt detected")
    assert type(refusal(Answer(status, {}, {"error": "prompt is required"}), asked())) is InputRefused


def test_what_is_no_answer_of_the_api_keeps_its_words_and_is_unsure():
    with pytest.raises(ProviderDown, match="not its API") as error:
        _task_of(Answer(200, {}, {"error": {"message": "upstream is saturated"}}), asked())
    assert (error.value.words, error.value.charge) == ("upstream is saturated", "unsure")


def test_a_banned_word_is_one_whatever_the_http_status():
    told = {"code": 24, "description": "no", "properties": {"bannedWord": "blood"}}
    with pytest.raises(ContentRejected, match='the word "blood"'):
        _task_of(Answer(400, {}, told), asked())


@pytest.mark.parametrize("gateway", [NOVICEZK, BRIEF])
async def test_a_parameter_that_midjourney_refuses_is_named(desk_at, gateway):
    desk = desk_at(gateway)
    with pytest.raises(InputRefused) as refused:
        await desk.buy(asked("a star --unheard of"))
    assert "--unheard" in refused.value.words
    assert desk.counts() == (1, 0)
    assert await desk.bill() == []


@pytest.mark.parametrize("fault", ["no_data", "half_picture"])
async def test_what_is_no_picture_is_an_error_and_is_billed_once(trueai, sandbox, fault):
    sandbox.fault(fault, times=1)
    with pytest.raises(ResultLost):
        await trueai.buy(asked())
    assert trueai.counts() == (1, 1)
    assert len(await trueai.bill()) == 1


async def test_an_expired_link_is_an_error(trueai, sandbox):
    sandbox.fault("expired_link")
    with pytest.raises(ResultLost, match="no longer works"):
        await trueai.buy(asked())
    assert await trueai.bill() == ["estimated"]


async def test_a_link_with_the_wrong_content_type_is_judged_by_its_bytes(trueai, sandbox):
    sandbox.fault("wrong_content_type")
    assert (await trueai.buy(asked())).pictures


async def test_a_task_that_the_gateway_forgot_is_told_and_costs_nothing(desk):
    host = place_of(desk.engine.live_address(Midjourney.account))
    gone = handle(task="../gone", gateway=desk.gateway, host=host)
    with pytest.raises(InputRefused) as refused:
        await desk.buy(Upscale.on(gone, which="1"))
    assert refused.value.charge == "none"
    assert desk.counts()[1] == 0


async def test_a_button_that_the_task_does_not_have_is_told_with_those_that_it_has(trueai, sandbox):
    task = Handle.read(handle_of(await trueai.buy(asked("a star", version="5.1"))))
    one = Handle.read(handle_of(await trueai.buy(Upscale.on(task.text, which="1"))))
    with pytest.raises(InputRefused, match=r"does not offer Vary \(Strong\).*it offers Upscale \(2x\)"):
        await trueai.buy(Vary.on(one.model_copy(update={"version": "7"}).text, which="strong"))
    assert sandbox.report()["charged_submissions"] == 2


@pytest.mark.parametrize("fault", ["unavailable", "html"])
async def test_looking_for_a_button_is_tried_again(trueai, sandbox, fault):
    task = handle_of(await trueai.buy(asked()))
    sandbox.fault(fault, path="/fetch", method="GET", times=1)
    assert (await trueai.buy(Vary.on(task, which="1"))).pictures
    assert trueai.counts() == (2, 2)


async def test_a_picture_too_large_as_a_file_is_refused_before_it_is_sent(trueai, monkeypatch):
    monkeypatch.setattr("easel.nodes.hosted.midjourney.gateways.pictures._MOST_BYTES", 100)
    with pytest.raises(InputRefused, match="scale it down"):
        await trueai.buy(Describe.build(model="midjourney-7", image=plain()))
    assert trueai.counts() == (0, 0)


async def test_sixty_four_prompts_through_full_queues_end_with_sixty_four_charges(trueai, sandbox):
    desk = trueai
    sandbox.fault("rate_limit", probability=0.1, path=desk.calls, method="POST")
    sandbox.fault("server_error", probability=0.05, path=desk.polls, method="GET")
    wanted = [desk.buy(asked(f"picture {number} ")) for number in range(64)]
    outcomes = await asyncio.gather(*wanted)
    assert sum(len(outcome.pictures) for outcome in outcomes) == 64
    assert sandbox.report()["charged_submissions"] == 64
    assert len(await desk.bill()) == 64


# What gateways say


@pytest.mark.parametrize(
    ("words", "kind", "stage_or_charge"),
    [
        ("Banned prompt detected", ContentRejected, "input"),
        ("Your image was blocked after a last check by our AI moderator.", ContentRejected, "output"),
        (
            "Sorry! The AI moderator thinks this prompt is probably against our community standards.",
            ContentRejected,
            "input",
        ),
        ("可能包含敏感词", ContentRejected, "input"),
        ("Invalid parameter `--cref` is not compatible with `--version 7`", InputRefused, "none"),
        ("Invalid link", InputRefused, "none"),
        ("You have run out of fast hours", ResultLost, "none"),
        ("Action needed to continue", ResultLost, "none"),
        ("Your account has been temporarily blocked", ResultLost, "none"),
        ("Failed to process your command", ResultLost, "unsure"),
        ("", ResultLost, "unsure"),
    ],
)
def test_a_failed_task_s_words_decide_what_it_means(words, kind, stage_or_charge):
    error = failed("t1", words)
    assert type(error) is kind
    assert (error.words, error.request_id) == (words, "t1")
    assert stage_or_charge == (error.stage if isinstance(error, ContentRejected) else error.charge)
    # A task that ended must not be asked for again and again.
    assert not error.resumable and not error.retryable


def test_a_request_that_was_not_taken_for_want_of_credit_says_so():
    assert isinstance(not_taken("insufficient quota", "x"), QuotaExhausted)


def test_a_task_that_waits_in_the_gateways_queue_says_at_which_place():
    told = {"code": 22, "description": "queued", "result": "7", "properties": {"numberOfQueues": 3}}
    answer = Answer(200, {}, told)
    assert (_task_of(answer, asked()), _place_in(answer)) == ("7", 3)
    assert _place_in(Answer(200, {}, {**told, "code": 1})) is None
    job = begun("7", asked(), GATEWAYS_BY_NAME[NOVICEZK], "a star", place=3)
    assert (job.progress.queue_position, job.progress.status) == (3, "queued · a star")


@pytest.mark.parametrize("links", [[], [None], ["grid.png"], ["ftp://a.example/b.png"], [7]])
def test_what_is_no_link_is_said_to_be_none(links):
    job = begun("7", asked(), GATEWAYS_BY_NAME[BRIEF], "a star")
    with pytest.raises(ResultLost, match="gave no link") as lost:
        drawn(job, None, links)
    assert lost.value.charge == "charged"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "text"}, "text"),
        ({"error": {"message": "text"}}, "text"),
        ({"message": "text"}, "text"),
        ({"message": "success", "detail": "text"}, "text"),
        ({"detail": [{"msg": "one"}, {"msg": "two"}]}, "one; two"),
        ({"code": 9, "description": "text"}, "text"),
        ({"error": {"code": 1, "raw_message": "raw", "message": "told"}}, "raw"),
        ("text", "text"),
        (None, ""),
        ({"error": None}, ""),
    ],
)
def test_words_are_found_wherever_a_gateway_puts_them(body, words):
    assert words_of(body) == words


@pytest.mark.parametrize(
    ("percent", "fraction"),
    [("45%", 0.45), (45, 0.45), ("100", 1.0), ("0%", 0.0), ("", None), (None, None), ("soon", None), ("nan", None), (120, None)],
)  # fmt: skip
def test_progress_is_a_fraction_where_it_is_a_number(percent, fraction):
    assert fraction_of(percent) == fraction


def test_looks_become_rarer_and_never_stop():
    job, waits = Job({"prompt": "x"}), []
    for _ in range(12):
        job = under_way(job, "IN_PROGRESS", "10%")
        waits.append(job.wait)
    assert waits == sorted(waits) and waits[0] < 0.5 and waits[-1] == 5.0
    assert job.progress.status == "in progress · x"


def test_an_id_is_one_step_of_a_path():
    assert segment("../../admin?x=1#y") == "..%2F..%2Fadmin%3Fx%3D1%23y"
