"""Python's own clients, for tests of whole servers.  They block: call them in a thread."""

import imaplib
import poplib
import smtplib
import ssl


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def send(port: int, user: str, secret: str, message: bytes, to: list[str], sender: str = "") -> None:
    """By submission with STARTTLS; smtplib's errors."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.starttls(context=unverified())
        client.login(user, secret)
        client.sendmail(sender or user, to, message)


def bring(port: int, sender: str, to: list[str], message: bytes) -> None:
    """To port 25, in clear."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail(sender, to, message)


def read_imaps(port: int, user: str, secret: str) -> list[bytes]:
    """All of INBOX."""
    with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=unverified(), timeout=30) as client:
        client.login(user, secret)
        count = int(client.select()[1][0])
        return [client.fetch(str(n), "(BODY.PEEK[])")[1][0][1] for n in range(1, count + 1)]


def read_pop3s(port: int, user: str, secret: str) -> list[bytes]:
    """All of the maildrop."""
    client = poplib.POP3_SSL("127.0.0.1", port, context=unverified(), timeout=30)
    try:
        client.user(user)
        client.pass_(secret)
        count = client.stat()[0]
        return [b"\r\n".join([*client.retr(n)[1], b""]) for n in range(1, count + 1)]
    finally:
        client.quit()
