"""FactorService: between its messages and the factors of an account."""

import grpc
from authn.v1 import factor_service_pb2 as pb
from authn.v1.factor_service_pb2_grpc import FactorServiceServicer

from authsvc.domain.factor_directory import FactorDirectory
from authsvc.domain.identifiers import AccountId, FactorId
from authsvc.domain.passkey_enrolment import PasskeyEnrolment
from authsvc.domain.totp_enrolment import TotpEnrolment
from authsvc.transport.context import current_call
from authsvc.transport.messages import factor_message, timestamp, token_set


class FactorService(FactorServiceServicer):
    """Looking after second factors."""

    def __init__(
        self, *, directory: FactorDirectory, totp: TotpEnrolment, passkeys: PasskeyEnrolment
    ) -> None:
        self._directory = directory
        self._totp = totp
        self._passkeys = passkeys

    def ListFactors(
        self, request: pb.ListFactorsRequest, _: grpc.ServicerContext
    ) -> pb.ListFactorsResponse:
        factors, codes_left = self._directory.list(current_call(), request.account_id)
        return pb.ListFactorsResponse(
            factors=map(factor_message, factors), recovery_codes_left=codes_left
        )

    def EnrollTotp(
        self, request: pb.EnrollTotpRequest, _: grpc.ServicerContext
    ) -> pb.EnrollTotpResponse:
        new = self._totp.begin(current_call(), request.display_name)
        return pb.EnrollTotpResponse(
            factor_id=new.factor_id,
            secret=new.secret,
            otpauth_uri=new.otpauth_uri,
            expire_time=timestamp(new.expire_time),
        )

    def ConfirmTotp(
        self, request: pb.ConfirmTotpRequest, _: grpc.ServicerContext
    ) -> pb.ConfirmTotpResponse:
        enrolled = self._totp.confirm(
            current_call(), FactorId(request.factor_id), request.totp_code
        )
        return pb.ConfirmTotpResponse(
            factor=factor_message(enrolled.factor),
            recovery_codes=enrolled.recovery_codes,
            revision=enrolled.revision,
            tokens=token_set(enrolled.tokens),
        )

    def StartPasskeyEnrollment(
        self, request: pb.StartPasskeyEnrollmentRequest, _: grpc.ServicerContext
    ) -> pb.StartPasskeyEnrollmentResponse:
        asked = self._passkeys.start(current_call(), request.display_name)
        return pb.StartPasskeyEnrollmentResponse(
            challenge_token=asked.token,
            creation_options=asked.options,
            expire_time=timestamp(asked.expire_time),
        )

    def FinishPasskeyEnrollment(
        self, request: pb.FinishPasskeyEnrollmentRequest, _: grpc.ServicerContext
    ) -> pb.FinishPasskeyEnrollmentResponse:
        enrolled = self._passkeys.finish(
            current_call(), request.challenge_token, request.credential
        )
        return pb.FinishPasskeyEnrollmentResponse(
            factor=factor_message(enrolled.factor),
            recovery_codes=enrolled.recovery_codes,
            revision=enrolled.revision,
            tokens=token_set(enrolled.tokens),
        )

    def RegenerateRecoveryCodes(
        self, _request: pb.RegenerateRecoveryCodesRequest, _: grpc.ServicerContext
    ) -> pb.RegenerateRecoveryCodesResponse:
        codes = self._directory.regenerate_recovery_codes(current_call())
        return pb.RegenerateRecoveryCodesResponse(recovery_codes=codes)

    def DeleteFactor(
        self, request: pb.DeleteFactorRequest, _: grpc.ServicerContext
    ) -> pb.DeleteFactorResponse:
        revision, tokens = self._directory.delete(current_call(), FactorId(request.factor_id))
        return pb.DeleteFactorResponse(revision=revision, tokens=token_set(tokens))

    def ResetFactors(
        self, request: pb.ResetFactorsRequest, _: grpc.ServicerContext
    ) -> pb.ResetFactorsResponse:
        revision = self._directory.reset(current_call(), AccountId(request.account_id))
        return pb.ResetFactorsResponse(revision=revision)
