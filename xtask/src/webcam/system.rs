//! What the virtual machine boots: Debian's kernel, and in a RAM disk the drivers. Made once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};

use super::modules::Modules;
use super::{debian, loopback, ramdisk};
use crate::{project, setup};

/// The number changes when what is made comes to be something else.
const NAME: &str = "webcam-vm-1";

/// The package that depends on the newest kernel.
const NEWEST_KERNEL: &str = "linux-image-amd64";

/// How the host's files are reached, an interface that takes an address, and the cameras: `vivid`, which draws, and
/// `v4l2loopback`, which shows what is written into it.
const MODULES: &[&str] = &["virtio_pci", "9pnet_virtio", "9p", "dummy", "vivid", "v4l2loopback"];

pub struct System {
    directory: PathBuf,
}

impl System {
    /// Makes it, or finds it made.
    pub fn install() -> Result<Self> {
        let directory = project::cache_directory()?.join(NAME);
        if !directory.exists() {
            println!("making {} from Debian's packages", directory.display());
            make(&directory)?;
        }
        Ok(Self { directory })
    }

    pub fn kernel(&self) -> PathBuf {
        self.directory.join("kernel")
    }

    /// The first part of the RAM disk; the program that the kernel starts is not in it.
    pub fn ramdisk(&self) -> PathBuf {
        self.directory.join("ramdisk")
    }
}

fn make(directory: &Path) -> Result<()> {
    let unfinished = directory.with_extension(process::id().to_string());
    let unpacked = project::work_directory("webcam/unpacked")?;
    create(&unfinished)?;
    let made = unpack(&unpacked)
        .and_then(|release| assemble(&unpacked, &release, &unfinished))
        .and_then(|()| name(&unfinished, directory));
    // They are large, and nobody needs them again.
    for rest in [unpacked, unfinished] {
        let _ = fs::remove_dir_all(rest);
    }
    made
}

/// Returns the kernel's release, such as `6.1.0-50-amd64`.
fn unpack(directory: &Path) -> Result<String> {
    setup::refresh_package_lists()?;
    let image = debian::dependencies(NEWEST_KERNEL)?.into_iter().next();
    let image = image.with_context(|| format!("{NEWEST_KERNEL} depends on no kernel"))?;
    let release = image.strip_prefix("linux-image-").context("the kernel's name is unusual")?;
    let mut packages = vec![image.clone(), "busybox-static".into()];
    packages.extend(loopback::packages(release)?);
    debian::unpack(&packages, directory)?;
    Ok(release.into())
}

fn assemble(unpacked: &Path, release: &str, system: &Path) -> Result<()> {
    let mut modules = Modules::default();
    modules.add_all(&unpacked.join("lib/modules").join(release))?;
    modules.add_all(&loopback::build(unpacked, release)?)?;

    let tree = system.join("tree");
    create(&tree.join("bin"))?;
    create(&tree.join("modules"))?;
    copy(&unpacked.join("bin/busybox"), &tree.join("bin/busybox"))?;
    for (number, module) in modules.in_loading_order(MODULES)?.into_iter().enumerate() {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        copy(module, &tree.join("modules").join(format!("{number:02}-{name}")))?;
    }
    ramdisk::pack(&tree, &system.join("ramdisk"))?;
    fs::remove_dir_all(&tree)?;
    copy(&unpacked.join(format!("boot/vmlinuz-{release}")), &system.join("kernel"))
}

/// It gets its name when it is complete, so that whoever finds the name finds all of it.
fn name(unfinished: &Path, directory: &Path) -> Result<()> {
    match fs::rename(unfinished, directory) {
        // Somebody else was faster.
        Err(_) if directory.exists() => Ok(()),
        named => named.with_context(|| format!("cannot name {}", directory.display())),
    }
}

fn create(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("cannot copy {} to {}", from.display(), to.display());
    fs::copy(from, to).map(drop).with_context(context)
}
