"""A 2FA service of somebody's own, as a process: the receiver that the docs show, behind TLS.

`python judge_of_codes.py FOLDER PORT`: right is who is in a line of FOLDER/codes with his code; what it hears
is a line of FOLDER/heard."""

import importlib.util
import json
import os
import ssl
import sys
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

RECEIVER = Path(__file__).parents[1] / "auth" / "factors" / "receivers" / "receiver.py"


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Tests read what it has heard."""


def main(folder: Path, port: int) -> None:
    spec = importlib.util.spec_from_file_location("receiver", RECEIVER)
    assert spec is not None and spec.loader is not None
    receiver: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(receiver)

    def right(user: str, code: str) -> bool:
        with (folder / "heard").open("a") as heard:
            heard.write(json.dumps([user, code]) + "\n")
        return f"{user} {code}" in (folder / "codes").read_text().splitlines()

    receiver.right = right
    with make_server("127.0.0.1", port, receiver.application, handler_class=Quiet) as server:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "service.pem", folder / "service.key")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.serve_forever()


if __name__ == "__main__":
    os.environ.setdefault("MAILTWIST_KEY", "")
    main(Path(sys.argv[1]), int(sys.argv[2]))
