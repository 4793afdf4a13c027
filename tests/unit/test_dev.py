"""Set-up by dev.py: named by what it installs, whole or not at all, and plain about what failed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import cache, hosts
from support.cache import Part, Trouble, digest, locked, make_ready
from support.comfy import refusals
from support.javascript import npm_blame
from support.pack import ROOT
from support.pythons import pip, pip_blame

DEV = [sys.executable, str(ROOT / "dev.py")]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(hosts, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def part(folder, *actions, **options):
    return Part(folder, [(f"step {number}", action) for number, action in enumerate(actions)], **options)


# Names


def test_the_name_changes_with_what_is_installed(tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("aiohttp>=3.11\n")
    name = digest(requirements, "3.11")
    assert digest(requirements, "3.11") == name
    assert digest(requirements, "3.12") != name
    requirements.write_text("aiohttp>=3.12\n")
    assert digest(requirements, "3.11") != name


def test_parts_do_not_run_into_one_another():
    assert digest("ab", "c") != digest("a", "bc")


def test_another_torch_is_another_host(monkeypatch):
    before = hosts.find_host(None)
    assert hosts.find_host(None) == before
    monkeypatch.setattr(hosts, "TORCH", ("torch==9.9",))
    assert hosts.find_host(None).comfyui != before.comfyui


def test_changed_requirements_keep_the_host(tmp_path, monkeypatch):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("aiohttp\n")
    monkeypatch.setitem(hosts.REQUIREMENTS, "Easel", requirements)
    host = hosts.find_host(None)
    before = hosts.layer(host, "Easel")
    requirements.write_text("aiohttp\nfsspec\n")
    after = hosts.layer(host, "Easel")
    assert (after.folder, after.marker) == (before.folder, before.marker)
    assert after.stamp != before.stamp
    assert hosts.find_host(None) == host


# Whole or not at all


def test_what_is_ready_is_not_made_again(cache_folder):
    made = []
    one = part(cache_folder / "one", lambda: made.append(1))
    make_ready(one)
    make_ready(one)
    assert made == [1]


def test_a_half_made_folder_is_made_afresh(cache_folder):
    folder = cache_folder / "one"
    folder.mkdir(parents=True)
    (folder / "left-over").write_text("of a run that was killed")
    make_ready(part(folder, (folder / "new").touch))
    assert sorted(path.name for path in folder.iterdir()) == [".ready", "new"]


@pytest.mark.parametrize("failure", [Trouble("no network"), KeyboardInterrupt()])
def test_a_failed_step_leaves_nothing_and_the_next_try_starts_over(cache_folder, failure):
    folder, made = cache_folder / "one", []

    def fail_once():
        made.append(1)
        if len(made) == 1:
            raise failure

    one = part(folder, (folder / "first").touch, fail_once)
    with pytest.raises(type(failure)):
        make_ready(one)
    assert not folder.exists()
    make_ready(one)
    assert one.is_ready() and (folder / "first").exists()


def test_a_failed_layer_leaves_the_folder_under_it(cache_folder):
    folder = cache_folder / "host"

    def fail():
        raise Trouble("no network")

    bottom = part(folder, (folder / "torch").touch)
    old, new = part(folder, lambda: None, layer="Easel", stamp="old"), part(folder, fail, layer="Easel", stamp="new")
    make_ready(bottom, old)
    with pytest.raises(Trouble):
        make_ready(bottom, new)
    assert bottom.is_ready() and (folder / "torch").exists()
    assert not old.is_ready() and not new.is_ready()


def test_a_layer_is_made_again_with_the_folder_under_it(cache_folder):
    folder, made = cache_folder / "host", []
    both = part(folder, lambda: None), part(folder, lambda: made.append(1), layer="Easel")
    make_ready(*both)
    (folder / ".ready").unlink()
    make_ready(*both)
    assert made == [1, 1]


def test_progress_counts_only_the_steps_to_do(cache_folder, capsys):
    one = part(cache_folder / "one", lambda: None)
    make_ready(one)
    capsys.readouterr()
    make_ready(one, part(cache_folder / "two", lambda: None, lambda: None))
    assert [line.split(" ...")[0] for line in capsys.readouterr().out.splitlines()] == ["[1/2] step 0", "[2/2] step 1"]


HOLD = """
import sys, time
from pathlib import Path
from support.cache import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(1)
"""


def test_a_second_process_waits_for_the_first(tmp_path, capsys):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        start = time.monotonic()
        with locked(tmp_path / "lock"):
            waited = time.monotonic() - start
    assert 0.3 < waited < 10
    assert "waiting" in capsys.readouterr().out


# Plain words


def test_a_failed_download_names_the_package(cache_folder):
    absent = Part(
        cache_folder / "one", [("it", lambda: pip(Path(sys.executable), "--no-index", "easel-no-such-thing"))]
    )
    with pytest.raises(Trouble) as trouble:
        make_ready(absent)
    said = str(trouble.value)
    assert "easel-no-such-thing" in said and "Nothing half-made was left" in said
    assert "easel-no-such-thing" in (cache_folder / "last-failure.log").read_text()
    assert not absent.folder.exists()


def test_no_network_is_not_told_as_a_missing_version():
    output = (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('...')': /simple/torch/\n"
        "ERROR: Could not find a version that satisfies the requirement torch==2.11.0 (from versions: none)\n"
        "ERROR: No matching distribution found for torch==2.11.0\n"
    )
    assert pip_blame(output).startswith("Could not install torch==2.11.0: the package index cannot be reached")


def test_npm_names_the_package_too():
    output = "npm error code E404\nnpm error 404  The requested resource 'eslint@999' could not be found or you do not"
    assert npm_blame(output).startswith("Could not install eslint@999")


def test_a_folder_without_comfyui_is_said(tmp_path):
    with pytest.raises(Trouble, match=r"not a ComfyUI checkout: it has no main\.py"):
        hosts.find_host(tmp_path)


def test_what_an_existing_host_lacks_is_named(tmp_path, monkeypatch):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text('# a comment\npip>=1\neasel-no-such-thing>=2\npip>=999\nabsent; python_version < "3"\n')
    monkeypatch.setitem(hosts.REQUIREMENTS, "Easel", requirements)
    host = hosts.Host(tmp_path, Path(sys.executable))
    with pytest.raises(Trouble, match=r"lacks what Easel needs: easel-no-such-thing>=2, pip>=999 \(it has"):
        hosts.prepare(host, "Easel")


def test_a_refused_prompt_is_said_in_sentences():
    error = {"message": "Value not in list", "details": "size: '1x1'", "extra_info": {"input_name": "size"}}
    body = {
        "error": {"message": "failed", "details": ""},
        "node_errors": {"1": {"class_type": "EaselX", "errors": [error]}},
    }
    assert refusals(body) == ["node 1 (EaselX), input size: Value not in list: size: '1x1'."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["test", "nonsense"], "invalid choice: 'nonsense'"),
        (["bench", "nonsense"], "There is no benchmark nonsense; there are: "),
        (["run", "--comfyui", "absent"], "absent is not a ComfyUI checkout"),
    ],
)
def test_a_wrong_command_line_is_answered_without_a_trace(arguments, said, tmp_path):
    result = subprocess.run([*DEV, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode in (1, 2)
    assert said in result.stderr
    assert "Traceback" not in result.stderr


SLOW_TO_END = """
import pathlib, sys, time
try:
    print("started", flush=True)
    time.sleep(60)
finally:
    time.sleep(1)
    pathlib.Path(sys.argv[1]).touch()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_what_it_started_can_put_things_away_when_it_is_ended(tmp_path):
    """A pytest that is killed would leave its ComfyUI servers behind."""
    code = (
        "import runpy, signal, sys\n"
        "dev = runpy.run_path(sys.argv[1])\n"
        "signal.signal(signal.SIGTERM, dev['terminate'])\n"
        "dev['supervise']([sys.executable, '-c', sys.argv[2], sys.argv[3]], {})\n"
    )
    command = [sys.executable, "-c", code, DEV[1], SLOW_TO_END, str(tmp_path / "put away")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "started\n"
        process.terminate()
    assert (tmp_path / "put away").exists()
