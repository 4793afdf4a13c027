"""What is told about the account, the models and their versions."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..calls import Call
from .checks import properties, required
from .models import MODELS, is_official, output, versions
from .wire import answer, check_key, not_found

SINCE = "2025-01-15T12:00:00.000000Z"
COG = "0.13.6"
USERNAME = "sandbox"


async def account(call: Call) -> web.StreamResponse:
    """GET /account: the cheapest way to try a token."""
    check_key(call)
    told = {"type": "user", "username": USERNAME, "name": "Easel Sandbox", "github_url": None}
    return answer(call, told)


async def model(call: Call) -> web.StreamResponse:
    """GET /models/{owner}/{name}: with its latest version, and that one's schema."""
    check_key(call)
    name = _asked(call)
    owner, _, short = name.partition("/")
    told = {
        "url": f"https://replicate.com/{name}",
        "owner": owner,
        "name": short,
        "description": f"Stands in for {name}",
        "visibility": "public",
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "run_count": 0,
        "cover_image_url": None,
        "default_example": None,
        "is_official": is_official(name),
        "latest_version": _version(name, versions(name)[0]),
    }
    return answer(call, told)


async def version(call: Call) -> web.StreamResponse:
    """GET /models/{owner}/{name}/versions/{version}."""
    check_key(call)
    name, wanted = _asked(call), call.request.match_info["version"]
    if wanted not in versions(name):
        raise not_found()
    return answer(call, _version(name, wanted))


def _asked(call: Call) -> str:
    name = f"{call.request.match_info['owner']}/{call.request.match_info['name']}"
    if name not in MODELS:
        raise not_found()
    return name


def _version(name: str, wanted: str) -> dict[str, Any]:
    return {"id": wanted, "created_at": SINCE, "cog_version": COG, "openapi_schema": openapi(name)}


def openapi(name: str) -> dict[str, Any]:
    """The OpenAPI document of a model, as Cog writes it: choices stand apart and are referred to."""
    schemas: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for place, (field, schema) in enumerate(properties(name).items()):
        rest = {"x-order": place, **{key: value for key, value in schema.items() if key not in ("enum", "type")}}
        if "enum" in schema:
            choices = {"enum": schema["enum"], "type": schema["type"]}
            schemas[field] = {**choices, "title": field, "description": "An enumeration."}
            told[field] = {"allOf": [{"$ref": f"#/components/schemas/{field}"}], **rest}
        else:
            told[field] = {"type": schema["type"], "title": field.replace("_", " ").title(), **rest}
    schemas["Input"] = {"type": "object", "title": "Input", "properties": told}
    if required(name):
        schemas["Input"]["required"] = required(name)
    schemas["Output"] = {"title": "Output", **output(name)}
    info = {"title": "Cog", "version": "0.1.0"}
    return {"openapi": "3.0.2", "info": info, "paths": {}, "components": {"schemas": schemas}}
