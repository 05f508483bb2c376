"""How many guesses a password would stand: an estimate, within a bounded time.

zxcvbn knows common and breached passwords, names, words, dates, keyboards, repetitions, leet
spellings and reversals. Two of its traits are handled here. It judges a hundred characters and no
more, so a long password is judged by its beginning and its end, the better of which counts. And
its time grows with the powers of how many leet signs there are, without letting another thread run.
A password is also judged in the forms from which people derive long ones: without repetition,
doubled letters or separators, and read as two that are interleaved (`a1b2c3d4`).
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from zxcvbn_rs_py import Feedback, zxcvbn


@dataclass(frozen=True, slots=True, kw_only=True)
class Resistance:
    """The least guesses that a password must stand."""

    as_it_is: float
    derived: float
    """In a form that it may have been derived from."""


ALONE = Resistance(as_it_is=1e10, derived=1e6)
"""Of a password that is all that stands between an attacker and an account."""
WITH_SECOND_FACTOR = Resistance(as_it_is=1e6, derived=1e4)
"""Eight random letters stand it."""

_WINDOW = 48
"""Code points that are judged at once. With the next it keeps an estimate to some 10 ms."""
_MOST_LEET_SIGNS = 10

_LEET = str.maketrans("4@8({[<369|!10$5+7%2", "aabcccceggiiiossttxz")
_FAMOUS = ["correcthorsebatterystaple", "thequickbrownfoxjumpsoverthelazydog", "loremipsumdolor"]
"""Phrases that zxcvbn would take for words at random."""

_DEFAULT = "It is easy to guess; add another word or two."
_DERIVED = "It is a common password or a sequence in another spelling; choose other words."
_COMMON = "It is, or is made from, a common password; choose other words."
_NAME = "It is little more than a name; add other words."
_REPEATED = "It repeats the same few characters or words; add other words."
_KEYS = "It follows the keys of a keyboard; choose words instead."
_DATE = "It is little more than a date; add other words."
_SENTENCES = {  # by the names of zxcvbn_rs_py.Warning, which has no hash
    "ThisIsATop10Password": _COMMON,
    "ThisIsATop100Password": _COMMON,
    "ThisIsACommonPassword": _COMMON,
    "ThisIsSimilarToACommonlyUsedPassword": _COMMON,
    "CommonNamesAndSurnamesAreEasyToGuess": _NAME,
    "NamesAndSurnamesByThemselvesAreEasyToGuess": _NAME,
    "RepeatsLikeAaaAreEasyToGuess": _REPEATED,
    "RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess": _REPEATED,
    "SequencesLikeAbcAreEasyToGuess": "It is a sequence such as abc or 123; choose words instead.",
    "ShortKeyboardPatternsAreEasyToGuess": _KEYS,
    "StraightRowsOfKeysAreEasyToGuess": _KEYS,
    "DatesAreOftenEasyToGuess": _DATE,
    "RecentYearsAreEasyToGuess": _DATE,
}


def load() -> None:
    """Load the dictionaries, some 8 MB, which the first estimate would do else."""
    _estimate("password")


def unleet(text: str) -> str:
    """Read leet signs as the letters that they stand for; each stays one character."""
    return text.translate(_LEET)


def weakness(password: str, least: Resistance) -> str | None:
    """Say in a sentence why a password is easy to guess; None if it is not."""
    guesses, feedback = _guesses(password, least.as_it_is)
    if guesses < least.as_it_is:
        return _sentence(feedback)
    return (
        _DERIVED if any(_is_below(least.derived, *forms) for forms in _derived(password)) else None
    )


def _derived(password: str) -> Iterator[tuple[str, ...]]:
    yield (_period(password),)
    yield ("".join(c for c, _ in itertools.groupby(password)),)
    yield ("".join(filter(str.isalnum, password)) or password,)
    yield password[::2], password[1::2]


def _period(text: str) -> str:
    """Give what a text repeats, the last time maybe in part."""
    periods = range(1, len(text) // 2 + 1)
    return text[: next((p for p in periods if text.startswith(text[p:])), len(text))]


def _is_below(least: float, *parts: str) -> bool:
    return math.prod(_guesses(part, least)[0] for part in parts) < least


def _guesses(text: str, enough: float) -> tuple[float, Feedback | None]:
    """Judge the beginning of a text, and its end if the beginning is not enough."""
    first = _estimate(text[:_WINDOW])
    if first[0] >= enough or len(text) <= _WINDOW:
        return first
    return max(first, _estimate(text[-_WINDOW:]), key=lambda estimate: estimate[0])


def _estimate(text: str) -> tuple[float, Feedback | None]:
    if not text:
        return 1.0, None
    if len({c for c in text if ord(c) in _LEET}) > _MOST_LEET_SIGNS:
        text = unleet(text)
    estimate = zxcvbn(text, _FAMOUS)
    return float(estimate.guesses), estimate.feedback


def _sentence(feedback: Feedback | None) -> str:
    warning = feedback.warning if feedback else None
    return _SENTENCES.get(repr(warning).removeprefix("Warning."), _DEFAULT)
