"""Tables, the inputs their columns go into, the record of what is done, and who is asked before it costs."""

import argparse
import contextlib
import datetime as dt
import http.server
import json
import os
import sqlite3
import subprocess
import sys
import threading
import types

import pytest

from easel.nodes.headless.cli import PACK
from easel.nodes.headless.graph import Workflow, digest_of
from easel.nodes.headless.jobs import Plan, Price
from easel.nodes.headless.problem import Problem
from easel.nodes.headless.record import Entry, Record, path_beside
from easel.nodes.headless.run_command import _agreed, run
from easel.nodes.headless.server import Server
from easel.nodes.headless.spending_command import spending
from easel.nodes.headless.table import Table
from easel.nodes.hosted.engine.database import open_database, sqlite_url

NODES = {
    "3": {
        "class_type": "Draw",
        "inputs": {"text": "a boat", "seed": 7, "strength": 0.5, "tile": False, "model": ["4", 0]},
        "_meta": {"title": "My Drawing"},
    },
    "4": {"class_type": "Load", "inputs": {"name": "x"}},
    "9": {"class_type": "Save", "inputs": {"images": ["3", 0], "name": "out", "quality": 90}},
}


@pytest.fixture
def workflow(tmp_path):
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(NODES))
    return Workflow.read(path)


def table(tmp_path, text, name="rows.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Table(path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("text,seed\na cat,1\n\na dog,2\n", "rows.csv"),
        ("\ufefftext;seed\r\na cat;1\r\na dog;2\r\n", "rows.csv"),
        ("text\tseed\na cat\t1\na dog\t2\n", "rows.tsv"),
        ('{"text": "a cat", "seed": 1}\n\n{"text": "a dog", "seed": 2}\n', "rows.jsonl"),
    ],
)
def test_every_kind_of_table_gives_the_same_rows(tmp_path, text, name):
    rows = [row for _, row in table(tmp_path, text, name).rows()]
    assert [(row["text"], int(row["seed"])) for row in rows] == [("a cat", 1), ("a dog", 2)]


def test_a_cell_may_have_lines_and_commas(tmp_path):
    (row,) = [row for _, row in table(tmp_path, 'text,seed\n"a cat,\non a mat",1\n').rows()]
    assert row["text"] == "a cat,\non a mat"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("text,seed\na cat\n", "rows.csv", "Line 2 .* as many cells"),
        ("text,seed\na cat,1,2\n", "rows.csv", "Line 2 .* as many cells"),
        ('{"text": 1}\n[1]\n', "rows.jsonl", "Line 2 .* no JSON object"),
        (b"text\n\xff\xfe\n", "rows.csv", "UTF-8"),
        ("text,seed,text\na cat,1,a dog\n", "rows.csv", "two columns text"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path, text, name, said):
    with pytest.raises(Problem, match=said):
        list(table(tmp_path, text, name).rows())


def test_a_folder_is_no_table_and_no_workflow(tmp_path):
    with pytest.raises(Problem, match="cannot be read"):
        Table(tmp_path).columns()
    with pytest.raises(Problem, match="cannot be read"):
        Workflow.read(tmp_path)


def test_columns_without_a_name_at_the_side_go_nowhere(tmp_path, workflow):
    rows = table(tmp_path, "text,,\na cat,,\n")
    assert list(workflow.targets(rows.columns(), []).values()) == ["text"]


def test_no_json_line_has_a_column_that_is_passed_over(tmp_path):
    assert table(tmp_path, '{"text": "a"}\n{"text": "b", "seed": 2}\n', "rows.jsonl").columns() == ["text", "seed"]


def test_columns_find_their_inputs(workflow):
    found = workflow.targets(["text", "My Drawing.seed", "9.name", "kind", "note"], ["kind=3.tile"])
    assert {column: str(target) for target, column in found.items()} == {
        "text": "3.text",
        "My Drawing.seed": "3.seed",
        "9.name": "9.name",
        "kind": "3.tile",
    }


def test_what_is_mapped_goes_before_a_column_of_that_name(workflow):
    targets = workflow.targets(["french", "text"], ["french=3.text"])
    assert workflow.filled({"text": "a cat", "french": "un chat"}, targets, 1)["3"]["inputs"]["text"] == "un chat"


def test_a_column_may_go_into_several_inputs(workflow):
    targets = workflow.targets(["title"], ["title=3.text", "title=9.name"])
    nodes = workflow.filled({"title": "cat"}, targets, 1)
    assert (nodes["3"]["inputs"]["text"], nodes["9"]["inputs"]["name"]) == ("cat", "cat")


@pytest.mark.parametrize(
    ("columns", "mapped", "said"),
    [
        (["name"], [], "No column .* belongs"),
        (["text", "3.text"], [], "columns text and 3.text both belong to 3.text"),
        (["a", "b"], ["a=3.text", "b=3.text"], "columns a and b both belong"),
        (["text"], ["other=3.text"], "no column other"),
        (["text"], ["text=3.texts"], "no input 3.texts"),
        (["text"], ["text"], "column=NODE.input"),
    ],
)
def test_what_cannot_be_mapped_is_said_with_what_can(workflow, columns, mapped, said):
    with pytest.raises(Problem, match=said):
        workflow.targets(columns, mapped)


def test_cells_become_what_the_workflow_has_there(workflow):
    columns = ["text", "seed", "strength", "tile"]
    targets = workflow.targets(columns, [])
    row = {"text": "12", "seed": "18446744073709551615", "strength": "1", "tile": "yes"}
    inputs = workflow.filled(row, targets, 1)["3"]["inputs"]
    assert inputs == {"text": "12", "seed": 18446744073709551615, "strength": 1.0, "tile": True, "model": ["4", 0]}
    assert isinstance(inputs["strength"], float)
    assert workflow.filled({"seed": "3.0"}, targets, 1)["3"]["inputs"]["seed"] == 3
    assert workflow.filled({"text": "", "seed": ""}, targets, 1) == NODES


@pytest.mark.parametrize(
    ("column", "cell", "kind"),
    [
        ("seed", "x", "whole"),
        ("seed", "1.5", "whole"),
        ("seed", 1.5, "whole"),
        ("tile", "maybe", "true"),
        ("strength", "nan", "number"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(workflow, column, cell, kind):
    with pytest.raises(Problem, match=f"Row 7, column {column}: '{cell}' is not .*{kind}"):
        workflow.filled({column: cell}, workflow.targets([column], []), 7)


def test_no_cell_becomes_a_link(workflow):
    with pytest.raises(Problem, match="a cell is a text"):
        workflow.filled({"text": ["4", 0]}, workflow.targets(["text"], []), 1)


def test_a_whole_number_in_an_input_for_fractions_takes_them(workflow):
    targets = workflow.targets(["seed", "quality", "tile"], [])
    typed = workflow.with_fractions(lambda kind, name: (kind, name) == ("Save", "quality"), targets)
    assert typed.filled({"quality": "87.5"}, targets, 1)["9"]["inputs"]["quality"] == 87.5
    with pytest.raises(Problem, match="not a whole number"):
        typed.filled({"seed": "87.5"}, targets, 1)


@pytest.mark.parametrize(
    ("told", "said"),
    [("{", "no JSON"), ('{"nodes": []}', r"Export \(API\)"), ("{}", "API format"), ("[]", "API format")],
)
def test_what_is_no_exported_workflow_is_refused(tmp_path, told, said):
    path = tmp_path / "flow.json"
    path.write_text(told)
    with pytest.raises(Problem, match=said):
        Workflow.read(path)


def test_only_what_is_not_done_is_left_and_the_same_only_once(workflow, tmp_path):
    rows = table(tmp_path, "text,note\na cat,1\na dog,2\na cat,3\na cow,4\n")
    plan = Plan(workflow, rows, workflow.targets(rows.columns(), []))
    path = path_beside(rows.path)
    record = Record(path)
    assert [job.row for job in plan.left(record)] == [1, 2, 4]
    jobs = list(plan.jobs())
    record.write(Entry(jobs[1].digest, 2, "posted", "http://a", "run-2"))
    record.write(Entry(jobs[3].digest, 4, "posted", "http://a", "run-4"))
    record.write(Entry(jobs[3].digest, 4, "done", "http://a", "run-4", 0.04, ["a.png"]))
    record.close()
    with path.open("a") as file:
        file.write('{"digest": "cut sho')
    again = Record(path)
    assert [job.row for job in plan.left(again)] == [1, 2]
    assert again.of(jobs[1].digest).run == "run-2"
    again.write(Entry(jobs[0].digest, 1, "done"))
    again.close()
    last = Record(path)
    assert [job.row for job in plan.left(last)] == [2], "what is written after a line that was cut short is lost"
    last.close()


def test_two_runs_never_share_a_table(workflow, tmp_path):
    path = tmp_path / "rows.csv.easel.jsonl"
    first = Record(path)
    with pytest.raises(Problem, match="Another run"):
        Record(path)
    first.close()
    Record(path).close()


def test_forgetting_does_not_get_past_a_run_that_is_at_work(tmp_path):
    path = tmp_path / "rows.csv.easel.jsonl"
    first = Record(path)
    first.write(Entry("ab", 1, "posted"))
    with pytest.raises(Problem, match="Another run"):
        Record(path, anew=True)
    first.close()
    assert "posted" in path.read_text(encoding="utf-8")
    anew = Record(path, anew=True)
    assert anew.of("ab") is None
    anew.close()
    assert "posted" in path.read_text(encoding="utf-8"), "nothing was begun, so nothing is forgotten"
    anew = Record(path, anew=True)
    for entry in (Entry("cd", 1, "posted"), Entry("cd", 1, "done")):
        anew.write(entry)
    anew.close()
    after = Record(path)
    assert after.of("ab") is None and after.is_done("cd")
    after.close()


def test_a_record_that_cannot_be_written_is_said_before_anything_is_begun(tmp_path):
    path = tmp_path / "rows.csv.easel.jsonl"
    path.mkdir()
    for _ in range(2):
        with pytest.raises(Problem, match="cannot be written"):
            Record(path)


def test_a_record_that_ends_in_the_middle_of_a_letter_goes_on(tmp_path):
    path = tmp_path / "rows.csv.easel.jsonl"
    record = Record(path)
    record.write(Entry("ab", 1, "done"))
    record.write(Entry("cd", 2, "failed", error="kein Geld für é"))
    record.close()
    path.write_bytes(path.read_bytes().partition("é".encode())[0] + b"\xc3")
    again = Record(path)
    assert again.is_done("ab") and again.of("cd") is None
    again.close()


def test_servers_of_two_kinds_are_not_mixed(workflow, tmp_path, real_server, monkeypatch):
    monkeypatch.setattr(Server, "is_sandbox", lambda server: server.url != real_server.url)
    path = table(tmp_path, "text\na cat\n").path
    urls = [real_server.url, real_server.url.replace("127.0.0.1", "localhost")]
    told = argparse.Namespace(workflow=tmp_path / "flow.json", table=path, map=[], server=urls, again=False)
    with pytest.raises(Problem, match="sandbox mode"):
        run(told)


def test_another_workflow_is_another_row():
    changed = {**NODES, "4": {"class_type": "Load", "inputs": {"name": "y"}}}
    assert digest_of(NODES) != digest_of(changed)


@pytest.fixture
def real_server():
    """Says that it is no sandbox."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"sandbox": false}')

        def log_message(self, *told):
            """Nothing."""

    listening = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield Server(f"http://127.0.0.1:{listening.server_port}")
    listening.shutdown()


@pytest.mark.parametrize(
    ("usd", "is_floor", "yes", "agreed"),
    [(0.5, False, False, True), (1.5, False, False, None), (0.5, True, False, None), (99.0, True, True, True)],
)
def test_above_the_limit_nothing_is_begun_without_a_yes(real_server, usd, is_floor, yes, agreed, capsys):
    told = argparse.Namespace(yes=yes, limit=1.0)
    cost = Price(usd, 0.25, is_floor, ["row 1, node 1: nobody knows"])
    if agreed:
        assert _agreed(cost, [real_server], told)
    else:
        with pytest.raises(Problem, match="above the limit"):
            _agreed(cost, [real_server], told)
    said = capsys.readouterr().out
    assert "nobody knows" in said and "kept from before" in said and ("at least" in said) == is_floor


def test_a_question_that_nobody_answers_is_a_no(real_server, monkeypatch):
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(isatty=lambda: True))

    def ended(_question):
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    assert not _agreed(Price(9.0, 0.0, False, []), [real_server], argparse.Namespace(yes=False, limit=1.0))


@pytest.mark.parametrize("books", ["sqlite:///{folder}/rubbish.db", "nothing://that/is/known"])
def test_books_that_cannot_be_opened_are_said_in_words(tmp_path, monkeypatch, books):
    (tmp_path / "rubbish.db").write_text("no database, though long enough to be looked at")
    monkeypatch.setenv("EASEL_DATABASE_URL", books.format(folder=tmp_path))
    told = argparse.Namespace(state=tmp_path, pack=tmp_path, sandbox=False, since="", by="day", csv=None)
    with pytest.raises(Problem, match="look at EASEL_DATABASE_URL"):
        spending(told)


def test_letters_that_a_console_lacks_stop_nothing(tmp_path):
    folder = tmp_path / "猫"
    folder.mkdir(mode=0o700)
    told = [sys.executable, str(PACK), "doctor", "--offline", "--state", str(folder)]
    env = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(told, capture_output=True, timeout=60, check=False, env=env)
    assert done.stderr == b"" and b"There is no key at all" in done.stdout


def test_a_reader_who_has_seen_enough_gets_no_stack_trace(tmp_path):
    told = [sys.executable, str(PACK), "doctor", "--offline", "--state", str(tmp_path)]
    reader, writer = os.pipe()
    os.close(reader)
    env = os.environ | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run(told, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False, env=env)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_spending_shows_one_kind_of_books_since_a_day(tmp_path, capsys):
    open_database(sqlite_url(tmp_path / "easel.db")).dispose()
    columns = "purchase_id, at, realm, provider, operation, model, profile, run, workflow, pictures, usd_micros, source"
    with contextlib.closing(sqlite3.connect(tmp_path / "easel.db")) as books, books:
        for realm, day, usd in (("live", 1, 3), ("live", 20, 2), ("sandbox", 20, 7)):
            at = dt.datetime(2026, 11, day, 12).timestamp()
            line = (str(usd), at, realm, "bfl", "draw", "flux", "default", "", "", 1, usd * 1_000_000, "reported")
            books.execute(f"INSERT INTO ledger ({columns}) VALUES ({', '.join('?' * len(line))})", line)
    told = argparse.Namespace(state=tmp_path, pack=tmp_path, sandbox=False, since="2026-11-10", by="model", csv=None)
    assert spending(told) == 0 and "$2.00 for 1 purchase since 2026-11-10" in capsys.readouterr().out
    told.sandbox = True
    assert spending(told) == 0 and "SANDBOX (nothing was charged): $7.00" in capsys.readouterr().out
    told.csv = tmp_path / "books.csv"
    assert spending(told) == 0 and told.csv.read_bytes().count(b"\r") == 0 and b",7.0,1," in told.csv.read_bytes()
