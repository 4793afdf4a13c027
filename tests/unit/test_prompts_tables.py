"""Prompts from tables: every format, what is broken in them, and a folder that nothing leads out of."""

import json
import os

import pytest

from easel.nodes.prompts import files, tables
from easel.nodes.prompts.choices import CSV, JSONL, TXT
from easel.nodes.prompts.data import PromptProblem
from easel.nodes.prompts.tables import decode, format_of, rows, wishes

ENDINGS = tables.ENDINGS


def read(text, format, **columns):
    return wishes(list(rows(text, format)), columns, 5)


def asked(found):
    return [(one.prompt, one.negative, one.seed, one.label) for one in found]


# Formats


def test_lines_of_text_are_prompts():
    assert asked(read("a fox\n\n# not this\n  an owl, at night  \r\n", TXT)) == [
        ("a fox", "", 5, "a fox"),
        ("an owl, at night", "", 5, "an owl, at night"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_of_any_delimiter_is_read(delimiter):
    text = ('"prompt",negative,seed,label\n"a ""red"" fox, at\nnight",blur,12,fox\n\nan owl,,,\na bat\n').replace(
        ",", delimiter
    )
    assert asked(read(text, CSV)) == [
        (f'a "red" fox{delimiter} at\nnight', "blur", 12, "fox"),
        ("an owl", "", 5, "an owl"),
        ("a bat", "", 5, "a bat"),
    ]


def test_json_lines_keep_their_cells():
    text = '{"prompt": "a fox", "seed": 3, "size": [1, 2], "name": "f"}\n\n"an owl\u2028at night"\n'
    text += '{"text": 4, "prompt": "a bat", "seed": null}'
    found = read(text, JSONL)
    assert asked(found) == [
        ("a fox", "", 3, "f"),
        ("an owl\u2028at night", "", 5, "an owl at night"),
        ("a bat", "", 5, "a bat"),
    ]
    assert json.loads(found[0].row) == {"prompt": "a fox", "seed": 3, "size": [1, 2], "name": "f"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(encoding):
    assert asked(read(decode("prompt,seed\nein Füchslein,2".encode(encoding)), CSV)) == [
        ("ein Füchslein", "", 2, "ein Füchslein")
    ]


@pytest.mark.parametrize(
    ("text", "name", "format"),
    [
        ("a fox, at night\nan owl", "", TXT),
        ("prompt,seed\na,1", "", CSV),
        ("Seed;Prompt\n1;a", "", CSV),
        ('\n{"prompt": "a"}', "", JSONL),
        ("prompt,seed", "list.TXT", TXT),
        ("x", "a.tsv", CSV),
        ("x", "a.ndjson", JSONL),
    ],
)
def test_the_format_is_known_by_the_name_or_the_first_line(text, name, format):
    assert format_of(text, name) == format


def test_what_a_spreadsheet_adds_is_no_fault():
    found = read("prompt,seed,,\na fox,3.0,,\nan owl,18446744073709551615,,\n", CSV)
    assert [(one.seed, json.loads(one.row)["prompt"]) for one in found] == [
        (3, "a fox"),
        (18446744073709551615, "an owl"),
    ]
    assert "" not in json.loads(found[0].row)
    with pytest.raises(PromptProblem, match="no whole number"):
        read("prompt,seed\na fox,3.5\n", CSV)


def test_columns_are_mapped_by_name():
    text = "Beschreibung,nicht,Zahl,Titel\na fox,blur,4,f"
    found = read(text, CSV, prompt="beschreibung", negative="nicht", seed="Zahl", label="Titel")
    assert asked(found) == [("a fox", "blur", 4, "f")]


# What is wrong


@pytest.mark.parametrize(
    ("text", "format", "columns", "said"),
    [
        ("a,b\n1,2", CSV, {}, "no column prompt. There are: a, b"),
        ("prompt,b\n1,2", CSV, {"seed": "c"}, "no column 'c' for the seed. There are: prompt, b"),
        ("prompt,seed\nx,1\ny,one", CSV, {}, "Line 3: the seed 'one' is no whole number"),
        ("prompt,seed\nx,-1", CSV, {}, "Line 2: the seed '-1'"),
        ('{"prompt": "a", "seed": 1.5}', JSONL, {}, "Line 1: the seed 1.5"),
        ('{"prompt": "a", "seed": true}', JSONL, {}, "Line 1: the seed True"),
        ("prompt,seed\nx,1\n ,2", CSV, {}, "Line 3 has no prompt"),
        ('{"prompt": "a"}\n{"b": 1}', JSONL, {}, "Line 2 has no prompt in the column prompt"),
        ('{"prompt": ["a"]}', JSONL, {}, "Line 1: prompt must be a text"),
        ('prompt,label\n"a\nb",c\nfox, at night,f', CSV, {}, "Line 4 has 3 cells and the header has 2"),
        ('prompt\na\n"b', CSV, {}, "Line 3 is no proper CSV"),
        ("prompt,prompt\na,b", CSV, {}, "column 'prompt' twice"),
        ('{"prompt": "a"}\n{"prompt": ', JSONL, {}, "Line 2 is no JSON"),
        ('{"prompt": "a"}\n[1]', JSONL, {}, "Line 2 must be a JSON object"),
        ("[" * 100_000, JSONL, {}, "Line 1 is no JSON"),
    ],
)
def test_what_is_broken_is_named_by_its_line_or_column(text, format, columns, said):
    with pytest.raises(PromptProblem) as refusal:
        read(text, format, **columns)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"), [("", "no prompts in fox.csv"), ("a fox\nan owl", "no row 3: fox.csv has 2")]
)
def test_a_part_that_is_not_there_is_said(text, said):
    with pytest.raises(PromptProblem, match=said):
        tables.part(list(rows(text, TXT)), 3, 10, "fox.csv")


def test_other_encodings_are_refused_with_the_line():
    with pytest.raises(PromptProblem, match="Line 2 is not UTF-8"):
        decode("prompt\nein Füchslein".encode("latin-1"))


def test_ten_thousand_rows_keep_their_order_and_seeds():
    text = "prompt,seed\n" + "".join(f'"fox, number {number}",{number}\n' for number in range(10_000))
    found = read(text, CSV)
    assert len(found) == 10_000
    assert asked(found)[9_999] == ("fox, number 9999", "", 9_999, "fox, number 9999")


# The folder


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "input"
    (inside / "deep").mkdir(parents=True)
    (inside / "a.csv").write_text("prompt\na fox")
    (inside / "deep/b.txt").write_text("an owl")
    (inside / "picture.png").write_text("no table")
    (tmp_path / "secret.txt").write_text("secret")
    return inside


def test_tables_in_the_folder_are_listed_and_found(folder):
    assert files.listed(folder, ENDINGS) == ["a.csv"]
    assert files.contents(files.found(folder, "deep/b.txt", ENDINGS)) == b"an owl"
    assert files.listed(folder / "missing", ENDINGS) == []


@pytest.mark.parametrize("name", ["../secret.txt", "deep/../../secret.txt", "{outside}", "../missing.txt"])
def test_nothing_leads_out_of_the_folder(folder, name):
    with pytest.raises(PromptProblem, match="leads out of ComfyUI's input folder"):
        files.found(folder, name.format(outside=folder.parent / "secret.txt"), ENDINGS)


def test_links_may_lead_within_the_folder_but_not_out(folder):
    try:
        (folder / "out.txt").symlink_to(folder.parent / "secret.txt")
        (folder / "way").symlink_to(folder.parent, target_is_directory=True)
        (folder / "in.txt").symlink_to(folder / "deep/b.txt")
        (folder / "round.txt").symlink_to(folder / "round.txt")
    except OSError:
        pytest.skip("this system lets nobody make links")
    for name in ("out.txt", "way/secret.txt"):
        with pytest.raises(PromptProblem, match="leads out"):
            files.found(folder, name, ENDINGS)
    with pytest.raises(PromptProblem):
        files.found(folder, "round.txt", ENDINGS)
    assert files.found(folder, "in.txt", ENDINGS).name == "b.txt"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("b.csv", "There is no b.csv in ComfyUI's input folder. There are: a.csv"),
        ("picture.png", "must end in .txt, .csv"),
        ("a\0.csv", "no name of a file"),
        ("deep.csv/x.csv", "There is no deep.csv/x.csv"),
    ],
)
def test_what_cannot_be_read_is_refused(folder, name, said):
    with pytest.raises(PromptProblem) as refusal:
        files.found(folder, name, ENDINGS)
    assert said in str(refusal.value)


def test_a_file_too_large_is_not_read(folder):
    with (folder / "huge.txt").open("wb") as file:
        os.truncate(file.fileno(), 65 * 1024 * 1024)
    with pytest.raises(PromptProblem, match="68 MB, and 67 MB are read at most"):
        files.contents(folder / "huge.txt")


def test_the_digest_follows_what_stands_in_the_file(folder):
    before = files.digest(folder / "a.csv")
    assert files.digest(folder / "a.csv") == before
    (folder / "a.csv").write_text("prompt\na bat")
    assert files.digest(folder / "a.csv") != before
