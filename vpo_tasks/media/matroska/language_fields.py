"""How Matroska stores the language of a track: as ISO 639-2 in Language, as BCP 47 in LanguageBCP47."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from vpo_tasks.media.languages import UNDETERMINED, normalise

if TYPE_CHECKING:
    from iso639 import Lang


@lru_cache(maxsize=256)
def language_fields(language: str) -> tuple[str, str]:
    """Return (Language, LanguageBCP47) for a code of ISO 639 or a BCP 47 tag.

    What ISO 639-2 has no code for is stored as the language that it is a kind of (`cmn`: `chi`), else `und`.
    """
    primary, separator, rest = language.partition("-")
    code = normalise(primary)
    found = _named(code)
    if len(primary) == 1 or found is None:
        is_code = len(code) == 3 and not rest  # private use, `qaa`
        return code if is_code else UNDETERMINED, language
    tag = found.pt1 or found.pt3 or code
    larger = found.macro()
    stored = found.pt2b or found.pt5 or (larger.pt2b if larger is not None else "")
    return stored or UNDETERMINED, f"{tag}{separator}{rest}"


def _named(code: str) -> Lang | None:
    from iso639 import Lang  # 55 ms, for who changes a language
    from iso639.exceptions import DeprecatedLanguageValue, InvalidLanguageValue

    try:
        return Lang(code)
    except (InvalidLanguageValue, DeprecatedLanguageValue):
        return None
