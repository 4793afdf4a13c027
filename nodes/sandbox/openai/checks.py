"""Rules for image calls that the schemas cannot hold: which model takes what, and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..calls import Call
from . import errors
from .models import AUTO_QUALITY, DALLE, GPT_IMAGE, RETIRED, ImageModel, Size

LONGEST_EDGE = 3840
FEWEST_PIXELS = 655_360
MOST_PIXELS = 8_294_400
STEP = 16
WIDEST = 3
SIZES_1: tuple[Size, ...] = ((1024, 1024), (1536, 1024), (1024, 1536))


def check_model(call: Call, body: Mapping[str, Any]) -> str:
    """The model's name, when alive on this mount. Raises 400 if missing or retired, 404 if unknown."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise errors.invalid("model", "Missing required parameter: 'model'.", "missing_required_parameter")
    if model in GPT_IMAGE or (call.notes["legacy"] and model in DALLE):
        return model
    if model in RETIRED:
        raise errors.retired(model)
    raise errors.not_found(model)


def check_options(name: str, body: Mapping[str, Any]) -> None:
    """What this GPT image model does not take. Raises 400."""
    model = GPT_IMAGE[name]
    if body.get("quality") in ("xhigh", "max") and model.generation < 2.5:
        raise errors.invalid("quality", f"Quality '{body['quality']}' is not supported by {name}.")
    if body.get("background") == "transparent" and model.generation == 2.0:
        raise errors.invalid("background", f"Transparent background is not supported by {name}.")
    if body.get("output_format") in ("gif", "svg"):
        message = f"Output format '{body['output_format']}' is in preview and not enabled for this project."
        raise errors.invalid("output_format", message)
    if "svg" in body:
        raise errors.invalid("svg", "'svg' needs output_format 'svg'.")
    if "complexity" in body and model.generation < 2.6:
        raise errors.invalid("complexity", f"'complexity' is not supported by {name}.", "unknown_parameter")
    if "frame_duration_ms" in body:
        raise errors.invalid("frame_duration_ms", "'frame_duration_ms' needs output_format 'gif'.")
    fidelity = body.get("input_fidelity")
    if fidelity and not (model.generation == 1.5 or (model.generation == 1.0 and fidelity == "low")):
        message = f"'input_fidelity' '{fidelity}' is not supported by {name}."
        raise errors.invalid("input_fidelity", message, "invalid_input_fidelity_model")


def check_size(name: str, size: str) -> None:
    """Whether a GPT image model draws `WxH`. Raises 400 that says which bound is broken."""
    if GPT_IMAGE[name].generation < 2:
        return
    width, height = (int(side) for side in size.split("x"))
    if width % STEP or height % STEP:
        broken = f"width and height must both be divisible by {STEP}"
    elif max(width, height) > LONGEST_EDGE:
        broken = f"the longest edge must not exceed {LONGEST_EDGE}"
    elif max(width, height) > WIDEST * min(width, height):
        broken = "the aspect ratio must be between 1:3 and 3:1"
    elif not FEWEST_PIXELS <= width * height <= MOST_PIXELS:
        broken = f"the pixel count must be between {FEWEST_PIXELS} and {MOST_PIXELS}"
    else:
        return
    raise errors.invalid("size", f"Invalid size '{size}': {broken}.")


def chosen_size(body: Mapping[str, Any], model: ImageModel | None, first: Size | None) -> Size:
    """The size drawn. `auto` is 1024x1024, and in an edit the allowed size nearest to the first picture."""
    size = body.get("size", "auto")
    if size != "auto":
        width, height = (int(side) for side in size.split("x"))
        return width, height
    if first is None or model is None:
        return 1024, 1024
    if model.generation < 2:
        return min(SIZES_1, key=lambda one: abs(one[0] / one[1] - first[0] / first[1]))
    return _allowed(first)


def _allowed(size: Size) -> Size:
    """A size the free-size models draw, with nearly the same aspect."""
    width, height = size
    aspect = min(max(width / height, 1 / WIDEST), WIDEST)
    area = min(max(width * height, FEWEST_PIXELS * 1.05), MOST_PIXELS * 0.95)
    wide, tall = (area * aspect) ** 0.5, (area / aspect) ** 0.5
    shrink = min(1.0, LONGEST_EDGE / max(wide, tall))
    rounded = (_stepped(wide * shrink), _stepped(tall * shrink))
    return size if _fits(size) else rounded


def _stepped(side: float) -> int:
    return round(side / STEP) * STEP


def _fits(size: Size) -> bool:
    width, height = size
    return (
        width % STEP == height % STEP == 0
        and max(size) <= min(LONGEST_EDGE, WIDEST * min(size))
        and FEWEST_PIXELS <= width * height <= MOST_PIXELS
    )


def chosen_quality(body: Mapping[str, Any]) -> str:
    """The quality that is drawn; `auto` is medium here."""
    quality = str(body.get("quality", "auto"))
    return AUTO_QUALITY if quality == "auto" else quality
