"""One thing out of a picture: the question's three answers, and which of them is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....pictures import Pixels
from .choices import BEST, LARGEST, SMALLEST
from .family import Asked
from .model import SegmentAnything

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Found:
    """A mask in the picture's size, bool (H, W) on the CPU, and the model's own score from 0 to about 1."""

    mask: Tensor
    score: float

    @property
    def share(self) -> float:
        """How much of the picture it covers, 0 to 1."""
        return float(self.mask.count_nonzero()) / self.mask.numel()


def segment(sam: SegmentAnything, picture: Pixels, asked: Asked, keep: str) -> list[Found]:
    """The answers that are kept, the highest score first; of ``sam`` that is on the device."""
    seen = sam.see(picture)
    answers, scores = sam.answer(seen, asked, keep != BEST or asked.is_one_click)
    told = scores[0].tolist()
    order = sorted(range(len(told)), key=lambda place: -told[place])
    # One after the other, and only what is needed: at full size an answer to a large picture takes hundreds of megabytes.
    places = order[:1] if keep == BEST else order
    found = [
        Found((sam.enlarged(answers[:, place : place + 1], seen)[0, 0] > 0).cpu(), told[place]) for place in places
    ]
    if keep in (LARGEST, SMALLEST):
        return [max(found, key=lambda one: one.share if keep == LARGEST else -one.share)]
    return found
