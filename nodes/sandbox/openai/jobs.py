"""An image call that was understood: what will be drawn, and what it will cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .. import painter, retouch
from ..painter import Order
from . import models
from .checks import chosen_quality, chosen_size
from .models import DALLE, GPT_IMAGE, Size
from .pictures import Sent

NOTHING_SENT = Sent(())


@dataclass(frozen=True)
class Job:
    """One accepted image call."""

    operation: str
    model: str
    prompt: str
    n: int
    size: Size
    quality: str
    transparent: bool = False
    output_format: str = "png"
    compression: int = 100
    stream: bool = False
    partial_images: int = 0
    links: bool = False
    """Answer links in place of bytes."""
    sent: Sent = NOTHING_SENT
    high_fidelity: bool = False

    @property
    def legacy(self) -> bool:
        """Whether this is a DALL·E model's job."""
        return self.model in DALLE

    def draw(self, serial: int) -> Image.Image:
        """Paint one of its pictures."""
        order = Order(self.prompt, *self.size, serial, self.model, self.quality, self.transparent)
        if self.operation == "variation":
            return retouch.vary(self.sent.pictures[0], order)
        if self.operation == "edit":
            return retouch.edit(list(self.sent.pictures), self._mask(), order)
        return painter.paint(order)

    def _mask(self) -> Image.Image | None:
        # DALL·E 2 takes a picture's own transparency for the mask when none is sent.
        first = self.sent.pictures[0]
        if self.sent.mask is None and self.legacy and first.mode == "RGBA":
            return first
        return self.sent.mask

    def usage(self, pictures: int, partials: int = 0) -> dict[str, Any]:
        """Tokens, as `usage` tells them."""
        text = models.text_tokens(self.prompt)
        image = sum(models.picture_tokens(one.size, high_fidelity=self.high_fidelity) for one in self.sent.pictures)
        each = GPT_IMAGE[self.model].output_tokens(self.size, self.quality)
        output = pictures * each + partials * models.PARTIAL_TOKENS
        return {
            "input_tokens": text + image,
            "input_tokens_details": {"text_tokens": text, "image_tokens": image},
            "output_tokens": output,
            "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
            "total_tokens": text + image + output,
        }

    def usd(self, pictures: int, partials: int = 0) -> float:
        """What so many delivered pictures and partial ones cost."""
        if self.legacy:
            return pictures * DALLE[self.model].prices[self.quality][self.size]
        told = self.usage(pictures, partials)
        inputs = told["input_tokens_details"]
        model = GPT_IMAGE[self.model]
        return model.usd(inputs["text_tokens"], inputs["image_tokens"], told["output_tokens"])


def gpt_job(operation: str, body: Mapping[str, Any], sent: Sent) -> Job:
    """The job of a checked body for a GPT image model."""
    name = body["model"]
    first = sent.pictures[0].size if sent.pictures else None
    stream = body.get("stream", False)
    return Job(
        operation=operation,
        model=name,
        prompt=body["prompt"],
        n=body.get("n", 1),
        size=chosen_size(body, GPT_IMAGE[name], first),
        quality=chosen_quality(body),
        transparent=body.get("background") == "transparent",
        output_format=body.get("output_format", "png"),
        compression=body.get("output_compression", 100),
        stream=stream,
        partial_images=body.get("partial_images", 0) if stream else 0,
        sent=sent,
        high_fidelity=body.get("input_fidelity") == "high",
    )


def legacy_job(operation: str, body: Mapping[str, Any], sent: Sent) -> Job:
    """The job of a checked body for a DALL·E model; it answers links unless asked for bytes."""
    return Job(
        operation=operation,
        model=body.get("model", "dall-e-2"),
        prompt=body.get("prompt", ""),
        n=body.get("n", 1),
        size=chosen_size({"size": body.get("size", "1024x1024")}, None, None),
        quality=body.get("quality", "standard"),
        links=body.get("response_format", "url") == "url",
        sent=sent,
    )
