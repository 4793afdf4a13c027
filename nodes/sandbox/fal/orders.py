"""A body that was understood: what will be drawn, at which size, and for how much."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .. import cutting, painter, retouch
from ..calls import Call
from ..lettering import tag
from . import pictures, sizes
from .models import MODELS, Model, Size
from .schemas import problems, with_defaults
from .storage import Storage
from .wire import model_error


@dataclass(frozen=True)
class FalOrder:
    """One accepted submission."""

    path: str
    asked: Mapping[str, Any]
    """The fields that the endpoint knows, with its defaults."""
    size: Size
    seed: int
    sent: pictures.Sent

    @property
    def model(self) -> Model:
        """The endpoint's row."""
        return MODELS[self.path]

    @property
    def prompt(self) -> str:
        """What was asked for in words."""
        return str(self.asked.get("prompt") or "")

    @property
    def count(self) -> int:
        """How many pictures were asked for."""
        return int(self.asked.get("num_images", 1))

    @property
    def usd(self) -> float:
        """The price of one picture."""
        return self.model.price(self.size, self.asked)

    @property
    def output_format(self) -> str:
        """png, jpeg, webp or gif."""
        return str(self.asked.get("output_format", "png"))

    def painted(self, serial: int) -> Image.Image:
        """One of its pictures."""
        sent = list(self.sent.pictures)
        if self.model.does == "cutout":
            return self._cut_out(sent[0], serial)
        if self.model.does == "upscale":
            return self._enlarged(sent[0], serial)
        clear = self.asked.get("background") == "transparent"
        order = painter.Order(self.prompt, *self.size, serial, self.path, transparent=clear)
        if self.model.does == "variation":
            return retouch.vary(sent[0], order)
        return retouch.edit(sent, self.sent.mask, order) if sent else painter.paint(order)

    def _cut_out(self, picture: Image.Image, serial: int) -> Image.Image:
        alpha = cutting.alpha_of(picture)
        if self.asked.get("mask_only"):
            return alpha
        cut = cutting.cut_out(picture, alpha, serial)
        return cut.crop(alpha.getbbox()) if self.asked.get("crop_to_bbox") else cut

    def _enlarged(self, picture: Image.Image, serial: int) -> Image.Image:
        mode = "RGBA" if picture.mode in ("RGBA", "LA", "PA") else "RGB"
        large = picture.convert(mode).resize(self.size, Image.Resampling.BICUBIC)
        tag(large, (0, 0, *large.size), f"#{serial}")
        return large


def order_of(path: str, body: Mapping[str, Any], call: Call, storage: Storage) -> FalOrder:
    """The order of a body. Raises 422 with everything that is wrong with it, and for pictures that cannot be had."""
    wrong = problems(path, body)
    if wrong:
        raise model_error(422, wrong)
    asked = with_defaults(path, body)
    sent = pictures.sent(call, storage, asked)
    size = sizes.of_order(path, asked, sent.pictures[0].size if sent.pictures else None)
    seed = asked.get("seed")
    return FalOrder(path, asked, size, random.randrange(2**32) if seed is None else int(seed), sent)
