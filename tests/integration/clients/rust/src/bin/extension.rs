//! An extension on AWS's Rust crate that prints what it is told. Arguments: events | telemetry | logs, and the port to listen on.
use lambda_extension::{
    service_fn, Error, Extension, LambdaEvent, LambdaLog, LambdaTelemetry, NextEvent, SharedService,
};

async fn event(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => println!("INVOKE {} {}", invoke.request_id, invoke.invoked_function_arn),
        NextEvent::Shutdown(shutdown) => println!("SHUTDOWN {}", shutdown.shutdown_reason),
    }
    Ok(())
}

async fn telemetry(records: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for record in records {
        println!("RECORD {:?}", record.record);
    }
    Ok(())
}

async fn logs(records: Vec<LambdaLog>) -> Result<(), Error> {
    for record in records {
        println!("RECORD {:?}", record.record);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let port: u16 = arguments[2].parse()?;
    let plain = Extension::new().with_events_processor(service_fn(event));
    match arguments[1].as_str() {
        "telemetry" => {
            plain
                .with_telemetry_port_number(port)
                .with_telemetry_processor(SharedService::new(service_fn(telemetry)))
                .run()
                .await
        }
        "logs" => {
            plain
                .with_log_port_number(port)
                .with_logs_processor(SharedService::new(service_fn(logs)))
                .run()
                .await
        }
        _ => plain.run().await,
    }
}
