use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload["do"].as_str() {
        Some("boom") => return Err("no".into()),
        Some("leave") => std::process::exit(event.payload["code"].as_i64().unwrap_or(1) as i32),
        Some("hang") => std::thread::sleep(Duration::from_secs(600)),
        Some("signal") => std::process::abort(),
        _ => {}
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let remaining = event.context.deadline.saturating_sub(now);
    Ok(json!({"event": event.payload, "request": event.context.request_id, "remaining": remaining}))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
