"""fal's own client for a sandbox, and a plain one for stories about it."""

import asyncio
import base64
import io
import json
import ssl
from contextlib import asynccontextmanager

import aiohttp
import fal_client
import httpx
from PIL import Image

KEY = "id:secret"
SCHNELL = "fal-ai/flux/schnell"
PRO = "fal-ai/flux-pro/v1.1"
SMALL = {"image_size": {"width": 256, "height": 160}}
POLICY = "content_policy_violation"


class Detour(httpx.AsyncBaseTransport):
    """Carries what is meant for fal's hosts to a sandbox."""

    def __init__(self, sandbox):
        self.sandbox = httpx.URL(sandbox)
        # No certificates are read: a sandbox speaks plain HTTP.
        self.inner = httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    async def handle_async_request(self, request):
        if request.url.host.endswith((".fal.run", ".fal.ai", ".fal.media")) or request.url.host == "fal.run":
            path = f"/{request.url.host}".encode() + request.url.raw_path
            request.url = self.sandbox.copy_with(raw_path=path)
            request.headers["Host"] = request.url.netloc.decode()
        return await self.inner.handle_async_request(request)

    async def aclose(self):
        await self.inner.aclose()


class Official(fal_client.AsyncClient):
    """fal's own client on an HTTP client that is given to it."""

    def __init__(self, http):
        super().__init__(key=KEY)
        self.http = http

    @property
    async def _client(self):
        return self.http

    @property
    async def _token_manager(self):
        return Tokens(self.http)

    @asynccontextmanager
    async def _cdn_client(self):
        yield self.http


class Tokens:
    """Upload tokens asked for through an HTTP client that is given."""

    def __init__(self, http):
        self.http = http

    async def get_token(self):
        answer = await self.http.post("https://rest.fal.ai/storage/auth/token?storage_type=fal-cdn-v3", json={})
        told = answer.raise_for_status().json()
        return fal_client.client.CDNToken(told["token"], told["token_type"], told["base_url"], told["expires_at"])


class Site:
    """A sandbox, fal's own client for it, and plain HTTP."""

    def __init__(self, url, http, session):
        self.url = url
        self.fal = Official(http)
        self.session = session

    async def call(self, method, url, key=KEY, **knobs):
        headers = {"Authorization": f"Key {key}"} if key else {}
        where = url if url.startswith("http") else self.url + url
        async with self.session.request(method, where, headers=headers, **knobs) as answer:
            data = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(data) if is_json else data, answer.headers

    async def run(self, path, **body):
        status, told, _ = await self.call("POST", f"/fal.run/{path}", json=body)
        return status, told

    async def submit(self, path, **body):
        status, told, _ = await self.call("POST", f"/queue.fal.run/{path}", json=body)
        assert status == 200, told
        return told

    async def reached(self, told, wanted):
        while True:
            status, now, _ = await self.call("GET", told["status_url"])
            assert status == (200 if now["status"] == "COMPLETED" else 202)
            if now["status"] in (wanted, "COMPLETED"):
                assert now["status"] == wanted
                return now
            await asyncio.sleep(0.02)

    async def finished(self, told):
        return await self.reached(told, "COMPLETED")

    async def picture(self, url):
        status, data, _ = await self.call("GET", url, key="")
        assert status == 200
        return Image.open(io.BytesIO(data))

    async def detail(self, path, **body):
        status, told = await self.run(path, **body)
        return status, told["detail"][0]

    async def fault(self, kind, **fields):
        status, told, _ = await self.call("POST", "/sandbox/faults", json={"kind": kind, **fields})
        assert status == 200, told

    async def settings(self, **seconds):
        await self.call("POST", "/sandbox/settings", json=seconds)

    async def log(self):
        return (await self.call("GET", "/sandbox/log"))[1]

    async def bought(self):
        return [entry for entry in (await self.log())["requests"] if entry["submission"]]

    async def counts(self):
        log = await self.log()
        return log["submissions"], log["charged_submissions"]


def play(url, story):
    """Run a story against a clean sandbox whose jobs take no time."""

    async def run():
        http = httpx.AsyncClient(transport=Detour(url), headers={"Authorization": f"Key {KEY}"})
        async with http, aiohttp.ClientSession() as session:
            site = Site(url, http, session)
            await site.call("DELETE", "/sandbox/faults")
            await site.call("DELETE", "/sandbox/log")
            await site.settings(job_seconds=0, link_seconds=3600, latency=0)
            return await story(site)

    return asyncio.run(run())


def png(size=(200, 120), colour="white", box=None, inside="red"):
    picture = Image.new("RGB", size, colour)
    if box is not None:
        picture.paste(inside, box)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def uri(data):
    return "data:image/png;base64," + base64.b64encode(data).decode()


PICTURE = uri(png(box=(60, 30, 140, 90)))
MASK = uri(png(colour="black", box=(50, 20, 100, 80), inside="white"))
NEEDED = {
    "prompt": "a red circle on a blue background",
    "image_url": PICTURE,
    "image_urls": [PICTURE],
    "mask_url": MASK,
    "control_lora_image_url": PICTURE,
    "reference_image_urls": [PICTURE],
    "image_size": SMALL["image_size"],
}
