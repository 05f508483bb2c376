"""WatchKeys: whoever watches has the keys that GetJwks gives."""

from authn.v1.key_service_pb2 import RotateKeyRequest
from authn.v1.token_service_pb2 import GetJwksRequest, WatchKeysRequest

from tests.service import Service


def test_the_keys_come_first_and_again_when_they_change(service: Service) -> None:
    watching = service.token.WatchKeys(WatchKeysRequest(), timeout=60)
    assert next(watching).keys == service.token.GetJwks(GetJwksRequest()).keys

    service.key.RotateKey(RotateKeyRequest(activate_immediately=True))
    jwks = service.token.GetJwks(GetJwksRequest()).keys

    assert any(response.keys == jwks for response in watching)
    watching.cancel()


def test_signs_of_life_come_although_nothing_changes(service: Service) -> None:
    watching = service.token.WatchKeys(WatchKeysRequest(), timeout=60)
    moments = [next(watching).server_time.ToDatetime() for _ in range(3)]
    assert moments == sorted(set(moments))
    watching.cancel()
