"""The stand-in for OpenAI, spoken to by OpenAI's own client over real HTTP."""

import asyncio
import base64
import io
import json
from pathlib import Path

import aiohttp
import openai
import pytest
from PIL import Image

from easel.nodes.sandbox import specs, start

FLARE = "gpt-image-2.5-flare"
SHARED_SPECS = Path(__file__).parents[3] / "shared" / "wire" / "specs"


@pytest.fixture(scope="module")
def site():
    url, stop = start()
    yield url
    stop()


@pytest.fixture
def official(site):
    return client(site, "api.openai.com")


@pytest.fixture
def compatible(site):
    return client(site, "compatible.example")


def client(site, host, key="sk-test"):
    return openai.OpenAI(api_key=key, base_url=f"{site}/{host}/v1", max_retries=0)


def png(size=(1024, 1024), colour="white", mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


def part(data, name="a.png", content_type="image/png"):
    return (name, data, content_type)


def opened(data):
    return Image.open(io.BytesIO(data))


def decoded(result):
    return [opened(base64.b64decode(item.b64_json)) for item in result.data]


def test_a_generation_comes_with_its_usage_and_headers(official):
    raw = official.images.with_raw_response.generate(model=FLARE, prompt="a red circle", quality="low")
    result = raw.parse()
    assert [picture.size for picture in decoded(result)] == [(1024, 1024)]
    assert (result.quality, result.size, result.background) == ("low", "1024x1024", "opaque")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (3, 196)
    assert raw.headers["x-request-id"].startswith("req_")
    assert "x-ratelimit-remaining-requests" in raw.headers
    specs.validator("openai", "images_response").validate(json.loads(raw.content))


def test_several_pictures_differ_and_so_do_two_purchases(official):
    asked = {"model": FLARE, "prompt": "a star", "n": 2, "size": "1024x768"}
    items = [item.b64_json for _ in range(2) for item in official.images.generate(**asked).data]
    assert len(set(items)) == 4


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_other_formats(official, output_format):
    result = official.images.generate(model=FLARE, prompt="a star", output_format=output_format, output_compression=50)
    assert decoded(result)[0].format == output_format.upper()


@pytest.mark.parametrize("partials", [1, 2, 3])
def test_a_stream_has_its_partial_pictures_and_its_end(official, partials):
    events = list(official.images.generate(model=FLARE, prompt="x", stream=True, partial_images=partials))
    assert [event.type.rpartition(".")[2] for event in events] == ["partial_image"] * partials + ["completed"]
    assert [event.partial_image_index for event in events[:-1]] == list(range(partials))
    assert events[-1].usage.output_tokens == 439 + 100 * partials
    assert opened(base64.b64decode(events[-1].b64_json)).size == (1024, 1024)


def test_an_edit_takes_pictures_and_a_mask(official):
    mask = Image.new("RGBA", (1024, 1024), "black")
    mask.paste((0, 0, 0, 0), (200, 200, 600, 600))
    file = io.BytesIO()
    mask.save(file, "PNG")
    result = official.images.edit(
        model=FLARE,
        image=[part(png(colour="white")), part(png((300, 200), "red"), "b.png")],
        mask=part(file.getvalue(), "mask.png"),
        prompt="a green square on a blue background",
    )
    picture = decoded(result)[0].convert("RGB")
    assert picture.getpixel((10, 10)) == (255, 255, 255)
    assert picture.getpixel((205, 205)) != (255, 255, 255)
    assert result.usage.input_tokens_details.image_tokens == 2 * 65 + 129 * 2


def test_an_edit_as_json(official):
    url = "data:image/png;base64," + base64.b64encode(png((1536, 1024))).decode()
    body = {"model": FLARE, "prompt": "a star", "images": [{"image_url": url}], "moderation": "low"}
    answer = official.post("/images/edits", body=body, cast_to=object)
    assert answer["size"] == "1536x1024"


def test_dall_e_lives_on_a_compatible_server_and_answers_links(compatible):
    result = compatible.images.generate(model="dall-e-3", prompt="a star", size="1792x1024", quality="hd")
    assert result.data[0].revised_prompt.startswith("a star")
    with compatible._client.stream("GET", result.data[0].url) as answer:
        assert answer.headers["content-type"] == "image/png"
        assert opened(answer.read()).size == (1792, 1024)


def test_dall_e_2_edits_and_varies(compatible):
    clear = png((512, 512), (0, 0, 0, 0), "RGBA")
    asked = {"model": "dall-e-2", "response_format": "b64_json", "size": "512x512"}
    edited = compatible.images.edit(image=part(clear), prompt="a star", **asked)
    assert decoded(edited)[0].size == (512, 512)
    varied = compatible.post(
        "/images/variations",
        body={**asked, "n": 2},
        files={"image": part(png((512, 512), "teal"))},
        options={"headers": {"Content-Type": "multipart/form-data"}},
        cast_to=object,
    )
    assert len(varied["data"]) == 2


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3", "gpt-image-1"])
def test_a_retired_model_says_that_it_does_not_exist(official, model):
    with pytest.raises(openai.BadRequestError) as caught:
        official.images.generate(model=model, prompt="a star")
    assert caught.value.code == "invalid_value"
    assert caught.value.body["message"] == f"The model '{model}' does not exist."


def test_an_unknown_model_is_not_found(official):
    with pytest.raises(openai.NotFoundError) as caught:
        official.images.generate(model="gpt-image-9", prompt="a star")
    assert caught.value.code == "model_not_found"


def test_keys_are_asked_for(site):
    with pytest.raises(openai.AuthenticationError) as caught:
        client(site, "api.openai.com", "sk-bad-1").images.generate(model=FLARE, prompt="a star")
    assert caught.value.code == "invalid_api_key"


async def keyless(url):
    async with aiohttp.ClientSession() as session, session.post(url, json={}) as answer:
        return answer.status


def test_no_key_is_401(site):
    assert asyncio.run(keyless(f"{site}/api.openai.com/v1/images/generations")) == 401


BAD_GENERATIONS = [
    ({"prompt": ""}, "prompt", "empty_string"),
    ({"prompt": "x" * 32001}, "prompt", "string_above_max_length"),
    ({"n": 11}, "n", "integer_above_max_value"),
    ({"n": "two"}, "n", "invalid_type"),
    ({"size": "1920x1080"}, "size", "invalid_value"),
    ({"size": "512x512"}, "size", "invalid_value"),
    ({"size": "3840x1024"}, "size", "invalid_value"),
    ({"size": "4096x2048"}, "size", "invalid_value"),
    ({"size": "3840x2176"}, "size", "invalid_value"),
    ({"size": "big"}, "size", "invalid_value"),
    ({"model": "gpt-image-1.5", "size": "1920x1088"}, "size", "invalid_value"),
    ({"quality": "hd"}, "quality", "invalid_value"),
    ({"model": "gpt-image-2", "quality": "xhigh"}, "model", "invalid_value"),
    ({"model": "gpt-image-2", "background": "transparent"}, "background", "invalid_value"),
    ({"background": "transparent", "output_format": "jpeg"}, "output_format", "invalid_value"),
    ({"output_compression": 50}, "output_format", "missing_required_parameter"),
    ({"output_format": "gif"}, "output_format", "invalid_value"),
    ({"partial_images": 1}, "stream", "missing_required_parameter"),
    ({"response_format": "url"}, "response_format", "unknown_parameter"),
    ({"style": "vivid"}, "style", "unknown_parameter"),
    ({"complexity": "high"}, "complexity", "unknown_parameter"),
]


@pytest.mark.parametrize(("changes", "param", "code"), BAD_GENERATIONS)
def test_a_wrong_generation_is_refused_and_says_where(official, changes, param, code):
    with pytest.raises(openai.BadRequestError) as caught:
        official.post("/images/generations", body={"model": FLARE, "prompt": "a star", **changes}, cast_to=object)
    assert (caught.value.body["param"], caught.value.code) == (param, code)
    specs.validator("openai", "error_response").validate({"error": caught.value.body})


BAD_LEGACY = [
    ({"model": "dall-e-3", "n": 2}, "n"),
    ({"model": "dall-e-3", "prompt": "x" * 4001}, "prompt"),
    ({"model": "dall-e-2", "prompt": "x" * 1001}, "prompt"),
    ({"model": "dall-e-2", "size": "1792x1024"}, "size"),
    ({"model": "dall-e-2", "quality": "hd"}, "quality"),
]


@pytest.mark.parametrize(("changes", "param"), BAD_LEGACY)
def test_dall_e_keeps_its_old_limits(compatible, changes, param):
    with pytest.raises(openai.BadRequestError) as caught:
        compatible.post("/images/generations", body={"prompt": "a star", **changes}, cast_to=object)
    assert caught.value.body["param"] == param


SMALL = png((1024, 1024), (0, 0, 0, 0), "RGBA")
BAD_EDITS = [
    ([("image", part(b"no picture"))], {}, "image"),
    ([("image", part(png()[:2000]))], {}, "image"),
    ([("image", part(png(), "a.png", "text/plain"))], {}, "image"),
    ([("image", part(png(), "a.jpg", "image/jpeg"))], {}, "image"),
    ([("image", part(png())), ("image", part(png()))], {}, "image"),
    ([("image[]", part(png()))] * 17, {}, "image"),
    ([("picture", part(png()))], {}, "picture"),
    ([], {}, "image"),
    ([("image", part(png())), ("mask", part(png((512, 512), mode="RGBA")))], {}, "mask"),
    ([("image", part(png())), ("mask", part(png()))], {}, "mask"),
    ([("image", part(png())), ("mask", part(SMALL)), ("markup", part(SMALL))], {}, "markup"),
    ([("image", part(png()))], {"input_fidelity": "high"}, "input_fidelity"),
    ([("image", part(png()))], {"n": "many"}, "n"),
]


@pytest.mark.parametrize(("files", "fields", "param"), BAD_EDITS)
def test_a_wrong_edit_is_refused_and_says_where(site, files, fields, param):
    status, error = asyncio.run(posted(site, files, {"model": FLARE, "prompt": "a star", **fields}))
    assert (status, error["param"]) == (400, param)


async def posted(site, files, fields):
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    for name, (filename, data, content_type) in files:
        form.add_field(name, data, filename=filename, content_type=content_type)
    url = f"{site}/api.openai.com/v1/images/edits"
    headers = {"Authorization": "Bearer sk-test"}
    async with aiohttp.ClientSession() as session:
        answer = await session.post(url, data=form, headers=headers)
        return answer.status, (await answer.json()).get("error")


def test_input_fidelity_is_for_1_5(official):
    result = official.images.edit(model="gpt-image-1.5", image=part(png()), prompt="a star", input_fidelity="high")
    assert result.usage.input_tokens_details.image_tokens == 65 + 129 + 4096


def test_a_picture_is_described(official):
    made = official.images.generate(model=FLARE, prompt="two green squares on a beige background")
    url = f"data:image/png;base64,{made.data[0].b64_json}"
    content = [{"type": "text", "text": "Describe."}, {"type": "image_url", "image_url": {"url": url}}]
    answer = official.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": content}], max_tokens=500
    )
    said = answer.choices[0].message.content
    assert said.startswith("Two green squares on a beige background.")
    assert answer.usage.prompt_tokens == 3 + 65 + 129


def test_moderation_scores_words_and_pictures(official):
    calm, angry = official.moderations.create(input=["a calm lake", "they fight and kill"]).results
    assert not calm.flagged
    assert angry.flagged
    assert angry.category_scores.violence == 0.9
    red = "data:image/png;base64," + base64.b64encode(png((64, 64), (217, 45, 50))).decode()
    seen = official.moderations.create(input=[{"type": "image_url", "image_url": {"url": red}}]).results
    assert seen[0].categories.violence
    assert seen[0].category_applied_input_types.violence == ["image"]


def test_the_word_forbidden_is_refused_by_the_input_filter(official):
    with pytest.raises(openai.BadRequestError) as caught:
        official.images.generate(model=FLARE, prompt="a forbidden star")
    assert caught.value.code == "moderation_blocked"
    assert caught.value.body["moderation_details"]["moderation_stage"] == "input"


def test_azure_wants_its_version_and_its_own_header(site):
    azure = openai.AzureOpenAI(
        api_key="key",
        azure_endpoint=f"{site}/resource.openai.azure.com",
        api_version="2026-01",
        max_retries=0,
    )
    assert azure.images.generate(model=FLARE, prompt="a star").usage.output_tokens == 439
    edited = azure.images.edit(model=FLARE, image=part(png()), prompt="a star")
    assert decoded(edited)[0].size == (1024, 1024)


@pytest.mark.skipif(not SHARED_SPECS.is_dir(), reason="the wire reference is not next to the project")
def test_the_shipped_schemas_are_those_of_the_wire_reference():
    shipped = json.loads((specs.FOLDER / "openai.json").read_text("utf-8"))["$defs"]
    reference = json.loads((SHARED_SPECS / "openai-images-2026-11.json").read_text("utf-8"))["$defs"]
    assert {name: shipped[name] for name in reference} == reference
    older = json.loads((SHARED_SPECS / "openai.json").read_text("utf-8"))["components"]["schemas"]
    fields = older["CreateImageVariationRequest"]["properties"]
    ours = shipped["legacy_dalle_variations_fields"]["properties"]
    assert set(fields) == {*ours, "image"}
    assert all(fields[name]["enum"] == ours[name]["enum"] for name in ("size", "response_format"))
