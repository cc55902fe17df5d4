//! The client that openapi-generator makes for Rust returns what is refused as `Error::ResponseError`: the status, and the
//! text of an `ErrorResponse`.

use std::env;
use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, FixedOffset, Utc};
use gatehouse::apis::configuration::Configuration;
use gatehouse::apis::{accounts_api, sessions_api, Error};
use gatehouse::models::token_pair::TokenType;
use gatehouse::models::{
    Credentials, ErrorCode, ErrorResponse, LogoutRequest, RefreshRequest, RegisterUserRequest, TokenPair, User,
};

fn anyone() -> Configuration {
    let base_path = env::var("GATEHOUSE_ORIGIN").unwrap_or_else(|_| "http://127.0.0.1:8000".to_owned());
    Configuration { base_path, ..Configuration::default() }
}

fn bearing(tokens: &TokenPair) -> Configuration {
    Configuration { bearer_access_token: Some(tokens.access_token.clone()), ..anyone() }
}

/// The status tells which of an operation's errors it is. `entity` does not: its variants all hold an `ErrorResponse`, and
/// the first of them that fits is taken.
fn refusal<Success: Debug, Entity: Debug>(outcome: Result<Success, Error<Entity>>) -> (u16, ErrorResponse) {
    match outcome {
        Err(Error::ResponseError(response)) => {
            (response.status.as_u16(), serde_json::from_str(&response.content).expect("an ErrorResponse"))
        }
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

fn email(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    format!("{name}-{}@example.com", now.as_nanos())
}

fn person(name: &str, location: &str, password: &str) -> RegisterUserRequest {
    RegisterUserRequest::new(name.to_owned(), email(&name.to_lowercase()), location.to_owned(), password.to_owned())
}

async fn log_in(user: &RegisterUserRequest) -> TokenPair {
    let credentials = Credentials::new(user.email.clone(), user.password.clone());
    sessions_api::login(&anyone(), credentials).await.expect("tokens")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let ada = person("Ada", "London", "analytical engine");
    let mut grace = person("Grace", "New York", "nanoseconds of wire");
    grace.about = Some(Some("Compilers".to_owned()));

    // Register; about may be left out
    let user: User = accounts_api::register_user(&anyone(), ada.clone()).await.expect("a user");
    let user_id: i64 = user.user_id;
    let created_at: DateTime<FixedOffset> = user.created_at;
    assert!(user_id >= 1);
    assert_eq!(user.email, ada.email);
    assert_eq!(user.about, None);
    assert!((Utc::now() - created_at.to_utc()).num_seconds().abs() < 300);
    accounts_api::register_user(&anyone(), grace.clone()).await.expect("a user");

    // Log in, and read yourself: about is text or None
    let (tokens, graces_tokens) = (log_in(&ada).await, log_in(&grace).await);
    assert_eq!(accounts_api::get_me(&bearing(&tokens)).await.expect("Ada"), user);
    let about: Option<String> = accounts_api::get_me(&bearing(&graces_tokens)).await.expect("Grace").about;
    assert_eq!(about.as_deref(), Some("Compilers"));

    // Refresh
    let request = RefreshRequest::new(tokens.refresh_token.clone());
    let refreshed = sessions_api::refresh_token(&anyone(), request).await.expect("the next tokens");
    assert_eq!(refreshed.token_type, TokenType::Bearer);
    assert!(refreshed.expires_in > 0);
    assert_ne!(refreshed.refresh_token, tokens.refresh_token);

    // 404: somebody else's session
    let sessions = sessions_api::list_sessions(&bearing(&refreshed)).await.expect("sessions").sessions;
    assert!(sessions.len() == 1 && sessions[0].current);
    let outcome = sessions_api::end_session(&bearing(&graces_tokens), sessions[0].session_id).await;
    let (status, not_yours) = refusal(outcome);
    assert_eq!((status, not_yours.error_code), (404, ErrorCode::SessionNotFound));

    // Log out: by the refresh token, or by the access token alone
    let request = LogoutRequest { refresh_token: Some(refreshed.refresh_token.clone()) };
    sessions_api::logout(&anyone(), Some(request)).await.expect("no session");
    let (status, ended) = refusal(accounts_api::get_me(&bearing(&refreshed)).await);
    assert_eq!((status, ended.error_code), (401, ErrorCode::SessionEnded));
    sessions_api::logout(&bearing(&graces_tokens), None).await.expect("no session");

    // 409: the email is taken
    let (status, taken) = refusal(accounts_api::register_user(&anyone(), ada).await);
    assert_eq!((status, taken.error_code), (409, ErrorCode::EmailAlreadyExists));

    // 422: the fields at fault
    grace.password = "password1".to_owned();
    let (status, invalid) = refusal(accounts_api::register_user(&anyone(), grace).await);
    assert_eq!((status, invalid.error_code), (422, ErrorCode::ValidationError));
    let fields: Vec<String> = invalid.errors.unwrap_or_default().into_iter().map(|fault| fault.field).collect();
    assert_eq!(fields, ["password"]);
}
