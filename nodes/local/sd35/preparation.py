"""Pictures in the form that the ControlNets of Stable Diffusion 3.5 were trained on: edges, blurs and depths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import host
from ..errors import WishRefused

if TYPE_CHECKING:
    from torch import Tensor

LOW, HIGH = 0.3, 0.6
"""Thresholds of edges in the host's own template for these nets."""
BLUR = 5.0
"""Percent of the width over which the published net's pictures were blurred: 50 pixels of 1024."""


def fitted(images: Tensor, width: int, height: int) -> Tensor:
    """Pictures (B, H, W, C) in another size; what does not fit its proportions is cut off evenly. Of three channels."""
    from torch.nn.functional import interpolate

    images = _coloured(images)
    had_height, had_width = images.shape[1:3]
    if (had_width, had_height) == (width, height):
        return images
    scale = max(width / had_width, height / had_height)
    keep_width = min(had_width, max(1, round(width / scale)))
    keep_height = min(had_height, max(1, round(height / scale)))
    left, top = (had_width - keep_width) // 2, (had_height - keep_height) // 2
    kept = images[:, top : top + keep_height, left : left + keep_width].movedim(-1, 1)
    return interpolate(kept, (height, width), mode="bicubic", antialias=True).movedim(1, -1).clamp(0, 1)


def edges(images: Tensor, low: float, high: float) -> Tensor:
    """White edges on black: those above ``high``, and those above ``low`` that run on from them (0-1)."""
    import torch
    from kornia.filters import canny

    if low > high:
        raise WishRefused(f"The low threshold of edges ({low:g}) must not be above the high one ({high:g}).")
    device, _ = host.devices()
    found = []
    for picture in _coloured(images):
        host.throw_if_interrupted(host.place().run)
        found.append(canny(picture.movedim(-1, 0)[None].to(device), low, high)[1].to(images))
    return torch.cat(found).movedim(1, -1).expand(-1, -1, -1, 3).contiguous()


def blurred(images: Tensor, percent: float) -> Tensor:
    """The colours without the details: a Gaussian blur over ``percent`` of the width, of which a sixth is its deviation."""
    from kornia.filters import gaussian_blur2d

    height, width = images.shape[1:3]
    # Mirrored at the frame, which reaches no further than the picture.
    reach = min(max(1, round(width * percent / 200)), width - 1, height - 1)
    size, deviation = 2 * reach + 1, max(2 * reach / 6, 0.3)
    device, _ = host.devices()
    pixels = _coloured(images).movedim(-1, 1).to(device)
    done = gaussian_blur2d(pixels, (size, size), (deviation, deviation))
    return done.movedim(1, -1).clamp(0, 1).to(images)


def depths(images: Tensor, near_is_white: bool) -> Tensor:
    """Pictures of depth in grey, white where it is near, each stretched from black to white; a flat one stays as it is."""
    grey = images[..., :3].mean(-1, keepdim=True)
    if not near_is_white:
        grey = 1 - grey
    return stretched(grey).expand(-1, -1, -1, 3).contiguous()


def stretched(depth: Tensor) -> Tensor:
    """(B, H, W, 1), each from 0 to 1; a flat one only within these bounds."""
    import torch

    lowest, highest = depth.amin((1, 2, 3), keepdim=True), depth.amax((1, 2, 3), keepdim=True)
    flat = highest - lowest < 1e-6
    return torch.where(flat, depth.clamp(0, 1), (depth - lowest) / torch.where(flat, 1, highest - lowest))


def _coloured(images: Tensor) -> Tensor:
    """Three channels, whether there were one, three or four."""
    return images.expand(-1, -1, -1, 3) if images.shape[-1] == 1 else images[..., :3]
