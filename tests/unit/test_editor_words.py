"""What the editor's side shows, in English and in Chinese."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JS = ROOT / "js"
TABLE = "words.zh.mjs"
MODULES = {
    path.relative_to(JS).as_posix(): path.read_text(encoding="utf-8")
    for pattern in ("*.js", "*.mjs", "panel/*.mjs")
    for path in sorted(JS.glob(pattern))
}
STRING = r'"((?:[^"\\]|\\.)*)"'
CALL = re.compile(r"(?<![\w.])t\(\s*(?:" + STRING + r")?")
ENTRY = re.compile(r"^  (?:" + STRING + r"|(\w+)):\s+" + STRING + r",$", re.MULTILINE)
SHOWN = re.compile(
    r"""\b(?:(?:textContent|title|ariaLabel|placeholder|alt)(?:: | \+?= )|(?:button|Option|say)\()["`] ?\w.*"""
)
NAME = '"Easel"'
RUN = """
import { t } from "./a/b/words.mjs";
console.log(JSON.stringify([t("{n} pictures", { n: "$& {n}" }), t("no such sentence {x}"), t("Keys")]));
"""


def entries():
    return {quoted or bare: chinese for quoted, bare, chinese in ENTRY.findall(MODULES[TABLE])}


def sentences():
    """Every sentence that a module asks for, with the module."""
    return {
        found[1]: name
        for name, text in MODULES.items()
        if name not in (TABLE, "words.mjs")
        for found in CALL.finditer(text)
    }


def names_in(sentence):
    return sorted(re.findall(r"\{\w+\}", sentence))


def test_every_sentence_has_its_chinese_and_every_chinese_its_sentence():
    assert len(sentences()) > 100
    # One that is no literal could not be looked for.
    assert None not in sentences()
    assert entries().keys() == sentences().keys()
    # Written twice, the first would be lost; written in another way, it would not be looked at.
    assert len(ENTRY.findall(MODULES[TABLE])) == len(entries()) == len(re.findall(r"^  [\w\"]", MODULES[TABLE], re.M))


def test_the_chinese_fills_in_what_the_english_does():
    for english, chinese in entries().items():
        assert names_in(chinese) == names_in(english)
        assert re.search("[\u4e00-\u9fff]", chinese), english


def test_nothing_is_shown_past_the_table():
    past = [found for text in MODULES.values() for found in SHOWN.findall(text)]
    assert [found for found in past if NAME not in found] == []


def test_every_setting_has_its_chinese():
    ids = re.findall(r'"(Easel(?:\.\w+)+)"', MODULES["limit.mjs"])
    told = json.loads((ROOT / "locales/zh/settings.json").read_text(encoding="utf-8"))
    assert told.keys() == {name.replace(".", "_") for name in ids}
    assert all(one.keys() == {"name", "tooltip"} for one in told.values())


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ("en", ["$& {n} pictures", "no such sentence {x}", "Keys"]),
        ("fr", ["$& {n} pictures", "no such sentence {x}", "Keys"]),
        ("zh", ["$& {n} 张图片", "no such sentence {x}", "密钥"]),
    ],
)
def test_the_editors_language_decides(tmp_path, locale, shown):
    node = shutil.which("node")
    if node is None:
        pytest.skip("this test needs Node.js")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "scripts").mkdir()
    setting = json.dumps(locale)
    app = f"export const app = {{ extensionManager: {{ setting: {{ get: () => {setting} }} }} }};"
    (tmp_path / "scripts/app.js").write_text(app)
    (tmp_path / "a/b").mkdir(parents=True)
    for name in ("words.mjs", TABLE):
        (tmp_path / "a/b" / name).write_text(MODULES[name], encoding="utf-8")
    (tmp_path / "run.mjs").write_text(RUN)

    out = subprocess.run([node, "run.mjs"], cwd=tmp_path, capture_output=True, check=True, timeout=60)

    assert json.loads(out.stdout) == shown
