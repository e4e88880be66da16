use std::time::Duration;

use serde_json::{Map, Value};
use streamsdk_protocol::Limits;
use streamsdk_protocol::init::{IceConfiguration, IceServer, InitRequest};
use streamsdk_protocol::model;
use streamsdk_protocol::output::output_name;
use streamsdk_transport::{IceTransportPolicy, RootCertificates, VideoCodec};
use streamsdk_video::{BitrateLimits, SendOptions};

use crate::retry::RetryPolicy;

/// What a session asks of the server, and what it does with the answers.
///
/// ```
/// use streamsdk::StreamConfig;
///
/// let config = StreamConfig::default()
///     .stream_output(["image"])
///     .data_output(["predictions"])
///     .parameter("confidence", 0.4);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct StreamConfig {
    /// `None` where nothing was said.
    stream_output: Option<Vec<String>>,
    data_output: Option<Vec<String>>,
    pub(crate) realtime_processing: Option<bool>,
    pub(crate) declared_fps: Option<f64>,
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) ice_transport_policy: IceTransportPolicy,
    pub(crate) turn_roots: RootCertificates,
    pub(crate) workflow_parameters: Map<String, Value>,
    pub(crate) thread_pool_workers: Option<u32>,
    pub(crate) cancel_thread_pool_tasks_on_exit: Option<bool>,
    pub(crate) video_metadata_input: Option<String>,
    pub(crate) requested_plan: Option<String>,
    pub(crate) requested_region: Option<String>,
    pub(crate) processing_timeout: Option<Duration>,
    pub(crate) frame_policy: Option<FramePolicy>,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) video_codec: Option<VideoCodec>,
    pub(crate) video: SendOptions,
    pub(crate) retry: Option<RetryPolicy>,
    #[cfg(feature = "diagnose")]
    pub(crate) diagnose_failures: bool,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            stream_output: None,
            data_output: None,
            realtime_processing: None,
            declared_fps: None,
            ice_servers: Vec::new(),
            ice_transport_policy: IceTransportPolicy::All,
            turn_roots: RootCertificates::default(),
            workflow_parameters: Map::new(),
            thread_pool_workers: None,
            cancel_thread_pool_tasks_on_exit: None,
            video_metadata_input: None,
            requested_plan: None,
            requested_region: None,
            processing_timeout: None,
            frame_policy: None,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            video_codec: None,
            video: SendOptions::default(),
            retry: None,
            #[cfg(feature = "diagnose")]
            diagnose_failures: true,
        }
    }
}

impl StreamConfig {
    /// Workflow outputs to be received as frames. Default is none, and `image` for a
    /// [model](crate::StreamBuilder::model).
    ///
    /// Of an output that is a list of images the first one is the frame, and
    /// [`FrameData::images`](crate::FrameData::images) has all; an index chooses another: `crops[2]`.
    pub fn stream_output(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.stream_output = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Workflow outputs to be received as data: names, or `*` for all but images. Default is none,
    /// which gives metadata only, and `predictions` for a [model](crate::StreamBuilder::model).
    pub fn data_output(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.data_output = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Whether the server drops frames that are late (`true`), and plays a file at its own speed, or processes
    /// every frame (`false`). Default is `true` for live sources and `false` for files.
    pub fn realtime_processing(mut self, realtime: bool) -> Self {
        self.realtime_processing = Some(realtime);
        self
    }

    /// Frame rate that the source declares, in frames per second. Default is what the source knows.
    pub fn declared_fps(mut self, fps: f64) -> Self {
        self.declared_fps = Some(fps);
        self
    }

    /// A STUN or TURN server for both sides to use, the preferred one first; call it for each. Default is none.
    ///
    /// TURN servers are reached over UDP (`turn:`), TCP (`turn:…?transport=tcp`) or TLS (`turns:`). All are tried at the
    /// same time, for 2 s at most. One that cannot be used is skipped, and why is told by the error if no connection comes
    /// about. The server on the other side gets the list as it is given. One on this machine is reached without them.
    pub fn ice_server(mut self, server: IceServer) -> Self {
        self.ice_servers.push(server);
        self
    }

    /// As [`StreamConfig::ice_server`], for each of these. An [`IceConfiguration`] can be parsed from JSON.
    ///
    /// ```
    /// use streamsdk::{IceConfiguration, StreamConfig};
    ///
    /// let json = r#"{"urls": ["turns:turn.example.org"], "username": "name", "credential": "password"}"#;
    /// let configuration: IceConfiguration = json.parse()?;
    /// let config = StreamConfig::default().ice_servers(configuration.ice_servers);
    /// # Ok::<(), streamsdk::IceConfigurationError>(())
    /// ```
    pub fn ice_servers(mut self, servers: impl IntoIterator<Item = IceServer>) -> Self {
        self.ice_servers.extend(servers);
        self
    }

    /// Which ways packets may take. Default is [`IceTransportPolicy::All`].
    ///
    /// With [`IceTransportPolicy::Relay`] they go by way of a TURN server only, and the server is told no address of
    /// this machine.
    pub fn ice_transport_policy(mut self, policy: IceTransportPolicy) -> Self {
        self.ice_transport_policy = policy;
        self
    }

    /// Certificates that a TURN server's may be signed with, besides those that the system trusts. Default is none.
    ///
    /// Where the system's certificates are files, `SSL_CERT_FILE` and `SSL_CERT_DIR` name others in their place, for
    /// this as for HTTPS.
    pub fn turn_roots(mut self, roots: RootCertificates) -> Self {
        self.turn_roots = roots;
        self
    }

    /// The value of one of the workflow's inputs; call it for each. Default is what the workflow
    /// declares.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.workflow_parameters.insert(name.into(), value.into());
        self
    }

    /// Threads on which the server runs the workflow's steps. Default is the server's: 4 of Roboflow's.
    pub fn thread_pool_workers(mut self, threads: u32) -> Self {
        self.thread_pool_workers = Some(threads);
        self
    }

    /// Whether the server gives up steps that still run when the session ends, instead of waiting for them. Default is
    /// the server's: yes of Roboflow's.
    pub fn cancel_thread_pool_tasks_on_exit(mut self, cancel: bool) -> Self {
        self.cancel_thread_pool_tasks_on_exit = Some(cancel);
        self
    }

    /// Name of the workflow's input that takes what is known of the frame, such as its number and time. Default is the
    /// server's: `video_metadata` of Roboflow's.
    pub fn video_metadata_input(mut self, name: impl Into<String>) -> Self {
        self.video_metadata_input = Some(name.into());
        self
    }

    /// Hosted servers only: the compute plan to run on. Default is the server's.
    pub fn requested_plan(mut self, plan: impl Into<String>) -> Self {
        self.requested_plan = Some(plan.into());
        self
    }

    /// Hosted servers only: the region to run in. Default is the server's.
    pub fn requested_region(mut self, region: impl Into<String>) -> Self {
        self.requested_region = Some(region.into());
        self
    }

    /// Time after which the server ends the session, in whole seconds. Default is the server's.
    pub fn processing_timeout(mut self, limit: Duration) -> Self {
        self.processing_timeout = Some(limit);
        self
    }

    /// What becomes of frames that the caller does not take in time. Default is
    /// [`FramePolicy::Lossless`] for a session that processes every frame, and
    /// [`FramePolicy::Latest`]`(8)` for a realtime one.
    pub fn frame_policy(mut self, policy: FramePolicy) -> Self {
        self.frame_policy = Some(policy);
        self
    }

    /// How long to wait for what. Default is [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Bounds on what the server may make this side hold. Default is [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The codec that is preferred on a video track, both ways. Default is what the source likes best, or
    /// else VP8, then H264.
    ///
    /// Others that this build has are offered too; the server takes the first that it knows.
    pub fn video_codec(mut self, codec: VideoCodec) -> Self {
        self.video_codec = Some(codec);
        self
    }

    /// Between which bitrates video is sent. Default is [`BitrateLimits::default`].
    pub fn bitrate(mut self, limits: BitrateLimits) -> Self {
        self.video = self.video.bitrate(limits);
        self
    }

    /// Whether a session that loses its connection goes on with another one, and for how long that is tried.
    ///
    /// Default is [`RetryPolicy::default`] for live sources: they keep their camera, and go on with what it
    /// gives by then. A file is sent again only where a policy is set here, because an upload takes time and
    /// may cost money; each frame is given out once all the same, and in order.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Whether the error of a session that does not come about has with it what is wrong
    /// ([`Error::diagnosis`](crate::Error::diagnosis)). Default is yes, and [`StreamBuilder::start`](crate::StreamBuilder::start)
    /// then fails up to 3 s later.
    ///
    /// Looked at is what [`Client::diagnose`](crate::Client::diagnose) looks at, with the STUN and TURN servers of the
    /// session, once, after the last attempt. Errors that say themselves what is wrong, such as a key that is refused or
    /// a quota that is used up, are left as they are.
    #[cfg(feature = "diagnose")]
    pub fn diagnose_failures(mut self, diagnose: bool) -> Self {
        self.diagnose_failures = diagnose;
        self
    }

    /// The codecs to offer for a track, in order; `preferred_by_source` is what the source would like best.
    pub(crate) fn codecs(&self, preferred_by_source: Option<VideoCodec>) -> Vec<VideoCodec> {
        let mut codecs = streamsdk_video::codecs();
        let preferred = self.video_codec.or(preferred_by_source);
        codecs.sort_by_key(|codec| Some(*codec) != preferred);
        codecs
    }

    pub(crate) fn fill(&self, request: &mut InitRequest) {
        let workflow = &mut request.workflow_configuration;
        workflow.workflows_parameters = self.workflow_parameters.clone();
        workflow.workflows_thread_pool_workers = self.thread_pool_workers;
        workflow.cancel_thread_pool_tasks_on_exit = self.cancel_thread_pool_tasks_on_exit;
        workflow.video_metadata_input_name = self.video_metadata_input.clone();
        request.webrtc_config =
            (!self.ice_servers.is_empty()).then(|| IceConfiguration::new(self.ice_servers.clone()));
        request.webrtc_realtime_processing = self.realtime_processing.unwrap_or(true);
        request.stream_output = Some(self.streamed_outputs());
        request.data_output = Some(self.data_output.clone().unwrap_or_default());
        request.declared_fps = self.declared_fps;
        request.requested_plan = self.requested_plan.clone();
        request.requested_region = self.requested_region.clone();
        request.processing_timeout = self.processing_timeout.map(|limit| limit.as_secs().max(1));
    }

    /// The outputs of a model's workflow, where nothing was said of outputs.
    pub(crate) fn with_outputs_of_model(mut self) -> Self {
        self.stream_output.get_or_insert_with(|| vec![model::IMAGE_OUTPUT.to_owned()]);
        self.data_output.get_or_insert_with(|| vec![model::PREDICTIONS_OUTPUT.to_owned()]);
        self
    }

    /// Whether there are outputs that are to come back.
    pub(crate) fn asks_for_outputs(&self) -> bool {
        [&self.stream_output, &self.data_output]
            .into_iter()
            .flatten()
            .any(|names| !names.is_empty())
    }

    /// The outputs that come back as frames, as the caller names them.
    pub(crate) fn frame_outputs(&self) -> &[String] {
        self.stream_output.as_deref().unwrap_or_default()
    }

    /// The stream outputs as the server knows them: it has lists of images, and not the images in them.
    pub(crate) fn streamed_outputs(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.frame_outputs().len());
        for name in self.frame_outputs().iter().map(|image| output_name(image)) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    pub(crate) fn policy(&self, realtime: bool) -> FramePolicy {
        self.frame_policy.unwrap_or(if realtime {
            FramePolicy::Latest(REALTIME_QUEUE)
        } else {
            FramePolicy::Lossless
        })
    }
}

/// Frames that a realtime session holds for a late caller.
const REALTIME_QUEUE: usize = 8;

/// What becomes of frames that the caller does not take in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FramePolicy {
    /// None is lost: the server is held back, by acks where it understands them and by the
    /// connection's flow control in any case.
    Lossless,
    /// The newest so many are held; older ones are dropped and counted in
    /// [`Drops::queue_full`](crate::Drops::queue_full). At least 1.
    Latest(usize),
}

/// Time limits of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) upload_progress: Duration,
    pub(crate) first_frame: Duration,
    pub(crate) idle: Duration,
    pub(crate) dead_after: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            upload_progress: Duration::from_secs(30),
            first_frame: Duration::from_secs(90),
            idle: Duration::from_secs(60),
            dead_after: Duration::from_secs(15),
        }
    }
}

impl Timeouts {
    /// From the answer to an open connection. Default is 30 s.
    pub fn connect(mut self, connect: Duration) -> Self {
        self.connect = connect;
        self
    }

    /// How long an upload may stand still. Default is 30 s.
    pub fn upload_progress(mut self, upload_progress: Duration) -> Self {
        self.upload_progress = upload_progress;
        self
    }

    /// From the end of the upload, or from the connection when there is none, to the first result.
    /// Default is 90 s: a server that starts cold is slow.
    pub fn first_frame(mut self, first_frame: Duration) -> Self {
        self.first_frame = first_frame;
        self
    }

    /// Between two results. Default is 60 s. Time in which the caller takes nothing does not count.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long the server may be silent on the network before it counts as dead. Default is 15 s.
    pub fn dead_after(mut self, dead_after: Duration) -> Self {
        self.dead_after = dead_after;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_a_list_are_asked_for_by_the_name_of_the_list_and_once() {
        let config = StreamConfig::default().stream_output(["crops[1]", "image", "crops[0]"]);
        assert_eq!(config.streamed_outputs(), ["crops", "image"]);
    }
}
