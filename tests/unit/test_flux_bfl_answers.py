"""BFL's answers without a sandbox: what each means, and where the key may go."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from easel.nodes.hosted.engine.errors import (
    EaselError,
    ProviderDown,
    ResultLost,
)
from easel.nodes.hosted.engine.provider import Call, Job, Progress, Result
from easel.nodes.hosted.flux.bfl.answers import check_polling_url, job_of, told_of
from easel.nodes.hosted.flux.bfl.provider import Bfl
from easel.nodes.hosted.flux.requests import FluxGenerate
from support.desk import calling, listening


def asked(**changes: Any) -> FluxGenerate:
    return FluxGenerate.build(
        **{"model": "flux-2-pro", "prompt": "a red circle", "width": 256, "height": 256, **changes}
    )


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://api.us3.bfl.ai/v1/get_result?id=1", True),
        ("https://bfl.ai/get?id=1", True),
        ("https://gateway.example/v1/get_result?id=1", True),
        ("http://api.us3.bfl.ai/v1/get_result?id=1", False),
        ("https://evil-bfl.ai/v1/get_result?id=1", False),
        ("https://bfl.ai.evil.example/?id=1", False),
        ("https://api.bfl.ai@evil.example/?id=1", False),
        ("https://api.bfl.ai:8443/?id=1", False),
        ("http://gateway.example/v1/get_result?id=1", False),
        ("file:///etc/passwd", False),
    ],
)
def test_the_key_goes_only_to_bfl_and_to_where_the_request_went(url, is_taken):
    if is_taken:
        check_polling_url(url, "https://gateway.example/v1", "task")
        return
    with pytest.raises(ResultLost, match="did not send your key"):
        check_polling_url(url, "https://gateway.example/v1", "task")


async def test_an_address_of_somebody_else_is_refused_in_the_answer_and_in_the_journal():
    elsewhere = "https://api.us3.bfl.ai.evil.example/v1/get_result?id=t"
    with pytest.raises(ResultLost, match="did not send your key") as refused:
        job_of({"id": "t", "polling_url": elsewhere}, asked(), "https://api.bfl.ai/v1")
    assert refused.value.request_id == "t"
    # Without a session and a key: nothing is sent.
    nothing: Any = None
    call = Call("https://api.bfl.ai/v1", nothing, nothing, nothing, nothing, {})
    with pytest.raises(ResultLost, match="did not send your key"):
        await Bfl().poll(Job({"id": "t", "polling_url": elsewhere}, Progress(""), 0.5), call)


def job() -> Job:
    answer = {"id": "t", "polling_url": "https://api.us1.bfl.ai/v1/get_result?id=t", "cost": 4.8}
    return job_of(answer, asked(), "https://api.bfl.ai/v1")


@pytest.mark.parametrize("status", ["Pending", "Reasoning", "Generating", "Something New"])
def test_a_status_that_nobody_knows_means_that_the_task_goes_on(status):
    told = told_of(job(), {"id": "t", "status": status, "progress": 0.25})
    assert isinstance(told, Job)
    assert (told.progress.status, told.progress.fraction) == (status.lower(), 0.25)


async def test_a_page_in_the_place_of_an_answer_ends_no_task():
    for body, error in (
        (None, ProviderDown),
        ({"note": "?"}, ProviderDown),
    ):
        async with listening(404, body) as server, calling(server.address) as call:
            with pytest.raises(error):
                await Bfl().poll(Job({"id": "1", "polling_url": f"{server.address}/v1/get_result?id=1"}), call)


def test_a_task_is_given_up_only_after_several_looks_that_do_not_find_it():
    told = job()
    for _ in range(3):
        told = told_of(told, {"id": "t", "status": "Task not found"})
        assert isinstance(told, Job)
    with pytest.raises(ResultLost, match="does not know this task any more"):
        told_of(told, {"id": "t", "status": "Task not found"})


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_any_acceptance_with_a_place_to_wait_is_one(status):
    taken = {"id": "1", "polling_url": "https://api.eu1.bfl.ai/v1/get_result?id=1", "cost": 3.0}
    async with listening(status, taken) as server, calling(server.address) as call:
        assert (await Bfl().submit(asked(), call)).handle["id"] == "1"


@pytest.mark.parametrize("answer", [{"status": "Error"}, {"status": "Ready", "result": None}])
def test_what_a_task_without_a_picture_costs_is_told(answer):
    with pytest.raises(ResultLost) as lost:
        told_of(Job({"id": "1", "credits": 3.0}), answer)
    assert lost.value.cost_usd == Decimal("0.03")
    assert "charged $0.03" in str(lost.value)


def test_a_rewritten_prompt_and_the_real_seed_are_told():
    answer = {"status": "Ready", "result": {"sample": "https://d.bfl.ai/x.png", "prompt": "much longer", "seed": 9}}
    told = told_of(job(), answer)
    assert isinstance(told, Result)
    assert (told.pictures[0].revised_prompt, told.seed, float(told.cost_usd)) == ("much longer", 9, 0.048)
    answer["result"]["prompt"] = asked().prompt
    assert told_of(job(), answer).pictures[0].revised_prompt == ""


@pytest.mark.parametrize(("answer", "task"), [({"status": "ok"}, None), ({"id": "t", "status": "ok"}, "t")])
def test_an_acceptance_without_a_place_to_wait_is_unsure_and_names_what_there_is(answer, task):
    with pytest.raises(EaselError) as error:
        job_of(answer, asked(), "https://api.bfl.ai/v1")
    assert (error.value.charge, error.value.request_id) == ("unsure", task)


@pytest.mark.parametrize("cost", [None, "free", float("nan"), -1, [3]])
def test_a_cost_that_is_no_number_does_not_lose_the_picture(cost):
    odd = Job({**job().handle, "credits": cost}, Progress(""), 0.5)
    told = told_of(odd, {"status": "Ready", "result": {"sample": "https://d.bfl.ai/x.png"}})
    assert isinstance(told, Result)
    assert (len(told.pictures), told.cost_usd) == (1, None)
