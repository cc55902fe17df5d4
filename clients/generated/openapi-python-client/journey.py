"""The client that openapi-python-client makes returns what is refused: either what was asked for or an ErrorResponse."""

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import assert_type
from uuid import uuid4

from gatehouse_client import AuthenticatedClient, Client
from gatehouse_client.api.accounts import get_me, register_user
from gatehouse_client.api.sessions import end_session, list_sessions, login, logout, refresh_token
from gatehouse_client.models import (
    Credentials,
    ErrorCode,
    ErrorResponse,
    FieldError,
    LogoutRequest,
    RefreshRequest,
    RegisterUserRequest,
    SessionList,
    TokenPair,
    User,
)

ORIGIN = os.environ.get("GATEHOUSE_ORIGIN", "http://127.0.0.1:8000")

ada = RegisterUserRequest(
    name="Ada", email=f"ada-{uuid4()}@example.com", location="London", password="analytical engine"
)
grace = RegisterUserRequest(
    name="Grace",
    email=f"grace-{uuid4()}@example.com",
    location="New York",
    about="Compilers",
    password="nanoseconds of wire",
)

anyone = Client(base_url=ORIGIN)


def client(tokens: TokenPair) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=ORIGIN, token=tokens.access_token)


def log_in(user: RegisterUserRequest) -> TokenPair:
    tokens = login.sync(client=anyone, body=Credentials(email=user.email, password=user.password))
    assert isinstance(tokens, TokenPair), tokens
    return tokens


def me(tokens: TokenPair) -> User:
    user = get_me.sync(client=client(tokens))
    assert isinstance(user, User), user
    return user


@dataclass
class Refusal:
    status: int
    error_code: ErrorCode
    errors: list[FieldError]


def refusal(status: int, parsed: object) -> Refusal:
    assert isinstance(parsed, ErrorResponse), parsed
    return Refusal(status, parsed.error_code, parsed.errors or [])


def main() -> None:
    # Register; about may be left out
    user = register_user.sync(client=anyone, body=ada)
    assert isinstance(user, User), user
    assert_type(user.user_id, int)
    assert_type(user.created_at, datetime)
    assert_type(user.about, str | None)
    assert user.user_id >= 1
    assert user.email == ada.email
    assert user.about is None
    assert abs((datetime.now(timezone.utc) - user.created_at).total_seconds()) < 300
    register_user.sync(client=anyone, body=grace)

    # Log in, and read yourself: about is text or None
    tokens, graces_tokens = log_in(ada), log_in(grace)
    assert me(tokens) == user
    assert me(graces_tokens).about == grace.about

    # Refresh
    refreshed = refresh_token.sync(client=anyone, body=RefreshRequest(refresh_token=tokens.refresh_token))
    assert isinstance(refreshed, TokenPair), refreshed
    assert refreshed.token_type == "Bearer"
    assert refreshed.expires_in > 0
    assert refreshed.refresh_token != tokens.refresh_token

    # 404: somebody else's session
    listed = list_sessions.sync(client=client(refreshed))
    assert isinstance(listed, SessionList), listed
    [session] = listed.sessions
    assert session.current
    not_yours = end_session.sync_detailed(session.session_id, client=client(graces_tokens))
    assert refusal(not_yours.status_code, not_yours.parsed) == Refusal(404, ErrorCode.SESSION_NOT_FOUND, [])

    # Log out: by the refresh token, or by the access token alone
    body = LogoutRequest(refresh_token=refreshed.refresh_token)
    assert logout.sync_detailed(client=client(refreshed), body=body).status_code == 204
    ended = get_me.sync_detailed(client=client(refreshed))
    assert refusal(ended.status_code, ended.parsed) == Refusal(401, ErrorCode.SESSION_ENDED, [])
    assert logout.sync_detailed(client=client(graces_tokens)).status_code == 204

    # 409: the email is taken
    taken = register_user.sync_detailed(client=anyone, body=ada)
    assert refusal(taken.status_code, taken.parsed) == Refusal(409, ErrorCode.EMAIL_ALREADY_EXISTS, [])

    # 422: the fields at fault
    grace.password = "password1"
    weak = register_user.sync_detailed(client=anyone, body=grace)
    invalid = refusal(weak.status_code, weak.parsed)
    assert (invalid.status, invalid.error_code) == (422, ErrorCode.VALIDATION_ERROR)
    assert [fault.field for fault in invalid.errors] == ["password"]


main()
