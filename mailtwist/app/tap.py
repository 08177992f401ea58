"""`twistd -n mailtwist --config x.ini`: from the command line of twistd to a server."""

import pwd
import sys
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from mailtwist.app.assemble import Assembled, CannotAssemble
from mailtwist.app.logs import Log
from mailtwist.app.running import MailServer
from mailtwist.config.load import BadConfig, Config, load

EX_CONFIG = 78
TWISTD = ("-P", "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=", "mailtwist")
"""What to tell Python, so that it is twistd in the foreground, wherever its script lies."""


class Options(UsageOptions):
    """What `twistd mailtwist` understands."""

    synopsis = "--config FILE"
    longdesc = "Serves mail as the ini file says."
    optParameters = [
        ["config", "c", None, "The ini file."],
        ["ready-file", None, None, "A file to write when all ports are served: JSON, service to addresses."],
    ]

    def postOptions(self) -> None:
        if not self["config"]:
            raise UsageError("--config FILE is missing")


def makeService(options: Options) -> IService:
    """The server, built and checked as far as that goes without touching anything.  Ends the process with
    status 78 and all problems on stderr when the config is wrong."""
    try:
        config = load(options["config"])
        assembled = _built(config)
        log = _log(config, options)
    except (BadConfig, CannotAssemble) as problem:
        print(problem, file=sys.stderr)
        raise SystemExit(EX_CONFIG) from None
    ready = options["ready-file"]
    return MailServer(assembled, log, Path(ready).absolute() if ready else None)


def _built(config: Config) -> Assembled:
    """`BadConfig` with the line of the section that cannot be built; `CannotAssemble` when it is not one."""
    assembled = Assembled(config)
    try:
        assembled.build()
    except CannotAssemble as cannot:
        section, words = config.blamed(str(cannot))
        if section is None:
            raise
        raise BadConfig([config.problem(section, "", words)]) from None
    return assembled


def _log(config: Config, options: Options) -> Log | None:
    """None when twistd was told to log in its own way."""
    twistd: Any = getattr(options, "parent", None) or {}
    if any(twistd.get(name) for name in ("logfile", "logger", "syslog")):
        return None
    server = config.server
    if server.log.path is None and not twistd.get("nodaemon", True):
        words = "a daemon has no stderr; write the path of a file, or start twistd with -n"
        raise BadConfig([config.problem(None, "log", words)])
    try:
        log = Log(server.log.path, server.log_format, server.log_level)
        if (uid := twistd.get("uid")) is not None:
            gid = twistd.get("gid")
            log.belongs_to(uid, pwd.getpwuid(uid).pw_gid if gid is None else gid)
    except OSError as error:
        words = f"{server.log} cannot be written: {error.strerror}"
        raise BadConfig([config.problem(None, "log", words)]) from None
    return log
