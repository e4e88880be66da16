//! What a stream takes over from the defaults of its file.

use super::StreamOptions;

impl StreamOptions {
    /// What is said here, and for all else what `defaults` say. What is processed and what the video goes to are each taken over
    /// as a whole: a stream with a model does not take over a workflow.
    #[must_use]
    pub fn over(self, defaults: &Self) -> Self {
        let mut defaults = defaults.clone();
        if self.names_a_server() {
            (defaults.server, defaults.backend, defaults.whip) = (None, None, None);
        }
        if self.names_what_is_processed() {
            (defaults.workflow, defaults.workflow_id, defaults.workspace) = (None, None, None);
            (defaults.model, defaults.task, defaults.image_input) = (None, None, None);
        }
        self.or(defaults)
    }

    /// Whether it says what the video goes to.
    pub(crate) fn names_a_server(&self) -> bool {
        self.server.is_some() || self.backend.is_some() || self.whip.is_some()
    }

    fn names_what_is_processed(&self) -> bool {
        self.workflow.is_some() || self.workflow_id.is_some() || self.model.is_some()
    }

    fn or(self, other: Self) -> Self {
        Self {
            source: self.source.or(other.source),
            server: self.server.or(other.server),
            backend: self.backend.or(other.backend),
            whip: self.whip.or(other.whip),
            api_key: self.api_key.or(other.api_key),
            api_key_transport: self.api_key_transport.or(other.api_key_transport),
            token: self.token.or(other.token),
            ice_server: self.ice_server.or(other.ice_server),
            turn: self.turn.or(other.turn),
            turn_user: self.turn_user.or(other.turn_user),
            turn_credential: self.turn_credential.or(other.turn_credential),
            relay_only: self.relay_only.or(other.relay_only),
            plan: self.plan.or(other.plan),
            region: self.region.or(other.region),
            workflow: self.workflow.or(other.workflow),
            workflow_id: self.workflow_id.or(other.workflow_id),
            workspace: self.workspace.or(other.workspace),
            model: self.model.or(other.model),
            task: self.task.or(other.task),
            image_input: self.image_input.or(other.image_input),
            stream_output: self.stream_output.or(other.stream_output),
            data_output: self.data_output.or(other.data_output),
            params: self.params.or(other.params),
            realtime: self.realtime.or(other.realtime),
            every_frame: self.every_frame.or(other.every_frame),
            frames_by_track: self.frames_by_track.or(other.frames_by_track),
            allow_private: self.allow_private.or(other.allow_private),
            no_cache: self.no_cache.or(other.no_cache),
            resolution: self.resolution.or(other.resolution),
            fps: self.fps.or(other.fps),
            reconnect: self.reconnect.or(other.reconnect),
            transcode: self.transcode.or(other.transcode),
            rtsp_transport: self.rtsp_transport.or(other.rtsp_transport),
            codec: self.codec.or(other.codec),
            bitrate: self.bitrate.or(other.bitrate),
            duration: self.duration.or(other.duration),
            timeout: self.timeout.or(other.timeout),
            connect_timeout: self.connect_timeout.or(other.connect_timeout),
            upload_timeout: self.upload_timeout.or(other.upload_timeout),
            first_result_timeout: self.first_result_timeout.or(other.first_result_timeout),
            idle_timeout: self.idle_timeout.or(other.idle_timeout),
            dead_after: self.dead_after.or(other.dead_after),
            retry: self.retry.or(other.retry),
            processing_timeout: self.processing_timeout.or(other.processing_timeout),
            no_diagnosis: self.no_diagnosis.or(other.no_diagnosis),
            restart: self.restart.or(other.restart),
            max_restart_wait: self.max_restart_wait.or(other.max_restart_wait),
            sinks: self.sinks.or(other.sinks),
            images: self.images.or(other.images),
            view: self.view.or(other.view),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: serde_json::Value) -> StreamOptions {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_a_stream_says_comes_before_what_the_defaults_say() {
        let defaults =
            options(serde_json::json!({"image_input": "a", "idle_timeout": 5, "fps": 3}));
        let stream = options(serde_json::json!({"idle_timeout": 9}));
        let expected =
            options(serde_json::json!({"image_input": "a", "idle_timeout": 9, "fps": 3}));
        assert_eq!(stream.over(&defaults), expected);
    }

    #[test]
    fn a_stream_with_a_model_does_not_take_over_a_workflow_and_none_two_servers() {
        let defaults = options(serde_json::json!({
            "workflow_id": "count", "workspace": "acme", "server": "http://a", "api_key": "k",
        }));
        let stream = options(serde_json::json!({"model": "rfdetr-nano", "whip": "http://b"}));
        let expected = options(serde_json::json!({
            "model": "rfdetr-nano", "whip": "http://b", "api_key": "k",
        }));
        assert_eq!(stream.over(&defaults), expected);
    }
}
