//! A Debian in a folder, and how programs are run in it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::process::{Job, Output};
use crate::project;

/// What whoever has Rust has, too: without it nothing can be linked.
const LINKER: &str = "gcc,libc6-dev";

/// What the versions are worth knowing of.
const LIBRARIES: &[&str] = &["libavcodec-dev", "libvpx-dev", "libclang1-*"];

/// Mounts what the programs need, changes the root directory, and becomes the program that is given.
///
/// It runs in namespaces of its own. The mounts go when the last program in there ends, however that comes about, and
/// no program outlives the first one.
const ENTER: &str = r#"
set -e
system=$1 project=$2 toolchain=$3 registry=$4 target=$5 outputs=$6
shift 6
mount -t proc proc "$system/proc"
mount --rbind /dev "$system/dev"
mount --bind -o ro "$project" "$system/streamsdk"
mount --bind "$outputs" "$system/streamsdk/demo-output"
mount --bind -o ro "$toolchain" "$system/toolchain"
mount --bind "$registry" "$system/cargo/registry"
mount --bind "$target" "$system/target"
exec chroot "$system" "$@"
"#;

/// Optimised fully, every program would take minutes more; what is to be shown is that it works.
const ENVIRONMENT: &[&str] = &[
    "PATH=/toolchain/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LC_ALL=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
    "CARGO_HOME=/cargo",
    "CARGO_NET_OFFLINE=true",
    "CARGO_TARGET_DIR=/target",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL=1",
    "CARGO_PROFILE_RELEASE_LTO=off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16",
    "CARGO_PROFILE_RELEASE_DEBUG=false",
];

/// How the outside is reached, where it takes that.
const PROXIES: &[&str] = &["http_proxy", "https_proxy", "no_proxy"];

pub struct System {
    root: PathBuf,
    target: PathBuf,
    outputs: PathBuf,
    toolchain: PathBuf,
    registry: PathBuf,
}

impl System {
    /// Makes it anew. What was built in an earlier one of this release is kept.
    pub fn install(release: &str, mirror: &str) -> Result<Self> {
        Self::install_as(&format!("distro/{release}"), release, &["--include", LINKER], mirror)
    }

    /// Makes it anew, in a folder of this name. `options` are debootstrap's.
    pub fn install_as(name: &str, release: &str, options: &[&str], mirror: &str) -> Result<Self> {
        let is_name = !release.is_empty() && release.bytes().all(|byte| byte.is_ascii_lowercase());
        ensure!(is_name, "{release:?} is not the name of a release");
        let system = Self::below(&project::work_directory(name)?)?;
        system.remove()?;
        println!("installing {release} into {}", system.root.display());
        // It mounts things, too, and leaves them mounted when it is killed.
        let debootstrap = Job::new("unshare").args(["--mount", "--", "debootstrap"]);
        let debootstrap = debootstrap.arg("--variant=minbase").args(options).arg(release);
        debootstrap.arg(&system.root).arg(mirror).output(Output::Capture).run_successfully()?;
        system.make_mount_points()?;
        Ok(system)
    }

    fn below(directory: &Path) -> Result<Self> {
        Ok(Self {
            root: directory.join("system"),
            target: directory.join("target"),
            outputs: directory.join("demo-output"),
            toolchain: toolchain()?,
            registry: cargo_home()?.join("registry"),
        })
    }

    fn make_mount_points(&self) -> Result<()> {
        let inside = ["streamsdk", "toolchain", "cargo/registry", "target"];
        let inside = inside.map(|name| self.root.join(name));
        // The project is mounted so that it cannot be changed; what the demo writes goes elsewhere.
        let outputs_in_project = project::root().join("demo-output");
        let outside = [self.target.clone(), self.outputs.clone(), outputs_in_project];
        for directory in inside.iter().chain(&outside) {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        Ok(())
    }

    /// A job for a program in there, in the project's directory.
    pub fn job(&self, program: &str) -> Job {
        let namespaces = ["--mount", "--pid", "--fork", "--kill-child"];
        let mounted = [
            &self.root,
            project::root(),
            &self.toolchain,
            &self.registry,
            &self.target,
            &self.outputs,
        ];
        Job::new("unshare")
            .args(namespaces)
            .args(["--", "sh", "-c", ENTER, "sh"])
            .args(mounted)
            .args(["env", "--ignore-environment", "--chdir=/streamsdk"])
            .args(ENVIRONMENT)
            .args(
                PROXIES.iter().filter_map(|name| Some(format!("{name}={}", env::var(name).ok()?))),
            )
            .arg(program)
    }

    pub fn cargo(&self) -> Job {
        self.job("cargo")
    }

    pub fn install_packages(&self, packages: &[&str]) -> Result<()> {
        let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
        self.job("apt-get").args(["update", "--quiet"]).run_successfully()?;
        self.job("apt-get").args(install).args(packages).run_successfully().map(drop)
    }

    /// Where a path of the system is on this machine.
    pub fn outside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Of the libraries that are built against.
    pub fn versions(&self) -> Result<String> {
        let ask = ["--show", "--showformat", "${Package} ${Version}\n"];
        // It complains of those that are not installed, which some releases have under other names.
        let answer =
            self.job("dpkg-query").args(ask).args(LIBRARIES).output(Output::Capture).run()?;
        Ok(answer.stdout.lines().collect::<Vec<_>>().join(", "))
    }

    /// Should something be mounted in there after all, it is left alone.
    pub fn remove(&self) -> Result<()> {
        let remove = Job::new("rm").args(["--recursive", "--force", "--one-file-system"]);
        remove.arg(&self.root).run_successfully().map(drop)
    }
}

fn toolchain() -> Result<PathBuf> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let ask = Job::new(rustc).args(["--print", "sysroot"]).current_dir(project::root());
    let answer = ask.output(Output::Capture).run_successfully()?;
    Ok(answer.stdout.trim().into())
}

fn cargo_home() -> Result<PathBuf> {
    let named = env::var_os("CARGO_HOME").filter(|name| !name.is_empty()).map(PathBuf::from);
    let home = named.or_else(|| Some(env::home_dir()?.join(".cargo")));
    home.context("there is neither CARGO_HOME nor a home directory")
}
