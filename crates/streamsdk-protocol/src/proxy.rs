//! What a device says to a backend of its own, which has the API key.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::init::{
    IceConfiguration, IceServer, InitRequest, SessionDescription, WorkflowConfiguration,
    default_image_input,
};
use crate::secret::debug_without_passwords;

/// The request of a device to a backend that adds the API key: `{"offer", "wrtcParams"}`, as the JavaScript SDK's
/// connector `withProxyUrl` sends it.
///
/// ```
/// use streamsdk_protocol::init::InitRequest;
/// use streamsdk_protocol::proxy::ProxyRequest;
///
/// let text = r#"{"offer": {"type": "offer", "sdp": "v=0"}, "wrtcParams": {"workflowId": "count"}}"#;
/// let request = InitRequest::from(serde_json::from_str::<ProxyRequest>(text)?);
/// assert_eq!(request.workflow_configuration.workflow_id.as_deref(), Some("count"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProxyRequest {
    /// The device's side of the connection.
    pub offer: SessionDescription,
    /// What is asked for.
    #[serde(rename = "wrtcParams", default)]
    pub parameters: ProxyParameters,
}

/// What a device asks for, by the names of the JavaScript SDK. What that SDK does not have is named in the same
/// manner: `mjpegUrl`, `videoFileUpload`, `declaredFps`, `manualMode`, `cancelThreadPoolTasksOnExit`, `videoMetadataInputName`.
///
/// Each is as the field of [`InitRequest`] that it becomes; `None` is left out. `Debug` hides what is secret in URLs.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is as the field that it becomes")]
pub struct ProxyParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_spec: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflows_parameters: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_pool_workers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_thread_pool_tasks_on_exit: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_metadata_input_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_output_names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_output_names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ice_servers: Option<Vec<IceServer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing_timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_plan: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_processing: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtsp_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mjpeg_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_fps: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub video_file_upload: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual_mode: bool,
}

debug_without_passwords!(ProxyParameters {
    workflow_spec,
    workspace_name,
    workflow_id,
    image_input_name,
    workflows_parameters,
    thread_pool_workers,
    cancel_thread_pool_tasks_on_exit,
    video_metadata_input_name,
    stream_output_names,
    data_output_names,
    ice_servers,
    processing_timeout,
    requested_plan,
    requested_region,
    realtime_processing,
    declared_fps,
    video_file_upload,
    manual_mode,
} urls { rtsp_url, mjpeg_url });

/// Without the API key, whatever the request has.
impl From<InitRequest> for ProxyRequest {
    fn from(request: InitRequest) -> Self {
        let workflow = request.workflow_configuration;
        Self {
            offer: request.webrtc_offer,
            parameters: ProxyParameters {
                workflow_spec: workflow.workflow_specification,
                workspace_name: workflow.workspace_name,
                workflow_id: workflow.workflow_id,
                image_input_name: Some(workflow.image_input_name),
                workflows_parameters: Some(workflow.workflows_parameters),
                thread_pool_workers: workflow.workflows_thread_pool_workers,
                cancel_thread_pool_tasks_on_exit: workflow.cancel_thread_pool_tasks_on_exit,
                video_metadata_input_name: workflow.video_metadata_input_name,
                stream_output_names: request.stream_output,
                data_output_names: request.data_output,
                ice_servers: request.webrtc_config.map(|config| config.ice_servers),
                processing_timeout: request.processing_timeout,
                requested_plan: request.requested_plan,
                requested_region: request.requested_region,
                realtime_processing: Some(request.webrtc_realtime_processing),
                rtsp_url: request.rtsp_url,
                mjpeg_url: request.mjpeg_url,
                declared_fps: request.declared_fps,
                video_file_upload: request.video_file_upload,
                manual_mode: request.manual_mode,
            },
        }
    }
}

/// What is not said is as the JavaScript SDK has it: the frame is the input `image`, and late frames are dropped.
impl From<ProxyRequest> for InitRequest {
    fn from(request: ProxyRequest) -> Self {
        let asked = request.parameters;
        let workflow = WorkflowConfiguration {
            image_input_name: asked.image_input_name.unwrap_or_else(default_image_input),
            workflows_parameters: asked.workflows_parameters.unwrap_or_default(),
            workflow_specification: asked.workflow_spec,
            workspace_name: asked.workspace_name,
            workflow_id: asked.workflow_id,
            workflows_thread_pool_workers: asked.thread_pool_workers,
            cancel_thread_pool_tasks_on_exit: asked.cancel_thread_pool_tasks_on_exit,
            video_metadata_input_name: asked.video_metadata_input_name,
            ..WorkflowConfiguration::default()
        };
        let mut this = Self::new(workflow, request.offer);
        this.webrtc_config = asked.ice_servers.map(IceConfiguration::new);
        this.webrtc_realtime_processing = asked.realtime_processing.unwrap_or(true);
        this.stream_output = Some(asked.stream_output_names.unwrap_or_default());
        this.data_output = Some(asked.data_output_names.unwrap_or_default());
        this.processing_timeout = asked.processing_timeout;
        this.requested_plan = asked.requested_plan;
        this.requested_region = asked.requested_region;
        this.rtsp_url = asked.rtsp_url;
        this.mjpeg_url = asked.mjpeg_url;
        this.declared_fps = asked.declared_fps;
        this.video_file_upload = asked.video_file_upload;
        this.manual_mode = asked.manual_mode;
        this
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ApiKey;

    #[test]
    fn a_request_comes_through_whole_but_for_the_key() {
        let text = r#"{"api_key":"k3y","workflow_configuration":{"type":"WorkflowConfiguration","image_input_name":"in","workflows_parameters":{"a":1},"workflow_id":"w","workspace_name":"s","workflows_thread_pool_workers":2,"cancel_thread_pool_tasks_on_exit":true,"video_metadata_input_name":"m"},"webrtc_offer":{"type":"offer","sdp":"v=0"},"webrtc_config":{"iceServers":[{"urls":["turn:a"],"username":"u","credential":"c"}]},"webrtc_realtime_processing":false,"stream_output":["image"],"data_output":["*"],"declared_fps":30.0,"requested_plan":"p","requested_region":"r","processing_timeout":60,"rtsp_url":"rtsp://c","mjpeg_url":"http://c","video_file_upload":true,"manual_mode":true}"#;
        let request: InitRequest = serde_json::from_str(text).unwrap();
        assert_eq!(request.api_key, Some(ApiKey::new("k3y")));
        let sent = serde_json::to_string(&ProxyRequest::from(request.clone())).unwrap();
        assert!(!sent.contains("k3y"), "{sent}");
        let received = InitRequest::from(serde_json::from_str::<ProxyRequest>(&sent).unwrap());
        let without_key = InitRequest { api_key: None, ..request };
        assert_eq!(
            serde_json::to_value(received).unwrap(),
            serde_json::to_value(without_key).unwrap()
        );
    }

    #[test]
    fn what_is_not_said_is_as_the_javascript_sdk_has_it() {
        let text = r#"{"offer":{"type":"offer","sdp":"v=0"},"wrtcParams":{"unknown":1}}"#;
        let request = InitRequest::from(serde_json::from_str::<ProxyRequest>(text).unwrap());
        assert_eq!(request.workflow_configuration.image_input_name, "image");
        assert!(request.webrtc_realtime_processing && !request.video_file_upload);
        assert_eq!((request.stream_output, request.data_output), (Some(vec![]), Some(vec![])));
    }
}
