"""Keys: found where they are promised to be, kept for one host, told to nobody."""

import copy
import json
import os
import pickle
import stat
import threading
from dataclasses import replace

import pytest

from easel.nodes.hosted.engine.account import Account
from easel.nodes.hosted.engine.errors import InvalidKey, MissingKey
from easel.nodes.hosted.engine.keys import KeyFileBroken, Keyring, KeyState, host_of

HOUSE = Account("house", "The House", "https://api.house.example", "HOUSE_API_KEY")
KEY, OTHER, THIRD = "hk-first-000111222", "hk-other-333444555", "hk-third-666777888"


@pytest.fixture
def environment():
    return {}


@pytest.fixture
def keys(tmp_path, environment):
    return Keyring(tmp_path / "state" / "keys.json", environment)


def find(keys, address=HOUSE.address, **named):
    return keys.find(HOUSE, address, **named).reveal()


def test_the_environment_comes_first(keys, environment):
    keys.keep(HOUSE, HOUSE.address, KEY)
    assert find(keys) == KEY
    environment["HOUSE_API_KEY"] = f" {OTHER}\n"
    assert find(keys) == OTHER
    assert keys.find(HOUSE, HOUSE.address).source == "HOUSE_API_KEY"
    environment["HOUSE_API_KEY"] = "  "
    assert find(keys) == KEY


def test_a_missing_key_says_where_to_put_it(keys):
    with pytest.raises(MissingKey, match=r"The House key: set the environment variable HOUSE_API_KEY, or save"):
        find(keys)
    with pytest.raises(MissingKey, match=r'in the profile "client-a": set .* HOUSE_API_KEY__CLIENT_A'):
        find(keys, profile="client-a")


def test_profiles_are_apart(keys, environment):
    keys.keep(HOUSE, HOUSE.address, KEY)
    keys.keep(HOUSE, HOUSE.address, OTHER, "client-a")
    environment["HOUSE_API_KEY__CLIENT_B"] = THIRD
    assert [find(keys, profile=name) for name in ("default", "client-a", "client-b")] == [KEY, OTHER, THIRD]


@pytest.mark.parametrize("profile", ["", "Upper", "a b", "../up", "x" * 33, "-x", "a\n"])
def test_a_profile_that_cannot_be_one_is_refused(keys, profile):
    with pytest.raises(InvalidKey, match="profile"):
        keys.keep(HOUSE, HOUSE.address, KEY, profile)


@pytest.mark.parametrize("value", ["", "k3y", "has a space in it", "has\nbreak-in-it", "ünïcode-key", "x" * 600])
def test_what_cannot_be_a_key_is_refused_without_quoting_it(keys, environment, value):
    with pytest.raises(InvalidKey) as caught:
        keys.keep(HOUSE, HOUSE.address, value)
    assert not value or value not in str(caught.value)
    environment["HOUSE_API_KEY"] = value
    with pytest.raises((InvalidKey, MissingKey)) as caught:
        find(keys)
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["https://evil.example", "https://api.house.example:8443", "https://api.house.example@evil.example"]
)
def test_a_saved_key_goes_to_no_other_host(keys, address):
    keys.keep(HOUSE, HOUSE.address, KEY)
    with pytest.raises(InvalidKey, match=r"is for api\.house\.example") as caught:
        find(keys, address)
    assert KEY not in str(caught.value)


def test_a_host_is_told_from_what_only_looks_like_it():
    assert host_of("https://API.house.example/v1") == "api.house.example"
    assert host_of("https://api.house.example@evil.example/") == "evil.example"
    assert host_of("http://127.0.0.1:80/x") == "127.0.0.1:80"


@pytest.mark.skipif(os.name != "posix", reason="modes are a thing of POSIX")
def test_the_file_and_its_folder_are_their_owner_s_only(keys, tmp_path):
    before = os.umask(0)
    try:
        keys.keep(HOUSE, HOUSE.address, KEY)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state" / "keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    (tmp_path / "state" / "keys.json").chmod(0o644)
    keys.keep(HOUSE, HOUSE.address, OTHER)
    assert stat.S_IMODE((tmp_path / "state" / "keys.json").stat().st_mode) == 0o600


def test_a_changed_and_a_forgotten_key_work_at_once(keys, tmp_path):
    keys.keep(HOUSE, HOUSE.address, KEY)
    another = Keyring(tmp_path / "state" / "keys.json", {})
    another.keep(HOUSE, HOUSE.address, OTHER)
    assert find(keys) == OTHER
    assert another.forget("house")
    assert not another.forget("house")
    with pytest.raises(MissingKey):
        find(keys)


def test_the_file_is_whole_at_every_moment_and_no_key_is_lost(keys, tmp_path):
    path = tmp_path / "state" / "keys.json"
    keys.keep(HOUSE, HOUSE.address, KEY)
    done = threading.Event()
    looks = []

    def look():
        while not done.is_set():
            looks.append(len(json.loads(path.read_bytes())["house"]))

    def write(number):
        for turn in range(5):
            keys.keep(HOUSE, HOUSE.address, f"{KEY}-{number}-{turn}", f"p{number}")

    reader = threading.Thread(target=look)
    writers = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert looks == sorted(looks)
    assert [find(keys, profile=f"p{number}") for number in range(6)] == [f"{KEY}-{number}-4" for number in range(6)]
    assert [entry.name for entry in path.parent.iterdir()] == ["keys.json"]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere an open file cannot be replaced")
def test_who_reads_while_a_key_is_written_reads_the_old_file_to_its_end(keys, tmp_path):
    keys.keep(HOUSE, HOUSE.address, KEY)
    with (tmp_path / "state" / "keys.json").open() as reading:
        keys.keep(HOUSE, HOUSE.address, OTHER)
        assert json.load(reading)["house"]["default"]["key"] == KEY
    assert find(keys) == OTHER


def test_a_broken_file_is_said_and_never_overwritten(keys, tmp_path):
    keys.keep(HOUSE, HOUSE.address, KEY)
    path = tmp_path / "state" / "keys.json"
    path.write_text(f'{{"house": "{KEY}')
    for attempt in (lambda: find(keys), lambda: keys.keep(HOUSE, HOUSE.address, OTHER), lambda: keys.forget("house")):
        with pytest.raises(KeyFileBroken, match="move it away") as caught:
            attempt()
        assert KEY not in str(caught.value)
    assert path.read_text() == f'{{"house": "{KEY}'


def test_only_that_a_key_is_there_is_told(keys, environment):
    environment.update(HOUSE_API_KEY=KEY, HOUSE_API_KEY__CLIENT_B=OTHER)
    keys.keep(HOUSE, HOUSE.address, THIRD, "client-a")
    states = list(keys.states({"house": HOUSE}))
    assert states == [
        KeyState("house", "default", "environment", "HOUSE_API_KEY"),
        KeyState("house", "client_b", "environment", "HOUSE_API_KEY__CLIENT_B"),
        KeyState("house", "client-a", "file", "api.house.example"),
    ]
    assert not any(key in repr(states) for key in (KEY, OTHER, THIRD))


def test_a_key_shows_itself_only_when_asked(keys, environment):
    environment["HOUSE_API_KEY"] = KEY
    key = keys.find(HOUSE, HOUSE.address)
    assert KEY not in f"{key!r} {key!s} {vars(key)}"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never"):
            leak(key)


def test_every_key_is_taken_out_of_a_text(keys, environment):
    environment.update(HOUSE_API_KEY=KEY, SOME_OTHER_TOKEN="tok-abcdefgh", PATH="/usr/bin:/bin")
    keys.keep(HOUSE, HOUSE.address, OTHER, "client-a")
    text = f"Bearer {KEY}, {OTHER}; hk-ot*********555; tok-abcdefgh; /usr/bin:/bin"
    assert keys.redact(text) == "Bearer [key], [key]; [key]; [key]; /usr/bin:/bin"


def test_a_key_is_taken_out_after_it_was_changed_and_while_its_file_is_broken(keys, tmp_path):
    keys.keep(HOUSE, HOUSE.address, KEY)
    find(keys)
    keys.keep(HOUSE, HOUSE.address, OTHER)
    find(keys)
    (tmp_path / "state" / "keys.json").write_text("broken")
    assert keys.redact(f"{KEY} {OTHER}") == "[key] [key]"


def test_an_open_server_of_the_operator_s_own_is_asked_without_a_key(keys):
    open_house = replace(HOUSE, needs_key=False)
    with pytest.raises(MissingKey):
        keys.find(HOUSE, HOUSE.address)
    assert keys.find(open_house, HOUSE.address).reveal() == ""
    with pytest.raises(MissingKey):
        keys.find(open_house, HOUSE.address, "client-a")
    keys.keep(open_house, HOUSE.address, "a-real-secret")
    assert keys.find(open_house, HOUSE.address).reveal() == "a-real-secret"
