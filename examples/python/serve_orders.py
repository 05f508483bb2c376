"""A service that trusts the tokens of your own authsvc.

Over gRPC on LISTEN, and over HTTP, as GET /orders, on LISTEN_HTTP.
"""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import grpc
import settings
import uvicorn
from fastapi import Depends, FastAPI
from orders.v1.order_service_pb2 import ListOrdersRequest, ListOrdersResponse
from orders.v1.order_service_pb2_grpc import (
    OrderServiceServicer,
    add_OrderServiceServicer_to_server,
)

from authsvc.client import Verifier
from authsvc.client.asgi import require
from authsvc.client.interceptors import AuthInterceptor, current_claims
from authsvc.verify.claims import Claims

ITEMS = ["a kettle"]


class OrderService(OrderServiceServicer):
    """Looks after orders."""

    def ListOrders(
        self, _request: ListOrdersRequest, _context: grpc.ServicerContext
    ) -> ListOrdersResponse:
        """List the orders of whoever the token speaks for."""
        return ListOrdersResponse(owner=current_claims().subject, items=ITEMS)


def calls(verifier: Verifier) -> tuple[grpc.Server, str]:
    """Make the server of calls, and give the address that it came to."""
    required = {"/orders.v1.OrderService/ListOrders": ("orders.read",)}
    guard = AuthInterceptor(verifier, required_scopes=required)
    server = grpc.server(ThreadPoolExecutor(8), interceptors=[guard])
    add_OrderServiceServicer_to_server(OrderService(), server)
    host = settings.get("LISTEN", "127.0.0.1:50061")
    port = server.add_insecure_port(host)
    return server, f"{host.rpartition(':')[0]}:{port}"


def pages(verifier: Verifier) -> FastAPI:
    """Make the application of pages."""
    app = FastAPI()

    @app.get("/orders")
    async def list_orders(
        claims: Annotated[Claims, Depends(require(verifier, "orders.read"))],
    ) -> dict[str, object]:
        return {"owner": claims.subject, "items": ITEMS}

    return app


def main() -> None:
    """Serve until the process is ended."""
    # Begins to follow; until it has heard, callers are told to wait.
    with settings.channel() as channel, settings.verifier(channel) as verifier:
        server, address = calls(verifier)
        server.start()
        host, _, port = settings.get("LISTEN_HTTP", "127.0.0.1:8061").rpartition(":")
        web = socket.create_server((host, int(port)))
        print(f"SERVING on {address} and http://{host}:{web.getsockname()[1]}/orders", flush=True)
        try:
            uvicorn.Server(uvicorn.Config(pages(verifier), log_level="warning")).run(sockets=[web])
        finally:
            server.stop(grace=5).wait()


if __name__ == "__main__":
    main()
