"""Random videos and contexts, as values that a probe could have given."""

from __future__ import annotations

from hypothesis import strategies as st

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.model import Context, LanguageAnalysis, Originality

LANGUAGES = st.sampled_from(["und", "eng", "jpn", "ger", "fre", "spa", "nor", "zxx", "x-odd", "qaa"])
TITLES = st.sampled_from(
    [None, None, "Commentary", "Director", "Score", "SFX", "5.1", "Alternate", "ü \udcff", "{x}", "Zebra"]
)
CODECS = {
    "video": ["h264", "hevc", "av1", "vp9", "mpeg4", "theora", "none"],
    "audio": ["aac", "ac3", "eac3", "dts", "truehd", "flac", "opus", "vorbis", "pcm_s16le"],
    "subtitle": ["subrip", "ass", "mov_text", "webvtt", "hdmv_pgs_subtitle", "eia_608", "dvd_subtitle"],
    "attachment": ["ttf", "png", "none"],
    "other": ["bin_data", "none"],
}
CONTAINERS = {"mkv": "matroska,webm", "mp4": "mov,mp4,m4a,3gp,3g2,mj2", "mov": "mov,mp4,m4a,3gp,3g2,mj2",
              "avi": "avi", "mpegts": "mpegts", "mpeg": "mpeg"}  # fmt: skip


# Data streams and containers that no tool writes again end most plans, so they are rare.
KINDS = st.sampled_from([*["audio", "subtitle"] * 6, *["video", "attachment"] * 2, "other"])
COMMON = st.sampled_from([*["mkv", "mp4"] * 4, *sorted(CONTAINERS)])


def optional(strategy):
    return st.one_of(st.none(), strategy)


@st.composite
def tracks(draw, index, kind):
    fields = {"index": index, "type": kind, "codec": draw(st.sampled_from(CODECS[kind]))}
    if kind in ("video", "audio", "subtitle"):
        fields |= {
            "language": draw(LANGUAGES),
            "title": draw(TITLES),
            "default": draw(st.booleans()),
            "forced": draw(st.booleans()),
        }
    if kind in ("audio", "subtitle"):
        roles = ("comment", "hearing_impaired", "original", "visual_impaired")
        fields["dispositions"] = draw(st.sampled_from([(), (), (), *((role,) for role in roles)]))
    if kind == "audio":
        fields |= {
            "channels": draw(optional(st.sampled_from([1, 2, 6, 8, 16]))),
            "bit_rate": draw(optional(st.integers(1, 10**7))),
            "profile": draw(optional(st.just("dts-hd ma"))) if fields["codec"] == "dts" else None,
        }
    if kind == "video":
        fields |= {
            "width": draw(optional(st.sampled_from([1, 640, 1920, 3840]))),
            "height": draw(optional(st.sampled_from([1, 480, 800, 1080, 2160]))),
            "still": draw(st.sampled_from([None, None, False, True])),
        }
    if kind == "attachment":
        fields |= {
            "filename": draw(optional(st.just("a.ttf"))),
            "mime_type": draw(optional(st.just("font/ttf"))),
        }
    return Track(**fields)


@st.composite
def videos(draw):
    """A video: mostly one picture and some sound, sometimes neither; any order, up to eight tracks."""
    container = draw(COMMON)
    kinds = draw(st.lists(KINDS, max_size=7))
    kinds = draw(st.sampled_from([*[["video", *kinds]] * 4, kinds]))
    return MediaInfo(
        container=container,
        format_name=CONTAINERS[container],
        doc_type=draw(st.sampled_from(["matroska", "webm"])) if container == "mkv" else None,
        size_bytes=draw(st.sampled_from([0, 1, 10**6, 10**10])),
        duration_s=draw(optional(st.sampled_from([0.0, 1.5, 5400.0]))),
        tags=draw(st.dictionaries(st.sampled_from(["title", "year", "comment", "encoder", "x"]), st.sampled_from(["", "2001", "a b"]), max_size=3)),
        tracks=tuple(draw(tracks(index, kind)) for index, kind in enumerate(kinds)),
    )  # fmt: skip


@st.composite
def contexts(draw):
    """What is known beside the video, from nothing to everything."""
    fields = st.dictionaries(
        st.sampled_from(["original_language", "year", "release_date", "digital_release", "air_date"]),
        st.sampled_from([None, "Japanese", "eng", 2001, True, "2020-05-04", "2020-02-31"]),
    )
    return Context(
        path="/m/a {film}.mkv",
        metadata=draw(optional(st.dictionaries(st.sampled_from(["radarr", "sonarr"]), fields))),
        encoders=draw(st.sampled_from([None, None, frozenset({"aac", "libx265", "ac3"})])),
        mtime_s=draw(optional(st.sampled_from([0.0, 1_588_550_400.0]))),
        can_encode=draw(st.sampled_from([True] * 7 + [False])),
        analyses=draw(
            optional(st.just({1: LanguageAnalysis(primary="eng", primary_share=0.5, secondary={"fre": 0.5})}))
        ),
        originals=draw(optional(st.just({1: Originality(original=False, confidence=0.8)}))),
    )
