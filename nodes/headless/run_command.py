"""``run``: a workflow for every row of a table, priced before, told about meanwhile, summed up after."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from .cli import USUAL_SERVER
from .graph import Workflow
from .jobs import Plan, Price, price
from .problem import Problem
from .record import Record, path_beside
from .running import Runner, Tally
from .server import Refused, Server, Unreachable
from .table import Table

_MOST_NOTES = 5


def run(told: argparse.Namespace) -> int:
    """Exit code 0 where every row is done, 1 where some are not, 2 where it was not begun. Raises Problem."""
    workflow, table = Workflow.read(told.workflow), Table(told.table)
    columns = table.columns()
    targets = workflow.targets(columns, told.map)
    for target, column in targets.items():
        print(f"{column} -> {target} ({workflow.nodes[target.node]['class_type']})")
    if unused := [column for column in columns if column and column not in targets.values()]:
        print(f"Not used: {', '.join(unused)}.")
    servers = list({one.url: one for one in map(Server, told.server or [USUAL_SERVER])}.values())
    for server in servers:
        server.check()
    if len({server.is_sandbox() for server in servers}) > 1:
        raise Problem("Some of these servers are in sandbox mode and others buy for real: name those of one kind only.")
    record = Record(path_beside(told.table), anew=told.again)
    try:
        plan = Plan(workflow.with_fractions(servers[0].takes_fractions, targets), table, targets)
        return _with(record, plan, servers, told)
    except (Unreachable, Refused) as error:
        raise Problem(f"A server stopped answering before anything was begun: {error}.") from None
    finally:
        record.close()


def _with(record: Record, plan: Plan, servers: list[Server], told: argparse.Namespace) -> int:
    rows = sum(1 for _ in plan.jobs())
    left = sum(1 for _ in plan.left(record))
    if rows - left:
        print(f"{rows - left} of {rows} rows are done already, or the same as another; {left} are left.")
    if not left:
        return 0
    if not _agreed(_dearest(servers, plan, record, left), servers, told):
        print("Nothing was begun.")
        return 2
    return _summed(_run_all(record, plan, servers, left, told), record, left)


def _dearest(servers: list[Server], plan: Plan, record: Record, left: int) -> Price:
    """The highest of the servers' estimates: what one has kept, another may have to buy."""
    prices = [_priced(server, plan, record, left) for server in servers]
    return max(prices, key=lambda one: (one.is_floor, one.usd))


def _priced(server: Server, plan: Plan, record: Record, left: int) -> Price:
    try:
        return price(server, plan.left(record), left)
    except (Unreachable, Refused) as error:
        raise Problem(f"{server.url} could not say what this will cost: {error}") from None


def _agreed(cost: Price, servers: list[Server], told: argparse.Namespace) -> bool:
    """Whether the user wants it: asked above the limit, or where nobody knows."""
    saved = f"; {_usd(cost.kept_usd)} more is kept from before" if cost.kept_usd else ""
    price_told = (
        "not known" if cost.is_floor and not cost.usd else f"{'at least ' if cost.is_floor else ''}{_usd(cost.usd)}"
    )
    print(f"Estimate: {price_told}{saved}.")
    for note in cost.notes[:_MOST_NOTES]:
        print(f"  {note}")
    if len(cost.notes) > _MOST_NOTES:
        print(f"  and {len(cost.notes) - _MOST_NOTES} more")
    if all(server.is_sandbox() for server in servers):
        print("In the sandbox nothing is charged.")
        return True
    if told.yes or (cost.usd <= told.limit and not cost.is_floor):
        return True
    if not sys.stdin.isatty():
        raise Problem(f"That is above the limit of {_usd(told.limit)}, or not known: say --yes, or raise --limit.")
    try:
        return input("Run it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _run_all(record: Record, plan: Plan, servers: list[Server], left: int, told: argparse.Namespace) -> Runner:
    from tqdm import tqdm  # type: ignore[import-untyped]

    with tqdm(total=left, unit="row", file=sys.stderr) as bar:

        def look(tally: Tally) -> None:
            bar.n = tally.done + tally.failed + tally.unknown
            bar.set_postfix_str(f"{_usd(tally.usd)}, {tally.failed} failed", refresh=False)
            bar.refresh()

        runner = Runner(
            servers,
            record,
            plan.left(record),
            look,
            queue=told.queue,
            patience=told.patience,
            stop_after=told.stop_after,
        )
        signal.signal(signal.SIGTERM, _as_interrupt)
        runner.start()
        try:
            runner.wait()
        except KeyboardInterrupt:
            bar.write("Stopping: nothing more is begun, and what runs is waited for. Press again to leave at once.")
            runner.stop()
            try:
                runner.wait()
            except KeyboardInterrupt:
                bar.write("Left. The next call looks for what was under way.")
    return runner


def _summed(runner: Runner, record: Record, left: int) -> int:
    tally = runner.tally
    unknown = f", {tally.unknown} not known" if tally.unknown else ""
    print(f"{tally.done} rows done, {tally.failed} failed{unknown}, {_usd(tally.usd)} charged.")
    for error, row in list(tally.errors.items())[:_MOST_NOTES]:
        print(f"  row {row}: {error}")
    if runner.problem is not None:
        print(runner.problem, file=sys.stderr)
    if tally.done < left or runner.problem is not None:
        print(f"Call again to go on with what is left ({record.path}).")
        return 1
    return 0


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _usd(value: float) -> str:
    return f"${value:.2f}" if value >= 1 or value == 0 else f"${value:.4f}"
