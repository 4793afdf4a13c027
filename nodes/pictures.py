"""Pictures and masks between ComfyUI's tensors and encoded files: the one place for every convention.

- IMAGE is float32 (B, H, W, C), 0 to 1, sRGB; C is 3, and 1 (grey) and 4 (RGBA) are taken too.
- MASK is float32 (B, H, W) or (H, W); 1 means change here, and in a mask that is an alpha channel 1 means
  transparent (the host's own convention: mask = 1 - alpha).
- 8-bit values are rounded, never cut: round(x * 255) after clamping to 0..1.
- Alpha is never premultiplied, and colours under full transparency are kept.

torch is imported inside the functions that touch tensors, so that importing the pack stays cheap.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from .picture_decoding import NotAPicture, decode_array
from .picture_encoding import CannotEncode, encode_array, flatten
from .picture_kinds import JPEG, PNG, WEBP, media_type_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "JPEG",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PNG",
    "WEBP",
    "CannotEncode",
    "Mask",
    "NotAPicture",
    "Pixels",
    "WrongSize",
    "decode",
    "fits",
    "from_tensor",
    "masks_from_tensor",
    "media_type_of",
    "save_bytes",
    "to_batches",
    "with_alpha",
]

MAX_BYTES = 256 * 2**20
"""The largest file ``decode`` takes unless told otherwise."""

MAX_PIXELS = 89_478_485
"""The largest picture ``decode`` takes unless told otherwise: the size from which Pillow warns of a bomb."""

_NO_MASK_SIZE = 64


class WrongSize(ValueError):
    """A mask and a picture that belong together differ in size."""


class Sized(Protocol):
    """Anything with a size in pixels."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


@dataclass(frozen=True, eq=False, repr=False)
class _Samples:
    """8-bit samples that never change, equal to others by their digest; files made of them are made once."""

    array: npt.NDArray[np.uint8]
    _files: dict[object, bytes] = field(default_factory=dict, init=False)
    _making: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._check_shape()
        # A copy wherever somebody could still write to the samples: the digest has to stay true.
        copied = self.array.flags.writeable
        array = np.array(self.array, order="C") if copied else np.ascontiguousarray(self.array)
        array.flags.writeable = False
        object.__setattr__(self, "array", array)

    def _check_shape(self) -> None:
        raise NotImplementedError

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.array.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.array.shape[0])

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over "HxWxC", a line feed and the samples; stored fingerprints are made of it."""
        return _digest(self.array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Samples) and type(other) is type(self) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.array,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.width}x{self.height}, {self.digest[:12]})"

    def _once(self, key: object, make: Callable[[], bytes]) -> bytes:
        with self._making:
            if key not in self._files:
                self._files[key] = make()
            return self._files[key]


@dataclass(frozen=True, eq=False, repr=False)
class Pixels(_Samples):
    """One picture: ``array`` is uint8 (H, W, 3) RGB or (H, W, 4) RGBA, sRGB, alpha 255 = opaque, read-only.

    Raises ``ValueError`` for an array of another shape or type.
    """

    def _check_shape(self) -> None:
        shape = self.array.shape
        if self.array.dtype != np.uint8 or len(shape) != 3 or shape[2] not in (3, 4) or 0 in shape:
            raise ValueError(f"A picture is uint8 (H, W, 3) or (H, W, 4), not {self.array.dtype} {shape}.")

    @property
    def has_alpha(self) -> bool:
        """Whether there is an alpha channel, be it opaque everywhere."""
        return bool(self.array.shape[2] == 4)

    @cached_property
    def rgb_digest(self) -> str:
        """``digest`` of the colours alone: what an IMAGE made of this picture has, its alpha being a MASK."""
        return _digest(self.array[..., :3]) if self.has_alpha else self.digest

    def flattened(self) -> Pixels:
        """This picture laid over white: RGB. Itself if it has no alpha."""
        return Pixels(flatten(self.array)) if self.has_alpha else self

    def encoded(self, media_type: str = PNG, *, quality: int = 95, max_bytes: int | None = None) -> bytes:
        """The picture as a PNG, JPEG or WebP file, made once for each media type and quality, then kept.

        PNG is exact; a PNG above ``max_bytes`` is packed harder before giving up. Alpha is laid over white
        for JPEG, which is logged. Raises ``CannotEncode`` for another media type, a size that the kind cannot
        hold and a file above ``max_bytes``; pixels are never scaled.
        """
        key = (media_type, None if media_type == PNG else quality)
        data = self._once(key, lambda: encode_array(self.array, media_type, quality=quality))
        if max_bytes is None or len(data) <= max_bytes:
            return data
        if media_type == PNG:
            data = self._once("small", lambda: encode_array(self.array, PNG, small=True))
        if len(data) > max_bytes:
            raise CannotEncode(
                f"The picture of {self.width}x{self.height} pixels takes {len(data):,} bytes as "
                f"{media_type}, more than the {max_bytes:,} allowed: make it smaller or choose another kind."
            )
        return data


@dataclass(frozen=True, eq=False, repr=False)
class Mask(_Samples):
    """One mask: ``array`` is uint8 (H, W), 255 = change here, 0 = keep, between = soft edges; read-only.

    Which way round a provider wants it is asked by name: ``as_alpha``, ``as_white``, ``as_black``. Each is a
    PNG, made once and kept. Raises ``ValueError`` for an array of another shape or type.
    """

    def _check_shape(self) -> None:
        shape = self.array.shape
        if self.array.dtype != np.uint8 or len(shape) != 2 or 0 in shape:
            raise ValueError(f"A mask is uint8 (H, W), not {self.array.dtype} {shape}.")

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is marked."""
        return not self.array.any()

    @property
    def is_placeholder(self) -> bool:
        """Whether this is the empty 64x64 mask that the host's Load Image gives when there is no alpha."""
        return self.array.shape == (_NO_MASK_SIZE, _NO_MASK_SIZE) and self.is_empty

    def as_alpha(self) -> bytes:
        """PNG, RGBA: white, alpha 0 = change here (OpenAI)."""
        return self._once("alpha", lambda: encode_array(self._white_with_alpha(), PNG))

    def as_white(self) -> bytes:
        """PNG, greyscale: white = change here (BFL, Replicate's and fal's FLUX, Stability)."""
        return self._once("white", lambda: encode_array(self.array, PNG))

    def as_black(self) -> bytes:
        """PNG, greyscale: black = change here (Ideogram)."""
        return self._once("black", lambda: encode_array(255 - self.array, PNG))

    def _white_with_alpha(self) -> npt.NDArray[np.uint8]:
        array = np.full((*self.array.shape, 4), 255, np.uint8)
        array[..., 3] -= self.array
        return array


def _digest(array: npt.NDArray[np.uint8]) -> str:
    height, width, *channels = array.shape
    known = hashlib.sha256(f"{height}x{width}x{channels[0] if channels else 1}\n".encode())
    known.update(np.ascontiguousarray(array).data)
    return known.hexdigest()


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The first picture of a PNG, JPEG, WebP, GIF or (from Pillow 11.3 on) AVIF file, upright, in sRGB.

    What is done to each kind of file: ``picture_decoding.decode_array``. Raises ``NotAPicture`` with a plain
    sentence for anything else: another kind of file, one cut short or damaged, one above ``max_bytes`` or
    (before any pixel is decoded) above ``max_pixels``.
    """
    return Pixels(decode_array(data, max_bytes=max_bytes, max_pixels=max_pixels))


def save_bytes(
    pixels: Pixels, media_type: str = PNG, *, quality: int = 95, text: Mapping[str, str] | None = None
) -> bytes:
    """The file that a Save node writes: ``Pixels.encoded`` plus texts, kept nowhere.

    ``text`` holds JSON texts by name (``prompt``, ``workflow``, ``easel``), written where the host and its
    editor look for them: tEXt chunks of a PNG; "name:value" in the EXIF of WebP and JPEG, ``prompt`` in
    0x0110, the first other one in 0x010F, the next in 0x010E. Raises ``CannotEncode``, also for texts too
    long for a JPEG (65,527 bytes).
    """
    return encode_array(pixels.array, media_type, quality=quality, text=text)


def fits(mask: Mask, picture: Sized) -> None:
    """Raise ``WrongSize``, naming both sizes, unless mask and picture have the same.

    Ask ``mask.is_placeholder`` before: such a mask stands for none.
    """
    if (mask.width, mask.height) != (picture.width, picture.height):
        raise WrongSize(
            f"The mask is {mask.width}x{mask.height} pixels, but the picture is "
            f"{picture.width}x{picture.height}: both must have the same size."
        )


def with_alpha(pixels: Pixels, mask: Mask) -> Pixels:
    """RGBA whose alpha is 255 - mask; what was transparent already stays so. Raises ``WrongSize``.

    The host's placeholder for no mask leaves the picture as it is.
    """
    if mask.is_placeholder:
        return pixels
    fits(mask, pixels)
    alpha = 255 - mask.array
    if pixels.has_alpha:
        alpha = np.minimum(alpha, pixels.array[..., 3])
    return Pixels(np.dstack([pixels.array[..., :3], alpha]))


def from_tensor(image: Tensor) -> list[Pixels]:
    """Each picture of an IMAGE: floating point (B, H, W, C), 0 to 1, C of 1, 3 or 4 (RGBA), on any device.

    Values outside 0..1 are clamped. Raises ``ValueError`` for another shape and for values that are no
    numbers.
    """
    if image.ndim != 4 or image.shape[3] not in (1, 3, 4):
        raise ValueError(f"A picture comes as IMAGE (B, H, W, 1, 3 or 4), not as {tuple(image.shape)}.")
    pictures = [_to_8_bits(item, f"Picture {place}") for place, item in enumerate(image, 1)]
    return [Pixels(np.repeat(item, 3, axis=2) if item.shape[2] == 1 else item) for item in pictures]


def masks_from_tensor(mask: Tensor) -> list[Mask]:
    """Each mask of a MASK: floating point (B, H, W), (B, 1, H, W) or (H, W), 1 = change, on any device.

    Values outside 0..1 are clamped. Raises ``ValueError`` for another shape and for values that are no
    numbers.
    """
    stack = mask[None] if mask.ndim == 2 else mask[:, 0] if mask.ndim == 4 and mask.shape[1] == 1 else mask
    if stack.ndim != 3:
        raise ValueError(f"A mask comes as MASK (B, H, W) or (H, W), not in the shape {tuple(mask.shape)}.")
    return [Mask(_to_8_bits(item, f"Mask {place}")) for place, item in enumerate(stack, 1)]


def _to_8_bits(values: Tensor, what: str) -> npt.NDArray[np.uint8]:
    import torch

    if not values.is_floating_point():
        raise ValueError(f"{what} has values of type {values.dtype}, not floating point from 0 to 1.")
    values = values.detach().float()
    if torch.isnan(values).any():
        raise ValueError(
            f"{what} of the batch holds values that are not numbers (NaN): there is nothing to send or save. "
            "They usually come from a model that ran in too low a precision: look at the node that made it."
        )
    array: npt.NDArray[np.uint8] = values.clamp(0, 1).mul_(255).round_().to(torch.uint8).cpu().numpy()
    # Nobody else holds these values, so they need no copy to be safe.
    array.flags.writeable = False
    return array


def _transparency(picture: Pixels) -> npt.NDArray[np.uint8]:
    if picture.has_alpha:
        return 255 - picture.array[..., 3]
    return np.zeros((picture.height, picture.width), np.uint8)


def to_batches(pictures: Sequence[Pixels]) -> tuple[list[Tensor], list[Tensor]]:
    """IMAGE batches and the MASK batches that belong to them, float32, on the CPU, in the given order.

    Neighbours of one size make one batch; a change of size starts the next, so that reading the batches one
    after the other gives the pictures in their order. IMAGE is (B, H, W, 3), colours under transparency kept;
    MASK is (B, H, W), 1 = transparent, 0 everywhere in a picture without alpha.
    """
    import torch

    images, masks = [], []
    for _, group in groupby(pictures, key=lambda picture: picture.array.shape[:2]):
        run = list(group)
        colours = np.stack([picture.array[..., :3] for picture in run])
        holes = np.stack([_transparency(picture) for picture in run])
        images.append(torch.from_numpy(colours).float().div_(255))
        masks.append(torch.from_numpy(holes).float().div_(255))
    return images, masks
