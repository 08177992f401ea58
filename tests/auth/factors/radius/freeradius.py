"""FreeRADIUS with a few people, on loopback: the real thing."""

import atexit
import shutil
import socket
import tempfile
from functools import cache
from pathlib import Path

from mailtwist.auth.factors.radius.packets import NotBelieved, Question
from mailtwist.config.secret import Secret
from tests.backends.processes import Program
from tests.peers.programs import free_ports, program

SECRET = "freeradius and we know this one"
PEOPLE = {
    "ann@example.org": "271828",
    "bob@example.org": "31415926",
    "\u00fcnal@example.org": "141421",
    "o'brien*(x)@example.org": "173205",
    "push@example.org": "push",
    **{f"many{number}@example.org": f"{number:06}" for number in range(300)},
}

_CONFIG = """
name = radiusd
prefix = /usr
logdir = {folder}
run_dir = {folder}
libdir = /usr/lib/freeradius
max_requests = 16384
max_request_time = 30
cleanup_delay = 5
hostname_lookups = no
log {{
  destination = stdout
  auth = yes
}}
security {{
  max_attributes = 200
  reject_delay = 0
  status_server = yes
}}
thread pool {{
  start_servers = 2
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 2
  max_requests_per_server = 0
}}
modules {{
  always ok {{
    rcode = ok
  }}
  pap {{
    normalise = no
  }}
  files {{
    filename = {folder}/users
  }}
}}
client mailtwist {{
  ipaddr = 127.0.0.1
  secret = "{secret}"
  require_message_authenticator = yes
}}
server default {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  authorize {{
    files
    pap
    Autz-Type Status-Server {{
{signed}
      ok
    }}
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
  }}
  post-auth {{
{signed}
    Post-Auth-Type REJECT {{
{signed}
    }}
  }}
}}
"""
_SIGNED = """
update reply {
  Message-Authenticator := 0x00
}
"""
"""Version 3.2.5 signs all its answers by itself; those before sign what they are told to."""


class FreeRadius:
    """`signed` is false for one that nobody has told to sign its answers."""

    def __init__(self, signed: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="freeradius-"))
        (self.port,) = free_ports(1)
        text = _CONFIG.format(
            folder=self.folder, port=self.port, secret=SECRET, signed=_SIGNED if signed else ""
        )
        (self.folder / "radiusd.conf").write_text(text)
        (self.folder / "dictionary").write_text("$INCLUDE /usr/share/freeradius/dictionary\n")
        lines = [f'{name} Cleartext-Password := "{code}"\n' for name, code in PEOPLE.items()]
        (self.folder / "users").write_text("".join(lines), "utf-8")
        words = [program("freeradius"), "-f", "-l", "stdout", "-d", self.folder, "-n", "radiusd"]
        self.program = Program([str(word) for word in words], self.folder / "log")

    def start(self) -> None:
        self.program.begin()
        self.program.until(lambda: self.answer(b"ann@example.org", "271828"), lambda: "")

    def stop(self) -> None:
        self.program.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answer(self, name: bytes, code: str) -> str:
        """What it says, asked directly: a word, or why it is not believed; '' when it is not there."""
        question = Question(0, Secret(SECRET), [(1, name)], code)  # type: ignore[list-item]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(2)
            asking.connect(("127.0.0.1", self.port))
            try:
                asking.send(question.octets)
                return question.answered(asking.recv(4096)).code.name
            except NotBelieved as bad:
                return bad.why
            except OSError:
                return ""


@cache
def freeradius() -> FreeRadius:
    """The one of the suite."""
    made = FreeRadius()
    atexit.register(made.stop)
    made.start()
    return made
