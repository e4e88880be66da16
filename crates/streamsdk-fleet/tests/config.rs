//! Files of streams: what they come to, and what is said of those that cannot be.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::Path;

use streamsdk_fleet::{ConfigError, FleetConfig, StreamOptions};

/// A file that can be used.
const GOOD: &str = r#"
files_at_once = 2
admin = "127.0.0.1:0"

[defaults]
server = "http://127.0.0.1:9001"
workflow_id = "count"
workspace = "acme"
sinks = ["log"]

[sinks.log]
type = "jsonl"
path = "results.jsonl"
spool = "spool"
when_full = "drop_oldest"

[streams.gate]
source = "rtsp://me:s3cret@10.0.0.7/1"
retry = "forever"

[streams.yard]
source = "local:rtsp://10.0.0.8/1"
model = "rfdetr-nano"
task = "object-detection"
bitrate = "2.5M"
params = { confidence = 0.4, classes = ["car"] }
"#;

fn parse(text: &str) -> Result<FleetConfig, ConfigError> {
    FleetConfig::parse(text, "streams.toml", Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// What is said of [`GOOD`] with one line in the place of another.
fn said_of(line: &str, instead: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    let text = GOOD.replacen(line, instead, 1);
    parse(&text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_good_file_is_taken() {
    let config = parse(GOOD).unwrap();
    let streams: Vec<&str> = config.stream_names().map(|name| name.as_str()).collect();
    assert_eq!(streams, ["gate", "yard"]);
    assert_eq!(config.sink_names().collect::<Vec<_>>(), ["log"]);
    assert!(config.admin().unwrap().ip().is_loopback());
}

#[test]
fn nothing_is_a_good_file() {
    assert_eq!(parse("").unwrap().stream_names().count(), 0);
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_column() {
    let mut wrong = Vec::new();
    for (line, instead, place, said) in [
        ("files_at_once = 2", "files_at_once = ", "2:17", "must be quoted"),
        ("files_at_once = 2", "files_at_twice = 2", "2:1", "files_at_twice"),
        ("files_at_once = 2", "files_at_once = \"two\"", "2:17", "expected"),
        ("retry = \"forever\"", "retries = 3", "19:1", "retries"),
        ("retry = \"forever\"", "retry = 0", "19:9", "more than 0"),
        ("retry = \"forever\"", "fps = 3", "19:7", "webcams"),
        ("retry = \"forever\"", "sinks = [\"lag\"]", "19:9", "no sink called lag"),
        ("retry = \"forever\"", "image_input = 3", "19:15", "string"),
        ("retry = \"forever\"", "workflow = \"no.json\"", "19:12", "no.json"),
        ("retry = \"forever\"", "api_key = { env = \"NO_SUCH\" }", "19:11", "NO_SUCH"),
        ("retry = \"forever\"", "api_key = { vault = \"x\" }", "19:11", "vault"),
        ("retry = \"forever\"", "backend = \"http://a\"\nwhip = \"http://b\"", "19:11", "only one"),
        ("retry = \"forever\"", "server = \"ftp://me:s3cret@h\"", "19:10", "ftp"),
        ("retry = \"forever\"", "relay_only = true", "19:14", "turn"),
        ("[streams.gate]", "[streams.\"ga te\"]", "17:10", "letters"),
        ("[streams.gate]", "[streams.yard]", "21:10", "duplicate"),
        ("source = \"local:rtsp://10.0.0.8/1\"", "source = \"no.mp4\"", "22:10", "no file"),
        ("source = \"local:rtsp://10.0.0.8/1\"", "", "21:10", "source is missing"),
        ("task = \"object-detection\"", "task = \"flying\"", "24:8", "flying"),
        ("bitrate = \"2.5M\"", "bitrate = 3", "25:11", "10k"),
        ("bitrate = \"2.5M\"", "resolution = \"3\"", "25:14", "WIDTHxHEIGHT"),
        ("type = \"jsonl\"", "type = \"carrier pigeon\"", "12:8", "jsonl, webhook"),
        ("type = \"jsonl\"", "", "11:8", "type is missing"),
        ("path = \"results.jsonl\"", "", "11:8", "path"),
        ("path = \"results.jsonl\"", "path = \"a\"\nurl = \"b\"", "14:1", "url"),
        ("when_full = \"drop_oldest\"", "when_full = \"panic\"", "15:13", "panic"),
        ("server = \"http://127.0.0.1:9001\"", "", "17:10", "server, backend or whip"),
        ("workflow_id = \"count\"", "", "17:10", "what the server should run"),
        ("workspace = \"acme\"", "", "7:15", "needs a workspace"),
    ] {
        let error = said_of(line, instead);
        assert!(!error.contains("s3cret"), "{error}");
        if !(error.starts_with(&format!("streams.toml:{place}: ")) && error.contains(said)) {
            wrong.push(format!("{instead:?} should be at {place}, with {said:?}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_that_is_wrong_is_said_in_its_order() {
    let text = GOOD
        .replacen("retry = \"forever\"", "retries = 3", 1)
        .replacen("path = \"results.jsonl\"", "paths = 1", 1)
        .replacen("bitrate = \"2.5M\"", "bitrate = 1", 1);
    let error = parse(&text).map(|_| ()).unwrap_err();
    let lines: Vec<usize> = error.problems().iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [13, 19, 25], "{error}");
    assert!(error.to_string().contains("unknown field `retries`: is `retry` meant?"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = FleetConfig::read("no/such/streams.toml").map(|_| ()).unwrap_err();
    assert!(error.to_string().starts_with("no/such/streams.toml: "), "{error}");
}

#[test]
fn paths_are_relative_to_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("clip.mp4"), "video").unwrap();
    std::fs::write(folder.path().join("key"), "s3cret").unwrap();
    let text = r#"
        [streams.clip]
        source = "clip.mp4"
        server = "http://127.0.0.1:9001"
        model = "m"
        api_key = { file = "key" }
    "#;
    let file = folder.path().join("streams.toml");
    std::fs::write(&file, text).unwrap();
    let config = FleetConfig::read(&file).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn images_are_left_out_inline_or_in_a_folder() {
    let with = |images: &str| {
        parse(&format!(
            "[streams.gate]\nsource = \"rtsp://10.0.0.7/1\"\nserver = \"http://127.0.0.1:9001\"\n\
             model = \"m\"\nimages = {images}\n"
        ))
    };
    for good in [
        "\"off\"",
        "\"inline\"",
        "{ folder = \"kept\" }",
        "{ folder = \"/kept\", url = \"https://example.com/kept\", max_bytes = 1000 }",
    ] {
        with(good).unwrap();
    }
    for bad in ["\"all\"", "{}", "{ folder = 1 }", "{ folder = \"kept\", maxbytes = 1 }", "true"] {
        let error = with(bad).unwrap_err().to_string();
        let said = "5:10: expected `off`, `inline` or a table with a `folder`";
        assert!(error.contains(said), "{bad}: {error}");
    }
}

#[cfg(all(feature = "mqtt", feature = "nats", feature = "redis", feature = "webhook"))]
#[test]
fn sinks_have_tls_as_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["me".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.path().join("ca.key"), key.serialize_pem()).unwrap();
    let parse = |sink: &str, tls: &str| {
        let text = format!("[sinks.log]\n{sink}\ntls = {tls}\n");
        let config = FleetConfig::parse(&text, "streams.toml", folder.path());
        config.map(|_| ()).map_err(|error| error.to_string())
    };

    let mqtt = "type = \"mqtt\"\nhost = \"broker\"";
    let redis = |scheme| format!("type = \"redis\"\nurl = \"{scheme}://broker\"");
    let nats = "type = \"nats\"\nservers = \"tls://broker\"";
    let webhook = |scheme| format!("type = \"webhook\"\nurl = \"{scheme}://broker\"");
    let own = r#"{ ca_file = "ca.pem", certificate_file = "ca.pem", key_file = "ca.key" }"#;
    for sink in [mqtt, nats, &redis("rediss"), &webhook("https")] {
        for tls in ["true", "false", r#"{ ca_file = "ca.pem" }"#, own] {
            parse(sink, tls).unwrap();
        }
    }
    for (sink, tls, place, said) in [
        (mqtt, "{ ca = \"ca.pem\" }", "4:7", "expected `true`, `false` or a table with `ca_file`"),
        (mqtt, r#"{ ca_file = "no.pem" }"#, "1:8", "no.pem"),
        (mqtt, r#"{ ca_file = "ca.key" }"#, "1:8", "no certificate"),
        (mqtt, r#"{ key_file = "ca.key" }"#, "1:8", "belong together"),
        (&redis("redis"), "true", "1:8", "rediss://"),
        (&webhook("http"), "true", "1:8", "https://"),
    ] {
        let error = parse(sink, tls).unwrap_err();
        let is_said = error.starts_with(&format!("streams.toml:{place}: ")) && error.contains(said);
        assert!(is_said, "{sink} {tls}: {error}");
    }
}

/// The names that a table of the schema has.
fn names_of(properties: &serde_json::Value) -> std::collections::BTreeSet<String> {
    properties.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schema_has_the_options_of_streams_and_no_others() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/streams.schema.json");
    let schema: serde_json::Value =
        serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    // Whoever is not understood is told all that there is.
    let error = serde_json::from_str::<StreamOptions>(r#"{"?": 1}"#).unwrap_err().to_string();
    let known = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert_eq!(names_of(&schema["$defs"]["stream"]["properties"]), known);
}

#[test]
fn what_the_documentation_shows_is_a_good_file() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/streams.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, rest) = document.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    // What it names is on another machine.
    let example = example
        .replace("{ file = \"/run/secrets/gate-camera\" }", "\"rtsp://10.0.0.7/1\"")
        .replace("{ env = \"ROBOFLOW_API_KEY\" }", "\"key\"")
        .replace("/videos/2026-11-28.mp4", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let config = parse(&example);
    if cfg!(feature = "nats") {
        assert_eq!(config.unwrap().stream_names().count(), 3);
    }
}
