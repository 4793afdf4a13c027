"""A grid and its four pictures: cut to the pixel, laid together again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easel.nodes.hosted.midjourney.grids import both, cut, laid


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, channels), np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_what_is_cut_and_laid_together_is_the_grid_again(height, width):
    grid = noise(2 * height, 2 * width)
    four = cut(grid)
    assert [one.shape[:2] for one in four] == [(height, width)] * 4
    assert (laid(four) == grid).all()


def test_the_four_are_counted_by_rows():
    grid = noise(8, 6)
    top_left, top_right, bottom_left, bottom_right = cut(grid)
    assert (top_left == grid[:4, :3]).all() and (top_right == grid[:4, 3:]).all()
    assert (bottom_left == grid[4:, :3]).all() and (bottom_right == grid[4:, 3:]).all()


def test_of_an_odd_side_all_four_have_the_same_size_and_lie_at_the_corners():
    grid = noise(9, 7)
    four = cut(grid)
    assert {one.shape for one in four} == {(4, 3, 3)}
    assert (four[0] == grid[:4, :3]).all() and (four[3] == grid[5:, 4:]).all()


@pytest.mark.parametrize("shape", [(1, 8), (8, 1)])
def test_what_cannot_be_cut_stays_whole(shape):
    assert [one.shape[:2] for one in cut(noise(*shape))] == [shape]


def test_pictures_that_come_one_by_one_are_the_pictures_and_make_the_grid():
    ones = [noise(4, 5), noise(4, 5), noise(4, 5)]
    grid, pictures = both(ones)
    assert [one.shape for one in pictures] == [(4, 5, 3)] * 3
    assert grid.shape == (8, 10, 3) and (grid[4:, :5] == ones[2]).all() and (grid[4:, 5:] == 255).all()


def test_pictures_of_several_sizes_come_as_one_size_and_none_is_lost():
    small, large = noise(3, 5), noise(4, 2)
    grid, pictures = both([small, large])
    assert [one.shape for one in pictures] == [(4, 5, 3)] * 2 and grid.shape == (4, 10, 3)
    assert (pictures[0][:3] == small).all() and (pictures[1][:, :2] == large).all()
    assert (pictures[0][3:] == 255).all()


def test_one_picture_is_the_grid():
    grid, pictures = both([noise(8, 8)])
    assert grid.shape == (8, 8, 3) and len(pictures) == 4
