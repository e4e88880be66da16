//! Something to be done in a virtual machine: it boots, does this, and is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::ramdisk;
use super::system::System;
use crate::process::{Job, Output};
use crate::project;

/// Where the directory is in the machine that it shares with this one; `init` puts it there.
pub const SHARED_DIRECTORY: &str = "/mnt";

/// The console is where `init` writes. A kernel that panics is to end the machine; and it is not to panic because
/// a busy host let its clock tick late.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 quiet panic=-1 no_timer_check";

pub struct Errand<'a> {
    system: &'a System,
    directory: PathBuf,
}

/// How the script ended, and what it printed.
pub struct Finished {
    pub status: i32,
    pub output: String,
}

impl<'a> Errand<'a> {
    /// What is left of an earlier one of this name is removed.
    pub fn new(system: &'a System, name: &str) -> Result<Self> {
        let directory = project::work_directory(&format!("webcam/{name}"))?;
        fs::remove_dir_all(&directory)?;
        let errand = Self { system, directory };
        fs::create_dir_all(errand.shared_directory())?;
        Ok(errand)
    }

    /// Gives the machine a copy of a program, and says where it is in there.
    ///
    /// It sees the host's files, but not those in `/tmp`, and what is built there may be built again meanwhile.
    pub fn take_along(&self, program: &Path) -> Result<String> {
        let name = program.file_name().unwrap_or_default();
        fs::copy(program, self.shared_directory().join(name))
            .with_context(|| format!("cannot copy {}", program.display()))?;
        Ok(format!("{SHARED_DIRECTORY}/{}", name.to_string_lossy()))
    }

    /// Where a file is for this machine that a script has written to [`SHARED_DIRECTORY`].
    pub fn brought_back(&self, name: &str) -> PathBuf {
        self.shared_directory().join(name)
    }

    /// Boots a machine and runs a shell script there as root. What the script prints is shown.
    pub fn run(&self, script: &str, limit: Duration) -> Result<Finished> {
        fs::write(self.brought_back("script"), script)?;
        let ramdisk = self.directory.join("ramdisk");
        let init = project::root().join("tests/webcam_vm");
        ramdisk::extend(&self.system.ramdisk(), &init, &ramdisk)?;

        let machine = self.machine(&ramdisk).output(Output::Tee).limit(limit).run()?;
        let console = self.directory.join("console.log");
        fs::write(&console, &machine.stdout)?;
        machine.check().context("the virtual machine did not come to its end")?;
        let cut_short = || {
            format!("the virtual machine was cut short: what it said is in {}", console.display())
        };
        self.finished().with_context(cut_short)
    }

    /// Without hardware virtualisation, which most machines that run tests do not have.
    fn machine(&self, ramdisk: &Path) -> Job {
        Job::new("qemu-system-x86_64")
            .args(["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1024"])
            .args(["-display", "none", "-vga", "none", "-nic", "none", "-monitor", "none"])
            .args(["-serial", "stdio", "-no-reboot"])
            .arg("-kernel")
            .arg(self.system.kernel())
            .arg("-initrd")
            .arg(ramdisk)
            .args(["-append", KERNEL_ARGUMENTS])
            .arg("-virtfs")
            .arg(share("host", Path::new("/"), "readonly=on"))
            .arg("-virtfs")
            .arg(share("errand", &self.shared_directory(), "readonly=off"))
    }

    fn finished(&self) -> Result<Finished> {
        let status = fs::read_to_string(self.brought_back("status"))?.trim().parse()?;
        let output = fs::read(self.brought_back("output"))?;
        Ok(Finished { status, output: String::from_utf8_lossy(&output).into_owned() })
    }

    fn shared_directory(&self) -> PathBuf {
        self.directory.join("shared")
    }
}

impl Finished {
    /// Takes every end but success for an error.
    pub fn check(&self) -> Result<()> {
        ensure!(self.status == 0, "it ended with exit status {}", self.status);
        Ok(())
    }
}

/// A directory, as qemu's option names it.
fn share(tag: &str, directory: &Path, writable: &str) -> String {
    // A comma would begin another option.
    let path = directory.to_string_lossy().replace(',', ",,");
    // There may be several file systems in it.
    format!("local,mount_tag={tag},path={path},{writable},security_model=none,multidevs=remap")
}
