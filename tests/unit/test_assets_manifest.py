"""The manifest: whoever writes, whatever dies, no line is lost and none is half there."""

import json
import subprocess
import sys
import threading

import jsonschema
import pytest

from easel.nodes.assets import manifest
from support.pack import ROOT

PROCESSES, LINES = 8, 40
LONG = 9_000
"""Letters: more than a pipe takes in one piece (PIPE_BUF)."""

WRITER = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from support.pack import load_pack
load_pack()
from easel.nodes.assets import manifest
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[4])):
    manifest.append(Path(sys.argv[2]), {"file": f"{sys.argv[3]}-{number}", "prompt": sys.argv[3] * (number % 2 * 9000)})
"""


def test_eight_processes_that_save_at_once_lose_no_line(tmp_path):
    command = [sys.executable, "-c", WRITER, str(ROOT / "tests"), str(tmp_path)]
    writers = [
        subprocess.Popen([*command, str(name), str(LINES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in range(PROCESSES)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(60) for writer in writers] == [0] * PROCESSES
    lines = [json.loads(line) for line in (tmp_path / manifest.NAME).read_text().splitlines()]
    assert len(lines) == PROCESSES * LINES
    assert {line["file"] for line in lines} == {
        f"{name}-{number}" for name in range(PROCESSES) for number in range(LINES)
    }
    assert all(len(line["prompt"]) in (0, LONG) for line in lines)
    # They really took turns, so the test would see lines that mix.
    assert [line["file"][0] for line in lines] != sorted(line["file"][0] for line in lines)


def test_threads_of_one_process_take_turns_too(tmp_path):
    threads = [
        threading.Thread(target=lambda: [manifest.append(tmp_path, {"file": "x" * 5_000}) for _ in range(10)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(manifest.lines(tmp_path / manifest.NAME))) == 40


def test_a_line_that_a_dead_process_left_half_written_spoils_no_other(tmp_path):
    path = tmp_path / manifest.NAME
    manifest.append(tmp_path, {"file": "first"})
    path.write_bytes(path.read_bytes() + b'{"file": "hal')
    manifest.append(tmp_path, {"file": "second"})
    assert [(number, line["file"]) for number, line in manifest.lines(path)] == [(1, "first"), (3, "second")]


def test_the_schema_is_one_and_refuses_what_it_does_not_know():
    jsonschema.Draft202012Validator.check_schema(manifest.schema())
    good = {"file": "a.png", "width": 1, "height": 1, "pixels": "0" * 64, "saved_at": "2026-11-21T10:00:00+00:00"}
    jsonschema.validate(good, manifest.schema())
    for wrong in (
        {"api_key": "x"},
        {"width": 0},
        {"pixels": "short"},
        {"manifest_version": 2},
        {"manifest_version": 1},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(good | wrong, manifest.schema())
