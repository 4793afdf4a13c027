"""The journal: current by itself, one claim a fingerprint, money reserved before it is spent."""

import sqlite3
import threading
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from easel.nodes.hosted.engine.database import _prepare_sqlite, open_database, sqlite_url
from easel.nodes.hosted.engine.errors import BudgetExceeded
from easel.nodes.hosted.engine.journal import Journal, Opening
from easel.nodes.hosted.engine.settings import Budget
from easel.nodes.hosted.engine.tables import Base, StoredPicture
from support.shop import Wish, buy, ledger, states

NO_LIMIT = Budget()
RESULT = {"pictures": [{}], "refused": [], "text": "", "data": {}, "notices": [], "request_id": None}


def opening(fingerprint="f" * 64, **named):
    values = dict.fromkeys(
        ("realm", "provider", "operation", "model", "asked_model", "profile", "address", "run", "workflow"), "x"
    )
    return Opening(**{**values, "fingerprint": fingerprint, "request": {}, "estimate": 40_000, "summary": "x", **named})


@pytest.fixture
def database(tmp_path):
    database = open_database(sqlite_url(tmp_path / "deep" / "easel.db"))
    yield database
    database.dispose()


@pytest.fixture
def journal(database):
    return Journal(database, "here/1/1")


@pytest.fixture
def other(tmp_path, database):
    """The same database through a connection and an owner of its own, as another process has them."""
    elsewhere = open_database(sqlite_url(tmp_path / "deep" / "easel.db"))
    yield Journal(elsewhere, "there/2/2")
    elsewhere.dispose()


def test_the_migrations_give_exactly_what_the_models_say(database):
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_changes_nothing(journal, tmp_path):
    journal.claim(opening(), NO_LIMIT)
    again = open_database(sqlite_url(tmp_path / "deep" / "easel.db"))
    assert Journal(again, "later/3/3").orphans()[0].fingerprint == "f" * 64
    again.dispose()


def test_of_two_under_way_for_one_wish_everybody_gets_their_own(journal):
    first = journal.claim(opening("a", same_wish=("b",)), NO_LIMIT).purchase
    assert journal.claim(opening("b", same_wish=("a",)), NO_LIMIT).purchase.id == first.id
    second = journal.claim(opening("b", same_wish=("a",), passed=(first.id,)), NO_LIMIT)
    assert second.verdict == "mine"
    for own, other, purchase in (("a", "b", first), ("b", "a", second.purchase)):
        claim = journal.claim(opening(own, same_wish=(other,)), NO_LIMIT)
        assert (claim.verdict, claim.purchase.id) == ("theirs", purchase.id)


def test_sqlite_writes_ahead_syncs_fully_and_waits_for_others(database):
    with database.connect() as connection:
        pragmas = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
        assert pragmas == ["wal", 2]
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() >= 10_000
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_two_that_open_a_new_database_at_once_both_get_it(tmp_path):
    class Turning(sqlite3.Connection):
        refusals = 2

        def execute(self, what, *values):
            if "journal_mode" in what and self.refusals:
                self.refusals -= 1
                raise sqlite3.OperationalError("database is locked")
            return super().execute(what, *values)

    connection = sqlite3.connect(tmp_path / "easel.db", factory=Turning)
    _prepare_sqlite(connection, None)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


async def test_another_database_is_used_where_the_operator_says(shop, house, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("EASEL_DATABASE_URL", sqlite_url(tmp_path / "elsewhere" / "state.db"))
    await buy(shop())
    assert not (folder / "easel.db").exists()
    (tmp_path / "elsewhere" / "state.db").rename(folder / "easel.db")
    assert house.submissions == 1


def test_two_who_claim_at_once_are_one_who_buys_and_one_who_waits(journal, other):
    start = threading.Barrier(2)
    verdicts = []

    def claim(who):
        start.wait()
        for number in range(30):
            verdicts.append((number, who.claim(opening(f"{number:064}"), NO_LIMIT).verdict))

    threads = [threading.Thread(target=claim, args=(who,)) for who in (journal, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(30):
        assert sorted(verdict for which, verdict in verdicts if which == number) == ["mine", "theirs"]


def test_the_database_itself_allows_only_one_active_purchase_of_a_fingerprint(database, journal):
    journal.claim(opening(), NO_LIMIT)
    with pytest.raises(Exception, match="UNIQUE"), database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO purchases SELECT 'another', fingerprint, active, state, owner, lease_until, realm, provider, "
                "operation, model, asked_model, profile, address, run, workflow, request, began, changed, job, result, "
                "estimate, cost, cost_source, error FROM purchases"
            )
        )


def test_money_is_reserved_by_the_claim_itself(journal, other):
    limits = Budget(day="0.10")
    start = threading.Barrier(2)
    bought, refused = [], []

    def claim(who, name):
        start.wait()
        for number in range(5):
            try:
                bought.append(who.claim(opening(f"{name}-{number}"), limits))
            except BudgetExceeded as error:
                refused.append(str(error))

    threads = [threading.Thread(target=claim, args=pair) for pair in ((journal, "a"), (other, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(bought), len(refused)) == (2, 8)
    assert "$0.08 is spent or under way, and $0.04 more is asked" in refused[-1]


@pytest.mark.parametrize("state", ["intended", "sending", "running", "ready"])
def test_a_dead_owner_s_purchase_has_one_heir(journal, other, database, state):
    claim = journal.claim(opening(), NO_LIMIT).purchase
    {
        "intended": lambda: None,
        "sending": lambda: journal.sending(claim.id),
        "running": lambda: journal.running(claim.id, {"job": 1}),
        "ready": lambda: journal.ready(claim.id, RESULT, None, "estimated"),
    }[state]()
    found = other.claim(opening(), NO_LIMIT).purchase
    assert found.state == state
    third = Journal(database, "yonder/3/3")
    assert [other.take_over(found), third.take_over(found)] == [True, False]


def test_a_purchase_that_went_on_after_it_was_looked_at_is_not_taken_over(journal, other):
    claim = journal.claim(opening(), NO_LIMIT).purchase
    seen = other.claim(opening(), NO_LIMIT).purchase
    # Taken for unsent, it would be bought a second time.
    journal.sending(claim.id)
    assert not other.take_over(seen)
    assert journal.get(claim.id).owner == "here/1/1"


def test_what_a_dead_process_may_have_bought_is_told_once(journal):
    claim = journal.claim(opening(), NO_LIMIT).purchase
    journal.ended(claim.id, "unsure", "died", source="unsure")
    assert [journal.claim(opening(), NO_LIMIT).verdict for _ in range(3)] == ["unsure", "mine", "theirs"]


def test_a_bill_is_written_once(journal, database):
    claim = journal.claim(opening(), NO_LIMIT).purchase
    journal.ready(claim.id, RESULT, 55_000, "reported")
    journal.ready(claim.id, RESULT, 55_000, "reported")
    journal.ended(claim.id, "failed", "lost", source="unsure")
    assert [(line.usd_micros, line.source, line.pictures) for line in journal.charges("x")] == [(55_000, "reported", 1)]


def test_a_beat_moves_the_lease_of_what_is_under_way(journal, other):
    claim = journal.claim(opening(), NO_LIMIT).purchase
    theirs = other.claim(opening("g" * 64), NO_LIMIT).purchase
    time.sleep(0.05)
    journal.beat()
    assert journal.get(claim.id).lease_until > claim.lease_until
    assert journal.get(theirs.id).lease_until == theirs.lease_until


def test_only_what_others_left_open_is_an_orphan(journal, other):
    journal.claim(opening(), NO_LIMIT)
    open_one = other.claim(opening("g" * 64), NO_LIMIT).purchase
    ended = other.claim(opening("h" * 64), NO_LIMIT).purchase
    other.ended(ended.id, "failed", "x")
    assert [orphan.id for orphan in journal.orphans()] == [open_one.id]


def test_the_longest_living_link_to_the_same_opaque_pixels_is_given(journal):
    def bought(fingerprint, url, until, **picture):
        claim = journal.claim(opening(fingerprint), NO_LIMIT).purchase
        row = {
            "media_type": "image/png",
            "width": 1,
            "height": 1,
            "has_alpha": False,
            "revised_prompt": "",
            "digest": "d",
        }
        shown = StoredPicture(position=0, url=url, url_until=until, **{**row, "pixels": "p", **picture})
        journal.done(claim.id, RESULT, [shown])

    bought("a", "https://short", 200.0)
    bought("b", "https://long", 300.0)
    bought("c", "https://alpha", 900.0, has_alpha=True)
    bought("d", "https://other", 900.0, pixels="q")
    assert journal.link_to("x", "x", "p", 100.0) == "https://long"
    assert journal.link_to("x", "x", "p", 300.0) is None
    assert journal.link_to("y", "x", "p", 100.0) is None
    assert journal.link_to("x", "sandbox", "p", 100.0) is None


async def test_a_purchase_s_states_are_on_disk_before_they_matter(shop, house, folder):
    seen = []
    house.on_request = lambda route: seen.append((route, states(folder)[0], len(ledger(folder))))
    await buy(shop(), Wish())
    assert [entry for number, entry in enumerate(seen) if entry not in seen[:number]] == [
        ("submit", "sending", 0),
        ("poll", "running", 0),
        ("file", "ready", 1),
    ]
