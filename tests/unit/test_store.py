"""The store: a file is whole or absent."""

import hashlib
import threading

import pytest

from easel.nodes.hosted.engine.store import Store

DATA = bytes(range(256)) * 100


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return Store((tmp_path / "pictures").as_uri() if request.param == "local" else f"memory://{tmp_path.name}")


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_put_is_got_by_the_digest_of_its_bytes(store):
    digest = store.put("live", DATA)
    assert digest == hashlib.sha256(DATA).hexdigest()
    assert store.get("live", digest) == DATA


def test_the_sandbox_and_the_world_are_apart(store):
    digest = store.put("sandbox", DATA)
    assert store.get("live", digest) is None


def test_what_is_missing_is_missing(store):
    assert store.get("live", "0" * 64) is None


@pytest.mark.parametrize("damaged", [b"", DATA[:-1], DATA[:-1] + b"\0", DATA + b"\0"])
def test_a_damaged_file_is_as_good_as_none_and_is_mended_by_the_next_put(tmp_path, damaged):
    store = Store((tmp_path / "pictures").as_uri())
    digest = store.put("live", DATA)
    (file,) = files(tmp_path)
    file.write_bytes(damaged)
    assert store.get("live", digest) is None
    assert store.put("live", DATA) == digest
    assert file.read_bytes() == DATA


def test_what_is_there_is_not_written_again(tmp_path):
    store = Store((tmp_path / "pictures").as_uri())
    store.put("live", DATA)
    (file,) = files(tmp_path)
    before = file.stat()
    store.put("live", DATA)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_write_that_breaks_off_leaves_nothing(tmp_path):
    store = Store((tmp_path / "pictures").as_uri())
    digest = hashlib.sha256(DATA).hexdigest()
    # A folder in the file's place: the rename fails after everything was written.
    blocked = tmp_path / "pictures" / "live" / digest[:2] / digest
    (blocked / "occupied").mkdir(parents=True)
    with pytest.raises(OSError, match=digest):
        store.put("live", DATA)
    assert files(tmp_path) == []


def test_many_may_put_the_same_at_once(store):
    results = []
    threads = [threading.Thread(target=lambda: results.append(store.put("live", DATA))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert store.get("live", results[0]) == DATA
