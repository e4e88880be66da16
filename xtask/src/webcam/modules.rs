//! The kernel's modules, and which of them have to be loaded before others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The files of modules, by the names that the kernel has for them.
#[derive(Default)]
pub struct Modules(BTreeMap<String, PathBuf>);

impl Modules {
    /// Adds every module in a directory and in those below it.
    pub fn add_all(&mut self, directory: &Path) -> Result<()> {
        let entries = fs::read_dir(directory);
        for entry in entries.with_context(|| format!("cannot read {}", directory.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                self.add_all(&path)?;
            } else if path.extension().is_some_and(|extension| extension == "ko") {
                self.0.insert(name_of(&path), path);
            }
        }
        Ok(())
    }

    /// These modules and all that they need, each after what it needs.
    pub fn in_loading_order(&self, names: &[&str]) -> Result<Vec<&Path>> {
        let mut order = Vec::new();
        for name in names {
            self.append(name, &mut order)?;
        }
        Ok(order)
    }

    fn append<'a>(&'a self, name: &str, order: &mut Vec<&'a Path>) -> Result<()> {
        let path = self.0.get(name).with_context(|| format!("there is no kernel module {name}"))?;
        if order.contains(&path.as_path()) {
            return Ok(());
        }
        let module = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        for needed in needs_of(&module) {
            self.append(&needed, order)?;
        }
        order.push(path);
        Ok(())
    }
}

/// Files are named with hyphens or underscores, but the kernel knows only the latter.
fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_")
}

/// A module says what it needs among other `key=value` texts, each with a zero before and after it.
fn needs_of(module: &[u8]) -> Vec<String> {
    let mut texts = module.split(|&byte| byte == 0);
    let list = texts.find_map(|text| text.strip_prefix(b"depends=")).unwrap_or_default();
    let names = String::from_utf8_lossy(list).replace('-', "_");
    names.split(',').filter(|name| !name.is_empty()).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_comes_once_and_after_what_it_needs() {
        let directory = std::env::temp_dir().join(format!("xtask-modules-{}", std::process::id()));
        fs::create_dir_all(directory.join("media")).unwrap();
        for (file, needs) in [
            ("camera.ko", "buffers,video-core"),
            ("media/buffers.ko", "video_core"),
            ("media/video-core.ko", ""),
            ("unwanted.ko", ""),
        ] {
            let text = format!("\x7fELF\0\0license=GPL\0depends={needs}\0name=x\0");
            fs::write(directory.join(file), text).unwrap();
        }
        let mut modules = Modules::default();
        modules.add_all(&directory).unwrap();
        let order = modules.in_loading_order(&["buffers", "camera"]).unwrap();
        let names: Vec<_> = order.into_iter().map(name_of).collect();
        assert_eq!(names, ["video_core", "buffers", "camera"]);
        let error = modules.in_loading_order(&["lost"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no kernel module lost");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_module_that_does_not_say_what_it_needs_needs_nothing() {
        assert!(needs_of(b"\0license=GPL\0depends=\0").is_empty());
        assert!(needs_of(b"").is_empty());
        assert_eq!(needs_of(b"\0depends=videodev,mc\0"), ["videodev", "mc"]);
    }
}
