//! Which option of `run` applies to which source. What does not apply is refused: whoever gives an
//! option expects something of it.

use clap::ArgMatches;
use clap::parser::ValueSource;
#[cfg(test)]
use streamsdk_fleet::SourceKind::{self, Local, Pattern, Webcam};
use streamsdk_fleet::SourceKind::{File, Mjpeg, Rtsp, Url};
use streamsdk_fleet::{OptionRule, SOURCE_RULES, SourceName};

use self::ServerType::{Backend, Inside, Server, Whip};
use super::{RunArguments, Sources};
use crate::failure::Failure;

/// What the video goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerType {
    /// The worker inside.
    Inside,
    Server,
    Backend,
    Whip,
}

/// Options that not every server can obey.
struct ServerRule {
    options: &'static [&'static str],
    applies_to: &'static [ServerType],
    /// Why not.
    reason: &'static str,
}

/// Options that are not here apply to every server.
const SERVER_RULES: &[ServerRule] = &[
    ServerRule {
        options: &["ice_server", "turn", "turn_user", "relay_only", "timeout"],
        applies_to: &[Server, Backend, Whip],
        reason: "needs --server: the worker inside has no use for it",
    },
    ServerRule {
        options: &["plan", "region", "model"],
        applies_to: &[Server, Backend],
        reason: "needs --server or --backend",
    },
    ServerRule {
        options: &["api_key_transport"],
        applies_to: &[Server],
        reason: "needs --server, which is the one that an API key goes to",
    },
    ServerRule {
        options: &["token_file"],
        applies_to: &[Backend, Whip],
        reason: "needs --backend or --whip",
    },
    ServerRule {
        options: &[
            "workflow",
            "workflow_id",
            "workspace",
            "image_input",
            "stream_output",
            "data_output",
            "parameters",
            "save",
            "jsonl",
            "view",
            "upload_timeout",
            "first_result_timeout",
            "idle_timeout",
            "processing_timeout",
            "realtime",
        ],
        applies_to: &[Inside, Server, Backend],
        reason: "has no use with --whip: a WHIP server is told nothing of workflows, and nothing comes back",
    },
];

/// Refuses what was given and does not apply.
pub(crate) fn check(arguments: &RunArguments, matches: &ArgMatches) -> Result<(), Failure> {
    #[cfg(feature = "fleet")]
    if arguments.config.is_some() {
        return check_with_config(matches);
    }
    let given = |option: &str| is_given(matches, option);
    let server = ServerType::of(arguments);
    let refused = SERVER_RULES.iter().filter(|rule| !rule.applies_to.contains(&server));
    let refused = refused
        .flat_map(|rule| rule.options.iter().map(|option| (*option, rule.reason)))
        .find(|(option, _)| given(option));
    if let Some((option, reason)) = refused {
        return Err(refusal(option, reason));
    }
    let sources = arguments.sources()?;
    match sources {
        Sources::Many(_) => check_with_many(&given, server)?,
        Sources::One(_) if given("files_at_once") => {
            return Err(refusal("files_at_once", "is for several sources"));
        }
        Sources::One(_) => {}
    }
    sources.all().iter().try_for_each(|source| check_source(source, &given, server, arguments))
}

/// Options of `run` that are for one source.
const FOR_ONE: &[&str] = &["save", "summary_json", "read_markers"];

fn check_with_many(given: &impl Fn(&str) -> bool, server: ServerType) -> Result<(), Failure> {
    if cfg!(not(feature = "fleet")) {
        let what = "this program was built without several sources at a time (feature `fleet`)";
        return Err(Failure::Usage(what.to_owned()));
    }
    if server == Whip {
        return Err(refusal("whip", "takes one source"));
    }
    match FOR_ONE.iter().find(|option| given(option)) {
        Some(option) => Err(refusal(option, "is for one source")),
        None => Ok(()),
    }
}

fn check_source(
    source: &SourceName,
    given: &impl Fn(&str) -> bool,
    server: ServerType,
    arguments: &RunArguments,
) -> Result<(), Failure> {
    if server == Whip && matches!(source.kind(), Rtsp | Mjpeg) {
        let what = "takes video that this program sends: a file, a url: file, a local: stream, a webcam or a drawing";
        return Err(refusal("whip", what));
    }
    let takes = |rule: &OptionRule| rule.takes(source.kind(), server == Whip);
    let refused = SOURCE_RULES.iter().find(|rule| given(rule.option) && !takes(rule));
    if let Some(OptionRule { option, about, .. }) = refused {
        return Err(refusal(option, &format!("is for {about}")));
    }
    let pointless_codec = pointless_codec(source, arguments).filter(|_| server != Whip);
    if let Some(reason) = pointless_codec.filter(|_| given("codec")) {
        return Err(refusal("codec", reason));
    }
    if given("retry") && source.is_file() && (arguments.realtime || arguments.frames_by_track) {
        return Err(refusal("retry", "is for files whose every frame comes back as data"));
    }
    if given("rtsp_transport") && !is_local_rtsp(source) {
        return Err(refusal("rtsp_transport", "is for local:rtsp:// streams"));
    }
    Ok(())
}

/// Options of `run` that are for a file of streams, too.
#[cfg(feature = "fleet")]
const WITH_CONFIG: &[&str] = &["config", "view", "quiet", "verbose", "color", "log"];

/// What a stream is to do is said in the file.
#[cfg(feature = "fleet")]
fn check_with_config(matches: &ArgMatches) -> Result<(), Failure> {
    let mut given = matches.ids().map(clap::Id::as_str).filter(|option| is_given(matches, option));
    match given.find(|option| !WITH_CONFIG.contains(option)) {
        Some(option) => Err(refusal(option, "has no use with --config: say it in the file")),
        None => Ok(()),
    }
}

impl ServerType {
    fn of(arguments: &RunArguments) -> Self {
        match arguments {
            RunArguments { whip: Some(_), .. } => Whip,
            RunArguments { backend: Some(_), .. } => Backend,
            RunArguments { server, .. } if server.url.is_some() => Server,
            _ => Inside,
        }
    }
}

/// Whether it is on the command line: what comes from the environment is meant for every run.
fn is_given(matches: &ArgMatches, option: &str) -> bool {
    matches.try_contains_id(option).unwrap_or(false)
        && matches.value_source(option) == Some(ValueSource::CommandLine)
}

/// Why there is no video to have a codec.
fn pointless_codec(source: &SourceName, arguments: &RunArguments) -> Option<&'static str> {
    let nothing_returns = arguments.stream_output.is_empty();
    match source.kind() {
        File | Url if !arguments.frames_by_track => {
            Some("needs --frames-by-track: a file's frames come back as images otherwise")
        }
        File | Url | Rtsp | Mjpeg if nothing_returns => {
            Some("needs --stream-output: no video comes back otherwise")
        }
        _ => None,
    }
}

fn is_local_rtsp(source: &SourceName) -> bool {
    let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match source {
        SourceName::Local(url) => matches!(scheme(url).as_deref(), Some("rtsp" | "rtsps")),
        _ => false,
    }
}

fn refusal(option: &str, reason: &str) -> Failure {
    let name = option.replace('_', "-");
    Failure::Usage(format!("--{name} {reason}"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;
    use crate::args::{Arguments, Command};

    const SOURCES: [(SourceKind, &str); 7] = [
        (File, "a.mp4"),
        (Url, "url:http://h/a.mp4"),
        (Rtsp, "rtsp://h/1"),
        (Mjpeg, "http://h/1"),
        (Local, "local:rtsp://h/1"),
        (Webcam, "webcam:0"),
        (Pattern, "pattern:16x16"),
    ];

    /// Every option that is not for every source, how it is written, and the sources that it is for.
    const EXPECTED: &[(&[&str], &[SourceKind])] = &[
        (&["--realtime"], &[File, Url]),
        (&["--every-frame"], &[Rtsp, Mjpeg, Local, Webcam, Pattern]),
        (&["--frames-by-track", "--stream-output=a"], &[File, Url]),
        #[cfg(feature = "url")]
        (&["--allow-private"], &[Url]),
        #[cfg(feature = "url")]
        (&["--no-cache"], &[Url]),
        (&["--realtime", "--retry=60"], &[]),
        #[cfg(all(feature = "webcam", target_os = "linux"))]
        (&["--resolution=16x16"], &[Webcam]),
        #[cfg(all(feature = "webcam", target_os = "linux"))]
        (&["--fps=5"], &[Webcam]),
        #[cfg(feature = "local-stream")]
        (&["--reconnect=1"], &[Local]),
        #[cfg(feature = "local-stream")]
        (&["--transcode"], &[Local]),
        #[cfg(feature = "local-stream")]
        (&["--rtsp-transport=tcp"], &[Local]),
        (&["--bitrate=1M"], &[Local, Webcam, Pattern]),
        (&["--codec=vp8"], &[Local, Webcam, Pattern]),
        (&["--codec=vp8", "--stream-output=a"], &[Rtsp, Mjpeg, Local, Webcam, Pattern]),
        (&["--codec=vp8", "--stream-output=a", "--frames-by-track"], &[File, Url]),
    ];

    const EVERYWHERE: &[&str] = &[
        "source",
        // In the place of a source, or for several.
        "config",
        "files_at_once",
        "url",
        "backend",
        "whip",
        "api_key",
        "turn_credential",
        // Needs a model, which not every server has.
        "task",
        "summary_json",
        "duration",
        "connect_timeout",
        "dead_after",
        "retry",
        "no_diagnosis",
        "read_markers",
        "quiet",
        "verbose",
        "color",
        "log",
        "help",
        "version",
    ];

    fn checked(given: &[&str]) -> Result<(), Failure> {
        let matches =
            Arguments::command().get_matches_from([&["streamsdk", "run"], given].concat());
        let Command::Run(arguments) = Arguments::from_arg_matches(&matches).unwrap().command else {
            panic!("{given:?}")
        };
        check(&arguments, matches.subcommand().unwrap().1)
    }

    #[test]
    fn each_option_is_taken_with_its_sources_and_refused_with_all_others() {
        for (options, takes) in EXPECTED {
            for (kind, source) in SOURCES {
                let given = [&[source], *options].concat();
                let checked = checked(&given);
                assert_eq!(checked.is_ok(), takes.contains(&kind), "{given:?}: {checked:?}");
            }
        }
    }

    #[test]
    fn options_for_somebody_elses_server_need_one() {
        let turn = ["--turn=turn:h", "--turn-user=u", "--turn-credential=c"];
        let single = ["--ice-server=stun:h", "--plan=p", "--region=r"];
        let others: [&[&str]; 3] = [&turn, &["--timeout=5"], &["--model=m"]];
        let cases = single.iter().map(std::slice::from_ref).chain(others);
        for options in cases {
            let given = [&["a.mp4"], options].concat();
            assert!(checked(&given).unwrap_err().to_string().contains("--server"), "{given:?}");
            checked(&[&given[..], &["--server=http://h"]].concat()).unwrap();
        }
    }

    #[test]
    fn what_is_about_results_has_no_use_where_nothing_comes_back() {
        let whip = ["pattern:16x16", "--whip=http://h/whip"];
        for option in [
            "--workflow=w.json",
            "--workflow-id=w",
            "--image-input=i",
            "--data-output=a",
            "--stream-output=a",
            "--param=a=1",
            "--jsonl=o.jsonl",
            "--idle-timeout=5",
            "--api-key-transport=both",
            "--plan=p",
            "--model=m",
        ] {
            let refused = checked(&[&whip[..], &[option]].concat()).unwrap_err().to_string();
            assert!(refused.contains("--whip") || refused.contains("--server"), "{refused}");
        }
        for option in ["--token-file=t", "--every-frame", "--timeout=5", "--summary-json=s.json"] {
            checked(&[&whip[..], &[option]].concat()).unwrap();
        }
        let token = checked(&["a.mp4", "--token-file=t"]).unwrap_err().to_string();
        assert!(token.contains("--backend or --whip"), "{token}");
    }

    #[test]
    fn a_file_that_is_published_is_sent_as_live_sources_are() {
        for file in ["a.mp4", "url:http://h/a.mp4"] {
            for option in ["--bitrate=1M", "--codec=h264", "--every-frame"] {
                checked(&[file, "--whip=http://h/whip", option]).unwrap();
                let refused = checked(&[file, "--server=http://h", option]);
                assert!(refused.is_err(), "{file} {option}");
            }
        }
    }

    #[test]
    fn what_this_program_does_not_send_itself_is_not_published() {
        for (kind, source) in SOURCES {
            let is_sent = matches!(kind, File | Url | Local | Webcam | Pattern);
            assert_eq!(checked(&[source, "--whip=http://h/whip"]).is_ok(), is_sent, "{source}");
        }
    }

    #[test]
    fn a_stream_that_is_not_rtsp_has_no_rtsp_transport() {
        #[cfg(feature = "local-stream")]
        assert!(checked(&["local:rtmp://h/1", "--rtsp-transport=udp"]).is_err());
    }

    #[test]
    fn for_every_option_it_is_decided_what_it_applies_to() {
        let command = Arguments::command();
        let run = command.find_subcommand("run").unwrap();
        let of_servers = SERVER_RULES.iter().flat_map(|rule| rule.options.iter().copied());
        let ruled = SOURCE_RULES.iter().map(|rule| rule.option).chain(of_servers);
        let known: Vec<&str> = ruled.chain(["codec"]).chain(EVERYWHERE.iter().copied()).collect();
        for option in run.get_arguments() {
            assert!(known.contains(&option.get_id().as_str()), "{}", option.get_id());
        }
    }

    #[test]
    fn a_refusal_names_the_option_as_it_is_written() {
        let refused = checked(&["webcam:0", "--realtime"]).unwrap_err().to_string();
        assert!(refused.starts_with("--realtime is for video files"), "{refused}");
    }
}
