"""`rules`: which actions a phase's rules ask for, and carrying them out (policy-format 3.8, 3.8.6)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from vpo_tasks.media.languages import normalise
from vpo_tasks.media.model import Track
from vpo_tasks.plan.containers import UNWRITABLE_TAGS
from vpo_tasks.plan.draft import Cause, Draft, Refusal, Scope
from vpo_tasks.plan.model import Context, Value
from vpo_tasks.plan.rules_conditions import Scene, Unknown, holds
from vpo_tasks.policy.match import has_language
from vpo_tasks.policy.model import (
    Action,
    Fail,
    Phase,
    PluginField,
    Rule,
    Rules,
    SetContainerMetadata,
    SetDefault,
    SetForced,
    SetLanguage,
    Skip,
    Warn,
)

_TAG_VALUE_LIMIT = 4096
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{[^{}]*\}")


class Order(NamedTuple):
    """An action that a rule asks for."""

    rule: Rule
    action: Action


class Verdict(NamedTuple):
    """What the rules of one phase came to."""

    orders: tuple[Order, ...] = ()
    skips: frozenset[str] = frozenset()


NOTHING_DECIDED = Verdict()


def decide(rules: Rules, scene: Scene, draft: Draft, phase: Phase) -> Verdict:
    """Evaluate the rules on the tracks as they are. Raise Refusal for `fail`, or when nobody can tell."""
    orders = (
        _decide_first(rules, scene, draft, phase)
        if rules.match == "first"
        else _decide_all(rules, scene, draft, phase)
    )
    if not orders:
        return NOTHING_DECIDED
    for rule, action in orders:
        if isinstance(action, Fail):
            raise Refusal("rules", expand(action.message, rule.name, scene.context.path), rule.name)
        if isinstance(action, Warn):
            draft.warn(expand(action.message, rule.name, scene.context.path))
    skips = frozenset(order.action.what for order in orders if isinstance(order.action, Skip))
    return Verdict(tuple(orders), skips)


def _decide_first(rules: Rules, scene: Scene, draft: Draft, phase: Phase) -> list[Order]:
    """Take the first rule that holds. A rule nobody can decide matters only if the outcomes differ."""
    outcomes: list[list[Order]] = []
    unknown: tuple[Unknown, Rule] | None = None
    for rule in rules.items:
        truth = holds(rule.when, scene)
        if truth is False:
            continue
        outcomes.append(_orders(rule, rule.then))
        if truth is True:
            break
        if isinstance(truth, Unknown) and unknown is None:
            unknown = truth, rule
    else:
        outcomes.append(_orders(rules.items[-1], rules.items[-1].otherwise))
    if unknown is not None:
        effects = [_effective(outcome, draft, scene.context, phase) for outcome in outcomes]
        if any(effect != effects[0] for effect in effects):
            _refuse_unknown(*unknown)
    return outcomes[-1]


def _decide_all(rules: Rules, scene: Scene, draft: Draft, phase: Phase) -> list[Order]:
    """Take every rule that holds; the last one's `else` when none does."""
    orders: list[Order] = []
    unknown: tuple[Unknown, Rule] | None = None
    any_true = False
    for rule in rules.items:
        truth = holds(rule.when, scene)
        if isinstance(truth, Unknown):
            unknown = unknown or (truth, rule)
            if _effective(_orders(rule, rule.then), draft, scene.context, phase):
                _refuse_unknown(truth, rule)
        elif truth:
            any_true = True
            orders += _orders(rule, rule.then)
    if not any_true:
        otherwise = _orders(rules.items[-1], rules.items[-1].otherwise)
        if unknown is not None and _effective(otherwise, draft, scene.context, phase):
            _refuse_unknown(*unknown)
        orders += otherwise
    return orders


def _orders(rule: Rule, actions: Sequence[Action]) -> list[Order]:
    return [Order(rule, action) for action in actions]


def _refuse_unknown(unknown: Unknown, rule: Rule) -> None:
    raise Refusal("rules", f"needs {unknown.needs}, not available yet", rule.name)


def _effective(orders: Sequence[Order], draft: Draft, context: Context, phase: Phase) -> list[Action]:
    """Return the actions that would make a difference now."""
    return [order.action for order in orders if _matters(order, draft, context, phase)]


def _matters(order: Order, draft: Draft, context: Context, phase: Phase) -> bool:
    action = order.action
    if isinstance(action, Warn | Fail):
        return True
    if isinstance(action, Skip):
        if action.what == "track_filter":
            return bool(phase.keep_audio or phase.keep_subtitles or phase.filter_attachments)
        transcode = phase.transcode
        return transcode is not None and getattr(transcode, action.what.split("_")[0]) is not None
    trial = draft.copy()
    try:
        _carry_out(order, trial, context, Scope("", "", "continue"))
    except Refusal:
        return True
    return trial.video != draft.video


def carry_out(verdict: Verdict, draft: Draft, context: Context, scope: Scope) -> None:
    """Apply what the rules ask for to the tracks that are left. Raise Refusal, leaving nothing half done."""
    if not verdict.orders:
        return
    trial = draft.copy()
    for order in verdict.orders:
        _carry_out(order, trial, context, scope)
    draft.adopt(trial)


def _carry_out(order: Order, draft: Draft, context: Context, scope: Scope) -> None:
    action = order.action
    cause = scope.cause("rules", f"rule {order.rule.name}", order.rule.name)
    if isinstance(action, SetForced):
        for track in _matching(draft, "subtitle", action.language):
            draft.set_forced(track, action.value, cause)
    elif isinstance(action, SetDefault):
        for track in _matching(draft, action.track_type, action.language)[:1]:
            draft.set_default(track, action.value, cause)
    elif isinstance(action, SetLanguage):
        _set_language(action, order.rule, draft, context, cause)
    elif isinstance(action, SetContainerMetadata):
        _set_tag(action, order.rule, draft, context, scope)


def _set_language(action: SetLanguage, rule: Rule, draft: Draft, context: Context, cause: Cause) -> None:
    """Set a language that a file can name. A mistake in the policy fails; a plugin's is passed over."""
    tracks = _matching(draft, action.track_type, action.match_language)
    text = _resolve(action.new_language, action.from_plugin_metadata, context, rule, bool(tracks))
    if not tracks or text is None:
        return
    # what nobody knows comes back from `normalise` as it was
    language = normalise(text)
    if len(language) != 3 or not (language.isascii() and language.isalpha()):
        if action.from_plugin_metadata is None:
            raise Refusal("rules", f"{text} is not a language", rule.name)
        draft.warn(f"rule {rule.name}: {text} is not a language")
        return
    for track in tracks:
        draft.set_language(track, language, cause)


def _set_tag(action: SetContainerMetadata, rule: Rule, draft: Draft, context: Context, scope: Scope) -> None:
    value = _resolve(action.value, action.from_plugin_metadata, context, rule, True)
    if value is None:
        return
    name = action.field.lower()
    if name in UNWRITABLE_TAGS:
        if draft.tags.get(name) != (value or None):
            draft.warn(f"tag {name} is written by the tools themselves and stays as it is")
        return
    cause = scope.cause("rules", f"rule {rule.name}", rule.name)
    draft.set_tag(name, value[:_TAG_VALUE_LIMIT] or None, cause)


def _matching(draft: Draft, kind: str, language: str | None) -> list[Track]:
    return [
        track
        for track in draft.tracks
        if track.type == kind and (language is None or has_language(track, language))
    ]


def _resolve(
    text: str | None, plugin: PluginField | None, context: Context, rule: Rule, matters: bool
) -> str | None:
    """Return the value to set; None when the plugin does not know it."""
    if plugin is None:
        return text
    if not matters:
        return None
    if context.metadata is None:
        raise Refusal("rules", "needs from_plugin_metadata, not available yet", rule.name)
    value: Value = context.metadata.get(plugin.plugin.lower(), {}).get(plugin.field.lower())
    return None if value is None else str(value)


def expand(message: str, rule: str, path: str) -> str:
    """Fill in `{filename}`, `{path}`, `{rule_name}`; doubled braces are literal, others stay with a note."""
    values = {"{filename}": os.path.basename(path), "{path}": path, "{rule_name}": rule, "{{": "{", "}}": "}"}
    unknown = [found for found in _PLACEHOLDER.findall(message) if found not in values]
    if unknown:
        return f"{message} (unknown placeholder {unknown[0]})"
    return _PLACEHOLDER.sub(lambda match: values[match.group()], message)
