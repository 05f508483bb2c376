// oidc-provider with its own in-memory store, one confidential client and one access token.
//
// Prints a line of JSON when it can be asked: its address, the token, and the client's
// authentication (RFC 7617) with which /token and /token/introspection are called.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import { Provider } from "oidc-provider";

const DAY = 86_400;
const client = { id: "benchmark", secret: randomBytes(32).toString("base64url") };
const authorization = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}`;

const server = createServer();
server.keepAliveTimeout = 0; // a connection is idle while the other system has its turn
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = `127.0.0.1:${server.address().port}`;

const provider = new Provider(`http://${address}`, {
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
  },
  ttl: { ClientCredentials: DAY },
});
server.on("request", provider.callback());

const answer = await fetch(`http://${address}/token`, {
  method: "POST",
  headers: { authorization },
  body: new URLSearchParams({ grant_type: "client_credentials" }),
});
const { access_token: token } = await answer.json();
console.log(JSON.stringify({ address, token, authorization, node: process.versions.node }));
