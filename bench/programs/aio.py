"""aiosmtpd: `PORT SMTPS-PORT CERTIFICATE KEY [FOLDER]`, without a folder mail is thrown away."""

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from bench.programs.maildir import Maildir


class Handler:
    def __init__(self, maildir: Maildir | None) -> None:
        self._maildir = maildir

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self._maildir is not None:
            await asyncio.to_thread(self._maildir.keep, envelope.original_content)
        return "250 OK"


async def serve(port: int, tls_port: int, certificate: str, key: str, folder: str = "") -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = Handler(Maildir(Path(folder)) if folder else None)

    def made() -> SMTP:
        return SMTP(handler, tls_context=context, hostname="mail.example.test", enable_SMTPUTF8=False)

    loop = asyncio.get_running_loop()
    plain = await loop.create_server(made, "127.0.0.1", port)
    tls = await loop.create_server(made, "127.0.0.1", tls_port, ssl=context)
    await asyncio.gather(plain.serve_forever(), tls.serve_forever())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
