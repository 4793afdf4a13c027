"""File names from templates: what a value holds never makes a folder, leaves one, or a name that some system refuses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from .choices import COUNTER, NAME_FIELDS
from .problems import AssetProblem

_FIELD = re.compile(r"\{([^{}]*)\}")
_COUNTER_MARK = "\x00"
_COUNTER_DIGITS = 5
_LONGEST_FIELD = 80
# Most file systems end at 255 bytes; the number, the ending and a temporary name's letters take their share.
_SEGMENT_BYTES, _AFTER_BYTES = 160, 40
_DEEPEST = 12
_FORBIDDEN = re.compile(r'[<>:"|?*/\\]')
# Device names of Windows, with any ending; and what stands beside the pictures.
_DEVICES = r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?"
_DEVICE = re.compile(_DEVICES, re.I)
_RESERVED = re.compile(rf"{_DEVICES}|graphs|.*\.jsonl", re.I)


@dataclass(frozen=True)
class Name:
    """Where a picture goes: folders below the destination, and its name without number and ending."""

    folders: tuple[str, ...]
    before: str
    after: str
    digits: int
    counts: bool
    """Whether the template itself has a counter; else a number is added only where the name is taken."""

    def numbered(self, number: int) -> str:
        """The name with that number."""
        if self.counts:
            return f"{self.before}{number:0{self.digits}}{self.after}"
        return self.before if number <= 1 else f"{self.before}_{number}"

    def next_number(self, taken: list[str], suffix: str) -> int:
        """One above the highest number among these file names."""
        if not self.counts and self.before + suffix not in taken:
            return 1
        middle = r"(\d+)" if self.counts else r"_(\d+)"
        pattern = re.compile(re.escape(self.before) + middle + re.escape(self.after + suffix))
        numbers = [int(found[1]) for name in taken if (found := pattern.fullmatch(name))]
        return max(numbers, default=0 if self.counts else 1) + 1


def place(template: str, values: Mapping[str, object]) -> Name:
    """What ``template`` gives with these values; a value that is not known leaves nothing behind.

    ``{name}`` is a field, ``{name:20}`` the first 20 letters of a text or 20 digits of a number; ``/`` makes folders.
    Raises :class:`AssetProblem` for a template that leaves the destination or names a field that does not exist.
    """
    template = template.replace(_COUNTER_MARK, "")
    if not template.strip():
        raise AssetProblem("The file name is empty: write for example easel/{date}/{model}_{counter}.")
    parts = template.replace("\\", "/").split("/")
    if parts[0] == "" or re.match(r"[A-Za-z]:", template):
        raise AssetProblem(
            f'The file name "{template}" is a place of its own: it must begin with a folder or a name, and lies in the '
            "destination."
        )
    if any(part.strip() in (".", "..") for part in parts):
        raise AssetProblem(f'The file name "{template}" leads out of its folder: leave the dots out.')
    if len(parts) > _DEEPEST:
        raise AssetProblem(f"The file name has {len(parts) - 1} folders, and {_DEEPEST - 1} are allowed.")
    digits = _COUNTER_DIGITS
    folders = [
        _segment(_filled(part, values, is_last=False).replace(_COUNTER_MARK, "")) for part in parts[:-1] if part.strip()
    ]
    last = _filled(parts[-1], values, is_last=True)
    if found := re.search(r"\{counter:(\d+)\}", parts[-1]):
        digits = min(max(int(found[1]), 1), 12)
    before, mark, after = last.partition(_COUNTER_MARK)
    stem = _segment(before, is_file=not mark)
    if mark and stem:
        # What stands at the edge of the number stays: "cat_00001", not "cat00001".
        stem += before[-1] if before[-1] in "_-. " else ""
        if _RESERVED.fullmatch(f"{stem}1"):
            stem = f"_{stem}"
    after = _shortened(_clean(after.replace(_COUNTER_MARK, "")), _AFTER_BYTES)
    return Name(tuple(folder for folder in folders if folder), stem, after, digits, bool(mark))


def safe_folder(path: str) -> tuple[str, ...]:
    """The folders and the name of a path that a graph gives, unchanged. Raises :class:`AssetProblem` for one that escapes."""
    parts = tuple(part for part in path.replace("\\", "/").split("/"))
    if not path.strip() or any(not part.strip(" .") for part in parts) or ":" in path or "\x00" in path:
        raise AssetProblem(f'"{path}" is no name of a file below ComfyUI\'s output folder.')
    if device := next((part for part in parts if _DEVICE.fullmatch(part.strip())), None):
        raise AssetProblem(f'"{path}" is no name of a file: Windows keeps {device} for a device. Choose another name.')
    return parts


def _filled(part: str, values: Mapping[str, object], *, is_last: bool) -> str:
    def fill(found: re.Match[str]) -> str:
        name, _, size = found[1].partition(":")
        name = name.strip()
        if name not in NAME_FIELDS or (size and not size.isdigit()):
            raise AssetProblem(
                f'The file name has {found[0]}, which is none of its fields: {", ".join(NAME_FIELDS)}; "{{prompt:40}}" takes the '
                "first 40 letters."
            )
        if name == COUNTER:
            if not is_last:
                raise AssetProblem(
                    "{counter} counts files, so it can stand in the file's name only, not in a folder's."
                )
            return _COUNTER_MARK
        return _value(values.get(name), int(size) if size else None)

    filled = _FIELD.sub(fill, part)
    if "{" in filled or "}" in filled:
        raise AssetProblem(f'A brace in the file name "{part}" stands alone: fields are written {{model}}.')
    return filled


def _value(value: object, size: int | None) -> str:
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return f"{value:0{min(size or 1, 24)}}"
    text = " ".join(_clean(str(value).replace(_COUNTER_MARK, "")).replace("{", "(").replace("}", ")").split())
    return text[: min(size or _LONGEST_FIELD, 120)].strip()


def _clean(text: str) -> str:
    """Without letters that no file name has, that hide, or that turn what follows around."""
    text = unicodedata.normalize("NFC", _FORBIDDEN.sub("-", text.replace("\n", " ").replace("\t", " ")))
    return "".join(letter for letter in text if unicodedata.category(letter)[0] != "C" or letter == _COUNTER_MARK)


def _segment(text: str, *, is_file: bool = False) -> str:
    """One folder's or file's name, whatever it was made of; empty where nothing is left of a folder's."""
    # What an unknown value leaves behind: separators at the ends, or two of them together.
    text = re.sub(r"([_\-])[_\- ]*\1", r"\1", _clean(text)).strip(" ._-")
    text = _shortened(text, _SEGMENT_BYTES)
    if _RESERVED.fullmatch(text):
        text = f"_{text}"
    return text or ("picture" if is_file else "")


def _shortened(text: str, size: int) -> str:
    """The beginning that takes at most so many bytes, without a separator at its end."""
    return text.encode()[:size].decode(errors="ignore").rstrip(" ._-")
