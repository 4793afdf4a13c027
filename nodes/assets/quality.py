"""What can be wrong with a picture, judged by its samples: size, shape, emptiness, blur, and being there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import pictures
from ..hosted.engine.errors import InputRefused

if TYPE_CHECKING:
    from imagehash import ImageHash
    from torch import Tensor

_JUDGED_SIDE = 1024
"""Pixels of the longer side at which sharpness is measured, so that it means the same for every size."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601 weights of R'G'B'."""
_THINNEST = 3
"""Pixels that a side needs for its Laplacian to mean anything."""


@dataclass(frozen=True)
class Limits:
    """What a picture must keep to; 0 (and "" for the aspect) asks nothing, ``likeness`` below 0 neither."""

    smallest_side: int = 512
    """Pixels of the shorter side."""
    aspect: str = ""
    """Width to height, such as 16:9."""
    tolerance: float = 2.0
    """Percent by which the aspect ratio may be off."""
    contrast: float = 2.0
    """Standard deviation of the luma, 0 to 127: below it a picture counts as blank."""
    sharpness: float = 5.0
    """Variance of the luma's Laplacian: below it a picture counts as blurred."""
    likeness: int = 4
    """Bits of 64 by which the perceptual hashes of two pictures may differ and still be the same picture."""

    @cached_property
    def ratio(self) -> float | None:
        """The wanted width over height. Raises :class:`InputRefused` for what is no ratio."""
        if not self.aspect.strip():
            return None
        sides = self.aspect.replace("/", ":").replace("x", ":").split(":")
        try:
            width, height = (float(side) for side in sides)
            ratio = width / height
        except (ValueError, ZeroDivisionError):
            ratio = 0.0
        if not 0 < ratio < float("inf"):
            raise InputRefused(
                f"aspect is {self.aspect!r}: write width:height, such as 16:9, or nothing for any shape.",
                input_name="aspect",
            )
        return ratio


@dataclass(frozen=True)
class Verdict:
    """What was measured of one picture, and the faults that it has: whole sentences, none where it is good."""

    width: int
    height: int
    contrast: float | None
    sharpness: float | None
    same_as: int | None
    """The number, from 1, of the earlier picture that it repeats."""
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "faults": list(self.faults), "passed": self.passed}


def judge(images: Sequence[Tensor], limits: Limits) -> list[Verdict]:
    """A verdict for each picture (1, H, W, C) of ``images``; of several that look alike the first one passes.

    Raises :class:`InputRefused` for an aspect that is none. Blocks: call it off the event loop.
    """
    verdicts: list[Verdict] = []
    seen: list[tuple[int, ImageHash]] = []
    for number, image in enumerate(images, 1):
        try:
            (picture,) = pictures.from_tensor(image)
        except ValueError as error:
            height, width = (int(side) for side in image.shape[1:3])
            verdicts.append(Verdict(width, height, None, None, None, (f"It cannot be read: {error}",)))
            continue
        verdicts.append(_judge_one(picture, limits, number, seen))
    return verdicts


def _judge_one(picture: pictures.Pixels, limits: Limits, number: int, seen: list[tuple[int, ImageHash]]) -> Verdict:
    luma = _luma(picture)
    contrast, sharpness = float(luma.std()), _sharpness(luma)
    faults = [*_of_size(picture, limits)]
    is_blank = bool(limits.contrast) and contrast < limits.contrast
    if is_blank:
        faults.append("It is blank: nearly the same everywhere.")
    elif limits.sharpness and sharpness < limits.sharpness:
        faults.append(f"It is blurred: its sharpness is {sharpness:.1f}, and {limits.sharpness:g} is asked for.")
    same_as = None if is_blank or limits.likeness < 0 else _earlier(picture, limits.likeness, number, seen)
    if same_as is not None:
        faults.append(f"It looks like picture {same_as}.")
    return Verdict(picture.width, picture.height, round(contrast, 2), round(sharpness, 2), same_as, tuple(faults))


def _of_size(picture: pictures.Pixels, limits: Limits) -> list[str]:
    width, height, faults = picture.width, picture.height, []
    if min(width, height) < limits.smallest_side:
        faults.append(
            f"It is too small: {width}x{height}, and the shorter side should have {limits.smallest_side} pixels."
        )
    ratio = limits.ratio
    if ratio is not None and abs(width / height / ratio - 1) * 100 > limits.tolerance:
        faults.append(f"It has the wrong shape: {width}x{height} is not {limits.aspect.strip()}.")
    return faults


def _luma(picture: pictures.Pixels) -> npt.NDArray[np.float32]:
    """Float32 (H, W), 0 to 255, scaled down to the size at which pictures are judged."""
    from PIL import Image

    grey = Image.fromarray((picture.flattened().array @ _LUMA).round().astype(np.uint8))
    grey.thumbnail((_JUDGED_SIDE, _JUDGED_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(grey, np.float32)


def _sharpness(luma: npt.NDArray[np.float32]) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., 2000); 0 for a picture too thin to have one."""
    if min(luma.shape) < _THINNEST:
        return 0.0
    middle = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * middle
    return float(laplacian.var())


def _earlier(picture: pictures.Pixels, likeness: int, number: int, seen: list[tuple[int, ImageHash]]) -> int | None:
    """The first picture before that looks the same; remembers this one where there is none."""
    from imagehash import phash
    from PIL import Image

    own = phash(Image.fromarray(picture.flattened().array))
    for earlier, other in seen:
        if own - other <= likeness:
            return earlier
    seen.append((number, own))
    return None
