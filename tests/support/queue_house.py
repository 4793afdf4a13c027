"""A provider with a queue, on loopback: takes jobs, draws them after a while, counts everything, and fails when told."""

import asyncio
import base64
import collections
import io
import itertools
import secrets
import threading
import time
from dataclasses import dataclass, field

from aiohttp import web
from PIL import Image

WEB_PAGE = b"<!doctype html><html><body>Sorry, try again later.</body></html>"


@dataclass
class Job:
    name: str
    asked: dict
    began: float = field(default_factory=time.monotonic)
    cancelled: bool = False


class QueueHouse:
    """The server and its books.

    ``faults[route]`` is a list that each request to that route ("submit", "poll", "cancel", "file") takes its next
    behaviour from; an empty list means good behaviour. A job under way ends as soon as ``seconds`` are lowered, and a
    request that is "held" when ``held`` is taken back: a test that looks at the middle of one needs no clock for it.
    """

    def __init__(self):
        self.seconds = 0.0
        self.held = True
        self.pictures = None
        self.refused = []
        self.cost = None
        self.seed = "as asked"
        self.can_cancel = True
        self.link_lifetime = 3600.0
        self.link_base = None
        self.faults = collections.defaultdict(list)
        self.on_request = lambda route: None
        self.jobs = {}
        self.requests = collections.Counter()
        self.keys = set()
        self.inputs = []
        self.most_at_once = 0
        self._files = {}
        self._at_once = 0
        self._names = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="queue-house", daemon=True)
        self._thread.start()
        self._runner = self._call(self._set_up())
        self.port = 0
        self.open_door()

    # What tests ask and tell.

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def submissions(self):
        """How many requests were accepted, and so are charged."""
        return len(self.jobs)

    def open_door(self):
        self._site = self._call(self._listen())

    def close_door(self):
        """Refuse connections until the door is opened again."""
        self._call(self._site.stop())
        self._call(self._hang_up())

    def draw(self):
        """A new picture, as PNG."""
        file = io.BytesIO()
        Image.frombytes("RGB", (16, 16), secrets.token_bytes(16 * 16 * 3)).save(file, "PNG")
        return file.getvalue()

    def spoil(self, data):
        """Serve ``data`` in place of every picture from now on."""
        self._files = dict.fromkeys(self._files, data)

    def close(self):
        self._call(self._runner.cleanup())
        self._call(self._end_requests())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # The routes.

    async def _submit(self, request):
        self.keys.add(request.headers.get("Authorization"))
        fault = self._next("submit")
        if fault in ("cut before", "cut unread"):
            request.transport.close()
            return web.Response()
        asked = await request.json()
        refusal = _refusal(fault)
        if refusal is not None:
            return refusal
        job = Job(f"job-{next(self._names)}", asked)
        self.jobs[job.name] = job
        self.inputs.append(asked.get("input"))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if fault == "cut after":
                request.transport.close()
                return web.Response()
            if isinstance(fault, tuple) and fault[0] == "slow":
                await asyncio.sleep(fault[1])
            if fault == "held":
                await _until(lambda: not self.held)
            if not asked.get("wait"):
                return web.json_response({"id": job.name})
            await _until(lambda: time.monotonic() - job.began >= self.seconds)
            return web.json_response(self._finished(job, inline=True))
        finally:
            self._at_once -= 1

    async def _look(self, request):
        fault = self._next("poll")
        if fault == "cut before":
            request.transport.close()
            return web.Response()
        refusal = _refusal(fault)
        if refusal is not None:
            return refusal
        job = self.jobs.get(request.match_info["job"])
        if job is None:
            return web.json_response({"error": "no such job"}, status=404)
        passed, seconds = time.monotonic() - job.began, self.seconds
        if job.cancelled:
            return web.json_response({"status": "cancelled"})
        if passed < seconds:
            fraction = passed / seconds
            return web.json_response({"status": "drawing", "fraction": fraction, "position": 3})
        return web.json_response(self._finished(job, inline=False))

    async def _cancel(self, request):
        refusal = _refusal(self._next("cancel"))
        if refusal is not None:
            return refusal
        job = self.jobs[request.match_info["job"]]
        job.cancelled = self.can_cancel
        return web.json_response({"cancelled": job.cancelled})

    async def _file(self, request):
        fault = self._next("file")
        data = self._files.get(request.match_info["name"])
        if fault == "expired" or data is None:
            return web.Response(status=403, text="expired")
        if fault == "html":
            return web.Response(body=WEB_PAGE, content_type="text/html")
        if fault == "half":
            return web.Response(body=data[: len(data) // 2], content_type="image/png")
        if fault == "cut":
            answer = web.StreamResponse(headers={"Content-Length": str(len(data))})
            await answer.prepare(request)
            await answer.write(data[: len(data) // 2])
            request.transport.close()
            return answer
        if fault == "huge":
            return web.Response(body=b"\0" * (161 << 20), content_type="image/png")
        if isinstance(fault, tuple) and fault[0] == "to":
            raise web.HTTPFound(fault[1])
        refusal = _refusal(fault)
        return web.Response(body=data, content_type="image/png") if refusal is None else refusal

    # What is behind them.

    def _finished(self, job, *, inline):
        wanted = self.pictures if self.pictures is not None else job.asked.get("n", 1) - len(self.refused)
        drawn = [self.draw() for _ in range(wanted)]
        seed = job.asked.get("seed") if self.seed == "as asked" else self.seed
        answer = {"status": "done", "refused": self.refused, "cost": self.cost, "seed": seed, "id": job.name}
        if inline:
            return {**answer, "pictures": [base64.b64encode(data).decode() for data in drawn]}
        names = []
        for data in drawn:
            names.append(f"{secrets.token_hex(6)}.png")
            self._files[names[-1]] = data
        links = [f"{self.link_base or self.url}/files/{name}" for name in names]
        return {**answer, "pictures": links, "lifetime": self.link_lifetime}

    def _next(self, route):
        self.requests[route] += 1
        self.on_request(route)
        waiting = self.faults[route]
        return waiting.pop(0) if waiting else None

    async def _set_up(self):
        app = web.Application()
        app.router.add_post("/jobs", self._submit)
        app.router.add_get("/jobs/{job}", self._look)
        app.router.add_post("/jobs/{job}/cancel", self._cancel)
        app.router.add_get("/files/{name}", self._file)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        return runner

    async def _listen(self):
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return site

    async def _end_requests(self):
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _hang_up(self):
        for connection in self._runner.server.connections:
            connection.force_close()

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


async def _until(holds):
    # What it waits for is set by another thread, which no event of this loop hears of.
    while True:
        if holds():
            return
        await asyncio.sleep(0.01)


def _refusal(fault):
    """The answer of a fault that is one: a status, or (status, headers, words)."""
    if isinstance(fault, int):
        fault = (fault, {}, "")
    if isinstance(fault, tuple) and isinstance(fault[0], int):
        status, headers, words = fault
        return web.json_response({"error": words}, status=status, headers=headers)
    return None
