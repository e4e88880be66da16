//! Sinks, as a file of streams describes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
#[cfg(feature = "tls")]
use streamsdk_sinks::Tls;
use streamsdk_sinks::jsonl::JsonlFile;
use streamsdk_sinks::{OutletConfig, ResultSink, WhenFull};

use super::tls::TlsOption;
use crate::options::{SecretText, values};

/// What a sink is, and how results wait for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SinkEntry {
    pub(super) outlet: OutletOptions,
    pub(super) kind: SinkKind,
}

/// The keys of [`OutletOptions`].
pub(super) const OUTLET_KEYS: &[&str] =
    &["spool", "disk_limit", "memory_limit", "when_full", "delivery_limit"];

/// How results wait for a sink.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OutletOptions {
    spool: Option<PathBuf>,
    disk_limit: Option<u64>,
    memory_limit: Option<usize>,
    when_full: Option<WhenFullOption>,
    #[serde(deserialize_with = "values::limit_given")]
    delivery_limit: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhenFullOption {
    Wait,
    DropOldest,
    DropNewest,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum SinkKind {
    Jsonl(JsonlOptions),
    Webhook(WebhookOptions),
    Mqtt(MqttOptions),
    Nats(NatsOptions),
    Redis(RedisOptions),
    Kafka(KafkaOptions),
}

/// The values of `type`.
pub(super) const SINK_TYPES: [&str; 6] = ["jsonl", "webhook", "mqtt", "nats", "redis", "kafka"];

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JsonlOptions {
    path: PathBuf,
    max_bytes: Option<u64>,
    max_files: Option<usize>,
    sync: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "webhook"), allow(dead_code))]
pub(super) struct WebhookOptions {
    url: SecretText,
    #[serde(default)]
    headers: BTreeMap<String, SecretText>,
    tls: Option<TlsOption>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "mqtt"), allow(dead_code))]
pub(super) struct MqttOptions {
    host: String,
    port: Option<u16>,
    tls: Option<TlsOption>,
    client_id: Option<String>,
    user: Option<String>,
    password: Option<SecretText>,
    prefix: Option<String>,
    status_topic: Option<String>,
    in_flight: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "nats"), allow(dead_code))]
pub(super) struct NatsOptions {
    servers: String,
    tls: Option<TlsOption>,
    user: Option<String>,
    password: Option<SecretText>,
    token: Option<SecretText>,
    credentials_file: Option<PathBuf>,
    prefix: Option<String>,
    create_stream: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "redis"), allow(dead_code))]
pub(super) struct RedisOptions {
    url: SecretText,
    tls: Option<TlsOption>,
    prefix: Option<String>,
    max_len: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "kafka"), allow(dead_code))]
pub(super) struct KafkaOptions {
    brokers: String,
    topic: String,
    #[serde(default)]
    options: BTreeMap<String, SecretText>,
}

impl SinkEntry {
    /// Lines in one file, however large it becomes.
    pub(super) fn jsonl(path: &Path) -> Self {
        let (max_bytes, max_files, sync) = (Some(u64::MAX), None, None);
        let options = JsonlOptions { path: path.to_owned(), max_bytes, max_files, sync };
        Self { outlet: OutletOptions::default(), kind: SinkKind::Jsonl(options) }
    }

    /// A sink that delivers nothing yet. `name` is its name in the file, `folder` what paths are relative to.
    pub(crate) fn sink(&self, name: &str, folder: &Path) -> Result<Box<dyn ResultSink>, String> {
        match &self.kind {
            SinkKind::Jsonl(options) => Ok(options.sink(folder)),
            SinkKind::Webhook(options) => options.sink(folder),
            SinkKind::Mqtt(options) => options.sink(name, folder),
            SinkKind::Nats(options) => options.sink(folder),
            SinkKind::Redis(options) => options.sink(folder),
            SinkKind::Kafka(options) => options.sink(folder),
        }
    }

    /// How results wait for it.
    pub(crate) fn outlet_config(&self, folder: &Path) -> OutletConfig {
        let options = &self.outlet;
        let mut config = OutletConfig::default();
        if let Some(spool) = &options.spool {
            config = config.spool(folder.join(spool));
        }
        if let Some(bytes) = options.disk_limit {
            config = config.disk_limit(bytes);
        }
        if let Some(bytes) = options.memory_limit {
            config = config.memory_limit(bytes);
        }
        if let Some(limit) = options.delivery_limit {
            config = config.delivery_limit(limit);
        }
        config.when_full(match options.when_full {
            None | Some(WhenFullOption::Wait) => WhenFull::Wait,
            Some(WhenFullOption::DropOldest) => WhenFull::DropOldest,
            Some(WhenFullOption::DropNewest) => WhenFull::DropNewest,
        })
    }
}

impl JsonlOptions {
    fn sink(&self, folder: &Path) -> Box<dyn ResultSink> {
        let mut file = JsonlFile::new(folder.join(&self.path));
        if let Some(bytes) = self.max_bytes {
            file = file.max_bytes(bytes);
        }
        if let Some(count) = self.max_files {
            file = file.max_files(count);
        }
        Box::new(file.sync(self.sync.unwrap_or_default()))
    }
}

impl WebhookOptions {
    #[cfg(feature = "webhook")]
    fn sink(&self, folder: &Path) -> Result<Box<dyn ResultSink>, String> {
        let url = self.url.read(folder)?;
        let tls = tls_of_url(self.tls.as_ref(), folder, &url, "https")?.unwrap_or_default();
        let hook = streamsdk_sinks::webhook::Webhook::with_tls(&url, &tls);
        let mut hook = hook.map_err(|error| error.to_string())?;
        for (name, value) in &self.headers {
            let value = value.read(folder)?;
            hook = hook.header(name, &value).map_err(|error| error.to_string())?;
        }
        Ok(Box::new(hook))
    }

    #[cfg(not(feature = "webhook"))]
    fn sink(&self, _: &Path) -> Result<Box<dyn ResultSink>, String> {
        Err(not_built("webhook"))
    }
}

impl MqttOptions {
    #[cfg(feature = "mqtt")]
    fn sink(&self, name: &str, folder: &Path) -> Result<Box<dyn ResultSink>, String> {
        let client_id = self.client_id.clone().unwrap_or_else(|| format!("streamsdk-{name}"));
        let tls = tls(self.tls.as_ref(), folder)?;
        let port = self.port.unwrap_or(if tls.is_some() { 8883 } else { 1883 });
        let mut sink = streamsdk_sinks::mqtt::MqttSink::new(&self.host, port, client_id);
        if let Some(tls) = tls {
            sink = sink.tls(&tls).map_err(|error| error.to_string())?;
        }
        if let Some((user, password)) = login(self.user.as_ref(), self.password.as_ref(), folder)? {
            sink = sink.login(user, password);
        }
        if let Some(prefix) = &self.prefix {
            sink = sink.prefix(prefix);
        }
        if let Some(topic) = &self.status_topic {
            sink = sink.status_topic(topic);
        }
        if let Some(records) = self.in_flight {
            sink = sink.in_flight(records);
        }
        Ok(Box::new(sink))
    }

    #[cfg(not(feature = "mqtt"))]
    fn sink(&self, _: &str, _: &Path) -> Result<Box<dyn ResultSink>, String> {
        Err(not_built("mqtt"))
    }
}

impl NatsOptions {
    #[cfg(feature = "nats")]
    fn sink(&self, folder: &Path) -> Result<Box<dyn ResultSink>, String> {
        let tls = tls(self.tls.as_ref(), folder)?.unwrap_or_default();
        let sink = streamsdk_sinks::nats::NatsSink::with_tls(&self.servers, &tls);
        let mut sink = sink.map_err(|error| error.to_string())?;
        if let Some((user, password)) = login(self.user.as_ref(), self.password.as_ref(), folder)? {
            sink = sink.user(user, password);
        }
        if let Some(token) = &self.token {
            sink = sink.token(token.read(folder)?);
        }
        if let Some(path) = &self.credentials_file {
            sink = sink.credentials_file(folder.join(path));
        }
        if let Some(prefix) = &self.prefix {
            sink = sink.prefix(prefix).map_err(|error| error.to_string())?;
        }
        Ok(Box::new(sink.create_stream(self.create_stream.unwrap_or_default())))
    }

    #[cfg(not(feature = "nats"))]
    fn sink(&self, _: &Path) -> Result<Box<dyn ResultSink>, String> {
        Err(not_built("nats"))
    }
}

impl RedisOptions {
    #[cfg(feature = "redis")]
    fn sink(&self, folder: &Path) -> Result<Box<dyn ResultSink>, String> {
        let url = self.url.read(folder)?;
        let tls = tls_of_url(self.tls.as_ref(), folder, &url, "rediss")?.unwrap_or_default();
        let sink = streamsdk_sinks::redis::RedisSink::with_tls(&url, &tls);
        let mut sink = sink.map_err(|error| error.to_string())?;
        if let Some(prefix) = &self.prefix {
            sink = sink.prefix(prefix);
        }
        if let Some(entries) = self.max_len {
            sink = sink.max_len(entries);
        }
        Ok(Box::new(sink))
    }

    #[cfg(not(feature = "redis"))]
    fn sink(&self, _: &Path) -> Result<Box<dyn ResultSink>, String> {
        Err(not_built("redis"))
    }
}

impl KafkaOptions {
    #[cfg(feature = "kafka")]
    fn sink(&self, folder: &Path) -> Result<Box<dyn ResultSink>, String> {
        let mut sink = streamsdk_sinks::kafka::KafkaSink::new(&self.brokers, &self.topic);
        for (name, value) in &self.options {
            sink = sink.option(name, value.read(folder)?);
        }
        Ok(Box::new(sink))
    }

    #[cfg(not(feature = "kafka"))]
    fn sink(&self, _: &Path) -> Result<Box<dyn ResultSink>, String> {
        Err(not_built("kafka"))
    }
}

#[cfg(any(feature = "mqtt", feature = "nats"))]
fn login(
    user: Option<&String>,
    password: Option<&SecretText>,
    folder: &Path,
) -> Result<Option<(String, String)>, String> {
    match (user, password) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some((user.clone(), password.read(folder)?))),
        _ => Err("user and password belong together".to_owned()),
    }
}

#[cfg(feature = "tls")]
fn tls(option: Option<&TlsOption>, folder: &Path) -> Result<Option<Tls>, String> {
    option.map_or(Ok(None), |option| option.read(folder))
}

/// For a sink with a URL, which says by its scheme whether there is TLS.
#[cfg(any(feature = "redis", feature = "webhook"))]
fn tls_of_url(
    option: Option<&TlsOption>,
    folder: &Path,
    url: &str,
    scheme: &str,
) -> Result<Option<Tls>, String> {
    let tls = tls(option, folder)?;
    let is_encrypted = url.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://"));
    if tls.is_some() && !is_encrypted {
        return Err(format!("tls is for URLs that begin with {scheme}://"));
    }
    Ok(tls)
}

#[cfg(not(all(
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "redis",
    feature = "webhook"
)))]
fn not_built(feature: &str) -> String {
    format!("this program was built without it (feature `{feature}`)")
}
