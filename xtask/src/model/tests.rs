//! The model, asked over HTTP as agents ask it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Each protocol's place, a request that has heard of these calls, and where its answer names the next.
fn request(protocol: Protocol, heard: &[usize]) -> (&'static str, Value) {
    let id = |at: &usize| format!("call_{at}");
    let said = |at: &usize| format!("came of {at}");
    match protocol {
        Protocol::Anthropic => {
            let results = heard
                .iter()
                .map(|at| json!({"type": "tool_result", "tool_use_id": id(at), "content": said(at)}))
                .collect::<Vec<_>>();
            let messages = json!([{"role": "user", "content": "go"}, {"role": "user", "content": results}]);
            ("/v1/messages?beta=true", json!({"tools": [{"name": "Shell"}], "messages": messages}))
        }
        Protocol::OpenAi => {
            let results =
                heard.iter().map(|at| json!({"type": "function_call_output", "call_id": id(at), "output": said(at)}));
            let input: Vec<Value> = std::iter::once(json!({"role": "user", "content": "go"})).chain(results).collect();
            ("/v1/responses", json!({"tools": [{"name": "Shell"}], "input": input}))
        }
        Protocol::Gemini => {
            let results = heard
                .iter()
                .map(|at| json!({"functionResponse": {"id": id(at), "response": said(at)}}))
                .collect::<Vec<_>>();
            let tools = json!([{"functionDeclarations": [{"name": "Shell"}]}]);
            (
                "/v1beta/models/m:streamGenerateContent?alt=sse",
                json!({"tools": tools, "contents": [{"parts": [{"text": "go"}]}, {"parts": results}]}),
            )
        }
    }
}

fn post(model: &Model, path: &str, body: &str) -> String {
    let host = model.address().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn script() -> Vec<Call> {
    let after = |told: &str, line: &str| json!({"line": format!("{line} after {told}")});
    let inputs = [Input::Known(json!({"line": "one"})), Input::After(after, "two")];
    inputs.map(|input| Call { tool: "Shell", input }).to_vec()
}

#[test]
fn it_asks_for_one_call_after_another_and_keeps_what_it_is_told() {
    for protocol in [Protocol::Anthropic, Protocol::OpenAi, Protocol::Gemini] {
        let model = Model::start().unwrap();
        model.play(script());
        for (heard, asks) in [(&[][..], "call_0"), (&[0], "call_1"), (&[0, 1], LAST_WORDS)] {
            let (path, body) = request(protocol, heard);
            let answer = post(&model, path, &body.to_string());
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(asks), "{protocol:?}: {answer}");
            assert_eq!(answer.contains("call_"), asks != LAST_WORDS, "{protocol:?}: {answer}");
            assert_eq!(answer.contains("two after came of 0"), asks == "call_1", "{protocol:?}: {answer}");
        }
        let heard = model.heard();
        assert_eq!(heard.results.values().collect::<Vec<_>>(), ["came of 0", "came of 1"], "{protocol:?}");
        assert_eq!(heard.strange, Vec::<String>::new());
        model.play(script());
        assert_eq!(model.heard().results.len(), 0, "another script begins anew");
    }
}

#[test]
fn a_subagent_is_asked_for_its_own_calls_and_its_agent_for_the_others() {
    for protocol in [Protocol::Anthropic, Protocol::OpenAi, Protocol::Gemini] {
        let model = Model::start().unwrap();
        let mut calls = script();
        let theirs = calls.pop().unwrap();
        model.play_with(calls, vec![theirs]);
        for (prompt, heard, asks) in [
            ("go", &[][..], "call_0"),
            (SUBAGENT, &[], "call_1"),
            (SUBAGENT, &[1], LAST_WORDS),
            ("go", &[0], LAST_WORDS),
        ] {
            let (path, body) = request(protocol, heard);
            let body = body.to_string().replace("\"go\"", &format!("\"{prompt}\""));
            let answer = post(&model, path, &body);
            assert!(answer.contains(asks), "{protocol:?} {prompt} {heard:?}: {answer}");
        }
        assert_eq!(model.heard().results.len(), 2, "{protocol:?}");
    }
}

#[test]
fn a_tool_of_a_group_is_called_as_such() {
    let model = Model::start().unwrap();
    model.play(vec![Call { tool: "group.tool", input: Input::Known(json!({})) }]);
    let tools = json!([{"type": "namespace", "name": "group", "tools": [{"name": "tool"}]}]);
    let answer = post(&model, "/v1/responses", &json!({"tools": tools, "input": []}).to_string());
    assert!(answer.contains(r#""namespace":"group","name":"tool""#), "{answer}");
}

#[test]
fn no_more_connections_are_served_than_there_are_places() {
    let model = Model::start().unwrap();
    let host = model.address().strip_prefix("http://").unwrap();
    let connect = || {
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        stream
    };
    let mut served: Vec<TcpStream> = (0..MAX_CONNECTIONS).map(|_| connect()).collect();
    let mut byte = [0];
    for stream in &mut served {
        assert_eq!(stream.read(&mut byte).unwrap(), 1);
    }
    let mut waiting = connect();
    waiting.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
    assert!(waiting.read(&mut byte).is_err(), "it is answered while all places are taken");
    served.clear();
    waiting.set_read_timeout(None).unwrap();
    assert_eq!(waiting.read(&mut byte).unwrap(), 1, "a place that is free again is the next one's");
}

#[test]
fn a_request_without_the_tool_or_about_other_calls_is_not_about_the_script() {
    for protocol in [Protocol::Anthropic, Protocol::OpenAi, Protocol::Gemini] {
        let model = Model::start().unwrap();
        model.play(script());
        let (path, mut body) = request(protocol, &[]);
        body["tools"] = json!([]);
        let answer = post(&model, path, &body.to_string());
        assert!(answer.contains(LAST_WORDS) && !answer.contains("call_"), "{protocol:?}: {answer}");
        let (path, body) = request(protocol, &[0]);
        let body = body.to_string().replace("call_0", "theirs_0");
        assert!(post(&model, path, &body).contains("call_0"), "{protocol:?}");
        assert_eq!(model.heard().results.len(), 0, "{protocol:?}");
    }
}

#[test]
fn what_it_does_not_understand_it_refuses_and_keeps() {
    let model = Model::start().unwrap();
    for (path, body) in [("/v1/other", "{}"), ("/v1/messages", "no JSON")] {
        assert!(post(&model, path, body).starts_with("HTTP/1.1 40"), "{path}");
    }
    let strange = model.heard().strange;
    assert_eq!(strange.len(), 2);
    assert!(strange[0].starts_with("POST /v1/other: ") && strange[1].contains("no JSON"), "{strange:?}");
    // Whatever else is missing in it, an object is answered.
    for body in ["{}", "[]", "null", r#"{"messages": 1, "tools": {"name": 2}}"#] {
        assert!(post(&model, "/v1/messages", body).contains(LAST_WORDS), "{body}");
    }
}

#[test]
fn an_agent_that_asks_without_end_is_stopped() {
    let model = Model::start().unwrap();
    model.play(script());
    let (path, body) = request(Protocol::Anthropic, &[]);
    let body = body.to_string();
    let refused = (0..MAX_REQUESTS + 2).filter(|_| post(&model, path, &body).starts_with("HTTP/1.1 429")).count();
    assert_eq!(refused, 2);
    for _ in 0..MAX_REQUESTS + 2 {
        post(&model, "/nowhere", "");
    }
    assert_eq!(model.heard().strange.len(), MAX_REQUESTS, "nor is what it says kept without end");
}

#[test]
fn a_request_of_any_length_is_not_read() {
    let model = Model::start().unwrap();
    let host = model.address().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    // JSON that would be answered.
    let body = " ".repeat(MAX_REQUEST_BYTES) + "{}";
    let head = format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    // It may hang up before all of it is sent.
    let _ = stream.write_all(body.as_bytes());
    let mut answer = [0; 12];
    let read = stream.read(&mut answer).unwrap_or(0);
    assert!(read == 0 || answer == *b"HTTP/1.1 400", "{}", String::from_utf8_lossy(&answer));
    // Answers of a connection come once its request is done with.
    let heard = || Ok((!model.heard().strange.is_empty()).then_some(()));
    crate::process::wait_for("the refusal", std::time::Duration::from_secs(30), heard).unwrap();
}
