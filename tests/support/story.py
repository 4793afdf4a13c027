"""A client for stories about the sandbox, as told by its tests."""

import asyncio
import json

import aiohttp

FLARE = "gpt-image-2.5-flare"
CREATE = "/api.openai.com/v1/images/generations"
LEGACY = "/compatible.example/v1/images/generations"
HEADERS = {"Authorization": "Bearer sk-secret-key"}


class Site:
    """A sandbox and a client for it."""

    def __init__(self, url, session):
        self.url = url
        self.session = session

    async def fault(self, kind, **fields):
        async with self.session.post(f"{self.url}/sandbox/faults", json={"kind": kind, **fields}) as answer:
            assert answer.status == 200, await answer.text()

    async def buy(self, path=CREATE, **fields):
        body = {"model": FLARE, "prompt": "a star", "quality": "low", **fields}
        if path == LEGACY:
            body = {"model": "dall-e-3", "prompt": "a star", **fields}
        async with self.session.post(self.url + path, json=body, headers=HEADERS) as answer:
            return answer.status, answer.headers, await answer.read()

    async def error(self, **fields):
        status, headers, body = await self.buy(**fields)
        return status, json.loads(body)["error"], headers

    async def link(self):
        _, _, body = await self.buy(LEGACY)
        return json.loads(body)["data"][0]["url"]

    async def log(self):
        async with self.session.get(f"{self.url}/sandbox/log") as answer:
            return await answer.json()

    async def counts(self):
        log = await self.log()
        return log["submissions"], log["charged_submissions"]


def play(url, story):
    """Run a story against a clean sandbox."""

    async def run():
        async with aiohttp.ClientSession() as session:
            for what in ("faults", "log"):
                await session.delete(f"{url}/sandbox/{what}")
            return await story(Site(url, session))

    return asyncio.run(run())
