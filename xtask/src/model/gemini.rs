//! Gemini's streamGenerateContent, as far as an agent needs it to be asked for a call.

use super::{Asked, Turn, list, place, text};
use serde_json::{Value, json};

pub fn read(request: &Value) -> Asked {
    let parts = list(request, "contents").flat_map(|content| list(content, "parts"));
    let results = parts
        .filter_map(|part| part.get("functionResponse"))
        .filter_map(|response| Some((place(response.get("id"))?, text(response.get("response")))));
    let tools = list(request, "tools").flat_map(|tool| list(tool, "functionDeclarations"));
    let prompt = list(request, "contents").flat_map(|content| list(content, "parts"));
    let prompt = prompt.filter_map(|part| part.get("text")?.as_str()).collect();
    Asked { prompt, tools: tools.map(|tool| text(tool.get("name"))).collect(), results: results.collect() }
}

pub fn write(turn: &Turn) -> String {
    let part = match turn {
        Turn::Call { id, tool, input } => json!({"functionCall": {"id": id, "name": tool, "args": input}}),
        Turn::Words(words) => json!({"text": words}),
    };
    let data = json!({
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        "modelVersion": "mock",
    });
    format!("data: {data}\r\n\r\n")
}
