"""Videos and plans in the notation of the conformance table: `a1 ac3 eng 6ch D "title"`, one track after a comma."""

from __future__ import annotations

import re
from typing import Any

from vpo_tasks.media.languages import canonical
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.evaluate import evaluate
from vpo_tasks.plan.model import Context, Plan
from vpo_tasks.policy.model import Config, Phase, Policy

FORMATS = {"mkv": "matroska,webm", "mp4": "mov,mp4,m4a,3gp,3g2,mj2", "mov": "mov,mp4,m4a,3gp,3g2,mj2"}
_TYPES = {"v": "video", "a": "audio", "s": "subtitle", "t": "attachment", "d": "other"}
_LETTERS = {name: letter for letter, name in _TYPES.items()}
_CODECS = {"v": "h264", "a": "ac3", "s": "subrip", "t": "ttf", "d": "bin_data"}
_THREE_LETTER_CODECS = {"aac", "ac3", "dts", "ass", "ssa", "srt", "mp3", "ttf", "otf", "av1", "vp9", "none"}
_TOKEN = re.compile(r'"[^"]*"|\S+')


def track(text: str) -> Track:
    """Return the track: type and index, then in any order codec, language, `6ch`, `1920x800`, `D`, `F`,
    `still`, `+comment` for dispositions, "title"."""
    head, *tokens = _TOKEN.findall(text)
    fields: dict[str, Any] = {
        "index": int(head[1:]),
        "type": _TYPES[head[0]],
        "codec": _CODECS[head[0]],
        "language": "und",
    }
    for token in tokens:
        if token.startswith('"'):
            fields["title"] = token[1:-1]
        elif token == "still":
            fields["still"] = True
        elif token.startswith("+"):
            fields["dispositions"] = tuple(sorted(token[1:].split("+")))
        elif token == "D":
            fields["default"] = True
        elif token == "F":
            fields["forced"] = True
        elif re.fullmatch(r"\d+ch", token):
            fields["channels"] = int(token[:-2])
        elif re.fullmatch(r"\d+x\d+", token):
            fields["width"], fields["height"] = map(int, token.split("x"))
        elif re.fullmatch(r"\d+bps", token):
            fields["bit_rate"] = int(token[:-3])
        elif token.startswith("profile="):
            fields["profile"] = token.removeprefix("profile=").replace("_", " ")
        elif re.fullmatch(r"[a-z]{2,3}(-[A-Z][A-Za-z]+)*", token) and token not in _THREE_LETTER_CODECS:
            fields["language"] = canonical(token)
        else:
            fields["codec"] = token
    return Track(**fields)


def video(text: str, container: str = "mkv", tags: dict[str, str] | None = None, **fields) -> MediaInfo:
    """Return the video. Without a track 0 it gets `v0 h264 D`; without audio listed it has none."""
    tracks = [track(part) for part in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", text) if part.strip()]
    if not any(present.index == 0 for present in tracks):
        tracks.insert(0, track("v0 h264 D"))
    fields = {"size_bytes": 10**9, "duration_s": 600.0, **fields}
    return MediaInfo(
        container=container,
        format_name=FORMATS.get(container, container),
        doc_type="matroska" if container == "mkv" else None,
        tags=tags or {},
        tracks=tuple(tracks),
        **fields,
    )


def policy(*phases: Phase, config: Config | None = None, name: str = "p", **fields) -> Policy:
    """Return a policy of the phases, or of one phase with the operations given by name."""
    if fields:
        phases = (*phases, Phase(name="one", **fields))
    return Policy(name=name, phases=phases, config=config or Config())


def plan(
    media: MediaInfo | str, *phases: Phase, context: Context | None = None, config=None, **fields
) -> Plan:
    """Return the plan of one policy for one video."""
    media = video(media) if isinstance(media, str) else media
    return evaluate([policy(*phases, config=config, **fields)], media, context or Context())


def effects(planned: Plan) -> str:
    """Return the net changes in short, sorted: `a1- a2+D s3-F v0:codec=hevc order=0,2,1 container=mp4 tag:x=y`."""
    types = {present.index: _LETTERS[present.type] for present in planned.source.tracks}
    words = []
    for change in planned.changes:
        who = "" if change.track is None else f"{types[change.track]}{change.track}"
        if change.what == "removed":
            words.append(f"{who}-")
        elif change.what in ("default", "forced"):
            words.append(f"{who}{'+' if change.new else '-'}{change.what[0].upper()}")
        elif change.what == "order":
            words.append("order=" + str(change.new).replace(" ", ","))
        elif change.what == "language":
            words.append(f"{who}={change.new}")
        elif who:
            words.append(f"{who}:{change.what}={change.new}")
        else:
            words.append(f"{change.what}={change.new}")
    return " ".join(sorted(words))
