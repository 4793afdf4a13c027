"""From sockets to the pictures and masks of a request, off the event loop; what does not fit is refused by name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import pictures
from .engine.errors import InputRefused

if TYPE_CHECKING:
    from torch import Tensor


async def all_pictures(*images: Tensor | None) -> tuple[pictures.Pixels, ...]:
    """Every picture of every connected IMAGE, in order."""
    return tuple(await asyncio.to_thread(_all_pictures, images))


async def one_picture(name: str, image: Tensor, alpha: Tensor | None = None) -> pictures.Pixels:
    """The only picture of the input ``name``, with ``alpha`` (MASK, 1 = transparent) where it is connected."""
    found = await asyncio.to_thread(_all_pictures, (image,))
    if len(found) != 1:
        raise InputRefused(
            f"The input {name} holds {len(found)} pictures, and this takes one: pick one with Image From Batch.",
            input_name=name,
        )
    return (await with_alphas(name, found, alpha))[0]


async def with_alphas(name: str, opaque: Sequence[pictures.Pixels], alpha: Tensor | None) -> Sequence[pictures.Pixels]:
    """The pictures with the MASK ``alpha`` (1 = transparent) of the input ``name``: one mask each, or one for all."""
    if alpha is None:
        return opaque
    masks = await _all_masks(name, alpha)
    if len(masks) not in (1, len(opaque)):
        raise InputRefused(f"{name} holds {len(masks)} masks for {len(opaque)} pictures.", input_name=name)
    if len(masks) == 1:
        masks = masks * len(opaque)
    try:
        return [pictures.with_alpha(picture, mask) for picture, mask in zip(opaque, masks, strict=True)]
    except pictures.WrongSize as error:
        raise InputRefused(str(error), input_name=name) from error


async def one_mask(name: str, mask: Tensor) -> pictures.Mask:
    """The only mask of the input ``name``."""
    found = await _all_masks(name, mask)
    if len(found) != 1:
        raise InputRefused(f"The input {name} holds {len(found)} masks, and this takes one.", input_name=name)
    return found[0]


async def _all_masks(name: str, mask: Tensor) -> list[pictures.Mask]:
    try:
        return await asyncio.to_thread(pictures.masks_from_tensor, mask)
    except ValueError as error:
        raise InputRefused(str(error), input_name=name) from error


def _all_pictures(images: tuple[Tensor | None, ...]) -> list[pictures.Pixels]:
    try:
        return [picture for image in images if image is not None for picture in pictures.from_tensor(image)]
    except ValueError as error:
        raise InputRefused(str(error)) from error
