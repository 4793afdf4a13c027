"""Ideogram's nodes: what their widgets and sockets say becomes the fields of a request."""

from __future__ import annotations

import pytest
import torch

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.ideogram.requests import IdeogramEdit, IdeogramGenerate

UNTOUCHED = {
    "prompt": "a star",
    "model": "ideogram-4-5",
    "seed": 0,
    "num_images": 1,
    "aspect_ratio": "16:9",
    "width": 1024,
    "height": 1024,
    "quality": "default",
    "rendering_speed": "default",
    "magic_prompt": "auto",
    "negative_prompt": " ",
    "style_type": "default",
    "style_preset": "none",
    "style_codes": "",
    "color_palette": "none",
    "colors": "",
    "style_images": None,
    "character_image": None,
    "character_mask": None,
}


@pytest.fixture
def fields_of(host):
    from easel.nodes.hosted.ideogram.nodes.shared import fields_of

    return fields_of


async def test_untouched_widgets_ask_for_nothing_that_a_model_may_lack(fields_of):
    fields = await fields_of(UNTOUCHED)
    said = {name for name, value in fields.items() if value is not None}
    assert said == {"prompt", "model", "seed", "num_images", "aspect_ratio"}
    for model in ("ideogram-4-5", "ideogram-4", "ideogram-v3", "V_1"):
        assert IdeogramGenerate.build(**{**fields, "model": model})


async def test_a_size_of_one_s_own_takes_the_place_of_the_ratio(fields_of):
    fields = await fields_of({**UNTOUCHED, "aspect_ratio": "custom"})
    assert (fields["aspect_ratio"], fields["width"], fields["height"]) == (None, 1024, 1024)


async def test_styles_are_read_as_they_are_typed(fields_of):
    typed = {"model": "ideogram-v3", "colors": " #ff8800 0.6, #224466 ", "style_codes": "aaff5733"}
    request = IdeogramGenerate.build(**await fields_of({**UNTOUCHED, **typed}))
    assert request.colors == (("#FF8800", 0.6), ("#224466", None))
    assert request.style_codes == ("AAFF5733",)


async def test_sockets_become_pictures_and_the_empty_mask_of_load_image_none(fields_of):
    picture, batch = torch.zeros(1, 64, 96, 3), torch.zeros(3, 64, 64, 3)
    sockets = {"image": picture, "references": batch, "mask": torch.zeros(1, 64, 64)}
    wish = {"prompt": "a star", "model": "ideogram-4-5", "seed": 0, "num_images": 1}
    request = IdeogramEdit.build(**await fields_of({**wish, **sockets}))
    assert (request.image.width, request.image.height, len(request.references), request.mask) == (96, 64, 3, None)


async def test_a_batch_where_one_picture_goes_is_refused_by_name(fields_of):
    with pytest.raises(InputRefused, match="image holds 2 pictures"):
        await fields_of({"image": torch.zeros(2, 64, 64, 3)})
