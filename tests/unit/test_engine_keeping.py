"""What is kept: results that heal themselves, and what is said where they cannot."""

import contextlib
import sqlite3

import pytest

from easel.nodes.hosted.engine.errors import ContentRejected, ResultLost
from support.shop import DEAD, CounterWish, Wish, buy, ledger, states


def kept_file(folder):
    (file,) = [path for path in (folder / "pictures").rglob("*") if path.is_file()]
    return file


def lose(file):
    file.unlink()


def flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


def cut(file):
    file.write_bytes(file.read_bytes()[:20])


@pytest.mark.parametrize("damage", [lose, flip, cut])
async def test_a_damaged_picture_is_fetched_again_for_nothing(shop, house, folder, damage):
    engine = shop()
    bought = await buy(engine)
    damage(kept_file(folder))
    healed = await buy(engine)
    assert healed.pictures == bought.pictures
    assert healed.notes == ("A kept picture was damaged; it was fetched again from the provider, for nothing.",)
    assert (house.submissions, house.requests["file"], healed.paid_usd) == (1, 2, 0)
    assert kept_file(folder).read_bytes() == bought.pictures[0].data
    assert (await buy(engine)).notes == ()


@pytest.mark.parametrize("damage", [lose, flip, cut])
@pytest.mark.parametrize("why", ["no link", "expired", "gone", "another file"])
async def test_a_damaged_picture_without_a_living_link_is_bought_again_and_said(shop, house, folder, damage, why):
    engine = shop()
    wish = CounterWish() if why == "no link" else Wish()
    if why == "expired":
        house.link_lifetime = -1.0
    await buy(engine, wish)
    damage(kept_file(folder))
    if why == "gone":
        house.faults["file"] = ["expired"]
    if why == "another file":
        house.spoil(house.draw())
    again = await buy(engine, wish)
    assert "bought again" in again.notes[0]
    assert (house.submissions, again.reused) == (2, False)
    assert ledger(folder) == [(0.04, "estimated")] * 2
    assert states(folder) == ["damaged", "done"]
    assert (await buy(engine, wish)).reused


async def test_a_damaged_picture_whose_link_is_only_down_just_now_is_not_bought_again(shop, house, folder):
    engine = shop()
    await buy(engine)
    kept_file(folder).unlink()
    house.close_door()
    with pytest.raises(ResultLost, match="Run again"):
        await buy(engine)
    house.open_door()
    assert len((await buy(engine)).pictures) == 1
    assert (house.submissions, states(folder)) == (1, ["done"])


@pytest.mark.parametrize("answers", [["html"] * 3, ["half"] * 3, [("to", "http://portal.example/login")]])
async def test_a_damaged_picture_whose_link_gives_something_else_just_now_is_not_bought_again(
    shop, house, folder, answers
):
    engine = shop()
    bought = await buy(engine)
    kept_file(folder).unlink()
    house.faults["file"] = list(answers)
    with pytest.raises(ResultLost, match="run again: fetching it costs nothing") as error:
        await buy(engine)
    assert (error.value.resumable, error.value.charge) == (True, "none")
    assert (await buy(engine)).pictures == bought.pictures
    assert (house.submissions, states(folder)) == (1, ["done"])


async def test_a_drive_that_is_not_connected_is_waited_for_and_nothing_is_bought_again(shop, house, tmp_path):
    drive = tmp_path / "drive"
    engine = shop(store_url=drive.as_uri())
    bought = await buy(engine)
    drive.rename(tmp_path / "away")
    with pytest.raises(ResultLost, match="connect the drive") as error:
        await buy(engine)
    assert (error.value.resumable, error.value.charge) == (True, "none")
    assert not drive.exists()
    (tmp_path / "away").rename(drive)
    assert (await buy(engine)).pictures == bought.pictures
    assert house.submissions == 1


async def test_a_refusal_that_was_written_down_before_a_crash_is_still_a_refusal(shop, house, folder):
    house.refused = ["too bright"]
    first = shop(owner=DEAD)
    with pytest.raises(ContentRejected):
        await buy(first)
    first.stop()
    # As a process leaves it that died between the two writes.
    with contextlib.closing(sqlite3.connect(folder / "easel.db")) as database:
        database.execute("UPDATE purchases SET state = 'ready', active = fingerprint")
        database.commit()
    with pytest.raises(ContentRejected, match="too bright"):
        await buy(shop())
    assert (house.submissions, states(folder), len(ledger(folder))) == (1, ["refused"], 1)


async def test_a_store_elsewhere_is_used(shop, house, folder):
    engine = shop(store_url="memory://somewhere/pictures")
    bought = await buy(engine)
    assert (await buy(engine)).pictures == bought.pictures
    assert not (folder / "pictures").exists()
    assert house.submissions == 1
