"""Conditions written as expressions: `exists(audio, lang in [jpn, kor]) and not exists(subtitle)`.

`or` binds weakest, then `and`, then `not`. What the grammar has no meaning for is refused, never dropped.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vpo_tasks.policy import functions
from vpo_tasks.policy.conditions import And, Condition, Not, Or, Scalar

MAX_NESTING = 50
MAX_LENGTH = 20_000

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'[^']*'|"[^"]*")
    | (?P<size>[0-9]{1,15}(?:\.[0-9]{1,9})?(?:[kKmMgGtT][bB]?)(?![\w-]))
    | (?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?(?![\w.-]))
    | (?P<word>[A-Za-z_][\w-]*)
    | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    )""",
    re.VERBOSE | re.ASCII,
)
_OPERATORS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_KEYWORDS = frozenset({"and", "or", "not", "in"})


class ExpressionError(ValueError):
    """The expression means nothing. `position` is the offset of the character where it stops making sense."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.message = message


class _Token(NamedTuple):
    kind: str  # text, size, number, word, sign, end
    text: str
    position: int


def parse_expression(text: str) -> Condition:
    """Return the condition. Raise ExpressionError at the first thing that has no meaning."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(0, f"longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text))
    condition = parser.either()
    token = parser.peek()
    if token.kind != "end":
        raise ExpressionError(token.position, f"{token.text!r} after the end of the condition")
    return condition


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            what = "a quote that is not closed" if text[start] in "'\"" else f"{text[start]!r}"
            raise ExpressionError(start, f"{what} has no meaning here")
        kind = match.lastgroup
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    tokens.append(_Token("end", "the end", end))
    return tokens


class _Parser:
    """Recursive descent over the tokens, bounded by MAX_NESTING."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def peek(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._tokens[self._place]
        self._place += token.kind != "end"
        return token

    def _accept(self, text: str) -> bool:
        """Take the next token if it is this keyword or sign."""
        token = self.peek()
        if token.kind in ("word", "sign") and token.text == text:
            self._take()
            return True
        return False

    def _expect(self, sign: str) -> None:
        token = self.peek()
        if not self._accept(sign):
            raise ExpressionError(token.position, f"{sign!r} expected, found {token.text!r}")

    def either(self) -> Condition:
        parts = [self._both()]
        while self._accept("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(conditions=tuple(parts))

    def _both(self) -> Condition:
        parts = [self._prefixed()]
        while self._accept("and"):
            parts.append(self._prefixed())
        return parts[0] if len(parts) == 1 else And(conditions=tuple(parts))

    def _prefixed(self) -> Condition:
        self._depth += 1
        token = self.peek()
        if self._depth > MAX_NESTING:
            raise ExpressionError(token.position, f"nested deeper than {MAX_NESTING} levels")
        condition: Condition
        if self._accept("not"):
            condition = Not(condition=self._prefixed())
        elif self._accept("("):
            condition = self.either()
            self._expect(")")
        else:
            condition = self._call()
        self._depth -= 1
        return condition

    def _call(self) -> Condition:
        name = self._take()
        if name.kind != "word" or name.text in _KEYWORDS:
            raise ExpressionError(name.position, f"a test such as exists(…) expected, found {name.text!r}")
        if not self._accept("("):
            hint = ""
            if name.text.lower() in _KEYWORDS:
                hint = f"; {name.text.lower()} is written in small letters"
            raise ExpressionError(name.position, f"{name.text!r} is not a test such as exists(…){hint}")
        arguments: list[functions.Argument] = []
        while not self._accept(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._argument())
        call = functions.FunctionCall(name.text.lower(), name.position, tuple(arguments), *self._comparison())
        try:
            return functions.build_condition(call)
        except functions.CallError as error:
            raise ExpressionError(error.position, error.message) from error

    def _argument(self) -> functions.Argument:
        word = self._take()
        if word.kind not in ("word", "text") or (word.kind == "word" and word.text in _KEYWORDS):
            raise ExpressionError(word.position, f"a word expected, found {word.text!r}")
        name = word.text[1:-1] if word.kind == "text" else word.text
        return functions.Argument(name, word.position, *self._comparison())

    def _comparison(self) -> tuple[str, functions.Operand]:
        token = self.peek()
        if token.text not in _OPERATORS or token.kind == "text":
            return "", None
        self._take()
        return token.text, self._operand()

    def _operand(self) -> functions.Operand:
        token = self.peek()
        if not self._accept("["):
            return self._value()
        values = [self._value()]
        while not self._accept("]"):
            self._expect(",")
            values.append(self._value())
        if not values:
            raise ExpressionError(token.position, "an empty list")
        return tuple(values)

    def _value(self) -> Scalar:
        token = self._take()
        if token.kind == "text":
            return token.text[1:-1]
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        if token.kind == "word" and token.text not in _KEYWORDS:
            return {"true": True, "false": False}.get(token.text, token.text)
        if token.kind == "size":
            return token.text
        raise ExpressionError(token.position, f"a value expected, found {token.text!r}")
