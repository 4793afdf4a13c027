"""From the host's IMAGE and MASK to arrays of full precision; what does not fit is refused by name.

Hosted nodes round to 8 bits (``nodes/pictures.py``). Here values stay as they came: what is kept is kept bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...hosted.engine.errors import InputRefused

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[np.float32]

_NO_MASK = (64, 64)


def picture_arrays(image: Tensor) -> Array:
    """The pictures of an IMAGE of 1, 3 or 4 channels: (B, H, W, C), grey repeated to three. Raises ``InputRefused``."""
    array = _numbers("image", image)
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4) or 0 in array.shape:
        raise InputRefused(
            f"The input image has the shape {tuple(image.shape)}: a picture has 1, 3 or 4 channels.", input_name="image"
        )
    return np.repeat(array, 3, axis=3) if array.shape[3] == 1 else array


def mask_arrays(name: str, mask: Tensor) -> Array:
    """The masks of a MASK (B, H, W), (B, 1, H, W) or (H, W), clamped to 0..1, as (B, H, W). Raises ``InputRefused``."""
    array = _numbers(name, mask)
    array = array[None] if array.ndim == 2 else array[:, 0] if array.ndim == 4 and array.shape[1] == 1 else array
    if array.ndim != 3 or 0 in array.shape:
        raise InputRefused(
            f"The input {name} has the shape {tuple(mask.shape)}: masks come as (number, height, width).",
            input_name=name,
        )
    return array.clip(0, 1)


def masks_for(name: str, mask: Tensor | None, pictures: Array) -> Array | None:
    """One mask for each of the pictures; None for no mask and for the empty 64x64 one that the host's loader gives.

    Raises ``InputRefused`` where size or number do not match.
    """
    if mask is None:
        return None
    masks = mask_arrays(name, mask)
    count, height, width = pictures.shape[:3]
    if masks.shape[1:] == _NO_MASK and not masks.any():
        return None
    if masks.shape[1:] != (height, width):
        raise InputRefused(
            f"The input {name} is {masks.shape[2]}x{masks.shape[1]} pixels, but the picture is {width}x{height}: both must "
            "have the same size.",
            input_name=name,
        )
    if len(masks) not in (1, count):
        raise InputRefused(
            f"The input {name} holds {len(masks)} masks for {count} pictures: connect one for all, or one for each.",
            input_name=name,
        )
    return np.broadcast_to(masks, (count, height, width))


def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    """``value``, if it is one of ``allowed``: the oldest hosts do not check a choice. Raises ``InputRefused``."""
    if value not in allowed:
        raise InputRefused(
            f'The input {name} = "{value}" cannot be used: it must be one of {", ".join(allowed)}.', input_name=name
        )
    return value


def _numbers(name: str, tensor: Tensor) -> Array:
    array: npt.NDArray[Any] = tensor.detach().float().cpu().numpy()
    if np.isnan(array).any():
        raise InputRefused(
            f"The input {name} holds values that are not numbers (NaN). They usually come from a model that ran in too low a "
            "precision: look at the node that made it.",
            input_name=name,
        )
    return array
