"""Requests: refused before they cost, and known again by their fingerprint."""

import math
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from easel.nodes import pictures
from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.hosted.engine.inputs import Mask, Picture
from easel.nodes.hosted.engine.request import Request


class Drawing(Request):
    provider: ClassVar[str] = "studio"
    operation = "draw"
    max_seed = 999

    prompt: str = Field(min_length=1, max_length=400)
    size: str = "small"
    strength: float = Field(default=1.0, ge=0, le=1)
    seed: int | None = None
    n: int = 1
    picture: Picture | None = None
    mask: Mask | None = None

    @model_validator(mode="after")
    def _needs_picture(self):
        if self.mask is not None and self.picture is None:
            raise ValueError("a mask needs a picture to lie on")
        return self


class Wider(Drawing):
    """The same after an update that added a parameter."""

    style: str | None = None


def drawing(**values):
    return Drawing.build(**{"model": "one", "prompt": "a boat", **values})


def pixels(value):
    return pictures.Pixels(np.full((4, 4, 3), value, np.uint8))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"prompt": ""}, "The input prompt = '' cannot be used"),
        ({"prompt": "x" * 401}, "The input prompt cannot be used: String should have at most 400"),
        ({"strength": 2}, "The input strength = 2 cannot be used: Input should be less than or equal to 1"),
        ({"strength": math.nan}, "The input strength"),
        ({"strength": math.inf}, "The input strength"),
        ({"n": "many"}, "The input n = 'many' cannot be used"),
        ({"colour": "red"}, "The input colour = 'red' cannot be used"),
        ({"picture": b"bytes"}, "The input picture cannot be used"),
        ({"prompt": "half a letter \ud83d"}, "The input prompt"),
    ],
)
def test_a_wrong_value_is_refused_naming_the_input_and_what_is_allowed(values, words):
    with pytest.raises(InputRefused) as caught:
        drawing(**values)
    assert str(caught.value).startswith(words)
    assert caught.value.input_name == next(iter(values))
    assert caught.value.__cause__ is None


def test_inputs_that_do_not_go_together_are_refused_in_one_sentence():
    with pytest.raises(InputRefused, match=r"^A mask needs a picture to lie on\.$"):
        drawing(mask=pictures.Mask(np.zeros((4, 4), np.uint8)))


def test_a_request_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        drawing().prompt = "another"


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": "a boat "},
        {"model": "two"},
        {"take": 1},
        {"seed": 0},
        {"n": 2},
        {"strength": 0.5},
        {"picture": pixels(1)},
    ],
)
def test_whatever_may_change_the_picture_changes_the_fingerprint(values):
    assert drawing(**values).fingerprint("live") != drawing().fingerprint("live")


def test_a_fingerprint_is_of_the_scope_the_provider_and_the_operation():
    class Elsewhere(Drawing):
        provider = "elsewhere"

    class Edit(Drawing):
        operation = "edit"

    plain = drawing()
    others = [Elsewhere(**plain.parameters()), Edit(**plain.parameters())]
    assert len({plain.fingerprint("live"), plain.fingerprint("sandbox"), plain.fingerprint("live", "host")}) == 3
    assert plain.fingerprint("live") not in [other.fingerprint("live") for other in others]


def test_a_fingerprint_knows_pixels_not_files():
    assert drawing(picture=pixels(1)).fingerprint() == drawing(picture=pixels(1)).fingerprint()
    assert drawing(picture=pixels(1)).fingerprint() != drawing(picture=pixels(2)).fingerprint()


def test_a_fingerprint_is_the_same_for_one_number_written_in_two_ways():
    assert drawing(strength=1).fingerprint() == drawing(strength=1.0).fingerprint()


def test_a_parameter_that_is_added_later_leaves_old_fingerprints_as_they_are():
    assert Wider.build(model="one", prompt="a boat").fingerprint("live") == drawing().fingerprint("live")


def test_a_released_fingerprint_never_changes():
    # Everything that users have bought is found again by this.
    fingerprint = drawing(prompt="Ünïcode 🎨", seed=7).fingerprint("live")
    assert fingerprint == "53a596c44d10023c0cb19ba5245abfa09855b1b7b66c77615dd8ee0f0842f892"


@given(st.text(max_size=200))
def test_any_prompt_is_refused_or_has_a_fingerprint(prompt):
    try:
        asked = drawing(prompt=prompt)
    except InputRefused:
        assert prompt == "" or any("\ud800" <= letter <= "\udfff" for letter in prompt)
    else:
        assert asked.parameters()["prompt"] == prompt
        assert len(asked.fingerprint("live")) == 64


def test_a_random_seed_is_drawn_within_the_provider_s_range_and_others_are_left():
    drawn = {drawing(seed=-1).with_seed().seed for _ in range(50)}
    assert len(drawn) > 10
    assert all(0 <= seed <= 999 for seed in drawn)
    assert drawing(seed=5).with_seed().seed == 5
    assert drawing(seed=0).with_seed().seed == 0
    assert drawing().with_seed().seed is None


def test_the_summary_is_short_and_one_line():
    assert drawing(prompt="a\nboat " * 50).summary == 'draw with one: "' + ("a boat " * 50)[:57] + '..."'
