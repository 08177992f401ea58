"""The whole list of capabilities, word by word: in clear, with TLS, after login, after ENABLE; and what goes
with each part that is left out."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.imap.extension import Dialect, whole
from tests.protocols.imap.scene import Scene

IN_CLEAR = "IMAP4rev1 ENABLE ID IDLE IMAP4rev2 LITERAL+ LOGINDISABLED SASL-IR STARTTLS"
BEFORE_LOGIN = "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN ENABLE ID IDLE IMAP4rev2 LITERAL+ SASL-IR"
AFTER_LOGIN = (
    "IMAP4rev1 APPENDLIMIT=52428800 BINARY CHILDREN CONDSTORE ENABLE ESEARCH ID IDLE IMAP4rev2 LIST-EXTENDED "
    "LIST-STATUS LITERAL+ MOVE NAMESPACE SEARCHRES SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE UIDPLUS "
    "UNSELECT UTF8=ACCEPT WITHIN"
)

GONE = {
    "appendlimit": "APPENDLIMIT=52428800",
    "authenticate": "AUTH=PLAIN AUTH=LOGIN SASL-IR IMAP4rev2",
    "binary": "BINARY IMAP4rev2",
    "children": "CHILDREN",
    "condstore": "CONDSTORE",
    "enable": "ENABLE UTF8=ACCEPT IMAP4rev2",
    "esearch": "ESEARCH SEARCHRES IMAP4rev2",
    "id": "ID",
    "idle": "IDLE IMAP4rev2",
    "imap4rev2": "IMAP4rev2",
    "list_extended": "LIST-EXTENDED IMAP4rev2",
    "list_status": "LIST-STATUS IMAP4rev2",
    "literal_minus": "IMAP4rev2",
    "literal_plus": "LITERAL+",
    "login": "LOGINDISABLED",
    "move": "MOVE IMAP4rev2",
    "namespace": "NAMESPACE IMAP4rev2",
    "sasl_ir": "SASL-IR IMAP4rev2",
    "searchres": "SEARCHRES IMAP4rev2",
    "special_use": "SPECIAL-USE CREATE-SPECIAL-USE IMAP4rev2",
    "starttls": "STARTTLS",
    "status_size": "STATUS=SIZE IMAP4rev2",
    "uidplus": "UIDPLUS IMAP4rev2",
    "unselect": "UNSELECT IMAP4rev2",
    "utf8_accept": "UTF8=ACCEPT",
    "within": "WITHIN",
}
"""What is not told without a part; parts that are not named here tell nothing."""

COME = {"literal_plus": "LITERAL-"}


def told(scene: Scene) -> str:
    """What a greeting lists."""
    code = scene.wire().read().decode("ascii").partition("[CAPABILITY ")[2]
    return code.partition("]")[0]


def after(scene: Scene, *commands: bytes) -> str:
    """What CAPABILITY tells after login and `commands`."""
    wire = scene.logged_in(*commands)
    wire.send(b"c CAPABILITY\r\n")
    return wire.read().decode("ascii").splitlines()[0].removeprefix("* CAPABILITY ")


class WholeLists(SynchronousTestCase):
    def test_in_clear_there_is_no_login(self) -> None:
        self.assertEqual(told(Scene(tls=False)), IN_CLEAR)

    def test_before_login(self) -> None:
        self.assertEqual(told(Scene()), BEFORE_LOGIN)

    def test_login_tells_the_list_and_capability_the_same(self) -> None:
        wire = Scene().wire()
        wire.read()
        wire.send(b"a LOGIN ann secret\r\n")
        self.assertEqual(wire.read().decode(), f"a OK [CAPABILITY {AFTER_LOGIN}] Logged in\r\n")
        self.assertEqual(after(Scene()), AFTER_LOGIN)

    def test_enable_and_select_change_nothing(self) -> None:
        # rfc5161#3.1
        self.assertEqual(after(Scene(), b"e ENABLE IMAP4rev2 CONDSTORE UTF8=ACCEPT"), AFTER_LOGIN)
        self.assertEqual(after(Scene(), b"s SELECT INBOX"), AFTER_LOGIN)

    def test_what_goes_with_each_part(self) -> None:
        for part in whole().extensions:
            gone, come = GONE.get(part.name, "").split(), COME.get(part.name, "").split()
            for tls, before in ((False, IN_CLEAR), (True, BEFORE_LOGIN)):
                self.assertEqual(
                    *self.compared(before, gone, come, told(self.scene(part.name, tls))), part.name
                )
            if part.name not in ("login", "capability"):  # nobody is there to ask
                found = after(self.scene(part.name, True))
                self.assertEqual(*self.compared(AFTER_LOGIN, gone, come, found), part.name)
        self.assertLessEqual(GONE.keys(), {part.name for part in whole().extensions})

    def scene(self, without: str, tls: bool) -> Scene:
        scene = Scene(tls=tls)
        scene.factory.dialect = Dialect.installed(without=[without])
        return scene

    def compared(
        self, before: str, gone: list[str], come: list[str], found: str
    ) -> tuple[list[str], list[str]]:
        expected = [word for word in before.split() if word not in gone] + come
        return sorted(expected), sorted(found.split())
