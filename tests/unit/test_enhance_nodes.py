"""The nodes that enlarge and cut out, in front of purchases that are made up: what they hand on, and what they say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from easel.nodes import pictures
from easel.nodes.hosted.engine.errors import InputRefused, TimedOut
from easel.nodes.hosted.engine.outcome import Outcome


@pytest.fixture
def nodes(host: Any) -> Any:
    from easel.nodes.hosted.enhance import nodes

    return nodes


@pytest.fixture
def answered(nodes: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests that the nodes buy; each is answered with an opaque picture of the size that was sent."""
    from easel.nodes.hosted.buying import Bought

    asked: list[Any] = []

    async def bought(_cls: Any, request: Any, _choices: Any) -> Any:
        asked.append(request)
        array = np.full((request.image.height, request.image.width, 3), 200, np.uint8)
        outcome = Outcome({"take": 4321}, (), "", {}, (), Decimal(0), False)
        return Bought(outcome, [pictures.Pixels(array)], "model · price")

    monkeypatch.setattr(nodes.shared.EnhanceNode, "bought", classmethod(bought))
    return asked


def half_transparent() -> Any:
    import torch

    image = torch.ones(1, 6, 8, 4)
    image[..., :4, 3] = 0
    return image


@pytest.mark.parametrize(("colour", "transparent"), [("", 24), ("white", 0)])
async def test_with_a_new_background_nothing_is_transparent(nodes, answered, colour, transparent):
    made = await nodes.EaselRemoveBackground.execute(half_transparent(), "remove.bg", background_color=colour)
    alphas = made.args[1]
    assert int((alphas[0] == 1).sum()) == transparent
    assert not answered[0].image.has_alpha


@pytest.mark.parametrize(
    ("model", "seed", "said"),
    [("esrgan (fal)", -1, True), ("esrgan (fal)", 5, False), ("clarity (fal)", -1, False)],
)
async def test_a_number_that_was_drawn_for_a_model_without_seeds_is_told(nodes, answered, model, seed, said):
    made = await nodes.EaselUpscale.execute(half_transparent(), model=model, scale=2.0, seed=seed)
    assert ("seed 4321" in made.args[-1].splitlines()) is said


async def test_a_batch_says_how_many_failed_beside_the_first(nodes, monkeypatch):
    from easel.nodes.hosted.buying import Bought

    done = Bought(None, [], "refused")

    async def bought(_cls: Any, request: Any, _choices: Any) -> Any:
        if request is done:
            return done
        raise InputRefused("No.") if request else TimedOut("Gone.")

    monkeypatch.setattr(nodes.shared.EnhanceNode, "bought", classmethod(bought))
    with pytest.raises(TimedOut, match=r"Picture 1 of 3 \(2 more failed\): Gone\."):
        await nodes.shared.EnhanceNode.each_bought([0, 1, 2], None)
    with pytest.raises(InputRefused, match=r"Grid 2 of 2: No\."):
        await nodes.shared.EnhanceNode.each_bought([done, 1], None, "Grid")


def test_a_drawn_seed_runs_the_node_each_time_and_a_given_one_does_not(nodes, monkeypatch):
    monkeypatch.setattr("easel.nodes.hosted.buying.destination_fingerprint", lambda name: name)
    drawn = {nodes.EaselUpscale.fingerprint_inputs(seed=-1) for _ in range(3)}
    given = {nodes.EaselUpscale.fingerprint_inputs(seed=5) for _ in range(3)}
    assert (len(drawn), given) == (3, {"removebg|replicate|fal"})
