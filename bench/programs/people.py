"""Accounts with a second factor: `CONFIG COUNT PASSWORD [disabled]`; prints a JSON list of (name, seed)."""

import json
import sys
import time
from argparse import Namespace
from uuid import uuid4

import pyotp

from mailtwist.app.cli.inside import Inside, run_inside


async def work(inside: Inside, chosen: Namespace) -> int:
    (directory,) = inside.parts("directory").values()
    (factor,) = inside.parts("factor").values()
    await inside.begin()
    made = []
    for _ in range(chosen.count):
        person = await directory.add(f"{uuid4().hex}@example.test", chosen.password.encode(), [], [])
        enrolment = await factor.enroll(person.account, person.name, "")
        if (
            time.time() % 30 > 27
        ):  # a token whose clock seems to be two steps late would not take a code of now
            time.sleep(3)
        before = pyotp.TOTP(enrolment.secret).at(int(time.time()) - 30)  # the codes of now are for logins
        assert await factor.confirm(person.account, before, "")
        if chosen.disabled:
            await directory.set_enabled(person, False)
        made.append((person.name, enrolment.secret))
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    config, count, password, *disabled = sys.argv[1:]
    chosen = Namespace(config=config, count=int(count), password=password, disabled=bool(disabled))
    raise SystemExit(run_inside(work, chosen))
