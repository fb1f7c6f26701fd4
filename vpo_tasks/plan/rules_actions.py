"""`rules`: which actions a phase's rules ask for, and carrying them out (policy-format 3.8, 3.8.6)."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vpo_tasks.media.film import film_of
from vpo_tasks.media.languages import canonical, matches, normalise
from vpo_tasks.media.model import Track
from vpo_tasks.plan.containers import UNWRITABLE_TAGS
from vpo_tasks.plan.draft import Cause, Draft, Refusal, Scope
from vpo_tasks.plan.model import Context, Value
from vpo_tasks.plan.rules_conditions import ConditionInput, Truth, Unknown, holds
from vpo_tasks.policy.match import Terms, has_language, is_commentary
from vpo_tasks.policy.model import (
    Action,
    Fail,
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
_MOST_UNKNOWN = 5
"""So many rules that nobody can judge may turn out in 32 ways."""
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{[^{}]*\}")


class RequestedAction(NamedTuple):
    """An action that a rule asks for."""

    rule: Rule
    action: Action


class RulesResult(NamedTuple):
    """What the rules of one phase came to."""

    orders: tuple[RequestedAction, ...] = ()
    skips: frozenset[str] = frozenset()


NOTHING_DECIDED = RulesResult()


class Possible(NamedTuple):
    """What rules may ask for: one outcome, or several where nobody can tell whether a rule holds.

    `unknown` is what it would take to tell, and the first rule that needs it. Without outcomes there are too
    many to look at.
    """

    outcomes: tuple[tuple[RequestedAction, ...], ...]
    unknown: tuple[Unknown, Rule] | None = None


def apply_rules(rules: Rules, scene: ConditionInput) -> Possible:
    """Judge the rules on the tracks as they are."""
    verdicts = []
    for rule in rules.items:
        truth = holds(rule.when, scene)
        if truth is not False:
            verdicts.append((rule, truth))
        if truth is True and rules.match == "first":
            break
    unknown = next(((truth, rule) for rule, truth in verdicts if isinstance(truth, Unknown)), None)
    otherwise = _orders(rules.items[-1], rules.items[-1].otherwise)
    if rules.match == "first":
        outcomes = [_orders(rule, rule.then) for rule, _ in verdicts]
        if not verdicts or verdicts[-1][1] is not True:
            outcomes.append(otherwise)
    elif unknown is None:
        outcomes = [_all_of([rule for rule, _ in verdicts], otherwise)]
    else:
        outcomes = _subsets(verdicts, otherwise)
    return Possible(tuple(outcomes), unknown)


def _subsets(
    verdicts: Sequence[tuple[Rule, Truth]], otherwise: tuple[RequestedAction, ...]
) -> list[tuple[RequestedAction, ...]]:
    """Return what all rules together ask for, for each way in which the unknown ones may turn out."""
    ways = [(True,) if truth is True else (True, False) for _, truth in verdicts]
    if sum(len(way) > 1 for way in ways) > _MOST_UNKNOWN:
        return []
    outcomes = []
    for chosen in itertools.product(*ways):
        held = [rule for (rule, _), holding in zip(verdicts, chosen, strict=True) if holding]
        outcomes.append(_all_of(held, otherwise))
    return outcomes


def _all_of(held: Sequence[Rule], otherwise: tuple[RequestedAction, ...]) -> tuple[RequestedAction, ...]:
    """Return what the rules that hold ask for together."""
    return tuple([order for rule in held for order in _orders(rule, rule.then)]) if held else otherwise


def _orders(rule: Rule, actions: Sequence[Action]) -> tuple[RequestedAction, ...]:
    return tuple([RequestedAction(rule, action) for action in actions])


def decide(orders: tuple[RequestedAction, ...], draft: Draft, context: Context) -> RulesResult:
    """Return the verdict, its warnings said. Raise Refusal for `fail`."""
    if not orders:
        return NOTHING_DECIDED
    for rule, action in orders:
        if isinstance(action, Fail):
            reason = expand(action.message, rule.name, context.path) or "the rule says fail"
            raise Refusal("rules", reason, rule.name)
        if isinstance(action, Warn):
            draft.warn(expand(action.message, rule.name, context.path))
    return RulesResult(orders, _skips(action for _, action in orders))


def _skips(actions: Iterable[Action]) -> frozenset[str]:
    return frozenset(action.what for action in actions if isinstance(action, Skip))


def carry_out_actions(
    verdict: RulesResult, draft: Draft, context: Context, scope: Scope, terms: Terms
) -> None:
    """Apply what the rules ask for to the tracks that are left. Raise Refusal, leaving nothing half done."""
    if not verdict.orders:
        return
    trial = draft.copy()
    for order in verdict.orders:
        _carry_out(order, trial, context, scope, terms)
    draft.adopt(trial)


def _carry_out(order: RequestedAction, draft: Draft, context: Context, scope: Scope, terms: Terms) -> None:
    action = order.action
    cause = scope.cause("rules", f"rule {order.rule.name}", order.rule.name)
    if isinstance(action, SetForced):
        for track in _matching(draft, "subtitle", action.language):
            draft.set_forced(track, action.value, cause)
    elif isinstance(action, SetDefault):
        for track in _candidates(action, draft, terms)[:1]:
            draft.set_default(track, action.value, cause)
    elif isinstance(action, SetLanguage):
        _set_language(action, order.rule, draft, context, cause)
    elif isinstance(action, SetContainerMetadata):
        _set_tag(action, order.rule, draft, context, scope)


def _candidates(action: SetDefault, draft: Draft, terms: Terms) -> list[Track]:
    """Return the matching tracks, the film before other videos and the main tracks before commentaries."""
    matching = _matching(draft, action.track_type, action.language)
    if action.track_type == "video":
        film = film_of(draft.tracks)
        matching = [track for track in matching if not track.still]
        return sorted(matching, key=lambda track: film is None or track.index != film.index)
    if not action.value:
        return matching
    return sorted(matching, key=lambda track: is_commentary(track, terms.commentary))


def _set_language(action: SetLanguage, rule: Rule, draft: Draft, context: Context, cause: Cause) -> None:
    """Set a language that a file can name. A mistake in the policy fails; a plugin's is passed over."""
    tracks = _matching(draft, action.track_type, action.match_language)
    text = _resolve(action.new_language, action.from_plugin_metadata, context, rule, bool(tracks))
    if not tracks or text is None:
        return
    # what nobody knows comes back from `normalise` as it was
    code, language = normalise(text), canonical(text)
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        if action.from_plugin_metadata is None:
            raise Refusal("rules", f"{text} is not a language", rule.name)
        draft.warn(f"rule {rule.name}: {text} is not a language")
        return
    for track in tracks:
        if not matches(language, track.language):
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
