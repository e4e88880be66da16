use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Roboflow's own API, as far as sessions ask it.
pub struct FakePlatform {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

type Asked = Arc<Mutex<Vec<String>>>;

#[derive(Clone)]
struct Known {
    /// What each model does.
    tasks: HashMap<String, String>,
    turn_servers: Option<Value>,
    asked: Asked,
}

impl FakePlatform {
    /// Starts it on a free port of loopback. It knows what these models do, and these TURN servers.
    pub async fn start(tasks: &[(&str, &str)], turn_servers: Option<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Asked::default();
        let tasks = tasks.iter().map(|(id, task)| ((*id).to_owned(), (*task).to_owned())).collect();
        let known = Known { tasks, turn_servers, asked: Arc::clone(&asked) };
        let router = Router::new()
            .route("/models/v1/external/stat", get(model))
            .route("/webrtc_turn_config", get(turn))
            .with_state(known);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked, serving }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked for so far, path and query.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for FakePlatform {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Answer = Result<Json<Value>, StatusCode>;

async fn model(
    State(known): State<Known>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
) -> Answer {
    known.asked.lock().unwrap().push(uri.to_string());
    let task = query.get("modelId").and_then(|id| known.tasks.get(id));
    let task = task.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "modelMetadata": { "taskType": task } })))
}

async fn turn(State(known): State<Known>, uri: Uri) -> Answer {
    known.asked.lock().unwrap().push(uri.to_string());
    known.turn_servers.map(Json).ok_or(StatusCode::FORBIDDEN)
}
