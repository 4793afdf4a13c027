"""Parts of pictures drawn anew, and pictures continued beyond their border: cut out, painted at the model's size, put back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import WishRefused
from ..masks.canvas import Wish as Canvas
from ..masks.fills import Fill
from ..masks.outpaint import Seam
from ..masks.outpaint import outpaint as laid_out
from ..masks.tensors import Array, masks_for, picture_arrays
from .cropping import Cut, Room, cut_for, cut_out_of, latent_mask, prepared, resized, stitched
from .drawing import Drawn, Wish, decoded, facts, sampled
from .stacks import Control, cut_out

if TYPE_CHECKING:
    from torch import Tensor

_UNBOUNDED = 16384
# What the members were published for: up to which area they are as good is known for that one.
_PUBLISHED_AREA = 1024 * 1024
_BOXES_SAID = 4


@dataclass(frozen=True)
class Brush:
    """How a mask is painted.

    ``grow`` and ``feather`` in pixels of the picture, ``context`` in percent of the mask's longer side. ``resolution`` is the
    side of a square of as many pixels as the cut is painted at; 0 follows the model. ``differential`` lets a soft mask say
    from when on a pixel is painted, not how much of it.
    """

    denoise: float = 1.0
    grow: int = 0
    feather: int = 0
    context: int = 50
    resolution: int = 0
    differential: bool = False


def inpaint(model: Any, clip: Any, vae: Any, wish: Wish, images: Tensor, mask: Tensor, brush: Brush) -> Drawn:
    """Pictures (B, H, W, C) with what lies under the mask (one for all, or one each) drawn anew.

    Where the grown mask is 0, every bit is the picture's. Raises ``WishRefused`` for a mask that marks nothing, and
    ``InputRefused`` where masks and pictures do not match.
    """
    pictures = picture_arrays(images)
    masks = masks_for("mask", mask, pictures)
    if masks is None or not masks.any():
        raise WishRefused(
            "The mask marks nothing, so there is nothing to paint. Draw one in the mask editor (right click on Load Image), or "
            "connect the mask of Segment."
        )
    return _inpaint(model, clip, vae, wish, pictures, masks, brush)


def outpaint(
    model: Any, clip: Any, vae: Any, wish: Wish, images: Tensor, canvas: Canvas, fill: str, blend: int, brush: Brush
) -> Drawn:
    """Pictures on a larger canvas, the rest of it drawn; over ``blend`` pixels the old fades into the new.

    Everything else of the pictures stays as it is, bit for bit; what is transparent is drawn too. Raises ``InputRefused`` for a
    canvas that cannot be made.
    """
    laid = laid_out(images, canvas, Fill(fill), Seam(0, blend))
    drawn = _inpaint(model, clip, vae, wish, laid.canvas.numpy(), laid.mask.numpy(), brush)
    return replace(drawn, used=f"{laid.report}\n{drawn.used}")


def _inpaint(model: Any, clip: Any, vae: Any, wish: Wish, pictures: Array, masks: Array, brush: Brush) -> Drawn:
    import torch

    room = _room(model, brush.resolution)
    paint, keep = (
        np.stack(made) for made in zip(*(prepared(mask, brush.grow, brush.feather) for mask in masks), strict=True)
    )
    cut = cut_for(paint, brush.context, room)
    images, where = torch.from_numpy(pictures), latent_mask(paint, cut)
    denoise = brush.denoise if paint.any() else 0.0
    wish = replace(wish, controls=_for_cut(wish.controls, cut, images.shape[2], images.shape[1]))
    latents, used = sampled(
        _opening(model) if brush.differential else model,
        clip,
        vae,
        wish,
        vae.encode(cut_out_of(images[..., :3], cut)),
        (cut.width, cut.height),
        denoise,
        where,
    )
    if denoise > 0:
        images = stitched(images, decoded(vae, latents), keep, cut)
    return Drawn(images, latents, f"{_said(images, paint, cut)}, {used}", where)


def _opening(model: Any) -> Any:
    from .core.inpainting import differential

    return differential(model)


def _room(model: Any, resolution: int) -> Room:
    known = facts(model)
    side = known.largest_side or _UNBOUNDED
    if resolution:
        return Room(min(resolution, side) ** 2, min(resolution, side) ** 2, side)
    best = known.best_side**2
    return Room(best, best * known.variant.largest_area // _PUBLISHED_AREA, side)


def _for_cut(controls: Sequence[Control], cut: Cut, width: int, height: int) -> tuple[Control, ...]:
    """The ControlNets with their pictures cut as the pictures are: one each where those are cut at different places."""
    import torch

    cuts = {box: cut_out(controls, box.corners, width, height) for box in cut.boxes}
    found = []
    for place, control in enumerate(controls):
        parts = {box: resized(stack[place].picture, cut.width, cut.height) for box, stack in cuts.items()}
        if len(parts) == 1:
            (picture,) = parts.values()
        else:
            picture = torch.cat([parts[box][[number % len(parts[box])]] for number, box in enumerate(cut.boxes)])
        found.append(replace(control, picture=picture))
    return tuple(found)


def _said(images: Tensor, masks: Array, cut: Cut) -> str:
    width, height = images.shape[2], images.shape[1]
    places = list(dict.fromkeys(f"({box.left}, {box.top})" for box in cut.boxes))
    more = f" and {len(places) - _BOXES_SAID} more" if len(places) > _BOXES_SAID else ""
    box = f"{cut.boxes[0].width}x{cut.boxes[0].height} at {', '.join(places[:_BOXES_SAID])}{more}"
    said = f"{width}x{height}: {box} painted at {cut.width}x{cut.height}"
    empty = sum(not mask.any() for mask in masks)
    return f"{said} ({empty} of {len(masks)} masks mark nothing: those pictures stay as they are)" if empty else said
