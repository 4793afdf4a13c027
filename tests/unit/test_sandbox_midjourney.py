"""The stand-in gateways for Midjourney, spoken to in plain HTTP as their documentation has it."""

from __future__ import annotations

import base64
import io
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from PIL import Image

from easel.nodes.sandbox import specs, start
from easel.nodes.sandbox.midjourney import BRIEF, NOVICEZK, PIAPI, TRUEAI, UNNAMED
from easel.nodes.sandbox.midjourney.prompts import read
from support.comfy import OPENER


class Site:
    """One stand-in sandbox."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: Any = None, key: str = "mj-test", header: str = "mj-api-secret") -> tuple[int, Any]:
        """Status and JSON of a call, or its text; None where the body is empty."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", header: key})
        try:
            with OPENER.open(request, timeout=30) as answer:
                status, raw = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            status, raw = refusal.code, refusal.read()
        if not raw:
            return status, None
        return status, json.loads(raw) if raw[:1] in b"{[" else raw.decode()

    def submit(self, base: str, path: str, body: Any) -> dict[str, Any]:
        status, told = self.ask(f"{base}/submit/{path}", body)
        assert status == 200
        specs.validator("midjourney", "mjproxy_submit_response").validate(told)
        return told

    def finished(self, base: str, task: str) -> dict[str, Any]:
        """The task as soon as it is over."""
        for _ in range(200):
            _, told = self.ask(f"{base}/task/{task}/fetch")
            specs.validator("midjourney", "mjproxy_task").validate(told)
            if told["status"] in ("SUCCESS", "FAILURE"):
                return told
            time.sleep(0.02)
        raise AssertionError("the task does not end")

    def picture(self, link: str) -> Image.Image:
        with OPENER.open(link, timeout=30) as answer:
            return Image.open(io.BytesIO(answer.read()))


@pytest.fixture(scope="module")
def site():
    url, stop = start()
    site = Site(url)
    site.ask("/sandbox/settings", {"job_seconds": 0})
    yield site
    stop()


def png(colour: str = "red", size: tuple[int, int] = (32, 32)) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


@pytest.mark.parametrize("base", [UNNAMED, TRUEAI, NOVICEZK])
def test_a_proxy_draws_a_grid_and_tells_its_progress(site, base):
    told = site.submit(base, "imagine", {"prompt": "a red circle --ar 2:1 --draft"})
    assert told["code"] == 1
    task = site.finished(base, told["result"])
    assert (task["status"], task["progress"], task["action"]) == ("SUCCESS", "100%", "IMAGINE")
    assert task["properties"]["finalPrompt"] == "a red circle --ar 2:1 --draft"
    grid = site.picture(task["imageUrl"])
    assert grid.size == (1440, 736)
    assert ("buttons" in task) == (base != NOVICEZK)


def test_the_trueai_fork_presses_buttons_and_asks_for_a_custom_zoom_in_a_window(site):
    grid = site.submit(TRUEAI, "imagine", {"prompt": "a star --draft"})["result"]
    buttons = {one["label"]: one["customId"] for one in site.finished(TRUEAI, grid)["buttons"]}
    assert {"U1", "U4", "V1", "V4", ""} <= set(buttons)
    single = site.submit(TRUEAI, "action", {"taskId": grid, "customId": buttons["U2"]})["result"]
    picture = site.finished(TRUEAI, single)
    offered = {one["label"]: one["customId"] for one in picture["buttons"]}
    assert {"Upscale (Subtle)", "Vary (Strong)", "Zoom Out 2x", "Custom Zoom", "Pan left"} <= set(offered)
    asked = site.submit(TRUEAI, "action", {"taskId": single, "customId": offered["Custom Zoom"]})
    assert asked["code"] == 21
    _, waiting = site.ask(f"{TRUEAI}/task/{asked['result']}/fetch")
    assert waiting["status"] == "MODAL"
    zoomed = site.submit(TRUEAI, "modal", {"taskId": asked["result"], "prompt": "a star --draft --zoom 1.4"})
    assert site.finished(TRUEAI, zoomed["result"])["status"] == "SUCCESS"
    assert site.submit(TRUEAI, "action", {"taskId": grid, "customId": "MJ::JOB::upsample::9::x"})["code"] == 4


def single(site: Site) -> tuple[str, dict[str, str]]:
    """One picture of a small grid, and its buttons by their labels."""
    grid = site.submit(TRUEAI, "imagine", {"prompt": "a star --draft --ar 4:1"})["result"]
    buttons = {one["label"]: one["customId"] for one in site.finished(TRUEAI, grid)["buttons"]}
    task = site.submit(TRUEAI, "action", {"taskId": grid, "customId": buttons["U2"]})["result"]
    return task, {one["label"]: one["customId"] for one in site.finished(TRUEAI, task)["buttons"]}


def test_a_region_wants_a_mask_of_the_picture_s_size_in_its_window(site):
    task, offered = single(site)
    waiting = site.submit(TRUEAI, "action", {"taskId": task, "customId": offered["Vary (Region)"]})
    assert waiting["code"] == 21
    told = {"taskId": waiting["result"], "prompt": "a blue hat"}
    assert site.submit(TRUEAI, "modal", told)["code"] == 4
    assert site.submit(TRUEAI, "modal", {**told, "maskBase64": png()})["code"] == 4
    assert site.submit(TRUEAI, "modal", {**told, "prompt": "a forbidden hat", "maskBase64": png()})["code"] == 24
    size = site.picture(site.finished(TRUEAI, task)["imageUrl"]).size
    taken = site.submit(TRUEAI, "modal", {**told, "maskBase64": png("white", size)})
    grid = site.finished(TRUEAI, taken["result"])
    assert (taken["result"], grid["status"], grid["action"]) == (waiting["result"], "SUCCESS", "INPAINT")
    assert site.picture(grid["imageUrl"]).size == (2 * size[0], 2 * size[1])


def test_pictures_are_uploaded_for_nothing_at_the_trueai_fork_alone(site):
    before = site.ask("/sandbox/log")[1]["charged_submissions"]
    told = site.submit(TRUEAI, "upload-discord-images", {"base64Array": [png(), png("blue")]})
    assert [site.picture(link).size for link in told["result"]] == [(32, 32)] * 2
    assert site.submit(TRUEAI, "upload-discord-images", {"base64Array": []})["code"] == 4
    assert site.ask("/sandbox/log")[1]["charged_submissions"] == before
    assert site.ask(f"{NOVICEZK}/submit/upload-discord-images", {"base64Array": [png()]})[0] in (404, 405)


def test_piapi_repaints_a_region_of_one_picture(site):
    def task(kind: str, **asked: Any) -> tuple[int, Any]:
        return site.ask(f"{PIAPI}/task", {"model": "midjourney", "task_type": kind, "input": asked}, header="x-api-key")

    def done(name: str) -> dict[str, Any]:
        for _ in range(200):
            told = site.ask(f"{PIAPI}/task/{name}", header="x-api-key")[1]["data"]
            if told["status"] == "completed":
                return told
            time.sleep(0.02)
        raise AssertionError("the task does not end")

    grid = task("imagine", prompt="a star --draft", aspect_ratio="4:1")[1]["data"]["task_id"]
    done(grid)
    one = task("upscale", origin_task_id=grid, index="1")[1]["data"]["task_id"]
    size = site.picture(done(one)["output"]["image_url"]).size
    asked = {"origin_task_id": one, "prompt": "a hat", "mask": png("white", size).partition(",")[2]}
    assert task("inpaint", **{**asked, "origin_task_id": grid})[0] == 400
    assert task("inpaint", **{**asked, "mask": png().partition(",")[2]})[0] == 400
    assert done(task("inpaint", **asked)[1]["data"]["task_id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("version", "has", "lacks"), [("8.1", "Vary (Strong)", "Zoom"), ("5", "4x", "Vary (S"), ("4", "", "Pan")]
)
def test_the_buttons_of_a_picture_follow_its_version(site, version, has, lacks):
    grid = site.submit(TRUEAI, "imagine", {"prompt": f"a star --v {version}"})["result"]
    buttons = {one["label"]: one["customId"] for one in site.finished(TRUEAI, grid)["buttons"]}
    single = site.submit(TRUEAI, "action", {"taskId": grid, "customId": buttons["U1"]})["result"]
    labels = " ".join(one["label"] for one in site.finished(TRUEAI, single)["buttons"])
    assert has in labels and lacks not in labels


def test_novicezk_s_changes_by_number_and_remembers_what_it_made(site):
    grid = site.submit(NOVICEZK, "imagine", {"prompt": "a star --v 3"})["result"]
    site.finished(NOVICEZK, grid)
    first = site.submit(NOVICEZK, "change", {"taskId": grid, "action": "UPSCALE", "index": 4})
    again = site.submit(NOVICEZK, "change", {"taskId": grid, "action": "UPSCALE", "index": 4})
    assert (first["code"], again["code"]) == (1, 21) and first["result"] == again["result"]
    task = site.finished(NOVICEZK, first["result"])
    whole = site.picture(site.finished(NOVICEZK, grid)["imageUrl"])
    assert site.picture(task["imageUrl"]).tobytes() == whole.crop((256, 256, 512, 512)).tobytes()
    rolled = [site.submit(NOVICEZK, "change", {"taskId": grid, "action": "REROLL"})["result"] for _ in range(2)]
    assert rolled[0] != rolled[1]
    assert site.ask(f"{NOVICEZK}/submit/action", {"taskId": grid, "customId": "MJ::"})[0] == 404


@pytest.mark.parametrize("base", [TRUEAI, NOVICEZK])
def test_a_proxy_blends_and_describes(site, base):
    blend = site.submit(base, "blend", {"base64Array": [png(), png("blue")], "dimensions": "LANDSCAPE"})["result"]
    assert site.picture(site.finished(base, blend)["imageUrl"]).size == (2496, 1664)
    words = site.finished(base, site.submit(base, "describe", {"base64": png()})["result"])
    assert words["prompt"].count("\ufe0f\u20e3") == 4 and "red" in words["prompt"] and words["imageUrl"] is None
    assert site.submit(base, "blend", {"base64Array": [png()]})["code"] == 4
    assert site.submit(base, "describe", {"base64": "data:image/png;base64,AAAA"})["code"] == 4


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a star --cref https://a.example/b.png", "`--cref` is not compatible with `--version 7`"),
        ("a star --oref https://a.example/b.png --v 6", "`--oref` is not compatible"),
        ("a star --chaos 101", "`--chaos` must be between 0 and 100"),
        ("a star --ar 1.5:1", "`--ar`"),
        ("a star --ar 1:1 --aspect 2:1", "given twice"),
        ("a star --v 7 --niji 6", "not compatible"),
        ("a star --unheard", "Unrecognized parameter"),
    ],
)
def test_a_parameter_that_does_not_fit_fails_the_task(site, prompt, words):
    task = site.finished(TRUEAI, site.submit(TRUEAI, "imagine", {"prompt": prompt})["result"])
    assert task["status"] == "FAILURE" and words in task["failReason"]


def test_a_prompt_s_size_follows_its_parameters():
    assert read("a star").size == (1024, 1024)
    assert read("a star --draft").size == (512, 512)
    assert read("a star --hd --v 8").size == (2048, 2048)
    assert read("a star --v 2").size == (256, 256)
    assert read("a star --niji 6 --ar 16:9").version == "niji 6"


def test_banned_words_unknown_tasks_and_bad_keys(site):
    assert site.submit(TRUEAI, "imagine", {"prompt": "a forbidden star"})["code"] == 24
    assert site.submit(TRUEAI, "imagine", {"prompt": ""})["code"] == 4
    assert site.ask(f"{TRUEAI}/task/1/fetch") == (200, None)
    status, told = site.ask(f"{TRUEAI}/submit/action", {"taskId": "1", "customId": "MJ::x"})
    assert (status, told["code"]) == (404, 3)
    assert site.ask(f"{TRUEAI}/submit/imagine", {"prompt": "a star"}, key="bad-key")[0] == 401
    assert site.ask(f"{PIAPI}/task/1", header="x-api-key")[0] == 404
    assert site.ask(f"{PIAPI}/task/1", key="", header="x-api-key")[0] == 401
    assert site.ask(f"{BRIEF}/tasks/1", key="Bearer x", header="Authorization")[0] == 404


def test_the_code_of_the_product_brief_runs(site):
    def ask(path: str, body: Any = None) -> Any:
        return site.ask(f"{BRIEF}/{path}", body, key="Bearer key", header="Authorization")[1]

    prompt = "portrait of a cyberpunk hacker, neon lights, cinematic --ar 16:9 --style raw --v 6.1"
    task = ask("imagine", {"prompt": prompt, "webhook_url": "https://your-webhook.example/callback"})["task_id"]
    for _ in range(200):
        status = ask(f"tasks/{task}")
        specs.validator("midjourney", "brief_task_response").validate(status)
        if status["status"] == "completed":
            break
        time.sleep(0.02)
    assert [site.picture(link).size for link in status["images"]] == [(1360, 768)] * 4
    single = ask("upscale", {"task_id": task, "index": 1})["task_id"]
    assert ask(f"tasks/{single}")["status"] in ("processing", "completed")


def test_piapi_s_tasks_have_its_shape_and_its_links_work_as_pictures(site):
    def ask(path: str, body: Any = None) -> Any:
        told = site.ask(f"{PIAPI}/{path}", body, header="x-api-key")[1]
        specs.validator("midjourney", "piapi_task_response").validate(told)
        return told

    def done(kind: str, **asked: Any) -> dict[str, Any]:
        told = ask("task", {"model": "midjourney", "task_type": kind, "input": asked})
        for _ in range(200):
            if told["data"]["status"] == "completed":
                return told["data"]
            time.sleep(0.02)
            told = ask(f"task/{told['data']['task_id']}")
        raise AssertionError(told)

    grid = done("imagine", prompt="a red circle --v 3", aspect_ratio="2:1")
    assert site.picture(grid["output"]["image_url"]).size == (736, 352)
    one = done("upscale", origin_task_id=grid["task_id"], index="1")
    assert done("pan", origin_task_id=one["task_id"], direction="left")["output"]["image_url"]
    assert "red circle" in done("describe", image_url=one["output"]["image_url"])["output"]["description"]
    wrong = {"model": "midjourney", "task_type": "pan", "input": {"origin_task_id": grid["task_id"], "direction": "up"}}
    assert site.ask(f"{PIAPI}/task", wrong, header="x-api-key")[0] == 400
