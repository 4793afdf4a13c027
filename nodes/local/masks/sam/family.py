"""What every kind of Segment Anything is to the rest: it encodes a picture once, and answers questions about it.

The coordinates here are pixels of the model's own square frame; :class:`Frame` leads there and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Array = npt.NDArray[np.float64]
Size = tuple[int, int]
"""Height and width in pixels."""

# What every model of the family was trained with, for values 0 to 255.
_MEAN = (123.675, 116.28, 103.53)
_DEVIATION = (58.395, 57.12, 57.375)
_SURE = 10.0


@dataclass(frozen=True)
class Asked:
    """N questions about one picture, in its pixels.

    ``points`` is (N, P, 2) as x, y; ``labels`` is (N, P), 1 = belongs to it, 0 = does not; ``boxes`` is (N, 4) as x1, y1,
    x2, y2. ``mask`` (H, W), 0 to 1, is an earlier answer and goes with one question only.
    """

    points: Array | None = None
    labels: npt.NDArray[np.int64] | None = None
    boxes: Array | None = None
    mask: npt.NDArray[np.float32] | None = None

    @property
    def is_one_click(self) -> bool:
        """Whether there is a single point to go by, which may mean a thing or a part of it."""
        alone = self.boxes is None and self.mask is None
        return alone and self.points is not None and self.points.shape[1] == 1


@dataclass(frozen=True)
class Prompts:
    """The same questions in the model's frame, on its device."""

    points: Tensor | None
    labels: Tensor | None
    boxes: Tensor | None
    masks: Tensor | None


@dataclass(frozen=True)
class Frame:
    """The square that the model sees: ``side`` pixels; its answers come with ``answer`` pixels a side.

    ``padded`` frames hold the picture scaled to fit, at the top left; the others stretch it over the square.
    """

    side: int
    answer: int
    padded: bool

    def inside(self, size: Size) -> Size:
        """The part of the frame that a picture of that size takes."""
        if not self.padded:
            return self.side, self.side
        scale = self.side / max(size)
        return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))

    def picture(self, picture: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
        """The picture, uint8 (H, W, 3) RGB, as the model takes it: (1, 3, side, side)."""
        import torch
        from PIL import Image
        from torch.nn import functional

        height, width = self.inside(picture.shape[:2])
        resized = np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
        values = torch.from_numpy(resized).to(device).permute(2, 0, 1)[None].float()
        values = (values - _column(_MEAN, device)) / _column(_DEVIATION, device)
        return functional.pad(values, (0, self.side - width, 0, self.side - height))

    def prompts(self, asked: Asked, size: Size, device: torch.device) -> Prompts:
        """The questions about a picture of that size."""
        import torch

        height, width = self.inside(size)
        scale = np.array([width / size[1], height / size[0]])

        def placed(corners: Array) -> Tensor:
            return torch.from_numpy((corners.reshape(-1, 2) * scale).reshape(corners.shape)).float().to(device)

        labels = None if asked.labels is None else torch.from_numpy(asked.labels).int().to(device)
        return Prompts(
            None if asked.points is None else placed(asked.points),
            labels,
            None if asked.boxes is None else placed(asked.boxes),
            None if asked.mask is None else self._earlier(asked.mask, device),
        )

    def _earlier(self, mask: npt.NDArray[np.float32], device: torch.device) -> Tensor:
        """An earlier mask as the answer that it would have come from: (1, 1, answer, answer), above 0 = inside."""
        import torch
        from torch.nn import functional

        size = tuple(max(1, round(side * self.answer / self.side)) for side in self.inside(mask.shape))
        values = torch.from_numpy(mask).to(device)[None, None]
        values = functional.interpolate(values, size, mode="bilinear", antialias=True) * (2 * _SURE) - _SURE
        return functional.pad(values, (0, self.answer - size[1], 0, self.answer - size[0]), value=-_SURE)

    def enlarged(self, answer: Tensor, size: Size) -> Tensor:
        """Answers (N, C, answer, answer) in the picture's size (N, C, H, W); above 0 = inside."""
        from torch.nn import functional

        if self.padded:
            height, width = self.inside(size)
            answer = functional.interpolate(answer, (self.side, self.side), mode="bilinear", align_corners=False)
            answer = answer[..., :height, :width]
        return functional.interpolate(answer, size, mode="bilinear", align_corners=False)


class Family(Protocol):
    """One kind of model behind the same few calls. They run where its module is, and are given what is there too."""

    name: str
    module: nn.Module
    frame: Frame
    working_bytes: int
    """What encoding a picture takes on the device beside the module, roughly."""

    def encode(self, picture: Tensor) -> Sequence[Tensor]:
        """What the model remembers of a picture (1, 3, side, side)."""

    def answer(self, features: Sequence[Tensor], prompts: Prompts, several: bool) -> tuple[Tensor, Tensor]:
        """Answers (N, C, answer, answer), above 0 = inside, and the model's own scores (N, C), for N questions.

        C is 3 where ``several`` are wanted, else 1: the answer that the model was taught for clear questions.
        """


def _column(values: Sequence[float], device: torch.device) -> Tensor:
    import torch

    return torch.tensor(values, device=device)[:, None, None]
