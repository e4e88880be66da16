//! What is counted, for whoever collects it through the facade of the crate `metrics`. The names stand in `docs/streams.md`.

use ::metrics::{Label, counter, gauge};
use serde_json::Value;
use streamsdk::Drops;

use crate::fleet::SinkStatus;
use crate::streams::{StreamState, StreamStatus};

/// Tells the recorder how everything is now.
pub(crate) fn record(streams: &[StreamStatus], sinks: &[SinkStatus]) {
    for state in StreamState::ALL {
        let count = streams.iter().filter(|stream| stream.state == state).count();
        gauge!("streamsdk_streams", "state" => state.as_str()).set(count as f64);
    }
    streams.iter().for_each(record_stream);
    sinks.iter().for_each(record_sink);
}

fn record_stream(status: &StreamStatus) {
    let name = status.name.as_str();
    let is_up = status.state == StreamState::Running;
    gauge!("streamsdk_stream_up", of_stream(name)).set(f64::from(u8::from(is_up)));
    let totals = &status.totals;
    for (metric, count) in [
        ("streamsdk_sessions_total", totals.sessions),
        ("streamsdk_links_total", totals.links),
        ("streamsdk_frames_sent_total", totals.frames_sent),
        ("streamsdk_frames_returned_total", totals.frames_returned),
        ("streamsdk_frames_failed_total", totals.frames_failed),
        ("streamsdk_results_undelivered_total", totals.undelivered),
    ] {
        counter!(metric, of_stream(name)).absolute(count);
    }
    for (cause, count) in causes(totals.dropped) {
        let mut labels = of_stream(name);
        labels.push(Label::new("cause", cause));
        counter!("streamsdk_frames_dropped_total", labels).absolute(count);
    }
}

/// The causes by the names that they have in JSON.
fn causes(dropped: Drops) -> Vec<(String, u64)> {
    let Ok(Value::Object(causes)) = serde_json::to_value(dropped) else { return Vec::new() };
    causes.into_iter().filter_map(|(cause, count)| Some((cause, count.as_u64()?))).collect()
}

fn record_sink(status: &SinkStatus) {
    let labels = || vec![Label::new("sink", status.name.clone())];
    let counters = &status.counters;
    for (metric, count) in [
        ("streamsdk_sink_taken_total", counters.taken),
        ("streamsdk_sink_delivered_total", counters.delivered),
        ("streamsdk_sink_refused_total", counters.refused),
        ("streamsdk_sink_dropped_total", counters.dropped),
        ("streamsdk_sink_damaged_total", counters.damaged),
        ("streamsdk_sink_retries_total", counters.retries),
    ] {
        counter!(metric, labels()).absolute(count);
    }
    for (metric, value) in [
        ("streamsdk_sink_waiting", counters.waiting),
        ("streamsdk_sink_memory_bytes", counters.memory_bytes),
        ("streamsdk_sink_disk_bytes", counters.disk_bytes),
    ] {
        gauge!(metric, labels()).set(value as f64);
    }
}

fn of_stream(name: &str) -> Vec<Label> {
    vec![Label::new("stream", name.to_owned())]
}
