"""SessionService: between its messages and `domain/session_directory.py`."""

import grpc
from authn.v1 import session_service_pb2 as pb
from authn.v1.session_service_pb2_grpc import SessionServiceServicer

from authsvc.domain.identifiers import SessionId, decode_id
from authsvc.domain.session_directory import SessionDirectory
from authsvc.domain.sessions import Session
from authsvc.errors import SessionNotFound
from authsvc.transport.context import current_call
from authsvc.transport.messages import session_message
from authsvc.transport.pages import PageTokens, page_size


class SessionService(SessionServiceServicer):
    """Seeing and ending sessions."""

    def __init__(self, *, directory: SessionDirectory, page_key: bytes) -> None:
        self._directory = directory
        self._pages = PageTokens(page_key, method="ListSessions")

    def ListSessions(
        self, request: pb.ListSessionsRequest, _: grpc.ServicerContext
    ) -> pb.ListSessionsResponse:
        call = current_call()
        sessions = self._directory.list(call, request.account_id)
        scope = request.account_id or call.own_account()
        after = self._pages.read(request.page_token, scope=scope) or ""
        following = [s for s in sorted(sessions, key=_place) if _place(s) > after]
        page = following[: page_size(request.page_size)]
        more = len(page) < len(following)
        return pb.ListSessionsResponse(
            sessions=map(session_message, page),
            next_page_token=self._pages.write(_place(page[-1]), scope=scope) if more else "",
        )

    def GetSession(
        self, request: pb.GetSessionRequest, _: grpc.ServicerContext
    ) -> pb.GetSessionResponse:
        session = self._directory.get(current_call(), _session_id(request.session_id))
        return pb.GetSessionResponse(session=session_message(session))

    def RevokeSession(
        self, request: pb.RevokeSessionRequest, _: grpc.ServicerContext
    ) -> pb.RevokeSessionResponse:
        revision = self._directory.revoke(current_call(), _session_id(request.session_id))
        return pb.RevokeSessionResponse(revision=revision)

    def RevokeAllSessions(
        self, request: pb.RevokeAllSessionsRequest, _: grpc.ServicerContext
    ) -> pb.RevokeAllSessionsResponse:
        revision, count = self._directory.revoke_all(
            current_call(), request.account_id, keep=request.except_session_id
        )
        return pb.RevokeAllSessionsResponse(revision=revision, revoked_count=count)


def _session_id(text: str) -> SessionId:
    """Read the name of a session; no session has one that base64url gives for no bytes."""
    try:
        decode_id(text)
    except ValueError:
        raise SessionNotFound from None
    return SessionId(text)


def _place(session: Session) -> str:
    """Give the place of a session in a list, in a text that sorts as the list does."""
    return f"{session.create_time.isoformat(timespec='microseconds')} {session.session_id}"
