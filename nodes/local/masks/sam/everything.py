"""Everything in a picture: a grid of questions, asked and weeded out by the package's own generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ....pictures import Pixels
from .choices import BEST_FIRST, LARGEST_FIRST, LEFT_TO_RIGHT, TOP_TO_BOTTOM
from .family import Asked
from .model import Seen, SegmentAnything

if TYPE_CHECKING:
    from torch import Tensor

_WORKING_SIDE = 1024
_BATCH_BYTES = 512 * 2**20
_MOST_POINTS = 64


@dataclass(frozen=True)
class Search:
    """How closely a picture is searched, and what is kept of what is found; the names and defaults are the package's."""

    points_per_side: int = 32
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.95
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    smallest: float = 0.0
    """Share of the picture, 0 to 1, below which a mask is left out."""
    most: int = 64
    order: str = LARGEST_FIRST


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing found: its mask in the size that was searched, bool (h, w), and where its box begins."""

    mask: npt.NDArray[np.bool_]
    score: float
    left: int
    top: int

    @cached_property
    def area(self) -> int:
        """In pixels of the size that was searched."""
        return int(self.mask.sum())


def find(sam: SegmentAnything, picture: Pixels, search: Search, on_batch: Callable[[float], None]) -> list[Thing]:
    """The things in a picture, in the order asked for; ``sam`` is on the device.

    ``on_batch`` is told how much is done (0-1) before each batch of questions, and may raise to stop. Pictures above 1024
    pixels are searched at 1024, at 2048 with one layer of crops, and so on: the model itself sees no more.
    """
    searched = _fitting(picture, _WORKING_SIDE * 2**search.crop_n_layers)
    generator = _generator(sam, search, searched, on_batch)
    records = generator.generate(searched.array[..., :3])
    things = [
        Thing(one["segmentation"], one["predicted_iou"], int(one["bbox"][0]), int(one["bbox"][1])) for one in records
    ]
    least = search.smallest * searched.width * searched.height
    return sorted((one for one in things if one.area >= max(1, least)), key=_KEYS[search.order])[: search.most]


def full_size(thing: Thing, picture: Pixels) -> Tensor:
    """The mask of a thing in the picture's size: float32 (H, W), 0 or 1."""
    import torch
    from torch.nn import functional

    mask = torch.from_numpy(thing.mask).float()
    size = (picture.height, picture.width)
    if mask.shape == size:
        return mask
    return (functional.interpolate(mask[None, None], size, mode="bilinear")[0, 0] > 0.5).float()


_KEYS: dict[str, Callable[[Thing], Any]] = {
    LARGEST_FIRST: lambda one: -one.area,
    BEST_FIRST: lambda one: -one.score,
    LEFT_TO_RIGHT: lambda one: (one.left, one.top),
    TOP_TO_BOTTOM: lambda one: (one.top, one.left),
}


class _Predictor:
    """What the package's generator asks of its predictor, answered by a model of any family."""

    # The questions come in the picture's own pixels; the family scales them itself.
    transform = SimpleNamespace(apply_coords=lambda points, _size: points)
    model = SimpleNamespace(mask_threshold=0.0)
    device = "cpu"

    def __init__(self, sam: SegmentAnything) -> None:
        self._sam = sam
        self._seen: Seen | None = None

    def set_image(self, picture: npt.NDArray[np.uint8]) -> None:
        self._seen = self._sam.see(Pixels(picture))

    def reset_image(self) -> None:
        self._seen = None

    def predict_torch(
        self, points: Tensor, labels: Tensor, multimask_output: bool, return_logits: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The generator always asks for answers that are not yet cut at the threshold."""
        assert self._seen is not None
        asked = Asked(points.double().numpy(), labels.long().numpy())
        answers, scores = self._sam.answer(self._seen, asked, multimask_output)
        return self._sam.enlarged(answers, self._seen), scores, answers


def _generator(sam: SegmentAnything, search: Search, picture: Pixels, on_batch: Callable[[float], None]) -> Any:
    from segment_anything import SamAutomaticMaskGenerator

    class Generator(SamAutomaticMaskGenerator):
        done = 0

        def _process_batch(self, points: Any, *others: Any) -> Any:
            # The package never yields: this is where a user's stop is felt.
            on_batch(self.done / self.asked)
            self.done += len(points)
            return super()._process_batch(points, *others)

    # Three answers to each question at full size, each held about three times, in 4 bytes.
    batch = _BATCH_BYTES // (picture.width * picture.height * 3 * 3 * 4)
    stand_in = SimpleNamespace(image_encoder=SimpleNamespace(img_size=sam.family.frame.side))
    generator = Generator(
        stand_in,
        points_per_side=search.points_per_side,
        points_per_batch=min(max(batch, 1), _MOST_POINTS),
        pred_iou_thresh=search.pred_iou_thresh,
        stability_score_thresh=search.stability_score_thresh,
        box_nms_thresh=search.box_nms_thresh,
        crop_n_layers=search.crop_n_layers,
    )
    generator.asked = sum(4**layer * len(grid) for layer, grid in enumerate(generator.point_grids))
    generator.predictor = _Predictor(sam)
    return generator


def _fitting(picture: Pixels, side: int) -> Pixels:
    """The picture, scaled down so that neither side is above ``side``."""
    from PIL import Image

    if max(picture.width, picture.height) <= side:
        return picture
    scale = side / max(picture.width, picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return Pixels(np.array(Image.fromarray(picture.array[..., :3]).resize(size, Image.Resampling.LANCZOS)))
