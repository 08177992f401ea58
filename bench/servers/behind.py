"""The one Dovecot behind all proxies that are measured: started by the first of them, stopped by the last."""

from pathlib import Path

from bench.servers.dovecot import Dovecot


class _Behind:
    def __init__(self) -> None:
        self._server: Dovecot | None = None
        self._users = 0

    def begin(self, certificate: Path, key: Path) -> Dovecot:
        """It runs; any name has the password `secret` there."""
        if self._server is None:
            server = Dovecot(certificate, key)
            try:
                server.start()
            except BaseException:
                server.stop()
                raise
            self._server = server
        self._users += 1
        return self._server

    @property
    def running(self) -> Dovecot:
        assert self._server is not None
        return self._server

    def end(self) -> None:
        """One of those who began it is gone."""
        self._users -= 1
        if self._server is not None and not self._users:
            self._server.stop()
            self._server = None


behind = _Behind()
