"""A connection's socket, held by a second hand: whoever waits there can be made to wait no more."""

import os
import socket
from contextlib import suppress
from threading import Lock


class Wire:
    """A file descriptor of its own for the socket that has `number`; it never becomes somebody else's."""

    def __init__(self, number: int) -> None:
        self._open = Lock()
        self._socket: socket.socket | None = socket.socket(fileno=os.dup(number))

    def cut(self) -> None:
        """From any thread: nothing more comes or goes."""
        with self._open:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The connection itself stays."""
        with self._open:
            if self._socket is not None:
                self._socket.close()
            self._socket = None
