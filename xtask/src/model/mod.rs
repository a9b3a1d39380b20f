//! A model that thinks nothing: it asks for the calls of a script, one after another, and keeps what the agent says
//! came of each. Serves on 127.0.0.1; knows three protocols and nothing of agents.

mod anthropic;
mod gemini;
mod openai;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The largest request that is read, in bytes: agents send all that was said, with the tools' descriptions.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// How many requests one script is worth: an agent that goes round in a circle is told to stop, and shows it.
const MAX_REQUESTS: usize = 64;
/// How many connections are served at once; a further one waits.
const MAX_CONNECTIONS: usize = 32;
/// What the ids of the script's calls begin with; the call's place follows.
const CALL: &str = "call_";
/// What the prompt of a subagent holds, and no other: by it the subagent's requests are known.
pub const SUBAGENT: &str = "as a subagent";
/// What is said where the script is over, or the request is not about it.
const LAST_WORDS: &str = "done";

/// One call that the model asks for.
#[derive(Debug, Clone)]
pub struct Call {
    /// The tool's name, as the agent offers it.
    pub tool: &'static str,
    /// Its input.
    pub input: Input,
}

/// A call's input, an object.
#[derive(Debug, Clone)]
pub enum Input {
    /// This one.
    Known(Value),
    /// Made of what the agent said came of the call before, and of a line.
    After(fn(&str, &str) -> Value, &'static str),
}

/// What a request says: what its user wants, which tools there are, and what came of the script's calls, by their
/// place in it.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    prompt: String,
    tools: Vec<String>,
    results: BTreeMap<usize, String>,
}

/// What the model says next.
#[derive(Debug)]
enum Turn {
    /// A call.
    Call { id: String, tool: &'static str, input: Value },
    /// Words that end the turn.
    Words(&'static str),
}

/// A protocol: how its requests are read, and its answers written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Anthropic,
    OpenAi,
    Gemini,
}

impl Protocol {
    /// The protocol whose place this is.
    fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/messages" => Some(Self::Anthropic),
            "/v1/responses" => Some(Self::OpenAi),
            _ if path.ends_with(":streamGenerateContent") => Some(Self::Gemini),
            _ => None,
        }
    }

    fn read(self, request: &Value) -> Asked {
        match self {
            Self::Anthropic => anthropic::read(request),
            Self::OpenAi => openai::read(request),
            Self::Gemini => gemini::read(request),
        }
    }

    /// A stream of server-sent events.
    fn write(self, turn: &Turn) -> String {
        match self {
            Self::Anthropic => anthropic::write(turn),
            Self::OpenAi => openai::write(turn),
            Self::Gemini => gemini::write(turn),
        }
    }
}

/// What came of a script.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// What the agent said came of each call, by its place in the script.
    pub results: BTreeMap<usize, String>,
    /// Requests that were not understood: `METHOD path: why`.
    pub strange: Vec<String>,
    requests: usize,
}

#[derive(Debug, Default)]
struct Play {
    script: Vec<Call>,
    /// From here on it is a subagent's.
    subagent: usize,
    heard: Heard,
}

/// A model that serves until it is dropped.
#[derive(Debug)]
pub struct Model {
    address: String,
    play: Arc<Mutex<Play>>,
    // What it serves on ends with it.
    _runtime: tokio::runtime::Runtime,
}

impl Model {
    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).context("a port for the model")?;
        let address = format!("http://{}", listener.local_addr()?);
        let play = Arc::new(Mutex::new(Play::default()));
        runtime.spawn(serve(listener, Arc::clone(&play)));
        Ok(Self { address, play, _runtime: runtime })
    }

    /// Where it serves, without a slash at the end.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Begins a script; what was heard until now is forgotten.
    pub fn play(&self, script: Vec<Call>) {
        self.play_with(script, Vec::new());
    }

    /// The same, with the script of a subagent that the agent starts; its calls have their places behind the others.
    pub fn play_with(&self, mut script: Vec<Call>, subagent: Vec<Call>) {
        let from = script.len();
        script.extend(subagent);
        *lock(&self.play) = Play { script, subagent: from, heard: Heard::default() };
    }

    /// What was heard since the script began.
    pub fn heard(&self) -> Heard {
        lock(&self.play).heard.clone()
    }
}

fn lock(play: &Mutex<Play>) -> std::sync::MutexGuard<'_, Play> {
    play.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, play: Arc<Mutex<Play>>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { return };
        let play = Arc::clone(&play);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&play)));
            // An agent that hangs up in the middle is heard of by what it did not do.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>, play: Arc<Mutex<Play>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let place = format!("{} {}", head.method, head.uri.path());
    let body = Limited::new(body, MAX_REQUEST_BYTES).collect().await.map(http_body_util::Collected::to_bytes);
    let said = match (Protocol::of(head.uri.path()), body) {
        (None, _) => Err((StatusCode::NOT_FOUND, "there is nothing here".to_owned())),
        (_, Err(error)) => Err((StatusCode::BAD_REQUEST, error.to_string())),
        (Some(protocol), Ok(body)) => lock(&play).next(protocol, &body),
    };
    let (status, content, text) = match said {
        Ok(text) => (StatusCode::OK, "text/event-stream", text),
        Err((status, why)) => {
            lock(&play).heard.strange(format!("{place}: {why}"));
            (status, "text/plain", why)
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(content));
    Ok(response)
}

impl Heard {
    fn strange(&mut self, words: String) {
        if self.strange.len() < MAX_REQUESTS {
            self.strange.push(words);
        }
    }
}

impl Play {
    /// What is said to a request: the first call of the script that nothing is known of yet, where its tool is there.
    fn next(&mut self, protocol: Protocol, body: &[u8]) -> Result<String, (StatusCode, String)> {
        self.heard.requests += 1;
        if self.heard.requests > MAX_REQUESTS {
            return Err((StatusCode::TOO_MANY_REQUESTS, format!("over {MAX_REQUESTS} requests for one script")));
        }
        let request: Value =
            serde_json::from_slice(body).map_err(|error| (StatusCode::BAD_REQUEST, format!("no JSON: {error}")))?;
        let asked = protocol.read(&request);
        let mut places =
            if asked.prompt.contains(SUBAGENT) { self.subagent..self.script.len() } else { 0..self.subagent };
        let at = places.find(|at| !asked.results.contains_key(at));
        let next = at.and_then(|at| Some((at, self.script.get(at)?)));
        // Agents also ask for titles and summaries, without tools: that is not about the script.
        let turn = match next.filter(|(_, call)| asked.tools.iter().any(|tool| tool == call.tool)) {
            Some((at, call)) => {
                let before = at.checked_sub(1).and_then(|before| asked.results.get(&before));
                let input = match &call.input {
                    Input::Known(input) => input.clone(),
                    Input::After(make, line) => make(before.map_or("", String::as_str), line),
                };
                Turn::Call { id: format!("{CALL}{at}"), tool: call.tool, input }
            }
            None => Turn::Words(LAST_WORDS),
        };
        self.heard.results.extend(asked.results);
        Ok(protocol.write(&turn))
    }
}

/// The place in the script of the call with this id, where it is one of ours.
fn place(id: Option<&Value>) -> Option<usize> {
    id?.as_str()?.strip_prefix(CALL)?.parse().ok()
}

/// What a list of `value` holds; nothing where it is none.
fn list<'a>(value: &'a Value, key: &str) -> std::slice::Iter<'a, Value> {
    value.get(key).and_then(Value::as_array).map_or([].iter(), |list| list.iter())
}

/// A string as it is, anything else as JSON.
fn text(value: Option<&Value>) -> String {
    value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default()
}

/// Server-sent events, each named by its data's `type`.
fn events(data: &[Value]) -> String {
    data.iter().map(|data| format!("event: {}\ndata: {data}\n\n", text(data.get("type")))).collect()
}

#[cfg(test)]
mod tests;
