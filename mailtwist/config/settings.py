"""Settings are frozen dataclasses: parser, error text, sample and docs page come from them."""

from collections.abc import Callable
from dataclasses import MISSING, field
from typing import Any


def setting(
    default: Any = MISSING, *, words: str, example: str = "", factory: Callable[[], Any] | None = None
) -> Any:
    """One setting.  `default` is a value of the field's type (none: the setting is required), or `factory`
    finds one when the config is read; `words` is one sentence for the sample and the docs; `example` is what
    they show where there is no default, or where it is another on every machine.

    Types: str, int, bool, Literal, an enum, `X | None`, and any type with `parse(text) -> Self` that raises
    ValueError with words that say what to write instead (`config.values`).  `Annotated[str, PartName("tls")]`
    is the name of another section."""
    about = {"words": words, "example": example}
    if factory is not None:
        return field(default_factory=factory, kw_only=True, metadata=about)
    return field(default=default, kw_only=True, metadata=about)
