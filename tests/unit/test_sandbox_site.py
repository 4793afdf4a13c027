"""The sandbox as a thing that runs: its rules, its log, its settings, its socket, its process."""

import asyncio
import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from easel.nodes.sandbox import BadRule, Rule, make_app, start
from easel.nodes.sandbox.control import put_in_force
from easel.nodes.sandbox.faults import Faults
from easel.nodes.sandbox.state import State
from support.story import FLARE, Site, play

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def served():
    url, stop = start()
    yield url
    stop()


def test_a_rule_strikes_by_prompt_and_path_and_number_of_times(served):
    async def story(site):
        await site.fault("server_error", prompt="STORM", times=2)
        await site.fault("unavailable", path="/chat/")
        prompts = ["calm", "a storm", "a storm", "a storm"]
        assert [(await site.buy(prompt=prompt))[0] for prompt in prompts] == [200, 500, 500, 200]
        async with site.session.get(f"{site.url}/sandbox/faults") as answer:
            assert [rule["kind"] for rule in (await answer.json())["faults"]] == ["unavailable"]

    play(served, story)


def test_a_rule_without_a_path_leaves_downloads_alone(served):
    async def story(site):
        link = await site.link()
        await site.fault("server_error")
        async with site.session.get(link) as answer:
            assert answer.status == 200

    play(served, story)


def test_chance_is_the_same_each_time():
    def struck():
        faults = Faults()
        faults.add(Rule("server_error", probability=0.5))
        return [bool(faults.take({"server_error"}, method="POST", path="/")) for _ in range(20)]

    assert struck() == struck()
    assert 3 < sum(struck()) < 17


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kind": "rain"},
        {"kind": "slow", "secs": 1},
        {"kind": "slow", "seconds": "1"},
        {"kind": "slow", "times": -1},
        {"kind": "cut_before_body", "prompt": "x"},
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(served, given):
    with pytest.raises(BadRule):
        Rule.read(given)

    async def story(site):
        async with site.session.post(f"{site.url}/sandbox/faults", json=given) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]

    play(served, story)


def test_the_log_tells_of_requests_and_keeps_no_key(served):
    async def story(site):
        await asyncio.gather(*(site.buy(prompt=f"star {number}") for number in range(4)))
        await site.link()
        log = await site.log()
        first = log["requests"][0]
        assert (first["provider"], first["operation"], first["model"]) == ("openai", "generate", FLARE)
        assert (first["size"], first["n"], first["accepted"], first["status"]) == ("1024x1024", 1, True, 200)
        assert first["bytes_in"] > 0
        assert first["bytes_out"] > 1000
        assert log["max_in_flight"] == 4
        assert log["charged_usd"] == pytest.approx(4 * (196 * 30 + 2 * 5) / 1e6 + 0.04)
        assert "sk-secret-key" not in json.dumps(log)
        assert len({request["key"] for request in log["requests"]}) == 1

    play(served, story)


def test_latency_is_a_setting(served):
    async def story(site):
        await site.session.post(f"{site.url}/sandbox/settings", json={"latency": 0.3})
        began = time.monotonic()
        await site.buy()
        took = time.monotonic() - began
        await site.session.post(f"{site.url}/sandbox/settings", json={"latency": 0})
        assert took > 0.3

    play(served, story)


def test_it_listens_on_loopback_only():
    with pytest.raises(ValueError, match="loopback"):
        start(host="0.0.0.0")


def test_a_taken_port_is_an_error_and_stopping_frees_it():
    url, stop = start()
    port = urlsplit(url).port
    with pytest.raises(OSError, match="in use"):
        start(port)
    stop()
    stop()
    again, stop = start(port)
    assert again == url
    stop()


def test_an_app_without_a_socket_of_its_own_says_so():
    state = State()
    make_app(state)
    with pytest.raises(BadRule, match="socket"):
        put_in_force(state, Rule("connection_refused"))


def test_as_a_process_it_prints_its_address_and_leaves_a_log_when_killed(tmp_path):
    log = tmp_path / "log.jsonl"
    rule = json.dumps({"kind": "slow", "seconds": 30})
    command = [sys.executable, "-m", "nodes.sandbox", "--port", "0", "--log", str(log), "--fault", rule]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            head, _, url = process.stdout.readline().strip().rpartition(" ")
            assert head == "sandbox listening at"

            async def story(site):
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(site.buy(), 0.5)

            async def run():
                async with aiohttp.ClientSession() as session:
                    await story(Site(url, session))

            asyncio.run(run())
        finally:
            process.kill()
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [(line["event"], line["submission"], line["prompt"]) for line in lines] == [("received", True, "a star")]


def test_stopping_does_not_wait_for_slow_calls():
    url, stop = start(faults=[{"kind": "slow", "seconds": 60}])

    async def story():
        async with aiohttp.ClientSession() as session:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(Site(url, session).buy(), 0.3)

    asyncio.run(story())
    began = time.monotonic()
    stop()
    assert time.monotonic() - began < 5
