"""Sealed secrets open only whole, under their key, for their purpose."""

import pytest

from authsvc.stores.sql.sealing import SealBroken, Sealer, WrongMasterKey


def test_a_secret_opens_for_its_purpose(sealer: Sealer) -> None:
    assert sealer.open(sealer.seal(b"secret", "a"), "a") == b"secret"
    assert sealer.seal(b"secret", "a") != sealer.seal(b"secret", "a")
    with pytest.raises(SealBroken):
        sealer.open(sealer.seal(b"secret", "a"), "b")


def test_every_changed_or_missing_byte_is_noticed(sealer: Sealer) -> None:
    sealed = sealer.seal(b"secret", "a")

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        for forged in (bytes(changed), sealed[:place]):
            with pytest.raises((SealBroken, WrongMasterKey)):
                sealer.open(forged, "a")


def test_another_master_key_is_named_by_its_fingerprint(sealer: Sealer) -> None:
    other = Sealer(b"\x01" * 32)

    with pytest.raises(WrongMasterKey, match=r"sealed under the master key [0-9a-f]{8}, "):
        other.open(sealer.seal(b"secret", "a"), "a")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_master_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(bytes(length))
