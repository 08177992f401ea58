"""An ini file as sections of settings, each with its line; what cannot be read is told with its line too."""

from dataclasses import dataclass, field

from mailtwist.config.problems import Problems, Sentence

LARGEST = 256 * 1024  # octets; a config of a thousand sections has a quarter of that

TOO_BIG = Sentence("file-too-big", "the file has more than 262144 octets; is it a config?")
UTF_16 = Sentence("file-utf-16", "the file is in UTF-16; save it in UTF-8")
NOT_UTF_8 = Sentence("line-utf-8", "octet {octet} is not UTF-8; save the file in UTF-8")
INVISIBLE = Sentence(
    "line-invisible", "there is a character that cannot be seen (U+{code}) in this line; remove it"
)
NEITHER = Sentence(
    "line-neither", 'this line is neither "[section]" nor "setting = value"; a comment begins with "#"'
)
BAD_HEADER = Sentence("section-brackets", 'a section is "[room:name]" on a line of its own')
NO_SECTION = Sentence("setting-alone", 'no section stands above this setting; write "[server]" above it')
SECTION_TWICE = Sentence(
    "section-twice", "this section begins in line {line} already; put the two together, or rename one"
)
SETTING_TWICE = Sentence("setting-twice", "it is written in line {line} already; write it once")


@dataclass(slots=True)
class WrittenSetting:
    """What stands behind an `=`.  `text` has its lines, stripped, the empty ones left out; `further` is the
    line number of the first line after the first; `broken` says that a problem has been told already."""

    name: str
    line: int
    indent: int
    lines: list[str] = field(default_factory=list)
    further: int = 0
    broken: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(slots=True)
class WrittenSection:
    """`name` is what stands in the brackets."""

    name: str
    line: int
    settings: dict[str, WrittenSetting] = field(default_factory=dict)


def read(octets: bytes, problems: Problems) -> list[WrittenSection]:
    """The sections in the order of the file; everything that cannot be read is told.  Work is linear."""
    if len(octets) > LARGEST:
        problems.tell(TOO_BIG.said())
        return []
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.tell(UTF_16.said())
        return []
    reading = _Reading(problems)
    for number, line in enumerate(octets.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        reading.take(line.removesuffix(b"\r"), number)
    return reading.sections


class _Reading:
    def __init__(self, problems: Problems) -> None:
        self.sections: list[WrittenSection] = []
        self._problems = problems
        self._lines: dict[str, int] = {}
        self._section: WrittenSection | None = None
        self._setting: WrittenSetting | None = None
        self._broken = False

    def take(self, octets: bytes, number: int) -> None:
        self._broken = False
        line = self._decoded(octets, number)
        text = line.strip(" \t")
        if not text or text[0] in "#;":
            return
        self._see(text, number)
        indent = len(line) - len(line.lstrip(" \t"))
        if self._setting is not None and indent > self._setting.indent:
            self._further(self._setting, text, number)
        elif text[0] == "[":
            self._header(text, number)
        else:
            self._assignment(text, number, indent)

    def _decoded(self, octets: bytes, number: int) -> str:
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError as error:
            self._tell(number, NOT_UTF_8.said(octet=f"0x{octets[error.start]:02X}"), self._in())
            return octets.decode("utf-8", "replace")

    def _see(self, text: str, number: int) -> None:
        hidden = next((c for c in text if not c.isprintable() and c != "\t"), None)
        if hidden is not None and not self._broken:
            self._tell(number, INVISIBLE.said(code=f"{ord(hidden):04X}"), self._in())

    def _further(self, setting: WrittenSetting, text: str, number: int) -> None:
        setting.further = setting.further or number
        setting.broken = setting.broken or self._broken
        setting.lines.append(text)

    def _header(self, text: str, number: int) -> None:
        self._setting = None
        name = ":".join(word.strip() for word in text[1:-1].split(":", 1))
        if not text.endswith("]") or not name or "[" in name or "]" in name:
            self._tell(number, BAD_HEADER.said())
            self._section = WrittenSection("", number)  # its settings are read, and nothing else
            return
        self._section = WrittenSection(name, number)
        if name in self._lines:
            self._tell(number, SECTION_TWICE.said(line=self._lines[name]), name)
        elif not self._broken:
            self._lines[name] = number
            self.sections.append(self._section)

    def _assignment(self, text: str, number: int, indent: int) -> None:
        before, equals, after = text.partition("=")
        name = before.rstrip(" \t")
        if not equals or not name:
            self._setting = None
            if not self._broken:
                self._tell(number, NEITHER.said(), self._in())
            return
        value = after.strip(" \t")
        self._setting = WrittenSetting(name, number, indent, [value] if value else [], 0, self._broken)
        if self._section is None:
            self._tell(number, NO_SECTION.said(), "", name)
        elif name in self._section.settings:
            first = self._section.settings[name].line
            self._tell(number, SETTING_TWICE.said(line=first), self._section.name, name)
        else:
            self._section.settings[name] = self._setting

    def _in(self) -> str:
        return self._section.name if self._section else ""

    def _tell(self, line: int, words: str, section: str = "", setting: str = "") -> None:
        self._broken = True
        self._problems.tell(words, line, section, setting)
