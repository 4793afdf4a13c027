"""Easel for newcomers and developers; standard library only.

    python3 dev.py run      try Easel in a real ComfyUI: no key, nothing charged
    python3 dev.py test     every test, or: unit, host, browser, faults (pytest's own arguments after --)
    python3 dev.py bench    the measurements in tests/bench, or those named
    python3 dev.py lint     ruff, mypy, ESLint and TypeScript's checker
    python3 dev.py shots    the pictures of the README and the help pages, taken anew

What they need is set up once, outside this folder: in the platform's cache folder, or where EASEL_CACHE says.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent
sys.path.append(str(ROOT / "tests"))

from support.cache import CACHE, Part, Trouble, digest
from support.comfy import ComfyServer, PromptRefused, StartFailed, failures
from support.hosts import NEWEST_FRONTEND, find_chromium, find_host, frontend, prepare, tools
from support.javascript import javascript_tools, typescript_project
from support.pythons import output_of, programs_of

FLAGSHIP = ROOT / "workflows/api/dalle3-text-to-image.json"
SUITES = ("unit", "host", "browser", "faults")
NOTHING_COLLECTED = 5
"""pytest's exit code where a choice of tests leaves none."""
STRICT = ("nodes/hosted/engine", "dev.py")
HAS_GPU = "import torch; print('yes' if torch.cuda.is_available() or torch.backends.mps.is_available() else '')"
# Runs main() of a script with tests/ on the path, and not this folder: its nodes/ would hide ComfyUI's nodes.py.
RUN_MAIN = "import runpy, sys; sys.path[0] = sys.argv.pop(1); runpy.run_path(sys.argv.pop(1))['main']()"


def run(args: argparse.Namespace) -> int:
    """Start ComfyUI in sandbox mode, run the flagship workflow, keep the editor open."""
    host = find_host(args.comfyui)
    served, part = frontend(args.frontend, host) if args.frontend else (None, None)
    prepare(host, "Easel", also=[part] if part else [])
    server = ComfyServer(
        CACHE / f"run-{digest(str(ROOT))}",
        packs={"easel": ROOT},
        frontend=served,
        args=() if output_of(host.python, HAS_GPU) else ("--cpu",),
        comfyui=host.comfyui,
        python=host.python,
        port=args.port,
    )
    if server.is_taken():
        raise Trouble(f"Port {server.port} is taken by another program; choose one with --port")
    server.log.unlink(missing_ok=True)
    print(f"starting ComfyUI; its log is {server.log}", flush=True)
    try:
        server.start()
        succeeded = run_flagship(server)
        if not args.once:
            print(f"the editor is at {server.url}; Ctrl-C ends it", flush=True)
            server.join()
    except (StartFailed, TimeoutError) as error:
        raise Trouble(str(error)) from error
    finally:
        server.stop()
    return 0 if succeeded else 1


def run_flagship(server: ComfyServer) -> bool:
    """Post the workflow the way a pipeline does; say what was saved, what it would have cost, what went wrong."""
    print(f"running {FLAGSHIP.relative_to(ROOT)}", flush=True)
    try:
        entry = server.run(json.loads(FLAGSHIP.read_text(encoding="utf-8")), timeout=300)
    except PromptRefused as refusal:
        print(f"ComfyUI refused the workflow: {refusal} If a node is missing, the log says why: {server.log}")
        return False
    for failure in failures(entry):
        said = failure.get("exception_message", "it was interrupted").strip()
        print(f"node {failure['node_id']} ({failure['node_type']}) failed: {said}")
    saved = server.saved(entry)
    for path in saved:
        print(f"saved {path}")
    costs = [cost for shown in entry["outputs"].values() for cost in shown.get("cost_usd", []) if cost is not None]
    print(f"would have cost ${sum(costs):.3f} (sandbox: nothing was charged)")
    return entry["status"]["status_str"] == "success" and bool(saved) and all(path.exists() for path in saved)


def test(args: argparse.Namespace) -> int:
    """Run pytest over one suite, or all of them."""
    host = find_host(args.comfyui)
    environment: dict[str, str] = os.environ | {"COMFYUI_PATH": str(host.comfyui)}
    parts: list[Part] = []
    if args.suite in (None, "host"):
        folder, part = tools()
        environment["EASEL_TEST_TOOLS"] = str(programs_of(folder))
        parts.append(part)
    if args.suite in (None, "host", "browser"):
        served, part = frontend(NEWEST_FRONTEND, host)
        environment["EASEL_TEST_FRONTEND"] = str(served)
        parts.append(part)
    prepare(host, "Easel", "tests", also=parts)
    if args.suite in (None, "browser"):
        environment["EASEL_TEST_CHROMIUM"] = find_chromium(host)
    command = [str(host.python), "-m", "pytest", str(ROOT / "tests" / (args.suite or "")), *args.rest]
    # Most tests wait more than they work, so several run at once, also more than there are processors. In the order of
    # their files, those that drive an editor begin: they take longest, and shorter ones fill up the end.
    at_once, in_order = ["--dist", "loadscope", "-n"], "--no-loadscope-reorder"
    ends = [
        supervise([*command, "-m", "not alone and not served", *at_once, "4"], environment),
        supervise([*command, "-m", "served and not alone", *at_once, "3", in_order], environment),
        supervise([*command, "-m", "alone"], environment),
    ]
    # A choice of tests may leave none of one kind, but not of both.
    failed = [end for end in ends if end not in (0, NOTHING_COLLECTED)]
    return failed[0] if failed else min(ends)


def bench(args: argparse.Namespace) -> int:
    """Run the measurements, each a script with a main() that prints a table."""
    scripts = {script.stem: script for script in sorted((ROOT / "tests/bench").glob("*.py"))}
    if unknown := [name for name in args.names if name not in scripts]:
        raise Trouble(f"There is no benchmark {unknown[0]}; there are: {', '.join(scripts)}")
    host = find_host(args.comfyui)
    prepare(host, "Easel", "tests")
    environment = os.environ | {"COMFYUI_PATH": str(host.comfyui)}
    failed = []
    for name in args.names or scripts:
        print(f"== {name}", flush=True)
        command = [str(host.python), "-c", RUN_MAIN, str(ROOT / "tests"), str(scripts[name])]
        if supervise(command, environment):
            failed.append(name)
    if failed:
        raise Trouble(f"These benchmarks failed: {', '.join(failed)}")
    return 0


def lint(args: argparse.Namespace) -> int:
    """Run every linter, then say which of them found something."""
    npm = shutil.which("npm")
    if npm is None:
        raise Trouble("ESLint and TypeScript need npm, which is not on PATH: install Node.js 20 or newer")
    folder, part = javascript_tools(Path(npm))
    host = find_host(args.comfyui)
    prepare(host, "Easel", "tests", also=[part])
    python, programs = str(host.python), folder / "node_modules"
    checks: dict[str, list[str | Path]] = {
        "ruff": [python, "-m", "ruff", "check", "."],
        "ruff format": [python, "-m", "ruff", "format", "--check", "."],
        "mypy --strict": [python, "-m", "mypy", "--strict", *STRICT],
        "mypy": [python, "-m", "mypy", "nodes"],
        "eslint": ["node", programs / "eslint/bin/eslint.js", "--config", folder / "eslint.config.mjs", "js"],
        "tsc": ["node", programs / "typescript/bin/tsc", "--project", typescript_project(folder)],
    }
    failed = []
    for name, command in checks.items():
        print(f"== {name}", flush=True)
        if subprocess.call(command, cwd=ROOT):
            failed.append(name)
    if failed:
        raise Trouble(f"These found something: {', '.join(failed)}")
    return 0


def shots(args: argparse.Namespace) -> int:
    """Take the pictures of the README and the help pages anew."""
    host = find_host(args.comfyui)
    prepare(host, "Easel", "tests")
    environment = os.environ | {"COMFYUI_PATH": str(host.comfyui), "EASEL_TEST_CHROMIUM": find_chromium(host)}
    return supervise([str(host.python), "-c", RUN_MAIN, str(ROOT / "tests"), str(ROOT / "tests/shots.py")], environment)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; what stands after -- is pytest's."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="dev.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="run|test|bench|lint|shots")
    runs, tests, benches, lints, pictures = (
        commands.add_parser(command.__name__, help=command.__doc__) for command in (run, test, bench, lint, shots)
    )
    for command, does in ((runs, run), (tests, test), (benches, bench), (lints, lint), (pictures, shots)):
        command.set_defaults(does=does, rest=arguments[cut + 1 :])
        command.add_argument(
            "--comfyui", type=Path, metavar="DIR", help="an existing ComfyUI and its Python; nothing is installed there"
        )
    runs.add_argument("--once", action="store_true", help="stop after the workflow; the exit code says how it went")
    runs.add_argument("--port", type=int, default=8188, help="where ComfyUI listens (default: %(default)s)")
    runs.add_argument("--frontend", metavar="VERSION", help="another version of the editor")
    tests.add_argument("suite", nargs="?", choices=SUITES, help="all of them unless said")
    benches.add_argument("names", nargs="*", help="all of them unless said")
    return parser.parse_args(arguments[:cut])


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends us as Ctrl-C does, so that what we started ends with us."""


def terminate(_signal: int, _frame: FrameType | None) -> None:
    """The handler of SIGTERM."""
    raise Terminated


def supervise(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end. When we are stopped, it has the time to stop the servers that it started."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt as reason:
        # Ctrl-C has reached it as well, SIGTERM has not.
        if isinstance(reason, Terminated):
            process.send_signal(signal.SIGINT)
        process.wait()
        raise


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; its exit code."""
    args = parse(arguments)
    signal.signal(signal.SIGTERM, terminate)
    try:
        return int(args.does(args))
    except Trouble as trouble:
        print(f"dev.py: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
