"""Languages: every spelling of one language becomes one code, and whether anybody knows it.

A language is written as the code of `normalise`, or as a tag of BCP 47 (RFC 5646) in its canonical form where
region or script are named: `por`, `pt-BR`, `zh-Hant`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iso639 import Lang

UNDETERMINED = "und"

# ISO 639-2 has two codes for these only; the terminological one is also the code of ISO 639-3.
_BIBLIOGRAPHIC = {
    "bod": "tib", "ces": "cze", "cym": "wel", "deu": "ger", "ell": "gre", "eus": "baq", "fas": "per",
    "fra": "fre", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac", "mri": "mao", "msa": "may",
    "mya": "bur", "nld": "dut", "ron": "rum", "slk": "slo", "sqi": "alb", "zho": "chi",
}  # fmt: skip

# Codes that the registration authorities withdrew and that files still carry.
_RETIRED = {
    "scr": "hrv", "scc": "srp", "mol": "rum", "mo": "rum", "sh": "hbs", "bh": "bih",
    "iw": "heb", "in": "ind", "ji": "yid", "jw": "jav", "jaw": "jav",
}  # fmt: skip

# What people and taggers call them, where the standard has a longer name.
_EVERYDAY_NAMES = {
    "mandarin": "cmn", "cantonese": "yue", "farsi": "per", "brazilian portuguese": "por", "brazilian": "por",
    "latin american spanish": "spa", "latino": "spa", "simplified chinese": "chi",
    "traditional chinese": "chi",
}  # fmt: skip

_SUBTAG_SEPARATOR = re.compile(r"[-_]")
_LIST_SEPARATOR = re.compile(r"[,;/ ]+")
_SCRIPT = re.compile(r"[a-z]{4}")
_REGION = re.compile(r"[a-z]{2}|[0-9]{3}")
_TAG = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{1,8})+")
_LIKELY_SCRIPTS = {
    ("chi", "TW"): "Hant", ("chi", "HK"): "Hant", ("chi", "MO"): "Hant",
    ("chi", "CN"): "Hans", ("chi", "SG"): "Hans",
}  # fmt: skip
"""Where a region says how Chinese is written (CLDR, likely subtags)."""
_TWO_LETTERS = {
    "ar": "ara", "bg": "bul", "ca": "cat", "cs": "cze", "da": "dan", "de": "ger", "el": "gre", "en": "eng",
    "es": "spa", "et": "est", "fi": "fin", "fr": "fre", "he": "heb", "hi": "hin", "hr": "hrv", "hu": "hun",
    "id": "ind", "it": "ita", "ja": "jpn", "ko": "kor", "lt": "lit", "lv": "lav", "nb": "nob", "nl": "dut",
    "no": "nor", "pl": "pol", "pt": "por", "ro": "rum", "ru": "rus", "sk": "slo", "sl": "slv", "sr": "srp",
    "sv": "swe", "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie", "zh": "chi",
}  # fmt: skip
"""The most usual ones, known without the tables, which cost 55 ms."""


@lru_cache(maxsize=4096)
def normalise(tag: str | None) -> str:
    """Return the one code of the language that `tag` names.

    A tag is an ISO 639-1, 639-2/B, 639-2/T or 639-3 code, an English name, or a BCP 47 tag (its primary
    subtag counts). None and blank are `und`; a tag that nobody knows comes back folded to lower case.
    """
    folded = tag.strip().casefold() if tag else ""
    if not folded:
        return UNDETERMINED
    if len(folded) <= 3:
        return _from_code(folded) or folded
    names = _codes_of_names()
    named = names.get(folded) or names.get(_drop_remark(folded))
    if named is not None:
        return named
    primary = _primary(folded)
    if primary != folded and 2 <= len(primary) <= 3:
        return _from_code(primary) or folded
    return folded


def _primary(folded: str) -> str:
    """Return the subtag that names the language: of `zh-yue` the second, of a list (`deu,eng`) the first."""
    first = _LIST_SEPARATOR.split(folded, maxsplit=1)[0]
    subtags = _SUBTAG_SEPARATOR.split(first)
    is_extended = 2 <= len(subtags[0]) <= 3 == len("".join(subtags[1:2])) and subtags[1].isalpha()
    return subtags[1] if is_extended else subtags[0]


@lru_cache(maxsize=4096)
def canonical(tag: str | None) -> str:
    """Return the language that `tag` names, with region, script and variants where it names them.

    Without them it is the code of `normalise`; with them the canonical form of RFC 5646 4.5: `pt_br` is
    `pt-BR`, `por-BR` too. An English name with a remark (`Portuguese (Brazil)`) is its code.
    """
    folded = tag.strip().casefold() if tag else ""
    code = normalise(folded)
    if not _TAG.fullmatch(folded) or code == folded:
        return code
    subtags = _SUBTAG_SEPARATOR.split(folded)
    further = subtags[2:] if _primary(folded) != subtags[0] else subtags[1:]
    if not further:
        return code
    cased: list[str] = []
    for subtag in further:
        if "x" in cased or len(subtag) == 1:
            cased.append(subtag)
        elif _SCRIPT.fullmatch(subtag):
            cased.append(subtag.title())
        else:
            cased.append(subtag.upper() if _REGION.fullmatch(subtag) else subtag)
    return "-".join((shortest(code), *cased))


@lru_cache(maxsize=4096)
def shortest(code: str) -> str:
    """Return the primary subtag of BCP 47 for a code of `normalise`: of two letters where there is one."""
    usual = next((two for two, three in _TWO_LETTERS.items() if three == code), None)
    if usual is not None or code in _SPECIAL:
        return usual or code
    two = next((two for two, three in _codes_of_two_letters().items() if three == code), None)
    terminological = next((long for long, short in _BIBLIOGRAPHIC.items() if short == code), code)
    return two or terminological


@lru_cache(maxsize=4096)
def _parts(language: str) -> tuple[str, frozenset[str]]:
    """Return the code of a canonical language, and what else its tag says, likely scripts included."""
    code = normalise(language)
    if "-" not in language:
        return code, frozenset()
    further = set(language.split("-")[1:])
    scripts = {_LIKELY_SCRIPTS[code, region] for region in further if (code, region) in _LIKELY_SCRIPTS}
    if not any(len(subtag) == 4 and subtag.istitle() for subtag in further):
        further |= scripts
    return code, frozenset(further)


@lru_cache(maxsize=4096)
def matches(wanted: str, language: str | None) -> bool:
    """Tell whether a language is what a policy names (RFC 4647, extended filtering).

    `pt` is every Portuguese, `pt-BR` that of Brazil only, `zh-Hant` also `zh-TW`.
    """
    code, further = _parts(canonical(wanted))
    its_code, its_further = _parts(canonical(language))
    return code == its_code and further <= its_further


class LanguageRanges:
    """Languages as a policy lists them, the preferred first; `in` and `rank` mean `matches`."""

    __slots__ = ("_ranks", "_wanted")

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)
        self._ranks: dict[str, int | None] = {}

    def __contains__(self, language: str) -> bool:
        return self.rank(language) is not None

    def __len__(self) -> int:
        return len(self._wanted)

    def rank(self, language: str) -> int | None:
        """Return the place of the first that a language matches, None for none."""
        try:
            return self._ranks[language]
        except KeyError:
            found = [place for place, wanted in enumerate(self._wanted) if matches(wanted, language)]
            self._ranks[language] = found[0] if found else None
            return self._ranks[language]


def same_language(a: str | None, b: str | None) -> bool:
    """Tell whether two tags name one language; a missing tag is `und`."""
    return normalise(a) == normalise(b)


def _from_code(code: str) -> str | None:
    if code in _RETIRED:
        return _RETIRED[code]
    if len(code) == 3 and code.isascii() and code.isalpha():
        return _BIBLIOGRAPHIC.get(code, code)
    return _TWO_LETTERS.get(code) or _codes_of_two_letters().get(code)


@lru_cache(maxsize=1)
def _every_code() -> frozenset[str]:
    return frozenset(
        code
        for language in _languages()
        for code in (language.pt1, language.pt2b, language.pt2t, language.pt3, language.pt5)
        if code
    )


def is_assigned(folded: str) -> bool:
    """Tell whether a tag in lower case is a code of any part of ISO 639, a name, or begins with a code."""
    if folded in _RETIRED or folded in _every_code():
        return True
    if len(folded) <= 3:
        return False
    names = _codes_of_names()
    primary = _SUBTAG_SEPARATOR.split(folded, maxsplit=1)[0]
    is_tag = primary != folded and (primary in _RETIRED or primary in _every_code())
    return folded in names or _drop_remark(folded) in names or is_tag


def two_letter_codes() -> tuple[str, ...]:
    """Return every code of ISO 639-1."""
    return tuple(_codes_of_two_letters())


def names_of_languages() -> tuple[str, ...]:
    """Return the names, in lower case, of the languages that have a code of two letters."""
    usual = set(_codes_of_two_letters().values())
    return tuple(name for name, code in _codes_of_names().items() if code in usual)


def _languages() -> Iterator[Lang]:
    from iso639 import iter_langs  # only a two-letter code or a name needs the tables (55 ms)

    return iter_langs()


def _code_of(language: Lang) -> str:
    return language.pt2b or language.pt3 or language.pt5


@lru_cache(maxsize=1)
def _codes_of_two_letters() -> dict[str, str]:
    return {language.pt1: _code_of(language) for language in _languages() if language.pt1}


@lru_cache(maxsize=1)
def _codes_of_names() -> dict[str, str]:
    """Map names in lower case to codes; living and well-known languages win a name that several share.

    After the full names come names without the remark in brackets (`Malay (macrolanguage)`)
    and modern languages without that word (`Greek, Modern`).
    """
    ranked = sorted(_languages(), key=lambda language: (not language.pt1, not language.pt2b))
    names = [
        (name.casefold(), _code_of(language))
        for language in ranked
        for name in (language.name, *language.other_names())
    ]
    codes = dict(_EVERYDAY_NAMES)
    for shorten in (_keep, _drop_remark, _drop_modern):
        for name, code in names:
            codes.setdefault(shorten(name), code)
    return codes


def _keep(name: str) -> str:
    return name


def _drop_remark(name: str) -> str:
    return re.sub(r"\s*\(.*\)$", "", name)


def _drop_modern(name: str) -> str:
    return re.sub(r", modern\b.*$", "", name)


_EVERYDAY = (
    "eng", "spa", "fre", "fra", "ger", "deu", "ita", "por", "jpn", "kor", "chi", "zho", "rus", "dut",
    "nld", "pol", "swe", "nor", "dan", "fin", "tur", "ara", "heb", "hin", "cze", "ces", "hun", "gre",
    "ell", "rum", "ron", "tha", "vie", "ind", "ukr", "bul", "hrv", "srp", "slv", "slo", "slk", "est",
    "lav", "lit", "cat", "baq", "eus", "glg", "ice", "isl", "gle", "wel", "cym", "per", "fas", "tam",
    "tel", "ben", "urd", "may", "msa", "tgl", "fil", "lat", "nob", "nno", "en", "es", "fr", "de", "it",
    "pt", "ja", "ko", "zh", "ru", "nl", "pl", "sv", "no", "da", "fi", "tr", "ar", "he", "hi", "cs",
    "hu", "el", "ro", "th", "vi", "id", "uk", "bg", "hr", "sr", "sl", "sk", "et", "lv", "lt", "ca",
)  # fmt: skip
"""The most usual first: known without the tables, which cost 55 ms, and the first to be proposed."""
_SPECIAL = frozenset({"", "und", "mul", "zxx", "mis"})
_USUAL = frozenset(_EVERYDAY)
_PRIVATE = re.compile(r"q[a-t][a-z]|x-.+")
_MOST_LETTERS = 100


@lru_cache(maxsize=4096)
def is_known(tag: str) -> bool:
    """Tell whether a tag names a language: a code of ISO 639-1, -2, -3 or -5, private ones (`qaa` to `qtz`),
    an English name, or a BCP 47 tag that begins with a code.
    """
    folded = tag.strip().casefold()
    if folded in _SPECIAL or folded in _USUAL or _PRIVATE.fullmatch(folded):
        return True
    return is_assigned(folded)


@lru_cache(maxsize=1024)
def suggest(tag: str) -> str | None:
    """Return the usual code, or the name, that looks most like an unknown tag; None when none is near."""
    folded = tag.strip().casefold()[:_MOST_LETTERS]
    if len(folded) <= 3:
        codes = [code for code in dict.fromkeys((*_EVERYDAY, *two_letter_codes())) if _is_near(folded, code)]
        return min(codes, key=lambda code: _rank(folded, code), default=None)
    import difflib  # only a mistake pays for it

    close = difflib.get_close_matches(folded, names_of_languages(), n=1, cutoff=0.75)
    return close[0] if close else None


def unknown_words(tag: str) -> str:
    """Return what is said of a tag that nobody knows."""
    near = suggest(tag)
    hint = f" (did you mean {near}?)" if near else ""
    return f"{tag!r} is no language that anybody knows{hint}"


def _is_near(tag: str, code: str) -> bool:
    """Tell whether one slip makes the one from the other: two letters exchanged, one wrong, more or less."""
    if sorted(tag) == sorted(code):
        return True
    if len(tag) == len(code):
        return sum(one != other for one, other in zip(tag, code, strict=True)) == 1
    longer, shorter = (tag, code) if len(tag) > len(code) else (code, tag)
    return len(longer) - len(shorter) == 1 and any(
        longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer))
    )


def _rank(tag: str, code: str) -> tuple[bool, bool, bool]:
    """Exchanged letters before others, the same length and the same first letter before others."""
    return sorted(tag) != sorted(code), len(tag) != len(code), tag[:1] != code[:1]
