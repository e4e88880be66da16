//! Compiles what stands between libvpx and VP8, if that is wanted.
#![allow(clippy::print_stdout, reason = "this is how cargo is told something")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "vp8")]
    libvpx::build();
}

#[cfg(feature = "vp8")]
mod libvpx {
    use std::env;
    use std::path::PathBuf;

    const SHIM: &str = "src/video/vp8/libvpx/shim.c";

    /// Where to find libvpx when pkg-config does not know: the directories of the library and of its headers.
    const LIBRARY: &str = "VPX_LIB_DIR";
    const HEADERS: &str = "VPX_INCLUDE_DIR";

    pub(crate) fn build() {
        println!("cargo::rerun-if-changed={SHIM}");
        for variable in [LIBRARY, HEADERS] {
            println!("cargo::rerun-if-env-changed={variable}");
        }
        match find() {
            Ok(headers) => compile(&headers),
            Err(error) => println!("cargo::error={}", explanation(&error)),
        }
    }

    fn compile(headers: &[PathBuf]) {
        let mut shim = cc::Build::new();
        shim.file(SHIM).includes(headers).std("c11").warnings(true).extra_warnings(true);
        if let Err(error) = shim.try_compile("streamsdk_vpx1") {
            println!("cargo::error=feature `vp8` needs a C compiler: {error}");
        }
    }

    /// Has the library linked, and says where its headers are.
    fn find() -> Result<Vec<PathBuf>, pkg_config::Error> {
        let Some(directory) = env::var_os(LIBRARY).map(PathBuf::from) else {
            let library = pkg_config::probe_library("vpx")?;
            return Ok(library.include_paths);
        };
        println!("cargo::rustc-link-search=native={}", directory.display());
        println!("cargo::rustc-link-lib=vpx");
        Ok(env::var_os(HEADERS).map(PathBuf::from).into_iter().collect())
    }

    fn explanation(error: &pkg_config::Error) -> String {
        let error = error.to_string();
        let first = error.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        format!(
            "feature `vp8` needs pkg-config and libvpx (libvpx-dev on Debian and Ubuntu, \
             libvpx-devel on Fedora, libvpx elsewhere), or {LIBRARY} and {HEADERS}: {first}"
        )
    }
}
