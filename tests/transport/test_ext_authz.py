"""What Envoy is told of a request by `envoy.service.auth.v3.Authorization/Check`."""
