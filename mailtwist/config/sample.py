"""A config to begin with: everything that is installed, each setting with its words and default."""

from textwrap import wrap

from mailtwist.config.load import Parts
from mailtwist.config.manual import Chapter, chapters, shown_value
from mailtwist.config.part import installed

HEAD = """\
# mailtwist: every kind of section that is installed here, with all its settings.
#
# What stands behind a "#" holds anyhow; remove the "#" to change it.  What has no "#" has no default.
# Keep the sections you want.  A section may have another name; then it needs a line "type = ..." with
# the name that it has here; [domain:...] and [policy:...] have only a name.  "mailtwist check" tells
# what is wrong.
"""
WIDTH = 100


def sample(parts: Parts = installed) -> str:
    """An ini file that loads without problems."""
    told = chapters(parts)
    types: dict[str, list[str]] = {}
    for chapter in told:
        if not chapter.broken:
            types.setdefault(chapter.room, []).append(chapter.type)
    return HEAD + "".join(_section(chapter, types) for chapter in told)


def _section(chapter: Chapter, types: dict[str, list[str]]) -> str:
    if chapter.broken:
        return "\n\n" + _comment(f"[{chapter.title}] is installed and cannot be used: {chapter.broken}")
    lines = ["\n\n", _comment(chapter.words), f"[{chapter.title}]\n"]
    for field in chapter.fields:
        value, anyhow = shown_value(field, chapter, types)
        lines.append("\n" + _comment(f"{field.words} ({field.takes})"))
        lines.append(f"{'#' * anyhow}{field.name} = {value}".rstrip() + "\n")
    return "".join(lines)


def _comment(words: str) -> str:
    return "".join(f"# {line}\n" for line in wrap(words, WIDTH - 2, break_long_words=False))
