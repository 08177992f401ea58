"""Servers for handshakes alone: ours in three ways, and nginx."""

import shutil
import sys
from typing import ClassVar

from bench.servers.api import NotHere, Program
from bench.servers.ports import answers, free

NGINX = """\
daemon off;
master_process on;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name mail.example.test;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache off;
  }}
}}
"""


class Handshakes(Program):
    """Our sockets and our contexts, and no protocol."""

    mode: ClassVar[str]

    def start(self) -> None:
        (port,) = free(1)
        self.ports = {"imaps": port}
        words = [sys.executable, "-m", "bench.programs.handshakes", self.mode, str(port)]
        self.run(*words, str(self.certificate), str(self.key))
        self.wait_until(lambda: answers(port))


class Bare(Handshakes):
    """Nothing looks at what the client asks for."""

    name = "without the callback"
    mode = "bare"


class Callback(Handshakes):
    """As always."""

    name = "with the callback"
    mode = "callback"


class Hello(Handshakes):
    """While a proof is pending for some name: hellos are read before TLS begins."""

    name = "with hellos heard"
    mode = "hello"


class Nginx(Program):
    """One worker, https."""

    name = "nginx"

    def start(self) -> None:
        if (nginx := shutil.which("nginx", path="/usr/sbin:/usr/bin")) is None:
            raise NotHere("nginx is not installed")
        (port,) = free(1)
        self.ports = {"imaps": port}
        config = self.folder / "nginx.conf"
        config.write_text(
            NGINX.format(folder=self.folder, port=port, certificate=self.certificate, key=self.key)
        )
        self.run(nginx, "-c", str(config), "-p", str(self.folder))
        self.wait_until(lambda: answers(port))
