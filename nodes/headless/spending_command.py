"""``spending``: the books as text, or as a table in a file."""

from __future__ import annotations

import argparse

from sqlalchemy.exc import SQLAlchemyError

from .. import new_providers
from ..hosted.engine import spending as books
from ..hosted.engine.database import open_database, sqlite_url
from ..hosted.engine.destination import Realm
from ..hosted.engine.errors import EaselError
from ..hosted.engine.ledger import Ledger
from ..hosted.engine.settings import Settings
from .place import state_folder
from .problem import Problem

_LINES = "lines"


def spending(told: argparse.Namespace) -> int:
    """Print what was spent, or write it into a file. Raises Problem."""
    folder = state_folder(told.state, told.pack)
    realm: Realm = "sandbox" if told.sandbox else "live"
    try:
        since = books.day_of(told.since)
        url = Settings.load(folder).database_url or sqlite_url(folder / "easel.db")
        ledger = Ledger(open_database(url))
        if told.by == _LINES:
            if told.csv is None:
                raise Problem("Every line of the ledger goes into a file: say --csv FILE too.")
            with told.csv.open("w", encoding="utf-8", newline="") as file:
                file.writelines(books.lines_csv(ledger, realm, since))
        else:
            labels = {name: provider.account.label for name, provider in new_providers().items()}
            report = books.report(ledger, realm, books.way_of(told.by), since, labels)
            if told.csv is not None:
                told.csv.write_bytes(report.as_csv().encode())
    except EaselError as error:
        raise Problem(str(error)) from None
    except SQLAlchemyError as error:
        raise Problem(
            f"The books cannot be opened ({type(error).__name__}): look at EASEL_DATABASE_URL or {folder / 'easel.db'}."
        ) from None
    except OSError as error:
        raise Problem(f"{told.csv or folder} cannot be used: {error.strerror}.") from None
    print(report.as_text() if told.csv is None else f"Written to {told.csv}.")
    return 0
