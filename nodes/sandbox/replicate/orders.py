"""From inputs to a run that can be drawn and has its price."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image, ImageOps

from .. import uploads
from . import checks, models
from .drawing import NEEDS_PICTURE, Work, check
from .refusals import OUT_OF_MEMORY, ModelFailure
from .sizes import MEGAPIXEL, Size, size_of

MOST_PIXELS = 64 * MEGAPIXEL
"""An upscaled picture that would be larger does not fit the memory of the GPU."""
BYTES_OF_A_PIXEL = 64 * 12
COUNTS = ("num_outputs", "num_images")


def work_of(name: str, given: Mapping[str, Any], opened: Callable[[str], bytes]) -> Work:
    """The run of inputs that fit their schema. Raises ModelFailure for what only shows once it runs."""
    model = models.MODELS[name]
    defaults = {key: schema["default"] for key, schema in checks.properties(name).items() if "default" in schema}
    inputs = {**defaults, **given}
    sent = [(field, _picture(opened(url))) for field, url in checks.addresses(name, inputs)]
    pictures = tuple(picture for field, picture in sent if field != "mask")
    white = next((picture for field, picture in sent if field == "mask"), None)
    if not pictures and model.does in NEEDS_PICTURE:
        raise ModelFailure("An input image is required")
    if model.does == "inpaint" and bool(inputs.get("image")) != bool(inputs.get("mask")):
        raise ModelFailure("image and mask must be given together")
    size = size_of(model.size, inputs, pictures[0].size if pictures else None)
    if size[0] * size[1] > MOST_PIXELS:
        raise ModelFailure(OUT_OF_MEMORY.format(gigabytes=size[0] * size[1] * BYTES_OF_A_PIXEL / 2**30))
    count = next((int(inputs[field]) for field in COUNTS if field in inputs), 1)
    work = Work(name, model, inputs, pictures, _mask(model, inputs, pictures, white), size, count)
    check(work)
    return work


def price(work: Work, pictures: int) -> float:
    """US dollars for a run that delivers so many pictures."""
    sizes = [work.size] * pictures + [one.size for one in work.pictures]
    return work.model.price(work.inputs, pictures, sum(map(_megapixels, sizes)))


def operation(work: Work) -> str:
    """The name of the run in the log."""
    if work.model.does in ("generate", "inpaint"):
        return "edit" if work.pictures else "generate"
    return work.model.does.replace(" ", "_")


def _mask(
    model: models.Model, inputs: Mapping[str, Any], pictures: tuple[Image.Image, ...], sent: Image.Image | None
) -> Image.Image | None:
    """The mask as the painter wants it, alpha 0 where to paint; without one, a filled picture's own alpha."""
    if sent is None:
        own = pictures[0] if model.does == "fill" else None
        return own if own is not None and own.mode in ("RGBA", "LA") else None
    if model.does == "fill" and model.size == "input" and sent.size != pictures[0].size:
        raise ModelFailure("Mask and image must have the same size")
    grey = sent.convert("L")
    painted = grey if model.black_mask else ImageOps.invert(grey)
    mask = Image.new("RGBA", grey.size)
    mask.putalpha(painted.point([0 if step < 128 else 255 for step in range(256)]))
    return mask


def _picture(data: bytes) -> Image.Image:
    try:
        return uploads.decode(data)
    except uploads.BadPicture as problem:
        raise ModelFailure(f"cannot identify image file: {problem}") from problem


def _megapixels(size: Size) -> int:
    return max(1, math.ceil(size[0] * size[1] / MEGAPIXEL))
