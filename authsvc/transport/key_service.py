"""KeyService: between its messages and `domain/key_administration.py`."""

import grpc
from authn.v1 import key_service_pb2 as pb
from authn.v1.key_service_pb2_grpc import KeyServiceServicer

from authsvc.domain.identifiers import KeyId
from authsvc.domain.key_administration import KeyAdministration
from authsvc.transport.context import current_call
from authsvc.transport.messages import key_message


class KeyService(KeyServiceServicer):
    """Looking after the signing keys."""

    def __init__(self, administration: KeyAdministration) -> None:
        self._administration = administration

    def ListKeys(
        self, _request: pb.ListKeysRequest, _: grpc.ServicerContext
    ) -> pb.ListKeysResponse:
        return pb.ListKeysResponse(keys=map(key_message, self._administration.list()))

    def RotateKey(
        self, request: pb.RotateKeyRequest, _: grpc.ServicerContext
    ) -> pb.RotateKeyResponse:
        standing = self._administration.rotate(
            current_call(), activate_immediately=request.activate_immediately
        )
        return pb.RotateKeyResponse(key=key_message(standing))

    def RevokeKey(
        self, request: pb.RevokeKeyRequest, _: grpc.ServicerContext
    ) -> pb.RevokeKeyResponse:
        revision = self._administration.revoke(current_call(), KeyId(request.key_id))
        return pb.RevokeKeyResponse(revision=revision)
