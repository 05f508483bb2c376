"""What the requests for one-time codes say: which address, and what the code is to look like."""

from authn.v1 import auth_service_pb2 as pb

from authsvc.domain.addresses import Address, AddressKind
from authsvc.domain.one_time_codes import CodeFormat

Addressed = (
    pb.StartPasswordResetRequest | pb.CompletePasswordResetRequest | pb.StartVerificationRequest
)

_FORMATS = {
    pb.CodeFormat.CODE_FORMAT_UNSPECIFIED: CodeFormat.DIGITS,
    pb.CodeFormat.CODE_FORMAT_DIGITS: CodeFormat.DIGITS,
    pb.CodeFormat.CODE_FORMAT_LINK: CodeFormat.LINK,
}


def code_format(form: pb.CodeFormat.ValueType) -> CodeFormat:
    """Read a format that the contract knows."""
    return _FORMATS[form]


def address(request: Addressed) -> Address | None:
    """Read the address of a request, or None."""
    kind = request.WhichOneof("address")
    return Address(AddressKind(kind), getattr(request, kind)) if kind is not None else None


def required_address(request: Addressed) -> Address:
    """Read the address of a request that the contract requires to have one."""
    given = address(request)
    if given is None:
        message = "the request was not held against the contract"
        raise AssertionError(message)
    return given
