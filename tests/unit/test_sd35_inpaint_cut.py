"""Where a picture is cut for inpainting, at which size it is painted, and that nothing but the mask changes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from easel.nodes.local.sd35.cropping import (
    SIDES_BY,
    Box,
    Cut,
    Room,
    cut_for,
    cut_out_of,
    latent_mask,
    prepared,
    stitched,
)

LARGE = Room(1024**2, 1024**2, 3072)
MEDIUM = Room(1024**2, 1440**2, 6144)


def marked(width, height, *boxes):
    """A mask for each box (left, top, right, bottom)."""
    masks = np.zeros((len(boxes), height, width), np.float32)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = 1
    return masks


def pictures(count, height, width, channels=3):
    return torch.from_numpy(np.random.default_rng(7).random((count, height, width, channels), np.float32))


# The cut


@settings(max_examples=120, deadline=None)
@given(
    size=st.tuples(st.integers(1, 2500), st.integers(1, 2500)),
    corner=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    context=st.integers(0, 300),
    room=st.sampled_from([LARGE, MEDIUM, Room(512**2, 512**2, 512)]),
)
def test_every_mask_lies_in_its_box_the_box_in_the_picture_and_the_model_can_paint_it(
    size, corner, share, context, room
):
    width, height = size
    left, top = int(width * corner[0]), int(height * corner[1])
    right, bottom = left + max(1, int((width - left) * share[0])), top + max(1, int((height - top) * share[1]))
    cut = cut_for(marked(width, height, (left, top, right, bottom)), context, room)
    (box,) = cut.boxes
    x0, y0, x1, y1 = box.corners
    assert 0 <= x0 <= left < right <= x1 <= width
    assert 0 <= y0 <= top < bottom <= y1 <= height
    assert cut.width % SIDES_BY == cut.height % SIDES_BY == 0
    assert min(cut.width, cut.height) >= 64
    assert max(cut.width, cut.height) <= room.longest_side
    # As large as the model is good at, but for what rounding and very long shapes do.
    assert cut.width * cut.height <= 1.2 * room.largest_area
    if max(box.width, box.height) <= 2 * min(box.width, box.height):
        assert cut.width * cut.height >= 0.8 * min(room.best_area, room.longest_side**2 / 2)
        stretched = (cut.width / box.width) / (cut.height / box.height)
        assert abs(math.log(stretched)) < 0.1


@pytest.mark.parametrize(
    ("mask", "context", "room", "box", "painted"),
    [
        # A fifth of a large picture, with half of its side all round, painted enlarged.
        ((800, 800, 1200, 1200), 50, LARGE, Box(600, 600, 800, 800), (1024, 1024)),
        # At the border the surroundings come from the other side.
        ((0, 0, 400, 400), 50, LARGE, Box(0, 0, 800, 800), (1024, 1024)),
        ((1700, 1700, 2000, 2000), 50, LARGE, Box(1400, 1400, 600, 600), (1024, 1024)),
        # One pixel: the model must see more than its own blur.
        ((1000, 1000, 1001, 1001), 50, LARGE, Box(872, 872, 256, 256), (1024, 1024)),
        # What the model can do as it is stays unscaled; what it cannot is made smaller.
        ((500, 500, 1100, 1100), 50, MEDIUM, Box(200, 200, 1200, 1200), (1200, 1200)),
        ((500, 500, 1100, 1100), 50, LARGE, Box(200, 200, 1200, 1200), (1024, 1024)),
        ((0, 0, 2000, 2000), 0, LARGE, Box(0, 0, 2000, 2000), (1024, 1024)),
        # A line is cut no longer than twice its height.
        ((0, 900, 2000, 910), 0, LARGE, Box(0, 405, 2000, 1000), (1456, 720)),
    ],
)
def test_a_mask_becomes_a_cut(mask, context, room, box, painted):
    cut = cut_for(marked(2000, 2000, mask), context, room)
    assert (cut.width, cut.height) == painted
    (found,) = cut.boxes
    # The shape is rounded to what can be painted.
    assert np.abs(np.subtract(found.corners, box.corners)).max() <= 16


def test_a_cut_painted_at_its_own_size_is_not_resampled():
    images = pictures(1, 1300, 1400)
    cut = cut_for(marked(1400, 1300, (300, 300, 901, 877)), 50, MEDIUM)
    (box,) = cut.boxes
    assert (box.width, box.height) == (cut.width, cut.height)
    assert torch.equal(cut_out_of(images, cut), images[:, box.inside[0], box.inside[1]])


def test_masks_at_different_places_are_cut_at_one_size():
    masks = marked(900, 600, (0, 0, 40, 40), (700, 400, 900, 600), (0, 0, 0, 0))
    cut = cut_for(masks, 50, LARGE)
    assert len({(box.width, box.height) for box in cut.boxes}) == 1
    assert cut.boxes[0].corners[:2] == (0, 0)
    assert cut.boxes[1].corners[2:] == (900, 600)
    # An empty mask has its box in the middle.
    assert cut.boxes[2] == Box((900 - cut.boxes[2].width) // 2, (600 - cut.boxes[2].height) // 2, *_size(cut))


def _size(cut):
    return cut.boxes[0].width, cut.boxes[0].height


# The mask


def test_the_edge_fades_inside_the_mask_and_not_at_the_picture_s_border():
    (mask,) = marked(100, 80, (0, 20, 60, 80))
    paint, keep = prepared(mask, 0, 12)
    assert np.array_equal(paint, mask)
    assert not keep[mask == 0].any()
    assert 0 < keep[50, 59] < 0.2
    assert (keep[40:, :40] > 0.99).all()
    assert (np.diff(keep[50, :60]) <= 1e-6).all()


@pytest.mark.parametrize("side", [1, 2, 5, 9])
def test_the_middle_of_a_narrow_mask_is_painted_in_full(side):
    (mask,) = marked(64, 64, (30, 30, 30 + side, 30 + side))
    _, keep = prepared(mask, 0, 64)
    assert keep.max() > 0.85
    assert not keep[mask == 0].any()


def test_a_full_mask_has_no_edge():
    _, keep = prepared(np.ones((20, 30), np.float32), 0, 16)
    assert np.allclose(keep, 1)


def test_a_soft_mask_stays_soft_and_a_grown_one_is_larger():
    soft = np.tile(np.linspace(0, 1, 50, dtype=np.float32), (40, 1))
    paint, keep = prepared(soft, 0, 0)
    assert np.array_equal(paint, soft)
    assert np.array_equal(keep, soft)
    (mask,) = marked(60, 60, (20, 20, 40, 40))
    grown, _ = prepared(mask, 5, 0)
    assert grown[30, 15] == 1
    assert grown[30, 14] == 0


def test_no_marked_pixel_is_lost_in_the_latents():
    masks = marked(1000, 1000, (503, 509, 504, 510))
    cut = cut_for(masks, 0, LARGE)
    cells = latent_mask(masks, cut)
    assert cells.shape == (1, 1, cut.height // 8, cut.width // 8)
    assert cells.max() == 1
    assert cells.mean() < 0.01


# Putting it back


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("eight_bits", [False, True])
def test_every_bit_outside_the_mask_is_the_picture_s(channels, eight_bits):
    images = pictures(2, 90, 110, channels)
    if eight_bits:
        images = (images * 255).round() / 255
    kept = images.clone()
    masks = marked(110, 90, (0, 0, 33, 41), (60, 50, 110, 90))
    keep = np.stack([prepared(mask, 0, 9)[1] for mask in masks])
    cut = Cut((Box(0, 0, 70, 60), Box(40, 30, 70, 60)), 128, 112)
    done = stitched(images, torch.zeros(2, 112, 128, 3), keep, cut)
    outside = torch.from_numpy(masks) == 0
    assert done.shape == images.shape
    assert torch.equal(done[outside], images[outside])
    if eight_bits:
        assert torch.equal((done * 255).round().byte()[outside], (images * 255).round().byte()[outside])
    assert torch.equal(images, kept)
    assert (done[0, 2:20, 2:20, :3] < 0.01).all()
    if channels == 4:
        assert (done[0, 2:20, 2:20, 3] > 0.99).all()


def test_where_the_mask_is_whole_the_paint_is_the_painted_bit_by_bit():
    images, painted = pictures(1, 64, 64), pictures(1, 48, 48).flip(1)
    keep = marked(64, 64, (8, 8, 56, 56))
    done = stitched(images, painted, keep, Cut((Box(8, 8, 48, 48),), 48, 48))
    assert torch.equal(done[:, 8:56, 8:56], painted)
