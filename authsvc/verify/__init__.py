"""The verifier of access tokens, the same code in the server and in the client library.

It parses strictly, knows keys and judges claims. It must not touch gRPC, protobuf, a store, the
environment or a clock: what it needs is an argument, and no token makes it fetch anything.
"""
