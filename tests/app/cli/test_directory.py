"""`mailtwist directory test`."""

import io
import json
from contextlib import redirect_stderr

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli.directory import command, work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from mailtwist.config.load import load
from tests.app.cli.inside import INI, InsideCase
from tests.app.cli.parts_to_try import ASKED, OPENED, PASSWORD, parts
from tests.app.cli.words import ran

TYPED = PASSWORD.decode()


class DirectoryCase(InsideCase):
    ini = INI + "[directory:tried]\ntype = one\n"

    def assembled(self) -> Assembled:
        return Assembled(load(self.path, parts))

    def setUp(self) -> None:
        super().setUp()
        ASKED.clear()
        OPENED.clear()

    def tried_is(self, type_: str, *lines: str) -> None:
        self.path.write_text(INI + "\n".join(["[directory:tried]", f"type = {type_}", *lines, ""]))

    async def tries(self, *argv: str, typed: tuple[str, ...] = (), stdin: bytes = b"") -> tuple[int, str]:
        """Exit status and what was said."""
        status, out, errors = await self.said(command, work, "test", *argv, typed=typed, stdin=stdin)
        return status, (out + errors).replace("\n    ", " ")

    async def added(self, name: str, password: bytes = PASSWORD) -> None:
        argv = ("add", name, "--password-stdin")
        status, _, errors = await self.said(user_command, user_work, *argv, stdin=password + b"\n")
        self.assertEqual((status, errors), (0, ""))


class DirectoryTests(DirectoryCase):
    async def test_each_step_is_told_and_a_right_password_is_a_yes(self) -> None:
        status, said = await self.tries("tried", "EXAMPLE\\Ann", typed=(TYPED,))
        self.assertEqual(status, 0)
        lines = said.splitlines()
        for line in (
            '  * "EXAMPLE\\\\Ann" is ann@example.org here.',
            "  * [directory:people] is asked before this one, and knows nobody of this name.",
            "[directory:tried], type = one: the name",
            "  * searched for ann@example.org",
            "  * There he is ann@example.org, account account-of-ann.",
            "  * His groups: staff.",
            "  * At imap it is [login] that counts: factor = required.",
            "  * [factor:totp] (totp) has nothing of his.",
            "  * the hash is of the scheme {SSHA} of ann@example.org",
            "Yes: the password is right.",
        ):
            self.assertIn(line.replace("\\\\", "\\"), lines, said)

    async def test_a_wrong_password_is_a_no_and_a_name_that_nobody_has_too(self) -> None:
        status, said = await self.tries("tried", "ann", typed=("wrong",))
        self.assertEqual((status, said.splitlines()[-1]), (1, "No: the password is wrong."))
        status, said = await self.tries("tried", "nobody")
        self.assertEqual((status, said.splitlines()[-1]), (1, "No: nobody has this name there."))

    async def test_what_is_away_cannot_say(self) -> None:
        self.tried_is("one", "does = away")
        status, said = await self.tries("tried", "ann")
        self.assertEqual(
            (status, said.splitlines()[-1]), (75, "Cannot say: ldap.example.org did not answer within 5 s.")
        )
        self.tried_is("one", "does = account")
        status, said = await self.tries("tried", "ann", typed=(TYPED,))
        self.assertEqual(status, 75)
        self.assertIn("the stored hash cannot be used; a login would be told to come", said)

    async def test_nothing_tried_is_no_no(self) -> None:
        """Nobody takes a mistyped section or an empty password for a wrong one."""
        for argv, typed, words in (
            (("peple", "ann"), (), 'there is no section [directory:peple]; did you mean "people"?'),
            (("tried", "a@b@c"), (), "cannot be a name"),
            (("tried", ""), (), "cannot be a name"),
            (("tried", "ann"), ("",), "an empty one is never sent"),
            (("tried", "ann"), (), "nothing was typed"),
            (("tried", "ann", "--token"), (), "takes no access tokens"),
        ):
            status, said = await self.tries(*argv, typed=typed)
            self.assertEqual(status, 75, said)
            self.assertIn(words, said)
        self.assertNotIn("accepts", [asked[0] for asked in ASKED])
        (self.folder / "state").rename(self.folder / "other")
        (self.folder / "state").touch()
        self.assertEqual((await self.tries("tried", "ann"))[0], 75)

    async def test_the_password_is_read_as_it_is_and_an_argument_is_none(self) -> None:
        status, _ = await self.tries("tried", "ann", "--password-stdin", stdin=PASSWORD + b"\r\nmore")
        self.assertEqual(status, 0)
        with self.assertRaises(SystemExit), redirect_stderr(io.StringIO()):
            await self.tries("tried", "ann", TYPED)

    async def test_no_secret_is_told_whatever_a_part_and_its_library_say(self) -> None:
        self.tried_is("one", "does = leak", "key = k3y of the service")
        for form in ((), ("--json",)):
            status, said = await self.tries("tried", "ann", *form, typed=(TYPED,))
            self.assertEqual(status, 75)
            self.assertIn("(secret) as (secret)", said)
            self.assertIn("RuntimeError", said)
            self.assertNotIn("\x1b", said)
            for secret in (TYPED, "w@rd", "k3y of", "p%C3%A4ss", "xc3", "cMOkc3Mg"):
                self.assertNotIn(secret, said)

    async def test_a_code_is_left_out_as_a_login_does(self) -> None:
        status, said = await self.tries("tried", "ann", typed=(f"{TYPED}@123456",))
        self.assertEqual(status, 0)
        self.assertIn("no code goes to a directory", said)
        self.assertNotIn("123456", said)
        self.assertEqual([one[2] for one in ASKED if one[0] == "accepts"], [PASSWORD])
        self.path.write_text(
            self.path.read_text().replace("refusal = 0 s", "refusal = 0 s\nfactor = optional")
        )
        status, _ = await self.tries("tried", "ann", typed=(f"{TYPED}@123456",))
        self.assertEqual(status, 1)  # his password is what he typed, whole
        status, _ = await self.tries("tried", "ann", typed=("@123456",))
        self.assertEqual(status, 1)

    async def test_a_code_alone_is_no_password(self) -> None:
        status, said = await self.tries("tried", "ann", typed=("@123456",))
        self.assertEqual(status, 75)
        self.assertIn("never sent", said)

    async def test_disabled_is_a_no(self) -> None:
        for argv, typed in (((), (TYPED,)), (("--find",), ())):
            status, said = await self.tries("tried", "eve", *argv, typed=typed)
            self.assertEqual(status, 1)
            self.assertIn("disabled", said.splitlines()[-1])

    async def test_a_name_alone_is_looked_for_without_a_password(self) -> None:
        status, said = await self.tries("tried", "ann", "--find")
        self.assertEqual((status, said.splitlines()[-1]), (0, "Yes: he is known here."))

    async def test_programs_get_json(self) -> None:
        status, said = await self.tries("tried", "Ann", "--json", "--password-stdin", stdin=PASSWORD)
        told = json.loads(said)
        self.assertEqual((status, told["verdict"], told["words"]), (0, "yes", "the password is right."))
        self.assertEqual((told["typed"], told["name"], told["type"]), ("Ann", "ann@example.org", "one"))
        self.assertEqual((told["rule"], told["needs_code"]), ("login", True))
        self.assertEqual(told["person"]["groups"], ["staff"])
        self.assertIn({"about": "find", "words": "searched for ann@example.org"}, told["steps"])

    async def test_the_directories_before_and_behind_say_what_they_know(self) -> None:
        """The first that knows a name has it."""
        await self.added("ann")
        _, said = await self.tries("tried", "ann", "--find")
        self.assertIn("logins go there, and never come here", said)
        _, said = await self.tries("people", "ann", "--find")
        self.assertIn("[directory:tried] is asked after this one, and knows the name too", said)
        self.tried_is("one", "does = away")
        self.path.write_text(self.path.read_text().replace("[factor:totp]", "").replace("people", "z"))
        self.path.write_text("[directory:first]\ntype = one\ndoes = away\n" + self.path.read_text())
        _, said = await self.tries("z", "ann", "--find")
        self.assertIn("did not answer within 5 s; logins with this name wait for it.", said)
        self.assertIn("The config has no [factor:...].", said)

    async def test_what_opens_a_session_is_asked_as_a_login_asks_and_closed_again(self) -> None:
        self.tried_is("opening")
        argv = ("tried", "ann", "--protocol", "pop3", "--address", "192.0.2.1")
        status, said = await self.tries(*argv, typed=(TYPED,))
        self.assertEqual(status, 0)
        self.assertIn("At pop3 from 192.0.2.1 it is [login]", said)
        self.assertIn("His logins by pop3 go to mail.example.org.", said)
        self.assertEqual([one.closed for one in OPENED], [True])
        self.assertIn(("open", "pop3", "192.0.2.1", b"-"), ASKED)
        self.assertEqual((await self.tries("tried", "ann", typed=("wrong",)))[0], 1)
        for does, status, words in (
            ("behind", 1, "behind"),
            ("nowhere", 75, "known to be away; a login would be told to come again later"),
        ):
            self.tried_is("opening", f"does = {does}")
            found, said = await self.tries("tried", "ann", typed=(TYPED,))
            self.assertEqual(found, status)
            self.assertIn(words, said)

    async def test_an_access_token_is_asked_about(self) -> None:
        self.tried_is("token")
        status, said = await self.tries("tried", "ann", "--token", typed=("right",))
        self.assertEqual(status, 0, said)
        self.assertIn("valid until 3000-01-01T00:00:00Z", said)
        self.assertIn("no code is needed", said)
        self.assertIn("signed by (secret)", said)
        self.assertEqual((await self.tries("tried", "ann", "--token", typed=("wrong",)))[0], 1)
        self.tried_is("token", "does = issuer")
        self.assertEqual((await self.tries("tried", "ann", "--token", typed=("right",)))[0], 75)

    async def test_a_token_with_which_a_login_is_refused_is_a_no(self) -> None:
        self.tried_is("token")
        for token, name, words in (
            ("over", "ann", "No: the token is over."),
            ("eves", "ann", "No: the token is that of eve@example.org, and not of ann@example.org."),
            ("eves", "eve", "No: the token is valid, and he is disabled."),
        ):
            status, said = await self.tries("tried", name, "--token", typed=(token,))
            self.assertEqual(status, 1, said)
            self.assertIn(words, said)
        self.tried_is("token", "does = alone")
        status, said = await self.tries("tried", "ann", "--token", typed=("right",))
        self.assertEqual(status, 1, said)
        self.assertIn("shows no second factor, which he needs", said)

    def test_parts_that_cannot_be_built_are_told_with_their_line(self) -> None:
        """In a process of its own: nothing but the sentence is printed."""
        self.path.write_text(INI + "[factor:both]\ntype = ldap_concat\ndirectory = people\n")
        for words in (("directory", "test", "people", "ann", "--find"), ("factor", "test", "both", "ann")):
            done = ran(self.folder, "--config", "x.ini", *words)
            self.assertEqual((done.returncode, done.stdout), (78, ""), done.stderr)
            self.assertRegex(done.stderr, r"\Ax\.ini:13: \[factor:both\] [^\n]*ldap[^\n]*\n\Z")

    async def test_what_is_done_in_a_thread_and_with_the_hash_is_told(self) -> None:
        await self.added("ann")
        for _ in range(2):
            _, said = await self.tries("people", "ann", typed=(TYPED,))
            self.assertIn("the password is kept by the scheme ARGON2ID", said)
        file = self.folder / "people"
        file.touch(0o600)
        file.write_text("ann:{PLAIN}secret\n")
        self.path.write_text(INI + "[directory:old]\ntype = passwd_file\nfile = people\n")
        _, said = await self.tries("old", "ann", typed=("secret",))
        self.assertIn("/people has 1 people", said)
        self.assertIn("kept by the scheme PLAIN", said)
        self.assertNotIn("{PLAIN}", said)

    async def test_trying_is_no_login(self) -> None:
        """Nothing is counted, written to the history, or asked later because of it."""
        from mailtwist.state.process import durable

        await self.added("ann")
        for number in range(30):
            status, _ = await self.tries("people", "ann", typed=(f"wrong {number}",))
            self.assertEqual(status, 1)
        self.assertEqual((await self.tries("people", "ann", typed=(TYPED,)))[0], 0)
        assembled = self.assembled()
        state = assembled.one(durable)
        await assembled.start()
        try:
            self.assertEqual(list(await state.without_code(0.0)), [])
        finally:
            await assembled.stop()
