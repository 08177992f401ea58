"""smtp-server of nodemailer, on V8; mail is thrown away."""

import shutil
from typing import ClassVar

from bench.servers.api import Program
from bench.servers.fetched import node_modules_with
from bench.servers.ports import answers, free


class Nodemailer(Program):
    name: ClassVar[str] = "nodemailer"

    def start(self) -> None:
        modules = node_modules_with("smtp-server")
        self.ports = dict(zip(("smtp", "smtps"), free(2), strict=True))
        words = [*map(str, self.ports.values()), str(self.certificate), str(self.key)]
        node = shutil.which("node") or "node"
        self.run(node, "bench/programs/nodemailer.cjs", *words, environment={"NODE_PATH": str(modules)})
        self.wait_until(lambda: all(map(answers, self.ports.values())))
