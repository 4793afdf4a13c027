"""FLUX jobs at a queue provider while ComfyUI is killed, interrupted or blocked: bought once, and never lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.comfy import ROOT, ComfyServer, failures
from support.events import EventListener
from support.sandbox import SandboxProcess

pytestmark = pytest.mark.alone

WORKFLOW = json.loads((ROOT / "workflows/api/flux-text-to-image.json").read_text(encoding="utf-8"))
PROBES = {"easel": ROOT, "probes": ROOT / "tests/support/probes"}


def generate(**changes: Any) -> dict[str, Any]:
    node: dict[str, Any] = WORKFLOW["1"]
    return {**node, "inputs": {**node["inputs"], **changes}}


def save(source: str) -> dict[str, Any]:
    node: dict[str, Any] = WORKFLOW["2"]
    return {**node, "inputs": {**node["inputs"], "images": [source, 0]}}


def one(**changes: Any) -> dict[str, Any]:
    return {"1": generate(**changes), "2": save("1")}


@pytest.fixture
def house(sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """The sandbox process, with jobs that take a while."""
    yield sandbox
    sandbox.call("POST", "/sandbox/settings", {"job_seconds": 1.0})


def job_seconds(house: SandboxProcess, seconds: float) -> None:
    house.call("POST", "/sandbox/settings", {"job_seconds": seconds})


@pytest.fixture
def server(comfy_factory: Callable[..., ComfyServer], house: SandboxProcess) -> ComfyServer:
    """A ComfyUI of this test's own that buys at the sandbox process."""
    return comfy_factory(sandbox_url=house.url, packs=PROBES)


def polls(house: SandboxProcess) -> list[dict[str, Any]]:
    return [request for request in house.log() if request["operation"] == "poll"]


def wait_until(holds: Callable[[], bool], timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def report(entry: dict[str, Any]) -> str:
    return str(entry["outputs"]["1"]["text"][0])


def test_a_killed_comfyui_goes_on_with_the_job_that_it_was_polling(server, house):
    job_seconds(house, 600.0)
    server.post_prompt(one())
    wait_until(lambda: len(polls(house)) >= 2)
    server.kill()
    before = len(polls(house))
    server.start()
    prompt_id = server.post_prompt(one())
    wait_until(lambda: len(polls(house)) > before)
    job_seconds(house, 0)
    entry = server.wait(prompt_id)
    assert failures(entry) == []
    (picture,) = server.saved(entry)
    assert picture.stat().st_size > 10_000
    assert (house.submissions(), house.charges()) == (1, [0.03])
    assert "it was finished, not bought again" in report(entry)


def test_a_killed_comfyui_fetches_a_job_that_ended_while_it_was_dead(server, house):
    job_seconds(house, 2.0)
    server.post_prompt(one())
    wait_until(lambda: len(polls(house)) >= 1)
    server.kill()
    time.sleep(2.0)
    server.start()
    entry = server.run(one())
    assert len(server.saved(entry)) == 1
    assert house.submissions() == 1


def test_two_equal_nodes_are_one_job(server, house):
    entry = server.run({"1": generate(), "2": save("1"), "3": generate(), "4": save("3")})
    assert len(server.saved(entry)) == 2
    assert (house.submissions(), house.charges()) == (1, [0.03])


def test_stop_is_felt_at_once_and_the_job_is_finished_and_kept(server, house):
    server.run(one(prompt="warm up"))
    job_seconds(house, 4.0)
    with EventListener(server.url) as events:
        before = len(polls(house))
        server.post_prompt(one(), events.client_id)
        wait_until(lambda: len(polls(house)) > before)
        pressed = time.monotonic()
        server.interrupt()
        stopped = events.wait_for(lambda event: event.type == "execution_interrupted")
    print(f"interrupt felt after {stopped.at - pressed:.3f} s")
    assert stopped.at - pressed < 0.5
    wait_until(lambda: house.log()[-1]["operation"] == "fetch")
    time.sleep(0.5)
    entry = server.run(one())
    assert "free: kept from before" in report(entry)
    assert house.submissions() == 2


def test_polls_go_on_while_a_local_node_blocks_the_executor(server, house):
    server.run(one(prompt="warm up"))
    job_seconds(house, 10.0)
    graph = one() | {
        "8": {"class_type": "ProbeBlock", "inputs": {"seconds": 5.0}},
        "9": {"class_type": "ProbeEnd", "inputs": {"text": ["8", 0]}},
    }
    with EventListener(server.url) as events:
        prompt_id = server.post_prompt(graph, events.client_id)
        events.wait_for(lambda event: event.type == "executing" and event.data["node"] == "8")
        begun = time.time()
        time.sleep(4.0)
        assert events.of_type("executing")[-1].data["node"] == "8", "the executor was not blocked all the time"
    during = [poll for poll in polls(house) if begun < poll["time"] < begun + 4.0]
    print(f"{len(during)} polls in 4 s of a blocked executor")
    assert len(during) >= 6
    assert failures(server.wait(prompt_id)) == []
    assert house.submissions() == 2
