// The client that oapi-codegen makes returns what is refused as it returns what is not: a field for each status.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"journey/gatehouse"
)

func origin() string {
	if origin, set := os.LookupEnv("GATEHOUSE_ORIGIN"); set {
		return origin
	}
	return "http://127.0.0.1:8000"
}

var anyone = context.Background()

func as(tokens *gatehouse.TokenPair) gatehouse.RequestEditorFn {
	return func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
		return nil
	}
}

func assert(holds bool, message string, about ...any) {
	if !holds {
		log.Fatalln(append([]any{message + ":"}, about...)...)
	}
}

func must[T any](result T, err error) T {
	assert(err == nil, "no error", err)
	return result
}

func is(refused *gatehouse.ErrorResponse, code gatehouse.ErrorCode) bool {
	return refused != nil && refused.ErrorCode == code
}

func email(name string) openapi_types.Email {
	return openapi_types.Email(fmt.Sprintf("%s-%d@example.com", name, time.Now().UnixNano()))
}

func main() {
	client := must(gatehouse.NewClientWithResponses(origin()))
	logIn := func(user gatehouse.RegisterUserRequest) *gatehouse.TokenPair {
		credentials := gatehouse.Credentials{Email: string(user.Email), Password: user.Password}
		response := must(client.LoginWithResponse(anyone, credentials))
		assert(response.JSON200 != nil, "logged in", response.Status())
		return response.JSON200
	}

	ada := gatehouse.RegisterUserRequest{
		Name: "Ada", Email: email("ada"), Location: "London", Password: "analytical engine",
	}
	compilers := "Compilers"
	grace := gatehouse.RegisterUserRequest{
		Name: "Grace", Email: email("grace"), Location: "New York", About: &compilers, Password: "nanoseconds of wire",
	}

	// Register; about may be left out
	user := must(client.RegisterUserWithResponse(anyone, ada)).JSON201
	assert(user != nil, "registered")
	var userId int64 = user.UserId
	var createdAt time.Time = user.CreatedAt
	assert(userId >= 1, "an id", userId)
	assert(user.Email == string(ada.Email), "the email", user.Email)
	assert(user.About == nil, "about is null", user.About)
	assert(time.Since(createdAt).Abs() < 5*time.Minute, "just now", createdAt)
	assert(must(client.RegisterUserWithResponse(anyone, grace)).JSON201 != nil, "registered")

	// Log in, and read yourself: about is text or nil
	tokens, gracesTokens := logIn(ada), logIn(grace)
	me := must(client.GetMeWithResponse(anyone, as(tokens))).JSON200
	assert(me != nil && *me == *user, "the same user", me)
	gracesMe := must(client.GetMeWithResponse(anyone, as(gracesTokens))).JSON200
	assert(gracesMe != nil, "Grace")
	var about *string = gracesMe.About
	assert(about != nil && *about == compilers, "what Grace told", about)

	// Refresh
	refreshRequest := gatehouse.RefreshRequest{RefreshToken: tokens.RefreshToken}
	refreshed := must(client.RefreshTokenWithResponse(anyone, refreshRequest)).JSON200
	assert(refreshed != nil && refreshed.TokenType == gatehouse.TokenPairTokenTypeBearer, "a token pair", refreshed)
	assert(refreshed.ExpiresIn > 0, "a lifetime", refreshed.ExpiresIn)
	assert(refreshed.RefreshToken != tokens.RefreshToken, "the next refresh token")

	// 404: somebody else's session
	listed := must(client.ListSessionsWithResponse(anyone, as(refreshed))).JSON200
	assert(listed != nil && len(listed.Sessions) == 1 && listed.Sessions[0].Current, "this session", listed)
	notYours := must(client.EndSessionWithResponse(anyone, listed.Sessions[0].SessionId, as(gracesTokens)))
	assert(is(notYours.JSON404, gatehouse.SESSIONNOTFOUND), "a 404", notYours.Status())

	// Log out: by the refresh token, or by the access token alone
	logoutRequest := gatehouse.LogoutRequest{RefreshToken: &refreshed.RefreshToken}
	loggedOut := must(client.LogoutWithResponse(anyone, logoutRequest))
	assert(loggedOut.StatusCode() == 204, "logged out", loggedOut.Status())
	ended := must(client.GetMeWithResponse(anyone, as(refreshed)))
	assert(is(ended.JSON401, gatehouse.SESSIONENDED), "a 401", ended.Status())
	loggedOut = must(client.LogoutWithResponse(anyone, gatehouse.LogoutRequest{}, as(gracesTokens)))
	assert(loggedOut.StatusCode() == 204, "logged out", loggedOut.Status())

	// 409: the email is taken
	taken := must(client.RegisterUserWithResponse(anyone, ada))
	assert(is(taken.JSON409, gatehouse.EMAILALREADYEXISTS), "a 409", taken.Status())

	// 422: the fields at fault
	grace.Password = "password1"
	invalid := must(client.RegisterUserWithResponse(anyone, grace)).JSON422
	assert(is(invalid, gatehouse.VALIDATIONERROR), "a 422", invalid)
	faults := *invalid.Errors
	assert(len(faults) == 1 && faults[0].Field == "password", "the password", faults)
}
