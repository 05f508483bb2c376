"""authsvc: proves who somebody is, over gRPC."""

__version__ = "0.1.0"
