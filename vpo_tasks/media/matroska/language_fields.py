"""How Matroska stores the language of a track: as ISO 639-2 in Language, as BCP 47 in LanguageBCP47."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from vpo_tasks.media.languages import UNDETERMINED, normalise, shortest

if TYPE_CHECKING:
    from iso639 import Lang


@lru_cache(maxsize=256)
def language_fields(language: str) -> tuple[str, str]:
    """Return (Language, LanguageBCP47) for a language as media/languages.py writes it.

    What ISO 639-2 has no code for is stored as the language that it is a kind of (`cmn`: `chi`), else `und`.
    """
    primary, separator, rest = language.partition("-")
    if len(primary) == 1:  # private use
        return UNDETERMINED, language
    code = normalise(primary)
    tag = shortest(code)
    return code if len(tag) == 2 else _in_iso_639_2(code), f"{tag}{separator}{rest}"


def _in_iso_639_2(code: str) -> str:
    """Return the code of ISO 639-2 for one of ISO 639-3."""
    found = _named(code)
    if found is None:
        return code if len(code) == 3 else UNDETERMINED  # private ones, `qaa`
    larger = found.macro()
    return found.pt2b or found.pt5 or (larger.pt2b if larger is not None else "") or UNDETERMINED


def _named(code: str) -> Lang | None:
    from iso639 import Lang  # 55 ms, for who changes a language
    from iso639.exceptions import DeprecatedLanguageValue, InvalidLanguageValue

    try:
        return Lang(code)
    except (InvalidLanguageValue, DeprecatedLanguageValue):
        return None
