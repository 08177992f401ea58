"""Settings are frozen dataclasses: parser, error text, sample and docs page come from them."""

from dataclasses import MISSING, field
from typing import Any


def setting(default: Any = MISSING, *, words: str, example: str = "") -> Any:
    """One setting.  `default` is a value of the field's type (none: the setting is required); `words` is one
    sentence for the sample and the docs; `example` is what the sample shows where there is no default.

    Types: str, int, bool, Literal, an enum, `X | None`, and any type with `parse(text) -> Self` that raises
    ValueError with words that say what to write instead (`config.values`).  `Annotated[str, PartName("tls")]`
    is the name of another section."""
    return field(default=default, kw_only=True, metadata={"words": words, "example": example})
