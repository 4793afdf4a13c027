"""multipart/form-data, read strictly and without changing a byte (RFC 7578)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message

_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class BadForm(ValueError):
    """The body is not the form its header announces."""


@dataclass(frozen=True)
class Part:
    """One part of a form; `filename` is None for a plain field."""

    name: str
    filename: str | None
    content_type: str | None
    data: bytes


def read(content_type: str, body: bytes) -> list[Part]:
    """The parts in the order sent. Raises BadForm."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise BadForm("the Content-Type has no boundary")
    mark = b"--" + boundary.encode("latin-1")
    if not body.startswith(mark):
        raise BadForm("the body does not begin with its boundary")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if pieces[-1].strip() != b"--":
        raise BadForm("the body has no closing boundary")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, gap, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not gap:
        raise BadForm("a part has no end of its headers")
    headers = dict(_header(line) for line in head.decode("utf-8", "replace").split("\r\n"))
    disposition = headers.get("content-disposition", "")
    parameters = {name.lower(): _unescaped(value) for name, value in _PARAMETER.findall(disposition)}
    if not disposition.startswith("form-data") or "name" not in parameters:
        raise BadForm("a part has no name")
    return Part(parameters["name"], parameters.get("filename"), headers.get("content-type"), data)


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _unescaped(value: str) -> str:
    return value.replace("%22", '"').replace('\\"', '"')
