"""What the models of the stand-in for Replicate paint, what they refuse, how they fail, and what they tell."""

import io
import json

import httpx
import numpy as np
import pytest
import replicate
from PIL import Image
from replicate.exceptions import ModelError, ReplicateError

from easel.nodes.sandbox import start
from easel.nodes.sandbox.replicate import models
from support.replicate_site import Site, png, reference, uri

DEV, SCHNELL, PRO = (f"black-forest-labs/flux-{name}" for name in ("dev", "schnell", "1.1-pro"))
FILL = "black-forest-labs/flux-fill-pro"
IDEOGRAM = "ideogram-ai/ideogram-v3-turbo"
ESRGAN, CUTTER = "nightmareai/real-esrgan", "851-labs/background-remover"
CAPTIONER, STORYTELLER, LAYERS = (f"easel-sandbox/{name}" for name in ("captioner", "storyteller", "layers"))
NSFW = "NSFW content detected. Try running it again, or try a different prompt."
SENSITIVE = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
QUICK = {"prompt": "a red circle on a blue background", "megapixels": "0.25", "output_format": "png"}
GROUND = (245, 245, 245)


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


def half_mask(left, right, size=(128, 128)):
    mask = Image.new("L", size, left)
    mask.paste(right, (size[0] // 2, 0, *size))
    return mask


def sent(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return uri(file.getvalue())


@pytest.mark.parametrize(("model", "paint", "keep"), [(FILL, 255, 0), (IDEOGRAM, 0, 255)])
def test_a_mask_is_painted_where_the_model_says_so(site, model, paint, keep):
    given = {"prompt": "a blue background", "image": uri(png((128, 128))), "mask": sent(half_mask(keep, paint))}
    made = np.asarray(site.made(model, {**given, "output_format": "png"}).convert("RGB")).astype(int)
    assert (made[:, :60] == (200, 30, 40)).all()
    assert made[20:60, 70:, 2].mean() > 150 > made[20:60, 70:, 0].mean()


def test_a_mask_must_fit_or_come_with_its_picture(site):
    given = {"prompt": "a star", "image": uri(png((64, 64)))}
    wrong = site.ended(FILL, {**given, "mask": sent(half_mask(0, 255))})
    alone = site.ended(IDEOGRAM, given)
    assert [wrong["error"], alone["error"]] == [
        "Mask and image must have the same size",
        "image and mask must be given together",
    ]
    assert site.counts() == (2, 0)


def test_a_clear_part_of_the_picture_is_filled_when_there_is_no_mask(site):
    picture = Image.new("RGBA", (128, 128), (200, 30, 40, 255))
    picture.putalpha(half_mask(255, 0))
    given = {"prompt": "a blue background", "image": sent(picture), "output_format": "png"}
    made = site.made(FILL, given)
    assert made.getpixel((10, 10)) == (200, 30, 40)
    assert made.getpixel((100, 30))[2] > 150


@pytest.mark.parametrize(
    ("way", "size", "at"),
    [
        ("Zoom out 1.5x", (144, 96), (72, 48)),
        ("Zoom out 2x", (192, 128), (96, 64)),
        ("Make square", (96, 96), (48, 48)),
        ("Left outpaint", (144, 64), (140, 10)),
        ("Right outpaint", (144, 64), (4, 10)),
        ("Top outpaint", (96, 96), (4, 90)),
        ("Bottom outpaint", (96, 96), (4, 4)),
    ],
)
def test_outpainting_keeps_the_picture_where_it_belongs(site, way, size, at):
    given = {"prompt": "a blue background", "image": uri(png((96, 64))), "outpaint": way, "output_format": "png"}
    made = site.made(FILL, given)
    assert (made.size, made.getpixel(at)) == (size, (200, 30, 40))
    assert sum(count for count, colour in made.getcolors(1 << 20) if colour == (200, 30, 40)) == 96 * 64


def test_control_keeps_outlines_and_redux_keeps_the_picture(site):
    box = uri(png((256, 256), box=(64, 64, 192, 192)))
    given = {"prompt": "a blue background", "control_image": box, "output_format": "png"}
    lines = site.made("black-forest-labs/flux-canny-pro", given)
    assert (250, 250, 250) in [lines.getpixel((x, 128)) for x in range(62, 67)]
    assert lines.getpixel((100, 128))[2] > 150 > lines.getpixel((100, 128))[0]
    redux = {"redux_image": box, "megapixels": "0.25", "output_format": "png"}
    varied = site.made("black-forest-labs/flux-redux-schnell", redux)
    middle, corner = varied.getpixel((256, 200)), varied.getpixel((20, 200))
    assert max(abs(one - other) for one, other in zip(middle, corner, strict=True)) > 60


@pytest.mark.parametrize(
    ("model", "given", "size"),
    [
        (ESRGAN, {"scale": 2}, (128, 96)),
        (ESRGAN, {}, (256, 192)),
        ("philz1337x/clarity-upscaler", {"scale_factor": 3}, (192, 144)),
        ("tencentarc/gfpgan", {}, (128, 96)),
    ],
)
def test_upscaling_enlarges_what_was_sent(site, model, given, size):
    name = "img" if "gfpgan" in model else "image"
    made = site.made(model, {**given, name: uri(png((64, 48), box=(32, 0, 64, 48)))})
    width, _ = size
    assert made.size == size
    assert (made.getpixel((width - 2, 4)), made.getpixel((2, 4))) == ((200, 30, 40), GROUND)


def test_what_would_be_too_large_runs_out_of_memory_and_costs_nothing(site):
    with pytest.raises(ModelError, match="CUDA out of memory"):
        site.client.run(reference(ESRGAN), input={"image": uri(png((1024, 1024))), "scale": 10})
    assert site.counts() == (1, 0)


BOX = (16, 16, 48, 48)


@pytest.mark.parametrize(
    ("given", "front", "behind"),
    [
        ({}, (200, 30, 40, 255), (*GROUND, 0)),
        ({"threshold": 0.5}, (200, 30, 40, 255), (*GROUND, 0)),
        ({"reverse": True}, (200, 30, 40, 0), (*GROUND, 255)),
        ({"background_type": "green"}, (200, 30, 40), (120, 255, 155)),
        ({"background_type": "[1, 2, 3]"}, (200, 30, 40), (1, 2, 3)),
        ({"background_type": "map"}, (255, 255, 255), (0, 0, 0)),
    ],
)
def test_a_cut_out_is_clear_where_the_ground_was(site, given, front, behind):
    made = site.made(CUTTER, {"image": uri(png(box=BOX)), **given})
    assert (made.getpixel((20, 20)), made.getpixel((4, 4))) == (front, behind)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"background_type": "/no/file.png"}, "No such file"), ({"format": "tiff"}, "unknown file extension: .tiff")],
)
def test_a_cut_out_that_cannot_be_made_fails(site, given, words):
    told = site.ended(CUTTER, {"image": uri(png(box=BOX)), **given})
    assert (told["status"], words in told["error"]) == ("failed", True)


def test_layers_come_by_name(site):
    urls = site.ended(LAYERS, {"image": uri(png(box=BOX))})["output"]
    cut, mask = site.picture(urls["picture"]), site.picture(urls["mask"])
    assert (cut.getpixel((4, 4))[3], cut.getpixel((20, 20))[3], mask.getpixel((20, 20))) == (0, 255, (255, 255, 255))


def test_words_come_as_a_sentence_or_piece_by_piece(site):
    assert site.ended(CAPTIONER, {"image": uri(png(box=BOX))})["output"].startswith("A red square on a white")
    pieces = site.client.run(reference(STORYTELLER), input={"prompt": "two blue squares on yellow", "max_words": 3})
    assert not isinstance(pieces, list)
    assert "".join(pieces) == "Two blue squares "


REFUSED = [
    (DEV, NSFW, NSFW, NSFW),
    ("stability-ai/stable-diffusion-3.5-large", NSFW, NSFW, NSFW),
    (PRO, SENSITIVE, "Request Moderated", "Content Moderated"),
    (IDEOGRAM, SENSITIVE, SENSITIVE, "The image did not pass the safety checks (is_image_safe: false)"),
]


@pytest.mark.parametrize(("model", "forbidden", "at_input", "at_output"), REFUSED)
def test_a_refusal_is_told_in_the_words_of_whose_filter_it_is(site, model, forbidden, at_input, at_output):
    with pytest.raises(ModelError) as refused:
        site.client.run(model, input={"prompt": "a Forbidden scene"})
    assert refused.value.prediction.error == forbidden
    for kind, words in (("refuse_input", at_input), ("refuse_output", at_output), ("refuse_some", at_output)):
        site.fault(kind, times=1)
        told = site.ended(model, {"prompt": "a star"})
        assert (told["status"], told["error"], told["output"]) == ("failed", words, None)
    site.fault("refuse_output", times=1, details=False)
    assert site.ended(model, {"prompt": "a star"})["error"] == (NSFW if forbidden == NSFW else SENSITIVE)
    assert site.counts() == (5, 0)


def test_without_its_safety_checker_a_model_refuses_no_word(site):
    given = {**QUICK, "prompt": "a forbidden star", "disable_safety_checker": True}
    assert site.ended(SCHNELL, given)["status"] == "succeeded"


def test_some_of_several_are_held_back_and_only_the_others_charged(site):
    site.fault("refuse_some", count=2)
    told = site.ended(SCHNELL, {**QUICK, "num_outputs": 4})
    assert (told["status"], len(told["output"])) == ("succeeded", 2)
    assert told["logs"].count("NSFW content detected in image") == 2
    assert site.log()["charged_usd"] == pytest.approx(0.006)
    failed = site.ended(SCHNELL, {**QUICK, "num_outputs": 2})
    assert (failed["status"], failed["error"]) == ("failed", NSFW)


PLAIN = {
    "rate_limit": (429, "Request was throttled. Your rate limit resets in ~30s."),
    "insufficient_quota": (402, "You have insufficient credit to run this model."),
    "server_error": (500, "An unexpected error"),
    "unavailable": (503, "The service is not available"),
    "bad_key": (401, "You did not pass a valid authentication token"),
    "not_verified": (403, "You do not have permission"),
    "model_not_found": (404, "The requested resource could not be found."),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_an_error_answer_costs_nothing_and_passes(site, kind):
    site.fault(kind, times=1)
    with pytest.raises(ReplicateError) as error:
        site.client.models.predictions.create(SCHNELL, QUICK)
    status, detail = PLAIN[kind]
    assert (error.value.status, error.value.detail[: len(detail)]) == (status, detail)
    assert site.client.models.predictions.create(SCHNELL, QUICK, wait=True).status == "succeeded"
    assert site.counts() == (2, 1)


def test_a_throttle_says_how_long_in_its_words_and_its_header(site):
    site.fault("rate_limit", retry_after=3)
    answer = site.create(SCHNELL, QUICK)
    assert (answer.headers["Retry-After"], answer.json()["detail"][-4:]) == ("3", "~3s.")


@pytest.mark.parametrize(("kind", "words"), [("server_error", "Director: unexpected"), ("unavailable", "interrupted")])
def test_a_rule_that_names_the_run_breaks_it_and_a_broken_one_is_not_charged(site, kind, words):
    site.fault(kind, path=f"/jobs/{SCHNELL}", times=1)
    told = site.ended(SCHNELL, QUICK)
    assert (told["status"], words in told["error"], site.counts()) == ("failed", True, (1, 0))
    assert site.ended(SCHNELL, QUICK)["status"] == "succeeded"


def test_a_slow_run_goes_on_longer_than_the_others(site):
    site.fault("slow", path="/jobs/", prompt="snail", seconds=30)
    slow = site.create(SCHNELL, {**QUICK, "prompt": "a snail"}).json()
    assert site.ended(SCHNELL, QUICK)["status"] == "succeeded"
    assert site.http.get(slow["urls"]["get"]).json()["status"] == "starting"
    site.fault("slow", seconds=0.01)
    site.ended(SCHNELL, QUICK)
    assert site.log()["requests"][-1]["faults"] == ["slow"]


@pytest.mark.parametrize(("model", "output"), [(SCHNELL, []), (PRO, None)])
def test_a_bill_without_a_picture(site, model, output):
    site.fault("bill_without_picture")
    told = site.ended(model, {"prompt": "a star"})
    assert (told["status"], told["output"], site.counts()) == ("succeeded", output, (1, 1))


def test_answers_without_data_cost_nothing(site):
    site.fault("no_data")
    assert (site.create(SCHNELL, QUICK).json(), site.call("GET", "/account").json()) == ({}, {})
    assert site.counts() == (1, 0)


def test_pictures_that_are_not_whole(site):
    site.fault("half_picture", times=1)
    with pytest.raises(OSError, match="truncated"):
        site.made(SCHNELL, QUICK).load()
    site.fault("too_many_pixels", times=1)
    with pytest.raises(Image.DecompressionBombError):
        site.made(SCHNELL, QUICK)
    site.fault("too_many_bytes", times=1, megabytes=8)
    url = site.ended(SCHNELL, QUICK)["output"][0]
    assert len(site.http.get(url).content) > 8_000_000
    assert site.counts() == (3, 3)


def test_faults_of_the_link(site):
    url = site.ended(SCHNELL, QUICK)["output"][0]
    site.fault("expired_link", times=1)
    assert site.http.get(url).status_code == 403
    site.fault("wrong_content_type", times=1)
    assert site.http.get(url).headers["Content-Type"].startswith("text/html")
    assert site.http.get(url).headers["Content-Type"] == "image/png"


@pytest.mark.parametrize(("kind", "counts"), [("cut_before_body", (0, 0)), ("cut_after_body", (1, 1))])
def test_a_cut_connection_shows_nothing(site, kind, counts):
    site.fault(kind)
    with pytest.raises(httpx.TransportError):
        site.create(SCHNELL, QUICK)
    assert site.counts() == counts


def test_html_in_place_of_an_answer(site):
    site.fault("html")
    with pytest.raises(json.JSONDecodeError):
        site.client.models.predictions.create(SCHNELL, QUICK)
    assert site.counts() == (1, 0)


def test_the_schema_is_told_as_cog_writes_it(site):
    latest = site.client.models.get(SCHNELL).latest_version
    schemas = latest.openapi_schema["components"]["schemas"]
    ratio = schemas["Input"]["properties"]["aspect_ratio"]
    assert ratio["allOf"] == [{"$ref": "#/components/schemas/aspect_ratio"}] and ratio["default"] == "1:1"
    assert "21:9" in schemas["aspect_ratio"]["enum"] and "enum" not in ratio
    assert (schemas["Input"]["required"], schemas["Output"]["type"]) == (["prompt"], "array")
    assert latest.id == models.versions(SCHNELL)[0]
    version = site.client.models.get(ESRGAN).versions.get(models.versions(ESRGAN)[1])
    assert version.openapi_schema["components"]["schemas"]["Input"]["properties"]["scale"]["maximum"] == 10
    for path in ("/models/nobody/nothing", f"/models/{ESRGAN}/versions/zzz", "/predictions/zzz", "/files/zzz"):
        assert site.call("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer r8_good", 200), ("Token r8_good", 200), ("Bearer r8_bad", 401), ("Basic r8_good", 401), ("", 401)],
)
def test_the_token_is_tried_cheaply(site, header, status):
    answer = site.call("GET", "/account", headers={"Authorization": header})
    assert answer.status_code == status
    assert answer.json().get("title") == (None if status == 200 else "Unauthenticated")


def test_the_official_client_reads_the_account(site):
    client = replicate.Client(api_token="r8_any", base_url=f"{site.url}/api.replicate.com")
    assert client.accounts.current().username == "sandbox"
