"""Run in an environment with all extras: makes hashes by libpass, and logs in with these and others.

Reads `[[stored, password, weak], ...]` from stdin, prints as JSON who was let in, and with which scheme."""

import json
import sqlite3
import sys
import tempfile
from importlib.metadata import packages_distributions
from pathlib import Path

from passlib import hash as schemes
from radicale import auth, config
from twisted.internet.task import react

from mailtwist.app.assemble import PartView
from mailtwist.auth.api import LoginRefused, LoginRequest
from mailtwist.auth.decision import the_decision
from mailtwist.auth.directories.hashes import scheme_of
from mailtwist.kit.spawn import started
from mailtwist.testing.inside import ServerInside

PASSWORD = "p\N{EURO SIGN}ss w@rd"
STRONG = {
    "argon2": {"rounds": 1, "memory_cost": 64},
    "sha256_crypt": {"rounds": 1000},
    "sha512_crypt": {"rounds": 1000},
    "pbkdf2_sha1": {"rounds": 100},
    "pbkdf2_sha256": {"rounds": 100},
    "pbkdf2_sha512": {"rounds": 100},
    "scrypt": {"rounds": 4},
    "django_pbkdf2_sha1": {"rounds": 100},
    "django_pbkdf2_sha256": {"rounds": 100},
    "ldap_salted_sha1": {},
    "ldap_salted_sha256": {},
    "ldap_salted_sha512": {},
}
WEAK = ("md5_crypt", "apr_md5_crypt", "ldap_sha1", "ldap_salted_md5")

INI = """
[server]
hostname = mail.example.org
state = state
[login]
factor = optional
refusal = 0 s
[directory:files]
type = passwd_file
file = passwd
[directory:database]
type = sql
driver = sqlite
file = people.db
weak_hashes = yes
hash_memory = 64 KiB
hash_passes = 1
user_query = SELECT name, hash AS password FROM people WHERE name = {name}
update_password_query = UPDATE people SET hash = {hash} WHERE name = {name} AND hash = {old}
[state:durable]
type = sqlite
"""


def all_hashes():
    """(stored, password, weak)"""
    made = [
        *((getattr(schemes, name).using(**cost).hash(PASSWORD), False) for name, cost in STRONG.items()),
        *((getattr(schemes, name).hash(PASSWORD), True) for name in WEAK),
    ]
    return [*((stored, PASSWORD, weak) for stored, weak in made), *json.load(sys.stdin)]


async def tried(folder, hashes):
    lines, rows = [], []
    for number, (stored, _, weak) in enumerate(hashes):
        rows.append((f"{number}@database.test", stored))
        if not weak and ":" not in stored:
            lines.append(f"{number}@files.test:{stored}\n")
    (folder / "passwd").touch(0o600)
    (folder / "passwd").write_text("".join(lines))
    with sqlite3.connect(folder / "people.db") as db:
        db.execute("CREATE TABLE people (name TEXT, hash TEXT)")
        db.executemany("INSERT INTO people VALUES (?, ?)", rows)
    server = ServerInside(folder, INI)
    view = PartView(server.assembled, "test")
    decision = view.one(the_decision)
    await server.start()
    told = {"in": [], "out": [], "wrong": []}
    try:
        for name in (*(line.partition(":")[0] for line in lines), *(name for name, _ in rows)):
            stored, password, _ = hashes[int(name.partition("@")[0])]
            said = f"{scheme_of(stored)} {name.partition('@')[2]}"
            told["in" if await let_in(decision, name, password) else "out"].append(said)
        for name in (lines[0].partition(":")[0], rows[0][0]):
            if await let_in(decision, name, "another"):
                told["wrong"].append(name)
    finally:
        await server.stop()
    stored = [one for (one,) in sqlite3.connect(folder / "people.db").execute("SELECT hash FROM people")]
    return told | {"replaced": sum("$argon2id$" in one for one in stored), "hashes": len(hashes)}


async def let_in(decision, name, password):
    request = LoginRequest("imap", name.encode(), password.encode(), "192.0.2.1", tls=True)
    try:
        await decision.decide(request)
    except LoginRefused:
        return False
    return True


def radicale(folder):
    """Whether Radicale's own login still works by libpass: the right password, and a wrong one."""
    (folder / "htpasswd").write_text(f"ann:{schemes.sha512_crypt.using(rounds=1000).hash(PASSWORD)}\n")
    its = config.load()
    kind = {
        "type": "htpasswd",
        "htpasswd_filename": str(folder / "htpasswd"),
        "htpasswd_encryption": "sha512",
    }
    its.update({"auth": {**kind, "delay": "0"}}, "test")
    door = auth.load(its)
    return [door.login("ann", password, auth.AuthContext())[0] for password in (PASSWORD, "another")]


def main():
    folder = Path(tempfile.mkdtemp())
    hashes = all_hashes()
    told = {"passlib": packages_distributions()["passlib"], "radicale": radicale(folder)}

    def begin(reactor):
        done = started(tried(folder, hashes))
        done.addCallback(told.update)
        return done

    try:
        react(begin, [])
    except SystemExit as end:
        if end.code:
            raise
    print(json.dumps(told))


if __name__ == "__main__":
    main()
