"""The stand-in for remove.bg, asked over plain HTTP."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import httpx
import pytest
from PIL import Image, ImageDraw

from easel.nodes.sandbox import start
from easel.nodes.sandbox.calls import ApiError
from easel.nodes.sandbox.removebg.wire import RemoveBgDialect

KEY = {"X-Api-Key": "a-key"}


@pytest.fixture(scope="module")
def served():
    url, stop = start()
    with httpx.Client(base_url=url, trust_env=False) as http:
        yield http
    stop()


@pytest.fixture
def http(served):
    served.delete("/sandbox/faults")
    served.delete("/sandbox/log")
    return served


def picture(size=(120, 80), box=(40, 20, 80, 60), colour="red"):
    made = Image.new("RGB", size, "white")
    ImageDraw.Draw(made).rectangle(box, fill=colour)
    file = io.BytesIO()
    made.save(file, "PNG", compress_level=1)
    return file.getvalue()


def ask(http, files=None, key=KEY, **fields):
    files = {"image_file": ("a.png", picture(), "image/png")} if files is None else files
    return http.post("/api.remove.bg/v1.0/removebg", headers=key, files=files, data=fields)


def opened(answer):
    return Image.open(io.BytesIO(answer.content))


def error(answer):
    (told,) = answer.json()["errors"]
    return answer.status_code, told.get("code", ""), told["title"]


def test_the_subject_comes_out_and_its_credits_are_told(http):
    answer = ask(http, size="full")
    cut = opened(answer)
    assert (answer.headers["Content-Type"], cut.mode, cut.size) == ("image/png", "RGBA", (120, 80))
    assert cut.getpixel((2, 2))[3] == 0
    assert cut.getpixel((60, 22))[3] == 255
    told = {name: answer.headers[f"X-{name}"] for name in ("Credits-Charged", "Width", "Type", "Foreground-Left")}
    assert told == {"Credits-Charged": "1", "Width": "120", "Type": "other", "Foreground-Left": "40"}
    (entry,) = http.get("/sandbox/log").json()["requests"]
    assert (entry["provider"], entry["charged_usd"], entry["size"]) == ("removebg", 0.2, "full")


def test_a_preview_is_small_and_costs_a_quarter(http):
    answer = ask(http, files={"image_file": ("a.png", picture((1000, 800), (300, 200, 600, 600)), "image/png")})
    assert opened(answer).size == (559, 447)
    assert answer.headers["X-Credits-Charged"] == "0.25"


def test_a_json_body_is_taken_too(http):
    body = {"image_file_b64": base64.b64encode(picture()).decode(), "size": "auto", "crop": True}
    answer = http.post("/api.remove.bg/v1.0/removebg", headers=KEY, json=body)
    assert opened(answer).size == (41, 41)


@pytest.mark.parametrize(("margin", "size"), [("10px", (61, 61)), ("0 100%", (123, 41)), ("1px 2px 3px 4px", (47, 45))])
def test_a_margin_stays_around_a_cropped_subject(http, margin, size):
    assert opened(ask(http, crop="true", crop_margin=margin)).size == size


def test_only_what_stands_in_the_region_is_kept(http):
    cut = opened(ask(http, roi="0% 0% 50% 100%"))
    assert (cut.getpixel((45, 40))[3], cut.getpixel((75, 40))[3]) == (255, 0)


@pytest.mark.parametrize(
    ("fields", "box"),
    [
        ({"scale": "100%"}, (20, 0, 100, 80)),
        ({"scale": "50%"}, (40, 20, 80, 60)),
        ({"scale": "50%", "position": "0% 100%"}, (0, 40, 40, 80)),
        ({"position": "100%"}, (79, 39, 120, 80)),
        ({"position": "center"}, (40, 20, 81, 61)),
    ],
)
def test_the_subject_is_scaled_and_placed(http, fields, box):
    answer = ask(http, **fields)
    left, top, width, height = (
        int(answer.headers[f"X-Foreground-{side}"]) for side in ("Left", "Top", "Width", "Height")
    )
    assert (left, top, left + width, top + height) == box
    assert opened(answer).getchannel("A").getbbox() == box


def test_a_shadow_lies_below_the_subject(http):
    dark, light, none = (
        opened(ask(http, add_shadow=switch, shadow_opacity=share)).getpixel((60, 62))[3]
        for switch, share in (("true", "100"), ("true", "20"), ("false", "100"))
    )
    assert dark > light > none == 0


def test_the_mask_alone_is_grey(http):
    mask = opened(ask(http, channels="alpha")).convert("RGB")
    assert (mask.getpixel((60, 40)), mask.getpixel((2, 2))) == ((255,) * 3, (0,) * 3)


def test_webp_keeps_transparency(http):
    answer = ask(http, format="webp")
    assert (answer.headers["Content-Type"], opened(answer).mode) == ("image/webp", "RGBA")


@pytest.mark.parametrize("color", ["81d4fa", "#81d4fa", "81d4faff"])
def test_a_colour_is_laid_behind(http, color):
    answer = ask(http, bg_color=color, format="png")
    assert opened(answer).convert("RGBA").getpixel((2, 2)) == (0x81, 0xD4, 0xFA, 255)


def test_a_picture_is_laid_behind_and_travels_as_jpeg(http):
    files = {
        "image_file": ("a.png", picture(), "image/png"),
        "bg_image_file": ("b.png", picture(box=(0, 0, 200, 200), colour="blue"), "image/png"),
    }
    answer = ask(http, files=files)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert opened(answer).getpixel((2, 2))[2] > 200


def test_a_zip_holds_colours_and_opacity(http):
    with zipfile.ZipFile(io.BytesIO(ask(http, format="zip").content)) as packed:
        colour, alpha = (Image.open(io.BytesIO(packed.read(name))) for name in ("color.jpg", "alpha.png"))
    assert (colour.mode, alpha.mode, colour.size) == ("RGB", "L", (120, 80))
    assert alpha.getpixel((60, 22)) == 255


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"size": "huge"}, 400, "invalid_parameter"),
        ({"bg_color": "no-colour"}, 400, "invalid_bg_color"),
        ({"crop": "true", "crop_margin": "wide"}, 400, "invalid_crop_margin"),
        ({"image_url": "https://x.example/a.png"}, 400, "multiple_sources"),
        ({"shadow_method": "soft"}, 400, "invalid_parameter"),
        ({"roi": "0% 0% 50%"}, 400, "invalid_roi"),
        ({"roi": "50% 0% 50% 100%"}, 400, "roi_region_empty"),
        ({"roi": "0% 0% 20% 20%"}, 400, "unknown_foreground"),
        ({"scale": "9%"}, 400, "invalid_parameter"),
        ({"position": "left"}, 400, "invalid_position"),
        ({"add_shadow": "true", "shadow_type": "moon"}, 400, "invalid_shadow_type"),
        ({"add_shadow": "true", "shadow_opacity": "101"}, 400, "invalid_shadow_opacity"),
        ({"shape": "round"}, 400, "invalid_parameter"),
    ],
)
def test_what_is_wrong_is_named_and_costs_nothing(http, fields, status, code):
    assert error(ask(http, **fields))[:2] == (status, code)
    assert http.get("/sandbox/log").json()["charged_submissions"] == 0


def test_pictures_that_cannot_be_cut_out(http):
    empty = {"image_file": ("a.png", picture(box=(0, 0, 0, 0), colour="white"), "image/png")}
    assert error(ask(http, files=empty))[1] == "unknown_foreground"
    assert error(ask(http, files={"image_file": ("a.png", b"nothing", "image/png")}))[1] == "invalid_file_type"
    assert error(ask(http, files={"bg_image_file": ("a.png", picture(), "image/png")}))[1] == "missing_source"


@pytest.mark.parametrize("key", [{}, {"X-Api-Key": "bad-one"}])
def test_a_key_that_is_not_known(http, key):
    assert error(ask(http, key=key)) == (403, "auth_failed", "API Key invalid")


@pytest.mark.parametrize(
    ("kind", "status"),
    [("rate_limit", 429), ("insufficient_quota", 402), ("server_error", 500), ("unavailable", 503), ("bad_key", 403)],
)
def test_every_plain_fault_has_its_status_and_names_the_allowance(http, kind, status):
    http.post("/sandbox/faults", content=json.dumps({"kind": kind, "times": 1, "retry_after": 2}))
    answer = ask(http)
    assert error(answer)[0] == status
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["X-RateLimit-Limit"] == "500"


def test_a_minute_has_five_hundred_megapixels():
    dialect = RemoveBgDialect()
    for _ in range(50):
        dialect.spend(10)
    with pytest.raises(ApiError) as refused:
        dialect.spend(1)
    assert refused.value.status == 429
    assert 0 < float(refused.value.headers["Retry-After"]) <= 60
    assert dialect.headers(None)["X-RateLimit-Remaining"] == "0"
