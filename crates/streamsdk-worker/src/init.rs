//! From the bytes of a request to a plan for a session, or a refusal.

use std::time::Duration;

use serde_json::{Map, Value, json};
use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::sdp;

use crate::processor::Processors;
use crate::refusal::Refusal;
use crate::workflow::{DataSelection, Workflow};

/// What a client wants, checked.
#[derive(Debug)]
pub(crate) struct SessionPlan {
    pub(crate) offer: String,
    pub(crate) workflow: Workflow,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) realtime: bool,
    pub(crate) selection: DataSelection,
    pub(crate) declared_fps: Option<f64>,
    pub(crate) time_limit: Option<Duration>,
    /// Whether results are compressed.
    pub(crate) gzip: bool,
}

impl SessionPlan {
    pub(crate) fn read(body: &[u8], processors: &Processors, gzip: bool) -> Result<Self, Refusal> {
        let request = parse(body)?;
        if request.webrtc_offer.kind != "offer" {
            return Err(Refusal::internal("The field webrtc_offer is not an offer."));
        }
        sdp::check_offer(&request.webrtc_offer.sdp).map_err(|error| {
            Refusal::configuration(format!("The offer cannot be used: {error}."))
        })?;
        let workflow = Workflow::find(&request.workflow_configuration, processors)?;
        check_source(&request)?;
        let stream = request.stream_output.unwrap_or_default();
        if let Some(unknown) = stream.iter().find(|name| !workflow.has_output(name)) {
            return Err(Refusal::configuration(format!(
                "Invalid stream_output field: '{unknown}'. Available workflow outputs: {}",
                workflow.listed_outputs()
            )));
        }
        if !stream.is_empty() {
            return Err(Refusal::configuration(
                "This worker sends frames over the data channel: stream_output must be empty.",
            ));
        }
        let selection = DataSelection::new(request.data_output.unwrap_or_default());
        let unknown = selection.unknown(&workflow);
        if !unknown.is_empty() {
            return Err(Refusal::configuration(format!(
                "Invalid data_output fields: ['{}']. Available workflow outputs: {}",
                unknown.join("', '"),
                workflow.listed_outputs()
            )));
        }
        Ok(Self {
            offer: request.webrtc_offer.sdp,
            workflow,
            parameters: request.workflow_configuration.workflows_parameters,
            realtime: request.webrtc_realtime_processing,
            selection,
            declared_fps: request.declared_fps,
            time_limit: request.processing_timeout.map(Duration::from_secs),
            gzip,
        })
    }
}

/// A request that names no other source brings a file, whether it says so or not: like the real
/// server, the worker goes by the upload channel.
fn check_source(request: &InitRequest) -> Result<(), Refusal> {
    let other = [
        ("rtsp_url", request.rtsp_url.is_some()),
        ("mjpeg_url", request.mjpeg_url.is_some()),
        ("manual_mode", request.manual_mode),
    ];
    match other.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((field, _)) => Err(Refusal::configuration(format!(
            "This worker takes uploaded video files only, so {field} cannot be set."
        ))),
    }
}

fn parse(body: &[u8]) -> Result<InitRequest, Refusal> {
    if body.is_empty() {
        return Err(Refusal::field("missing", vec!["body".into()], "Field required"));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Refusal::field(
            "json_invalid",
            vec!["body".into(), error.column().into()],
            "JSON decode error",
        )
    })?;
    if !value.is_object() {
        let message = "Input should be a valid dictionary or object to extract fields from";
        return Err(Refusal::field("model_attributes_type", vec!["body".into()], message));
    }
    for path in [
        &["workflow_configuration"][..],
        &["workflow_configuration", "type"],
        &["webrtc_offer"],
        &["webrtc_offer", "type"],
        &["webrtc_offer", "sdp"],
    ] {
        let found = path.iter().try_fold(&value, |value, name| value.get(name));
        if found.is_none() {
            let location = std::iter::once("body").chain(path.iter().copied());
            return Err(Refusal::field(
                "missing",
                location.map(Value::from).collect(),
                "Field required",
            ));
        }
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let location = std::iter::once("body").chain(path.split('.')).map(|part| json!(part));
        // The reason would quote the value, which may be a key.
        Refusal::field("type_error", location.collect(), "Input is of the wrong type")
    })
}
