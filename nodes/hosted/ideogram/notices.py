"""What Ideogram wants the user to know: deprecation headers, and notices in the answer."""

from __future__ import annotations

import datetime as dt
import email.utils
import re
from collections.abc import Mapping
from typing import Any

from .account import LABEL

_TOLD = ("notice", "notices", "warning", "warnings", "deprecation_notice")
_LINK = re.compile(r"<([^>]+)>\s*;[^,]*rel=\"?(?:deprecation|sunset|successor-version)\"?", re.IGNORECASE)


def notices_of(headers: Mapping[str, str], body: Any) -> tuple[str, ...]:
    """Sentences for the user out of ``Deprecation`` (RFC 9745), ``Sunset`` (RFC 8594), ``Warning``, and the body."""
    found = [*_of_headers(headers), *_of_body(body)]
    return tuple(dict.fromkeys(found))


def _of_headers(headers: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    link = _LINK.search(headers.get("Link", ""))
    more = f" More: {link[1]}" if link else ""
    if since := headers.get("Deprecation"):
        day = _stamp(since)
        found.append(f"{LABEL} marks this way of asking as outdated{f' since {day}' if day else ''}.{more}")
    if end := headers.get("Sunset"):
        found.append(f"{LABEL} will switch this off: {_date(end) or end}.{'' if since else more}")
    if warning := headers.get("Warning"):
        found.append(f"{LABEL} says: {_quoted(warning)}")
    return found


def _of_body(body: Any) -> list[str]:
    found: list[str] = []
    for name in _TOLD:
        told = body.get(name) if isinstance(body, Mapping) else None
        found += [
            f"{LABEL} says: {one}" for one in (told if isinstance(told, list) else [told]) if isinstance(one, str)
        ]
    return found


def _stamp(value: str) -> str:
    """``@1767225600`` or an HTTP date as a day; empty for the bare ``true`` of older servers."""
    if value.startswith("@") and value[1:].isdecimal():
        return _day(dt.datetime.fromtimestamp(int(value[1:]), dt.timezone.utc))
    return _date(value)


def _date(value: str) -> str:
    try:
        return _day(email.utils.parsedate_to_datetime(value))
    except ValueError:
        return ""


def _day(when: dt.datetime) -> str:
    return f"{when.day} {when:%B %Y}"


def _quoted(warning: str) -> str:
    quoted = re.search(r'"([^"]*)"', warning)
    return quoted[1] if quoted else warning
