"""OpenAI through its own client over real HTTP: what is bought, what each fault means, and what it cost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from easel.nodes import pictures
from easel.nodes.hosted.engine.errors import (
    ContentRejected,
    InputRefused,
    InvalidKey,
    ModelRetired,
    ProviderDown,
    QuotaExhausted,
    ResultLost,
    TimedOut,
)
from easel.nodes.hosted.openai.requests import (
    DallE2Edit,
    DallE2Generate,
    DallE2Variations,
    DallE3,
    Describe,
    GptImageEdit,
    GptImageGenerate,
    Moderate,
)
from support.openai_desk import AZURE, COMPATIBLE, desk_at, plain, right_half

FLARE = "gpt-image-2.5-flare"
SIZE = "1024x1024"


def asked(prompt="a red circle on a blue background", **changes):
    return GptImageGenerate.build(**{"model": FLARE, "prompt": prompt, "size": SIZE, "quality": "low", **changes})


@pytest.fixture
def desk(tmp_path: Path, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    with desk_at(tmp_path, sandbox.url) as desk:
        yield desk


@pytest.fixture
def own_server(tmp_path: Path, sandbox, monkeypatch):
    """A server of the operator's own that still has the DALL·E models."""
    monkeypatch.setenv("OPENAI_BASE_URL", sandbox.url + COMPATIBLE)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own-server-0123456789")
    with desk_at(tmp_path, sandbox.url) as desk:
        yield desk


def colour_at(data: bytes, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(value) for value in pictures.decode(data).array[y, x, :3])


async def test_a_picture_is_drawn_as_asked_and_charged_as_reported(desk, sandbox):
    outcome = await desk.buy(asked())
    picture = outcome.pictures[0]
    assert (picture.width, picture.height, picture.media_type) == (1024, 1024, "image/png")
    red, _, blue = colour_at(picture.data, 512, 420)
    assert red > 2 * blue
    assert outcome.record["cost_source"] == "reported"
    assert await desk.bill() == [(pytest.approx(sum(sandbox.charges())), "reported")]
    assert outcome.record["request_id"].startswith("req_")


async def test_the_same_request_again_costs_nothing(desk, sandbox):
    first = await desk.buy(asked())
    second = await desk.buy(asked())
    assert second.reused and second.paid_usd == 0
    assert second.pictures[0].data == first.pictures[0].data
    assert sandbox.submissions() == 1


async def test_another_take_is_another_picture(desk, sandbox):
    first = await desk.buy(asked())
    second = await desk.buy(asked(take=1))
    assert second.pictures[0].data != first.pictures[0].data
    assert sandbox.submissions() == 2


async def test_a_transparent_background_arrives_with_its_alpha(desk):
    outcome = await desk.buy(asked(background="transparent"))
    assert pictures.decode(outcome.pictures[0].data).has_alpha


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
async def test_other_formats_and_their_compression(desk, output_format):
    outcome = await desk.buy(asked(output_format=output_format, output_compression=70))
    assert outcome.pictures[0].media_type == f"image/{output_format}"


async def test_partial_pictures_are_shown_on_the_way(desk, sandbox):
    sandbox.latency(0.6)
    outcome = await desk.buy(asked(partial_images=2))
    assert len(outcome.pictures) == 1
    partial = next(look.partial for look in reversed(desk.looks) if look.partial)
    assert pictures.decode(partial).width == 1024


async def test_only_the_masked_part_is_edited(desk):
    picture, mask = plain(1024, 1024), right_half(1024, 1024)
    request = GptImageEdit.build(model=FLARE, prompt="a blue square", images=(picture,), mask=mask, size=SIZE)
    edited = pictures.decode((await desk.buy(request)).pictures[0].data)
    assert (edited.array[:, :512, :3] == picture.array[:, :512]).all()
    assert (edited.array[:, 512:, :3] != picture.array[:, 512:]).any()


async def test_several_reference_pictures_go_in_order(desk, sandbox):
    references = tuple(plain(colour=(50 * number, 10, 10)) for number in range(3))
    outcome = await desk.buy(GptImageEdit.build(model=FLARE, prompt="join them", images=references, size=SIZE))
    assert len(outcome.pictures) == 1
    assert sandbox.log()[-1]["accepted"]


async def test_a_markup_is_sent(desk, sandbox):
    request = GptImageEdit.build(
        model=FLARE, prompt="follow the arrow", images=(plain(),), markup=plain(colour=(0, 0, 0, 0)), size=SIZE
    )
    await desk.buy(request)
    assert sandbox.log()[-1]["accepted"]


async def test_dalle_lives_on_a_server_of_ones_own(own_server, sandbox):
    outcome = await own_server.buy(DallE3.build(prompt="a green square"))
    assert outcome.pictures[0].revised_prompt
    for request in (
        DallE2Generate.build(prompt="a cat", n=2, size="256x256"),
        DallE2Edit.build(prompt="a cat", image=plain(), mask=right_half(), size="256x256"),
        DallE2Variations.build(image=plain(), n=2, size="256x256"),
    ):
        assert len((await own_server.buy(request)).pictures) == request.n
    assert sandbox.submissions() == 4


async def test_links_are_fetched_at_once_and_kept_as_bytes(own_server, sandbox):
    outcome = await own_server.buy(DallE3.build(prompt="a green square", response_format="url"))
    sandbox.fault("expired_link")
    again = await own_server.buy(DallE3.build(prompt="a green square", response_format="url"))
    assert again.reused and again.pictures[0].data == outcome.pictures[0].data


async def test_azure_is_reached_by_its_deployment(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_PROVIDERS__OPENAI__BASE_URL", sandbox.url + AZURE.removesuffix("/openai"))
    monkeypatch.setenv("EASEL_PROVIDERS__OPENAI__OPTIONS__API_VERSION", "2025-04-01-preview")
    monkeypatch.setenv("OPENAI_API_KEY", "azure-key-0123456789")
    with desk_at(tmp_path, sandbox.url) as desk:
        assert len((await desk.buy(asked())).pictures) == 1
    assert f"/deployments/{FLARE}/" in sandbox.log()[-1]["path"]


async def test_a_retired_model_is_said_by_the_server_too(desk, sandbox):
    with pytest.raises(ModelRetired, match=f"{FLARE} takes its place"):
        await desk.buy(DallE3.build(prompt="a cat"))
    assert sandbox.charges() == [] and await desk.bill() == []


async def test_describe_and_moderate(desk, sandbox):
    described = await desk.buy(Describe.build(image=plain(), prompt="What is this?"))
    assert "red" in described.text
    assert described.record["cost_source"] == "reported"
    passed = await desk.buy(Moderate.build(text="a cat on a mat", image=plain(colour=(20, 200, 20))))
    assert passed.data["categories"] == [] and set(passed.data["scores"]) >= {"violence", "hate"}
    assert sandbox.submissions() == 1


CHARGED = [0.006]
UNSURE = "unsure"


@pytest.mark.parametrize(
    ("kind", "knobs", "error", "sentence", "submissions", "ledger"),
    [
        ("insufficient_quota", {}, QuotaExhausted, "no credit left", 1, []),
        ("bad_key", {}, InvalidKey, "OPENAI_API_KEY", 1, []),
        ("not_verified", {}, InvalidKey, "organization must be verified", 1, []),
        ("model_not_found", {}, InputRefused, "offers this key no such model", 1, []),
        ("server_error", {}, ProviderDown, "HTTP 500", 1, [UNSURE]),
        ("cut_before_body", {}, TimedOut, "broke off", 0, [UNSURE]),
        ("cut_after_body", {}, TimedOut, "was not sent again", 1, [UNSURE]),
        ("half_picture", {}, ResultLost, "not a whole picture", 1, ["reported"]),
        ("html", {}, ProviderDown, "not its API", 1, [UNSURE]),
        ("no_data", {}, ResultLost, "without a picture", 1, ["estimated"]),
        ("bill_without_picture", {}, ResultLost, "without a picture", 1, ["reported"]),
        ("too_many_pixels", {}, ResultLost, "pixels", 1, ["reported"]),
        ("refuse_input", {}, ContentRejected, "the prompt or an input picture for sexual", 1, []),
        ("refuse_input", {"details": False}, ContentRejected, "the prompt or an input picture", 1, []),
        ("refuse_output", {}, ContentRejected, "the finished picture", 1, []),
    ],
)
async def test_a_fault_is_said_and_never_repeated(desk, sandbox, kind, knobs, error, sentence, submissions, ledger):
    sandbox.fault(kind, **knobs)
    with pytest.raises(error) as told:
        await desk.buy(asked())
    assert sentence in str(told.value)
    assert sandbox.submissions() == submissions
    assert [source for _, source in await desk.bill()] == ledger


@pytest.mark.parametrize(
    ("kind", "knobs"),
    [
        ("rate_limit", {"times": 2}),
        ("rate_limit", {"times": 1, "retry_after": 0.2}),
        ("unavailable", {"times": 2}),
        ("unavailable", {"times": 1, "retry_after": 0.2}),
        ("connection_refused", {"times": 1, "seconds": 1.0}),
    ],
)
async def test_what_surely_costs_nothing_is_tried_again(desk, sandbox, kind, knobs):
    sandbox.fault(kind, **knobs)
    if kind == "connection_refused":
        await asyncio.sleep(0.1)
    outcome = await desk.buy(asked())
    assert len(outcome.pictures) == 1
    assert len(sandbox.charges()) == 1
    assert len(await desk.bill()) == 1


async def test_one_of_several_withheld_is_said_and_the_rest_kept(desk, sandbox):
    sandbox.fault("refuse_some", count=1)
    outcome = await desk.buy(asked(n=3))
    assert len(outcome.pictures) == 2 and len(outcome.refused) == 1
    assert [source for _, source in await desk.bill()] == ["reported"]


async def test_a_stream_that_is_cut_is_said(desk, sandbox):
    sandbox.fault("cut_stream")
    with pytest.raises(TimedOut, match="broke off"):
        await desk.buy(asked(partial_images=2))
    assert sandbox.submissions() == 1


@pytest.mark.parametrize(
    ("kind", "knobs", "sentence"),
    [
        ("expired_link", {}, "no longer works"),
        ("wrong_content_type", {}, ""),
        ("half_picture", {"path": "/files/"}, "not a whole picture"),
        ("html", {"path": "/files/"}, "not a whole picture"),
        ("too_many_bytes", {"path": "/files/", "megabytes": 200}, "larger than 160 MB"),
    ],
)
async def test_what_lies_behind_a_link_is_checked(own_server, sandbox, kind, knobs, sentence):
    sandbox.fault(kind, **knobs)
    request = DallE3.build(prompt="a green square", response_format="url")
    if not sentence:
        # A picture is known by its bytes, whatever the server calls it.
        assert len((await own_server.buy(request)).pictures) == 1
        return
    with pytest.raises(ResultLost, match=sentence):
        await own_server.buy(request)
    assert sandbox.submissions() == 1
    assert len(await own_server.engine.charges("live")) == 1


async def test_a_broken_download_is_fetched_later_without_buying(own_server, sandbox):
    sandbox.fault("server_error", path="/files/", times=4)
    request = DallE3.build(prompt="a green square", response_format="url")
    with pytest.raises(ResultLost, match="only fetches"):
        await own_server.buy(request)
    assert len((await own_server.buy(request)).pictures) == 1
    assert sandbox.submissions() == 1


async def test_no_key_is_said_before_any_network(tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", sandbox.url + COMPATIBLE)
    with desk_at(tmp_path, sandbox.url) as desk, pytest.raises(Exception, match="OPENAI_API_KEY") as told:
        await desk.buy(asked())
    assert type(told.value).__name__ == "MissingKey"
    assert sandbox.log() == []


async def test_the_key_of_a_refusal_is_in_no_text(tmp_path, sandbox, monkeypatch):
    key = "sk-bad-secret-marker-4711"
    monkeypatch.setenv("OPENAI_BASE_URL", sandbox.url + COMPATIBLE)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with desk_at(tmp_path, sandbox.url) as desk, pytest.raises(InvalidKey) as told:
        await desk.buy(asked())
    assert key not in str(told.value) and "marker" not in str(told.value)
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or key.encode() not in file.read_bytes()


async def test_sixty_four_pictures_through_throttles_are_sixty_four_charges(desk, sandbox):
    sandbox.fault("rate_limit", probability=0.1, retry_after=0.05)
    sandbox.fault("unavailable", probability=0.05)
    requests = [asked(f"picture number {number}") for number in range(64)]
    outcomes = await asyncio.gather(*(desk.buy(request) for request in requests))
    assert sum(len(outcome.pictures) for outcome in outcomes) == 64
    assert len(sandbox.charges()) == 64
    assert len(await desk.bill()) == 64
