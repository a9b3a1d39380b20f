//! The one table of routes: method, path, what each needs of its caller, and who answers. The router, the documents
//! and the tests that walk all routes are made of it.

use crate::scope::Needs;
use crate::state::State;
use crate::tokens::Wish;
use crate::{
    answers, control, deadletters, documents, events, gate, health, interactions, messages, metrics, plugins, replay,
    runner, socket, stream, tokens_api, ws,
};
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};

/// One route.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    /// The parameters of its query.
    pub(crate) query: &'static [&'static str],
    /// What its body is, where it has one.
    pub(crate) takes: Option<Content>,
    /// What it answers, and with which status where all is well.
    pub(crate) gives: Option<Content>,
    pub(crate) status: &'static str,
    pub(crate) answer: MethodRouter<State>,
}

/// A body, for the documents.
pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    /// None: text.
    pub(crate) schema: Option<fn(&mut SchemaGenerator) -> Schema>,
}

impl Content {
    fn json<T: JsonSchema>() -> Self {
        Self { media_type: "application/json", schema: Some(|schemas| schemas.subschema_for::<T>()) }
    }
}

impl Route {
    fn new(
        method: &'static str,
        path: &'static str,
        needs: Needs,
        about: &'static str,
        answer: MethodRouter<State>,
    ) -> Self {
        let gives = Some(Content::json::<answers::Object>());
        Self { method, path, needs, about, query: &[], takes: None, gives, status: "200", answer }
    }

    fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    fn takes<T: JsonSchema>(self) -> Self {
        Self { takes: Some(Content::json::<T>()), ..self }
    }

    fn gives<T: JsonSchema>(self) -> Self {
        Self { gives: Some(Content::json::<T>()), ..self }
    }

    fn gives_text(self, media_type: &'static str) -> Self {
        Self { gives: Some(Content { media_type, schema: None }), ..self }
    }

    /// It becomes a WebSocket.
    fn upgrades(self) -> Self {
        Self { gives: None, status: "101", ..self }
    }
}

fn reads<T: 'static>(path: &'static str, needs: Needs, answer: impl Handler<T, State>, about: &'static str) -> Route {
    Route::new("GET", path, needs, about, get(answer))
}

fn acts<T: 'static>(path: &'static str, needs: Needs, answer: impl Handler<T, State>, about: &'static str) -> Route {
    Route::new("POST", path, needs, about, post(answer))
}

/// What follows live takes all of this from a query.
const LIVE: &[&str] = &["filter", "entity", "session", "since", "format"];
/// What Engine.IO takes of a query, whichever transport it is.
const ENGINE: &[&str] = &["EIO", "transport", "sid", "t"];
const LIST: &[&str] = &["type", "entity", "session", "since", "until", "limit", "newest", "format"];

/// Every route there is.
pub(crate) fn routes() -> Vec<Route> {
    use Needs::{Admin, Approve, EmitAll, EmitSome, Gate, Later, Nothing, ReadAll, ReadAsked, ReadSome, Token, Watch};
    vec![
        reads("/healthz", Nothing, health::healthz, "How the host is: durability, head and epoch.")
            .gives::<answers::Health>(),
        reads("/readyz", Token, health::readyz, "Whether it takes events and decides calls; 503 where not.")
            .gives::<answers::Ready>(),
        reads("/api/events", ReadSome, events::list, "Events that match, oldest first, and the cursor of the rest.")
            .query(LIST)
            .gives::<answers::Events>(),
        acts("/api/events", EmitSome, events::emit, "Records one event, an array, or one a line: all or none.")
            .query(&["wait_ms"])
            .takes::<answers::Drafts>()
            .gives::<answers::Receipts>(),
        reads("/api/events/stream", Watch, stream::stream, "Follows events that match, as server-sent events.")
            .query(LIVE)
            .gives_text("text/event-stream"),
        reads("/ws/events", Watch, socket::events, "Follows events that match, over a WebSocket.")
            .query(LIVE)
            .upgrades(),
        reads("/ws/frontend", Watch, socket::frontend, "Follows `orchestrator.*` as frames of type and data.")
            .query(LIVE)
            .upgrades(),
        reads("/ws", Later, ws::answer, "Sessions and their terminals, over a WebSocket: control-plane.md.").upgrades(),
        reads("/socket.io/", Later, control::answer, "Socket.IO for clients of version 4: control-plane.md.")
            .query(ENGINE)
            .gives_text("text/plain"),
        acts("/socket.io/", Later, control::answer, "The same: what a client says that polls.")
            .query(ENGINE)
            .gives_text("text/plain"),
        acts("/api/gate", Gate, gate::check, "Decides a call.").takes::<answers::Object>().gives::<answers::Verdict>(),
        acts("/api/hooks/{agent}", Gate, gate::hook, "Answers an agent's hook.")
            .query(&["wait_ms"])
            .takes::<answers::Object>()
            .gives::<answers::HookAnswer>(),
        acts("/api/messages", EmitAll, messages::post, "Takes a user's words to an agent.").takes::<messages::Said>(),
        acts(
            "/api/messages/{chat}/finished",
            EmitAll,
            messages::finished,
            "Ends a chat's execution; the next message.",
        ),
        reads("/api/interactions", ReadAsked, interactions::list, "Questions to people, the newest first.")
            .query(&["state", "kind", "chat_id", "session", "limit"])
            .gives::<answers::Interactions>(),
        acts("/api/interactions", EmitAll, interactions::ask, "Asks a person.")
            .takes::<interactions::Question>()
            .gives::<answers::Interaction>(),
        reads("/api/interactions/{id}", ReadAsked, interactions::show, "One question.").gives::<answers::Interaction>(),
        acts("/api/interactions/{id}", Approve, interactions::resolve, "Answers one.")
            .takes::<interactions::Answered>()
            .gives::<answers::Resolution>(),
        acts("/api/interactions/{id}/cancel", Approve, interactions::cancel, "Withdraws one.")
            .gives::<answers::Resolution>(),
        reads("/api/grants", ReadAll, interactions::grants, "What sessions may do without being asked again.")
            .query(&["session"])
            .gives::<answers::Grants>(),
        acts("/api/grants/revoke", Approve, interactions::revoke, "Takes a session's grant back.")
            .takes::<interactions::Revoked>(),
        acts("/api/pause", Admin, interactions::pause, "Lifts the protection of the host's own files for a while.")
            .takes::<interactions::Pause>(),
        acts("/api/resume", Admin, interactions::resume, "Puts it in force again."),
        reads("/api/deadletters", ReadAll, deadletters::list, "Events that plugins gave up, the oldest first.")
            .query(&["plugin", "limit"])
            .gives::<answers::DeadLetters>(),
        acts("/api/deadletters/{plugin}/{seq}/retry", Admin, deadletters::retry, "Hands one to its plugin again.")
            .query(&["dry_run"]),
        acts("/api/deadletters/{plugin}/{seq}/drop", Admin, deadletters::discard, "Lets one go for good."),
        reads("/api/plugins", ReadAll, plugins::list, "The plugins and how they are.").gives::<answers::Plugins>(),
        reads("/api/plugins/{name}", ReadAll, plugins::inspect, "All that is known of one plugin.")
            .gives::<answers::Plugin>(),
        reads("/api/plugins/{name}/logs", ReadAll, plugins::logs, "Its last log lines.").query(&["last"]),
        acts("/api/plugins/{name}/enable", Admin, plugins::enable, "Lets it run again."),
        acts("/api/plugins/{name}/disable", Admin, plugins::disable, "Stops it and keeps it stopped."),
        acts("/api/plugins/{name}/replay", Admin, replay::replay, "Hands it events that lie behind it, once more.")
            .query(replay::QUERY)
            .gives::<answers::Replayed>(),
        acts("/api/plugins/{name}/reload", Admin, plugins::reload, "Reads its files again and starts it anew."),
        reads("/api/plugins/{name}/grant", ReadAll, plugins::proposed_grant, "What a grant would give."),
        acts("/api/plugins/{name}/grant", Admin, plugins::grant, "Grants what was shown.").takes::<answers::Object>(),
        acts(
            "/api/runner/sessions",
            EmitAll,
            runner::start,
            "Makes a runner session: with a provider its program is run, which takes the scope admin too.",
        )
        .takes::<runner::NewSession>()
        .gives::<answers::RunnerSession>(),
        reads("/api/runner/sessions", ReadAll, runner::list, "Runner sessions that are known, the oldest first.")
            .gives::<answers::RunnerSessions>(),
        reads("/api/runner/sessions/{id}", ReadAll, runner::show, "One runner session.")
            .gives::<answers::RunnerSession>(),
        acts("/api/runner/sessions/{id}/events", EmitSome, runner::take, "Takes its events in: all or none.")
            .takes::<answers::Drafts>()
            .gives::<answers::SessionReceipts>(),
        acts("/api/runner/sessions/{id}/input", runner::STEERS, runner::input, "Types into its terminal.")
            .takes::<runner::Typed>()
            .gives::<answers::RunnerSession>(),
        acts(
            "/api/runner/sessions/{id}/resize",
            runner::STEERS,
            runner::resize,
            "Makes its terminal larger or smaller.",
        )
        .takes::<runner::Cells>()
        .gives::<answers::RunnerSession>(),
        acts("/api/runner/sessions/{id}/stop", runner::STEERS, runner::stop, "Has it end.")
            .gives::<answers::RunnerSession>(),
        acts("/api/runner/sessions/{id}/pause", runner::STEERS, runner::pause, "Holds it up.")
            .gives::<answers::RunnerSession>(),
        acts("/api/runner/sessions/{id}/resume", runner::STEERS, runner::resume, "Lets it go on.")
            .gives::<answers::RunnerSession>(),
        acts(
            "/api/runner/sessions/{id}/approvals/{approval}",
            runner::ANSWERS,
            runner::approve,
            "Answers an approval of it.",
        )
        .takes::<interactions::Answered>()
        .gives::<answers::Resolution>(),
        reads("/api/tokens", Admin, tokens_api::list, "Named tokens and their scopes.").gives::<answers::Tokens>(),
        acts("/api/tokens", Admin, tokens_api::add, "Makes a token; the answer alone has its text.")
            .takes::<Wish>()
            .gives::<answers::Token>(),
        acts("/api/tokens/{name}/revoke", Admin, tokens_api::revoke, "Takes a token back."),
        reads("/api/stats", ReadAll, health::stats, "Counters since the start, by type, subscriber and client.")
            .gives::<answers::Stats>(),
        reads("/openapi.json", Token, documents::openapi, "This document: everything that is asked and answered."),
        reads("/asyncapi.json", Token, documents::asyncapi, "The document of what is sent live."),
        reads(
            "/schemas/{file}",
            Token,
            documents::payload,
            "The JSON Schema of one event type's payload, as TYPE.json.",
        ),
        reads("/metrics", ReadAll, metrics::metrics, "The same for Prometheus.").gives_text("text/plain"),
    ]
}
