"""Inpainting is what the host's own nodes make of the same cut; only the mask changes, and what is asked for appears there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from support import tiny_sd35 as tiny
from support.sd35_runs import one_thread

CLOSE = 2e-5
STAR = "a yellow star on a blue background"


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def opened(host):
    from easel.nodes.local.sd35 import loading

    return loading.open_model(tiny.FOLDER, loading.read_model(tiny.FOLDER), {}, None, 77)


def wish(prompt=STAR, steps=3, **more):
    from easel.nodes.local.sd35.drawing import Wish

    return Wish(prompt, "", 0, steps, 3.0, "euler", "normal", **more)


def brush(**how):
    from easel.nodes.local.sd35.inpainting import Brush

    return Brush(**how)


def inpaint(opened, images, masks, asked=None, **how):
    from easel.nodes.local.sd35.inpainting import inpaint

    with torch.inference_mode():
        return inpaint(opened.model, opened.clip, opened.vae, asked or wish(), images, masks, brush(**how))


def outpaint(opened, images, canvas, asked=None, blend=0, fill="edge", **how):
    from easel.nodes.local.masks.canvas import Wish as Canvas
    from easel.nodes.local.sd35.inpainting import outpaint

    with torch.inference_mode():
        return outpaint(
            opened.model,
            opened.clip,
            opened.vae,
            asked or wish(),
            images,
            Canvas(**canvas),
            fill,
            blend,
            brush(**how),
        )


@pytest.fixture(scope="module")
def circle(opened):
    """A picture (1, 128, 128, 3) to change."""
    from easel.nodes.local.sd35.drawing import draw

    with torch.inference_mode():
        asked = wish("a red circle on a blue background", 8)
        return draw(opened.model, opened.clip, opened.vae, asked, 0, 0, 1).images


def box(left, top, right, bottom, size=(128, 128)):
    mask = torch.zeros(1, size[1], size[0])
    mask[:, top:bottom, left:right] = 1
    return mask


MIDDLE = (20, 20, 108, 108)


def eight_bits(images):
    return (images * 255).round().to(torch.uint8).numpy()


# What appears


def test_what_is_asked_for_appears_in_the_mask_and_nothing_else_changes(opened, circle):
    mask = box(*MIDDLE)
    drawn = inpaint(opened, circle, mask, wish(steps=8), feather=6)
    assert tiny.colours(eight_bits(drawn.images)[0]) == ("yellow", "blue")
    reddish = (drawn.images[..., 0] > 0.6) & (drawn.images[..., 1] < 0.4)
    assert reddish.float().mean() < 0.01
    assert torch.equal(drawn.images[mask == 0], circle[mask == 0])
    assert drawn.latents.shape == (1, 16, 16, 16)
    assert drawn.used == ("128x128: 128x128 at (0, 0) painted at 128x128, seed 0, 8 steps, cfg 3, euler/normal")


def test_a_picture_is_continued_and_stays_as_it_is(opened, circle):
    small = torch.nn.functional.interpolate(circle.movedim(-1, 1), (80, 80)).movedim(1, -1)
    sides = dict.fromkeys(("left", "top", "right", "bottom"), 24)
    drawn = outpaint(opened, small, sides, wish("a red circle on a blue background", 8))
    assert torch.equal(drawn.images[:, 24:104, 24:104], small)
    blue = torch.tensor(tiny.PALETTE["blue"]) / 255
    frame = box(24, 24, 104, 104)[0] == 0
    assert ((drawn.images[0] - blue).abs().amax(-1) < 0.25)[frame].float().mean() > 0.95
    assert drawn.used.startswith("80x80 became 128x128. Pixels added: left 24, top 24, right 24, bottom 24.")


# The same as the host's own nodes


@pytest.mark.parametrize("differential", [False, True])
def test_it_is_what_the_host_s_own_nodes_make_of_the_same_cut(opened, circle, differential):
    from nodes import KSampler, SetLatentNoiseMask

    soft = torch.linspace(0, 1, 128).expand(1, 128, 128) * box(0, 40, 128, 100)
    drawn = inpaint(opened, circle, soft, differential=differential, denoise=0.8, context=0, resolution=96)
    assert drawn.latents.shape != (1, 16, 16, 16)
    model = opened.model
    if differential:
        from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion

        model = DifferentialDiffusion.execute(model).args[0]
    from easel.nodes.local.sd35 import cropping

    masks = soft.numpy()
    cut = cropping.cut_for(masks, 0, cropping.Room(96**2, 96**2, 512))
    with torch.inference_mode():
        latent = {"samples": opened.vae.encode(cropping.cut_out_of(circle, cut))}
        (latent,) = SetLatentNoiseMask().set_mask(latent, cropping.latent_mask(masks, cut)[:, 0])
        words = [opened.clip.encode_from_tokens_scheduled(opened.clip.tokenize(text)) for text in (STAR, "")]
        (theirs,) = KSampler().sample(model, 0, 3, 3.0, "euler", "normal", *words, latent, 0.8)
    assert (drawn.latents - theirs["samples"]).abs().max() < CLOSE
    assert torch.equal(drawn.noise_mask, latent["noise_mask"])


def test_a_soft_mask_means_something_else_with_differential(opened, circle):
    soft = 0.5 * box(*MIDDLE)
    plain, other = (inpaint(opened, circle, soft, differential=way).latents for way in (False, True))
    assert (plain - other).abs().max() > 100 * CLOSE


# Denoise, borders, batches


def test_at_denoise_0_the_picture_comes_back_bit_by_bit(opened, circle):
    drawn = inpaint(opened, circle, box(*MIDDLE), denoise=0.0)
    assert torch.equal(drawn.images, circle)
    back = outpaint(opened, circle, {"right": 16}, denoise=0.0).images
    assert torch.equal(back[:, :, :128], circle)


@pytest.mark.parametrize(
    ("place", "size"),
    [
        ((0, 0, 9, 9), (133, 97)),
        ((60, 60, 61, 61), (128, 128)),
        ((0, 0, 50, 70), (50, 70)),
        ((100, 0, 133, 97), (133, 97)),
    ],
    ids=["corner", "one pixel", "all", "border"],
)
def test_any_mask_in_a_picture_of_any_size(opened, place, size):
    images = torch.rand(1, size[1], size[0], 3, generator=torch.Generator().manual_seed(1))
    mask = box(*place, size)
    done = inpaint(opened, images, mask, wish(steps=1)).images
    assert done.shape == images.shape
    assert torch.equal(done[mask == 0], images[mask == 0])
    assert not torch.equal(done, images)


def test_one_mask_serves_a_batch_and_the_first_picture_is_the_one_alone(opened, circle):
    pair = torch.cat([circle, circle.flip(2)])
    both = inpaint(opened, pair, box(*MIDDLE))
    alone = inpaint(opened, circle, box(*MIDDLE))
    assert (both.images[:1] - alone.images).abs().max() < 1e-4
    assert not torch.equal(both.images[0], both.images[1])


def test_many_masks_serve_many_pictures_and_an_empty_one_leaves_its_picture(opened, circle):
    wide = torch.cat([circle, circle], 2).repeat(3, 1, 1, 1)
    masks = torch.cat([box(*place, (256, 128)) for place in ((0, 0, 40, 40), (200, 80, 256, 128), (0, 0, 0, 0))])
    done = inpaint(opened, wide, masks)
    assert torch.equal(done.images[masks == 0], wide[masks == 0])
    assert torch.equal(done.images[2], wide[2])
    assert not torch.equal(done.images[1], wide[1])
    assert "(1 of 3 masks mark nothing: those pictures stay as they are)" in done.used
    assert len(done.latents) == 3


def test_a_mask_that_shrinks_to_nothing_leaves_the_picture(opened, circle):
    done = inpaint(opened, circle, box(60, 60, 66, 66), grow=-9)
    assert torch.equal(done.images, circle)
    assert "(1 of 1 masks mark nothing: those pictures stay as they are)" in done.used


def test_transparency_is_kept_and_paint_is_opaque(opened, circle):
    clear = torch.cat([circle, torch.zeros(1, 128, 128, 1)], -1)
    mask = box(*MIDDLE)
    done = inpaint(opened, clear, mask, wish(steps=1)).images
    assert torch.equal(done[..., 3], mask)
    assert torch.equal(done[mask == 0], clear[mask == 0])


def test_the_old_fades_into_the_new_only_where_asked(opened, circle):
    done = outpaint(opened, circle, {"right": 32, "multiple_of": "16"}, wish(steps=1), blend=20).images
    assert torch.equal(done[:, :, :108], circle[:, :, :108])
    assert not torch.equal(done[:, :, 108:128], circle[:, :, 108:])


def test_a_picture_that_has_the_shape_already_comes_back(opened, circle):
    done = outpaint(opened, circle, {"extend_by": "aspect ratio", "aspect_ratio": "1:1"})
    assert torch.equal(done.images, circle)
    assert "nothing had to be added" in done.used


# Stacks


def test_a_stack_of_loras_is_what_the_loras_are_one_by_one(opened, circle):
    from easel.nodes.local.sd35.loading import add_lora
    from easel.nodes.local.sd35.stacks import Lora

    stacked = inpaint(opened, circle, box(*MIDDLE), wish(loras=(Lora(tiny.LORA, 0.8, 0.8),)))
    model, clip, report = add_lora(opened.model, opened.clip, tiny.LORA, 0.8, 0.8)
    patched = inpaint(replace(opened, model=model, clip=clip), circle, box(*MIDDLE))
    assert torch.equal(stacked.latents, patched.latents)
    assert report in stacked.used
    assert not torch.equal(stacked.latents, inpaint(opened, circle, box(*MIDDLE)).latents)


def test_what_a_controlnet_follows_is_cut_as_the_picture_is(host):
    from easel.nodes.local.sd35.cropping import Box, Cut, cut_out_of
    from easel.nodes.local.sd35.inpainting import _for_cut
    from easel.nodes.local.sd35.stacks import Control

    hints = torch.rand(2, 96, 160, 3, generator=torch.Generator().manual_seed(2))
    stack = (Control(None, hints, 0.7, 0, 1), Control(None, hints[:1], 0.7, 0, 1))
    here, there = Box(10, 20, 64, 64), Box(90, 30, 64, 64)
    apart, one = Cut((here, there), 128, 128), Cut((here, here), 128, 128)
    both, shared = _for_cut(stack, apart, 160, 96)
    assert torch.allclose(both.picture, cut_out_of(hints, apart))
    assert torch.allclose(shared.picture, cut_out_of(hints[[0, 0]], apart))
    both, shared = _for_cut(stack, one, 160, 96)
    assert torch.allclose(both.picture, cut_out_of(hints, one))
    assert len(shared.picture) == 1


def test_a_controlnet_is_followed_at_the_place_of_the_mask(opened, circle):
    """The edges of a square off the middle of the right half; the cut sees only that half."""
    from easel.nodes.local.sd35.loading import open_control
    from easel.nodes.local.sd35.stacks import Control

    net, _ = open_control(tiny.CONTROL, "canny", False)
    edges = torch.zeros(1, 128, 256, 3)
    edges[:, 44:96, 190:242] = 1
    edges[:, 46:94, 192:240] = 0
    wide = torch.cat([circle, circle[:, :, :1].expand(-1, -1, 128, -1)], 2)
    mask = box(140, 12, 254, 122, (256, 128))
    asked = wish("a red square on a blue background", 8, controls=(Control(net, edges, 1.0, 0, 1),))
    done = inpaint(opened, wide, mask, asked, context=0, resolution=128)
    (drawn,) = done.images
    reddish = (drawn[..., 0] > 0.5) & (drawn[..., 2] < 0.4)
    reddish[:, :128] = False
    square = box(190, 44, 242, 96, (256, 128))[0] == 1
    assert (reddish & square).sum() / (reddish | square).sum() > 0.75
    assert torch.equal(done.images[mask == 0], wide[mask == 0])
    assert done.used.endswith("1 ControlNet")


# Refused, and stopped


def test_a_mask_that_marks_nothing_is_refused(opened, circle):
    from easel.nodes.local.errors import WishRefused

    # What the host's loader gives for a picture without transparency.
    for mask in (torch.zeros(1, 64, 64), box(0, 0, 0, 0)):
        with pytest.raises(WishRefused, match="The mask marks nothing"):
            inpaint(opened, circle, mask)


@pytest.mark.parametrize(
    ("masks", "said"),
    [
        (torch.ones(1, 64, 128), "mask is 128x64 pixels, but the picture is 128x128"),
        (torch.ones(3, 128, 128), "3 masks"),
    ],
)
def test_masks_that_do_not_fit_are_refused(opened, circle, masks, said):
    from easel.nodes.hosted.engine.errors import InputRefused

    with pytest.raises(InputRefused, match=said):
        inpaint(opened, circle, masks)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.rand(0, 64, 64, 3), "has the shape"),
        (torch.rand(64, 64, 3), "has the shape"),
        (torch.full((1, 64, 64, 3), torch.nan), "not numbers"),
    ],
)
def test_what_is_no_picture_is_refused_before_anything_is_drawn(opened, images, said):
    from easel.nodes.hosted.engine.errors import InputRefused
    from easel.nodes.local.sd35.drawing import redraw

    with pytest.raises(InputRefused, match=said), torch.inference_mode():
        redraw(opened.model, opened.clip, opened.vae, wish(), images, 0.5)


@pytest.mark.parametrize("way", ["draw", "redraw", "inpaint"])
def test_a_vae_that_gives_no_numbers_is_said_and_nothing_black_is_handed_on(opened, circle, monkeypatch, way):
    from easel.nodes.local.errors import WishRefused
    from easel.nodes.local.sd35.drawing import draw, redraw

    monkeypatch.setattr(opened.vae, "decode", lambda latents: torch.full((1, 128, 128, 3), torch.nan))
    parts, asked = (opened.model, opened.clip, opened.vae), wish(steps=1)
    ways = {
        "draw": lambda: draw(*parts, asked, 64, 64, 1),
        "redraw": lambda: redraw(*parts, asked, circle, 0.5),
        "inpaint": lambda: inpaint(opened, circle, box(*MIDDLE), asked),
    }
    with pytest.raises(WishRefused, match=r"The VAE gave no picture.*--fp32-vae"), torch.inference_mode():
        ways[way]()


@pytest.mark.parametrize("stopped_at", [0, 1, 2])
def test_a_stop_at_any_step_leaves_the_next_run_as_it_was(opened, circle, stopped_at):
    import comfy.model_management as mm

    calls = []

    def stop(apply_model, options):
        calls.append(1)
        if len(calls) == stopped_at + 1:
            mm.interrupt_current_processing()
        return apply_model(options["input"], options["timestep"], **options["c"])

    first = inpaint(opened, circle, box(*MIDDLE))
    stopping = opened.model.clone()
    stopping.set_model_unet_function_wrapper(stop)
    with pytest.raises(mm.InterruptProcessingException):
        inpaint(replace(opened, model=stopping), circle, box(*MIDDLE), wish(steps=4))
    assert not mm.processing_interrupted()
    again = inpaint(opened, circle, box(*MIDDLE))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.latents, again.latents)


def test_a_row_of_a_batch_can_be_drawn_alone(opened):
    """By the host's nodes, which say with batch_index which row it was."""
    from nodes import KSampler

    words = [opened.clip.encode_from_tokens_scheduled(opened.clip.tokenize(text)) for text in (STAR, "")]
    with torch.inference_mode():
        both, second = (
            KSampler().sample(opened.model, 4, 2, 3.0, "euler", "normal", *words, latent, 1.0)[0]["samples"]
            for latent in (
                {"samples": torch.zeros(2, 16, 16, 16)},
                {"samples": torch.zeros(1, 16, 16, 16), "batch_index": [1]},
            )
        )
    # Rounding alone: a batch is summed in another order.
    assert np.abs((both[1] - second[0]).numpy()).max() < 1e-3
    assert (both[0] - second[0]).abs().max() > 0.1
