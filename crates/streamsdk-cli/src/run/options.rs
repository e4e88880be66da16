//! The options of the command line, by the names that they have in a file of streams.

use streamsdk_fleet::StreamOptions;

use super::setup::RunServer;
use crate::args::{LimitArguments, RunArguments, ServerArguments};
use crate::failure::Failure;

/// The workspace of what the embedded worker knows.
const LOCAL_WORKSPACE: &str = "local";
/// What the embedded worker runs when nothing is asked for.
const DEFAULT_WORKFLOW: &str = "motion";

/// What the command line says, as a file of streams would.
pub(crate) fn of(arguments: &RunArguments, server: &RunServer) -> Result<StreamOptions, Failure> {
    let mut options = StreamOptions::default();
    server.set(&mut options);
    set_server(&mut options, &arguments.server);
    set_processing(&mut options, arguments, server)?;
    set_source(&mut options, arguments);
    set_limits(&mut options, &arguments.limits);
    options.token = arguments.token_file.clone().map(Into::into);
    options.ice_server = given(&arguments.ice_server);
    options.relay_only = Some(arguments.relay_only);
    options.plan.clone_from(&arguments.plan);
    options.region.clone_from(&arguments.region);
    options.no_diagnosis = Some(arguments.no_diagnosis);
    Ok(options)
}

fn set_server(options: &mut StreamOptions, arguments: &ServerArguments) {
    options.api_key = arguments.api_key.clone().map(Into::into);
    options.api_key_transport = arguments.api_key_transport;
    options.turn = given(&arguments.turn);
    options.turn_user.clone_from(&arguments.turn_user);
    options.turn_credential = arguments.turn_credential.clone().map(Into::into);
}

fn set_processing(
    options: &mut StreamOptions,
    arguments: &RunArguments,
    server: &RunServer,
) -> Result<(), Failure> {
    options.workflow.clone_from(&arguments.workflow);
    options.workflow_id.clone_from(&arguments.workflow_id);
    options.workspace.clone_from(&arguments.workspace);
    options.model.clone_from(&arguments.model);
    options.task = arguments.task;
    options.image_input = Some(arguments.image_input.clone());
    options.stream_output = given(&arguments.stream_output);
    options.data_output = given(&arguments.data_output);
    options.params = Some(arguments.parameters.iter().cloned().collect());
    let is_missing = arguments.workflow.is_none() && arguments.model.is_none();
    match server {
        RunServer::Whip(_) => {}
        server if server.is_embedded() && is_missing => {
            options.workflow_id.get_or_insert_with(|| DEFAULT_WORKFLOW.to_owned());
            options.workspace.get_or_insert_with(|| LOCAL_WORKSPACE.to_owned());
        }
        _ if arguments.workflow_id.is_some() && arguments.workspace.is_none() => {
            return Err(Failure::Usage("--workflow-id needs --workspace".to_owned()));
        }
        _ if arguments.workflow_id.is_none() && is_missing => {
            let what = "say what the server should run: --workflow FILE, --workflow-id ID --workspace NAME, or \
                        --model ID";
            return Err(Failure::Usage(what.to_owned()));
        }
        _ => {}
    }
    Ok(())
}

fn set_source(options: &mut StreamOptions, arguments: &RunArguments) {
    options.realtime = arguments.realtime.then_some(true);
    options.every_frame = arguments.every_frame.then_some(true);
    options.frames_by_track = Some(arguments.frames_by_track);
    options.codec = arguments.codec;
    options.bitrate = arguments.bitrate;
    options.duration = arguments.duration;
    #[cfg(feature = "url")]
    {
        options.allow_private = Some(arguments.allow_private);
        options.no_cache = Some(arguments.no_cache);
    }
    #[cfg(feature = "local-stream")]
    {
        options.reconnect = arguments.reconnect;
        options.transcode = Some(arguments.transcode);
        options.rtsp_transport = arguments.rtsp_transport.map(|transport| transport.to_string());
    }
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    {
        options.resolution = arguments.resolution;
        options.fps = arguments.fps;
    }
}

fn set_limits(options: &mut StreamOptions, limits: &LimitArguments) {
    options.timeout = limits.timeout;
    options.connect_timeout = limits.connect_timeout;
    options.upload_timeout = limits.upload_timeout;
    options.first_result_timeout = limits.first_result_timeout;
    options.idle_timeout = limits.idle_timeout;
    options.dead_after = limits.dead_after;
    options.retry = limits.retry;
    options.processing_timeout = limits.processing_timeout;
}

/// What was given at all.
fn given(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}
