"""A process of its own that buys from a QueueHouse; told what in JSON, tells what it got in JSON."""

import asyncio
import base64
import json
import sys
from pathlib import Path


def main():
    sys.path.append(str(Path(__file__).parents[1]))
    from support.pack import load_pack

    load_pack()
    from support import shop

    told = json.loads(sys.argv[1])
    engine = shop.open_shop(Path(told["folder"]), told["url"], **told.get("settings", {}))
    kind = shop.CounterWish if told.get("counter") else shop.Wish
    print(json.dumps(asyncio.run(_buy(shop, engine, [kind(**wish) for wish in told["wishes"]]))), flush=True)
    engine.stop()


async def _buy(shop, engine, wishes):
    outcomes = await asyncio.gather(*(shop.buy(engine, wish) for wish in wishes), return_exceptions=True)
    return [_told(outcome) for outcome in outcomes]


def _told(outcome):
    if isinstance(outcome, BaseException):
        return {"error": type(outcome).__name__, "text": str(outcome)}
    return {
        "pictures": [base64.b64encode(picture.data).decode() for picture in outcome.pictures],
        "reused": outcome.reused,
        "notes": outcome.notes,
    }


if __name__ == "__main__":
    main()
