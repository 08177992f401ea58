"""A whole server of two workers that asks people by an ntfy of ours, and a site where they answer."""

import http.client
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from mailtwist.testing.server import RunningServer
from tests.process.talk import Talker

PASSWORD = "a pass word"
URL = "https://mail.example.test"
SECONDS = 6
PEOPLE = [f"p{number}@example.test" for number in range(12)]

INI = """
[server]
hostname = mail.example.test
state = state
workers = 2
trusted_networks = 127.0.0.0/8
shutdown_deadline = 20 s

[login]
approved = 0

[notices]
send = no

[directory:people]
type = passwd_file
file = people

[factor:phone]
type = approve
by = ntfy
server = http://127.0.0.1:{port}
url = {url}
seconds = {seconds} s

[store:mail]
type = maildir

[service:imap]
listen = 127.0.0.1:0
store = mail
tls = public

[service:pop3]
listen = 127.0.0.1:0
store = mail
tls = public

[service:site]
type = web
listen = 127.0.0.1:0
pages = approve, health

[tls:public]
type = self_signed
"""


class Phones:
    """What ntfy was given to publish, as it comes."""

    def __init__(self) -> None:
        self.come: queue.Queue[dict[str, Any]] = queue.Queue()
        phones = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                phones.come.put(told)
                body = json.dumps({"id": "x", "time": 1, "event": "message", **told}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def message(self) -> dict[str, Any]:
        return self.come.get(timeout=60)

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Asking:
    """The server, begun."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.phones = Phones()
        hashed = PasswordHasher(1, 8, 1).hash(PASSWORD)
        people = folder / "people"
        people.write_text("".join(f"{name}:{{ARGON2ID}}{hashed}\n" for name in PEOPLE))
        people.chmod(0o600)
        self._people = iter(PEOPLE)
        ini = INI.format(port=self.phones.port, url=URL, seconds=SECONDS)
        self.server = RunningServer(folder, ini).start()

    def end(self) -> None:
        self.server.stop()
        self.phones.end()

    # -- somebody logs in
    def begun(self) -> Talker:
        """The login of one who has not been asked before, under way."""
        talker = Talker(self.server.port("imap"))
        assert talker.line().startswith(b"* OK ")
        talker.send(f'a1 LOGIN {next(self._people)} "{PASSWORD}"\r\n'.encode())
        return talker

    def begun_by_pop3(self) -> Talker:
        talker = Talker(self.server.port("pop3"))
        talker.pop3()
        assert talker.pop3(f"USER {next(self._people)}".encode()).startswith(b"+OK")
        talker.send(f"PASS {PASSWORD}\r\n".encode())
        return talker

    @staticmethod
    def ended(talker: Talker) -> bytes:
        """What he hears of it."""
        while not (line := talker.line()).startswith((b"a1 ", b"* BYE")):
            pass
        return line

    # -- and answers
    def visit(self, link: str, method: str = "GET") -> tuple[int, str]:
        """By a new connection, to whichever worker gets it."""
        client = http.client.HTTPConnection("127.0.0.1", self.server.port("site"), timeout=30)
        try:
            client.request(method, link.removeprefix(URL), headers={"Host": "mail.example.test"})
            answer = client.getresponse()
            return answer.status, answer.read().decode()
        finally:
            client.close()

    def healthy(self) -> None:
        bad = [line for line in self.server.lines if "Traceback" in line or " critical " in line]
        assert not bad, self.server.log


def link(message: dict[str, Any], word: str) -> str:
    return next(str(one["url"]) for one in message["actions"] if one["label"] == word)
