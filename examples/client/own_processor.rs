//! A web application that serves a processor of its own to the clients of this project, and of Python and JavaScript.
//!
//! `cargo run --package client --features worker --bin own_processor -- 127.0.0.1:9001`
//!
//! Clients then take `http://127.0.0.1:9001/inference` for the server, any workspace, and `brightness` for the
//! workflow.
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::net::SocketAddr;

use anyhow::bail;
use axum::Router;
use axum::routing::get;
use streamsdk::{Frame, PixelFormat};
use streamsdk_worker::{
    EmbeddedWorker, FrameContext, OutputDeclaration, Processor, ProcessorError, ProcessorOutputs,
    Processors, WorkerConfig,
};
use tokio::net::TcpListener;

/// How bright each frame is, from 0 to 255. Every session has its own.
struct Brightness;

impl Processor for Brightness {
    fn process(
        &mut self,
        frame: &Frame,
        _: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        let gray = frame.convert(PixelFormat::Gray8)?.into_packed();
        let sum: u64 = gray.iter().map(|sample| u64::from(*sample)).sum();
        let mean = sum / gray.len().max(1) as u64;
        Ok(ProcessorOutputs::new().json("brightness", mean))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Some(address) = std::env::args().nth(1) else { bail!("expected: ADDRESS") };

    let outputs = [OutputDeclaration::json("brightness")];
    let make = |_: &_| Ok(Box::new(Brightness) as Box<dyn Processor>);
    let processors = Processors::builtin().register("brightness", outputs, make);
    let worker = EmbeddedWorker::new(WorkerConfig::default().processors(processors));

    let application = Router::new()
        .route("/", get(|| async { "an application\n" }))
        .nest("/inference", worker.router());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let stopped = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    // So that the worker knows where its clients are.
    let service = application.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stopped).await?;
    // Clients that are still there are told.
    worker.shutdown().await;
    println!("stopped");
    Ok(())
}
