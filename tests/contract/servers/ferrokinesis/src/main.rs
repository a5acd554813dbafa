//! ferrokinesis on the loopback interface only, which its own program does not offer; with subscriptions as short as a test wants them.
//!
//! Its check of requests drops what belongs to StartingPosition beside Type (0.7.0), so that every subscription which goes on somewhere would
//! begin at the oldest record. Its implementation knows better: here it gets the request as it came.
//!
//! server PORT SUBSCRIPTION_MILLISECONDS

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use ferrokinesis::actions::subscribe_to_shard::execute_streaming;
use ferrokinesis::create_app;
use ferrokinesis::store::{Store, StoreOptions};

const JSON: &str = "application/x-amz-json-1.1";
const EVENTS: &str = "application/vnd.amazon.eventstream";
const LARGEST: usize = 1 << 20;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, port, subscription] = arguments.as_slice() else {
        panic!("server PORT SUBSCRIPTION_MILLISECONDS");
    };
    let (app, store) = create_app(StoreOptions {
        create_stream_ms: 10,
        delete_stream_ms: 10,
        update_stream_ms: 10,
        shard_limit: 10_000,
        subscribe_to_shard_event_record_limit: 100, // more records than that are several events
        subscribe_to_shard_session_ms: subscription.parse().expect("milliseconds"),
        ..StoreOptions::default()
    });
    let app = app.layer(middleware::from_fn_with_state(store, whole));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a free port");
    axum::serve(listener, app).await.expect("served");
}

/// A subscription by the request as it came; what its implementation refuses, its handler words.
async fn whole(State(store): State<Store>, request: Request, next: Next) -> Response {
    if !is_subscription(request.headers()) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.expect("a whole request");
    if let Ok(asked) = serde_json::from_slice(&body)
        && let Ok(events) = execute_streaming(&store, asked, JSON).await
    {
        return ([(header::CONTENT_TYPE, EVENTS)], events).into_response();
    }
    next.run(Request::from_parts(head, Body::from(body))).await
}

fn is_subscription(headers: &HeaderMap) -> bool {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    target.is_some_and(|target| target.ends_with(".SubscribeToShard"))
}
