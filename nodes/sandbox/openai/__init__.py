"""OpenAI's image, chat (vision) and moderation calls, as of November 2026.

Three mounts: OpenAI itself, where the DALL·E models are retired; a compatible server, where they live on;
and an Azure resource, whose deployments bear the models' names.
"""

from __future__ import annotations

from aiohttp import web

from ..calls import Handler, serve
from ..state import State
from . import account, chat, images, moderation
from .azure import AzureDialect
from .wire import OpenAIDialect

OFFICIAL = "/api.openai.com/v1"
COMPATIBLE = "/compatible.example/v1"
AZURE = "/resource.openai.azure.com/openai"

CALLS: tuple[tuple[str, str, Handler, bool], ...] = (
    ("images/generations", "generate", images.generations, True),
    ("images/edits", "edit", images.edits, True),
    ("images/variations", "variation", images.variations, True),
    ("chat/completions", "chat", chat.completions, True),
    ("moderations", "moderate", moderation.moderations, False),
)


def mount(app: web.Application, state: State) -> None:
    """Add the routes of all three mounts."""
    places = (
        (OFFICIAL, OpenAIDialect("openai")),
        (COMPATIBLE, OpenAIDialect("compatible", legacy=True)),
        (f"{AZURE}/v1", AzureDialect()),
        (f"{AZURE}/deployments/{{deployment}}", AzureDialect()),
    )
    for base, dialect in places:
        for path, operation, handler, creates in CALLS:
            app.router.add_post(f"{base}/{path}", serve(state, dialect, operation, handler, creates=creates))
        app.router.add_get(f"{base}/models", serve(state, dialect, "models", account.models, creates=False))
