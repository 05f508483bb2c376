"""Redis: what is hot and expires. It keeps and judges nothing; each change is one Lua script.

Works with Redis from 7.0 on and with Valkey. Fails closed everywhere: StoreUnavailable.
"""
