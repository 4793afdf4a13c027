"""Following links: only where they may lead, only as much as is bearable, and again where that may help."""

import asyncio

import aiohttp
import pytest
from tenacity import wait_none
from yarl import URL

from easel.nodes.hosted.engine import fetch, proxies, wire
from easel.nodes.hosted.engine.account import Account
from easel.nodes.hosted.engine.errors import ResultLost
from easel.nodes.hosted.engine.fetch import Downloader, LeadsInside, PublicResolver, check_link, origin_of

PRIVATE = [
    "https://127.0.0.1/x",
    "https://10.1.2.3/x",
    "https://172.16.0.1/x",
    "https://192.168.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://0.0.0.0/x",
    "https://100.64.0.1/x",
    "https://[::1]/x",
    "https://[fe80::1]/x",
    "https://[fc00::1]/x",
    "https://[::ffff:127.0.0.1]/x",
]
NOT_HTTPS = ["http://house.example/x", "ftp://house.example/x", "file:///etc/passwd", "data:image/png;base64,AA", ""]
# Ways to write loopback that only a resolver understands.
DISGUISED = ["https://localhost:9/x", "https://127.1:9/x", "https://0x7f000001:9/x", "https://2130706433:9/x"]


@pytest.fixture
async def downloads():
    downloads = Downloader.beside(aiohttp.ClientSession())
    yield downloads
    await downloads.close()


@pytest.mark.parametrize("url", PRIVATE)
async def test_a_private_address_is_refused(downloads, url):
    with pytest.raises(ResultLost, match="private network") as caught:
        await downloads.fetch(url, "https://api.house.example:443")
    assert not caught.value.resumable


@pytest.mark.parametrize("url", NOT_HTTPS)
async def test_anything_but_https_is_refused(downloads, url):
    with pytest.raises(ResultLost, match="not https"):
        await downloads.fetch(url, "https://api.house.example:443")


@pytest.mark.parametrize("url", DISGUISED)
async def test_a_name_that_leads_inside_is_refused_by_whom_it_leads_to(downloads, url):
    with pytest.raises(ResultLost, match=r"private network|no address") as caught:
        await downloads.fetch(url, "https://api.house.example:443")
    assert not caught.value.resumable


@pytest.mark.parametrize("url", ["https://[::1/x", "https://house.example:99999999/x", "http://["])
async def test_what_is_no_address_is_refused(downloads, url):
    with pytest.raises(ResultLost):
        await downloads.fetch(url, "https://api.house.example:443")


async def test_a_name_on_this_machine_does_not_resolve():
    with pytest.raises(LeadsInside):
        await PublicResolver().resolve("localhost", 443)


async def test_a_proxy_on_this_machine_is_used_and_no_link_leads_to_it(downloads, monkeypatch):
    monkeypatch.setattr(fetch, "backoff", wait_none())
    asked = []

    async def refuse(reader, writer):
        asked.append((await reader.readline()).split()[1])
        await reader.readuntil(b"\r\n\r\n")
        if asked[-1].startswith(b"api."):
            writer.write(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{port}")
    with pytest.raises(ResultLost, match="broke off") as caught:
        await downloads.fetch("https://cdn.house.example/x.png", "https://api.house.example:443")
    assert caught.value.resumable
    with pytest.raises(aiohttp.ClientError) as refused:
        await wire.submit("https://api.house.example/jobs", headers={}, json={})
    told = wire.explain(refused.value, Account("house", "The House", "https://api.house.example", "HOUSE_API_KEY"))
    # The request never left.
    assert told.retryable and told.charge == "none"
    assert set(asked) == {b"cdn.house.example:443", b"api.house.example:443"}
    assert asked.count(b"api.house.example:443") == 1
    for bypass in ("", "localhost"):
        monkeypatch.setenv("NO_PROXY", bypass)
        with pytest.raises(ResultLost, match="private network"):
            await downloads.fetch(f"https://localhost:{port}/x.png", "https://api.house.example:443")
    proxy.close()


async def test_no_password_of_netrc_travels_with_a_request(downloads, house, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login joe password the-password-of-joe\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    headers = {"Authorization": "Key hk-a-key"}
    answer = await wire.submit(f"{house.url}/jobs", headers=headers, json={})
    assert (answer.status, house.keys) == (200, {"Key hk-a-key"})
    await wire.submit(f"{house.url}/jobs", headers={}, json={})
    async with aiohttp.ClientSession() as http:
        await wire.ask(http, "POST", f"{house.url}/jobs", headers={}, json={})
    assert house.keys == {"Key hk-a-key", None}
    # It follows links into the internet alone, so that no test can see what it sends.
    assert not downloads.guarded.trust_env


def test_the_internet_may_be_reached():
    check_link(URL("https://cdn.house.example/x.png?signature=abc%2F"))
    check_link(URL("https://1.1.1.1/x.png"))


def test_an_origin_is_scheme_host_and_port():
    assert (
        origin_of("https://House.example/v1") == origin_of("https://house.example:443") == "https://house.example:443"
    )
    assert origin_of("https://user:word@house.example/") == "https://house.example:443"
    assert origin_of("http://127.0.0.1:8000/a") != origin_of("http://127.0.0.1:8001/a")


async def test_the_provider_s_own_origin_is_trusted_and_no_other(downloads, house):
    house._files["x.png"] = b"picture"
    assert await downloads.fetch(f"{house.url}/files/x.png", origin_of(house.url)) == b"picture"
    with pytest.raises(ResultLost, match="not https"):
        await downloads.fetch(f"{house.url}/files/x.png", "http://127.0.0.1:1")
    assert house.requests["file"] == 1


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("https://127.0.0.1:9/x", "private network"),
        ("https://localhost:9/x", "private network"),
        ("http://house.example/x", "not https"),
        ("//10.0.0.1/x", "not https"),
        ("/files/x.png", "without an end"),
    ],
)
async def test_a_redirect_is_checked_like_a_link(downloads, house, to, words):
    house._files["x.png"] = b"picture"
    house.faults["file"] = [("to", to)] * 4
    with pytest.raises(ResultLost, match=words):
        await downloads.fetch(f"{house.url}/files/x.png", origin_of(house.url))
    assert house.requests["file"] == (4 if words == "without an end" else 1)


async def test_a_redirect_on_the_provider_s_own_origin_is_followed(downloads, house):
    house._files["x.png"] = b"picture"
    house.faults["file"] = [("to", "/files/x.png")]
    assert await downloads.fetch(f"{house.url}/files/x.png", origin_of(house.url)) == b"picture"


@pytest.mark.parametrize(
    ("faults", "asked"), [(["cut"], 2), ([500, 503], 3), ([(429, {}, "")], 2), (["cut", "cut", "cut"], 4)]
)
async def test_what_may_pass_is_tried_again(downloads, house, faults, asked):
    house._files["x.png"] = b"picture" * 1000
    house.faults["file"] = list(faults)
    assert await downloads.fetch(f"{house.url}/files/x.png", origin_of(house.url)) == b"picture" * 1000
    assert house.requests["file"] == asked


async def test_a_picture_that_is_not_there_yet_is_asked_for_again_and_one_that_never_comes_is_lost(
    downloads, house, monkeypatch
):
    monkeypatch.setattr(fetch, "backoff", wait_none())
    house._files["x.png"] = b"picture"
    house.faults["file"] = [404, 404]
    assert await downloads.fetch(f"{house.url}/files/x.png", origin_of(house.url)) == b"picture"
    house.faults["file"] = [404] * 4
    with pytest.raises(ResultLost, match="no longer works") as caught:
        await downloads.fetch(f"{house.url}/files/x.png", origin_of(house.url))
    assert not caught.value.resumable


async def test_an_expired_link_is_asked_once(downloads, house):
    with pytest.raises(ResultLost, match="no longer works") as caught:
        await downloads.fetch(f"{house.url}/files/gone.png", origin_of(house.url))
    assert house.requests["file"] == 1
    assert not caught.value.resumable


async def test_a_file_that_is_too_large_is_not_taken(downloads, house):
    house._files["x.png"] = b"picture"
    house.faults["file"] = ["huge"]
    with pytest.raises(ResultLost, match="larger than 160 MB"):
        await downloads.fetch(f"{house.url}/files/x.png", origin_of(house.url))


async def test_a_house_that_is_down_can_be_asked_again_later(downloads, house):
    house.close_door()
    with pytest.raises(ResultLost, match="only fetches") as caught:
        await downloads.fetch(f"{house.url}/files/x.png", origin_of(house.url))
    assert caught.value.resumable


@pytest.mark.parametrize(
    ("environment", "used", "passed_by"),
    [
        ({}, None, []),
        ({"HTTPS_PROXY": "http://office:8080"}, "http://office:8080", []),
        ({"ALL_PROXY": "http://office:8080"}, "http://office:8080", []),
        ({"HTTPS_PROXY": "socks5://office:1080"}, None, ["https"]),
        ({"ALL_PROXY": "socks5://office:1080"}, None, ["all"]),
        ({"HTTPS_PROXY": "http://office:8080", "NO_PROXY": ".example"}, None, []),
    ],
)
def test_the_proxy_that_the_environment_names_is_found(monkeypatch, environment, used, passed_by):
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = proxies.proxy_for(URL("https://api.house.example/jobs"))
    assert (found and str(found).rstrip("/"), proxies.unspoken()) == (used, passed_by)
