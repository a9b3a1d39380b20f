//! Which request is being answered, so that an error's answer and its line in the log carry the same id.
//!
//! Knows ids, methods and paths; never a query, a header or a body, which can hold secrets.

use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    static CURRENT: Current;
}

/// A request, as the log names it.
#[derive(Clone)]
pub(crate) struct Current {
    number: u64,
    method: Method,
    uri: Uri,
}

impl Current {
    fn of(method: Method, uri: Uri) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self { number: COUNT.fetch_add(1, Ordering::Relaxed), method, uri }
    }

    /// The request that this task answers; a new one where it answers none.
    pub(crate) fn get() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_else(|_| Self::of(Method::default(), Uri::default()))
    }

    /// Unique within the log: the start of this process and a counter.
    pub(crate) fn id(&self) -> String {
        static START: OnceLock<u128> = OnceLock::new();
        let start = START.get_or_init(|| {
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis()
        });
        format!("{start:x}-{:x}", self.number)
    }
}

/// Its method and path.
impl fmt::Display for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.uri.path())
    }
}

/// Around everything: what is answered within knows its request.
pub(crate) async fn number(request: Request, next: Next) -> Response {
    let current = Current::of(request.method().clone(), request.uri().clone());
    CURRENT.scope(current, next.run(request)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_knows_its_request_and_shows_no_query() {
        let current = Current::of(Method::POST, Uri::from_static("/api/events?since=secret"));
        let id = current.id();
        assert_eq!(current.to_string(), "POST /api/events");
        let (within, shown) = CURRENT.scope(current, async { (Current::get().id(), Current::get().to_string()) }).await;
        assert_eq!((within, shown.as_str()), (id.clone(), "POST /api/events"));
        assert_ne!(Current::get().id(), id, "outside of it there is another");
    }
}
