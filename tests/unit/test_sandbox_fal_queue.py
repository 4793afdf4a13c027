"""The stand-in for fal.ai: its queue, its filters, and all that can go wrong there."""

import aiohttp
import pytest
from PIL import Image

from easel.nodes.sandbox import start
from support.fal_site import KEY, POLICY, PRO, SCHNELL, SMALL, play


@pytest.fixture(scope="module")
def served():
    url, stop = start()
    yield url
    stop()


def is_black(picture):
    return picture.convert("L").getextrema() == (0, 0)


def test_the_safety_checker_blackens_flags_and_bills(served):
    async def story(site):
        _, told = await site.run(SCHNELL, prompt="a forbidden star", num_images=2, **SMALL)
        assert told["has_nsfw_concepts"] == [True, True]
        assert all([is_black(await site.picture(one["url"])) for one in told["images"]])
        await site.fault("refuse_some", times=1)
        _, told = await site.run(SCHNELL, prompt="a star", num_images=3, **SMALL)
        assert told["has_nsfw_concepts"] == [True, False, False]
        assert [is_black(await site.picture(one["url"])) for one in told["images"]] == [True, False, False]
        _, told = await site.run(SCHNELL, prompt="a forbidden star", enable_safety_checker=False, **SMALL)
        assert told["has_nsfw_concepts"] == [False]
        assert not is_black(await site.picture(told["images"][0]["url"]))
        assert [entry["charged_usd"] for entry in await site.bought()] == [0.006, 0.009, 0.003]

    play(served, story)


def test_other_filters_refuse_or_hold_back(served):
    async def story(site):
        for kind, path in (("refuse_input", SCHNELL), ("refuse_input", PRO), ("refuse_output", PRO)):
            await site.fault(kind, times=1)
            status, detail = await site.detail(path, prompt="a star", **SMALL)
            assert (status, detail["type"]) == (422, POLICY)
        assert await site.counts() == (3, 0)
        await site.fault("refuse_some", times=1)
        _, told = await site.run("fal-ai/ideogram/v3", prompt="a star", num_images=3, **SMALL)
        assert (len(told["images"]), (await site.log())["charged_usd"]) == (2, 0.12)
        await site.fault("refuse_some", times=1)
        assert (await site.run("fal-ai/flux-2-pro", prompt="a star", **SMALL))[0] == 422

    play(served, story)


PLAIN = {
    "rate_limit": (429, "Too many requests"),
    "insufficient_quota": (403, "User is locked. Reason: Exhausted balance."),
    "server_error": (500, "Internal Server Error"),
    "unavailable": (503, "No runner"),
    "bad_key": (401, "Cannot access application"),
    "not_verified": (403, "User is not allowed"),
    "model_not_found": (404, "Application 'flux/schnell' not found"),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_an_error_answer_costs_nothing_and_passes(served, kind):
    async def story(site):
        await site.fault(kind, times=1, retry_after=2)
        status, told, headers = await site.call("POST", f"/queue.fal.run/{SCHNELL}", json={"prompt": "a"})
        assert (status, told["detail"].startswith(PLAIN[kind][1])) == (PLAIN[kind][0], True)
        assert headers["x-fal-request-id"].startswith("req_")
        assert headers.get("Retry-After") == ("2" if kind in ("rate_limit", "unavailable") else None)
        assert headers.get("X-Fal-Error-Type") == told.get("error_type")
        await site.finished(await site.submit(SCHNELL, prompt="a star", **SMALL))
        assert await site.counts() == (2, 1)

    play(served, story)


@pytest.mark.parametrize(
    ("header", "status"),
    [("Key id:secret", 404), ("Bearer id:secret", 401), ("Key bad:secret", 401), ("id:secret", 401), ("", 401)],
)
def test_only_the_scheme_key_opens(served, header, status):
    async def story(site):
        for method, path in (("GET", "/queue.fal.run/fal-ai/flux/requests/x"), ("POST", "/queue.fal.run/fal-ai/none")):
            headers = {"Authorization": header} if header else {}
            async with site.session.request(method, site.url + path, json={}, headers=headers) as answer:
                assert answer.status == status

    play(served, story)


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("fal-ai/flux-pro/v1/canny", "Path /v1/canny not found"),
        ("fal-ai/flux-pro/v1/depth", "Path /v1/depth not found"),
        ("fal-ai/nothing", "Application 'nothing' not found"),
    ],
)
def test_what_is_gone_is_not_found(served, path, detail):
    async def story(site):
        status, told, _ = await site.call("POST", f"/queue.fal.run/{path}", json={"prompt": "a"})
        assert (status, told) == (404, {"detail": detail})
        assert await site.counts() == (1, 0)

    play(served, story)


@pytest.mark.parametrize("data", [b"{", b"[]"])
def test_a_body_that_is_no_object(served, data):
    async def story(site):
        async with site.session.post(
            f"{site.url}/queue.fal.run/{SCHNELL}",
            data=data,
            headers={"Authorization": f"Key {KEY}", "Content-Type": "application/json"},
        ) as answer:
            assert answer.status == 422
        assert await site.counts() == (1, 0)

    play(served, story)


def test_addresses_hold_owner_and_app_and_nothing_else_finds_the_job(served):
    async def story(site):
        told = await site.submit(PRO, prompt="a star", **SMALL)
        base = f"{site.url}/queue.fal.run/fal-ai/flux-pro/requests/{told['request_id']}"
        assert (told["response_url"], told["status_url"], told["cancel_url"]) == (
            base,
            f"{base}/status",
            f"{base}/cancel",
        )
        assert (told["status"], told["queue_position"]) == ("IN_QUEUE", 0)
        assert (await site.call("GET", base.replace("flux-pro", "flux")))[0] == 404
        assert (await site.call("GET", base.replace("flux-pro", "flux-pro/v1.1") + "/status"))[0] == 405
        await site.finished(told)

    play(served, story)


def test_a_place_in_the_queue_then_work_then_the_result(served):
    async def story(site):
        await site.settings(job_seconds=30)
        jobs = [await site.submit(SCHNELL, prompt="a star", **SMALL) for _ in range(2)]
        assert [job["queue_position"] for job in jobs] == [0, 1]
        status, told, _ = await site.call("GET", jobs[1]["status_url"])
        assert (status, told["status"], told["queue_position"]) == (202, "IN_QUEUE", 1)
        status, told, _ = await site.call("GET", jobs[1]["response_url"])
        assert (status, told) == (400, {"detail": "Request is still in progress"})
        await site.settings(job_seconds=0)
        done = await site.finished(jobs[1])
        assert done["logs"] is None
        assert set(done["metrics"]) == {"inference_time"}
        assert (await site.call("GET", f"{jobs[1]['status_url']}?logs=1"))[1]["logs"][0]["level"] == "INFO"
        await site.finished(jobs[0])
        assert await site.counts() == (2, 2)

    play(served, story)


def test_a_job_cancelled_in_the_queue_costs_nothing(served):
    async def story(site):
        await site.settings(job_seconds=30)
        told = await site.submit(SCHNELL, prompt="a star", **SMALL)
        assert (await site.call("PUT", told["cancel_url"]))[:2] == (202, {"status": "CANCELLATION_REQUESTED"})
        assert (await site.finished(told))["error_type"] == "client_cancelled"
        assert (await site.call("GET", told["response_url"]))[0] == 499
        assert (await site.call("PUT", told["cancel_url"]))[:2] == (400, {"status": "ALREADY_COMPLETED"})
        gone = told["cancel_url"].replace(told["request_id"], "none")
        assert (await site.call("PUT", gone))[0] == 404
        assert await site.counts() == (1, 0)

    play(served, story)


def test_a_job_cancelled_at_work_goes_on_and_is_charged(served):
    async def story(site):
        await site.fault("slow", times=1, seconds=0.5, path="/jobs/")
        told = await site.submit(SCHNELL, prompt="a star", **SMALL)
        await site.reached(told, "IN_PROGRESS")
        assert (await site.call("PUT", told["cancel_url"]))[0] == 202
        await site.finished(told)
        assert (await site.call("GET", told["response_url"]))[0] == 200
        assert await site.counts() == (1, 1)

    play(served, story)


@pytest.mark.parametrize(
    ("kind", "error", "retryable"),
    [("server_error", "internal_server_error", "true"), ("unavailable", "downstream_service_unavailable", "true")],
)
def test_a_job_that_fails_at_work(served, kind, error, retryable):
    async def story(site):
        await site.fault(kind, times=1, path=f"/jobs/{SCHNELL}")
        told = await site.submit(SCHNELL, prompt="a star", **SMALL)
        done = await site.finished(told)
        assert (done["error_type"], bool(done["error"])) == ("runner_server_error", True)
        status, answer, headers = await site.call("GET", told["response_url"])
        assert (status, answer["detail"][0]["type"]) == (500, error)
        assert headers["X-Fal-Retryable"] == retryable
        assert await site.counts() == (1, 0)
        assert (await site.bought())[0]["faults"] == [kind]

    play(served, story)


@pytest.mark.parametrize("kind", ["half_picture", "too_many_pixels"])
def test_a_spoiled_picture_is_charged(served, kind):
    async def story(site):
        await site.fault(kind, times=1)
        _, told = await site.run(SCHNELL, prompt="a star", **SMALL)
        with pytest.raises((OSError, Image.DecompressionBombError)):
            (await site.picture(told["images"][0]["url"])).load()
        assert await site.counts() == (1, 1)

    play(served, story)


def test_too_many_bytes(served):
    async def story(site):
        await site.fault("too_many_bytes", times=1, megabytes=3)
        _, told = await site.run(SCHNELL, prompt="a star", **SMALL)
        assert len((await site.call("GET", told["images"][0]["url"]))[1]) > 3_000_000

    play(served, story)


def test_no_pictures_with_and_without_a_bill(served):
    async def story(site):
        await site.fault("no_data", times=1)
        _, told = await site.run(SCHNELL, prompt="a star", **SMALL)
        assert "images" not in told
        assert await site.counts() == (1, 0)
        await site.fault("bill_without_picture", times=1)
        _, told = await site.run(SCHNELL, prompt="a star", **SMALL)
        assert told["images"] == []
        assert await site.counts() == (2, 1)

    play(served, story)


def test_pages_and_cut_connections(served):
    async def story(site):
        await site.fault("html", times=1)
        assert (await site.call("POST", f"/queue.fal.run/{SCHNELL}", json={}))[1].startswith(b"<!DOCTYPE html>")
        await site.fault("cut_after_body", times=1)
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await site.call("POST", f"/fal.run/{SCHNELL}", json={"prompt": "a star", **SMALL})
        assert await site.counts() == (2, 1)

    play(served, story)


@pytest.mark.parametrize(("kind", "status"), [("expired_link", 404), ("wrong_content_type", 200)])
def test_links_go_wrong_like_those_of_other_houses(served, kind, status):
    async def story(site):
        _, told = await site.run(SCHNELL, prompt="a star", **SMALL)
        await site.fault(kind, times=1, status=404)
        answered, _, headers = await site.call("GET", told["images"][0]["url"], key="")
        assert (answered, headers["Content-Type"].startswith("image/")) == (status, False)
        fetch = (await site.log())["requests"][-1]
        assert (fetch["provider"], fetch["key"], fetch["faults"]) == ("files", None, [kind])

    play(served, story)
