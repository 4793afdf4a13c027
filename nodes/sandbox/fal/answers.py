"""What a finished job answers: its pictures behind links, and the other fields that its schema names."""

from __future__ import annotations

import base64
import io
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .. import cutting, painter, sight, spoil
from ..calls import Call
from ..faults import Rule
from ..links import Stored
from .filters import Verdict
from .models import Size
from .orders import FalOrder
from .schemas import document, properties
from .storage import MEDIA


@dataclass(frozen=True)
class Drawn:
    """What was made for an order: files with their sizes, a cut-out's mask where one was asked, or words."""

    files: tuple[tuple[bytes, Size], ...] = ()
    mask: bytes = b""
    text: str = ""
    black: int = 0
    """So many of the first files were blackened."""

    @property
    def billed(self) -> int:
        """For how many pictures, or answers in words, money is taken."""
        return len(self.files) or 1


def draw(order: FalOrder, verdict: Verdict, call: Call) -> Drawn:
    """Make everything that the order asks for; the call's fault may spoil it."""
    if order.model.does == "caption":
        return Drawn(text=sight.describe(sight.look(order.sent.pictures[0])))
    painted = [
        Image.new("RGB", order.size) if place < verdict.black else order.painted(call.state.next_serial())
        for place in range(order.count - verdict.missing)
    ]
    mask = cutting.alpha_of(order.sent.pictures[0]) if order.asked.get("output_mask") else None
    return Drawn(
        files=tuple((_spoiled(_encoded(picture, order), call.fault), picture.size) for picture in painted),
        mask=b"" if mask is None else _encoded(mask, order),
        black=verdict.black,
    )


def output(order: FalOrder, drawn: Drawn, call: Call, seconds: float) -> dict[str, Any]:
    """The answer's JSON; `seconds` is how long the model worked."""
    known = properties(order.path, "output")
    files = () if call.fault.kind == "bill_without_picture" else drawn.files
    told: dict[str, Any] = {
        "seed": order.seed,
        "prompt": order.prompt,
        "has_nsfw_concepts": [place < drawn.black for place in range(len(files))],
        "timings": {"inference": round(seconds, 3)},
        "description": "",
        "results": drawn.text,
    }
    if "images" in known:
        told["images"] = [_file(order, call, known["images"]["items"], *file) for file in files]
    if "image" in known and files:
        told["image"] = _file(order, call, known["image"], *files[0])
    if drawn.mask:
        told["mask_image"] = _file(order, call, known["mask_image"], drawn.mask, order.size)
    left_out = ("images", "image", "results") if call.fault.kind == "no_data" else ()
    return {name: told[name] for name in known if name in told and name not in left_out}


def _encoded(picture: Image.Image, order: FalOrder) -> bytes:
    if order.output_format != "gif":
        return painter.encode(picture, order.output_format, 90)
    file = io.BytesIO()
    picture.save(file, "GIF")
    return file.getvalue()


def _spoiled(data: bytes, fault: Rule) -> bytes:
    if fault.kind == "too_many_pixels":
        return spoil.bomb()
    return spoil.halved(data) if fault.kind == "half_picture" else data


def _file(order: FalOrder, call: Call, schema: Mapping[str, Any], data: bytes, size: Size) -> dict[str, Any]:
    content_type = f"image/{order.output_format}"
    extension = "jpg" if order.output_format == "jpeg" else order.output_format
    told = {
        "url": _address(order, call, data, content_type, extension),
        "content_type": content_type,
        "file_name": f"{uuid.uuid4().hex}.{extension}",
        "file_size": len(data),
        "width": size[0],
        "height": size[1],
    }
    known = document()["$defs"][schema["$ref"].rpartition("/")[2]]["properties"]
    return {name: told[name] for name in known}


def _address(order: FalOrder, call: Call, data: bytes, content_type: str, extension: str) -> str:
    if order.asked.get("sync_mode"):
        return f"data:{content_type};base64,{base64.b64encode(data).decode()}"
    endless = call.fault.megabytes if call.fault.kind == "too_many_bytes" else 0
    stored = Stored(data, content_type, time.time() + call.state.link_seconds, endless)
    return call.link(MEDIA + call.state.links.put(stored, extension))
