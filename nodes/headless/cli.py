"""The command line."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .problem import Problem

PACK = Path(__file__).absolute().parents[2]
"""As it was called: a pack that is linked into custom_nodes belongs to that ComfyUI."""
USUAL_SERVER = "http://127.0.0.1:8188"


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; the process's exit code: 0 well, 1 not all of it, 2 nothing was begun."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Not every console has the letters of every prompt.
            stream.reconfigure(errors="replace")
    told = _parser().parse_args(argv)
    try:
        code: int = told.work(told)
        sys.stdout.flush()
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads along (head, say) has seen enough; Python would still flush what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        print(f"{error.name} is missing: pip install -r {PACK / 'requirements.txt'}", file=sys.stderr)
        return 2
    return code


def _run(told: argparse.Namespace) -> int:
    from .run_command import run

    return run(told)


def _doctor(told: argparse.Namespace) -> int:
    from .doctor import doctor

    return doctor(PACK, told.state, told.server, is_offline=told.offline)


def _spending(told: argparse.Namespace) -> int:
    from .spending_command import spending

    return spending(told)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python PATH_TO_EASEL", description="Easel without the graph editor.")
    commands = parser.add_subparsers(required=True, metavar="run | doctor | spending")
    _add_run(commands.add_parser("run", help="run an exported workflow once for every row of a table"))
    doctor = commands.add_parser("doctor", help="say what is missing, and how to put it right")
    doctor.add_argument("--server", default=USUAL_SERVER, help=f"the ComfyUI to look for ({USUAL_SERVER})")
    doctor.add_argument("--offline", action="store_true", help="ask nothing over the network")
    _add_state(doctor)
    doctor.set_defaults(work=_doctor)
    spending = commands.add_parser("spending", help="what was spent")
    spending.add_argument("--by", default="day", help="day, provider, model or workflow (day)")
    spending.add_argument("--since", default="", help="the first day, such as 2026-11-01")
    spending.add_argument(
        "--csv", type=Path, metavar="FILE", help="write a table; every line of the ledger with --by lines"
    )
    spending.add_argument("--sandbox", action="store_true", help="the sandbox's books instead of the real ones")
    _add_state(spending)
    spending.set_defaults(work=_spending)
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("workflow", type=Path, help="the workflow as the editor's Export (API) writes it")
    run.add_argument("--table", type=Path, required=True, help="CSV, TSV or JSON lines; a run for every row")
    run.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=NODE.INPUT",
        help="which input a column goes into; NODE is an id or a title. Columns named NODE.INPUT, or like an input that only "
        "one node has, need none",
    )
    run.add_argument(
        "--server", action="append", metavar="URL", help=f"a ComfyUI; several share the rows ({USUAL_SERVER})"
    )
    run.add_argument("--queue", type=_positive, default=4, help="runs that wait at each server at most (4)")
    run.add_argument("--limit", type=float, default=1.0, metavar="USD", help="ask above this estimate (1.00)")
    run.add_argument("--yes", action="store_true", help="ask nothing")
    run.add_argument(
        "--patience", type=float, default=120.0, metavar="S", help="seconds to wait for a silent server (120)"
    )
    run.add_argument(
        "--stop-after", type=int, default=5, help="stop when so many rows in a row fail alike; 0 never (5)"
    )
    run.add_argument("--again", action="store_true", help="forget what earlier calls did, and run every row")
    run.set_defaults(work=_run)


def _add_state(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(pack=PACK)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="Easel's folder, where it is not user/__easel of this pack's ComfyUI",
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
