"""POST images/generations, images/edits and images/variations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..calls import Call
from . import errors
from .answers import deliver
from .checks import check_model, check_options, check_size
from .jobs import NOTHING_SENT, Job, gpt_job, legacy_job
from .models import DALLE, RETIRED
from .pictures import from_form, from_json
from .wire import body_of, check_key, check_spec

FORBIDDEN = re.compile(r"\bforbidden\b", re.IGNORECASE)
"""The input filter always refuses a prompt with this word, so that a refusal can be tried out."""


async def generations(call: Call) -> web.StreamResponse:
    """Pictures from words."""
    check_key(call)
    body, _ = body_of(call)
    if call.notes["is_form"]:
        raise errors.invalid(None, "Unsupported content type: send application/json.", "unsupported")
    if check_model(call, body) in DALLE:
        check_spec("legacy_dalle_generations_request", body)
        return await _work(call, legacy_job("generate", body, NOTHING_SENT))
    check_spec("generations_request", body)
    _check_gpt(body)
    return await _work(call, gpt_job("generate", body, NOTHING_SENT))


async def edits(call: Call) -> web.StreamResponse:
    """Pictures from pictures and words, as a form or as JSON."""
    check_key(call)
    body, files = body_of(call)
    legacy = check_model(call, body) in DALLE
    if legacy:
        if body["model"] == "dall-e-3":
            raise errors.invalid("model", "The model 'dall-e-3' does not support edits.")
        check_spec("legacy_dalle_edits_fields", body)
        sent = from_form(files, legacy=True)
        if sent.mask is None and sent.pictures[0].mode != "RGBA":
            message = "Without a mask the picture itself must have an alpha channel."
            raise errors.invalid("image", message, "invalid_image_file")
        return await _work(call, legacy_job("edit", body, sent))
    if call.notes["is_form"]:
        check_spec("edits_multipart_fields", body)
        _check_gpt(body)
        sent = from_form(files, legacy=False)
    else:
        check_spec("edits_json_request", body)
        _check_gpt(body)
        sent = from_json(call, body)
    return await _work(call, gpt_job("edit", body, sent))


async def variations(call: Call) -> web.StreamResponse:
    """Other takes of one picture: DALL·E 2 only, gone from OpenAI itself."""
    check_key(call)
    body, files = body_of(call)
    model = body.get("model", "dall-e-2")
    if not call.notes["legacy"]:
        raise errors.retired(model) if model in RETIRED else errors.not_found(model)
    if not call.notes["is_form"]:
        raise errors.invalid(None, "Unsupported content type: send multipart/form-data.", "unsupported")
    check_spec("legacy_dalle_variations_fields", body)
    return await _work(call, legacy_job("variation", body, from_form(files, legacy=True)))


def _check_gpt(body: Mapping[str, Any]) -> None:
    check_options(body["model"], body)
    if body.get("size", "auto") != "auto":
        check_size(body["model"], body["size"])


async def _work(call: Call, job: Job) -> web.StreamResponse:
    """Ask the filters, then draw."""
    call.entry.n, call.entry.model = job.n, job.model
    call.entry.size = f"{job.size[0]}x{job.size[1]}"
    fault = call.fault
    if FORBIDDEN.search(job.prompt):
        raise errors.refused(call, "input", "violence")
    if fault.kind in ("refuse_input", "refuse_output"):
        raise errors.refused(call, fault.kind.removeprefix("refuse_"), fault.category, details=fault.details)
    return await deliver(call, job)
