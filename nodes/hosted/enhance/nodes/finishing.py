"""What came back beside what was sent: transparency is put together, and what changed is said."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from PIL import Image

from .... import pictures
from ...buying import Bought
from ...engine.request import RANDOM_SEED
from .. import prices
from ..requests import RemoveBackground, Upscale


def enlarged(bought: Sequence[Bought], sent: Sequence[pictures.Pixels]) -> list[pictures.Pixels]:
    """Every enlarged picture, with the transparency of the one that was sent at its new size."""
    return [_like(large, small) for one, small in zip(bought, sent, strict=True) for large in one.pictures]


def drawn_seed(bought: Bought, request: Upscale) -> list[str]:
    """The number that was drawn where the model has no seed of its own: with it the same picture is free again."""
    if request.take != RANDOM_SEED or bought.outcome is None:
        return []
    return [f"seed {bought.outcome.record['take']}"]


def _like(large: pictures.Pixels, small: pictures.Pixels) -> pictures.Pixels:
    if not small.has_alpha:
        return large
    alpha = Image.fromarray(small.array[..., 3]).resize(_size(large), Image.Resampling.BICUBIC)
    return pictures.Pixels(np.dstack([large.array[..., :3], np.asarray(alpha)]))


def cut_outs(
    bought: Sequence[Bought], sent: Sequence[pictures.Pixels], *, masks: bool = False
) -> list[pictures.Pixels | None]:
    """Every cut-out, without what was transparent before where the size is the same; None where it was refused.

    With ``masks`` what was bought is the mask alone, and the colours are those that were sent.
    """
    finish = _masked if masks else _without
    return [finish(one.pictures[0], before) if one.pictures else None for one, before in zip(bought, sent, strict=True)]


def _masked(mask: pictures.Pixels, before: pictures.Pixels) -> pictures.Pixels:
    """The picture with a grey one as its opacity, at the size of the picture."""
    grey = Image.fromarray(mask.array[..., 0])
    if grey.size != _size(before):
        grey = grey.resize(_size(before), Image.Resampling.BICUBIC)
    return pictures.with_alpha(before, pictures.Mask(255 - np.asarray(grey)))


def _without(cut: pictures.Pixels, before: pictures.Pixels) -> pictures.Pixels:
    if not before.has_alpha or _size(before) != _size(cut):
        return cut
    return pictures.with_alpha(cut, pictures.Mask(255 - before.array[..., 3]))


def notes_on(
    bought: Bought, request: RemoveBackground, sent: pictures.Pixels, cut: pictures.Pixels | None
) -> list[str]:
    """What the artist should know of a cut-out beside its price."""
    if cut is None:
        return []
    notes = []
    if (credits := bought.data.get("credits")) is not None:
        again = " when it was bought" if bought.outcome and bought.outcome.reused else ""
        told = prices.in_words(Decimal(f"{credits:g}"))
        notes.append(f"{told} at remove.bg{again}; what a credit costs depends on your plan")
    if request.is_mask and _size(bought.pictures[0]) != _size(sent):
        mask = bought.pictures[0]
        notes.append(f"the mask came at {mask.width}x{mask.height} and was enlarged to the picture")
    if _size(cut) != _size(sent):
        how = "cropped" if request.crop else "scaled"
        notes.append(f"{how} to {cut.width}x{cut.height}; the picture was {sent.width}x{sent.height}")
        if sent.has_alpha:
            notes.append("the transparency that the picture had before is left out, because the size is another")
    if not cut.has_alpha and not request.has_background and request.format != "jpg":
        notes.append("it came back without transparency")
    return notes


def _size(picture: pictures.Pixels) -> tuple[int, int]:
    return picture.width, picture.height
