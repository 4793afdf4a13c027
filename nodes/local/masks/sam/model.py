"""The model that travels on the graph: it remembers the pictures it has seen, so that another click costs little."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....pictures import Pixels
from ...handle import Handle
from .family import Asked, Family, Size

if TYPE_CHECKING:
    import torch
    from torch import Tensor

KEPT_BYTES = 512 * 2**20
"""How much memory the remembered pictures of a model may take: about 128 of Segment Anything, 30 of SAM 2."""

OnDevice = Callable[[Handle, int], AbstractContextManager["torch.device"]]
"""Puts a model on the device for a while, with that many bytes left to work in."""


@dataclass(frozen=True)
class Seen:
    """What the model knows of one picture, kept on the CPU."""

    features: tuple[Tensor, ...]
    size: Size

    @property
    def nbytes(self) -> int:
        return sum(feature.nbytes for feature in self.features)


class SegmentAnything:
    """A model of any family, its place in the host's memory management, and the pictures it has seen.

    Its calls are made inside ``with sam.on_device():``, one thread at a time.
    """

    def __init__(self, family: Family, handle: Handle, on_device: OnDevice) -> None:
        self.family = family
        self.encoded = 0
        """How many pictures were looked at anew: those remembered do not count."""
        self._handle = handle
        self._on_device = on_device
        self._device: torch.device | None = None
        self._seen: OrderedDict[str, Seen] = OrderedDict()

    @contextmanager
    def on_device(self) -> Iterator[None]:
        """The model on the device, without gradients."""
        import torch

        with torch.inference_mode(), self._on_device(self._handle, self.family.working_bytes) as device:
            self._device = device
            try:
                yield
            finally:
                self._device = None

    def see(self, picture: Pixels) -> Seen:
        """What the model knows of a picture: looked up, or worked out and kept."""
        key = picture.rgb_digest
        if key not in self._seen:
            framed = self.family.frame.picture(picture.array[..., :3], self._where())
            features = tuple(feature.cpu() for feature in self.family.encode(framed))
            self.encoded += 1
            self._keep(key, Seen(features, (picture.height, picture.width)))
        self._seen.move_to_end(key)
        return self._seen[key]

    def answer(self, seen: Seen, asked: Asked, several: bool) -> tuple[Tensor, Tensor]:
        """Answers in the model's own small size (N, C, side, side), and their scores (N, C): three or one of each."""
        device = self._where()
        features = [feature.to(device) for feature in seen.features]
        return self.family.answer(features, self.family.frame.prompts(asked, seen.size, device), several)

    def enlarged(self, answers: Tensor, seen: Seen) -> Tensor:
        """Answers in the picture's size; above 0 = inside."""
        return self.family.frame.enlarged(answers, seen.size)

    def _where(self) -> torch.device:
        if self._device is None:
            raise RuntimeError("The model is asked outside of on_device().")
        return self._device

    def _keep(self, key: str, seen: Seen) -> None:
        self._seen[key] = seen
        while len(self._seen) > 1 and sum(one.nbytes for one in self._seen.values()) > KEPT_BYTES:
            self._seen.popitem(last=False)
