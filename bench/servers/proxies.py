"""Proxies for IMAP in front of the same Dovecot: ours, nginx's, Dovecot's own."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pyotp

from bench.clients import IMAP
from bench.servers.api import USER, NotHere, Program, Server
from bench.servers.behind import behind
from bench.servers.dovecot import Dovecot
from bench.servers.ports import answers, free
from mailtwist.testing.server import RunningServer

INI = """\
[server]
hostname = mail.example.test
state = state
trusted_networks = 127.0.0.0/8
workers = {workers}

[notices]
send = no

[directory:behind]
type = upstream
upstream = inside

[factor:totp]

[tls:own]
type = files
certificate = {certificate}
key = {key}

[upstream:inside]
type = server
hosts = 127.0.0.1
imap = {port} plain

[service:imap]
type = imap_gateway
listen = 127.0.0.1:0
tls = own

[service:imaps]
type = imap_gateway
tls_mode = implicit
listen = 127.0.0.1:0
tls = own
"""
NGINX = """\
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
{user}
worker_processes {workers};
pid {run}/pid;
error_log {run}/log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {run}/body;
  proxy_temp_path {run}/proxy;
  fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi;
  scgi_temp_path {run}/scgi;
  server {{
    listen 127.0.0.1:{auth};
    location / {{
      add_header Auth-Status OK;
      add_header Auth-Server 127.0.0.1;
      add_header Auth-Port {port};
      return 204;
    }}
  }}
}}
mail {{
  server_name mail.example.test;
  auth_http 127.0.0.1:{auth}/;
  {more}
  ssl_certificate {certificate};
  ssl_certificate_key {key};
  server {{ listen 127.0.0.1:{imap}; protocol imap; }}
  server {{ listen 127.0.0.1:{imaps} ssl; protocol imap; }}
}}
"""
PROXY = """\
passdb {{
  driver = static
  args = proxy=y host=127.0.0.1 port={port} nopassword=y
}}
service imap-login {{
  service_count = 0
  process_min_avail = {workers}
  process_limit = {workers}
  client_limit = 8192
}}
"""


class Gateway(Server):
    """What mail programs have saved is remembered, as ever after the first login."""

    name: ClassVar[str] = "mailtwist"
    workers: ClassVar[int] = 1

    def start(self) -> None:
        port = behind.begin(self.certificate, self.key).ports["imap"]
        self._secrets: dict[str, str] = {}
        ini = INI.format(certificate=self.certificate, key=self.key, port=port, workers=self.workers)
        self._server = RunningServer(self.folder / "server", ini)
        self._server.start()
        self.ports = {service: self._server.port(service) for service in ("imap", "imaps")}
        self.secret = self.secret_of(USER)

    def people(self, count: int) -> list[str]:
        return [f"person{number}@example.test" for number in range(count)]

    def secret_of(self, person: str) -> str:
        """What this person's program has saved, and has logged in with."""
        if person not in self._secrets:
            self._secrets[person] = f"secret@{self._code(person)}"
            imap = IMAP(self.ports["imap"])
            imap.log_in(person, self._secrets[person])
            imap.close()
        return self._secrets[person]

    def _code(self, person: str) -> str:
        """One that was not used: the one before it confirms."""
        enrolled = json.loads(self._server.command("otp", "enroll", person, "--json"))
        totp = pyotp.TOTP(parse_qs(urlsplit(enrolled["uri"]).query)["secret"][0])
        now = int(time.time())
        self._server.command("otp", "confirm", person, totp.at(now - 30))
        return totp.at(now)

    @property
    def pid(self) -> int:
        return self._server.pid

    def end(self) -> None:
        self._server.stop()
        behind.end()


class TwoWorkers(Gateway):
    name = "mailtwist-2"
    workers = 2
    everywhere = True


class Saved:
    """Of peers: any name has the one password of the Dovecot behind."""

    def people(self, count: int) -> list[str]:
        return [f"person{number}@example.test" for number in range(count)]

    def secret_of(self, person: str) -> str:
        return "secret"


class Nginx(Saved, Program):
    """Its `auth_http` is answered by itself, in the same process."""

    name: ClassVar[str] = "nginx"
    workers: ClassVar[int] = 1
    more: ClassVar[str] = ""

    def start(self) -> None:
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None or not Path("/usr/lib/nginx/modules/ngx_mail_module.so").exists():
            raise NotHere("nginx and its module for mail (libnginx-mod-mail) are not installed")
        port = behind.begin(self.certificate, self.key).ports["imap"]
        imap, imaps, auth = free(3)
        self.ports = {"imap": imap, "imaps": imaps}
        config = self.folder / "nginx.conf"
        config.write_text(
            NGINX.format(
                run=self.folder,
                user="" if os.getuid() else "user root;",
                workers=self.workers,
                more=self.more,
                certificate=self.certificate,
                key=self.key,
                port=port,
                auth=auth,
                **self.ports,
            )
        )
        self.run(program, "-p", str(self.folder), "-e", str(self.folder / "log"), "-c", str(config))
        self.wait_until(lambda: answers(imap) and answers(auth))

    def end(self) -> None:
        if self._process is not None:
            super().end()
            behind.end()


class NginxWide(Nginx):
    """With a larger buffer than it has by default."""

    name = "nginx-128k"
    more = "proxy_buffer 128k;"


class NginxTwoWorkers(Nginx):
    name = "nginx-2"
    workers = 2
    everywhere = True


class DovecotProxy(Saved, Dovecot):
    """With processes that stay, which cost less than one for each connection."""

    name: ClassVar[str] = "dovecot-proxy"
    workers: ClassVar[int] = 1

    def passdbs(self) -> str:
        return PROXY.format(port=self._port, workers=self.workers)

    def start(self) -> None:
        self._port = behind.begin(self.certificate, self.key).ports["imap"]
        super().start()

    def end(self) -> None:
        super().end()
        behind.end()


class DovecotProxyTwoWorkers(DovecotProxy):
    name = "dovecot-proxy-2"
    workers = 2
    everywhere = True
