//! `/openapi.json`, `/asyncapi.json` and `/schemas/{type}.json`: what the host says of itself, made of the table of
//! routes, the types of its answers and the catalogue of events. Nothing here is written twice.

use crate::error::ApiError;
use crate::router::json;
use crate::routes::{Content, Route, routes};
use crate::scope::Needs;
use axum::extract::Path;
use axum::response::Response;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use tollgate_core::events::payload::{KNOWN_TYPES, schema, subschema};

/// Where the named schemas of a document are.
const DEFINITIONS: &str = "/components/schemas";

static OPENAPI: LazyLock<String> = LazyLock::new(|| openapi_document().to_string());
static ASYNCAPI: LazyLock<String> = LazyLock::new(|| asyncapi_document().to_string());

pub(crate) async fn openapi() -> Response {
    json(OPENAPI.clone())
}

pub(crate) async fn asyncapi() -> Response {
    json(ASYNCAPI.clone())
}

/// The payload of one type of the catalogue.
pub(crate) async fn payload(Path(file): Path<String>) -> Result<Response, ApiError> {
    let event_type = file.strip_suffix(".json");
    let found = event_type.and_then(schema).ok_or_else(|| {
        let shown: String = file.chars().take(64).collect();
        ApiError::not_found(format!("`{shown}` is not of the catalogue: such an event's payload may be any object"))
    })?;
    Ok(json(found.as_value().to_string()))
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = DEFINITIONS.into()).into_generator()
}

/// The document of everything that is asked and answered.
pub(crate) fn openapi_document() -> Value {
    let mut schemas = generator();
    let error = schemas.subschema_for::<crate::answers::Failure>();
    let mut paths = Map::new();
    for route in routes() {
        let operation = operation(&route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": information(),
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "responses": {"failure": {
                "description": "Refused or failed; the code is stable, the request's id is in the log.",
                "content": {"application/json": {"schema": error}},
            }},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn information() -> Value {
    json!({"title": "Tollgate", "version": env!("CARGO_PKG_VERSION")})
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.split('}').next());
    let parameter = |name: &str, place: &str| json!({"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}});
    let parameters: Vec<Value> = in_path
        .map(|name| parameter(name, "path"))
        .chain(route.query.iter().map(|name| parameter(name, "query")))
        .collect();
    let mut content = |content: &Content| {
        let schema = content.schema.map_or_else(|| json!({"type": "string"}), |of| of(schemas).to_value());
        json!({content.media_type: {"schema": schema}})
    };
    let mut answer = Map::from_iter([("description".to_owned(), json!(route.about))]);
    answer.extend(route.gives.as_ref().map(|gives| ("content".to_owned(), content(gives))));
    let path = route.path.replace(['/', '{', '}', '.', '-'], "_");
    let mut said = Map::from_iter([
        ("summary".to_owned(), json!(route.about)),
        ("operationId".to_owned(), json!(format!("{}{path}", route.method.to_ascii_lowercase()))),
        ("parameters".to_owned(), json!(parameters)),
        ("responses".to_owned(), json!({route.status: answer, "default": {"$ref": "#/components/responses/failure"}})),
    ]);
    let body = route.takes.as_ref().map(|takes| json!({"required": true, "content": content(takes)}));
    said.extend(body.map(|body| ("requestBody".to_owned(), body)));
    if route.needs != Needs::Nothing {
        said.insert("security".to_owned(), json!([{"token": []}]));
        said.insert("x-tollgate-scope".to_owned(), json!(route.needs.scope()));
    }
    said.into()
}

/// The document of what is sent live: one message for each type of the catalogue.
pub(crate) fn asyncapi_document() -> Value {
    let mut schemas = generator();
    let envelope = schemas.subschema_for::<crate::answers::Envelope>();
    let (mut messages, mut named) = (Map::new(), Map::new());
    for event_type in KNOWN_TYPES {
        let Some(payload) = subschema(event_type, &mut schemas) else { continue };
        let payload = json!({
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"allOf": [
                envelope,
                {"properties": {"type": {"const": event_type}, "payload": payload.to_value()}},
            ]},
        });
        messages.insert(
            (*event_type).to_owned(),
            json!({"name": event_type, "contentType": "application/json", "payload": payload}),
        );
        named.insert((*event_type).to_owned(), json!({"$ref": format!("#/components/messages/{event_type}")}));
    }
    let channel = |address: &str, about: &str| json!({"address": address, "description": about, "messages": named});
    let control = [
        ("control.said", schemas.subschema_for::<crate::ws::said::Message>().to_value()),
        ("control.told", schemas.subschema_for::<crate::answers::ControlFrame>().to_value()),
    ];
    let mut spoken = Map::new();
    for (name, payload) in control {
        let payload = json!({"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": payload});
        messages.insert(name.to_owned(), json!({"name": name, "contentType": "application/json", "payload": payload}));
        spoken.insert(name.to_owned(), json!({"$ref": format!("#/components/messages/{name}")}));
    }
    let receives = |channel: &str| json!({"action": "send", "channel": {"$ref": format!("#/channels/{channel}")}});
    let about_control = "Sessions and their terminals over a WebSocket, one message a text message: control-plane.md.";
    let of_control = |action: &str, message: &str| {
        let message = json!([{"$ref": format!("#/channels/control/messages/{message}")}]);
        json!({"action": action, "channel": {"$ref": "#/channels/control"}, "messages": message})
    };
    json!({
        "asyncapi": "3.0.0",
        "info": information(),
        "defaultContentType": "application/json",
        "channels": {
            "events": channel("/ws/events", "Envelopes over a WebSocket, one a text message."),
            "stream": channel("/api/events/stream", "Envelopes as server-sent events; the id is the cursor."),
            "control": {"address": "/ws", "description": about_control, "messages": spoken},
        },
        "operations": {
            "events": receives("events"),
            "stream": receives("stream"),
            "control_said": of_control("receive", "control.said"),
            "control_told": of_control("send", "control.told"),
        },
        "components": {"messages": messages, "schemas": schemas.take_definitions(true)},
    })
}

#[cfg(test)]
mod tests;
