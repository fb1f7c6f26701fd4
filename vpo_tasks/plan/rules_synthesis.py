"""New audio tracks made from others: `audio_synthesis` (policy-format 3.10)."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from vpo_tasks.media.languages import canonical
from vpo_tasks.media.model import Track
from vpo_tasks.plan.containers import as_stored
from vpo_tasks.plan.draft import Draft, Refusal, Scope
from vpo_tasks.plan.encoding import software_encoders, within_limits
from vpo_tasks.plan.model import Context, Encode
from vpo_tasks.plan.rules_conditions import ConditionInput, Truth, Unknown, holds
from vpo_tasks.plan.rules_flags import role_in
from vpo_tasks.plan.rules_transcode import require_encoder
from vpo_tasks.policy.codecs import effective_codec, same_codec
from vpo_tasks.policy.match import MADE_FOR, Terms, has_language, is_commentary, passes
from vpo_tasks.policy.model import AudioSynthesis, SourceCriterion, SynthesisTrack, TrackFilter
from vpo_tasks.policy.values import default_synthesis_rate

_OPERATION = "audio_synthesis"
_CHANNEL_LIMIT = MappingProxyType({"ac3": 6, "eac3": 6})
_MAX_SOURCE_CHANNELS = 8


def synthesise(draft: Draft, operation: AudioSynthesis, terms: Terms, scope: Scope, context: Context) -> None:
    """Plan the new tracks, each judged on the tracks as the operation finds them. May raise Refusal."""
    scene = ConditionInput(tuple(draft.tracks), draft.tags, terms, context)
    audio = [track for track in scene.tracks if track.type == "audio"]
    trial = draft.copy()
    for wanted in operation.tracks:
        truth = _is_wanted(wanted, audio, scene)
        source = _source_for(wanted, audio, scene, trial) if truth is not False else None
        if source is None:
            continue
        made = _track_of(wanted, source, trial.next_index, terms)
        stored = as_stored(trial.container, made)
        if any(_is_same(track, stored) for track in audio):
            continue
        if isinstance(truth, Unknown):
            raise Refusal(_OPERATION, f"needs {truth.needs}, not available yet", wanted.name)
        require_encoder(context, scope, _OPERATION, wanted.codec)
        bitrate = (
            wanted.bitrate
            if wanted.bitrate is not None
            else default_synthesis_rate(wanted.codec, wanted.channels)
        )
        encode = Encode(codec=wanted.codec, bitrate=bitrate, channels=wanted.channels)
        encode = within_limits(encode, wanted.channels)
        reason = f"{wanted.name} is made from {source.language or 'und'} {effective_codec(source)} audio"
        cause = scope.cause(_OPERATION, reason, wanted.name)
        trial.insert(_position(wanted, source, trial), made, source, encode, cause)
    draft.adopt(trial)


def _is_wanted(wanted: SynthesisTrack, audio: Sequence[Track], scene: ConditionInput) -> Truth:
    """Tell whether the track is to be made, as far as the policy's conditions go."""
    if _exists(wanted, audio, scene.terms):
        return False
    return True if wanted.create_if is None else holds(wanted.create_if, scene)


def _source_for(
    wanted: SynthesisTrack, audio: Sequence[Track], scene: ConditionInput, draft: Draft
) -> Track | None:
    """Return the track to make it from, or None when it cannot be made."""
    if not audio:
        return None
    encoders = scene.context.encoders
    known = software_encoders(wanted.codec)
    if encoders is not None and not encoders.intersection(known):
        draft.warn(f"{wanted.name} is not made: the encoder {known[0]} is missing")
        return None
    if wanted.channels > _CHANNEL_LIMIT.get(wanted.codec, _MAX_SOURCE_CHANNELS):
        draft.warn(f"{wanted.name} is not made: {wanted.codec} has no {wanted.channels} channels")
        return None
    source = choose_source(wanted.prefer, audio, scene.terms)
    channels = source.channels or 2
    return source if wanted.channels <= channels <= _MAX_SOURCE_CHANNELS else None


def _exists(wanted: SynthesisTrack, audio: Sequence[Track], terms: Terms) -> bool:
    """Tell whether `skip_if_exists` finds a track."""
    unless = wanted.skip_if_exists
    if unless is None:
        return False
    where = TrackFilter(
        codec=unless.codec,
        channels=unless.channels,
        language=unless.language,
        not_commentary=unless.not_commentary,
    )
    return any(passes(track, where, terms.commentary) for track in audio)


def choose_source(prefer: Sequence[SourceCriterion], audio: Sequence[Track], terms: Terms) -> Track:
    """Return the track with the highest score, the earliest of equals; the first when none fits at all."""
    best, best_score, best_matched = audio[0], 0, False
    for position, track in enumerate(audio):
        points = [point for criterion in prefer for point in _points(criterion, track, terms)]
        total, matched = sum(points), bool(points)
        if position == 0 or total > best_score:
            best, best_score, best_matched = track, total, matched
    return best if best_score > 0 or best_matched else audio[0]


def _points(criterion: SourceCriterion, track: Track, terms: Terms) -> list[int]:
    """Return what a criterion gives a track, one number for each part that matches."""
    points = []
    if criterion.language is not None and any(has_language(track, code) for code in criterion.language):
        points.append(100)
    if criterion.not_commentary and not is_commentary(track, terms.commentary):
        points.append(80)
    if criterion.channels == "max":
        points.append(10 * (track.channels or 0))
    elif criterion.channels == "min":
        points.append(-10 * (track.channels or 0))
    elif criterion.channels is not None and track.channels == criterion.channels:
        points.append(80)
    if criterion.codec is not None and any(same_codec(track, name) for name in criterion.codec):
        points.append(20)
    return points


def _track_of(wanted: SynthesisTrack, source: Track, index: int, terms: Terms) -> Track:
    language = canonical(wanted.language) if wanted.language is not None else source.language or "und"
    title = source.title if wanted.title is None else wanted.title
    return Track(
        index=index,
        type="audio",
        codec=wanted.codec,
        channels=wanted.channels,
        language=language,
        title=title or None,
        dispositions=_roles_of(source, title, terms),
        duration_s=source.duration_s,
    )


def _roles_of(source: Track, title: str | None, terms: Terms) -> tuple[str, ...]:
    """Return the flags of what is made from a track: made from a commentary, it is one too."""
    roles = [role for role in source.dispositions if role in MADE_FOR]
    told = role_in(source, terms.commentary)
    if told is not None and not (title and terms.commentary(title)):
        roles.append(told)
    return tuple(sorted(roles))


def _is_same(track: Track, made: Track) -> bool:
    """Tell whether a track is what would be made: run twice, nothing is made twice."""
    return (
        same_codec(track, made.codec)
        and track.channels == made.channels
        and (track.language or "und") == made.language
        and (track.title or None) == made.title
    )


def _position(wanted: SynthesisTrack, source: Track, draft: Draft) -> int:
    """Return where in the list of tracks the new one goes."""
    places = [place for place, track in enumerate(draft.tracks) if track.type == "audio"]
    if wanted.position == "end":
        return places[-1] + 1
    if wanted.position == "after_source":
        place = next(place for place in places if draft.tracks[place].index == source.index) + 1
        while place < len(draft.tracks) and draft.tracks[place].index in draft.made:
            place += 1
        return place
    return places[wanted.position - 1] if wanted.position <= len(places) else places[-1] + 1
