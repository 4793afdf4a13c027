"""What fal tells about its endpoints: prices, and the OpenAPI document of each."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ..calls import Call, serve
from ..state import State
from .models import MODELS
from .schemas import document
from .wire import FalDialect, PlatformDialect, error, platform_error

PRICING = "/api.fal.ai/v1/models/pricing"
OPENAPI = "/fal.ai/api/openapi/queue/openapi.json"
MOST_ENDPOINTS = 50
_CATEGORIES = {"generate": "text-to-image", "caption": "vision"}

_MEANINGS = {
    "prompt": "What the picture shows, in words.",
    "negative_prompt": "What the picture must not show.",
    "image_url": "The picture to work on: an https address or a data URI.",
    "image_urls": "The pictures to work on, as addresses or data URIs.",
    "mask_url": "White is painted anew, black stays.",
    "control_lora_image_url": "The picture whose lines or depth the result follows.",
    "control_lora_strength": "How closely the result follows the control picture.",
    "reference_image_urls": "Pictures of the character to keep.",
    "image_size": "The size of the result: a name, or width and height in pixels.",
    "aspect_ratio": "The form of the result, width to height.",
    "num_images": "How many pictures are made.",
    "num_inference_steps": "How many steps are taken; more take longer.",
    "guidance_scale": "How closely the words are followed.",
    "strength": "How far the result may leave the picture that was sent; 1 forgets it.",
    "image_prompt_strength": "How much the picture that was sent weighs against the words.",
    "seed": "The same seed with the same inputs makes the same picture.",
    "output_format": "The file format of the result.",
    "sync_mode": "Return the pictures as data URIs and keep them out of the request history.",
    "safety_tolerance": "How much the filters let pass, from the strictest number up.",
    "enable_safety_checker": "Let the safety checker black out what it objects to.",
    "scale": "How many times larger the result is.",
    "upscale_factor": "How many times larger the result is.",
    "creativity": "How much the upscaler may invent.",
    "resemblance": "How close the result stays to the picture that was sent.",
    "loras": "Adapters to load, each with its weight.",
    "images": "The pictures that were made.",
    "image": "The picture that was made.",
    "has_nsfw_concepts": "For each picture, whether the checker blacked it out.",
    "results": "What was seen, in words.",
}


def mount(app: web.Application, state: State) -> None:
    """Add the price list and the schemas."""
    pricing = serve(state, PlatformDialect(), "pricing", _pricing, creates=False)
    app.router.add_get(PRICING, pricing)
    app.router.add_get(OPENAPI, serve(state, FalDialect(), "schema", _openapi, creates=False))


async def _pricing(call: Call) -> web.StreamResponse:
    """Unit prices of 1-50 endpoints, by commas or by repeating the parameter."""
    asked = [name for given in call.request.query.getall("endpoint_id", []) for name in given.split(",") if name]
    if call.key is None or call.key.startswith("bad"):
        raise platform_error(401, "authorization_error", "Authentication required")
    if not 1 <= len(asked) <= MOST_ENDPOINTS:
        raise platform_error(400, "validation_error", f"endpoint_id: between 1 and {MOST_ENDPOINTS} are taken")
    unknown = [name for name in asked if name not in MODELS]
    if unknown:
        raise platform_error(404, "not_found", f"Endpoint '{unknown[0]}' not found")
    prices = [
        {"endpoint_id": name, "unit_price": MODELS[name].usd, "unit": MODELS[name].unit, "currency": "USD"}
        for name in asked
    ]
    return web.json_response({"prices": prices, "has_more": False, "next_cursor": None})


async def _openapi(call: Call) -> web.StreamResponse:
    """The document of one endpoint; it needs no key."""
    path = call.request.query.get("endpoint_id", "")
    if path not in MODELS:
        raise error(404, f"Endpoint '{path}' not found")
    return web.json_response(openapi(path))


def openapi(path: str) -> dict[str, Any]:
    """The OpenAPI document of an endpoint, laid out as fal lays it out."""
    name = "".join(word.capitalize() for word in path.replace("/", "-").replace(".", "-").split("-"))
    known = document()
    sides = {
        side: _component(f"{name}{side.capitalize()}", known["endpoints"][path][side]) for side in ("input", "output")
    }
    schemas = {"QueueStatus": _QUEUE_STATUS, **{schema["title"]: schema for schema in sides.values()}}
    named = json.dumps(schemas)
    for extra, schema in known["$defs"].items():
        if f'#/components/schemas/{extra}"' in named:
            schemas[extra] = _component(extra, schema)
    request = f"/{path}/requests/{{request_id}}"
    by_id = {"name": "request_id", "in": "path", "required": True, "schema": {"type": "string"}}
    status = _answers({"$ref": "#/components/schemas/QueueStatus"})
    body = {"required": True, "content": _json({"$ref": f"#/components/schemas/{sides['input']['title']}"})}
    result = _answers({"$ref": f"#/components/schemas/{sides['output']['title']}"})
    cancelled = _answers({"type": "object", "properties": {"success": {"type": "boolean"}}})
    return {
        "openapi": "3.0.4",
        "info": {
            "title": f"Queue OpenAPI for {path}",
            "version": "1.0.0",
            "description": f"The OpenAPI schema for the {path} queue.",
            "x-fal-metadata": {
                "endpointId": path,
                "category": _CATEGORIES.get(MODELS[path].does, "image-to-image"),
                "playgroundUrl": f"https://fal.ai/models/{path}",
                "documentationUrl": f"https://fal.ai/models/{path}/api",
            },
        },
        "components": {
            "securitySchemes": {"apiKeyAuth": {"type": "apiKey", "in": "header", "name": "Authorization"}},
            "schemas": schemas,
        },
        "paths": {
            f"{request}/status": {"get": {"parameters": [by_id], "responses": status}},
            f"{request}/cancel": {"put": {"parameters": [by_id], "responses": cancelled}},
            f"/{path}": {"post": {"requestBody": body, "responses": status}},
            request: {"get": {"parameters": [by_id], "responses": result}},
        },
        "servers": [{"url": "https://queue.fal.run"}],
        "security": [{"apiKeyAuth": []}],
    }


_QUEUE_STATUS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]},
        **{name: {"type": "string"} for name in ("request_id", "response_url", "status_url", "cancel_url")},
        "logs": {"type": "object", "additionalProperties": True},
        "metrics": {"type": "object", "additionalProperties": True},
        "queue_position": {"type": "integer"},
    },
    "required": ["status", "request_id"],
}


def _component(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with titles, meanings, its order of fields, and references into `components`."""
    moved = json.loads(json.dumps(schema).replace("#/$defs/", "#/components/schemas/"))
    for name, field in moved["properties"].items():
        if "$ref" not in field:
            field["title"] = name.replace("_", " ").title()
        if name in _MEANINGS and "$ref" not in field:
            field["description"] = _MEANINGS[name]
    return {"x-fal-order-properties": list(moved["properties"]), **moved, "title": title}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _answers(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "The answer.", "content": _json(schema)}}
