"""The stand-in for Replicate, asked by the official client and by plain HTTP."""

import time

import pytest
from replicate.exceptions import ReplicateError

from easel.nodes.sandbox import start
from easel.nodes.sandbox.replicate import models
from support.replicate_site import TOKEN, Site, png, reference, small, uri

DEV, SCHNELL, PRO = (f"black-forest-labs/flux-{name}" for name in ("dev", "schnell", "1.1-pro"))
FILL, FLUX_2 = "black-forest-labs/flux-fill-pro", "black-forest-labs/flux-2-pro"
ESRGAN, CUTTER = "nightmareai/real-esrgan", "851-labs/background-remover"
CAPTIONER = "easel-sandbox/captioner"
WIDELY_USED = "350d32041630ffbe63c8352783a26d94126809164e54085352f8326e53999085"
QUICK = {"prompt": "a red circle on a blue background", "megapixels": "0.25", "output_format": "png"}


@pytest.fixture(scope="module")
def served():
    url, stop = start()
    site = Site(url)
    yield site
    site.http.close()
    stop()


@pytest.fixture
def site(served):
    served.http.delete(f"{served.url}/sandbox/faults")
    served.http.delete(f"{served.url}/sandbox/log")
    served.set(job_seconds=0, link_seconds=3600)
    return served


def test_the_official_client_buys_a_picture_and_the_price_is_booked_once(site):
    url = site.client.run(PRO, input={"prompt": "a red circle on a blue background", "aspect_ratio": "16:9"})
    picture = site.picture(url)
    assert (picture.size, picture.format) == ((1344, 768), "WEBP")
    red, _, blue = picture.convert("RGB").getpixel((672, 330))
    assert red > 2 * blue
    log = site.log()
    bought = next(one for one in log["requests"] if one["creates"])
    assert (bought["provider"], bought["model"], bought["charged_usd"]) == ("replicate", PRO, 0.04)
    assert (log["submissions"], log["charged_submissions"], TOKEN in str(log)) == (1, 1, False)


@pytest.mark.parametrize("model", models.MODELS)
def test_every_model_by_name_delivers_what_its_schema_says(site, model):
    told = site.ended(model, small(model))
    assert (told["status"], told["error"], told["model"]) == ("succeeded", None, model)
    schema = models.output(model)
    parts = {"array": list, "object": dict, "string": str}[schema["type"]]
    assert isinstance(told["output"], parts)
    values = told["output"].values() if parts is dict else told["output"] if parts is list else [told["output"]]
    for value in values:
        if model in (CAPTIONER, "easel-sandbox/storyteller"):
            assert value.strip() and not value.startswith("http")
        else:
            site.picture(value).load()
    assert site.counts() == (1, 1)


@pytest.mark.parametrize(
    ("model", "given", "size"),
    [
        (PRO, {"aspect_ratio": "custom", "width": 470, "height": 700}, (480, 704)),
        ("black-forest-labs/flux-1.1-pro-ultra", {"aspect_ratio": "16:9"}, (2736, 1536)),
        (DEV, {"aspect_ratio": "2:3"}, (832, 1216)),
        (SCHNELL, {"aspect_ratio": "9:21", "megapixels": "0.25"}, (320, 768)),
        (FLUX_2, {"aspect_ratio": "custom", "width": 300, "height": 420}, (304, 416)),
        (FLUX_2, {"aspect_ratio": "match_input_image", "resolution": "0.5 MP", "input_images": 2}, (1024, 512)),
        (FLUX_2, {"aspect_ratio": "match_input_image", "resolution": "match_input_image", "input_images": 2}, (64, 32)),
        ("black-forest-labs/flux-kontext-pro", {"input_image": 2}, (1456, 720)),
        ("black-forest-labs/flux-fill-dev", {"image": 2, "megapixels": "match_input"}, (64, 32)),
        ("black-forest-labs/flux-3-image", {"resolution": "768sq"}, (768, 768)),
        ("stability-ai/stable-diffusion-3.5-large", {"aspect_ratio": "21:9"}, (1536, 640)),
        ("ideogram-ai/ideogram-v3-turbo", {"resolution": "512x1536"}, (512, 1536)),
        ("ideogram-ai/ideogram-4-5", {"size": "640x1536"}, (640, 1536)),
    ],
)
def test_a_picture_is_as_large_as_asked(site, model, given, size):
    wide = uri(png((64, 32)))
    sent = {name: value if value != 2 else [wide] if name.endswith("s") else wide for name, value in given.items()}
    assert site.made(model, {"prompt": "a red circle", **sent}).size == size


def test_a_size_that_matches_the_input_has_a_limit(site):
    given = {"prompt": "a star", "image": uri(png((1920, 1280))), "megapixels": "match_input"}
    assert site.made("black-forest-labs/flux-fill-dev", given).size == (1440, 960)


@pytest.mark.parametrize(("asked", "kind"), [("webp", "WEBP"), ("jpg", "JPEG"), ("png", "PNG")])
def test_several_pictures_in_the_format_that_was_asked(site, asked, kind):
    urls = site.client.run(SCHNELL, input={**QUICK, "num_outputs": 3, "output_format": asked})
    pictures = [site.picture(url) for url in urls]
    assert [picture.format for picture in pictures] == [kind] * 3
    assert all(url.endswith(f".{asked}") for url in urls)
    assert site.log()["charged_usd"] == pytest.approx(0.009)


@pytest.mark.parametrize(
    ("model", "given", "usd"),
    [
        ("black-forest-labs/flux-2-pro", {}, 0.03),
        ("black-forest-labs/flux-2-pro", {"input_images": [uri(png())] * 2}, 0.06),
        ("ideogram-ai/ideogram-4-5", {"quality": "high", "num_images": 2}, 0.20),
        ("ideogram-ai/ideogram-v3-balanced", {}, 0.06),
    ],
)
def test_prices_that_depend_on_what_is_asked(site, model, given, usd):
    site.ended(model, {"prompt": "a red circle", **given})
    assert site.log()["charged_usd"] == pytest.approx(usd)


def test_a_community_model_is_billed_by_the_time_it_tells(site):
    told = site.ended(ESRGAN, {"image": uri(png()), "scale": 2})
    assert site.log()["charged_usd"] == pytest.approx(told["metrics"]["predict_time"] * 0.000225)
    assert told["version"] == models.versions(ESRGAN)[0]


@pytest.mark.parametrize("version", [WIDELY_USED, f"{ESRGAN}:{WIDELY_USED}", models.versions(ESRGAN)[0]])
def test_a_community_model_runs_by_its_versions(site, version):
    answer = site.by_version(version, {"image": uri(png()), "scale": 1.5})
    told = answer.json()
    assert (answer.status_code, told["model"], told["version"]) == (201, ESRGAN, version[-64:])
    assert site.picture(told["output"]).size == (96, 96)


WRONG_VERSIONS = [WIDELY_USED[:51] + "8571e3d4edd3b", f"{DEV}:{WIDELY_USED}", ESRGAN, "nobody/nothing", "zzz"]


@pytest.mark.parametrize("version", WRONG_VERSIONS)
def test_a_version_that_is_not_there_is_refused(site, version):
    answer = site.by_version(version, {"image": uri(png())})
    assert (answer.status_code, answer.json()["title"]) == (422, "Invalid version or not permitted")
    assert site.counts() == (1, 0)


@pytest.mark.parametrize("model", ["nobody/nothing", ESRGAN])
def test_only_official_models_run_by_name(site, model):
    with pytest.raises(ReplicateError) as refused:
        site.client.models.predictions.create(model, {"prompt": "a star"})
    assert (refused.value.status, refused.value.title) == (404, "Not found")


@pytest.mark.parametrize(
    ("model", "given", "detail"),
    [
        (DEV, {}, "- input: prompt is required"),
        (
            DEV,
            {"prompt": "x", "num_inference_steps": 51},
            "- input.num_inference_steps: Must be less than or equal to 50",
        ),
        (DEV, {"prompt": "x", "guidance": -1}, "- input.guidance: Must be greater than or equal to 0"),
        (DEV, {"prompt": 7}, "- input.prompt: Invalid type. Expected: string, given: integer"),
        (DEV, {"prompt": "x", "seed": None}, "- input.seed: Invalid type. Expected: integer, given: null"),
        (DEV, {"prompt": "x", "image": "cat.png"}, "- input.image: Does not match format 'uri'"),
        (
            DEV,
            {"prompt": "x", "megapixels": "4"},
            '- input.megapixels: input.megapixels must be one of the following: "1", "0.25"',
        ),
        (
            FLUX_2,
            {"prompt": "x", "input_images": ["http://a/b"] * 9},
            "- input.input_images: Array must have at most 8 items",
        ),
        (
            DEV,
            {"prompt": "x", "image": uri(bytes(256 * 1024 + 1))},
            "- input.image: Files in data URIs must be at most 256 KB",
        ),
    ],
)
def test_a_wrong_input_is_named_with_its_limit(site, model, given, detail):
    answer = site.create(model, given)
    body = answer.json()
    assert (answer.status_code, body["title"], body["status"]) == (422, "Input validation failed", 422)
    assert body["detail"].startswith(detail)
    assert f"- {body['invalid_fields'][0]['field']}: {body['invalid_fields'][0]['description']}" == body["detail"]
    assert site.counts() == (1, 0)


def test_a_file_of_256_kilobytes_may_come_inline(site):
    told = site.ended(CAPTIONER, {"image": uri(png() + bytes(256 * 1024 - len(png())))})
    assert told["status"] == "succeeded"


def test_every_wrong_input_is_named_and_an_unknown_one_is_ignored(site):
    fields = site.create(DEV, {"num_outputs": 9, "guidance": 11, "strength": 1}).json()["invalid_fields"]
    assert {one["field"] for one in fields} == {"input", "input.num_outputs", "input.guidance"}
    assert site.create(DEV, {**QUICK, "strength": 1}).status_code == 202


def test_an_unknown_key_of_the_body_is_refused(site):
    body = {"input": QUICK, "seed": 1, "webhook": "http://plain"}
    answer = site.call("POST", f"/models/{DEV}/predictions", json=body)
    assert answer.status_code == 422
    assert "- (root): Additional property seed is not allowed" in answer.json()["detail"]
    assert {one["field"] for one in answer.json()["invalid_fields"]} == {"(root)", "webhook"}


def until_it_runs(site, run):
    """Wait until a run that is starting is processing, and keep it there."""
    site.set(job_seconds=1)
    while run.status == "starting":
        run.reload()
    site.set(job_seconds=30)


def test_a_prediction_starts_goes_on_and_ends(site):
    site.set(job_seconds=30)
    answer = site.create(DEV, {**QUICK, "seed": 42})
    first = answer.json()
    assert (answer.status_code, first["status"], first["output"], first["version"]) == (202, "starting", None, "hidden")
    run = site.client.predictions.get(first["id"])
    until_it_runs(site, run)
    run.reload()
    assert (run.status, run.output, run.completed_at) == ("processing", None, None)
    assert run.progress.total == 28 and run.progress.percentage < 1
    site.set(job_seconds=0)
    run.wait()
    told = site.http.get(first["urls"]["get"]).json()
    assert (told["status"], len(told["output"]), run.progress.percentage) == ("succeeded", 1, 1)
    assert told["logs"].startswith("Using seed: 42\n")
    assert told["created_at"] < told["started_at"] <= told["completed_at"]
    assert told["metrics"]["total_time"] > told["metrics"]["predict_time"] > 0
    assert site.call("GET", "/predictions").json()["results"][0] == told


def test_a_wait_that_is_over_leaves_the_prediction_under_way(site):
    site.set(job_seconds=4)
    answer = site.create(SCHNELL, QUICK, Prefer="wait=1")
    assert (answer.status_code, answer.json()["status"], answer.json()["output"]) == (201, "processing", None)
    assert site.create(SCHNELL, QUICK, Prefer="wait=61").status_code == 400


def test_a_start_can_be_cancelled_for_nothing_and_what_runs_costs(site):
    site.set(job_seconds=30)
    waiting = site.client.models.predictions.create(SCHNELL, QUICK)
    waiting.cancel()
    assert (waiting.status, site.counts()) == ("canceled", (1, 0))
    running = site.client.models.predictions.create(SCHNELL, QUICK)
    until_it_runs(site, running)
    running.cancel()
    running.reload()
    assert (running.status, running.output, site.counts()) == ("canceled", None, (2, 1))
    site.set(job_seconds=0)
    done = site.client.models.predictions.create(SCHNELL, QUICK, wait=True)
    done.cancel()
    assert done.status == "succeeded"


def test_data_is_removed_after_a_while(site):
    site.set(link_seconds=1.0)
    told = site.ended(SCHNELL, QUICK)
    assert not told["data_removed"]
    time.sleep(1.0)
    later = site.http.get(told["urls"]["get"]).json()
    assert (later["data_removed"], later["output"], later["input"], later["status"]) == (True, None, {}, "succeeded")
    assert site.http.get(told["output"][0]).status_code == 403
    assert site.ended(CAPTIONER, {"image": told["output"][0]})["status"] == "failed"


def test_a_file_is_uploaded_used_told_and_deleted(site, tmp_path):
    path = tmp_path / "boat.png"
    path.write_bytes(png(box=(16, 16, 48, 48)))
    file = site.client.files.create(path, metadata={"shot": 3})
    assert (file.name, file.content_type, file.size, file.metadata) == (
        "boat.png",
        "image/png",
        path.stat().st_size,
        {"shot": 3},
    )
    with path.open("rb") as opened:
        sentence = site.client.run(reference(CAPTIONER), input={"image": opened})
    assert sentence.startswith("A red square")
    assert site.client.files.get(file.id).checksums == file.checksums
    assert site.client.files.delete(file.id)
    with pytest.raises(ReplicateError, match="404"):
        site.client.files.get(file.id)
    failed = site.ended(CAPTIONER, {"image": file.urls["get"]})
    assert (failed["status"], failed["error"][:28]) == ("failed", "404 Client Error: Not Found ")


@pytest.mark.parametrize(
    "form",
    [
        {"data": {"content": "no file name"}},
        {"files": {"other": ("a.png", b"1")}},
        {"files": {"content": ("n" * 256, b"1")}},
        {"files": {"content": ("a.png", b"1")}, "data": {"metadata": "[1]"}},
        {"content": b"not a form"},
    ],
)
def test_an_upload_that_is_not_whole_is_refused(site, form):
    assert site.call("POST", "/files", **form).status_code == 400


def test_a_link_of_the_sandbox_is_an_input_and_what_is_none_fails_the_run(site):
    link = site.ended(SCHNELL, QUICK)["output"][0]
    assert site.ended(CAPTIONER, {"image": link})["output"].startswith("A red circle on a blue background")
    for url, words in ((uri(b"no picture"), "cannot identify image"), ("https://example.com/a.png", "404 Client")):
        told = site.ended(CAPTIONER, {"image": url})
        assert (told["status"], words in told["error"]) == ("failed", True)
    assert site.counts() == (4, 2)
    assert site.ended("cjwbw/rembg", {})["error"] == "An input image is required"
