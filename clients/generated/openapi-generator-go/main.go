// The client that openapi-generator makes for Go returns what is refused as an error that carries an ErrorResponse.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"journey/gatehouse"
)

func origin() string {
	if origin, set := os.LookupEnv("GATEHOUSE_ORIGIN"); set {
		return origin
	}
	return "http://127.0.0.1:8000"
}

func newClient() *gatehouse.APIClient {
	configuration := gatehouse.NewConfiguration()
	configuration.Servers = gatehouse.ServerConfigurations{{URL: origin()}}
	return gatehouse.NewAPIClient(configuration)
}

var (
	client = newClient()
	anyone = context.Background()
)

func as(tokens *gatehouse.TokenPair) context.Context {
	return context.WithValue(anyone, gatehouse.ContextAccessToken, tokens.AccessToken)
}

func assert(holds bool, message string, about ...any) {
	if !holds {
		log.Fatalln(append([]any{message + ":"}, about...)...)
	}
}

// Takes what a call returns: its result, the response and an error.
func must[T any](result T, _ *http.Response, err error) T {
	assert(err == nil, "no error", err)
	return result
}

func refusal(response *http.Response, err error) (int, gatehouse.ErrorResponse) {
	var refused *gatehouse.GenericOpenAPIError
	assert(errors.As(err, &refused), "a refusal", err)
	model, typed := refused.Model().(gatehouse.ErrorResponse)
	assert(typed, "an ErrorResponse", err, refused.Model())
	return response.StatusCode, model
}

func email(name string) string {
	return fmt.Sprintf("%s-%d@example.com", name, time.Now().UnixNano())
}

func register(user gatehouse.RegisterUserRequest) (*gatehouse.User, *http.Response, error) {
	return client.AccountsAPI.RegisterUser(anyone).RegisterUserRequest(user).Execute()
}

func logIn(user gatehouse.RegisterUserRequest) *gatehouse.TokenPair {
	credentials := gatehouse.Credentials{Email: user.Email, Password: user.Password}
	return must(client.SessionsAPI.Login(anyone).Credentials(credentials).Execute())
}

func main() {
	ada := *gatehouse.NewRegisterUserRequest("Ada", email("ada"), "London", "analytical engine")
	grace := *gatehouse.NewRegisterUserRequest("Grace", email("grace"), "New York", "nanoseconds of wire")
	grace.SetAbout("Compilers")

	// Register; about may be left out
	user := must(register(ada))
	var userId int64 = user.UserId
	var createdAt time.Time = user.CreatedAt
	assert(userId >= 1, "an id", userId)
	assert(user.Email == ada.Email, "the email", user.Email)
	assert(user.About.IsSet() && user.About.Get() == nil, "about is null", user.About)
	assert(time.Since(createdAt).Abs() < 5*time.Minute, "just now", createdAt)
	must(register(grace))

	// Log in, and read yourself: about is text or nil
	tokens, gracesTokens := logIn(ada), logIn(grace)
	me := must(client.AccountsAPI.GetMe(as(tokens)).Execute())
	assert(me.UserId == userId && me.About.Get() == nil, "the same user", me)
	var about *string = must(client.AccountsAPI.GetMe(as(gracesTokens)).Execute()).About.Get()
	assert(about != nil && *about == "Compilers", "what Grace told", about)

	// Refresh
	refreshRequest := *gatehouse.NewRefreshRequest(tokens.RefreshToken)
	refreshed := must(client.SessionsAPI.RefreshToken(anyone).RefreshRequest(refreshRequest).Execute())
	assert(refreshed.TokenType == "Bearer" && refreshed.ExpiresIn > 0, "a token pair", refreshed.TokenType)
	assert(refreshed.RefreshToken != tokens.RefreshToken, "the next refresh token")

	// 404: somebody else's session
	sessions := must(client.SessionsAPI.ListSessions(as(refreshed)).Execute()).Sessions
	assert(len(sessions) == 1 && sessions[0].Current, "this session", sessions)
	status, notYours := refusal(client.SessionsAPI.EndSession(as(gracesTokens), sessions[0].SessionId).Execute())
	assert(status == 404 && notYours.ErrorCode == gatehouse.ERRORCODE_SESSION_NOT_FOUND, "a 404", status, notYours)

	// Log out: by the refresh token, or by the access token alone
	logoutRequest := gatehouse.LogoutRequest{RefreshToken: &refreshed.RefreshToken}
	_, err := client.SessionsAPI.Logout(anyone).LogoutRequest(logoutRequest).Execute()
	assert(err == nil, "logged out", err)
	_, response, err := client.AccountsAPI.GetMe(as(refreshed)).Execute()
	status, ended := refusal(response, err)
	assert(status == 401 && ended.ErrorCode == gatehouse.ERRORCODE_SESSION_ENDED, "a 401", status, ended)
	_, err = client.SessionsAPI.Logout(as(gracesTokens)).Execute()
	assert(err == nil, "logged out", err)

	// 409: the email is taken
	_, response, err = register(ada)
	status, taken := refusal(response, err)
	assert(status == 409 && taken.ErrorCode == gatehouse.ERRORCODE_EMAIL_ALREADY_EXISTS, "a 409", status, taken)

	// 422: the fields at fault
	grace.SetPassword("password1")
	_, response, err = register(grace)
	status, invalid := refusal(response, err)
	assert(status == 422 && invalid.ErrorCode == gatehouse.ERRORCODE_VALIDATION_ERROR, "a 422", status, invalid)
	assert(len(invalid.Errors) == 1 && invalid.Errors[0].Field == "password", "the password", invalid.Errors)
}
