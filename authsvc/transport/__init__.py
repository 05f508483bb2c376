"""Speaks gRPC and HTTP, and decides nothing."""
