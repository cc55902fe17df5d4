import gatehouse.ApiClient;
import gatehouse.ApiException;
import gatehouse.api.AccountsApi;
import gatehouse.api.SessionsApi;
import gatehouse.model.Credentials;
import gatehouse.model.ErrorCode;
import gatehouse.model.ErrorResponse;
import gatehouse.model.LogoutRequest;
import gatehouse.model.RefreshRequest;
import gatehouse.model.RegisterUserRequest;
import gatehouse.model.Session;
import gatehouse.model.TokenPair;
import gatehouse.model.User;
import java.io.IOException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.UUID;

/** The client that openapi-generator makes for Java throws what is refused, as an ApiException with the text of an ErrorResponse. */
public final class Journey {
    private static final String ORIGIN = System.getenv().getOrDefault("GATEHOUSE_ORIGIN", "http://127.0.0.1:8000");

    private interface Call {
        void send() throws ApiException;
    }

    private static ApiClient anyone() {
        ApiClient client = new ApiClient();
        client.updateBaseUri(ORIGIN);
        return client;
    }

    private static ApiClient bearing(TokenPair tokens) {
        String authorization = "Bearer " + tokens.getAccessToken();
        return anyone().setRequestInterceptor(request -> request.header("Authorization", authorization));
    }

    private static TokenPair logIn(RegisterUserRequest user) throws ApiException {
        Credentials credentials = new Credentials().email(user.getEmail()).password(user.getPassword());
        return new SessionsApi(anyone()).login(credentials);
    }

    private static ErrorResponse refusal(int status, Call call) throws IOException {
        try {
            call.send();
        } catch (ApiException refused) {
            check(refused.getCode() == status, refused);
            return anyone().getObjectMapper().readValue(refused.getResponseBody(), ErrorResponse.class);
        }
        throw new AssertionError(status + " was expected");
    }

    private static void check(boolean holds, Object about) {
        if (!holds) throw new AssertionError(about);
    }

    private static String email(String name) {
        return name + "-" + UUID.randomUUID() + "@example.com";
    }

    public static void main(String[] arguments) throws ApiException, IOException {
        RegisterUserRequest ada = new RegisterUserRequest()
            .name("Ada").email(email("ada")).location("London").password("analytical engine");
        RegisterUserRequest grace = new RegisterUserRequest()
            .name("Grace").email(email("grace")).location("New York").password("nanoseconds of wire")
            .about("Compilers");

        // Register; about may be left out
        User user = new AccountsApi(anyone()).registerUser(ada);
        Long userId = user.getUserId();
        OffsetDateTime createdAt = user.getCreatedAt();
        check(userId >= 1, userId);
        check(user.getEmail().equals(ada.getEmail()), user);
        check(user.getAbout() == null, user);
        check(Duration.between(createdAt, OffsetDateTime.now()).abs().toMinutes() < 5, createdAt);
        new AccountsApi(anyone()).registerUser(grace);

        // Log in, and read yourself: about is text or null
        TokenPair tokens = logIn(ada);
        TokenPair gracesTokens = logIn(grace);
        check(new AccountsApi(bearing(tokens)).getMe().equals(user), user);
        String about = new AccountsApi(bearing(gracesTokens)).getMe().getAbout();
        check("Compilers".equals(about), about);

        // Refresh
        RefreshRequest refreshRequest = new RefreshRequest().refreshToken(tokens.getRefreshToken());
        TokenPair refreshed = new SessionsApi(anyone()).refreshToken(refreshRequest);
        check(refreshed.getTokenType() == TokenPair.TokenTypeEnum.BEARER, refreshed.getTokenType());
        check(refreshed.getExpiresIn() > 0, refreshed.getExpiresIn());
        check(!refreshed.getRefreshToken().equals(tokens.getRefreshToken()), "the next refresh token");

        // 404: somebody else's session
        List<Session> sessions = new SessionsApi(bearing(refreshed)).listSessions().getSessions();
        check(sessions.size() == 1 && sessions.get(0).getCurrent(), sessions);
        Long sessionId = sessions.get(0).getSessionId();
        ErrorResponse notYours = refusal(404, () -> new SessionsApi(bearing(gracesTokens)).endSession(sessionId));
        check(notYours.getErrorCode() == ErrorCode.SESSION_NOT_FOUND, notYours);

        // Log out: by the refresh token, or by the access token alone
        new SessionsApi(anyone()).logout(new LogoutRequest().refreshToken(refreshed.getRefreshToken()));
        ErrorResponse ended = refusal(401, () -> new AccountsApi(bearing(refreshed)).getMe());
        check(ended.getErrorCode() == ErrorCode.SESSION_ENDED, ended);
        new SessionsApi(bearing(gracesTokens)).logout(null);

        // 409: the email is taken
        ErrorResponse taken = refusal(409, () -> new AccountsApi(anyone()).registerUser(ada));
        check(taken.getErrorCode() == ErrorCode.EMAIL_ALREADY_EXISTS, taken);

        // 422: the fields at fault
        ErrorResponse invalid = refusal(422, () -> new AccountsApi(anyone()).registerUser(grace.password("password1")));
        check(invalid.getErrorCode() == ErrorCode.VALIDATION_ERROR, invalid);
        check(invalid.getErrors().size() == 1, invalid);
        check(invalid.getErrors().get(0).getField().equals("password"), invalid);
    }
}
