"""The points widget's text: what may be written there, and where it lies on the picture."""

import numpy as np
import pytest

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.local.masks.sam import boxes
from easel.nodes.local.masks.sam.points import read


def asked(text, width=100, height=50):
    (clicks,) = read(text)
    return clicks.asked(width, height)


def test_points_and_a_box():
    question = asked(
        '{"points": [{"x": 10, "y": 20.5, "label": 1}, {"x": 0, "y": 50, "label": 0}], "box": [90, 5, 10, 45]}'
    )

    assert question.points.tolist() == [[[10, 20.5], [0, 50]]]
    assert question.labels.tolist() == [[1, 0]]
    assert question.boxes.tolist() == [[10, 5, 90, 45]]


def test_a_bare_list_and_a_point_without_label():
    question = asked('[{"x": 10, "y": 20}]')
    assert (question.points.tolist(), question.labels.tolist(), question.boxes) == ([[[10, 20]]], [[1]], None)


def test_points_move_with_the_picture_s_size():
    question = asked('{"points": [{"x": 100, "y": 100}], "box": [0, 0, 200, 100], "size": [200, 200]}')
    assert question.points.tolist() == [[[50, 25]]]
    assert question.boxes.tolist() == [[0, 0, 100, 25]]


@pytest.mark.parametrize("text", ["", "  ", "[]", "{}", '{"points": []}', '{"size": [10, 10]}'])
def test_nothing_clicked_is_no_click(text):
    (clicks,) = read(text)
    assert not clicks


def test_one_for_each_picture():
    first, second = read('[{"points": [{"x": 1, "y": 2}]}, {"box": [0, 0, 9, 9]}]')
    assert first.points == ((1, 2, 1),) and second.box == (0, 0, 9, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("click here", "are not JSON"),
        ("3", "no set of points"),
        ('{"point": []}', "no set of points"),
        ('[{"points": []}, 3]', "no set of points"),
        ('{"points": {"x": 1, "y": 2}}', "list of points"),
        ('{"points": [{"x": 1}]}', "list of points"),
        ('[{"x": "a", "y": 2}]', "should be 2 numbers"),
        ('[{"x": 1e999, "y": 2}]', "should be 2 numbers"),
        ('[{"x": 1, "y": 2, "label": 2}]', "has the label 2"),
        ('{"box": [1, 2, 3]}', "should be 4 numbers"),
        ('{"box": [1, 2, 1, 9]}', "is empty"),
        ('{"size": [0, 10]}', "cannot be"),
    ],
)
def test_what_cannot_be_read_is_said(text, said):
    with pytest.raises(InputRefused, match=said) as caught:
        read(text)
    assert caught.value.input_name == "points"


@pytest.mark.parametrize(
    "text",
    [
        '[{"x": 101, "y": 2}]',
        '[{"x": 1, "y": -1}]',
        '{"box": [0, 0, 10, 51]}',
        '{"points":[{"x":9,"y":1}],"size":[8,8]}',
    ],
)
def test_what_lies_outside_the_picture_is_refused(text):
    with pytest.raises(InputRefused, match="lies outside the picture, which is 100x50 pixels"):
        asked(text)


# The box socket


def test_the_box_around_a_mask():
    mask = np.zeros((20, 30), np.float32)
    assert boxes.around(mask) is None
    mask[3:7, 10:25] = 0.6
    mask[0, 0] = 0.4
    assert boxes.around(mask).tolist() == [[10, 3, 25, 7]]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"x": 10, "y": 5, "width": 20, "height": 10}, [[10, 5, 30, 15]]),
        ([{"x": -5, "y": 0, "width": 20, "height": 100}], [[0, 0, 15, 50]]),
        ((1, 2, 3, 4), [[1, 2, 3, 4]]),
        ([[1, 2, 3, 4], (5, 6, 200, 8)], [[1, 2, 3, 4], [5, 6, 100, 8]]),
        (np.array([[1.0, 2, 3, 4]]).tolist(), [[1, 2, 3, 4]]),
    ],
)
def test_boxes_of_every_kind(value, wanted):
    assert [one.tolist()[0] for one in boxes.corners(value, 100, 50)] == wanted


@pytest.mark.parametrize("value", ["here", [1, 2, 3], {"x": 1}, [[1, 2]], [], None, [5, 5, 5, 9], [200, 0, 300, 9]])
def test_what_is_no_box_is_refused(value):
    with pytest.raises(InputRefused) as caught:
        boxes.corners(value, 100, 50)
    assert caught.value.input_name == "box"
