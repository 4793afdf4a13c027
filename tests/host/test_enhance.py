"""Enlarging and cutting out in the editor: batches, transparency, and what the node says."""

from __future__ import annotations

import asyncio
import copy
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easel.nodes import pictures
from easel.nodes.hosted.engine.errors import InputRefused, ProviderDown
from easel.nodes.hosted.engine.outcome import Outcome
from easel.nodes.hosted.enhance.requests import RemoveBackground
from support.comfy import failures
from support.pack import ROOT

WORKFLOW = json.loads((ROOT / "workflows/api/upscale-and-cut-out.json").read_text(encoding="utf-8"))
DRAWN, LARGE, CUT, KEPT = "2", "3", "4", "5"


def changed(changes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The shipped workflow with other inputs, by node."""
    graph = copy.deepcopy(WORKFLOW)
    for node, inputs in changes.items():
        graph[node]["inputs"].update(inputs)
    return graph


def message(entry: dict[str, Any]) -> str:
    return " ".join(str(failure.get("exception_message")) for failure in failures(entry))


def test_a_batch_is_cut_out_and_enlarged_and_keeps_its_transparency(comfy):
    cut_first = changed(
        {
            DRAWN: {"n": 2},
            CUT: {"image": [DRAWN, 0], "model": "remove.bg", "format": "zip"},
            LARGE: {"image": [CUT, 0], "image_alpha": [CUT, 1]},
            KEPT: {"images": [LARGE, 0], "alpha": [LARGE, 1]},
        }
    )
    entry = comfy.run(cut_first)
    assert failures(entry) == []
    (told,) = entry["outputs"][CUT]["text"]
    assert told.splitlines()[1:] == [
        "1 credit at remove.bg; what a credit costs depends on your plan",
        "2 pictures, $0.40 in all",
    ]
    files = comfy.saved(entry)
    assert len(files) == 2
    for file in files:
        with Image.open(file) as picture:
            assert (picture.mode, picture.size) == ("RGBA", (2048, 2048))
            assert picture.getpixel((40, 900))[3] == 0
            assert picture.getpixel((1000, 900))[3] == 255


def test_what_a_model_lacks_is_refused_on_the_node(comfy):
    entry = comfy.run(changed({LARGE: {"prompt": "a cat"}}))
    assert "real-esrgan (Replicate) has no such setting; clarity (Replicate) and clarity (fal) do" in message(entry)


@pytest.fixture
def nodes(host):
    from easel.nodes.hosted.enhance import nodes

    return nodes


@pytest.fixture
def finishing(host):
    from easel.nodes.hosted.enhance.nodes import finishing

    return finishing


def picture(width: int = 8, height: int = 6, alpha: int | None = None) -> pictures.Pixels:
    values = (200, 30, 30) if alpha is None else (200, 30, 30, alpha)
    return pictures.Pixels(np.full((height, width, len(values)), values, np.uint8))


def bought(*found: pictures.Pixels, reused: bool = False, paid: str = "0.05", **data: Any) -> Any:
    from easel.nodes.hosted.buying import Bought

    outcome = Outcome({}, (), "", data, (), Decimal(paid), reused)
    return Bought(outcome, list(found), "model · price")


def cut(**changes: Any) -> RemoveBackground:
    return RemoveBackground.build(model="remove.bg", image=picture(), **changes)


def test_transparency_grows_with_the_picture(finishing):
    half = picture(alpha=128)
    (large,) = finishing.enlarged([bought(picture(32, 24))], [half])
    assert (large.width, large.height) == (32, 24)
    assert set(np.unique(large.array[..., 3])) == {128}


def test_what_was_transparent_before_stays_so(finishing):
    (one,) = finishing.cut_outs([bought(picture(alpha=255))], [picture(alpha=40)])
    assert set(np.unique(one.array[..., 3])) == {40}


@pytest.mark.parametrize("size", [(8, 6), (4, 3)])
def test_a_bought_mask_is_laid_on_the_picture_that_was_sent(finishing, size):
    grey = pictures.Pixels(np.full((size[1], size[0], 3), 90, np.uint8))
    (one,) = finishing.cut_outs([bought(grey)], [picture(alpha=255)], masks=True)
    assert (one.width, one.height) == (8, 6)
    assert (one.array == np.asarray([200, 30, 30, 90], np.uint8)).all()


@pytest.mark.parametrize(
    ("changes", "data", "sent", "made", "said"),
    [
        ({}, {"credits": 1.0}, picture(), picture(alpha=9), "1 credit at remove.bg; what"),
        ({}, {"credits": 0.25}, picture(), picture(4, 3, 9), "scaled to 4x3; the picture was 8x6"),
        ({"crop": True}, {}, picture(), picture(4, 3, 9), "cropped to 4x3; the picture was 8x6"),
        ({}, {}, picture(alpha=9), picture(4, 3, 9), "had before is left out"),
        ({}, {}, picture(), picture(), "it came back without transparency"),
    ],
)
def test_what_an_artist_should_know_is_said(finishing, changes, data, sent, made, said):
    notes = finishing.notes_on(bought(made, **data), cut(**changes), sent, made)
    assert any(said in note for note in notes)


def test_nothing_is_said_where_there_is_nothing_to_say(finishing):
    assert finishing.notes_on(bought(), cut(), picture(), picture(alpha=9)) == []
    assert finishing.notes_on(bought(), cut(background_color="red"), picture(), picture()) == []


def test_the_report_of_a_batch_says_each_thing_once_and_the_sum(nodes):
    report = nodes.shared.report_on([bought(), bought(), bought(paid="0")], [["a"], ["a"], ["b"]])
    assert report.splitlines() == ["model · price", "a", "model · price", "b", "3 pictures, $0.10 in all"]


def test_a_refused_picture_of_a_batch_leaves_the_others(finishing, nodes):
    from easel.nodes.hosted.buying import Bought

    answers, sent = [Bought(None, [], "refused"), bought(picture(16, 12))], [picture(), picture()]
    assert len(finishing.enlarged(answers, sent)) == 1
    assert finishing.cut_outs(answers, sent)[0] is None
    assert nodes.shared.report_on(answers, [(), ()]).splitlines() == [
        "refused",
        "model · price",
        "2 pictures, $0.05 in all",
    ]


class Stopped(BaseException):
    """As the host's interrupt."""


def each_bought(nodes, *answers: Any) -> Any:
    """What a node makes of these answers, and which of them had ended by then."""
    ended = []

    class Node(nodes.shared.EnhanceNode):
        @classmethod
        async def bought(cls, request: Any, choices: Any) -> Any:
            await asyncio.sleep(0.01 * request)
            ended.append(request)
            if isinstance(answers[request], BaseException):
                raise answers[request]
            return answers[request]

    try:
        return asyncio.run(Node.each_bought(range(len(answers)), None)), ended
    except BaseException as error:
        return error, ended


def test_one_failed_picture_is_named_and_the_others_are_bought_to_the_end(nodes):
    error, ended = each_bought(nodes, bought(), InputRefused("No."), bought())
    assert isinstance(error, InputRefused)
    assert str(error) == "Picture 2 of 3: No."
    assert ended == [0, 1, 2]


def test_a_single_picture_s_error_is_told_as_it_is(nodes):
    error, _ = each_bought(nodes, ProviderDown("Down.", retryable=True))
    assert str(error) == "Down."


def test_a_stop_goes_before_any_error(nodes):
    error, _ = each_bought(nodes, InputRefused("No."), Stopped())
    assert isinstance(error, Stopped)
