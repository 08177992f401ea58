"""`mailtwist backend`."""

import json

from mailtwist.app.cli.backend import command, work
from mailtwist.gateway.drained import drained
from mailtwist.state.process import durable
from mailtwist.state.records import Backend
from tests.app.cli.inside import INI, InsideCase

UPSTREAMS = """\
[upstream:inside]
type = server
hosts = Mail1.inside.example, 127.0.0.1
imap = 1 plain
submission = 1 starttls
[upstream:archive]
type = server
hosts = 127.0.0.1
imap = 1 plain
"""


class BackendTests(InsideCase):
    ini = INI + UPSTREAMS

    async def rows(self):
        return json.loads((await self.said(command, work, "list", "--json"))[1])

    async def running(self):
        """The state of a process that serves at the same time."""
        assembled = self.assembled()
        state, admins = durable(assembled), assembled.one(drained)
        await assembled.start()
        self.addCleanup(assembled.stop)
        return assembled, state, admins

    async def test_all_hosts_are_listed_and_nobody_is_called(self):
        """Port 1 would refuse, and be down."""
        rows = await self.rows()
        self.assertEqual(
            [(row["upstream"], row["host"], row["kind"]) for row in rows],
            [
                ("inside", "Mail1.inside.example", "imap"),
                ("inside", "Mail1.inside.example", "submission"),
                ("inside", "127.0.0.1", "imap"),
                ("inside", "127.0.0.1", "submission"),
                ("archive", "127.0.0.1", "imap"),
            ],
        )
        self.assertEqual({(row["state"], row["drained"]) for row in rows}, {("unknown", False)})

    async def test_what_processes_have_seen_is_put_together(self):
        assembled, state, _ = await self.running()
        now = assembled.clock.now()

        def seen(process, up=True, reason="", ago=10.0, connections=2):
            return Backend(
                "archive", "127.0.0.1", "imap", up, reason, now - 100, now - ago, connections, process
            )

        await state.note_backends("archive", "a", [seen("a")])
        await state.note_backends("archive", "b", [seen("b", connections=5)])
        await state.note_backends("archive", "old", [seen("old", False, "long ago", ago=700)])
        row = (await self.rows())[-1]
        self.assertEqual((row["state"], row["connections"], row["reason"]), ("up", 7, ""))
        await state.note_backends("archive", "b", [seen("b", False, "Connection refused \x1b[2J")])
        _, table, _ = await self.said(command, work, "list")
        self.assertIn("down", table)
        self.assertIn("Connection refused", table)
        self.assertNotIn("\x1b", table)

    async def test_a_host_is_drained_in_the_server_that_runs(self):
        _, _, admins = await self.running()
        status, out, _ = await self.said(command, work, "drain", "MAIL1.inside.example", "--reason", "disk")
        self.assertEqual((status, out), (0, "drained: mail1.inside.example: nobody new gets there\n"))
        self.assertEqual({*await admins.hosts()}, {"mail1.inside.example"})
        first, *_, last = await self.rows()
        self.assertEqual((first["drained"], first["reason"], last["drained"]), (True, "disk", False))
        self.assertTrue(first["drained_by"] and first["drained_at"])
        _, out, _ = await self.said(command, work, "drain", "mail1.inside.example")
        self.assertIn("drained already", out)
        status, out, _ = await self.said(command, work, "undrain", "mail1.inside.example", "--json")
        self.assertEqual((status, json.loads(out)["was"]), (0, True))
        _, out, _ = await self.said(command, work, "undrain", "mail1.inside.example")
        self.assertIn("was not drained", out)

    async def test_an_upstream_without_a_host_left_is_told(self):
        _, out, _ = await self.said(command, work, "drain", "127.0.0.1")
        self.assertIn("[upstream:archive] has no host left that takes anybody", out)
        self.assertNotIn("inside", out)
        _, out, _ = await self.said(command, work, "drain", "mail1.inside.example", "--json")
        self.assertEqual(json.loads(out)["empty"], ["inside"])

    async def test_a_host_that_is_not_there_is_told_with_those_that_are(self):
        for word in ("drain", "undrain"):
            status, _, err = await self.said(command, work, word, "mail9\x1b.inside")
            self.assertEqual(status, 1)
            self.assertIn("; there is mail1.inside.example, 127.0.0.1", err)
            self.assertNotIn("\x1b", err)

    async def test_a_host_that_is_configured_no_more_can_be_undrained(self):
        await self.said(command, work, "drain", "mail1.inside.example")
        self.path.write_text(INI)
        self.assertIn("no server behind", (await self.said(command, work, "list"))[1])
        status, out, _ = await self.said(command, work, "undrain", "mail1.inside.example")
        self.assertEqual((status, out), (0, "not drained any more: mail1.inside.example\n"))
