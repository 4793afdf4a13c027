"""A sandbox's Replicate with the official client and a plain one, for the tests of it."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import replicate
from PIL import Image

from easel.nodes.sandbox.replicate import checks, models

TOKEN = "r8_secret"
PICTURES = ("image", "img", "control_image", "redux_image", "input_image", "input_images", "images")


class Site:
    """A sandbox, the official client for it, and a plain one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"})
        self.client = replicate.Client(api_token=TOKEN, base_url=f"{url}/api.replicate.com")
        self.client.poll_interval = 0.02

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One call of the API."""
        return self.http.request(method, f"{self.url}/api.replicate.com/v1{path}", **more)

    def create(self, model: str, given: dict[str, Any], **headers: str) -> httpx.Response:
        """Begin a run of an official model."""
        return self.call("POST", f"/models/{model}/predictions", json={"input": given}, headers=headers)

    def by_version(self, version: str, given: dict[str, Any], wait: bool = True) -> httpx.Response:
        """Begin a run of a version."""
        headers = {"Prefer": "wait"} if wait else {}
        return self.call("POST", "/predictions", json={"version": version, "input": given}, headers=headers)

    def ended(self, model: str, given: dict[str, Any]) -> dict[str, Any]:
        """The prediction of a run of a model, official or not, once it is over."""
        answer = self.by_version(reference(model), given)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def picture(self, url: str) -> Image.Image:
        """What a link delivers."""
        return Image.open(io.BytesIO(self.http.get(url).raise_for_status().content))

    def made(self, model: str, given: dict[str, Any]) -> Image.Image:
        """The first picture of a run."""
        told = self.ended(model, given)
        assert told["status"] == "succeeded", told["error"]
        return self.picture(told["output"][0] if isinstance(told["output"], list) else told["output"])

    def fault(self, kind: str, **fields: Any) -> None:
        """Let a rule strike from now on."""
        self.http.post(f"{self.url}/sandbox/faults", json={"kind": kind, **fields}).raise_for_status()

    def set(self, **settings: float) -> None:
        """Change settings of the sandbox."""
        self.http.post(f"{self.url}/sandbox/settings", json=settings).raise_for_status()

    def log(self) -> dict[str, Any]:
        """Everything that was asked."""
        log: dict[str, Any] = self.http.get(f"{self.url}/sandbox/log").json()
        return log

    def counts(self) -> tuple[int, int]:
        """Submissions, and those that were charged."""
        log = self.log()
        return log["submissions"], log["charged_submissions"]


def reference(model: str) -> str:
    """What a create by version names."""
    return model if models.is_official(model) else f"{model}:{models.versions(model)[0]}"


def png(
    size: tuple[int, int] = (64, 64),
    colour: tuple[int, int, int] = (200, 30, 40),
    box: tuple[int, int, int, int] | None = None,
    ground: tuple[int, int, int] = (245, 245, 245),
) -> bytes:
    """A plain picture, or a box of the colour on a ground."""
    picture = Image.new("RGB", size, ground if box else colour)
    if box:
        picture.paste(colour, box)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def uri(data: bytes) -> str:
    """A data URI of a PNG."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def small(model: str) -> dict[str, Any]:
    """Inputs that a model needs, and that make its pictures small where it lets them be."""
    given: dict[str, Any] = {}
    known = checks.properties(model)
    if "prompt" in checks.required(model):
        given["prompt"] = "a red circle on a blue background"
    if "custom" in known.get("aspect_ratio", {}).get("enum", ()):
        given |= {"aspect_ratio": "custom", "width": 256, "height": 320}
    if "0.25" in known.get("megapixels", {}).get("enum", ()):
        given["megapixels"] = "0.25"
    if "ideogram" not in model:
        for name in known.keys() & set(PICTURES):
            given[name] = [uri(png())] if known[name]["type"] == "array" else uri(png())
    return given
