"""The command line beside a real ComfyUI: every row once, whatever is killed meanwhile."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support.comfy import PRIVATE, ROOT, ComfyServer, free_port

ROWS = 40
CLOSED = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, sandbox_process: Any) -> Any:
    if not os.environ.get("COMFYUI_PATH"):
        pytest.skip("set COMFYUI_PATH, or run `python3 dev.py test`")
    server = ComfyServer(tmp_path_factory.mktemp("shop"), sandbox_url=sandbox_process.url).start()
    yield server
    server.stop()


@pytest.fixture
def bench(shop: ComfyServer, sandbox: Any, tmp_path: Path) -> Bench:
    sandbox.call("POST", "/sandbox/settings", {"latency": 0, "job_seconds": 0})
    return Bench(shop, sandbox, tmp_path)


class Bench:
    """A workflow, a table, and the command that joins them."""

    def __init__(self, shop: ComfyServer, sandbox: Any, folder: Path) -> None:
        self.shop, self.sandbox, self.folder = shop, sandbox, folder
        info = shop.get("/object_info/EaselGptImageGenerate").body["EaselGptImageGenerate"]["input"]["required"]
        usual = {name: _usual(entry) for name, entry in info.items()}
        small = {"size": "custom", "custom_width": 816, "custom_height": 816, "quality": "low"}
        draw = {"class_type": "EaselGptImageGenerate", "inputs": {**usual, **small}, "_meta": {"title": "Draw"}}
        named = {"images": ["1", 0], "filename_prefix": f"{folder.name}/row", "format": "jpeg", "quality": 50}
        self.workflow = folder / "flow.json"
        self.workflow.write_text(json.dumps({"1": draw, "2": {"class_type": "EaselSavePictures", "inputs": named}}))
        self.table = folder / "rows.csv"
        self.record = folder / "rows.csv.easel.jsonl"

    def rows(self, count: int, word: str) -> None:
        with self.table.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["prompt", "Draw.take", "note"])
            out.writerows([f"{word} number {number}", number, "said, and not used"] for number in range(count))

    def command(self, *more: str, server: str = "") -> list[str]:
        told = [str(self.workflow), "--table", str(self.table), "--server", server or self.shop.url, *more]
        return [sys.executable, str(ROOT), "run", *told]

    def run(self, *more: str, server: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*more, server=server), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def start(self, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command(*more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def done(self) -> int:
        return self.record.read_text(encoding="utf-8").count('"done"') if self.record.exists() else 0

    def until_done(self, count: int) -> None:
        end = time.monotonic() + 60
        while self.done() < count:
            assert time.monotonic() < end, "the rows did not get done"
            time.sleep(0.05)

    def last(self) -> dict[int, dict[str, Any]]:
        """The last that was written of each row."""
        lines = [json.loads(line) for line in self.record.read_text(encoding="utf-8").splitlines() if line]
        return {line["row"]: line for line in lines}

    def ledger(self) -> list[float]:
        """What the books say of the runs of this table, in US dollars."""
        runs = tuple(line["run"] for line in self.last().values())
        with sqlite3.connect(self.shop.user_dir / "__easel/easel.db") as database:
            marks = ",".join("?" * len(runs))
            found = database.execute(f"SELECT usd_micros FROM ledger WHERE run IN ({marks})", runs).fetchall()
        return [micros / 1e6 for (micros,) in found]


def _usual(entry: Sequence[Any]) -> Any:
    kind, options = entry[0], entry[1] if len(entry) > 1 else {}
    choices = kind if isinstance(kind, list) else options.get("options")
    return options.get("default", choices[0] if choices else "")


def test_a_table_that_was_killed_in_the_middle_is_finished_and_paid_once(bench):
    bench.rows(ROWS, "boat")
    first = bench.start()
    bench.until_done(ROWS // 3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert bench.done() < ROWS
    said = bench.run().stdout
    assert "are done already" in said and "0 failed" in said
    last = bench.last()
    assert sorted(last) == list(range(1, ROWS + 1))
    assert {line["state"] for line in last.values()} == {"done"}
    assert all(len(line["files"]) == 1 for line in last.values())
    bill = sum(bench.sandbox.charges())
    assert len(bench.sandbox.charges()) == ROWS and bill > 0
    assert sum(bench.ledger()) == pytest.approx(bill)
    assert sum(line["usd"] for line in last.values()) == pytest.approx(bill)
    again = bench.run().stdout
    assert f"{ROWS} of {ROWS} rows are done already" in again
    assert len(bench.sandbox.charges()) == ROWS


def test_stopped_by_hand_it_lets_finish_what_runs_and_takes_back_the_rest(bench):
    bench.rows(12, "kite")
    bench.sandbox.latency(0.4)
    run = bench.start("--queue", "6")
    bench.until_done(2)
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 1 and "Call again to go on" in out
    states = {line["state"] for line in bench.last().values()}
    assert "posted" not in states and "withdrawn" in states
    assert bench.shop.get("/queue").body["queue_pending"] == []
    bench.sandbox.latency(0)
    bench.run()
    assert len(bench.sandbox.charges()) == 12


def test_a_row_that_fails_is_told_and_tried_again_by_the_next_call(bench):
    bench.rows(4, "sail")
    bench.sandbox.fault("insufficient_quota", times=1)
    said = bench.run("--queue", "1", code=1).stdout
    assert "3 rows done, 1 failed" in said and "no credit left" in said
    assert "1 rows done, 0 failed" in bench.run().stdout
    assert len(bench.sandbox.charges()) == 4


def test_rows_that_all_fail_alike_stop_the_run(bench):
    bench.rows(20, "reef")
    bench.sandbox.fault("bad_key")
    said = bench.run("--stop-after", "3", "--queue", "1", code=1)
    assert "3 rows in a row failed" in said.stderr
    assert len(bench.last()) <= 5
    assert bench.sandbox.charges() == []


def test_the_same_row_twice_is_run_once_and_an_estimate_says_so(bench):
    bench.table.write_text("prompt\na quay\na quay\na pier\n")
    said = bench.run().stdout
    assert "Estimate: $0.0" in said and "1 of 3 rows are done already, or the same as another" in said
    assert len(bench.sandbox.charges()) == 2


def test_nothing_is_begun_where_something_is_wrong_before(bench):
    bench.rows(2, "rock")
    assert "No ComfyUI answers" in bench.run(server=CLOSED, code=2).stderr
    assert "no input 1.prom" in bench.run("--map", "note=1.prom", code=2).stderr
    bench.table.write_text("prompt,Draw.take\na rock,one\n")
    assert "Row 1, column Draw.take: 'one' is not a whole number" in bench.run(code=2).stderr
    assert bench.sandbox.submissions() == 0


def pack(*told: str, **options: Any) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not PRIVATE.search(name)} | options.pop("env", {})
    return subprocess.run([sys.executable, *told], capture_output=True, text=True, timeout=60, check=False, env=env)


def test_doctor_and_spending_need_neither_comfyui_nor_torch(tmp_path):
    folder = tmp_path / "__easel"
    folder.mkdir(mode=0o700)
    script = (
        "import runpy, sys; sys.argv = [sys.argv[1], *sys.argv[2:]]; sys.path.insert(0, sys.argv[0])\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "assert not {'torch', 'comfy', 'folder_paths'} & set(sys.modules); sys.exit(code)"
    )
    closed = f"http://127.0.0.1:{free_port()}"
    sick = pack("-c", script, str(ROOT), "doctor", "--state", str(folder), "--server", closed, "--offline")
    assert sick.returncode == 1 and "There is no key at all" in sick.stdout, sick.stderr
    key = {"OPENAI_API_KEY": "sk-a-key-that-nobody-may-see"}
    well = pack("-c", script, str(ROOT), "doctor", "--state", str(folder), "--offline", env=key)
    assert well.returncode == 0 and "OPENAI_API_KEY" in well.stdout and key["OPENAI_API_KEY"] not in well.stdout
    (folder / "settings.json").write_text('{"budget": {"day": -1}}')
    broken = pack(str(ROOT), "doctor", "--state", str(folder), "--offline", env=key)
    assert broken.returncode == 1 and "budget.day" in broken.stdout
    (folder / "settings.json").unlink()
    books = pack("-c", script, str(ROOT), "spending", "--state", str(folder))
    assert books.returncode == 0 and "$0.00 for 0 purchases" in books.stdout, books.stderr
    lost = pack(str(ROOT), "spending", "--state", str(tmp_path / "nowhere"))
    assert lost.returncode == 2 and "There is no folder" in lost.stderr


def test_the_books_of_a_table_can_be_had_as_a_table(bench, tmp_path):
    bench.rows(2, "oars")
    bench.run()
    file = tmp_path / "books.csv"
    done = pack(
        str(ROOT),
        "spending",
        "--state",
        str(bench.shop.user_dir / "__easel"),
        "--sandbox",
        "--by",
        "lines",
        "--csv",
        str(file),
    )
    assert done.returncode == 0, done.stderr
    runs = {line["run"] for line in bench.last().values()}
    lines = [line for line in csv.DictReader(file.open(encoding="utf-8")) if line["run"] in runs]
    assert len(lines) == 2
    assert sum(float(line["usd"]) for line in lines) == pytest.approx(sum(bench.sandbox.charges()))
