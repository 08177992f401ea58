"""Mail programs in JavaScript: imapflow reads, nodemailer sends; `.ci/peers` has installed them."""

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers.clients import Login
from tests.peers.programs import absent, run

HERE = Path(__file__).parent / "node"


def modules() -> Path:
    """Where they are.  Missing: the test skips, in CI it fails."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "mailtwist-peers" / lock / "node_modules"
    if not folder.is_dir():
        absent("the npm modules of tests/peers/node are not installed; `make peers` does that")
    return folder


def _ran(script: str, login: Login, **how: Any) -> Any:
    how |= {"user": login.user, "secret": login.secret, "certificate": login.certificate.read_text()}
    env = {"NODE_PATH": str(modules())}
    return json.loads(run("node", HERE / script, stdin=json.dumps(how).encode(), env=env).stdout)


def imapflow(login: Login, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`mailboxes`, and of all messages of INBOX `uid`, `source` (octets), `subject`; then what came of
    `changes`: UIDs to `flag`, `move` (to Archive) and `delete`, and a message to `append` while it idles."""
    if changes is not None:
        changes = {**changes, "append": base64.b64encode(changes["append"]).decode()}
    seen: dict[str, Any] = _ran("read.cjs", login, port=login.ports["imaps"], changes=changes)
    for message in seen["messages"]:
        message["source"] = base64.b64decode(message["source"])
    return seen


def raw(sender: str, to: str, message: bytes) -> dict[str, Any]:
    """One of `messages` for `nodemailer`, whose octets are given."""
    return {"envelope": {"from": sender, "to": [to]}, "raw": base64.b64encode(message).decode()}


def nodemailer(login: Login, messages: Sequence[Mapping[str, Any]], *, implicit: bool = True) -> list[str]:
    """The server's answer to each."""
    port = login.ports["submissions" if implicit else "submission"]
    answers: list[str] = _ran("send.cjs", login, port=port, implicit=implicit, messages=messages)
    return answers
