"""`mailtwist user import`: files that other programs have made, and hostile ones."""

import json
import os
import subprocess
from pathlib import Path

from mailtwist.app.cli.user import command, work
from mailtwist.auth.hashed import Hashed, SupportsHashed
from mailtwist.kit.trouble import Trouble
from mailtwist.state.process import durable
from tests.app.cli.inside import INI, InsideCase
from tests.peers.programs import needs, program

PASSWORD = b"p@ss: 'w\xc3\xb6rd"
SHA512 = (
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
)
"""Of "Hello world!"."""
DISABLED = "he may not log in there, and is disabled here"


class ImportCase(InsideCase):
    async def imported(self, kind: str, *argv: str) -> tuple[int, str, str]:
        return await self.said(command, work, "import", "--from", kind, *argv)

    async def told(self, kind: str, *argv: str) -> dict[str, list[str]]:
        """What it says in JSON; `refused` as sentences with the names of the files alone."""
        _, out, errors = await self.imported(kind, *argv, "--json")
        self.assertEqual(errors, "")
        told = json.loads(out)
        told["refused"] = [
            f"{os.path.basename(one['where'])}: {one['reason']}" for one in told.get("refused", ())
        ]
        return told

    def file(self, name: str, *lines: str | bytes) -> str:
        octets = [line if isinstance(line, bytes) else line.encode() for line in lines]
        (self.folder / name).write_bytes(b"".join(line + b"\n" for line in octets))
        return str(self.folder / name)

    async def people(self) -> dict[str, bool]:
        """Who is here, and whether he may log in."""
        _, out, _ = await self.said(command, work, "list", "--json")
        return {person["name"]: person["enabled"] for person in json.loads(out)}

    async def accepted(self, name: str, *passwords: bytes) -> list[bool]:
        assembled = self.assembled()
        directory = assembled.part("directory", "people")
        await assembled.start()
        try:
            person = await directory.find(name)
            return [await directory.accepts(person, password) for password in passwords]
        finally:
            await assembled.stop()

    def weak_too(self) -> None:
        self.path.write_text(INI.replace("type = sqlite", "type = sqlite\nweak_hashes = yes"))


@needs("htpasswd", "mkpasswd", "doveadm")
class RealTests(ImportCase):
    """Files as the programs make them, and each password logs in afterwards, twice: the second time by the
    hash that the first login has made of it."""

    def run_program(self, *argv: str, stdin: bytes = b"") -> str:
        argv = (program(argv[0]), *argv[1:])
        return subprocess.run(argv, input=stdin, capture_output=True, check=True).stdout.decode().strip()

    def stored(self, name: str) -> str:
        import sqlite3

        with sqlite3.connect(self.folder / "state" / "people.sqlite") as db:
            ((stored,),) = db.execute("SELECT hash FROM people WHERE name = ?", (name,))
        return str(stored)

    async def all_log_in(self, *names: str) -> None:
        for name in names:
            self.assertEqual(
                await self.accepted(name, b"wrong", PASSWORD, PASSWORD), [False, True, True], name
            )
            self.assertTrue(self.stored(name).startswith("$argon2id$"), name)

    async def test_htpasswd(self) -> None:
        path = str(self.folder / "web")
        for name, flag in (("ann", "-B"), ("Bob", "-5"), ("cat@example.net", "-2")):
            self.run_program(
                "htpasswd", "-i", *(["-c"] if name == "ann" else []), flag, path, name, stdin=PASSWORD
            )
        for name, flag in (("md5", "-m"), ("sha", "-s"), ("des", "-d"), ("plain", "-p")):
            self.run_program("htpasswd", "-i", flag, path, name, stdin=b"short")
        told = await self.told("htpasswd", path)
        good = ["ann@example.org", "bob@example.org", "cat@example.net"]
        self.assertEqual(told["imported"], good)
        self.assertEqual([words.partition(":")[2][:2] for words in told["refused"]], ["4:", "5:", "6:", "7:"])
        self.assertNotIn("short", str(told))
        await self.all_log_in(*good)
        self.weak_too()
        told = await self.told("htpasswd", path)
        self.assertEqual(told["imported"], ["md5@example.org", "sha@example.org"])
        self.assertEqual((told["here"], len(told["refused"])), (good, 2))
        self.assertEqual(await self.accepted("md5@example.org", b"wrong", b"short"), [False, True])

    async def test_passwd_with_shadow(self) -> None:
        """Hashes of crypt(3) as Debian makes them, in files as Debian has them."""
        kinds = {"ann": "yescrypt", "bob": "sha512crypt", "cat": "bcrypt", "dan": "sha256crypt"}
        hashes = {
            n: self.run_program("mkpasswd", "-s", "-m", kind, stdin=PASSWORD) for n, kind in kinds.items()
        }
        shadow = [f"{name}:{stored}:19000:0:99999:7:::" for name, stored in hashes.items()]
        shadow += ["root:*:19000::::::", "eve:!:1::::::", f"joe:!{hashes['ann']}:1::::::"]
        shadow += [f"old:{hashes['ann']}:19000:0:99999:7::19001:"]
        names = (*kinds, "eve", "joe", "old")
        passwd = [f"{name}:x:{1000 + n}:100:{name},,,:/home/{name}:/bin/sh" for n, name in enumerate(names)]
        passwd += ["root:x:0:0:root:/root:/bin/bash", "nobody:x:65534:65534::/:/bin/false"]
        paths = self.file("passwd", *passwd), "--shadow", self.file("shadow", *shadow)
        told = await self.told("passwd", *paths)
        self.assertEqual(told["imported"], [f"{name}@example.org" for name in (*kinds, "joe", "old")])
        self.assertEqual(told["refused"], ["passwd:5: eve@example.org has no password in it"])
        self.assertEqual(
            told["notes"],
            [
                f"joe@example.org: {DISABLED}",
                f"old@example.org: {DISABLED}",
                "old@example.org: the account has expired there",
            ],
        )
        people = await self.people()
        self.assertEqual(
            [name for name, enabled in people.items() if not enabled], ["joe@example.org", "old@example.org"]
        )
        await self.all_log_in(*(f"{name}@example.org" for name in kinds))
        told = await self.told("passwd", paths[0], "--dry-run")
        self.assertIn("--shadow /etc/shadow", told["refused"][0])

    async def test_dovecot(self) -> None:
        schemes = ("SHA512-CRYPT", "BLF-CRYPT", "SSHA256", "PBKDF2", "SSHA", "SSHA512.HEX", "PLAIN")
        lines = []
        for scheme in schemes:
            name = scheme.lower().replace(".", "-")
            text = PASSWORD.decode().replace(":", "")
            stored = self.run_program("doveadm", "pw", "-s", scheme, "-p", text)
            lines.append(f"{name}@example.org:{stored}:5000:5000::/home/{name}::userdb_mail=maildir:~/Mail")
        told = await self.told("dovecot", self.file("users", *lines))
        self.assertEqual((len(told["imported"]), told["refused"]), (len(schemes), []))
        for scheme in schemes:
            name = f"{scheme.lower().replace('.', '-')}@example.org"
            right = PASSWORD.replace(b":", b"")
            self.assertEqual(await self.accepted(name, b"wrong", right, right), [False, True, True], name)
            self.assertTrue(self.stored(name).startswith("$argon2id$"), name)

    async def test_a_password_in_clear_is_stored_as_a_hash(self) -> None:
        await self.told("dovecot", self.file("users", "ann:{PLAIN}secret", "bob:{plain.b64}c2VjcmV0"))
        for name in ("ann@example.org", "bob@example.org"):
            self.assertTrue(self.stored(name).startswith("$argon2id$"))
            self.assertEqual(await self.accepted(name, b"{PLAIN}secret", b"secret"), [False, True])


class ImportTests(ImportCase):
    async def test_a_report_for_people(self) -> None:
        lines = (f"ann:{SHA512}", "# nobody", "bob:{PLAIN}x", "", "eve", "DES:ab0123456789.")
        path = self.file("web", *lines)
        status, out, _ = await self.imported("htpasswd", path, "--dry-run")
        self.assertEqual(status, 1)
        said = out.splitlines()
        self.assertEqual(said[0], f'{path}:5: it is not "name:hash"')
        self.assertIn(f"{path}:6: des@example.org: this is no hash that can be used", said[1])
        self.assertEqual(said[2], "1 with CRYPT, made anew at each one's login")
        self.assertEqual(said[3], "1 with PLAIN, made to a hash at once")
        self.assertEqual(said[-1], "2 would be imported, 0 would be replaced, 0 already here, 2 refused")
        self.assertEqual(await self.people(), {})
        _, out, _ = await self.imported("htpasswd", path)
        self.assertEqual(out.splitlines()[-1], "2 imported, 0 replaced, 0 already here, 2 refused")
        self.assertEqual(await self.people(), {"ann@example.org": True, "bob@example.org": True})
        status, out, _ = await self.imported("htpasswd", self.file("good", f"ann:{SHA512}"))
        self.assertEqual((status, out), (0, "0 imported, 0 replaced, 1 already here, 0 refused\n"))

    async def test_who_is_here_stays_as_he_is_unless_it_is_wanted(self) -> None:
        add = ("add", "ann", "--alias", "annie", "--password-stdin")
        await self.said(command, work, *add, stdin=b"of his own\n")
        before = (await self.said(command, work, "list", "--json"))[1]
        path = self.file("web", f"ann:!{SHA512}", f"annie:{SHA512}")
        told = await self.told("htpasswd", path)
        self.assertEqual((told["imported"], told["here"]), ([], ["ann@example.org"]))
        taken = "web:2: annie@example.org is ann@example.org in [directory:people]"
        self.assertEqual(told["refused"], [taken])
        self.assertEqual((await self.said(command, work, "list", "--json"))[1], before)
        told = await self.told("htpasswd", path, "--replace")
        self.assertEqual((told["replaced"], told["refused"]), (["ann@example.org"], [taken]))
        self.assertEqual(
            await self.accepted("ann@example.org", b"of his own", b"Hello world!"), [False, True]
        )
        after = json.loads((await self.said(command, work, "list", "--json"))[1])
        self.assertEqual(
            [(one["account"], one["enabled"]) for one in after], [(json.loads(before)[0]["account"], False)]
        )

    async def test_who_is_disabled_here_is_not_let_in_by_a_file(self) -> None:
        for words in (("add", "ann", "--password-stdin"), ("disable", "ann")):
            await self.said(command, work, *words, stdin=b"x\n")
        told = await self.told("htpasswd", self.file("web", f"ann:{SHA512}"), "--replace")
        self.assertEqual(told["replaced"], ["ann@example.org"])
        self.assertIn("stays so", told["notes"][0])
        self.assertEqual(await self.people(), {"ann@example.org": False})

    async def test_sessions_of_a_replaced_password_end(self) -> None:
        await self.said(command, work, "add", "ann", "--password-stdin", stdin=b"x\n")
        await self.told("htpasswd", self.file("web", f"ann:{SHA512}"), "--replace")
        assembled = self.assembled()
        state, directory = assembled.one(durable), assembled.part("directory", "people")
        await assembled.start()
        try:
            person = await directory.find("ann@example.org")
            ended = await state.endings(-1)
            self.assertIn((person.account, "password-changed"), [(one.account, one.why) for one in ended])
        finally:
            await assembled.stop()

    async def test_names_of_a_directory_that_is_asked_before_are_taken(self) -> None:
        first = self.file("first", "ann:{PLAIN}secret")
        Path(first).chmod(0o600)
        self.path.write_text(f"[directory:first]\ntype = passwd_file\nfile = {first}\n{INI}")
        told = await self.told("htpasswd", self.file("web", f"ann:{SHA512}", f"bob:{SHA512}"))
        self.assertEqual(told["imported"], ["bob@example.org"])
        self.assertEqual(told["refused"], ["web:1: ann@example.org is ann@example.org in [directory:first]"])
        self.path.write_text(f"{INI}[directory:last]\ntype = passwd_file\nfile = {first}\n")
        self.assertEqual(
            (await self.told("htpasswd", self.file("web", f"ann:{SHA512}")))["imported"], ["ann@example.org"]
        )

    async def test_fields_of_dovecot_that_decide_who_gets_in(self) -> None:
        fields = ":1:1::/home::"
        told = await self.told(
            "dovecot",
            self.file(
                "users",
                f"out:{SHA512}{fields}nologin",
                f"why:{SHA512}{fields}userdb_x=1 nologin=gone",
                f"net:{SHA512}{fields}allow_nets=192.0.2.0/24",
                f"any:{SHA512}{fields}nopassword=y",
                f"two:{SHA512}{fields}user=ann",
                f"not:{SHA512}{fields}userdb_nologin_at=1 xallow_nets=2",
                f"big:{SHA512}{fields}userdb_quota_rule=*:storage=2G",
            ),
        )
        names = [f"{name}@example.org" for name in ("out", "why", "not", "big")]
        self.assertEqual(told["imported"], names)
        self.assertEqual(
            [words[:9] + words.partition('"')[2].partition('"')[0] for words in told["refused"]],
            ["users:3: allow_nets", "users:4: nopassword", "users:5: user"],
        )
        self.assertEqual(
            [name for name, enabled in (await self.people()).items() if not enabled], sorted(names[:2])
        )
        self.assertIn("his quota there is 2G", told["notes"][-1])

    async def test_hostile_lines_are_refused_with_their_number_and_nothing_of_them_is_told(self) -> None:
        octets = (
            *(b"\xff\xfe:{PLAIN}secret", b"a\xff:" + SHA512.encode(), b"ann:{PLAIN}\xff", b"x" * 5000),
            *(b"a@b@c:" + SHA512.encode(), b":" + SHA512.encode(), b"ann:", b"ann:{NEW}secret"),
            *(b"ann:{PLAIN}", b"ann:$6$salt$secret", b"ann:$argon2id$secret", b"ann:{SSHA}secret"),
            *(
                b"n\x00l:" + SHA512.encode(),
                b"ann\x1b[2J:{NEW}",
                b"ann:!",
                b"ann:*",
                b"ann:{CRYPT}ab0123456789.",
            ),
        )
        for kind in ("htpasswd", "dovecot"):
            told = await self.told(kind, self.file("bad", *octets))
            self.assertEqual((told["imported"], len(told["refused"])), ([], len(octets)))
            self.assertNotIn("secret", str(told))
            for number, words in enumerate(told["refused"], 1):
                self.assertTrue(words.startswith(f"bad:{number}: "), words)
                self.assertTrue(words.isprintable())
        told = await self.told("passwd", self.file("bad", *octets, "a:x:-1:::::", "a:x:99999999999999:::::"))
        self.assertEqual((told["imported"], len(told["refused"])), ([], len(octets) + 2))
        self.assertEqual(await self.people(), {})

    async def test_the_first_line_of_a_name_counts(self) -> None:
        told = await self.told("htpasswd", self.file("web", f"Ann:{SHA512}", "ann@EXAMPLE.org:{PLAIN}x"))
        self.assertEqual(told["imported"], ["ann@example.org"])
        self.assertIn("web:1 already; the first one counts", told["refused"][0])

    async def test_names_get_the_domain_that_is_named(self) -> None:
        told = await self.told(
            "htpasswd", self.file("web", f"ann:{SHA512}"), "--domain", "B\u00dccher.example"
        )
        self.assertEqual(told["imported"], ["ann@xn--bcher-kva.example"])
        status, _, errors = await self.imported("htpasswd", self.file("web"), "--domain", "a b")
        self.assertEqual(status, 1)
        self.assertIn("cannot be a domain", errors)

    async def test_what_cannot_be_read_is_told(self) -> None:
        os.mkfifo(self.folder / "pipe")
        for name, words in (("nothing", "No such file"), ("pipe", "it is no file"), (".", "")):
            status, _, errors = await self.imported("htpasswd", str(self.folder / name))
            self.assertEqual(status, 1)
            self.assertIn(words, errors)
        path = self.file("web", f"ann:{SHA512}")
        os.truncate(path, (64 << 20) + 1)
        self.assertIn("64 MiB", (await self.imported("htpasswd", path))[2])

    async def test_a_directory_that_takes_no_hashes_is_told(self) -> None:
        self.path.write_text(
            INI.replace("type = sqlite\nhash_memory = 8 KiB\nhash_passes = 1", "type = passwd_file\nfile = x")
        )
        self.file("x", f"ann:{SHA512}")
        (self.folder / "x").chmod(0o600)
        status, _, errors = await self.imported("htpasswd", str(self.folder / "x"))
        self.assertEqual(status, 1)
        self.assertIn("no directory of this config can be", errors)

    async def test_all_are_taken_or_nobody(self) -> None:
        """Somebody else has added one of them meanwhile, or removed one."""
        assembled = self.assembled()
        directory: SupportsHashed = assembled.part("directory", "people")
        self.assertIsInstance(directory, SupportsHashed)
        await assembled.start()
        try:
            ann, bob = (Hashed(f"{name}@example.org", SHA512) for name in ("ann", "bob"))
            await directory.take([bob])
            for people, status in (
                ([ann, bob], "5.1.4"),
                ([ann, ann], "5.1.4"),
                ([ann, Hashed("bob@example.org", SHA512, account="gone")], "5.1.1"),
            ):
                with self.assertRaises(Trouble) as caught:
                    await directory.take(people)
                self.assertEqual(caught.exception.status, status)
            self.assertEqual(list(await self.people()), ["bob@example.org"])
        finally:
            await assembled.stop()
