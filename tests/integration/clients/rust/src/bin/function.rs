//! A function under AWS's Rust runtime. What it does is in the event: {"do": "echo" | "stream" | "fail"}.
use lambda_runtime::streaming::{channel, Body, Response};
use lambda_runtime::{service_fn, Error, FunctionResponse, LambdaEvent};
use serde_json::{json, Value};
use std::time::Duration;

async fn handler(event: LambdaEvent<Value>) -> Result<FunctionResponse<Value, Body>, Error> {
    match event.payload["do"].as_str() {
        Some("fail") => Err("no".into()),
        Some("stream") => {
            let (mut pieces, body) = channel();
            tokio::spawn(async move {
                for n in 0..3 {
                    pieces.send_data(format!("piece {n};").into()).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
            Ok(FunctionResponse::StreamingResponse(Response::from(body)))
        }
        _ => Ok(FunctionResponse::BufferedResponse(json!({
            "event": event.payload,
            "id": event.context.request_id,
            "arn": event.context.invoked_function_arn,
        }))),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    if std::env::var("GRACEFUL").is_ok() {
        lambda_runtime::spawn_graceful_shutdown_handler(|| async { println!("graceful") }).await;
    }
    lambda_runtime::run(service_fn(handler)).await
}
