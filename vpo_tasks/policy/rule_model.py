"""Conditions, actions and rules as frozen types (policy-format 3.8)."""

from __future__ import annotations

from typing import Literal

import msgspec

Comparison = tuple[Literal["eq", "lt", "lte", "gt", "gte"], int]
TrackKind = Literal["video", "audio", "subtitle", "attachment"]
MetadataOperator = Literal["eq", "neq", "contains", "lt", "lte", "gt", "gte", "exists"]
Scalar = str | int | float | bool


class PolicyValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of every policy type."""


# -- conditions (policy-format 3.8.1) --------------------------------------------------------------------


class TitleMatch(PolicyValue, frozen=True):
    """`contains` (case-insensitive substring) or `regex` (case-insensitive search); exactly one is set."""

    contains: str | None = None
    regex: str | None = None


class TrackFilter(PolicyValue, frozen=True):
    """3.8.2. None means not asked."""

    language: tuple[str, ...] | None = None
    codec: tuple[str, ...] | None = None
    is_default: bool | None = None
    is_forced: bool | None = None
    channels: Comparison | None = None
    width: Comparison | None = None
    height: Comparison | None = None
    title: TitleMatch | None = None
    not_commentary: bool = False


class Exists(PolicyValue, frozen=True, tag="exists"):
    """Some track of the type passes the filter."""

    track_type: TrackKind
    where: TrackFilter = TrackFilter()


class Count(PolicyValue, frozen=True, tag="count"):
    """The number of passing tracks satisfies the comparison."""

    track_type: TrackKind
    compare: Comparison
    where: TrackFilter = TrackFilter()


class MultiLanguage(PolicyValue, frozen=True, tag="audio_is_multi_language"):
    """Needs a stored language analysis."""

    threshold: float = 0.05
    track_index: int | None = None
    primary_language: str | None = None


class PluginMetadata(PolicyValue, frozen=True, tag="plugin_metadata"):
    """Looks into external metadata."""

    plugin: str
    field: str
    operator: MetadataOperator = "eq"
    value: Scalar | None = None


class ContainerMetadata(PolicyValue, frozen=True, tag="container_metadata"):
    """Looks into the container's tags."""

    field: str
    operator: MetadataOperator = "eq"
    value: Scalar | None = None


class Original(PolicyValue, frozen=True, tag="is_original"):
    """`is_original`."""

    value: bool = True
    min_confidence: float = 0.7
    language: str | None = None


class Dubbed(PolicyValue, frozen=True, tag="is_dubbed"):
    """`is_dubbed`."""

    value: bool = True
    min_confidence: float = 0.7
    language: str | None = None


class And(PolicyValue, frozen=True, tag="and"):
    """All hold."""

    conditions: tuple[Condition, ...]


class Or(PolicyValue, frozen=True, tag="or"):
    """One holds."""

    conditions: tuple[Condition, ...]


class Not(PolicyValue, frozen=True, tag="not"):
    """It does not hold."""

    condition: Condition


Condition = (
    Exists | Count | MultiLanguage | PluginMetadata | ContainerMetadata | Original | Dubbed | And | Or | Not
)


# -- actions (policy-format 3.8.6) -----------------------------------------------------------------------


class PluginField(PolicyValue, frozen=True):
    """`from_plugin_metadata`."""

    plugin: str
    field: str


class Skip(PolicyValue, frozen=True, tag="skip"):
    """`skip_video_transcode`, `skip_audio_transcode`, `skip_track_filter`; false ones are not kept."""

    what: Literal["video_transcode", "audio_transcode", "track_filter"]


class Warn(PolicyValue, frozen=True, tag="warn"):
    """Report and go on."""

    message: str


class Fail(PolicyValue, frozen=True, tag="fail"):
    """Stop with a message."""

    message: str


class SetForced(PolicyValue, frozen=True, tag="set_forced"):
    """On all matching subtitles."""

    language: str | None = None
    value: bool = True


class SetDefault(PolicyValue, frozen=True, tag="set_default"):
    """On the first matching track."""

    track_type: Literal["video", "audio", "subtitle"]
    language: str | None = None
    value: bool = True


class SetLanguage(PolicyValue, frozen=True, tag="set_language"):
    """On all matching tracks; exactly one source is set."""

    track_type: Literal["video", "audio", "subtitle"]
    new_language: str | None = None
    from_plugin_metadata: PluginField | None = None
    match_language: str | None = None


class SetContainerMetadata(PolicyValue, frozen=True, tag="set_container_metadata"):
    """`value` "" deletes; exactly one source is set."""

    field: str
    value: str | None = None
    from_plugin_metadata: PluginField | None = None


Action = Skip | Warn | Fail | SetForced | SetDefault | SetLanguage | SetContainerMetadata


class Rule(PolicyValue, frozen=True):
    """`then` and `otherwise` (`else`) in the order in which they run."""

    name: str
    when: Condition
    then: tuple[Action, ...]
    otherwise: tuple[Action, ...] = ()


class Rules(PolicyValue, frozen=True):
    """3.8."""

    match: Literal["first", "all"]
    items: tuple[Rule, ...]
