"""Whether a rule's condition holds (policy-format 3.8.1 to 3.8.4): yes, no, or nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vpo_tasks.media.film import film_of
from vpo_tasks.media.languages import normalise
from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Context, LanguageAnalysis, Originality, Value
from vpo_tasks.policy.match import Terms, has_language, language_of, passes, satisfies
from vpo_tasks.policy.model import (
    And,
    Condition,
    ContainerMetadata,
    Count,
    Dubbed,
    Exists,
    MetadataOperator,
    MultiLanguage,
    Not,
    Or,
    Original,
    PluginMetadata,
    Scalar,
)

_MULTI_LANGUAGE_PRIMARY_SHARE = 0.95
_FLAGGED = 0.95
"""How sure the flag makes that a track is the original or is not."""


class Unknown(NamedTuple):
    """The answer when the data that a condition needs is not there. `needs` is the condition's own name."""

    needs: str


Truth = bool | Unknown


class ConditionInput(NamedTuple):
    """What conditions look at: the tracks at phase start, the container's tags, and what is known beside."""

    tracks: Sequence[Track]
    tags: Mapping[str, str]
    terms: Terms
    context: Context


def holds(condition: Condition, scene: ConditionInput) -> Truth:
    """Tell whether a condition holds; an unknown part leaves the whole unknown only if it could decide it."""
    if isinstance(condition, Exists):
        return _exists(condition, scene)
    if isinstance(condition, Count):
        kind, where, commentary = condition.track_type, condition.where, scene.terms.commentary
        found = [
            track
            for track in scene.tracks
            if track.type == kind and not track.still and passes(track, where, commentary)
        ]
        return satisfies(len(found), condition.compare)
    if isinstance(condition, And):
        return _combine(condition.conditions, scene, decisive=False)
    if isinstance(condition, Or):
        return _combine(condition.conditions, scene, decisive=True)
    if isinstance(condition, Not):
        inner = holds(condition.condition, scene)
        return inner if isinstance(inner, Unknown) else not inner
    if isinstance(condition, ContainerMetadata):
        return _tag_holds(condition, scene.tags)
    if isinstance(condition, PluginMetadata):
        return _plugin_holds(condition, scene.context.metadata)
    if isinstance(condition, MultiLanguage):
        return _multi_language(condition, scene)
    return _originality(condition, scene)


def _exists(condition: Exists, scene: ConditionInput) -> bool:
    """Stop at the first track that passes: a pattern may take too long on the title of a later one.

    Of video tracks the film is meant: the size of a cover says nothing of the video.
    """
    tracks = scene.tracks
    if condition.track_type == "video":
        film = film_of(tracks)
        tracks = () if film is None else (film,)
    for track in tracks:
        if track.type == condition.track_type and passes(track, condition.where, scene.terms.commentary):
            return True
    return False


def _combine(conditions: Sequence[Condition], scene: ConditionInput, *, decisive: bool) -> Truth:
    """Combine with `or` (decisive: one true decides) or `and` (one false decides)."""
    unknown: Unknown | None = None
    for condition in conditions:
        truth = holds(condition, scene)
        if isinstance(truth, Unknown):
            unknown = unknown or truth
        elif truth is decisive:
            return decisive
    return unknown if unknown is not None else not decisive


def _tag_holds(condition: ContainerMetadata, tags: Mapping[str, str]) -> bool:
    text = tags.get(condition.field.lower())
    if text is None:
        return False
    found: Value = text
    if condition.operator in ("lt", "lte", "gt", "gte"):
        try:
            found = float(text)
        except ValueError:
            return False
    return compare_values(found, condition.operator, condition.value)


def _plugin_holds(condition: PluginMetadata, metadata: dict[str, dict[str, Value]] | None) -> Truth:
    if metadata is None:
        return Unknown("plugin_metadata")
    fields = metadata.get(condition.plugin.lower())
    if fields is None or condition.field.lower() not in fields:
        return False
    return compare_values(fields[condition.field.lower()], condition.operator, condition.value)


def compare_values(found: Value, operator: MetadataOperator, wanted: Scalar | None) -> bool:
    """Compare a present value (policy-format 3.8.4).

    Strings ignore case, no number is a string, booleans are 1 and 0.
    """
    if operator == "exists":
        return True
    if found is None or wanted is None:
        return False
    if operator == "contains":
        return str(wanted).lower() in str(found).lower()
    if operator in ("eq", "neq"):
        if isinstance(found, str) and isinstance(wanted, str):
            equal = found.lower() == wanted.lower()
        elif isinstance(found, str) or isinstance(wanted, str):
            equal = False
        else:
            equal = found == wanted
        return equal is (operator == "eq")
    if isinstance(found, str) or isinstance(wanted, str):
        return False
    if operator == "lt":
        return found < wanted
    if operator == "lte":
        return found <= wanted
    if operator == "gt":
        return found > wanted
    return found >= wanted


def _multi_language(condition: MultiLanguage, scene: ConditionInput) -> Truth:
    tracks = [
        track
        for track in scene.tracks
        if track.type == "audio" and condition.track_index in (None, track.index)
    ]
    if not tracks:
        return False
    if scene.context.analyses is None:
        return Unknown("audio_is_multi_language")
    return any(
        _speaks_several(scene.context.analyses[track.index], condition)
        for track in tracks
        if track.index in scene.context.analyses
    )


def _speaks_several(analysis: LanguageAnalysis, condition: MultiLanguage) -> bool:
    wanted = condition.primary_language
    if analysis.primary_share >= _MULTI_LANGUAGE_PRIMARY_SHARE:
        return False
    if wanted is not None and normalise(analysis.primary) != normalise(wanted):
        return False
    return any(share >= condition.threshold for share in analysis.secondary.values())


def _originality(condition: Original | Dubbed, scene: ConditionInput) -> Truth:
    """Judge by what is classified, else by position and the film's own language.

    Where nobody knows that language, the answer counts only if every language gives the same.
    """
    audio = [track for track in scene.tracks if track.type == "audio"]
    known, metadata = scene.context.originals, scene.context.metadata
    if known is not None or metadata is not None:
        verdicts = classify_originals(audio, metadata or {}) if known is None else known
        return _origin_is(condition, audio, verdicts)
    languages = {"", *map(language_of, audio)}
    answers = {
        _origin_is(condition, audio, classify_originals(audio, {"radarr": {"original_language": language}}))
        for language in languages
    }
    return answers.pop() if len(answers) == 1 else Unknown("the film's original language")


def _origin_is(
    condition: Original | Dubbed, audio: Sequence[Track], known: Mapping[int, Originality]
) -> bool:
    for track in audio:
        verdict = known.get(track.index)
        if verdict is None or verdict.confidence < condition.min_confidence:
            continue
        if condition.language is not None and not has_language(track, condition.language):
            continue
        is_it = verdict.original if isinstance(condition, Original) else not verdict.original
        if is_it is condition.value:
            return True
    return False


def classify_originals(
    audio: Sequence[Track], metadata: dict[str, dict[str, Value]]
) -> dict[int, Originality]:
    """Tell the original from dubbed tracks (policy-format 3.8.3).

    By the flags if there are any, by the film's own language if that is known, else by position.
    """
    if not audio:
        return {}
    flagged = [track.index for track in audio if "original" in track.dispositions]
    if flagged:
        return {
            track.index: Originality(original=track.index in flagged, confidence=_FLAGGED) for track in audio
        }
    original, confidence = audio[0], 0.6
    language = _original_language(metadata)
    matching = [track for track in audio if language is not None and normalise(track.language) == language]
    if len(audio) == 1:
        confidence = 0.5
    elif matching:
        original, confidence = matching[0], 0.9 if len(matching) == 1 else 0.75
    return {
        track.index: Originality(
            original=track is original, confidence=confidence if track is original else 0.9 * confidence
        )
        for track in audio
    }


def _original_language(metadata: dict[str, dict[str, Value]]) -> str | None:
    for plugin in ("radarr", "sonarr", "tmdb"):
        value = metadata.get(plugin, {}).get("original_language")
        if isinstance(value, str) and value.strip():
            return normalise(value)
    return None
