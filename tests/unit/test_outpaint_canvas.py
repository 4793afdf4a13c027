"""The canvas for outpainting: its size, what is kept bit for bit, what is masked, and what lies in the new parts."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from easel.nodes.hosted.engine.errors import InputRefused
from easel.nodes.local.masks.canvas import Layout, Wish, fill_mask, lay_out
from easel.nodes.local.masks.choices import ANCHORS, FILLS, MULTIPLES, RATIOS
from easel.nodes.local.masks.fills import Fill, blurred
from easel.nodes.local.masks.outpaint import Seam, outpaint

RIGHT_8 = Wish(right=8)
HARD = Seam(overlap=0)


def picture(count=1, height=20, width=30, channels=3, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).random((count, height, width, channels), np.float32))


def size_of(layout):
    return layout.canvas_width, layout.canvas_height


def sides_of(layout):
    return layout.left, layout.top, layout.right, layout.bottom


# Size and place


@pytest.mark.parametrize(
    ("wish", "size", "sides"),
    [
        (Wish(left=1, top=2, right=3, bottom=4), (104, 86), (1, 2, 3, 4)),
        (Wish("percent", left=50, bottom=25), (150, 100), (50, 0, 0, 20)),
        (Wish("aspect ratio", aspect_ratio="1:1"), (100, 100), (0, 10, 0, 10)),
        (Wish("aspect ratio", aspect_ratio="16:9"), (142, 80), (21, 0, 21, 0)),
        (Wish("aspect ratio", aspect_ratio="16:9", anchor="left"), (142, 80), (0, 0, 42, 0)),
        (Wish("aspect ratio", aspect_ratio="9:16", anchor="bottom"), (100, 178), (0, 98, 0, 0)),
        (Wish("aspect ratio", aspect_ratio="custom", width=239, height=100), (191, 80), (45, 0, 46, 0)),
        (Wish("aspect ratio", aspect_ratio="5:4"), (100, 80), (0, 0, 0, 0)),
        (Wish("size", width=200, height=101, anchor="top right"), (200, 101), (100, 0, 0, 21)),
        (Wish("size", width=200, height=101, multiple_of="64"), (200, 101), (50, 10, 50, 11)),
    ],
    ids=lambda value: f"{value.extend_by} {value.aspect_ratio} {value.anchor}" if isinstance(value, Wish) else "",
)
def test_a_wish_becomes_a_canvas(wish, size, sides):
    layout = lay_out(wish, 100, 80)
    assert (size_of(layout), sides_of(layout)) == (size, sides)


@pytest.mark.parametrize(
    ("asked", "sides"),
    [
        ({"left": 20}, (28, 8, 0, 8)),
        ({"right": 20}, (0, 8, 28, 8)),
        ({"left": 10, "right": 10}, (14, 8, 14, 8)),
        ({"top": 1, "anchor": "right"}, (28, 16, 0, 0)),
    ],
)
def test_rounding_adds_to_the_sides_that_grow_else_by_the_anchor(asked, sides):
    assert sides_of(lay_out(Wish(**asked, multiple_of="32"), 100, 80)) == sides


@settings(max_examples=150, deadline=None)
@given(
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
    ratio=st.sampled_from(RATIOS[:-1]),
    anchor=st.sampled_from(list(ANCHORS)),
    multiple=st.sampled_from(MULTIPLES),
)
@example(width=80, height=64, ratio="4:3", anchor="left", multiple="64")
@example(width=64, height=80, ratio="3:4", anchor="top", multiple="64")
def test_a_shape_is_reached_as_nearly_as_its_multiple_allows_and_cuts_nothing(width, height, ratio, anchor, multiple):
    layout = lay_out(Wish("aspect ratio", aspect_ratio=ratio, anchor=anchor, multiple_of=multiple), width, height)
    step, (wide, tall) = int(multiple), size_of(layout)
    assert min(sides_of(layout)) >= 0
    assert wide % step == tall % step == 0
    wanted = Fraction(*map(int, ratio.split(":")))
    assert abs(wide - tall * wanted) <= step * max(1, wanted)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(right=16384), "would be 16484x80 pixels; at most 16384 a side and 89 megapixels"),
        (Wish(right=15000, bottom=15000), "would be 15100x15080"),
        (Wish("size", width=99, height=200), "picture is 100x80 pixels and does not fit on a canvas of 99x200"),
        (Wish("size", width=200, height=79), "does not fit on a canvas of 200x79"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(wish, said):
    with pytest.raises(InputRefused, match=said):
        lay_out(wish, 100, 80)


@pytest.mark.parametrize(
    ("name", "value"),
    [("extend_by", "inches"), ("aspect_ratio", "16:0"), ("anchor", "middle"), ("multiple_of", "abc")],
)
def test_an_unknown_choice_names_what_there_is(name, value):
    with pytest.raises(InputRefused, match=f'{name} = "{value}" cannot be used: it must be one of') as refused:
        Wish(**{name: value})
    assert refused.value.input_name == name


def test_nothing_to_add_is_refused_unless_there_is_something_to_paint_or_a_shape_already_reached():
    with pytest.raises(InputRefused, match="how many percent"):
        outpaint(picture(), Wish("percent"), Fill(), HARD)
    hole = torch.ones(1, 20, 30)
    assert outpaint(picture(), Wish(), Fill(), HARD, alpha=hole).mask.all()
    assert outpaint(picture(), Wish(), Fill(), HARD, mask=hole).mask.all()
    reached = outpaint(picture(), Wish("aspect ratio", aspect_ratio="3:2"), Fill(), HARD)
    assert not reached.mask.any()
    assert reached.report == "30x20: nothing had to be added. To be painted: 0.0% of the canvas."


def test_the_report_says_what_was_added_and_what_rounding_did():
    made = outpaint(picture(), Wish(left=10, multiple_of="16"), Fill(), HARD)
    assert made.report == (
        "30x20 became 48x32. Pixels added: left 18, top 6, bottom 6. Rounded to multiples of 16 from 40x20. "
        "To be painted: 60.9% of the canvas."
    )


# What is kept


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("count", [1, 3])
def test_the_picture_is_kept_bit_for_bit(fill, count):
    pictures = picture(count)
    made = outpaint(pictures, Wish(left=3, top=4, right=5, bottom=6), Fill(fill), Seam(overlap=4, feather=2))
    assert made.canvas.shape == (count, 30, 38, 3)
    assert made.canvas.dtype == made.mask.dtype == made.alpha.dtype == torch.float32
    assert made.mask.shape == made.alpha.shape == (count, 30, 38)
    assert torch.equal(made.canvas[:, 4:24, 3:33], pictures)


@pytest.mark.parametrize("fill", FILLS)
def test_of_a_picture_with_holes_all_that_is_opaque_is_kept_bit_for_bit(fill):
    pictures = picture(2, channels=4)
    pictures[..., 3] = (pictures[..., 3] > 0.3).float()
    made = outpaint(pictures, RIGHT_8, Fill(fill), HARD)
    opaque = pictures[..., 3] == 1
    assert torch.equal(made.canvas[:, :, :30][opaque], pictures[..., :3][opaque])
    assert torch.equal(made.mask[:, :, :30], 1 - pictures[..., 3])


def test_grey_becomes_three_channels_and_half_precision_keeps_its_values():
    grey = picture(channels=1).half()
    made = outpaint(grey, RIGHT_8, Fill(), HARD)
    assert torch.equal(made.canvas[:, :, :30], grey.float().repeat(1, 1, 1, 3))


# What is masked


def test_the_mask_is_what_is_new_and_what_overlaps_and_fades_only_inwards():
    mask = fill_mask(Layout(width=12, height=6, left=2, top=0, right=0, bottom=0), overlap=3, feather=3)
    assert mask.tolist() == [[1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0, 0, 0]] * 6


def test_a_hard_mask_without_overlap_is_exactly_what_is_new():
    mask = fill_mask(Layout(width=30, height=20, left=2, top=3, right=4, bottom=5), overlap=0, feather=0)
    new = np.ones((28, 36))
    new[3:23, 2:32] = 0
    assert np.array_equal(mask, new)


def test_the_overlap_lies_along_every_side_that_grows_and_along_no_other():
    mask = fill_mask(Layout(width=30, height=20, left=2, top=0, right=0, bottom=5), overlap=4, feather=0)
    kept = np.argwhere(mask == 0)
    assert kept.min(0).tolist() == [0, 6]
    assert kept.max(0).tolist() == [15, 31]
    assert len(kept) == 16 * 26


@pytest.mark.parametrize("seam", [Seam(30), Seam(0, 30), Seam(10, 20)])
def test_a_mask_that_would_keep_nothing_is_refused(seam):
    with pytest.raises(InputRefused, match="reach 30 pixels into a picture of 30x20: nothing of it would be kept"):
        outpaint(picture(), Wish(left=8), Fill(), seam)
    with pytest.raises(InputRefused, match="nothing of it would be kept"):
        outpaint(picture(), Wish(left=8, right=8), Fill(), Seam(15))
    assert (outpaint(picture(), Wish(left=8), Fill(), Seam(29)).mask == 0).any()


def test_alpha_the_fourth_channel_and_a_mask_all_join_the_mask():
    pictures = picture(2, channels=4)
    pictures[..., 3] = 1
    pictures[0, 2, 2, 3] = 0.25
    alpha, mask = torch.zeros(2, 20, 30), torch.zeros(20, 30)
    alpha[1, 3, 3] = 0.5
    mask[4, 4] = 1
    made = outpaint(pictures, RIGHT_8, Fill("transparent"), HARD, alpha, mask)
    expected = torch.zeros(2, 20, 38)
    expected[:, :, 30:] = 1
    expected[0, 2, 2], expected[1, 3, 3] = 0.75, 0.5
    assert torch.equal(made.alpha, expected)
    expected[:, 4, 4] = 1
    assert torch.equal(made.mask, expected)


def test_the_loader_s_empty_mask_stands_for_none():
    made = outpaint(picture(), RIGHT_8, Fill(), HARD, alpha=torch.zeros(1, 64, 64), mask=torch.zeros(1, 64, 64))
    assert not made.mask[:, :, :30].any()


@pytest.mark.parametrize(
    ("alpha", "said"),
    [
        (torch.zeros(1, 20, 31), "alpha is 31x20 pixels, but the picture is 30x20"),
        (torch.zeros(2, 20, 30), "alpha holds 2 masks for 3 pictures"),
        (torch.full((1, 20, 30), torch.nan), "alpha holds values that are not numbers"),
        (torch.zeros(1, 1, 20, 30, 1), "alpha has the shape"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(alpha, said):
    with pytest.raises(InputRefused, match=said):
        outpaint(picture(3), RIGHT_8, Fill(), HARD, alpha=alpha)


def test_what_is_no_picture_is_refused():
    with pytest.raises(InputRefused, match="a picture has 1, 3 or 4 channels"):
        outpaint(picture(channels=2), RIGHT_8, Fill(), HARD)


# What lies in the new parts


def test_edge_continues_the_border_as_numpy_does():
    pictures = picture(2)
    made = outpaint(pictures, Wish(left=3, top=4, right=5, bottom=6), Fill("edge"), HARD)
    expected = np.pad(pictures.numpy(), ((0, 0), (4, 6), (3, 5), (0, 0)), mode="edge")
    assert np.array_equal(made.canvas.numpy(), expected)
    assert not made.alpha.any()


def test_edge_fills_a_hole_from_the_nearest_opaque_pixel():
    pictures = picture()
    alpha = torch.zeros(1, 20, 30)
    alpha[0, :, 25:] = 1
    made = outpaint(pictures, RIGHT_8, Fill("edge"), HARD, alpha=alpha)
    assert torch.equal(made.canvas[0, :, 25:], pictures[0, :, 24:25].expand(20, 13, 3))
    half = outpaint(pictures, RIGHT_8, Fill("edge"), HARD, alpha=alpha / 2)
    between = (pictures[0, :, 25:] + pictures[0, :, 24:25]) / 2
    assert torch.allclose(half.canvas[0, :, 25:30], between)


def test_a_picture_without_an_opaque_pixel_lends_its_colours_all_the_same():
    pictures = picture()
    made = outpaint(pictures, RIGHT_8, Fill("edge"), HARD, alpha=torch.ones(1, 20, 30))
    assert torch.equal(made.canvas[0, :, 30:], pictures[0, :, 29:].expand(20, 8, 3))


@pytest.mark.parametrize(
    ("sigma", "tolerance", "at_the_border"), [(3, 1e-6, 1e-6), (9, 0.004, 0.01), (32, 0.004, 0.04)]
)
def test_blur_is_nearly_a_gaussian_of_the_continued_border(sigma, tolerance, at_the_border):
    y, x = np.mgrid[0:240, 0:300] / 240
    smooth = np.stack([np.sin(5 * x) / 2 + 0.5, y, (x > 0.5) * 0.5 + y / 4], axis=-1).astype(np.float32)
    apart = np.abs(blurred(smooth, sigma) - ndimage.gaussian_filter(smooth, (sigma, sigma, 0), mode="nearest"))
    assert apart.max() < at_the_border
    assert apart[3 * sigma : -3 * sigma, 3 * sigma : -3 * sigma].max() < tolerance


def test_blur_lies_only_outside_the_picture():
    pictures = picture(height=200, width=260)
    wish = Wish(left=60, bottom=40)
    edge = outpaint(pictures, wish, Fill("edge"), HARD).canvas
    soft = outpaint(pictures, wish, Fill("blur", blur=9), HARD).canvas
    assert soft[0, :200, :60].std() < edge[0, :200, :60].std() / 3
    assert torch.equal(outpaint(pictures, wish, Fill("blur", blur=0), HARD).canvas, edge)


def test_noise_is_made_of_the_picture_s_own_colours_and_the_same_for_a_seed():
    pictures = picture(2)
    first, again, other = (outpaint(pictures, RIGHT_8, Fill("noise", seed=seed), HARD).canvas for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    for one, made in zip(pictures, first, strict=True):
        own = {tuple(colour) for colour in one.reshape(-1, 3).tolist()}
        new = {tuple(colour) for colour in made[:, 30:].reshape(-1, 3).tolist()}
        assert new <= own
        assert len(new) > 100


def test_noise_takes_no_colour_from_what_is_transparent():
    pictures = torch.zeros(1, 20, 30, 4)
    pictures[:, :, :15] = 1
    assert outpaint(pictures, RIGHT_8, Fill("noise"), HARD).canvas.eq(1).all()


@pytest.mark.parametrize("colour", ["#ff8000", " rgb(255, 128, 0) ", "#FF8000FF"])
def test_a_plain_colour_fills_what_is_new_and_what_is_transparent(colour):
    alpha = torch.zeros(1, 20, 30)
    alpha[0, 5, 5] = 1
    made = outpaint(picture(), RIGHT_8, Fill("colour", colour=colour), HARD, alpha=alpha)
    wanted = torch.tensor([255, 128, 0]) / 255
    assert torch.allclose(made.canvas[0, :, 30:], wanted.expand(20, 8, 3))
    assert torch.allclose(made.canvas[0, 5, 5], wanted)
    assert not made.alpha.any()


def test_a_text_that_is_no_colour_is_refused():
    with pytest.raises(InputRefused, match='colour = "bleu" is no colour'):
        outpaint(picture(), RIGHT_8, Fill("colour", colour="bleu"), HARD)


def test_transparent_leaves_the_colours_under_what_was_transparent():
    pictures = picture(channels=4)
    made = outpaint(pictures, RIGHT_8, Fill("transparent"), HARD)
    assert torch.equal(made.canvas[:, :, :30], pictures[..., :3])
    assert torch.equal(made.alpha[:, :, :30], 1 - pictures[..., 3])
    assert made.alpha[:, :, 30:].eq(1).all()
