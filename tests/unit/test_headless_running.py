"""Rows at a server that forgets, fails and comes back: each is told of once, and asks for the same pictures again."""

import errno
import http.server
import json
import threading

import pytest

from easel.nodes.headless import jobs
from easel.nodes.headless.graph import Target, Workflow, digest_of, drawn
from easel.nodes.headless.jobs import Job, Plan, price
from easel.nodes.headless.record import Entry, Record
from easel.nodes.headless.run_command import _dearest, _summed
from easel.nodes.headless.running import Runner, _Desk
from easel.nodes.headless.server import Server, Unreachable
from easel.nodes.headless.table import Table


class Stand:
    """A stand-in for ComfyUI: every graph is done at once, unless told otherwise."""

    def __init__(self):
        self.posted, self.history, self.waits, self.runs, self.node_errors = [], {}, [], [], {}
        self.on_delete = lambda runs: None
        self.price, self.on_post = 0.0, lambda run: None
        self.forgets, self.outages, self.error, self.spending = 0, [], "", {"usd": 0.25}

    def answer(self, path, body):
        """Status and JSON."""
        if path in self.outages:
            self.outages.remove(path)
            return 503, {}
        if path == "/easel/estimate":
            return 200, {"usd": self.price, "kept_usd": 0.0, "at_least": self.price is None, "nodes": {}}
        if path == "/prompt":
            self.on_post(body["prompt_id"])
            self.posted.append((body["prompt_id"], body["prompt"]))
            if self.forgets:
                self.forgets -= 1
            else:
                messages = [["execution_error", {"exception_message": self.error}]] if self.error else []
                self.history[body["prompt_id"]] = {"outputs": {}, "status": {"messages": messages}}
            return 200, {"node_errors": self.node_errors}
        if path == "/queue":
            if "delete" in body:
                self.on_delete(body["delete"])
            return 200, {
                "queue_running": [[0, run] for run in self.runs],
                "queue_pending": [[0, run] for run in self.waits],
            }
        if path == "/easel/spending/runs":
            return (200, self.spending) if self.spending else (400, {"error": "The books are locked."})
        run = path.rpartition("/")[2]
        return 200, {run: self.history[run]} if run in self.history else {}

    def seeds(self):
        return [graph["1"]["inputs"]["seed"] for _, graph in self.posted]


def served(stand):
    """Its server, at an address of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            status, told = stand.answer(self.path, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(told if isinstance(told, bytes) else json.dumps(told).encode())

        do_GET = do_POST

        def log_message(self, *told):
            """Nothing."""

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, args=[0.02], daemon=True).start()
    stand.url = f"http://127.0.0.1:{listening.server_port}"
    return listening


@pytest.fixture
def stands():
    """Two of them."""
    both = [Stand(), Stand()]
    listening = [served(stand) for stand in both]
    yield both
    for one in listening:
        one.shutdown()


@pytest.fixture
def stand(stands):
    return stands[0]


@pytest.fixture
def record(tmp_path):
    record = Record(tmp_path / "rows.csv.easel.jsonl")
    yield record
    record.close()


def job(row, **inputs):
    graph = {"1": {"class_type": "EaselFluxGenerate", "inputs": {"prompt": f"boat {row}", "seed": -1, **inputs}}}
    return Job(row, digest_of(graph), graph)


def ran(stand, record, *jobs, beside=()):
    servers = [Server(one.url) for one in (stand, *beside)]
    runner = Runner(servers, record, iter(jobs), lambda _: None, queue=4, patience=5, stop_after=5)
    runner.start()
    runner.wait()
    return runner


def test_a_row_that_the_server_forgot_asks_for_the_very_same_again(stand, record):
    stand.forgets = 2
    assert ran(stand, record, job(1)).tally.done == 1
    assert len({run for run, _ in stand.posted}) == 1, "what it was charged under its first id would not be counted"
    assert len(stand.posted) == 3 and len(set(stand.seeds())) == 1 and stand.seeds()[0] >= 0
    assert record.of(job(1).digest).usd == 0.25


def test_a_row_that_failed_asks_for_what_it_has_bought_already(stand, record):
    stand.error = "no credit left"
    assert ran(stand, record, job(1)).tally.failed == 1
    stand.error = ""
    assert ran(stand, record, job(1), job(2)).tally.done == 2
    first, again, other = stand.seeds()
    assert first == again != other and stand.posted[0][0] != stand.posted[1][0]


def test_only_a_seed_that_easel_draws_is_drawn_here():
    kept = [job(1, seed=7), job(1, take=0), job(1, seed=["2", 0])]
    assert all(drawn(one.graph, "run") == one.graph for one in kept)
    foreign = {"1": {"class_type": "KSampler", "inputs": {"seed": -1}}}
    assert drawn(foreign, "run") == foreign
    linked = {**job(1, seed=["2", 0]).graph, "2": {"class_type": "PrimitiveInt", "inputs": {"value": -1}}}
    assert drawn(linked, "run")["1"]["inputs"]["seed"] >= 0 and drawn(linked, "run")["2"] == linked["2"]
    assert drawn(job(1).graph, "run") == drawn(job(1).graph, "run") != drawn(job(1).graph, "another")


def test_a_server_that_falls_silent_between_two_rows_loses_none(stand, record):
    entries = [Entry(job(row).digest, row, "posted", stand.url, f"run-{row}", draw="d") for row in (1, 2)]
    for entry in entries:
        record.write(entry)
        stand.history[entry.run] = {"outputs": {}, "status": {}}
    stand.outages = ["/history/run-2"]
    assert ran(stand, record, job(1), job(2)).tally.done == 2
    assert stand.posted == [] and all(record.is_done(entry.digest) for entry in entries)


def test_books_that_cannot_be_read_stop_the_run_in_words(stand, record):
    stand.spending = None
    assert "The books are locked" in str(ran(stand, record, job(1)).problem)
    assert record.of(job(1).digest).state == "posted", "the next call looks for it"


def test_a_run_is_written_down_before_the_server_has_it(stand, record):
    known = []
    stand.on_post = lambda run: known.append(run in record.path.read_text(encoding="utf-8"))
    ran(stand, record, job(1))
    assert known == [True]


def test_a_row_that_one_server_has_goes_to_no_other(stands, record):
    first, second = stands
    record.write(Entry(job(1).digest, 1, "posted", second.url, "run-1"))
    second.history["run-1"] = {"outputs": {}, "status": {}}
    assert ran(first, record, job(1), beside=[second]).tally.done == 1
    record.write(Entry(job(2).digest, 2, "posted", "http://gone.example", "run-2"))
    left = ran(first, record, job(2), beside=[second]).tally
    assert left.unknown == 1 and "add --server http://gone.example" in next(iter(left.errors))
    assert first.posted == second.posted == []


def test_of_several_servers_the_one_that_has_to_buy_most_is_believed(stands, record, tmp_path):
    stands[0].price, stands[1].price = 0.0, 3.0
    (tmp_path / "rows.csv").write_text("prompt\na boat\n", encoding="utf-8")
    plan = Plan(Workflow(job(1).graph), Table(tmp_path / "rows.csv"), {Target("1", "prompt"): "prompt"})
    assert _dearest([Server(one.url) for one in stands], plan, record, 1).usd == 3.0


def test_a_page_in_place_of_an_answer_is_no_answer(stand):
    stand.answer = lambda path, body: (200, b"<html>Log in</html>")
    with pytest.raises(Unreachable, match="something else"):
        Server(stand.url).waiting()


def test_rows_that_are_no_longer_in_the_table_are_not_waited_for(stand, record):
    record.write(Entry("of another table", 1, "withdrawn"))
    assert _summed(ran(stand, record, job(1)), record, 1) == 0
    assert _summed(ran(stand, record, job(2)), record, 2) == 1


def test_a_record_on_a_full_disk_stops_the_run_in_words_and_posts_nothing(stand, record, monkeypatch):
    def full(entry):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(record, "write", full)
    assert "No space left" in str(ran(stand, record, job(1)).problem)
    assert stand.posted == []


@pytest.mark.parametrize("address", ["{place}", "http://{place}/", " http://me:p%40ss@{place}"])
def test_a_server_is_the_same_however_it_is_written_and_its_password_is_told_to_nobody_else(stand, address):
    place = stand.url.partition("://")[2]
    server = Server(address.format(place=place))
    assert server.url == stand.url and server.waiting() == (set(), set())
    assert (server.session.auth == ("me", "p@ss")) == ("@" in address)


def test_previews_are_no_files_of_a_row(stand):
    images = [{"filename": "a.png", "subfolder": "x", "type": "output"}, {"filename": "b.png", "type": "temp"}]
    stand.history["run"] = {"outputs": {"2": {"images": images}}}
    assert Server(stand.url).ended("run").files == ["x/a.png"]


def test_the_server_says_which_inputs_take_fractions(stand):
    told = {"Draw": {"input": {"required": {"seed": ["INT", {}]}, "optional": {"guidance": ["FLOAT", {}]}}}}
    stand.answer = lambda path, body: (200, told if path == "/object_info/Draw" else {})
    server = Server(stand.url)
    asked = [server.takes_fractions(*one) for one in (("Draw", "guidance"), ("Draw", "seed"), ("Gone", "seed"))]
    assert asked == [True, False, False]


def test_a_server_that_stays_away_is_named_with_the_rows_of_which_nobody_knows(stand, record, capsys):
    stand.outages = ["/queue"] * 99
    server = Server(stand.url)
    runner = Runner([server], record, iter([job(1)]), lambda _: None, queue=4, patience=0, stop_after=5)
    runner.start()
    runner.wait()
    assert _summed(runner, record, 1) == 1
    said = capsys.readouterr().out
    assert "1 not known" in said and f"row 1: {stand.url} does not answer any more" in said


def test_what_began_before_it_could_be_taken_back_is_waited_for(stand, record):
    desk = _Desk(Server(stand.url), record)
    for row in (1, 2, 3):
        desk.begin(job(row))
    began, over, waits = stand.waits = [run for run, _ in stand.posted]
    done = stand.history.pop(over)
    stand.history.clear()

    def deleted(runs):
        assert runs == [began, over, waits]
        stand.waits, stand.runs, stand.history[over] = [], [began], done

    stand.on_delete = deleted
    desk.take_back()
    assert list(desk.under_way) == [began, over]
    assert [record.of(job(row).digest).state for row in (1, 2, 3)] == ["posted", "posted", "withdrawn"]


def test_a_graph_that_is_valid_in_part_only_is_taken_out_again(stand, record):
    taken_out = []
    stand.on_delete = taken_out.extend
    wrong = {"message": "Value not in list", "details": "model"}
    stand.node_errors = {"1": {"class_type": "Draw", "errors": [wrong]}}
    assert "node 1 (Draw): Value not in list: model" in next(iter(ran(stand, record, job(1)).tally.errors))
    assert taken_out == [stand.posted[0][0]]


def test_rows_that_fail_alike_stop_the_run_and_others_do_not(stand, record):
    stand.error = 'no credit left for "boat" (request id 7)'
    runner = ran(stand, record, *(job(row) for row in range(20)))
    assert "5 rows in a row failed" in str(runner.problem) and len(stand.posted) < 20


def test_a_run_that_is_lost_again_and_again_is_given_up(stand, record):
    stand.forgets = 99
    assert "has lost this run" in next(iter(ran(stand, record, job(1)).tally.errors))
    assert len(stand.posted) <= 5


def test_a_run_that_was_stopped_at_the_server_is_not_done(stand, record):
    stand.history["run"] = {"outputs": {}, "status": {"messages": [["execution_interrupted", {}]]}}
    assert Server(stand.url).ended("run").error


def test_a_price_that_nobody_knows_is_never_taken_for_nothing(stand):
    stand.price = None
    assert price(Server(stand.url), iter([job(1)]), 1).is_floor


def test_a_long_table_is_reckoned_from_its_first_rows(stand, monkeypatch):
    monkeypatch.setattr(jobs, "_MOST_PRICED", 2)
    stand.price = 3.0
    told = price(Server(stand.url), iter([job(1), job(2), job(3)]), 10)
    assert told.usd == 15.0 and told.notes == ["Reckoned from the first 2 rows."]
