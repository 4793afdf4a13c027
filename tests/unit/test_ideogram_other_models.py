"""Ideogram asked for another model: one's own, the edit by words alone, and what another model makes of the same wish."""

from __future__ import annotations

from typing import Any

import pytest

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.ideogram import prices
from easel.nodes.hosted.ideogram.fields import fields_of, files_of
from easel.nodes.hosted.ideogram.quotes import Requoted
from easel.nodes.hosted.ideogram.requests import (
    IdeogramDesign,
    IdeogramEdit,
    IdeogramGenerate,
    IdeogramRemix,
    IdeogramRequest,
    IdeogramTransparent,
)
from easel.nodes.sandbox import specs
from support.ideogram_desk import plain, right_half

CUSTOM = "model/my-model/version/1"
PICTURES: dict[type[IdeogramRequest], dict[str, Any]] = {
    IdeogramGenerate: {},
    IdeogramTransparent: {},
    IdeogramDesign: {},
    IdeogramEdit: {"image": plain(64, 64), "mask": right_half(64, 64)},
    IdeogramRemix: {"image": plain(64, 64)},
}


def asked(model: str = "ideogram-v3", **changes: Any) -> IdeogramRequest:
    return IdeogramGenerate.build(**{"model": model, "prompt": "a red circle", **changes})


def by_words(**changes: Any) -> IdeogramEdit:
    image = plain(64, 64)
    return IdeogramEdit.build(**{"model": "ideogram-v1-edit", "prompt": "a blue square", "image": image, **changes})


@pytest.mark.parametrize("kind", PICTURES)
def test_a_model_of_one_s_own_goes_by_its_address_and_has_no_known_price(kind):
    request = kind.build(model="ideogram-v3", prompt="a red circle", custom_model=CUSTOM, **PICTURES[kind])
    fields = fields_of(request)
    assert fields["custom_model_uri"] == CUSTOM
    files = {file.field: "file" for file in files_of(request)}
    assert specs.problem("ideogram", request.offer.path, {**fields, **files}) is None
    assert prices.estimate(request) is None


@pytest.mark.parametrize(
    ("model", "changes", "sentence"),
    [
        ("ideogram-4-5", {}, "ideogram-4-5 takes none here; ideogram-v3 does"),
        ("ideogram-v3", {"custom_model": "my-model"}, "written like model/my-model/version/1"),
        ("ideogram-v3", {"style_type": "design"}, "brings its own style"),
    ],
)
def test_a_model_of_one_s_own_is_refused_where_it_does_not_fit(model, changes, sentence):
    with pytest.raises(InputRefused, match=sentence):
        asked(model, **{"custom_model": CUSTOM, **changes})


def test_a_character_in_one_s_own_model_is_given_no_style_beside_it():
    assert "style_type" in fields_of(asked(character_image=plain(64, 64)))
    assert "style_type" not in fields_of(asked(custom_model=CUSTOM, character_image=plain(64, 64)))


def test_the_edit_by_words_alone_takes_ten_pictures_and_no_mask():
    request = by_words(references=(plain(64, 64),) * 9)
    assert [file.field for file in files_of(request)] == ["images"] * 10
    assert fields_of(request) == {"prompt": "a blue square", "seed": 0}
    assert prices.estimate(request) is None
    with pytest.raises(InputRefused, match="takes 9 of them at most"):
        by_words(references=(plain(64, 64),) * 10)
    with pytest.raises(InputRefused, match="takes none here; ideogram-4-5, "):
        by_words(mask=right_half(64, 64))


def test_a_mask_is_never_dropped_for_a_model_without_one():
    masked = by_words(model="ideogram-4-5", mask=right_half(64, 64))
    with pytest.raises(InputRefused, match="mask"):
        masked.with_model("ideogram-v1-edit")


def test_a_ratio_becomes_the_nearest_that_the_other_model_makes():
    assert asked("ideogram-3", aspect_ratio="1:2").with_model("V_2").aspect_ratio == "9:16"
    assert asked("ideogram-3", aspect_ratio="auto").with_model("V_2").aspect_ratio == "1:1"


def test_a_size_becomes_the_nearest_ratio_for_a_model_without_it():
    replaced = asked("ideogram-v3", width=1312, height=736).with_model("V_2A")
    assert (replaced.aspect_ratio, replaced.width) == ("16:9", None)


async def test_a_price_that_turned_out_higher_is_asked_for_once_more_and_no_oftener(host, monkeypatch):
    from easel.nodes.hosted.ideogram.nodes.shared import IdeogramNode
    from easel.nodes.hosted.schema import HostedNode

    asked_for: list[Any] = []
    prices_told = [Requoted("more"), None]

    async def bought(_cls: Any, request: Any, _choices: Any) -> Any:
        asked_for.append(request)
        if (error := prices_told[len(asked_for) - 1]) is not None:
            raise error
        return "a picture"

    monkeypatch.setattr(HostedNode, "bought", classmethod(bought))
    assert await IdeogramNode.bought("a wish", None) == "a picture"
    assert asked_for == ["a wish"] * 2
    asked_for.clear()
    prices_told[1] = Requoted("still more")
    with pytest.raises(Requoted, match="still more"):
        await IdeogramNode.bought("a wish", None)
