"""Masks grown, shrunk, feathered and cleaned: held against scipy's own operations, exactly."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.local.masks.morphology import drop_pieces, fill_holes, grow, shrink, soften
from easel.nodes.local.masks.refine import FEATHER_SIDES, Refining, refine, refine_batch

RNG = np.random.default_rng(3)
RADII = [1, 2, 2.5, 5, 7, 30]
CORNERS = np.ones((3, 3))


def blobs(density=0.02):
    """Specks, bars and a ring with a hole, some at the border: 0 and 1."""
    mask = (RNG.random((60, 80)) < density).astype(np.float32)
    mask[10:30, 20:50] = 1
    mask[15:22, 28:40] = 0
    mask[50:, 70:] = 1
    return mask


def soft_blobs():
    """Every value between 0 and 1, and large areas of exactly 0 and exactly 1."""
    return np.clip(ndimage.gaussian_filter(blobs(), 1.5) * 1.3 - 0.05, 0, 1).astype(np.float32)


def disk(radius):
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x * x + y * y <= radius * radius


def feathered_edge(side, feather=16):
    """The values along a row through a straight edge between 49 (in the mask) and 50."""
    mask = np.zeros((9, 100), np.float32)
    mask[:, :50] = 1
    return refine(mask, Refining(feather=feather, feather_side=side)).mask[4]


# Growing and shrinking


@pytest.mark.parametrize("radius", RADII)
def test_a_hard_mask_grows_and_shrinks_as_scipy_s_binary_operations_do(radius):
    mask = blobs()
    grown = ndimage.binary_dilation(mask, disk(radius))
    assert np.array_equal(grow(mask, radius), grown)
    shrunk = ndimage.binary_erosion(mask, disk(radius), border_value=1)
    assert np.array_equal(shrink(mask, radius), shrunk)


@pytest.mark.parametrize("radius", RADII)
def test_a_soft_mask_grows_as_scipy_s_grey_dilation_does_and_stays_soft(radius):
    mask = soft_blobs()
    grown = grow(mask, radius)
    assert np.array_equal(grown, ndimage.grey_dilation(mask, footprint=disk(radius), mode="constant", cval=0))
    shrunk = ndimage.grey_erosion(mask, footprint=disk(radius), mode="constant", cval=1)
    assert np.abs(shrink(mask, radius) - shrunk).max() < 1e-6


@pytest.mark.parametrize("mask", [np.zeros((7, 9), np.float32), np.ones((7, 9), np.float32)], ids=["empty", "full"])
def test_an_empty_or_full_mask_stays_what_it_is(mask):
    for done in (grow(mask, 4), shrink(mask, 4), fill_holes(mask, None)[0], drop_pieces(mask, None)[0]):
        assert np.array_equal(done, mask)


def test_growing_further_than_the_picture_marks_all_of_it():
    mask = np.zeros((20, 30), np.float32)
    mask[19, 0] = 1
    assert grow(mask, 512).all()
    mask[19, 0] = 0.5
    assert (grow(mask, 512) == 0.5).all()


def test_a_mask_at_the_border_does_not_shrink_away_from_it():
    mask = np.zeros((20, 30), np.float32)
    mask[:, 20:] = 1
    expected = np.zeros_like(mask)
    expected[:, 24:] = 1
    assert np.array_equal(shrink(mask, 4), expected)


# Feathering


@pytest.mark.parametrize("feather", [4, 10])
def test_feathering_both_sides_is_scipy_s_gaussian(feather):
    mask = soft_blobs()
    exact = ndimage.gaussian_filter(mask, feather / 4, mode="nearest")
    assert np.array_equal(refine(mask, Refining(feather=feather)).mask, exact)
    assert np.array_equal(soften(mask, feather / 4), exact)


def test_an_edge_fades_over_as_many_pixels_as_asked_on_the_side_asked():
    both, inside, outside = (feathered_edge(side) for side in FEATHER_SIDES)
    for edge, first, last in ((both, 42, 57), (inside, 34, 49), (outside, 50, 65)):
        assert (np.diff(edge) <= 0).all()
        assert (edge[:first] > 0.97).all()
        assert (edge[last + 1 :] < 0.03).all()
        assert edge[(first + last) // 2] > 0.5 > edge[(first + last) // 2 + 1]
    assert not inside[50:].any()
    assert (outside[:50] == 1).all()


@pytest.mark.parametrize("make", [blobs, soft_blobs])
def test_a_side_is_never_crossed(make):
    mask = make()
    assert (refine(mask, Refining(feather=12, feather_side="inside")).mask <= mask).all()
    assert (refine(mask, Refining(feather=12, feather_side="outside")).mask >= mask).all()


# Holes and pieces


def test_all_holes_are_filled_as_scipy_fills_them():
    mask = blobs(0.3)
    filled, count = fill_holes(mask, None)
    exact = ndimage.binary_fill_holes(mask)
    assert np.array_equal(filled, exact)
    assert count == ndimage.label(exact & (mask == 0))[1] > 5


@pytest.mark.parametrize("largest", [0, 83, 84])
def test_only_holes_up_to_the_area_are_filled(largest):
    mask = blobs(0)
    mask[12, 22] = 0
    filled, count = fill_holes(mask, largest)
    assert (filled[15:22, 28:40] == (largest == 84)).all()
    assert filled[12, 22] == (largest > 0)
    assert count == (largest > 0) + (largest == 84)


def test_a_gap_at_the_border_is_no_hole_and_a_diagonal_line_closes_one():
    mask = np.ones((9, 9), np.float32)
    mask[3:5, :2] = 0
    assert np.array_equal(fill_holes(mask, None)[0], mask)
    diamond = (np.abs(np.arange(9) - 4)[:, None] + np.abs(np.arange(9) - 4) == 3).astype(np.float32)
    assert fill_holes(diamond, None)[0][4, 4] == 1


def test_only_the_largest_piece_stays_and_corners_hold_it_together():
    mask = blobs()
    left, count = drop_pieces(mask, None)
    labels, pieces = ndimage.label(mask, CORNERS)
    largest = ndimage.sum_labels(mask, labels, range(1, pieces + 1)).argmax() + 1
    assert np.array_equal(left, labels == largest)
    assert count == pieces - 1 > 20


@pytest.mark.parametrize("smallest", [0, 2, 5, 101])
def test_pieces_below_the_area_are_dropped(smallest):
    mask = blobs()
    left, count = drop_pieces(mask, smallest)
    labels, pieces = ndimage.label(mask, CORNERS)
    sizes = ndimage.sum_labels(mask, labels, range(pieces + 1))
    assert np.array_equal(left, (sizes >= smallest)[labels] & (mask == 1))
    assert count == (sizes[1:] < smallest).sum()


def test_of_equally_large_pieces_the_topmost_stays():
    mask = np.zeros((9, 9), np.float32)
    mask[6:8, 1:3] = mask[1:3, 5:7] = 1
    assert np.argwhere(drop_pieces(mask, None)[0]).max(0).tolist() == [2, 6]


@pytest.mark.parametrize("smallest", [None, 60, 200])
def test_a_soft_speck_goes_with_its_rim_and_nothing_else_changes(smallest):
    y, x = np.mgrid[0:80, 0:120]
    subject = np.clip(2 - np.hypot(x - 40, y - 40) / 15, 0, 1).astype(np.float32)
    speck = np.clip(1.5 - np.hypot(x - 100, y - 20) / 4, 0, 1).astype(np.float32)
    faint = np.clip(0.3 - np.hypot(x - 100, y - 60) / 4, 0, 1).astype(np.float32)
    left, count = drop_pieces(subject + speck + faint, smallest)
    assert np.array_equal(left, subject)
    assert count == 1


def test_of_what_is_faint_everywhere_only_what_hangs_on_the_largest_piece_stays():
    mask = np.zeros((60, 60), np.float32)
    mask[5:12, 5:12] = 1
    mask[12:16, 5:12] = 0.3
    expected = mask.copy()
    mask[20:50, 20:50] = 0.2
    assert np.array_equal(drop_pieces(mask, None)[0], expected)


@pytest.mark.parametrize("largest", [None, 55, 200])
def test_a_soft_hole_is_filled_with_its_rim_and_nothing_else_changes(largest):
    y, x = np.mgrid[0:80, 0:120]
    subject = np.clip(4 - np.hypot(x - 60, y - 40) / 10, 0, 1).astype(np.float32)
    hole = np.clip(1.5 - np.hypot(x - 60, y - 40) / 4, 0, 1).astype(np.float32)
    filled, count = fill_holes(subject - hole, largest)
    assert np.array_equal(filled, subject)
    assert count == 1


def test_a_soft_dip_larger_than_the_area_stays():
    mask = np.ones((60, 60), np.float32)
    mask[10:40, 10:40] = 0.7
    mask[50:53, 50:53] = 0.7
    filled, count = fill_holes(mask, 100)
    assert np.array_equal(filled[10:40, 10:40], mask[10:40, 10:40])
    assert (filled[50:53, 50:53] == 1).all()
    assert count == 0


def test_a_hole_in_a_half_marked_area_is_filled_about_as_far_as_its_surroundings():
    mask = np.zeros((60, 60), np.float32)
    mask[10:50, 10:50] = 0.7
    mask[25:30, 25:30] = 0
    filled, _ = fill_holes(mask, None)
    assert filled[27, 27] == pytest.approx(0.7, abs=0.125)
    mask[25:30, 25:30] = filled[27, 27]
    assert np.array_equal(filled, mask)


# All of it together


def test_the_steps_come_in_their_order():
    mask = 1 - soft_blobs()
    wish = Refining(
        invert=True, threshold=0.4, holes="fill all", pieces="drop small ones", piece_area=30, grow=3, feather=8
    )
    hard = 1 - mask >= 0.4
    filled = ndimage.binary_fill_holes(hard)
    labels, _ = ndimage.label(filled, CORNERS)
    kept = filled & (np.bincount(labels.ravel()) >= 30)[labels]
    grown = ndimage.binary_dilation(kept, disk(3)).astype(np.float32)
    assert np.array_equal(refine(mask, wish).mask, ndimage.gaussian_filter(grown, 2, mode="nearest"))


def test_a_negative_growth_shrinks():
    mask = blobs()
    assert np.array_equal(refine(mask, Refining(grow=-3)).mask, shrink(mask, 3))


def test_without_a_wish_a_mask_stays_bit_for_bit():
    mask = torch.from_numpy(soft_blobs())[None]
    refined, report = refine_batch(mask, Refining())
    assert torch.equal(refined, mask)
    share = f"{(mask >= 0.5).float().mean():.1%}"
    assert report == f"80x60, {share} marked (before: {share})."


def test_each_mask_of_a_batch_is_refined_for_itself_and_the_given_one_is_left_alone():
    masks = torch.from_numpy(np.stack([blobs(), soft_blobs(), np.zeros((60, 80), np.float32)]))
    given = masks.clone()
    wish = Refining(holes="fill small ones", hole_area=90, pieces="keep the largest", grow=2)
    refined, report = refine_batch(masks, wish)
    assert refined.shape == masks.shape
    for one, done in zip(given, refined, strict=True):
        assert np.array_equal(refine(one.numpy(), wish).mask, done.numpy())
    assert torch.equal(masks, given)
    lines = report.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Mask 1", "Mask 2", "Mask 3"]
    assert "Holes filled: 1. Pieces dropped: " in lines[0]
    assert lines[2].endswith("Holes filled: 0. Pieces dropped: 0. Nothing is left marked.")


@pytest.mark.parametrize("shape", [(60, 80), (1, 60, 80), (1, 1, 60, 80)])
def test_masks_come_in_every_shape_that_the_host_knows(shape):
    mask = torch.from_numpy(blobs()).reshape(shape).half()
    refined, _ = refine_batch(mask, Refining(grow=1))
    assert refined.shape == (1, 60, 80)
    assert refined.dtype == torch.float32


def test_values_outside_are_clamped_and_what_is_no_mask_is_refused():
    refined, _ = refine_batch(torch.tensor([[[-1.0, 0.5, 3.0]]]), Refining())
    assert refined.tolist() == [[[0, 0.5, 1]]]
    with pytest.raises(InputRefused, match="mask has the shape"):
        refine_batch(torch.zeros(2, 3, 4, 5), Refining())
    with pytest.raises(InputRefused, match="not numbers"):
        refine_batch(torch.full((1, 4, 5), torch.nan), Refining())


@pytest.mark.parametrize("name", ["holes", "pieces", "feather_side"])
def test_an_unknown_choice_names_what_there_is(name):
    with pytest.raises(InputRefused, match=f'{name} = "some" cannot be used: it must be one of'):
        Refining(**{name: "some"})


@pytest.mark.parametrize(
    "wish",
    [
        Refining(grow=20),
        Refining(grow=-20),
        Refining(feather=9),
        Refining(holes="fill all"),
        Refining(pieces="keep the largest"),
    ],
    ids=["grow", "shrink", "feather", "holes", "pieces"],
)
def test_every_step_can_be_stopped(wish):
    class Stop(BaseException):
        pass

    def stop():
        raise Stop

    with pytest.raises(Stop):
        refine_batch(torch.from_numpy(soft_blobs())[None], wish, stop)
