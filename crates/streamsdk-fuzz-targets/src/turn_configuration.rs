//! ICE servers as a platform or a caller gives them, down to where each one is: no credential shows.

use streamsdk_protocol::init::IceConfiguration;
use streamsdk_transport::fuzzing;

/// JSON, or a URL by itself.
pub(crate) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    read_url(text);
    let Ok(configuration) = text.parse::<IceConfiguration>() else { return };
    let written = serde_json::to_string(&configuration).expect("JSON");
    assert_eq!(written.parse::<IceConfiguration>().ok().as_ref(), Some(&configuration));
    let _ = format!("{configuration:?}");
    for server in &configuration.ice_servers {
        server.urls().iter().for_each(|url| read_url(url));
    }
}

/// What is shown of a URL leads to the same server again.
fn read_url(url: &str) {
    if let Some((shown, host, port)) = fuzzing::server_url(url) {
        assert!(!host.is_empty() && port != 0, "{shown}");
        assert!(shown.contains(&host), "{shown}");
    }
}
