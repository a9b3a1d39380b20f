//! Every form that events come in, and go out.

use super::*;

async fn accepting(host: &Fixture, uri: &str, accept: &str) -> (axum::http::HeaderMap, Value) {
    let request = Request::builder().uri(uri).header("accept", accept).extension(Access::LOCAL_USER);
    let response = router(host.state.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let headers = response.headers().clone();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (headers, serde_json::from_slice(&bytes).unwrap())
}

fn cloud(id: &str, event_type: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "type": event_type, "source": "board", "subject": "task/t1", "data": {"x": 1}})
}

#[tokio::test]
async fn every_form_is_taken_and_the_same_id_twice_answers_the_first_receipt() {
    let host = fixture().await;
    let id = "0199c0de-0000-7000-8000-000000000001";
    let forms = [
        json!({"type": "a.b", "id": id}).to_string(),
        json!([{"type": "a.b"}, cloud("two", "a.b")]).to_string(),
        format!("{}\n\n{}\n", json!({"type": "a.b"}), cloud("three", "a.b")),
        cloud("one", "a.b").to_string(),
    ];
    let mut first = Vec::new();
    for form in &forms {
        let (status, answer) = host.post("/api/events", form.clone()).await;
        assert_eq!(status, 200, "{form}: {answer}");
        first.push(answer["events"].as_array().unwrap().clone());
    }
    assert_eq!(host.types().await.len(), 6);
    for (form, first) in [(&forms[0], &first[0][0]), (&forms[3], &first[3][0])] {
        let (_, again) = host.post("/api/events", form.clone()).await;
        let again = &again["events"][0];
        assert_eq!((&again["seq"], &again["id"], &again["duplicate"]), (&first["seq"], &first["id"], &json!(true)));
    }
    assert_eq!(host.types().await.len(), 6, "nothing was recorded again");
}

#[tokio::test]
async fn the_first_bad_item_of_each_form_is_named_and_nothing_is_recorded() {
    let host = fixture().await;
    let check = async |body: String, code: &str, says: &str| {
        let (status, answer) = host.post("/api/events", body).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some(code)), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "said: {message}\nnot:  {says}");
    };
    let good = json!({"type": "a.b"});
    let bad = json!({"type": "a.b", "entity": {"kind": 7}});
    check(bad.to_string(), "bad_json", "`entity.kind`: ").await;
    check(json!([good, bad, bad]).to_string(), "bad_json", "event 1: `entity.kind`: ").await;
    check(format!("{good}\n{good}\n{bad}"), "bad_json", "event 2: `entity.kind`: ").await;
    let old = json!({"specversion": "0.3", "id": "1", "type": "a.b", "source": "x"});
    check(json!([cloud("1", "a.b"), old]).to_string(), "bad_json", "event 1: `specversion`: must be `1.0`").await;
    check(cloud("1", "A").to_string(), "bad_json", "`type`: ").await;
    let progress = json!({"type": "task.progress", "payload": {"progress": 1}});
    check(json!([good, progress]).to_string(), "bad_payload", "event 1: payload of task.progress").await;
    check(json!(vec![&good; 1_001]).to_string(), "bad_json", "at most 1000 events at once").await;
    assert_eq!(host.types().await, Vec::<String>::new());
}

#[tokio::test]
async fn events_go_out_as_cloud_events_where_that_is_accepted() {
    let host = fixture().await;
    host.post("/api/events", json!([cloud("1", "a.b"), cloud("2", "a.b"), cloud("3", "a.b")]).to_string()).await;
    let (headers, page) =
        accepting(&host, "/api/events?limit=2", "text/html, application/cloudevents+json; q=0.9").await;
    let event = &page["events"][0];
    assert_eq!(
        (&event["specversion"], &event["subject"], &event["source"]),
        (&json!("1.0"), &json!("task/t1"), &json!("board"))
    );
    assert_eq!((&event["data"], &event["seq"]), (&json!({"x": 1}), &json!(1)));
    let link = headers["link"].to_str().unwrap();
    let next = page["next"].as_str().unwrap();
    assert_eq!(link, format!("</api/events?limit=2&since={next}>; rel=\"next\""));
    let uri = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    let (headers, rest) = accepting(&host, uri, "application/cloudevents-batch+json").await;
    assert_eq!(headers["content-type"], "application/cloudevents-batch+json");
    assert_eq!((rest.as_array().map(Vec::len), &rest[0]["seq"]), (Some(1), &json!(3)));
    assert!(!headers.contains_key("link"));
    let (_, page) = host.get("/api/events?format=cloudevents&limit=1").await;
    assert_eq!(page["events"][0]["specversion"], "1.0");
    let (_, page) = accepting(&host, "/api/events?format=envelope&limit=1", "application/cloudevents+json").await;
    assert_eq!(page["events"][0]["payload"], json!({"x": 1}), "what the query names counts first");
    let frames = frames(&host, "/api/events/stream?since=0&format=cloudevents", None, 2).await;
    assert_eq!((&frames[0].1["specversion"], frames[1].0.is_some()), (&json!("1.0"), true));
    // A page taken whole is taken again by another host.
    let (_, batch) = accepting(&host, "/api/events", "application/cloudevents-batch+json").await;
    let other = fixture().await;
    let (status, again) = other.post("/api/events", batch.to_string()).await;
    assert_eq!((status, other.types().await.len()), (200, 3), "{again}");
}
