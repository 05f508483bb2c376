"""The call that is being answered, put there by the interceptor for the servicers to pass on."""

from contextvars import ContextVar

from authsvc.domain.calls import Call

_call: ContextVar[Call] = ContextVar("call")

set_call = _call.set
"""Puts the call in place; for the interceptor."""

current_call = _call.get
"""Gives the call that is being answered; for servicers."""
