//! Which path is whose, and what every request goes through first.

use crate::access::{admit, require};
use crate::error::ApiError;
use crate::request;
use crate::routes::routes;
use crate::state::State;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Largest body of one call or one event.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Largest body of a batch or of a hook's input, which holds a tool's whole response.
pub(crate) const MAX_BATCH_BODY_BYTES: usize = 16 * 1024 * 1024;
/// How long a client may take to send its body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Every route. A listener puts [`crate::Access`] into the request's extensions; without it nothing but `/healthz`
/// answers.
pub fn router(state: State) -> Router {
    let mut app = Router::new();
    for route in routes() {
        let needs = route.needs;
        let guarded = route.answer.route_layer(middleware::from_fn(move |request, next| require(needs, request, next)));
        app = app.route(route.path, guarded);
    }
    app.fallback(|| async { ApiError::not_found("no such path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path has other methods")
        })
        // Nothing else answers the network before it.
        .layer(middleware::from_fn_with_state(state.clone(), admit))
        // Outermost: a refusal has its request's id too.
        .layer(middleware::from_fn(request::number))
        .with_state(state)
}

/// The whole body, at most `limit` bytes, within [`BODY_TIMEOUT`].
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(inner) = cause {
                if inner.is::<http_body_util::LengthLimitError>() {
                    return Err(ApiError::too_large(limit));
                }
                cause = inner.source();
            }
            Err(ApiError::bad_request("bad_body", "the body ended early"))
        }
        Err(_) => Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body took too long")),
    }
}

/// The body as text.
pub(crate) async fn read_text(body: Body, limit: usize) -> Result<String, ApiError> {
    let bytes = read_body(body, limit).await?;
    String::from_utf8(bytes.into()).map_err(|error| {
        ApiError::bad_request("not_utf8", format!("the body is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
    })
}

/// A JSON answer.
pub(crate) fn json(text: String) -> Response {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
pub(crate) mod tests;
