//! What a session is made of, worked out from its settings before anything is sent.

use std::sync::Arc;

use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::model::TaskType;
use streamsdk_signaling::Returns;
use streamsdk_transport::{IceTransportPolicy, PeerConfig};

use crate::config::StreamConfig;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::link::{LinkContext, PeerConnector};
use crate::model::Model;
use crate::outputs::FramesAsData;
use crate::retry::{Retry, RetryPolicy};
use crate::source::{AfterBreak, ConnectionRequirements, StreamSource};
use crate::stage::Stage;
use crate::stats::{SessionTracker, VideoTracker};
use crate::workflow::Workflow;

/// What the caller has set.
pub(super) struct Settings {
    endpoint: Endpoint,
    source: Box<dyn StreamSource>,
    pub(super) workflow: Option<Workflow>,
    pub(super) model: Option<String>,
    pub(super) task: Option<TaskType>,
    pub(super) image_input: String,
    pub(super) config: StreamConfig,
}

impl Settings {
    pub(super) fn new(endpoint: Endpoint, source: Box<dyn StreamSource>) -> Self {
        Self {
            endpoint,
            source,
            workflow: None,
            model: None,
            task: None,
            image_input: "image".to_owned(),
            config: StreamConfig::default(),
        }
    }

    /// Refuses to ask for what cannot come.
    pub(super) fn checked(self) -> Result<Self, Error> {
        let asks =
            self.workflow.is_some() || self.model.is_some() || self.config.asks_for_outputs();
        match self.endpoint.signaling.returns() {
            Returns::Nothing if asks => Err(config_error(
                "the server runs no workflow and returns nothing, video is only published to it: leave out \
                 workflow, model and outputs",
            )),
            _ => Ok(self),
        }
    }

    /// Puts the workflow of one step in the place of a model.
    pub(super) async fn with_workflow_of_model(mut self) -> Result<Self, Error> {
        let Some(id) = self.model.take() else {
            return match self.task {
                Some(_) => Err(config_error("a task was given without a model")),
                None => Ok(self),
            };
        };
        if self.workflow.is_some() {
            return Err(config_error("both a workflow and a model were given: a session runs one"));
        }
        let model = Model { id, task: self.task };
        let specification = model.workflow(&self.endpoint.platform).await?;
        self.workflow = Some(Workflow::specification(specification));
        self.config = self.config.with_outputs_of_model();
        Ok(self)
    }
}

fn config_error(what: &str) -> Error {
    Error::new(ErrorKind::Config, Stage::Preparing, what)
}

pub(super) struct Plan {
    pub(super) connector: PeerConnector,
    pub(super) source: Box<dyn StreamSource>,
    pub(super) context: LinkContext,
    pub(super) retry: Retry,
    pub(super) frames_as_data: FramesAsData,
}

impl Plan {
    pub(super) fn new(settings: Settings) -> Result<Self, Error> {
        let returns = settings.endpoint.signaling.returns();
        let request = request(&settings, returns)?;
        let Settings { endpoint, source, config, .. } = settings;
        let requirements = source.requirements(&config).returning(returns)?;
        let peer_config = peer_config(&endpoint, &config, &requirements)?;
        let frames_as_data = frames_as_data(&request, &requirements, &config);
        let every_frame = !request.webrtc_realtime_processing;
        let video = requirements.video.is_some().then(Arc::<VideoTracker>::default);
        let tracker = SessionTracker::new(video, every_frame).returning(returns);
        let retry = retry_policy(&config, source.after_break(), every_frame);
        if source.after_break() == AfterBreak::StartAgain && retry != RetryPolicy::never() {
            tracker.expect_replays();
        }
        let context = LinkContext::new(config, tracker, every_frame);
        let returned_output =
            context.config.frame_outputs().first().map(|name| name.as_str().into());
        let asks_for_ice_servers = !endpoint.is_local && request.webrtc_config.is_none();
        #[cfg(feature = "diagnose")]
        let checkup = checkup(&endpoint, &context.config);
        let connector = PeerConnector {
            endpoint,
            config: peer_config,
            request,
            requirements,
            returns,
            returned_output,
            asks_for_ice_servers,
            #[cfg(feature = "diagnose")]
            checkup,
        };
        let retry = Retry::new(retry, fastrand::Rng::new());
        Ok(Self { connector, source, context, retry, frames_as_data })
    }
}

/// What is looked at where the session does not come about, if anything is.
#[cfg(feature = "diagnose")]
fn checkup(endpoint: &Endpoint, config: &StreamConfig) -> Option<streamsdk_diagnose::Checkup> {
    let checkup = endpoint.checkup.clone().turn_roots(config.turn_roots.clone());
    config.diagnose_failures.then_some(checkup)
}

/// Turns the settings into a request that lacks only the offer.
fn request(settings: &Settings, returns: Returns) -> Result<InitRequest, Error> {
    let mut request = InitRequest::default();
    match (&settings.workflow, returns) {
        (Some(workflow), _) => workflow.clone().configure(&mut request.workflow_configuration),
        (None, Returns::Nothing) => {}
        (None, _) => {
            let what = "no workflow and no model was given: call StreamBuilder::workflow or model";
            return Err(config_error(what));
        }
    }
    request.workflow_configuration.image_input_name = settings.image_input.clone();
    settings.config.fill(&mut request);
    if settings.endpoint.is_local {
        request.webrtc_config = None;
    }
    settings.source.init_parameters(&settings.config, &mut request);
    Ok(request)
}

fn peer_config(
    endpoint: &Endpoint,
    config: &StreamConfig,
    requirements: &ConnectionRequirements,
) -> Result<PeerConfig, Error> {
    let codecs = config.codecs(requirements.codec);
    if requirements.video.is_some() && codecs.is_empty() {
        return Err(config_error("this build has no video codec: enable the feature `video`"));
    }
    let peer = endpoint
        .peer
        .clone()
        .connect_timeout(config.timeouts.connect)
        .dead_after(config.timeouts.dead_after)
        .codecs(codecs);
    if !endpoint.is_local {
        return Ok(peer
            .ice_servers(config.ice_servers.iter().cloned())
            .ice_transport_policy(config.ice_transport_policy)
            .turn_roots(config.turn_roots.clone()));
    }
    if config.ice_transport_policy == IceTransportPolicy::Relay {
        let what = "a server on this machine is reached without TURN: it cannot be relayed";
        return Err(Error::new(ErrorKind::Config, Stage::Preparing, what));
    }
    Ok(peer)
}

fn frames_as_data(
    request: &InitRequest,
    requirements: &ConnectionRequirements,
    config: &StreamConfig,
) -> FramesAsData {
    if !request.video_file_upload || requirements.video.is_some() {
        return FramesAsData::default();
    }
    let specification = request.workflow_configuration.workflow_specification.as_ref();
    FramesAsData::new(config.streamed_outputs(), specification)
}

/// To go on costs nothing; to begin again may cost an upload, and is done only where it was asked for. A file that
/// is played at its own speed has moved on by then.
fn retry_policy(config: &StreamConfig, after_break: AfterBreak, every_frame: bool) -> RetryPolicy {
    match after_break {
        AfterBreak::GoOn => config.retry.unwrap_or_default(),
        AfterBreak::StartAgain if every_frame => config.retry.unwrap_or(RetryPolicy::never()),
        AfterBreak::StartAgain | AfterBreak::End => RetryPolicy::never(),
    }
}
