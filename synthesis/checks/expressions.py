"""Plain arithmetic as it stands in a text: found, read and worked out exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hanhua.synthesis.checks.numerals import NUMERAL, chinese_number

_SIGNS = str.maketrans("×✕✖·÷∶−–﹣＋＝（）［］｛｝[]{}％", "****//---+=()()()()()%")
_LATEX = (
    (re.compile(r"\\d?frac\{([^{}]+)\}\{([^{}]+)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\(?:times|cdot|ast)\b"), "*"),
    (re.compile(r"\\div\b"), "/"),
    (re.compile(r"\\(?:approx|fallingdotseq)\b"), "≈"),
    (re.compile(r"\\(?:text|mathrm)\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\[,;! ]|\\left|\\right|\$"), ""),
)
_SPOKEN = (
    (re.compile(r"(?<=[\d%)万亿])\s?(?:加上|加)\s?(?=[\d(])"), "+"),
    (re.compile(r"(?<=[\d%)万亿])\s?(?:减去|减)\s?(?=[\d(])"), "-"),
    (re.compile(r"(?<=[\d%)万亿])\s?(?:乘以|乘)\s?(?=[\d(])"), "*"),
    (re.compile(r"(?<=[\d%)万亿])\s?除以\s?(?=[\d(])"), "/"),
    (re.compile(r"(?<=[\d%)万亿])\s?(?:等于|得出|得到|得|就是)\s?(?=[\d(])"), "="),
    (re.compile(r"(?<=[\d%)万亿])\s?约(?:等于|为|是)\s?(?=[\d(])"), "≈"),
)
_HAN_SUM = re.compile(
    rf"(?P<a>[{NUMERAL}]+)(?P<op>加上?|减去?|乘以?|除以)(?P<b>[{NUMERAL}]+)(?:等于|得)(?P<c>[{NUMERAL}]+)"
)
_OPS = {"加": "+", "减": "-", "乘": "*", "除": "/"}
# A unit behind a number: Han or Latin letters, also one per another (千米/小时), in brackets or not.
_HAN_UNIT = r"(?:平方|立方)?[\u4e00-\u9fff]{1,4}"
_UNIT = re.compile(
    rf"(?<=[\d%)])\s?(?:\(\s?(?:{_HAN_UNIT}|[a-zA-Z°℃²³]{{1,4}})(?:/(?:{_HAN_UNIT}|[a-zA-Z]{{1,4}}))?\s?\)"
    rf"|(?!万|亿)(?:{_HAN_UNIT}|°C|℃|(?:[kcmd]?m|k?g|[mk]?L|ml|h|s|min|kW·?h|kW|W|V|A|N|Pa|J)[²³23]?(?![A-Za-z\d]))"
    rf"(?:/(?:{_HAN_UNIT}|[a-zA-Z]{{1,4}}))?)(?=\s?(?:[-+*/=≈()，。；、,;.\n]|$))"
)
_POWERS = str.maketrans({"²": "^2", "³": "^3"})
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_TERM = rf"(?:[-(]\s?)*{_NUMBER}(?:\s?[%万亿])?(?:\s?\^\s?\d)?(?:\s?\))*(?:\s?\^\s?\d)?"
_SIDE = rf"{_TERM}(?:\s?[-+*/]\s?{_TERM})*"
_CHAIN = re.compile(rf"{_SIDE}(?:\s?(?:=|≈|\.\.\.)\s?{_SIDE})+")
_TOKEN = re.compile(rf"\s*(?P<number>{_NUMBER})|\s*(?P<sign>[-+*/()^%万亿])")
_SCALES = {"%": Fraction(1, 100), "万": Fraction(10**4), "亿": Fraction(10**8)}
_REMAINDER = re.compile(r"\s?(?:…+|\.{3,}|余)\s?\d+")


@dataclass(frozen=True)
class Equation:
    """Two sides of a sum, as they stand. approximate: whether it says ≈. remainder: what 余 says, if anything."""

    said: str
    left: Fraction
    right: Fraction
    right_said: str
    approximate: bool
    remainder: Fraction | None = None

    @property
    def holds(self) -> bool:
        """Whether it is right; a result may be rounded to the places it shows, where the exact one has more."""
        if self.remainder is not None:
            return self.left == self.right + self.remainder
        if self.left == self.right:
            return True
        step = _last_step(self.right_said)
        if step is None:
            return False
        difference = abs(self.left - self.right)
        if self.approximate:
            # 19.7 ≈ 20, and the next whole number where a part of one is no use.
            return difference <= step / 2 or (difference < 1 and self.right.denominator == 1)
        return not _is_short(self.left, step) and difference <= step / 2 and self.right.denominator != 1


def _last_step(said: str) -> Fraction | None:
    """Return what the last place of a result is worth; None where the result is a sum itself."""
    match = re.fullmatch(rf"-?({_NUMBER})\s?([%万亿]?)", said.strip())
    if match is None:
        return None
    places = len(match[1].partition(".")[2])
    return Fraction(1, 10**places) * _SCALES.get(match[2], Fraction(1))


def _is_short(value: Fraction, step: Fraction) -> bool:
    """Return whether a value ends within four places: whoever writes = then writes all of them."""
    return (value / step * 10**2).denominator == 1 and value.denominator <= 10**4


def equations(text: str) -> Iterator[Equation]:
    """Yield the sums of a text whose both sides are numbers; those with letters for unknowns are left out.

    >>> [(e.said, e.holds) for e in equations("每天 12 × 5 = 60（页），60 页÷4=16 页；x+3=10，所以 x=7")]
    [('12 * 5 = 60', True), ('60/4=16', False)]
    """
    plain = _plain(text)
    for match in _CHAIN.finditer(plain):
        before = plain[: match.start()].rstrip()[-1:]
        rest = plain[match.end() :].lstrip()[:1]
        # Of a longer sum with an unknown, such as x + 3 = 10, a piece proves nothing.
        if before and (before in "+-*/^(." or (before.isascii() and before.isalnum())):
            continue
        if rest and (rest in "+-*/^" or (rest.isascii() and rest.isalpha())):
            continue
        yield from _sides(match[0], plain[match.end() :])


def _plain(text: str) -> str:
    for pattern, instead in _LATEX:
        text = pattern.sub(instead, text)
    text = text.translate(_SIGNS).translate(_POWERS).replace("²", "^2")
    text = _HAN_SUM.sub(_in_figures, text)
    for _ in range(2):
        text = _UNIT.sub("", text)
    for pattern, instead in _SPOKEN:
        text = pattern.sub(instead, text)
    return _UNIT.sub("", text)


def _in_figures(match: re.Match[str]) -> str:
    a, b, c = (_figures(match[name]) for name in "abc")
    return f"{a}{_OPS[match['op'][0]]}{b}={c}"


def _figures(numeral: str) -> str:
    value = chinese_number(numeral)
    return str(value.numerator) if value.denominator == 1 else str(float(value))


def _sides(chain: str, after: str) -> Iterator[Equation]:
    pieces = re.split(r"(=|≈)", chain)
    sides, signs = pieces[::2], pieces[1::2]
    for number, sign in enumerate(signs):
        left, right = (_worked_out(side) for side in sides[number : number + 2])
        has_sum = any(re.search(r"(?<=[\d%万亿)])\s?[-+*/^]|%", side) for side in sides[number : number + 2])
        if left is None or right is None or not has_sum:
            continue
        remainder = _REMAINDER.match(after) if number == len(signs) - 1 else None
        said = (
            f"{sides[number].strip()} {sign} {sides[number + 1].strip()}"
            if " " in chain
            else (f"{sides[number]}{sign}{sides[number + 1]}")
        )
        left_over = None
        if remainder is not None and "/" in sides[number]:
            over, _, by = sides[number].rpartition("/")
            divisor = _worked_out(by)
            left, right = _worked_out(over) or left, right * (divisor or 1)
            left_over = Fraction(re.sub(r"\D", "", remainder[0]))
        yield Equation(said, left, right, sides[number + 1].strip(), sign == "≈", left_over)


def _worked_out(side: str) -> Fraction | None:
    """Return the value of one side, None where it is none: brackets that do not close, a division by zero."""
    tokens = [match[0].strip() for match in _TOKEN.finditer(side)]
    try:
        value, rest = _sum(tokens)
    except (ValueError, ZeroDivisionError, IndexError):
        return None
    return value if not rest else None


def _sum(tokens: list[str]) -> tuple[Fraction, list[str]]:
    value, tokens = _product(tokens)
    while tokens and tokens[0] in "+-":
        sign, (other, tokens) = tokens[0], _product(tokens[1:])
        value = value + other if sign == "+" else value - other
    return value, tokens


def _product(tokens: list[str]) -> tuple[Fraction, list[str]]:
    value, tokens = _factor(tokens)
    while tokens and tokens[0] in "*/":
        sign, (other, tokens) = tokens[0], _factor(tokens[1:])
        value = value * other if sign == "*" else value / other
    return value, tokens


def _factor(tokens: list[str]) -> tuple[Fraction, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "-":
        value, rest = _factor(rest)
        return -value, rest
    if first == "(":
        value, rest = _sum(rest)
        if rest[0] != ")":
            raise ValueError(rest[0])
        rest = rest[1:]
    else:
        value = Fraction(first.replace(",", ""))
    while rest and rest[0] in "%万亿^":
        if rest[0] == "^":
            value, rest = value ** int(rest[1]), rest[2:]
        else:
            value, rest = (
                value * _SCALES[rest[0]],
                rest[1:],
            )
    return value, rest
