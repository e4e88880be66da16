use super::probe::Probe;

/// How much is going to be done. Each scope up to [`Scope::Everything`] includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Building with all features, and making video clips.
    Demo,
    /// The checks of `cargo xtask test`.
    Test,
    /// The real peers as well.
    Everything,
    /// Web browsers, and what their pages are made with: beside the others, since the checks of pages can be
    /// left out.
    Browsers,
    /// A TURN server, beside the others: nothing else needs it.
    Turn,
    /// A virtual machine with cameras, and what runs in it: beside the others, since it is rarely wanted.
    Webcam,
    /// A Debian in a folder, which has in it what it needs.
    Distro,
    /// What files for deploying are checked with, beside the others.
    Deploy,
}

impl Scope {
    pub fn includes(self, other: Self) -> bool {
        match self {
            Self::Browsers => other == Self::Browsers,
            Self::Turn => matches!(other, Self::Turn | Self::Demo),
            Self::Webcam => matches!(other, Self::Webcam | Self::Demo),
            Self::Distro => other == Self::Distro,
            Self::Deploy => matches!(other, Self::Deploy | Self::Distro | Self::Demo),
            _ => other <= self,
        }
    }
}

/// Something the machine must have, and the packages that bring it.
pub struct Need {
    pub name: &'static str,
    pub scope: Scope,
    pub probe: Probe,
    pub packages: Packages,
}

/// Package names by system. Empty where the system always has it.
pub struct Packages {
    pub debian: &'static [&'static str],
    pub fedora: &'static [&'static str],
    pub arch: &'static [&'static str],
    pub macos: &'static [&'static str],
}

/// FFmpeg 5.1, the oldest that the bindings build against, has these library versions.
pub const NEEDS: &[Need] = &[
    need("a C compiler", Scope::Demo, Probe::CompilesC, COMPILER),
    need("pkg-config", Scope::Demo, Probe::Program("pkg-config"), PKG_CONFIG),
    need(
        "libavcodec",
        Scope::Demo,
        Probe::Library("libavcodec", "59.37"),
        ffmpeg(&["libavcodec-dev"]),
    ),
    need(
        "libavformat",
        Scope::Demo,
        Probe::Library("libavformat", "59.27"),
        ffmpeg(&["libavformat-dev"]),
    ),
    need(
        "libavutil",
        Scope::Demo,
        Probe::Library("libavutil", "57.28"),
        ffmpeg(&["libavutil-dev"]),
    ),
    need(
        "libswscale",
        Scope::Demo,
        Probe::Library("libswscale", "6.7"),
        ffmpeg(&["libswscale-dev"]),
    ),
    need("libvpx", Scope::Demo, Probe::Library("vpx", "1.12"), LIBVPX),
    need("libclang", Scope::Demo, Probe::Libclang, LIBCLANG),
    need("clang's own headers", Scope::Demo, Probe::ClangHeaders, CLANG_HEADERS),
    need("cmake", Scope::Demo, Probe::Program("cmake"), everywhere(&["cmake"])),
    // What cmake hands the work to.
    need("make", Scope::Demo, Probe::Program("make"), everywhere(&["make"])),
    need("nasm", Scope::Demo, Probe::Program("nasm"), everywhere(&["nasm"])),
    need("the ffmpeg program", Scope::Demo, Probe::Program("ffmpeg"), FFMPEG_PROGRAM),
    need("rustfmt", Scope::Test, Probe::CargoCommand("fmt"), everywhere(&[])),
    need("clippy", Scope::Test, Probe::CargoCommand("clippy"), everywhere(&[])),
    need("a C++ compiler", Scope::Test, Probe::Program("c++"), CXX_COMPILER),
    // What the sinks deliver to.
    need("Mosquitto", Scope::Test, Probe::Program("mosquitto"), everywhere(&["mosquitto"])),
    need("Redis", Scope::Test, Probe::Program("redis-server"), REDIS),
    need("NATS", Scope::Test, Probe::Program("nats-server"), everywhere(&["nats-server"])),
    need("iproute2", Scope::Everything, Probe::Program("ip"), IPROUTE),
    need("Python 3.11 or 3.12 with venv", Scope::Everything, Probe::Python, PYTHON),
    need("libGL", Scope::Everything, Probe::SharedLibrary("libGL.so.1"), LIBGL),
    need("libgthread", Scope::Everything, Probe::SharedLibrary("libgthread-2.0.so.0"), GLIB),
    need("GStreamer's RTSP server", Scope::Everything, Probe::RtspServer, RTSP_SERVER),
    need("Node.js", Scope::Browsers, Probe::Program("node"), everywhere(&["nodejs"])),
    need("npm", Scope::Browsers, Probe::Program("npm"), everywhere(&["npm"])),
    need("Chromium", Scope::Browsers, Probe::OneOf(CHROMIUM_PROGRAMS), everywhere(&["chromium"])),
    need("Firefox", Scope::Browsers, Probe::OneOf(FIREFOX_PROGRAMS), FIREFOX),
    need("coturn", Scope::Turn, Probe::Program("turnserver"), everywhere(&["coturn"])),
    need("ip, for the paths of relays", Scope::Turn, Probe::Program("ip"), IPROUTE),
    need("Python, for slow links", Scope::Turn, Probe::Program("python3"), PYTHON),
    need("qemu", Scope::Webcam, Probe::Program("qemu-system-x86_64"), QEMU),
    need("cpio", Scope::Webcam, Probe::Program("cpio"), everywhere(&["cpio"])),
    // What the kernel of Debian 12 was built with, and its modules have to be.
    need("gcc 12", Scope::Webcam, Probe::Program("gcc-12"), GCC_12),
    // For the programs that come with the kernel's headers.
    need("libelf", Scope::Webcam, Probe::SharedLibrary("libelf.so.1"), LIBELF),
    need("debootstrap", Scope::Distro, Probe::Program("debootstrap"), DEBOOTSTRAP),
    need(
        "systemd-analyze",
        Scope::Deploy,
        Probe::Program("systemd-analyze"),
        everywhere(&["systemd"]),
    ),
    need(
        "NATS, for its settings",
        Scope::Deploy,
        Probe::Program("nats-server"),
        everywhere(&["nats-server"]),
    ),
    need("Python, for tools", Scope::Deploy, Probe::Python, PYTHON),
];

const fn need(name: &'static str, scope: Scope, probe: Probe, packages: Packages) -> Need {
    Need { name, scope, probe, packages }
}

const fn everywhere(names: &'static [&'static str]) -> Packages {
    Packages { debian: names, fedora: names, arch: names, macos: names }
}

const fn ffmpeg(debian: &'static [&'static str]) -> Packages {
    Packages { debian, fedora: &["ffmpeg-free-devel"], arch: &["ffmpeg"], macos: &["ffmpeg"] }
}

const COMPILER: Packages = Packages {
    debian: &["gcc", "libc6-dev"],
    fedora: &["gcc", "glibc-devel"],
    arch: &["gcc"],
    macos: &[],
};

const CXX_COMPILER: Packages =
    Packages { debian: &["g++"], fedora: &["gcc-c++"], arch: &["gcc"], macos: &[] };

const REDIS: Packages =
    Packages { debian: &["redis-server"], fedora: &["redis"], arch: &["redis"], macos: &["redis"] };

const PKG_CONFIG: Packages = Packages {
    debian: &["pkg-config"],
    fedora: &["pkgconf-pkg-config"],
    arch: &["pkgconf"],
    macos: &["pkgconf"],
};

const LIBVPX: Packages = Packages {
    debian: &["libvpx-dev"],
    fedora: &["libvpx-devel"],
    arch: &["libvpx"],
    macos: &["libvpx"],
};

const LIBCLANG: Packages = Packages {
    debian: &["libclang1-14", "libclang-dev"],
    fedora: &["clang-libs"],
    arch: &["clang"],
    macos: &["llvm"],
};

const CLANG_HEADERS: Packages = Packages {
    debian: &["libclang-common-14-dev", "libclang-dev"],
    fedora: &["clang-resource-filesystem"],
    arch: &["clang"],
    macos: &["llvm"],
};

const FFMPEG_PROGRAM: Packages = Packages {
    debian: &["ffmpeg"],
    fedora: &["ffmpeg-free"],
    arch: &["ffmpeg"],
    macos: &["ffmpeg"],
};

const IPROUTE: Packages =
    Packages { debian: &["iproute2"], fedora: &["iproute"], arch: &["iproute2"], macos: &[] };

const PYTHON: Packages = Packages {
    debian: &["python3-venv"],
    fedora: &["python3.11"],
    arch: &["python"],
    macos: &["python@3.11"],
};

const LIBGL: Packages =
    Packages { debian: &["libgl1"], fedora: &["libglvnd-glx"], arch: &["libglvnd"], macos: &[] };

const GLIB: Packages =
    Packages { debian: &["libglib2.0-0"], fedora: &["glib2"], arch: &["glib2"], macos: &[] };

/// With its bindings for Python, and the elements that take H264 out of MP4.
const RTSP_SERVER: Packages = Packages {
    debian: &[
        "python3-gi",
        "gir1.2-gst-rtsp-server-1.0",
        "gstreamer1.0-plugins-base",
        "gstreamer1.0-plugins-good",
        "gstreamer1.0-plugins-bad",
    ],
    fedora: &[
        "python3-gobject",
        "gstreamer1-rtsp-server",
        "gstreamer1-plugins-base",
        "gstreamer1-plugins-good",
        "gstreamer1-plugins-bad-free",
    ],
    arch: &["python-gobject", "gst-rtsp-server", "gst-plugins-good", "gst-plugins-bad"],
    macos: &[],
};

/// What Chromium is called, by distribution.
pub const CHROMIUM_PROGRAMS: &[&str] = &["chromium", "chromium-browser"];

/// What Firefox is called, by distribution.
pub const FIREFOX_PROGRAMS: &[&str] = &["firefox-esr", "firefox"];

const FIREFOX: Packages = Packages {
    debian: &["firefox-esr"],
    fedora: &["firefox"],
    arch: &["firefox"],
    macos: &["firefox"],
};

const QEMU: Packages = Packages {
    debian: &["qemu-system-x86"],
    fedora: &["qemu-system-x86"],
    arch: &["qemu-system-x86"],
    macos: &["qemu"],
};

const GCC_12: Packages =
    Packages { debian: &["gcc-12"], fedora: &["gcc"], arch: &["gcc"], macos: &["gcc@12"] };

const DEBOOTSTRAP: Packages = Packages {
    debian: &["debootstrap"],
    fedora: &["debootstrap"],
    arch: &["debootstrap"],
    macos: &[],
};

const LIBELF: Packages =
    Packages { debian: &["libelf1"], fedora: &["elfutils-libelf"], arch: &["libelf"], macos: &[] };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_distribution_package_brings_is_named_for_every_distribution() {
        for need in NEEDS.iter().filter(|need| !matches!(need.probe, Probe::CargoCommand(_))) {
            let Packages { debian, fedora, arch, .. } = &need.packages;
            assert!(![debian, fedora, arch].iter().any(|names| names.is_empty()), "{}", need.name);
        }
    }

    #[test]
    fn every_scope_includes_the_smaller_ones() {
        assert!(Scope::Test.includes(Scope::Demo) && Scope::Everything.includes(Scope::Test));
        assert!(!Scope::Demo.includes(Scope::Test) && !Scope::Test.includes(Scope::Everything));
    }

    #[test]
    fn browsers_are_only_installed_when_they_are_asked_for() {
        assert!(!Scope::Everything.includes(Scope::Browsers));
        assert!(!Scope::Webcam.includes(Scope::Browsers));
        assert!(!Scope::Browsers.includes(Scope::Everything));
    }

    #[test]
    fn other_machines_are_only_made_when_they_are_asked_for() {
        assert!(![Scope::Webcam, Scope::Distro].iter().any(|&one| Scope::Everything.includes(one)));
        assert!(!Scope::Distro.includes(Scope::Demo));
        assert!(Scope::Turn.includes(Scope::Demo) && !Scope::Everything.includes(Scope::Turn));
        assert!(
            Scope::Deploy.includes(Scope::Distro) && !Scope::Everything.includes(Scope::Deploy)
        );
        assert!(Scope::Webcam.includes(Scope::Demo) && !Scope::Webcam.includes(Scope::Everything));
    }
}
