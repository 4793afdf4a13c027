"""`python -m nodes.sandbox`: the stand-in providers as a process of their own."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path

from .app import start
from .listener import LOOPBACK


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted. The first line printed is the address."""
    parser = argparse.ArgumentParser(
        prog="python -m nodes.sandbox", description="Stand-in image providers on loopback. No key, no cost."
    )
    parser.add_argument("--host", default="127.0.0.1", choices=sorted(LOOPBACK))
    parser.add_argument("--port", type=int, default=8790, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds every call takes at least")
    parser.add_argument("--link-seconds", type=float, default=3600.0, help="how long picture links live")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=json.loads,
        metavar="JSON",
        help='a fault rule such as {"kind": "rate_limit", "times": 1}; may be repeated',
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="append every request here as JSON lines")
    parser.add_argument("--quiet", action="store_true", help="print the address only")
    given = parser.parse_args(arguments)
    try:
        url, stop = start(
            given.port,
            host=given.host,
            latency=given.latency,
            link_seconds=given.link_seconds,
            faults=given.fault,
            log_file=given.log,
        )
    except (OSError, ValueError) as error:
        print(f"the sandbox cannot start: {error}", file=sys.stderr)
        return 2
    print(f"sandbox listening at {url}", flush=True)
    if not given.quiet:
        print(f"log: {url}/sandbox/log   faults: {url}/sandbox/faults   stop: Ctrl+C", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
