"""The form of API keys."""

import pytest

from authsvc.domain.api_keys import hash_api_key, new_api_key


def test_api_keys_differ_and_have_one_form() -> None:
    keys = {new_api_key() for _ in range(100)}

    assert len(keys) == 100
    assert {len(key) for key in keys} == {42}
    assert all(key.startswith("ask_") for key in keys)
    assert {len(hash_api_key(key)) for key in keys} == {32}


def test_every_typing_error_in_an_api_key_is_noticed() -> None:
    key = new_api_key()

    for place in range(len(key)):
        other = "A" if key[place] != "A" else "B"
        for typo in (key[:place] + other + key[place + 1 :], key[:place] + key[place + 1 :]):
            with pytest.raises(ValueError, match="not an API key"):
                hash_api_key(typo)


@pytest.mark.parametrize("text", ["", "ask_", "x" * 42, "ask_" + "é" * 38, "ask_\0" + "A" * 37])
def test_what_is_no_api_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an API key"):
        hash_api_key(text)
    with pytest.raises(ValueError, match="not an API key"):
        hash_api_key(new_api_key() + text + "\n")
