"""Ports of loopback that nobody listens on, and whether somebody does."""

import socket
import time


def free(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return found


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_for(port: int, patience: float = 20.0) -> None:
    """Somebody answers there; TimeoutError when nobody does."""
    deadline = time.monotonic() + patience
    while not answers(port):
        if time.monotonic() > deadline:
            raise TimeoutError(port)
        time.sleep(0.02)
