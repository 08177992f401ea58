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
        """When nothing waits to be written before it, or to happen once that has gone, it can go at once; if
        all of it does, nothing of what Twisted does besides is needed."""
        sent = 0
        if (
            self.connected
            and not (self.unsent or self._sending or self.disconnecting or self._writeDisconnecting)
            and (self.producer is None or (self.streamingProducer and not self.producerPaused))
        ):
            try:
                sent = self.socket.send(data if len(data) <= self.SEND_LIMIT else data[: self.SEND_LIMIT])
            except OSError:  # no room, or the connection is broken: Twisted will find out which
                sent = 0
        if sent < len(data):
            super().write(data[sent:])  # type: ignore[no-untyped-call]
