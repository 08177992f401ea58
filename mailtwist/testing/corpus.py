"""Two hundred messages that differ in everything a mail server can get wrong; the same ones every time."""

import base64
import quopri
from collections.abc import Callable
from random import Random

Maker = Callable[["Dice", str], bytes]


class Dice(Random):
    """Random text and octets that depend on the seed alone."""

    def words(self, count: int, alphabet: str = "abcdefghijklmnopqrstuvwxyz") -> str:
        return " ".join("".join(self.choices(alphabet, k=self.randrange(2, 9))) for _ in range(count))

    def text(self, lines: int, alphabet: str = "abcdefghijklmnopqrstuvwxyz") -> str:
        return "".join(f"{self.words(8, alphabet)}\r\n" for _ in range(lines))

    def octets(self, count: int) -> bytes:
        return self.randbytes(count)


def messages(count: int = 200, seed: int = 2047) -> list[bytes]:
    """`count` messages with CRLF line ends, no bare CR or LF and no NUL; every shape below comes in turn.

    Not all of them survive every way of travelling: `seven_bit` needs no 8BITMIME, `smtp_exact` comes out of
    SMTP's DATA as it went in, `long_lined` has lines beyond the 998 octets of rfc5322#2.1.1.
    """
    dice = Dice(seed)
    return [SHAPES[n % len(SHAPES)](dice, f"sample-{n}") for n in range(count)]


def seven_bit(message: bytes) -> bool:
    return message.isascii()


def smtp_exact(message: bytes) -> bool:
    """It ends with a line end: DATA adds one to everything else (rfc5321#4.1.1.4)."""
    return message.endswith(b"\r\n")


def long_lined(message: bytes) -> bool:
    return any(len(line) > 998 for line in message.split(b"\r\n"))


def _head(name: str, subject: str = "", *more: str) -> bytes:
    lines = [
        f"Date: Mon, 7 Feb 1994 21:52:{len(name) % 60:02} -0800",
        'From: "Fred Foobar" <foobar@blurdybloop.example>',
        "To: mooch@owatagu.example",
        f"Subject: {subject or name}",
        f"Message-Id: <{name}@blurdybloop.example>",
        *more,
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8")


def _mime(name: str, type: str, encoding: str, body: bytes, *more: str) -> bytes:
    lines = ("MIME-Version: 1.0", f"Content-Type: {type}", f"Content-Transfer-Encoding: {encoding}", *more)
    return _head(name, "", *lines) + b"\r\n" + body


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def _quoted_printable(text: bytes) -> bytes:
    return quopri.encodestring(text.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")


def _joined(boundary: str, parts: list[bytes], preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    mark = b"--" + boundary.encode()
    inside = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts)
    return preamble + inside + mark + b"--\r\n" + epilogue


def _part(type: str, body: bytes, *more: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"Content-Type: {type}", *more)).encode() + b"\r\n" + body


def _multipart(name: str, kind: str, parts: list[bytes], **around: bytes) -> bytes:
    boundary = f"=_{name}"
    head = _head(name, "", "MIME-Version: 1.0", f'Content-Type: multipart/{kind}; boundary="{boundary}"')
    return head + b"\r\n" + _joined(boundary, parts, **around)


def plain(dice: Dice, name: str) -> bytes:
    return _head(name) + b"\r\n" + dice.text(5).encode()


def dot_lines(dice: Dice, name: str) -> bytes:
    body = ".\r\n..\r\n...\r\n.hidden\r\n" + dice.text(1) + ".\r\n\r\n.\r\n"
    return _head(name) + b"\r\n" + body.encode()


def eight_bit_utf8(dice: Dice, name: str) -> bytes:
    return _mime(name, "text/plain; charset=utf-8", "8bit", dice.text(4, "aäoöuüßéñ日本語").encode())


def eight_bit_latin(dice: Dice, name: str) -> bytes:
    return _mime(name, "text/plain; charset=iso-8859-1", "8bit", dice.text(4, "aäoöuüéñ").encode("latin-1"))


def eight_bit_undeclared(dice: Dice, name: str) -> bytes:
    return (
        _head(name)
        + b"X-Raw: "
        + bytes(range(0xA1, 0xFF))
        + b"\r\n\r\n"
        + bytes(range(0x80, 0x100))
        + b"\r\n"
    )


def utf8_header(dice: Dice, name: str) -> bytes:
    return _head(name, f"Grüße {name} ✉", "X-Name: 日本語") + b"\r\nraw UTF-8 above\r\n"


def encoded_words(dice: Dice, name: str) -> bytes:
    more = (
        "Comments: =?utf-8?B?R3LDvMOfZQ==?= =?iso-8859-1?Q?_aus_M=FCnchen?=",
        "Cc: =?utf-8?Q?J=C3=BCrgen?= <juergen@example.org>, =?x-unknown?Q?odd?= <odd@example.org>",
    )
    return _head(name, f"=?utf-8?Q?{name}_=E2=9C=89?=", *more) + b"\r\nplain\r\n"


def base64_text(dice: Dice, name: str) -> bytes:
    return _mime(name, "text/plain; charset=utf-8", "base64", _base64(dice.text(6, "aäoöuü").encode()))


def quoted_printable(dice: Dice, name: str) -> bytes:
    return _mime(
        name,
        "text/plain; charset=utf-8",
        "quoted-printable",
        _quoted_printable(dice.text(6, "aäoöuü= ").encode()),
    )


def odd_charset(dice: Dice, name: str) -> bytes:
    charset = dice.choice(["koi8-r", "shift_jis", "gb18030", "windows-1251", "utf-16", "iso-2022-jp"])
    alphabet = {"shift_jis": "日本語", "iso-2022-jp": "日本語", "gb18030": "漢字"}.get(charset, "абвгд")
    return _mime(
        name, f"text/plain; charset={charset}", "base64", _base64(dice.text(3, alphabet).encode(charset))
    )


def unknown_charset(dice: Dice, name: str) -> bytes:
    return _mime(name, "text/plain; charset=x-klingon", "8bit", dice.octets(60).translate(_SAFE) + b"\r\n")


def long_line(dice: Dice, name: str) -> bytes:
    return _head(name) + b"\r\n" + dice.words(600).encode() + b"\r\nshort\r\n"


def line_of_998(dice: Dice, name: str) -> bytes:
    return _head(name) + b"\r\n" + b"x" * 998 + b"\r\n" + b"." + b"y" * 997 + b"\r\n"


def huge_header(dice: Dice, name: str) -> bytes:
    received = [
        f"Received: from {dice.words(1)}.example\r\n\tby {dice.words(1)}.example; {n}" for n in range(400)
    ]
    return _head(name, "", *received) + b"\r\nafter a long journey\r\n"


def folded_header(dice: Dice, name: str) -> bytes:
    return (
        _head(name, f"{name}\r\n {dice.words(3)}\r\n\t{dice.words(3)}", "X-Empty:", "X-Blank:  ")
        + b"\r\nhello\r\n"
    )


def many_recipients(dice: Dice, name: str) -> bytes:
    people = ",\r\n ".join(f'"{dice.words(2)}" <{dice.words(1)}@example.org>' for _ in range(60))
    return _head(name, "", f"Cc: {people}", "Bcc: undisclosed-recipients:;") + b"\r\nto all\r\n"


def odd_addresses(dice: Dice, name: str) -> bytes:
    more = (
        "Sender: (hidden) root@localhost (Charlie \\(root\\))",
        'Reply-To: Friends: a@example.org, "B, b" <b@example.org>;, c@example.org',
        'Cc: <@relay.example,@other.example:joe@example.org>, lonely, <>, "quo\\"ted"@example.org',
        "In-Reply-To: <first@example.org> <second@example.org>",
    )
    return _head(name, "", *more) + b"\r\nodd\r\n"


def empty(dice: Dice, name: str) -> bytes:
    return b""


def empty_body(dice: Dice, name: str) -> bytes:
    return _head(name) + b"\r\n"


def header_only(dice: Dice, name: str) -> bytes:
    return _head(name)


def body_only(dice: Dice, name: str) -> bytes:
    return b"\r\n" + dice.text(2).encode()


def bare_minimum(dice: Dice, name: str) -> bytes:
    return b"From: a@b\r\n\r\n"


def no_final_newline(dice: Dice, name: str) -> bytes:
    return _head(name) + b"\r\n" + dice.text(2).encode() + b"the end"


def many_empty_lines(dice: Dice, name: str) -> bytes:
    return _head(name) + b"\r\n" + b"\r\n" * 40


def trailing_space(dice: Dice, name: str) -> bytes:
    return _head(name) + b"\r\n" + b"space \r\ntab\t\r\n \r\n\t\r\nFrom here\r\n>From there\r\n"


def alternative(dice: Dice, name: str) -> bytes:
    html = f"<html><body><p>{dice.words(9)}&nbsp;&amp;</p></body></html>\r\n".encode()
    both = [_part("text/plain; charset=us-ascii", dice.text(3).encode()), _part("text/html", html)]
    return _multipart(name, "alternative", both)


def attachments(dice: Dice, name: str) -> bytes:
    def attached(number: int) -> bytes:
        return _part(
            f'application/octet-stream; name="file {number}.bin"',
            _base64(dice.octets(dice.randrange(1, 3000))),
            "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="file {number}.bin"; size=1',
            f"Content-ID: <{number}.{name}@example.org>",
            f"Content-Description: number {number}",
            "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
        )

    parts = [_part("text/plain", b"see below\r\n"), *(attached(n) for n in range(dice.randrange(1, 5)))]
    return _multipart(name, "mixed", parts, preamble=b"This is MIME.\r\n", epilogue=b"Bye.\r\n")


def parameters(dice: Dice, name: str) -> bytes:
    type = "image/png; name*0*=utf-8'de'Gr%C3%BC; name*1*=%C3%9Fe; name*2=\".png\""
    more = (
        "Content-Language: de, en",
        "Content-Location: http://example.org/a.png",
        "Content-Disposition: inline",
    )
    return _mime(name, type, "base64", _base64(dice.octets(100)), *more)


def nested(dice: Dice, name: str) -> bytes:
    def level(depth: int) -> bytes:
        if depth == 0:
            return _part("text/plain", dice.text(1).encode())
        boundary = f"=_{name}_{depth}"
        body = _joined(boundary, [_part("text/plain", b"level\r\n"), level(depth - 1)])
        return _part(f'multipart/mixed; boundary="{boundary}"', body)

    return _head(name, "", "MIME-Version: 1.0") + level(dice.randrange(2, 9))


def forwarded(dice: Dice, name: str) -> bytes:
    inner = attachments(dice, f"inner-{name}")
    return _multipart(name, "mixed", [_part("text/plain", b"fyi\r\n"), _part("message/rfc822", inner)])


def forwarded_twice(dice: Dice, name: str) -> bytes:
    inner = _mime(f"inner-{name}", "message/rfc822", "7bit", alternative(dice, f"deep-{name}"))
    return _mime(name, "message/rfc822", "7bit", inner)


def digest(dice: Dice, name: str) -> bytes:
    return _multipart(name, "digest", [b"\r\n" + plain(dice, f"{n}-{name}") for n in range(3)])


def report(dice: Dice, name: str) -> bytes:
    status = (
        b"Reporting-MTA: dns; example.org\r\n\r\nFinal-Recipient: rfc822; x@example.org\r\nStatus: 5.1.1\r\n"
    )
    parts = [
        _part("text/plain", b"could not be delivered\r\n"),
        _part("message/delivery-status", status),
        _part("text/rfc822-headers", _head(f"lost-{name}")),
    ]
    return _multipart(name, "report; report-type=delivery-status", parts)


def unclosed(dice: Dice, name: str) -> bytes:
    return alternative(dice, name).replace(f"--=_{name}--\r\n".encode(), b"")


def no_boundary(dice: Dice, name: str) -> bytes:
    return _mime(name, "multipart/mixed", "7bit", b"--x\r\n\r\nwhich boundary?\r\n--x--\r\n")


def boundary_in_text(dice: Dice, name: str) -> bytes:
    body = f"--=_{name}x\r\nnot --=_{name}\r\n--\r\n-- \r\nsignature\r\n".encode()
    return _multipart(name, "mixed", [_part("text/plain", body), b"\r\nno header\r\n", b""])


def broken_header(dice: Dice, name: str) -> bytes:
    return _head(name, "", "this line has no colon", "Spaced : yes", ": no name") + b"\r\nbroken\r\n"


def big(dice: Dice, name: str) -> bytes:
    return _mime(name, "application/zip", "base64", _base64(dice.octets(150_000)))


_SAFE = bytes(65 + n % 26 if n in (0, 10, 13) else n for n in range(256))

SHAPES: tuple[Maker, ...] = (
    plain,
    dot_lines,
    eight_bit_utf8,
    eight_bit_latin,
    eight_bit_undeclared,
    utf8_header,
    encoded_words,
    base64_text,
    quoted_printable,
    odd_charset,
    unknown_charset,
    long_line,
    line_of_998,
    huge_header,
    folded_header,
    many_recipients,
    odd_addresses,
    empty,
    empty_body,
    header_only,
    body_only,
    bare_minimum,
    no_final_newline,
    many_empty_lines,
    trailing_space,
    alternative,
    attachments,
    parameters,
    nested,
    forwarded,
    forwarded_twice,
    digest,
    report,
    unclosed,
    no_boundary,
    boundary_in_text,
    broken_header,
    big,
)
