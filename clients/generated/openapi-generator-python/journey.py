"""The client that openapi-generator makes for Python raises what is refused: an ApiException for each status."""

import os
from collections.abc import Callable
from datetime import datetime, timezone
from uuid import uuid4

from gatehouse import (
    AccountsApi,
    ApiClient,
    ApiException,
    Configuration,
    Credentials,
    ErrorCode,
    ErrorResponse,
    LogoutRequest,
    RefreshRequest,
    RegisterUserRequest,
    SessionsApi,
    TokenPair,
    User,
)
from gatehouse.exceptions import (
    ConflictException,
    NotFoundException,
    UnauthorizedException,
    UnprocessableEntityException,
)
from typing_extensions import assert_type

ORIGIN = os.environ.get("GATEHOUSE_ORIGIN", "http://127.0.0.1:8000")

ada = RegisterUserRequest(
    name="Ada", email=f"ada-{uuid4()}@example.com", location="London", password="analytical engine"
)
grace = RegisterUserRequest(
    name="Grace",
    email=f"grace-{uuid4()}@example.com",
    location="New York",
    # Text may begin with a space, for the client as well
    about=" Compilers",
    password="nanoseconds of wire",
)


def client(tokens: TokenPair | None = None) -> ApiClient:
    return ApiClient(Configuration(host=ORIGIN, access_token=tokens.access_token if tokens else None))


def log_in(user: RegisterUserRequest) -> TokenPair:
    return SessionsApi(client()).login(Credentials(email=user.email, password=user.password))


def refused(kind: type[ApiException], call: Callable[[], object]) -> ErrorResponse:
    try:
        call()
    except kind as error:
        assert isinstance(error.data, ErrorResponse), error
        return error.data
    raise AssertionError(f"{kind.__name__} was expected")


def main() -> None:
    # Register; about may be left out
    user: User = AccountsApi(client()).register_user(ada)
    assert_type(user.user_id, int)
    assert_type(user.created_at, datetime)
    assert_type(user.about, str | None)
    assert user.user_id >= 1
    assert user.email == ada.email
    assert user.about is None
    assert abs((datetime.now(timezone.utc) - user.created_at).total_seconds()) < 300
    AccountsApi(client()).register_user(grace)

    # Log in, and read yourself: about is text or None
    tokens, graces_tokens = log_in(ada), log_in(grace)
    assert AccountsApi(client(tokens)).get_me() == user
    assert AccountsApi(client(graces_tokens)).get_me().about == grace.about

    # Refresh
    refreshed = SessionsApi(client()).refresh_token(RefreshRequest(refresh_token=tokens.refresh_token))
    assert refreshed.token_type == "Bearer"
    assert refreshed.expires_in > 0
    assert refreshed.refresh_token != tokens.refresh_token

    # 404: somebody else's session
    [session] = SessionsApi(client(refreshed)).list_sessions().sessions
    assert session.current
    not_yours = refused(
        NotFoundException, lambda: SessionsApi(client(graces_tokens)).end_session(session.session_id)
    )
    assert not_yours.error_code is ErrorCode.SESSION_NOT_FOUND

    # Log out: by the refresh token, or by the access token alone
    SessionsApi(client()).logout(LogoutRequest(refresh_token=refreshed.refresh_token))
    ended = refused(UnauthorizedException, AccountsApi(client(refreshed)).get_me)
    assert ended.error_code is ErrorCode.SESSION_ENDED
    SessionsApi(client(graces_tokens)).logout()

    # 409: the email is taken
    taken = refused(ConflictException, lambda: AccountsApi(client()).register_user(ada))
    assert taken.error_code is ErrorCode.EMAIL_ALREADY_EXISTS

    # 422: the fields at fault
    weak = grace.model_copy(update={"password": "password1"})
    invalid = refused(UnprocessableEntityException, lambda: AccountsApi(client()).register_user(weak))
    assert invalid.error_code is ErrorCode.VALIDATION_ERROR
    assert [fault.field for fault in invalid.errors or []] == ["password"]


main()
