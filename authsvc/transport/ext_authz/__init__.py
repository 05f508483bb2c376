"""`envoy.service.auth.v3.Authorization`: whether a proxy may let an HTTP request through."""
