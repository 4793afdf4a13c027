"""What may be asked of OpenAI is checked before anything is sent, by a sentence that names the input."""

from __future__ import annotations

import datetime as dt

import pytest

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.openai.requests import (
    DallE2Edit,
    DallE2Variations,
    DallE3,
    Describe,
    GptImageEdit,
    GptImageGenerate,
    Moderate,
)
from support.openai_desk import plain, right_half

FLARE = "gpt-image-2.5-flare"
PICTURE, MASK = plain(), right_half()


def generate(**changes):
    return GptImageGenerate.build(**{"model": FLARE, "prompt": "a cat", "size": "1024x1024", **changes})


def edit(**changes):
    return GptImageEdit.build(**{"model": FLARE, "prompt": "a cat", "images": (PICTURE,), **changes})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": "1000x1000"}, "divisible by 16 (the nearest is 992x992)"),
        ({"size": "1024"}, "width x height"),
        ({"size": "4096x1024"}, "3840 pixels at the longest edge"),
        ({"size": "3072x512"}, "from 1:3 to 3:1"),
        ({"size": "512x512"}, "655,360 to 8,294,400 pixels"),
        ({"size": "1792x1024", "model": "gpt-image-1.5"}, "1024x1024, 1536x1024 and 1024x1536"),
        ({"quality": "xhigh", "model": "gpt-image-2"}, "auto, low, medium, high"),
        ({"quality": "best"}, "quality = 'best'"),
        ({"n": 11}, "n = 11"),
        ({"n": 0}, "n = 0"),
        ({"prompt": "  "}, "the prompt is empty"),
        ({"prompt": "x" * 32_001}, "32,001 characters"),
        ({"background": "transparent", "output_format": "jpeg"}, "output_format png or webp"),
        ({"background": "transparent", "model": "gpt-image-2"}, "no transparent background"),
        ({"output_compression": 50}, "jpeg or webp"),
        ({"complexity": "high"}, "gpt-image-2.6"),
        ({"partial_images": 4}, "partial_images = 4"),
        ({"moderation": "none"}, "moderation = 'none'"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(changes, sentence):
    with pytest.raises(InputRefused) as refused:
        generate(**changes)
    assert sentence.casefold() in str(refused.value).casefold()
    assert refused.value.charge == "none"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mask": right_half(32, 64)}, "the mask is 32x64 and the first picture 64x64"),
        ({"markup": plain(32, 32)}, "the markup is 32x32"),
        ({"mask": MASK, "markup": plain()}, "cannot be sent together"),
        ({"images": ()}, "between 1 and 16 pictures"),
        ({"images": (PICTURE,) * 17}, "these are 17"),
        ({"input_fidelity": "high"}, "input_fidelity high is not for gpt-image-2.5-flare"),
        ({"input_fidelity": "high", "model": "gpt-image-1-mini"}, "takes only low"),
    ],
)
def test_pictures_that_do_not_fit_are_named(changes, sentence):
    with pytest.raises(InputRefused) as refused:
        edit(**changes)
    assert sentence.casefold() in str(refused.value).casefold()


def test_dalle_keeps_its_own_limits():
    for build, sentence in (
        (lambda: DallE3.build(prompt="x" * 4001), "4,001 characters, and dall-e-3 takes 4,000"),
        (lambda: DallE3.build(prompt="a cat", size="512x512"), "1024x1024, 1792x1024 and 1024x1792"),
        (
            lambda: DallE2Edit.build(prompt="a cat", image=plain(64, 32), mask=right_half(64, 32)),
            "square pictures only",
        ),
        (lambda: DallE2Variations.build(image=plain(64, 32)), "64x32"),
        (lambda: DallE2Edit.build(prompt="x" * 1001, image=PICTURE, mask=MASK), "dall-e-2 takes 1,000"),
    ):
        with pytest.raises(InputRefused) as refused:
            build()
        assert sentence.casefold() in str(refused.value).casefold()


def test_nothing_to_judge_or_to_say_is_refused():
    with pytest.raises(InputRefused, match="nothing to judge"):
        Moderate.build(text=" ")
    with pytest.raises(InputRefused, match="instruction is empty"):
        Describe.build(image=PICTURE, prompt="")


def test_an_unknown_model_of_an_own_server_is_left_to_that_server():
    request = generate(model="my-azure-deployment", size="640x640", quality="max")
    assert request.row is None


def test_a_snapshot_follows_the_rules_of_its_model():
    assert generate(model="gpt-image-2-2026-04-21").row.name == "gpt-image-2"
    assert generate(model="gpt-image-2.5-flare-2026-09-08").row.name == FLARE


def test_a_model_is_retired_from_its_day_on():
    request = edit(model="gpt-image-1.5", input_fidelity="high")
    assert request.retired_since(dt.date(2026, 11, 30)) is None
    assert request.retired_since(dt.date(2026, 12, 1)) == dt.date(2026, 12, 1)
    successor = request.successor()
    assert (successor.model, successor.input_fidelity) == (FLARE, None)


def test_dalle_3_becomes_the_gpt_image_request_that_comes_nearest():
    successor = DallE3.build(prompt="a cat", size="1792x1024", quality="hd", style="natural", take=3).successor()
    assert (successor.model, successor.size, successor.quality, successor.take) == (FLARE, "1792x1024", "high", 3)
    assert successor.prompt.startswith("a cat\n") and "natural" in successor.prompt


def test_dalle_2_variations_become_an_edit_of_the_picture():
    successor = DallE2Variations.build(image=PICTURE, n=2, size="256x256").successor()
    assert (successor.operation, successor.images, successor.n, successor.size) == ("edit", (PICTURE,), 2, "1024x1024")


def test_equal_requests_have_equal_fingerprints_and_any_change_another():
    assert edit(mask=right_half()).fingerprint("live") == edit(mask=right_half()).fingerprint("live")
    prints = {
        edit(mask=MASK).fingerprint("live"),
        edit(mask=MASK).fingerprint("sandbox"),
        edit().fingerprint("live"),
        edit(take=1).fingerprint("live"),
        edit(images=(plain(colour=(201, 30, 30)),)).fingerprint("live"),
        edit(images=(PICTURE, PICTURE)).fingerprint("live"),
    }
    assert len(prints) == 6


def test_a_field_that_is_not_set_leaves_the_fingerprint_of_before():
    # Whatever is added to a request later must not make everybody buy their pictures again.
    assert generate().fingerprint("live") == "1bce6d3d6d6fc3fe95ab0a1524926c7991144f27bc280f8d468900e9d3ffaae0"


def test_moderation_joins_the_verdicts_of_a_batch():
    verdicts = [
        {"categories": [], "scores": {"violence": 0.4, "sexual": 0.1}},
        {"categories": ["hate"], "scores": {"violence": 0.2, "sexual": 0.3}},
    ]
    assert Moderate.joined(verdicts, 1.0) == ({"violence": 0.4, "sexual": 0.3}, ["hate"])
    assert Moderate.joined(verdicts, 0.4)[1] == ["hate", "violence"]
