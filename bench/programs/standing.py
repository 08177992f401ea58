"""What many records take: `KIND COUNT`; prints JSON, octets of files and of memory."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from time import time
from typing import Any

from twisted.internet.task import react

from bench.machine import memory_of
from bench.servers.ports import free, wait_for
from mailtwist.config.part import installed
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import started, together
from mailtwist.kit.threads import Threads
from mailtwist.state.records import Bucket, Charge, LoginRecord
from mailtwist.state.redis.place import Url
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.durable_devices import a_device

AT_ONCE = 256
THREADS = Threads("standing", 4, lost=True)
Taken = tuple[int, int]


def part(room: str, name: str, folder: Path, **settings: Any) -> Any:
    kind = installed(room)[name].load()
    return kind.build(kind.settings(**settings), OnePart(folder, clock=SystemClock(), threads=THREADS))


@asynccontextmanager
async def begun(one: Any) -> AsyncIterator[Any]:
    if hasattr(one, "start"):
        await one.start()
    try:
        yield one
    finally:
        if hasattr(one, "stop"):
            await one.stop()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def taken(folder: Path, asked: Sequence[Callable[[], Awaitable[object]]]) -> Taken:
    """Octets of the files, and how much memory grows when all these are asked, some at once."""
    before, left = memory_of(os.getpid()), iter(asked)
    while some := list(islice(left, AT_ONCE)):
        await together(*(one() for one in some))
    return size_of(folder), memory_of(os.getpid()) - before


def multiplied(path: Path, table: str, count: int, **columns: str) -> None:
    """The only row of a table becomes `count` more, in which these columns are other expressions of `n`."""
    with sqlite3.connect(path) as db:
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(columns.get(name, name) for name in names)
        db.execute(
            f"""WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
                INSERT INTO {table} SELECT {values} FROM numbers, (SELECT * FROM {table} LIMIT 1)""",
            (count,),
        )
    db.close()


# -- what there is
async def accounts(folder: Path, count: int) -> Taken:
    async with begun(part("mailtwist.directory", "sqlite", folder)) as directory:
        await directory.add("person@example.test", b"a password")
    path, account = folder / "people.sqlite", "printf('%012d', n)"
    name = "printf('person%d@example.test', n)"
    multiplied(path, "people", count, account=account, name=name)
    multiplied(path, "names", count, account=account, name=name)
    async with begun(part("mailtwist.directory", "sqlite", folder)) as directory:
        names = [f"person{n + 1}@example.test" for n in range(count)]
        return await taken(folder, [lambda name=name: directory.find(name) for name in names])


async def devices(folder: Path, count: int) -> Taken:
    async with begun(part("mailtwist.state", "sqlite", folder)) as durable:
        await durable.remember(a_device(new_id()), 8)
    path, account = folder / "durable.sqlite", "printf('%012d', n)"
    multiplied(path, "devices", count, account=account, lookup="randomblob(20)", inner="randomblob(20)")
    multiplied(path, "networks", count, account=account)
    async with begun(part("mailtwist.state", "sqlite", folder)) as durable:
        whose = [f"{n + 1:012}" for n in range(count)]
        return await taken(folder, [lambda one=one: durable.devices(one) for one in whose])


async def history(folder: Path, count: int) -> Taken:
    """One login each of a thousand accounts, again and again."""
    facts = {"name": "person@example.test", "protocol": "imap", "address": "192.0.2.7", "net": "192.0.2.0/24"}
    more = {"client": "Example Mail 128.5.0", "device": new_id(), "how": "device", "outcome": "accepted"}
    now = time()
    first = LoginRecord(
        login="a", at=now, account="a", tls=True, reason="", seconds=0.004, last=now, **facts, **more
    )
    async with begun(part("mailtwist.state", "sqlite", folder)) as durable:
        await durable.add_history([first])
    multiplied(
        folder / "durable.sqlite",
        "history",
        count,
        login="printf('%012d', n)",
        account="printf('%012d', n % 1000)",
    )
    async with begun(part("mailtwist.state", "sqlite", folder)) as durable:
        whose = [f"{n % 1000:012}" for n in range(1000)]
        return await taken(folder, [lambda one=one: durable.history(one, 0.0) for one in whose])


async def in_memory(folder: Path, count: int) -> Taken:
    async with begun(part("mailtwist.state", "memory", folder)) as volatile:
        return await taken(folder, failures(volatile, count))


async def in_sqlite(folder: Path, count: int) -> Taken:
    async with begun(part("mailtwist.state", "sqlite_volatile", folder)) as volatile:
        return await taken(folder, failures(volatile, count))


async def in_redis(folder: Path, count: int) -> Taken:
    """Its own memory."""
    (port,) = free(1)
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is not installed")
    words = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    redis = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        before = memory_of(redis.pid)
        url = Url.parse(f"redis://127.0.0.1:{port}/0")
        async with begun(part("mailtwist.state", "redis", folder, url=url)) as volatile:
            await taken(folder, failures(volatile, count))
        return 0, memory_of(redis.pid) - before
    finally:
        redis.terminate()
        redis.wait(20)


def failures(volatile: Any, count: int) -> list[Callable[[], Awaitable[object]]]:
    """One of each address, as an attack leaves them behind."""

    async def failed(number: int) -> None:
        net = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32"
        charge = await volatile.charge([Bucket(f"address:900:{net}", 20, 900.0)], 90.0)
        assert isinstance(charge, Charge)
        await volatile.keep(charge)

    return [lambda number=number: failed(number) for number in range(count)]


KINDS = {
    "accounts": accounts,
    "devices": devices,
    "history": history,
    "counts, memory": in_memory,
    "counts, sqlite": in_sqlite,
    "counts, redis": in_redis,
}


async def main(kind: str, count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-standing-") as folder:
        files, memory = await KINDS[kind](Path(folder), count)
    print(json.dumps({"files": files, "memory": memory}))


if __name__ == "__main__":
    react(lambda reactor: started(main(sys.argv[1], int(sys.argv[2]))))
