//! `ROBOFLOW_API_KEY=… backend https://serverless.roboflow.com 0.0.0.0:8080`

use std::error::Error;

use streamsdk_signaling::{HttpSignaling, Platform};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: backend SERVER ADDRESS, with ROBOFLOW_API_KEY set".into());
    };
    let key = std::env::var("ROBOFLOW_API_KEY").map_err(|_| "ROBOFLOW_API_KEY is not set")?;
    let platform = Platform::from_environment()?.api_key(key.as_str());
    let server = HttpSignaling::builder(server).api_key(key).platform(platform).build()?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, backend::router(server)).await?;
    Ok(())
}
