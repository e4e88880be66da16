//! The exchange that sets a session up: one POST to [`INIT_PATH`](crate::INIT_PATH), one answer.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use crate::ice_configuration::IceConfigurationError;
use crate::secret::debug_without_passwords;
use crate::{ApiKey, REDACTED};

/// The request, field by field as servers know it. Absent fields are not sent.
///
/// Made with [`InitRequest::new`] and methods that are named as the fields are:
///
/// ```
/// use streamsdk_protocol::init::{InitRequest, SessionDescription, WorkflowConfiguration};
///
/// let workflow = WorkflowConfiguration::default().workflow_id("count-cars");
/// let request = InitRequest::new(workflow, SessionDescription::offer("v=0 ..."))
///     .data_output(["count"])
///     .video_file_upload(true);
/// assert_eq!(request.data_output.unwrap(), ["count"]);
/// ```
///
/// `Debug` hides what is secret in URLs.
#[derive(Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use]
pub struct InitRequest {
    /// The key, if it travels in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKey>,
    /// What is to be run on every frame.
    pub workflow_configuration: WorkflowConfiguration,
    /// The client's offer, with all its candidates.
    pub webrtc_offer: SessionDescription,
    /// ICE servers that the server should use. Absent when there are none: a server without access
    /// to the platform refuses them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webrtc_config: Option<IceConfiguration>,
    /// Whether late frames are dropped (`true`), or every frame is processed at the pace of the
    /// client's acks (`false`).
    #[serde(default = "yes")]
    pub webrtc_realtime_processing: bool,
    /// Outputs for the video track. Absent means "choose for me", empty means "no video track".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_output: Option<Vec<String>>,
    /// Outputs for data messages. Empty means metadata only, `["*"]` means all but images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_output: Option<Vec<String>>,
    /// Frame rate that the source declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_fps: Option<f64>,
    /// Hosted servers: the plan to run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_plan: Option<String>,
    /// Hosted servers: the region to run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_region: Option<String>,
    /// Seconds after which the server ends the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_timeout: Option<u64>,
    /// A camera that the server pulls by RTSP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtsp_url: Option<String>,
    /// A camera that the server pulls as MJPEG over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mjpeg_url: Option<String>,
    /// A video file will come over the upload channel.
    #[serde(default, skip_serializing_if = "is_false")]
    pub video_file_upload: bool,
    /// The client's program makes the frames itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub manual_mode: bool,
}

/// Consuming setters with the name of the field that they set. An optional field takes the value itself.
macro_rules! setters {
    ($($field:ident: $type:ty),* $(,)?) => { $(
        /// Sets the field of the same name.
        pub fn $field(self, $field: $type) -> Self {
            Self { $field: $field.into(), ..self }
        }
    )* };
}

impl InitRequest {
    /// A request to run that workflow for whoever made the offer. Late frames are dropped, as servers do where a
    /// request does not say; [`InitRequest::webrtc_realtime_processing`] changes that.
    pub fn new(workflow: WorkflowConfiguration, offer: SessionDescription) -> Self {
        Self {
            workflow_configuration: workflow,
            webrtc_offer: offer,
            webrtc_realtime_processing: yes(),
            ..Self::default()
        }
    }

    setters! {
        api_key: ApiKey,
        workflow_configuration: WorkflowConfiguration,
        webrtc_offer: SessionDescription,
        webrtc_config: IceConfiguration,
        webrtc_realtime_processing: bool,
        declared_fps: f64,
        requested_plan: String,
        requested_region: String,
        processing_timeout: u64,
        rtsp_url: String,
        mjpeg_url: String,
        video_file_upload: bool,
        manual_mode: bool,
    }

    /// Sets the field of the same name.
    pub fn stream_output(self, outputs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { stream_output: Some(outputs.into_iter().map(Into::into).collect()), ..self }
    }

    /// Sets the field of the same name.
    pub fn data_output(self, outputs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { data_output: Some(outputs.into_iter().map(Into::into).collect()), ..self }
    }
}

debug_without_passwords!(InitRequest {
    api_key,
    workflow_configuration,
    webrtc_offer,
    webrtc_config,
    webrtc_realtime_processing,
    stream_output,
    data_output,
    declared_fps,
    requested_plan,
    requested_region,
    processing_timeout,
    video_file_upload,
    manual_mode,
} urls { rtsp_url, mjpeg_url });

fn yes() -> bool {
    true
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What is to be run on every frame. Made with [`WorkflowConfiguration::default`] and methods that are named as the
/// fields are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use]
pub struct WorkflowConfiguration {
    /// Always `WorkflowConfiguration`.
    #[serde(rename = "type")]
    pub kind: WorkflowConfigurationKind,
    /// Name of the workflow's input that takes the frame.
    #[serde(default = "default_image_input")]
    pub image_input_name: String,
    /// Values of the workflow's other inputs.
    #[serde(default, deserialize_with = "null_as_default")]
    pub workflows_parameters: Map<String, Value>,
    /// The workflow itself; or else its id and workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_specification: Option<Value>,
    /// Id of a stored workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// Workspace that the stored workflow belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_name: Option<String>,
    /// Threads that run the workflow's steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflows_thread_pool_workers: Option<u32>,
    /// Whether steps that still run when the session ends are given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_thread_pool_tasks_on_exit: Option<bool>,
    /// Name of the workflow's input that takes what is known of the frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_metadata_input_name: Option<String>,
}

impl WorkflowConfiguration {
    setters! {
        image_input_name: impl Into<String>,
        workflows_parameters: Map<String, Value>,
        workflow_specification: Value,
        workflows_thread_pool_workers: u32,
        cancel_thread_pool_tasks_on_exit: bool,
    }

    /// Sets the field of the same name.
    pub fn video_metadata_input_name(self, name: impl Into<String>) -> Self {
        Self { video_metadata_input_name: Some(name.into()), ..self }
    }

    /// Sets the field of the same name.
    pub fn workflow_id(self, id: impl Into<String>) -> Self {
        Self { workflow_id: Some(id.into()), ..self }
    }

    /// Sets the field of the same name.
    pub fn workspace_name(self, name: impl Into<String>) -> Self {
        Self { workspace_name: Some(name.into()), ..self }
    }
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Some clients give a single URL as text.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(url) => vec![url],
        OneOrMany::Many(urls) => urls,
    })
}

pub(crate) fn default_image_input() -> String {
    "image".to_owned()
}

/// The one value of [`WorkflowConfiguration::kind`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkflowConfigurationKind {
    /// `"WorkflowConfiguration"`.
    #[default]
    WorkflowConfiguration,
}

/// An SDP text and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionDescription {
    /// `offer` or `answer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text.
    pub sdp: String,
}

impl SessionDescription {
    /// An offer.
    pub fn offer(sdp: impl Into<String>) -> Self {
        Self { kind: "offer".to_owned(), sdp: sdp.into() }
    }

    /// An answer.
    pub fn answer(sdp: impl Into<String>) -> Self {
        Self { kind: "answer".to_owned(), sdp: sdp.into() }
    }
}

/// A list of ICE servers. It can be parsed from JSON in each of the forms that are in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IceConfiguration {
    /// The servers.
    #[serde(rename = "iceServers")]
    pub ice_servers: Vec<IceServer>,
}

impl IceConfiguration {
    /// These servers.
    pub fn new(servers: impl IntoIterator<Item = IceServer>) -> Self {
        Self { ice_servers: servers.into_iter().collect() }
    }
}

/// A STUN or TURN server. `Debug` hides the credential.
///
/// ```
/// use streamsdk_protocol::init::IceServer;
///
/// let server = IceServer::new("turn:turn.example.org:3478").credentials("name", "password");
/// assert!(!format!("{server:?}").contains("password"));
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct IceServer {
    #[serde(deserialize_with = "one_or_many")]
    urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl IceServer {
    /// The server of a `stun:` or `turn:` URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { urls: vec![url.into()], username: None, credential: None }
    }

    /// Another URL of the same server; call it for each. Default is that there is one.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// User name and password for TURN. Default is none.
    pub fn credentials(
        mut self,
        username: impl Into<String>,
        credential: impl Into<String>,
    ) -> Self {
        self.username = Some(username.into());
        self.credential = Some(credential.into());
        self
    }

    /// All its URLs.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// User name for TURN.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Password for TURN.
    pub fn credential(&self) -> Option<&str> {
        self.credential.as_deref()
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username.as_ref().map(|_| REDACTED))
            .field("credential", &self.credential.as_ref().map(|_| REDACTED))
            .finish()
    }
}

/// The answer to an init request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitResponse {
    /// `success`.
    #[serde(default)]
    pub status: String,
    /// Ids that help a server's operator to find the session.
    #[serde(default)]
    pub context: ResponseContext,
    /// The server's answer, with all its candidates.
    pub sdp: String,
    /// `answer`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl InitResponse {
    /// The answer `sdp`.
    pub fn answer(sdp: impl Into<String>) -> Self {
        Self {
            status: "success".to_owned(),
            context: ResponseContext::default(),
            sdp: sdp.into(),
            kind: "answer".to_owned(),
        }
    }
}

/// Ids of a session on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseContext {
    /// Id of the request.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Id of the pipeline.
    #[serde(default)]
    pub pipeline_id: Option<String>,
    /// Where the session is found at servers that give it an address of its own, as WHIP does. Not on the wire.
    #[serde(skip)]
    pub resource: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_show_in_debug() {
        let request = InitRequest {
            api_key: Some(ApiKey::new("k3y")),
            webrtc_config: Some(IceConfiguration {
                ice_servers: vec![IceServer::new("turn:host").credentials("us3r", "cr3d")],
            }),
            ..InitRequest::default()
        };
        let shown = format!("{request:?}");
        assert!(!["k3y", "us3r", "cr3d"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }

    #[test]
    fn one_url_of_an_ice_server_may_be_plain_text() {
        let one: IceServer = serde_json::from_str(r#"{"urls":"stun:a"}"#).unwrap();
        let many: IceServer = serde_json::from_str(r#"{"urls":["stun:a"]}"#).unwrap();
        assert_eq!(one, many);
    }

    #[test]
    fn absent_fields_are_not_sent_and_unknown_ones_are_tolerated() {
        let sent = serde_json::to_value(InitRequest::default()).unwrap();
        let names: Vec<&str> = sent.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        let mut received = sent;
        received["something_new"] = Value::from(1);
        assert!(serde_json::from_value::<InitRequest>(received).is_ok());
    }
}
