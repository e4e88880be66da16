//! From the bytes of a request to a plan for a session, or an error response.

use std::time::Duration;

use serde_json::{Map, Value, json};
use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::sdp;

use crate::WorkerConfig;
use crate::error_response::ErrorResponse;
use crate::json_size::is_of_too_many_values;
use crate::processor::SessionRequest;
use crate::source_plan::SourcePlan;
use crate::workflow::{DataSelection, ResolvedWorkflow, Selection, StreamOutput};

/// What a client wants, checked.
#[derive(Debug)]
pub(crate) struct SessionPlan {
    pub(crate) offer: String,
    pub(crate) workflow: ResolvedWorkflow,
    /// Those of the request, over those that the workflow's step sets.
    pub(crate) parameters: Map<String, Value>,
    pub(crate) realtime: bool,
    pub(crate) source: SourcePlan,
    pub(crate) stream: StreamOutput,
    pub(crate) data: DataSelection,
    pub(crate) declared_fps: Option<f64>,
    pub(crate) time_limit: Option<Duration>,
    /// Whether results are compressed.
    pub(crate) gzip: bool,
}

impl SessionPlan {
    /// What travels when the session begins.
    pub(crate) fn selection(&self) -> Selection {
        let image = match &self.stream {
            StreamOutput::None => None,
            StreamOutput::Auto => self.workflow.first_image().map(str::to_owned),
            StreamOutput::Named(name) => Some(name.clone()),
        };
        Selection { data: self.data.clone(), image }
    }

    /// What a processor is told of the session.
    pub(crate) fn request(&self) -> SessionRequest {
        SessionRequest {
            parameters: self.parameters.clone(),
            realtime: self.realtime,
            declared_fps: self.declared_fps,
        }
    }

    pub(crate) fn read(body: &[u8], config: &WorkerConfig) -> Result<Self, ErrorResponse> {
        let request = parse(body)?;
        if request.webrtc_offer.kind != "offer" {
            return Err(ErrorResponse::internal("The field webrtc_offer is not an offer."));
        }
        sdp::check_offer(&request.webrtc_offer.sdp).map_err(|error| {
            ErrorResponse::configuration(format!("The offer cannot be used: {error}."))
        })?;
        let workflow = ResolvedWorkflow::find(&request.workflow_configuration, &config.processors)?;
        let source = SourcePlan::of(&request)?;
        let stream = StreamOutput::new(request.stream_output);
        if let StreamOutput::Named(name) = &stream
            && !workflow.has_output(name)
        {
            return Err(ErrorResponse::configuration(format!(
                "Invalid stream_output field: '{name}'. Available workflow outputs: {}",
                workflow.listed_outputs()
            )));
        }
        let data = DataSelection::new(request.data_output.unwrap_or_default());
        let unknown: Vec<&str> = data.unknown(&workflow.outputs).collect();
        if !unknown.is_empty() {
            return Err(ErrorResponse::configuration(format!(
                "Invalid data_output fields: ['{}']. Available workflow outputs: {}",
                unknown.join("', '"),
                workflow.listed_outputs()
            )));
        }
        let mut parameters = workflow.step_parameters.clone();
        parameters.extend(request.workflow_configuration.workflows_parameters);
        Ok(Self {
            gzip: config.gzip.compresses_for(&request.webrtc_offer.sdp),
            offer: request.webrtc_offer.sdp,
            workflow,
            parameters,
            realtime: request.webrtc_realtime_processing,
            source,
            stream,
            data,
            declared_fps: request.declared_fps,
            time_limit: request.processing_timeout.map(Duration::from_secs),
        })
    }
}

fn parse(body: &[u8]) -> Result<InitRequest, ErrorResponse> {
    if body.is_empty() {
        return Err(ErrorResponse::field("missing", vec!["body".into()], "Field required"));
    }
    if is_of_too_many_values(body) {
        let message = "The request is of too many values";
        return Err(ErrorResponse::field("too_long", vec!["body".into()], message));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        ErrorResponse::field(
            "json_invalid",
            vec!["body".into(), error.column().into()],
            "JSON decode error",
        )
    })?;
    if !value.is_object() {
        let message = "Input should be a valid dictionary or object to extract fields from";
        return Err(ErrorResponse::field("model_attributes_type", vec!["body".into()], message));
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
            return Err(ErrorResponse::field(
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
        ErrorResponse::field("type_error", location.collect(), "Input is of the wrong type")
    })
}
