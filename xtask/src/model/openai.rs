//! OpenAI's Responses, as far as an agent needs them to be asked for a call.

use super::{Asked, Turn, events, list, place, text};
use serde_json::{Value, json};

pub fn read(request: &Value) -> Asked {
    let results = list(request, "input")
        .filter(|item| item.get("type").is_some_and(|kind| kind == "function_call_output"))
        .filter_map(|item| Some((place(item.get("call_id"))?, text(item.get("output")))));
    let tools = list(request, "tools").map(|tool| text(tool.get("name").or_else(|| tool.get("type"))));
    Asked { tools: tools.collect(), results: results.collect() }
}

pub fn write(turn: &Turn) -> String {
    let item = match turn {
        Turn::Call { id, tool, input } => json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id,
            "name": tool, "arguments": input.to_string()}),
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
