// A service that trusts the tokens of your own authsvc: over gRPC on LISTEN, and over HTTP, as
// GET /orders, on LISTEN_HTTP.

import { connectNodeAdapter } from "@connectrpc/connect-node";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { OrderService } from "./gen/orders/v1/order_service_pb.js";
import { connect, policy } from "./settings.js";
import { claimsOf, connectionValues, guard, guarded } from "./verifier/guard.js";
import { Verifier } from "./verifier/verifier.js";

const SCOPES = ["orders.read"];

const ordersOf = (owner: string | undefined) => ({ owner: owner ?? "", items: ["a kettle"] });

// Begins to follow; until it has heard, callers are told to wait.
const verifier = new Verifier(connect(), policy());
const calls = http2.createServer(
  connectNodeAdapter({
    contextValues: connectionValues,
    interceptors: [
      guard(verifier, { requiredScopes: { "orders.v1.OrderService/ListOrders": SCOPES } }),
    ],
    routes: (router) =>
      router.service(OrderService, {
        listOrders: (_request, context) => ordersOf(claimsOf(context)?.subject),
      }),
  }),
);
const pages = http.createServer(
  guarded(verifier, SCOPES, (claims, _request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(ordersOf(claims.subject)));
  }),
);

const places = [
  await listen(calls, process.env["LISTEN"] || "127.0.0.1:50061"),
  await listen(pages, process.env["LISTEN_HTTP"] || "127.0.0.1:8061"),
];
console.log(`SERVING on ${places[0]} and http://${places[1]}/orders`);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    verifier.close();
    process.exit();
  });
}

function listen(server: Server, address: string): Promise<string> {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(port), host, () => {
      const { address, port } = server.address() as AddressInfo;
      resolve(`${address}:${port}`);
    });
  });
}
