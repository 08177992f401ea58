"""A socket that is written to at once: most answers are short, and the kernel takes them whole."""

from twisted.internet import tcp


class Direct(tcp.Server):
    """What the kernel does not take waits for the reactor, as with Twisted's own."""

    SEND_LIMIT = 512 * 1024
    _sending = False
    _file: object | None = None

    @property
    def unsent(self) -> bool:
        """Something that was written may still be here."""
        return bool(self.TLS or self.dataBuffer or self._tempDataLen or self._file is not None)

    def write(self, data: bytes) -> None:
        """When nothing waits and all of it can go, nothing of what Twisted does besides is needed."""
        sent = self._sent_now(data) if data and self._is_idle() else 0
        if not sent:
            super().write(data)  # type: ignore[no-untyped-call]
        elif sent < len(data):
            super().write(data[sent:])  # type: ignore[no-untyped-call]

    def _is_idle(self) -> bool:
        """Nothing waits to be written before what comes now, or shall happen when that has gone."""
        return bool(
            self.connected
            and not (self.unsent or self._sending or self.disconnecting or self._writeDisconnecting)
            and (self.producer is None or (self.streamingProducer and not self.producerPaused))
        )

    def _sent_now(self, data: bytes) -> int:
        try:
            return self.socket.send(memoryview(data)[: self.SEND_LIMIT])
        except OSError:  # no room, or the connection is broken: Twisted will find out which
            return 0
