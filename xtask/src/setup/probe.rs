use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Job, Output};
use crate::project;

/// How to find out whether something is there. What counts is that it works, not how it was installed.
pub enum Probe {
    /// A program of this name can be found.
    Program(&'static str),
    /// A program of one of these names can be found.
    OneOf(&'static [&'static str]),
    /// A subcommand of cargo runs.
    CargoCommand(&'static str),
    /// pkg-config knows a library, in this version or later.
    Library(&'static str, &'static str),
    /// The C compiler works and finds the C library's headers.
    CompilesC,
    /// The library through which bindings are generated can be loaded.
    Libclang,
    /// That library finds headers such as `stddef.h`.
    ClangHeaders,
    /// The dynamic loader knows a library. Always met where there is no `ldconfig`.
    SharedLibrary(&'static str),
    /// A Python that the real peers can be installed with.
    Python,
    /// The distribution's Python can serve video over RTSP.
    RtspServer,
}

impl Probe {
    pub fn is_met(&self) -> bool {
        match self {
            Self::Program(name) => find_program(name).is_some(),
            Self::OneOf(names) => names.iter().any(|name| find_program(name).is_some()),
            Self::CargoCommand(name) => succeeds(project::cargo().args([name, "--version"])),
            Self::Library(name, version) => {
                let atleast = format!("--atleast-version={version}");
                succeeds(Job::new("pkg-config").args([&atleast, *name]))
            }
            Self::CompilesC => {
                succeeds(Job::new("cc").args(["-include", "stdio.h", "-E", "-x", "c", "/dev/null"]))
            }
            Self::Libclang => libclang_directories().iter().any(|dir| has_libclang(dir)),
            Self::ClangHeaders => cfg!(target_os = "macos") || clang_headers_found(),
            Self::SharedLibrary(name) => loader_knows(name),
            Self::Python => find_python().is_some(),
            Self::RtspServer => {
                let script = project::peers_directory().join("rtsp/serve.py");
                succeeds(Job::new(script).arg("--check"))
            }
        }
    }
}

/// Where a program is, if it is anywhere. Administrators' directories are searched even for other users.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(administrators)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// A Python of a version that we know, with what makes virtual environments.
pub fn find_python() -> Option<&'static str> {
    PYTHONS.iter().copied().find(|name| is_usable_python(name))
}

/// The same list, in the same order, as `tests/peers/install.py` has.
const PYTHONS: &[&str] = &["python3.11", "python3", "python3.12"];

fn is_usable_python(name: &str) -> bool {
    let question =
        "import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))";
    succeeds(Job::new(name).args(["-c", question]))
}

fn succeeds(job: Job) -> bool {
    job.output(Output::Capture).run().is_ok_and(|finished| finished.succeeded())
}

fn loader_knows(library: &str) -> bool {
    let Some(ldconfig) = find_program("ldconfig") else { return true };
    let cache = Job::new(ldconfig).arg("-p").output(Output::Capture).run();
    cache.map_or(true, |cache| cache.stdout.lines().any(|line| line.trim().starts_with(library)))
}

fn libclang_directories() -> Vec<PathBuf> {
    let named = env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    let fixed = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/opt/homebrew/opt/llvm/lib",
        "/usr/local/opt/llvm/lib",
        "/Library/Developer/CommandLineTools/usr/lib",
    ];
    let by_version = entries("/usr/lib").filter(|dir| name_of(dir).starts_with("llvm"));
    named
        .into_iter()
        .chain(fixed.map(PathBuf::from))
        .chain(by_version.map(|d| d.join("lib")))
        .collect()
}

fn has_libclang(directory: &Path) -> bool {
    let is_libclang = |name: &str| {
        let rest = name.strip_prefix("libclang").map(|rest| rest.trim_start_matches(['-', '.']));
        rest.is_some_and(|rest| {
            let begins_with_version = rest.starts_with(|c: char| c.is_ascii_digit());
            begins_with_version || rest.starts_with("so") || rest.starts_with("dylib")
        })
    };
    entries(directory).any(|file| is_libclang(&name_of(&file)))
}

/// They lie beside the library, in a directory named for the version: `…/lib/clang/14/include`.
fn clang_headers_found() -> bool {
    let beside = libclang_directories().into_iter().map(|directory| directory.join("clang"));
    let mut versions = beside.flat_map(entries);
    versions.any(|version| version.join("include/stddef.h").is_file())
}

/// What a directory holds. Nothing when there is none.
fn entries(directory: impl AsRef<Path>) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program-anywhere").is_none());
        assert!(!Probe::Program("no-such-program-anywhere").is_met());
    }

    #[test]
    fn a_library_that_is_too_old_counts_as_missing() {
        assert!(!Probe::Library("libavcodec", "9999").is_met());
    }

    #[test]
    fn libclang_is_known_by_its_many_names() {
        let directory = env::temp_dir().join(format!("xtask-libclang-{}", std::process::id()));
        for (name, counts) in [
            ("libclang-14.so.1", true),
            ("libclang.so", true),
            ("libclang-cpp.so.14", false),
            ("libclangBasic.a", false),
        ] {
            let _ = fs::remove_dir_all(&directory);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(name), "").unwrap();
            assert_eq!(has_libclang(&directory), counts, "{name}");
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}
