"""Envoy's messages stand beside others of the same names, as `xds-protos` has them."""

import subprocess
import sys

_PROGRAM = """
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default

def declare():
    Default().AddSerializedFile(
        FileDescriptorProto(
            name="envoy/service/auth/v3/external_auth.proto",
            package="envoy.service.auth.v3",
            message_type=[DescriptorProto(name="CheckRequest"), DescriptorProto(name="Other")],
        ).SerializeToString()
    )

{}
from authsvc.transport.ext_authz.messages import POOL
from authsvc.transport.ext_authz.messages import CheckRequest
request = CheckRequest(attributes={{"context_extensions": {{"acr": "aal2"}}}})
assert CheckRequest.FromString(request.SerializeToString()) == request
{}
common = Default().FindMessageTypeByName("envoy.service.auth.v3.CheckRequest")
assert not common.fields, "it is the other one"
"""


def test_they_do_whoever_comes_first() -> None:
    for before, after in (("declare()", ""), ("", "declare()")):
        program = _PROGRAM.format(before, after)
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
