//! OpenAI's Responses, as far as an agent needs them to be asked for a call.

use super::{Asked, Turn, events, list, place, text};
use serde_json::{Value, json};

/// What stands between a group of tools and a tool of it, here alone.
const INSIDE: char = '.';

pub fn read(request: &Value) -> Asked {
    let results = list(request, "input")
        .filter(|item| item.get("type").is_some_and(|kind| kind == "function_call_output"))
        .filter_map(|item| Some((place(item.get("call_id"))?, text(item.get("output")))));
    let tools = list(request, "tools").flat_map(|tool| {
        let name = text(tool.get("name"));
        let inside = list(tool, "tools").map(|tool| format!("{name}{INSIDE}{}", text(tool.get("name"))));
        inside.collect::<Vec<_>>().into_iter().chain([name.clone()])
    });
    let users = list(request, "input").filter(|item| item.get("role").is_some_and(|role| role == "user"));
    let prompt = users.map(|item| text(item.get("content"))).collect();
    Asked { prompt, tools: tools.collect(), results: results.collect() }
}

pub fn write(turn: &Turn) -> String {
    let item = match turn {
        Turn::Call { id, tool, input } => {
            let (group, name) =
                tool.split_once(INSIDE).map_or((Value::Null, *tool), |(group, name)| (json!(group), name));
            json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "namespace": group, "name": name,
                "arguments": input.to_string()})
        }
        Turn::Words(words) => json!({"type": "message", "id": "msg_1", "role": "assistant",
            "content": [{"type": "output_text", "text": words}]}),
    };
    let usage = json!({"input_tokens": 1, "input_tokens_details": null, "output_tokens": 1,
        "output_tokens_details": null, "total_tokens": 2});
    events(&[
        json!({"type": "response.created", "response": {"id": "resp_1"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "usage": usage}}),
    ])
}
