//! Anthropic's Messages, as far as an agent needs them to be asked for a call.

use super::{Asked, Turn, events, list, place, text};
use serde_json::{Value, json};

pub fn read(request: &Value) -> Asked {
    let blocks = list(request, "messages").flat_map(|message| list(message, "content"));
    let results = blocks
        .filter(|block| block.get("type").is_some_and(|kind| kind == "tool_result"))
        .filter_map(|block| Some((place(block.get("tool_use_id"))?, text(block.get("content")))));
    let tools = list(request, "tools").map(|tool| text(tool.get("name")));
    // What comes later from its user is news of what it has started.
    let prompt = text(list(request, "messages").next().and_then(|message| message.get("content")));
    Asked { prompt, tools: tools.collect(), results: results.collect() }
}

pub fn write(turn: &Turn) -> String {
    let (block, delta, stop) = match turn {
        Turn::Call { id, tool, input } => (
            json!({"type": "tool_use", "id": id, "name": tool, "input": {}}),
            json!({"type": "input_json_delta", "partial_json": input.to_string()}),
            "tool_use",
        ),
        Turn::Words(words) => {
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": words}), "end_turn")
        }
    };
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "mock", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    events(&[
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
            "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ])
}
