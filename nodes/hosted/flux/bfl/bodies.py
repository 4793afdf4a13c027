"""Requests as the JSON bodies of BFL's API (its OpenAPI of April 2026, and the FLUX 3 launch pages)."""

from __future__ import annotations

from typing import Any

from ..requests import FluxGenerate, FluxRequest


def body_of(request: FluxRequest) -> dict[str, Any]:
    """What is posted for ``request``; a field that is not set is left out."""
    offer = request.offer
    fields: dict[str, Any] = {
        "prompt": request.prompt,
        "seed": request.seed,
        "safety_tolerance": request.safety_tolerance,
        "steps": request.steps,
        "guidance": request.guidance,
        "user": request.user,
    }
    if offer.formats:
        fields["output_format"] = request.output_format
    if request.prompt_upsampling is not None and offer.rewriting:
        is_reversed = offer.rewriting == "disable_pup"
        fields[offer.rewriting] = request.prompt_upsampling != is_reversed
    if isinstance(request, FluxGenerate):
        fields |= {"raw": request.raw, "resolution": request.resolution, **_size(request)}
        if offer.grounding:
            # Sent always: sources differ about what BFL does when it is left out.
            fields["grounding"] = bool(request.grounding)
    return {name: value for name, value in fields.items() if value is not None}


def _size(request: FluxGenerate) -> dict[str, Any]:
    size = request.offer.size(request.aspect_ratio, request.width, request.height)
    if size is not None:
        return {"width": size[0], "height": size[1]}
    return {"aspect_ratio": request.aspect_ratio}
