//! Where results go, and that they go onto nothing that is needed.

mod identity;
mod part;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use streamsdk_fleet::{SourceName, WebcamName};

use self::identity::{Identity, behind_links};
pub(super) use self::part::{Part, Remains, Reserved};
use crate::args::RunArguments;
use crate::failure::Failure;

/// An output that was asked for.
#[derive(Debug)]
pub(super) struct OutputTarget {
    option: &'static str,
    /// As it was given.
    name: PathBuf,
    destination: Destination,
    identity: Option<Identity>,
}

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// Standard output.
    Stdout,
    /// A device or a pipe: written as it comes.
    Stream(PathBuf),
    /// A file, that is there or not; behind all links.
    File(PathBuf),
}

/// The outputs of a run, which were found to be harmless together.
#[derive(Debug, Default)]
pub(super) struct Targets {
    pub(super) save: Option<OutputTarget>,
    pub(super) jsonl: Option<OutputTarget>,
    pub(super) summary: Option<OutputTarget>,
}

impl Targets {
    /// Looks at all of them and opens none.
    pub(super) fn find(arguments: &RunArguments, source: &SourceName) -> Result<Self, Failure> {
        let target = |option, path: &Option<PathBuf>| {
            path.as_deref().map(|path| OutputTarget::find(option, path)).transpose()
        };
        let targets = Self {
            #[cfg(feature = "save")]
            save: target("--save", &arguments.save)?,
            #[cfg(not(feature = "save"))]
            save: None,
            jsonl: target("--jsonl", &arguments.jsonl)?,
            summary: target("--summary-json", &arguments.summary_json)?,
        };
        refuse_dash(targets.save.as_ref())?;
        let outputs: Vec<&OutputTarget> =
            [&targets.save, &targets.jsonl, &targets.summary].into_iter().flatten().collect();
        spare_inputs(&outputs, arguments, source)?;
        keep_apart(&outputs)?;
        Ok(targets)
    }

    /// Whether results go to standard output, where words for people would be in their way.
    pub(super) fn take_stdout(&self) -> bool {
        let mut all = [&self.save, &self.jsonl, &self.summary].into_iter().flatten();
        all.any(|target| target.destination == Destination::Stdout)
    }
}

/// The file that several sources write lines to, empty; `None` if none was asked for.
#[cfg(feature = "fleet")]
pub(crate) fn emptied_jsonl(
    arguments: &RunArguments,
    sources: &[SourceName],
) -> Result<Option<PathBuf>, Failure> {
    let targets = sources.iter().map(|source| Targets::find(arguments, source));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let Some(target) = targets.into_iter().next().and_then(|targets| targets.jsonl) else {
        return Ok(None);
    };
    match target.destination() {
        Destination::File(path) => {
            let file = target.open_as_it_comes()?;
            let emptied = file.map_or(Ok(()), |file| file.set_len(0));
            emptied.map_err(|error| target.unwritable(error))?;
            Ok(Some(path.clone()))
        }
        _ => Err(Failure::Usage("--jsonl is a file where there are several sources".to_owned())),
    }
}

impl OutputTarget {
    fn find(option: &'static str, path: &Path) -> Result<Self, Failure> {
        let wrong = |error: io::Error| unwritable(path, error);
        let name = path.to_owned();
        if path == Path::new("-") {
            return Ok(Self { option, name, destination: Destination::Stdout, identity: None });
        }
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = behind_links(path).map_err(wrong)?;
                let identity = Some(Identity::of(&path).map_err(wrong)?);
                return Ok(Self { option, name, destination: Destination::File(path), identity });
            }
            Err(error) => return Err(wrong(error)),
        };
        if metadata.is_dir() {
            return Err(wrong(io::ErrorKind::IsADirectory.into()));
        }
        let identity = Some(Identity::of(path).map_err(wrong)?);
        let destination = match () {
            // `/dev/stdout`, or the file that it leads to.
            () if identity == stdout_identity() => Destination::Stdout,
            () if metadata.is_file() => Destination::File(behind_links(path).map_err(wrong)?),
            () => Destination::Stream(path.to_owned()),
        };
        // Whoever may read everything into one device may write everything there.
        let identity = identity.filter(|_| !is_device(&metadata));
        Ok(Self { option, name, destination, identity })
    }

    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Opens what is written as it comes. A file keeps what is in it for now.
    pub(super) fn open_as_it_comes(&self) -> Result<Option<File>, Failure> {
        let (path, is_file) = match &self.destination {
            Destination::Stdout => return Ok(None),
            Destination::Stream(path) => (path, false),
            Destination::File(path) => (path, true),
        };
        let file = OpenOptions::new().write(true).create(is_file).truncate(false).open(path);
        file.map(Some).map_err(|error| self.unwritable(error))
    }

    /// Makes the part that will replace the file `path`.
    pub(super) fn reserve(&self, path: &Path, remains: Remains) -> Result<Reserved, Failure> {
        let wrong = |error| self.unwritable(error);
        if path.exists() {
            // A file that must not be written must not be replaced either.
            OpenOptions::new().write(true).open(path).map_err(wrong)?;
        }
        Part::reserve(path, remains).map_err(wrong)
    }

    pub(super) fn unwritable(&self, error: io::Error) -> Failure {
        unwritable(&self.name, error)
    }
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    Failure::Usage(format!("{} cannot be written: {error}", path.display()))
}

/// A recording is no text, and not for a terminal.
fn refuse_dash(save: Option<&OutputTarget>) -> Result<(), Failure> {
    match save.is_some_and(|target| target.name == Path::new("-")) {
        true => Err(Failure::Usage(
            "--save - is not understood: write /dev/stdout for standard output, ./- for a file"
                .to_owned(),
        )),
        false => Ok(()),
    }
}

/// What the run reads must not be written onto, under whatever name.
fn spare_inputs(
    outputs: &[&OutputTarget],
    arguments: &RunArguments,
    source: &SourceName,
) -> Result<(), Failure> {
    let source = match source {
        SourceName::File(path) => Some(path.as_path()),
        SourceName::Webcam(WebcamName::Text(path)) => Some(Path::new(path)),
        _ => None,
    };
    let inputs = [("the source", source), ("the workflow", arguments.workflow.as_deref())];
    for (what, input) in inputs {
        // An input that is not there is found out about later.
        let Some(identity) = input.and_then(|path| Identity::of(path).ok()) else { continue };
        let taken = outputs.iter().find(|output| output.identity.as_ref() == Some(&identity));
        if let Some(OutputTarget { option, name, .. }) = taken {
            let name = name.display();
            return Err(Failure::Usage(format!("{option} {name} would overwrite {what}")));
        }
    }
    Ok(())
}

/// No two outputs may be one file.
fn keep_apart(outputs: &[&OutputTarget]) -> Result<(), Failure> {
    for (index, one) in outputs.iter().enumerate() {
        let is_same = |other: &&&OutputTarget| match (&one.destination, &other.destination) {
            (Destination::Stdout, Destination::Stdout) => true,
            _ => one.identity.is_some() && one.identity == other.identity,
        };
        if let Some(other) = outputs[index + 1..].iter().find(is_same) {
            let (one, other) = (one.option, other.option);
            return Err(Failure::Usage(format!("{one} and {other} would go to the same place")));
        }
    }
    Ok(())
}

/// What standard output is, unless that is a device.
#[cfg(unix)]
fn stdout_identity() -> Option<Identity> {
    use std::os::fd::AsFd;
    let copy = std::io::stdout().as_fd().try_clone_to_owned().ok()?;
    let metadata = File::from(copy).metadata().ok().filter(|metadata| !is_device(metadata))?;
    identity::FileId::of(Path::new(""), &metadata).ok().map(Identity::Existing)
}

#[cfg(not(unix))]
fn stdout_identity() -> Option<Identity> {
    None
}

#[cfg(unix)]
fn is_device(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_device(_metadata: &fs::Metadata) -> bool {
    false
}
