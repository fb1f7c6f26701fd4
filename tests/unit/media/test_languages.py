"""Languages: every spelling of one language is one code."""

from __future__ import annotations

import pytest

from vpo_tasks.media.languages import LanguageRanges, canonical, matches, normalise, same_language

TWO_LETTERS_NOT_EVERYBODY_KNOWS = (
    "ae ak an av bm bs ce ch cr cu cv dv ee ff gv ho ht hz ig ii io kg ki kj kr kv kw lb lg li lu mh nd ng nr nv ny "
    "oj os pi sc ty ve wa"
).split()

TERMINOLOGICAL_PAIRS = (
    "bod→tib ces→cze cym→wel deu→ger ell→gre eus→baq fas→per fra→fre hye→arm isl→ice kat→geo mkd→mac mri→mao msa→may "
    "mya→bur nld→dut ron→rum slk→slo sqi→alb zho→chi"
).split()

# The names Radarr and Sonarr use.
NAMES = (
    "English=eng French=fre Spanish=spa German=ger Italian=ita Danish=dan Dutch=dut Japanese=jpn Icelandic=ice "
    "Chinese=chi Russian=rus Polish=pol Vietnamese=vie Swedish=swe Norwegian=nor Finnish=fin Turkish=tur "
    "Portuguese=por Flemish=dut Greek=gre Korean=kor Hungarian=hun Hebrew=heb Lithuanian=lit Czech=cze Hindi=hin "
    "Romanian=rum Thai=tha Bulgarian=bul Arabic=ara Ukrainian=ukr Persian=per Bengali=ben Slovak=slo Latvian=lav "
    "Catalan=cat Croatian=hrv Serbian=srp Bosnian=bos Estonian=est Tamil=tam Indonesian=ind Macedonian=mac "
    "Slovenian=slv Azerbaijani=aze Uzbek=uzb Malay=may Malayalam=mal Kannada=kan Telugu=tel Marathi=mar Tagalog=tgl "
    "Urdu=urd Romansh=roh Mongolian=mon Georgian=geo Filipino=fil Albanian=alb Afrikaans=afr Basque=baq Welsh=wel "
    "Burmese=bur Armenian=arm Maori=mao Tibetan=tib Swahili=swa Nepali=nep Mandarin=cmn Undetermined=und"
).split()


@pytest.mark.parametrize("pair", TERMINOLOGICAL_PAIRS)
def test_both_codes_of_iso_639_2_are_one_language(pair):
    terminological, bibliographic = pair.split("→")
    assert normalise(terminological) == normalise(bibliographic) == bibliographic


@pytest.mark.parametrize("code", TWO_LETTERS_NOT_EVERYBODY_KNOWS)
def test_rare_two_letter_codes_are_languages(code):
    assert len(normalise(code)) == 3
    assert normalise(code) != "und"


@pytest.mark.parametrize("pair", NAMES)
def test_english_names_are_languages(pair):
    name, code = pair.split("=")
    assert normalise(name) == normalise(name.upper()) == normalise(f" {name} ") == code


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "eng"),
        ("no", "nor"),
        ("de", "ger"),
        ("DE", "ger"),
        ("el", "gre"),
        ("zh", "chi"),
        ("sr", "srp"),
        ("iw", "heb"),
        ("scr", "hrv"),
        ("en-US", "eng"),
        ("pt_BR", "por"),
        ("zh-Hant-TW", "chi"),
        ("deu-AT", "ger"),
        ("de-x-private", "ger"),
        ("Portuguese (Brazil)", "por"),
        ("Spanish (Latino)", "spa"),
        ("Norwegian Bokmål", "nob"),
        ("Serbo-Croatian", "hbs"),
        ("cmn", "cmn"),
        ("und", "und"),
        ("mis", "mis"),
        ("mul", "mul"),
        ("zxx", "zxx"),
        ("qaa", "qaa"),
    ],
)
def test_tag_becomes_its_code(tag, code):
    assert normalise(tag) == code


@pytest.mark.parametrize("tag", [None, "", "  ", "\t"])
def test_no_tag_is_undetermined(tag):
    assert normalise(tag) == "und"


@pytest.mark.parametrize(
    "tag", ["zz", "x", "Klingonese-ish", "zz-ZZ", "x-private", "Ünknown", "日本", "a" * 5000, "1", "\udcff"]
)
def test_tag_nobody_knows_is_kept_and_matched_literally(tag):
    assert normalise(tag) == tag.casefold()
    assert same_language(tag, tag.upper())
    assert not same_language(tag, "und")


def test_relatives_stay_apart():
    assert not same_language("nb", "no")
    assert not same_language("fil", "tl")
    assert not same_language("cmn", "zho")


def test_normalising_twice_changes_nothing():
    tags = ["German", "de", "deu", "en-US", "zz", "Portuguese (Brazil)", "Greek", "mo", "zz-ZZ", None]
    assert [normalise(normalise(tag)) for tag in tags] == [normalise(tag) for tag in tags]


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("pt-BR", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("por-BR", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-1996", "de-1996"),
        ("de-AT-x-WIEN", "de-AT-x-wien"),
        ("fil-PH", "fil-PH"),
        ("zh-yue-HK", "yue-HK"),
        ("zh-yue", "yue"),
        ("en", "eng"),
        ("deu", "ger"),
        ("deu,eng", "ger"),
        ("fre/ger", "fre"),
        ("Portuguese (Brazil)", "por"),
        ("zz-ZZ", "zz-zz"),
        (None, "und"),
    ],
)
def test_region_and_script_stay_in_the_canonical_form(tag, language):
    assert canonical(tag) == language
    assert canonical(canonical(tag)) == language


@pytest.mark.parametrize(
    ("wanted", "language", "is_it"),
    [
        ("pt", "pt-BR", True),
        ("por", "pt-BR", True),
        ("pt-BR", "pt-BR", True),
        ("pt-BR", "pt-PT", False),
        ("pt-BR", "por", False),
        ("zh-Hant", "zh-Hant-TW", True),
        ("zh-Hant", "zh-TW", True),
        ("zh-Hant", "zh-CN", False),
        ("zh-Hans", "zh-Hant-CN", False),
        ("zh-TW", "zh-Hant", False),
        ("zh", "zh-Hant-TW", True),
        ("eng", "en-US", True),
        ("english", "en-GB", True),
        ("und", None, True),
        ("ger", "deu,eng", True),
        ("zh", "yue-HK", False),
    ],
)
def test_a_policy_means_every_kind_of_a_language_unless_it_names_one(wanted, language, is_it):
    """RFC 4647, 3.3.2: a range matches the tags that say at least what it says."""
    assert matches(wanted, language) is is_it


def test_a_range_ranks_by_its_first_match():
    ranges = LanguageRanges(("pt-BR", "pt", "und"))
    assert [ranges.rank(tag) for tag in ("pt-BR", "pt-PT", "por", "und", "eng")] == [0, 1, 1, 2, None]
    assert "pt-PT" in ranges
    assert "eng" not in ranges
