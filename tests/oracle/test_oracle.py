"""Nothing tells whether an account exists: neither an answer nor its time (P-THR-3, row 32)."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import pytest

from tests.faults.outage import seconds_until
from tests.faults.process_tree import serves, tree
from tests.oracle.cases import CASES, Case, Stage
from tests.oracle.oracle import Answers, Ask, ask_all, chance_of_longer, farthest
from tests.transport.calls import refusal_of

_VICTIMS, _QUESTIONS = 12, 9
"""About each victim one question less than begins a wait."""
_EXHAUSTED, _FURTHER = 3, 36
"""Few victims, so that all are asked about before the first wait of 30 s is over."""
_LARGEST_EFFECT = 0.17
"""Four times the deviation of the effect between two cases of 108 answers each that do not differ.
A hash more or less has an effect of 0.5."""
_TRIES = 3


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A real server with the hashes of production, whose time dwarfs all else."""
    settings = {
        "AUTHSVC_WORKERS": "1",
        "AUTHSVC_ARGON2_TIME_COST": "2",
        "AUTHSVC_ARGON2_MEMORY_COST_KIB": "19456",
        "AUTHSVC_LOGIN_FAILURE_LIMIT": "1000000",
    }
    home = Path(tmp_path_factory.mktemp("oracle"))
    with tree(home, **settings) as running, grpc.insecure_channel(running.address) as channel:
        seconds_until(lambda: serves(running.address), at_most=20)
        yield Stage(channel)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rpc", CASES)
def test_p_thr_3_nothing_tells_the_cases_apart(rpc: str, stage: Stage) -> None:
    found = []
    for _ in range(_TRIES):
        answers = ask_all(_questions(CASES[rpc], stage, _VICTIMS, _QUESTIONS), text_of=_text)
        texts = {text for each in answers.values() for text in each.texts}
        assert len(texts) == 1, texts
        effect, names = farthest(answers)
        if effect < _LARGEST_EFFECT:
            return
        found.append(f"{effect:.2f} between {names}")
    pytest.fail(f"times tell cases apart: {found}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_p_thr_3_a_throttled_login_tells_nothing_either(stage: Stage) -> None:
    """Not even when to try again: that is as long for a name that nobody has."""
    questions = _questions(CASES["Login"], stage, _EXHAUSTED, _FURTHER, begin=_QUESTIONS + 1)
    answers = ask_all(questions, text_of=_text)
    texts = {text for each in answers.values() for text in each.texts}
    assert len(texts) == 1, texts
    effect, names = farthest(answers)
    assert effect < _LARGEST_EFFECT, names


def test_what_differs_is_found() -> None:
    """A twentieth of the time more, beside the noise that a busy machine makes."""
    draw = random.Random(7)

    def times(middle: float) -> Answers:
        return Answers(frozenset(), [draw.gauss(middle, 0.001) for _ in range(108)])

    alike = {name: times(0.026) for name in ("one", "two", "three")}
    assert farthest(alike)[0] < _LARGEST_EFFECT
    assert farthest({**alike, "other": times(0.026 * 1.05)})[0] > _LARGEST_EFFECT
    assert "other" in farthest({**alike, "other": times(0.026 * 1.05)})[1]


def test_the_chance_of_longer_counts_ties_half() -> None:
    assert chance_of_longer([1.0, 2.0], [1.0, 2.0]) == 0.5
    assert chance_of_longer([3.0], [1.0, 2.0]) == 1
    assert chance_of_longer([0.0], [1.0, 2.0]) == 0


def _questions(
    cases: Mapping[str, Case], stage: Stage, victims: int, questions: int, *, begin: int = 0
) -> dict[str, list[Ask]]:
    """Set the victims of every case up, guess at each so often to begin with, and ask so often."""
    prepared: dict[str, list[Ask]] = {}
    for name, case in cases.items():
        askers = [case(stage) for _ in range(victims)]
        for ask in askers * begin:
            with pytest.raises(grpc.RpcError):
                ask()()
        prepared[name] = [ask() for ask in askers * questions]
    return prepared


def _text(error: grpc.RpcError) -> object:
    refusal = refusal_of(error)
    if refusal.retry_after is None:
        return refusal.raw
    # How much of the wait is left differs from call to call.
    return refusal.code, refusal.reason, refusal.message, len(refusal.raw) // 16
