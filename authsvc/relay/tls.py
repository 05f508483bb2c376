"""TLS to brokers: certificates are always checked, against the system's CAs or those named."""

import ssl

from authsvc.relay.addresses import SinkAddress
from authsvc.relay.sink import SinkUnavailable


def tls_context(address: SinkAddress) -> ssl.SSLContext | None:
    """Give what TLS is spoken with; None if the URL does not ask for it.

    Raises:
        SinkUnavailable: The file of CAs can't be read.

    """
    if not address.has_tls:
        return None
    try:
        return ssl.create_default_context(cafile=address.options.get("ca"))
    except OSError:  # an SSLError is one, too
        raise SinkUnavailable("the ca can't be read") from None
