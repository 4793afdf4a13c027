"""What a quality check finds, and what it lets pass."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from easel.nodes.assets.quality import Limits, judge
from easel.nodes.hosted.engine.errors import InputRefused

RNG = np.random.default_rng(7)


def noise(height=600, width=600, grain=8):
    """A picture (1, H, W, 3) with edges everywhere."""
    coarse = RNG.random((height // grain + 1, width // grain + 1, 3), np.float32)
    return torch.from_numpy(np.repeat(np.repeat(coarse, grain, 0), grain, 1)[None, :height, :width].copy())


def blurred(image, sigma=20):
    return torch.from_numpy(ndimage.gaussian_filter(image.numpy(), (0, sigma, sigma, 0)))


def faults(*images, **limits):
    return [verdict.faults for verdict in judge(images, Limits(**limits))]


def test_a_good_picture_has_no_fault():
    (verdict,) = judge([noise()], Limits(aspect="1:1"))
    assert verdict.passed and verdict.faults == ()
    assert verdict.as_json()["passed"] is True and verdict.as_json()["width"] == 600


@pytest.mark.parametrize("side", [511, 512])
def test_the_shorter_side_counts(side):
    (found,) = faults(noise(side, 900))
    assert bool(found) is (side < 512)
    assert not found or f"900x{side}" in found[0]


@pytest.mark.parametrize(
    ("size", "aspect", "tolerance", "passes"),
    [
        ((900, 1600), "16:9", 0, True),
        ((900, 1616), "16:9", 2, True),
        ((900, 1640), "16:9", 2, False),
        ((1600, 900), "16:9", 2, False),
        ((1600, 900), "9x16", 2, True),
        ((640, 1024), "1.6/1", 0.1, True),
    ],
)
def test_the_shape_may_be_off_by_some_percent(size, aspect, tolerance, passes):
    (found,) = faults(noise(*size), aspect=aspect, tolerance=tolerance)
    assert (found == ()) is passes
    assert passes or "wrong shape" in found[0]


@pytest.mark.parametrize("aspect", ["wide", "16", "0:9", "16:0", "16:9:1", "nan:1", "-16:9"])
def test_an_aspect_that_is_none_is_refused_by_name(aspect):
    with pytest.raises(InputRefused, match="16:9") as refused:
        judge([noise()], Limits(aspect=aspect))
    assert refused.value.input_name == "aspect"


def test_one_colour_is_blank_and_not_called_blurred_or_repeated():
    grey = torch.full((1, 600, 600, 3), 0.5)
    assert [found[0] for found in faults(grey, grey)] == ["It is blank: nearly the same everywhere."] * 2
    assert faults(grey, contrast=0, sharpness=0) == [()]


def test_a_blurred_picture_is_told_from_the_sharp_one_at_any_size():
    sharp, large = noise(), noise(1200, 1200, grain=16)
    assert faults(sharp, large) == [(), ()]
    for image in (sharp, large):
        (found,) = faults(blurred(image, image.shape[1] / 30))
        assert "blurred" in found[0]
    assert faults(blurred(sharp, 20), sharpness=0) == [()]


def test_of_pictures_that_look_alike_the_first_one_passes():
    first, other = noise(), noise()
    warmer = (first * 0.95 + 0.02).clamp(0, 1)
    found = faults(first, other, warmer, first)
    assert found == [(), (), ("It looks like picture 1.",), ("It looks like picture 1.",)]
    assert faults(first, first, likeness=-1) == [(), ()]
    assert faults(first, warmer, likeness=0)[1] in ((), ("It looks like picture 1.",))
    assert faults(first, first, likeness=0)[1] == ("It looks like picture 1.",)


def test_values_that_are_no_numbers_are_a_fault_and_no_crash():
    broken = noise()
    broken[0, 5, 5, 0] = float("nan")
    found, good = judge([broken, noise()], Limits())
    assert "cannot be read" in found.faults[0] and found.contrast is None
    assert good.passed


def test_a_picture_of_one_pixel_is_judged():
    (found,) = faults(torch.rand(1, 1, 1, 3), smallest_side=0)
    assert "blank" in found[0]
