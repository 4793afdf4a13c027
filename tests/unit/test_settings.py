"""Settings: the operator's alone, in the environment before the file, and never a half-understood one."""

import json
from decimal import Decimal
from functools import partial
from types import SimpleNamespace

import pytest

from easel.nodes.hosted.engine import settings_file
from easel.nodes.hosted.engine.settings import Settings, SettingsBroken


@pytest.fixture
def write(tmp_path):
    def write(settings):
        text = settings if isinstance(settings, str) else json.dumps(settings)
        (tmp_path / "settings.json").write_text(text)
        return Settings.load(tmp_path)

    return write


def test_without_a_word_nothing_is_limited_and_nothing_is_redirected(tmp_path):
    settings = Settings.load(tmp_path)
    assert settings.budget.run is None
    assert settings.budget.day is None
    assert not settings.sandbox
    assert settings.place_of("house", "HOUSE_BASE_URL", {}).base_url is None


def test_the_environment_stands_before_the_file(write, monkeypatch):
    file = {"budget": {"run": "1", "day": "5"}, "providers": {"house": {"base_url": "https://a.example/"}}}
    assert write(file).place_of("house", "", {}).base_url == "https://a.example"
    monkeypatch.setenv("EASEL_BUDGET__RUN", "0.25")
    monkeypatch.setenv("EASEL_PROVIDERS__HOUSE__BASE_URL", "https://b.example")
    monkeypatch.setenv("EASEL_SANDBOX", "1")
    settings = write(file)
    assert (settings.budget.run, settings.budget.day) == (Decimal("0.25"), Decimal(5))
    assert settings.place_of("house", "", {}).base_url == "https://b.example"
    assert settings.sandbox


def test_a_provider_s_usual_variable_counts_where_no_setting_does(write):
    environment = {"HOUSE_BASE_URL": "https://usual.example/v1/"}
    assert write({}).place_of("house", "HOUSE_BASE_URL", environment).base_url == "https://usual.example/v1"
    file = {"providers": {"house": {"base_url": "https://a.example", "options": {"api": "2"}}}}
    assert write(file).place_of("house", "HOUSE_BASE_URL", environment).base_url == "https://a.example"


def test_a_change_counts_at_once(write, tmp_path):
    assert write({"sandbox": True}).sandbox
    (tmp_path / "settings.json").write_text("{}")
    assert not Settings.load(tmp_path).sandbox


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8000", "http://localhost/v1", "http://[::1]:9", "https://x.example"]
)
def test_plain_http_is_for_this_machine_only(write, address):
    assert write({"providers": {"house": {"base_url": address}}}).place_of("house", "", {}).base_url == address


@pytest.mark.parametrize(
    "address",
    [
        "http://house.example",
        "http://127.0.0.1:80@evil.example/",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "house.example",
    ],
)
def test_any_other_address_is_refused(write, address):
    with pytest.raises(SettingsBroken, match=r"providers\.house\.base_url: must begin with https"):
        write({"providers": {"house": {"base_url": address}}})
    with pytest.raises(SettingsBroken, match="HOUSE_BASE_URL cannot be used"):
        write({}).place_of("house", "HOUSE_BASE_URL", {"HOUSE_BASE_URL": address})


@pytest.mark.parametrize("address", ["https://sandbox.example", "http://10.0.0.1:8900"])
def test_a_sandbox_is_on_this_machine(write, address):
    with pytest.raises(SettingsBroken, match="sandbox_url: must be an address of this machine"):
        write({"sandbox_url": address})


@pytest.mark.parametrize(
    "broken",
    [
        "",
        " \n",
        "{",
        "[]",
        "[1]",
        "null",
        '"text"',
        '{"budget": 5}',
        '{"budget": {"run": -1}}',
        '{"budget": {"day": "much"}}',
        "\udcff",
    ],
)
def test_a_setting_that_cannot_be_understood_is_said(write, tmp_path, broken):
    with pytest.raises(SettingsBroken, match="settings cannot be used"):
        if broken == "\udcff":
            (tmp_path / "settings.json").write_bytes(b"\xff\xfe{}")
            Settings.load(tmp_path)
        else:
            write(broken)


def test_an_empty_file_says_what_to_do(write, tmp_path):
    with pytest.raises(SettingsBroken, match=r"settings\.json is empty: write \{\} into it, or delete it"):
        write("")


@pytest.mark.parametrize("meanwhile", ["emptied", "cut", "moved away"])
def test_while_an_editor_writes_the_file_nothing_is_bought_by_other_settings(write, tmp_path, monkeypatch, meanwhile):
    path = tmp_path / "settings.json"
    assert write({"sandbox": True}).sandbox
    if meanwhile == "moved away":
        path.rename(tmp_path / "settings.json~")
    else:
        path.write_text("" if meanwhile == "emptied" else '{"sandbox"')
    finish = partial(path.write_text, '{"sandbox": true, "budget": {"run": 1}}')
    monkeypatch.setattr(settings_file, "time", SimpleNamespace(sleep=lambda seconds: finish()))
    settings = Settings.load(tmp_path)
    assert settings.sandbox
    assert settings.budget.run == 1


def test_a_file_that_is_gone_for_good_settles_nothing_any_more(write, tmp_path):
    assert write({"sandbox": True}).sandbox
    (tmp_path / "settings.json").unlink()
    assert not Settings.load(tmp_path).sandbox


def test_a_secret_in_an_address_is_not_quoted(write):
    with pytest.raises(SettingsBroken) as caught:
        write({"database_url": ["postgresql://user:secret@db/easel"]})
    assert "secret" not in str(caught.value)
