"""Whether a key is good, found out by a call that costs nothing, and never by one that does."""

import pytest

from easel.nodes import new_providers
from easel.nodes.hosted.engine.engine import Engine
from easel.nodes.hosted.key_tests import try_key
from support.shop import inspect

KEYS = {
    "openai": ("OPENAI_API_KEY", "api.openai.com/v1"),
    "bfl": ("BFL_API_KEY", "api.bfl.ai/v1"),
    "replicate": ("REPLICATE_API_TOKEN", "api.replicate.com"),
}
SECRET = "sk-nobody-may-see-this-key"


@pytest.fixture
def engine(sandbox, tmp_path, monkeypatch):
    for name, (_, path) in KEYS.items():
        monkeypatch.setenv(f"EASEL_PROVIDERS__{name.upper()}__BASE_URL", f"{sandbox.url}/{path}")
    environment = {variable: SECRET for variable, _ in KEYS.values()}
    engine = Engine(tmp_path, new_providers(), inspect, lambda: sandbox.url, environment)
    yield engine
    engine.stop()


@pytest.mark.parametrize("name", KEYS)
async def test_a_good_key_is_taken_for_nothing_and_a_bad_one_is_not(engine, sandbox, name):
    assert (await try_key(engine, name, "default")).ok is True
    sandbox.fault("bad_key", times=1)
    bad = await try_key(engine, name, "default")
    assert bad.ok is False and SECRET not in bad.says
    assert sandbox.submissions() == 0 and len(sandbox.log()) == 2


@pytest.mark.parametrize("fault", ["html", "server_error", "rate_limit"])
async def test_what_tells_nothing_is_said_so(engine, sandbox, fault):
    sandbox.fault(fault, times=1)
    assert (await try_key(engine, "openai", "default")).ok is None


async def test_a_missing_key_and_a_provider_without_a_free_call(engine, sandbox):
    missing = await try_key(engine, "openai", "client-a")
    assert missing.ok is False and "OPENAI_API_KEY__CLIENT_A" in missing.says
    assert (await try_key(engine, "ideogram", "default")).ok is None
    assert sandbox.log() == []


async def test_in_the_sandbox_nobody_is_asked(engine, sandbox, monkeypatch):
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    tried = await try_key(engine, "openai", "default")
    assert tried.ok is None and "Sandbox" in tried.says and sandbox.log() == []
