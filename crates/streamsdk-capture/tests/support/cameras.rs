//! Cameras that the kernel plays, plugged in and fed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use streamsdk_capture::{Webcam, WebcamId};

const DRIVER: &str = "/sys/bus/platform/drivers/vivid";
const DEVICE: &str = "vivid.0";
const NODES: &str = "/sys/class/video4linux";
/// How many bytes of a picture stay as they are for each that is changed, by the picture's number.
const DAMAGE: &str = r"noise=amount=if(eq(mod(n\,10)\,9)+between(n\,150\,255)\,1\,1000000000)";
const LIMIT: Duration = Duration::from_secs(30);

/// The camera that draws its own pictures.
pub(crate) fn vivid() -> WebcamId {
    WebcamId::from("vivid")
}

/// Plugs it out.
pub(crate) fn unbind_vivid() {
    fs::write(Path::new(DRIVER).join("unbind"), DEVICE).unwrap();
}

/// Plugs it in, and waits until it is there.
pub(crate) fn bind_vivid() {
    fs::write(Path::new(DRIVER).join("bind"), DEVICE).unwrap();
    until("vivid is back", || Webcam::open(vivid()).ok());
}

/// The loopback device with that label.
pub(crate) fn loopback(label: &str) -> PathBuf {
    let has_label = |node: &PathBuf| {
        fs::read_to_string(node.join("name")).is_ok_and(|name| name.trim() == label)
    };
    let mut nodes = fs::read_dir(NODES).unwrap().map(|node| node.unwrap().path());
    let node = nodes.find(has_label).unwrap_or_else(|| panic!("no loopback device {label}"));
    Path::new("/dev").join(node.file_name().unwrap())
}

/// The ffmpeg program, which sends JPEGs of 320 by 240 to a loopback device until this is dropped.
pub(crate) struct Feed {
    path: PathBuf,
    process: Child,
}

impl Feed {
    /// Waits until the first pictures are there. Once the feed has ended, the device takes no other:
    /// the driver forgets that it could.
    pub(crate) fn start(label: &str) -> Self {
        Self::altered(label, "null")
    }

    /// Every tenth picture is no JPEG; after the first ten seconds none is for seven.
    pub(crate) fn damaging(label: &str) -> Self {
        Self::altered(label, DAMAGE)
    }

    fn altered(label: &str, filter: &str) -> Self {
        let path = loopback(label);
        let process = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-re", "-f", "lavfi"])
            .args(["-i", "testsrc=size=320x240:rate=15", "-c:v", "mjpeg", "-q:v", "5"])
            .args(["-pix_fmt", "yuvj420p", "-bsf:v", filter, "-f", "v4l2"])
            .arg(&path)
            // One that outlives the test's process shall hold none of its pipes.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let feed = Self { path, process };
        until("the loopback device is fed", || Webcam::open(feed.path()).ok());
        feed
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// loopA with a feed that does not end.
pub(crate) fn fed_loopback() -> PathBuf {
    static FEED: Mutex<Option<Feed>> = Mutex::new(None);
    let mut feed = FEED.lock().unwrap_or_else(PoisonError::into_inner);
    let path = loopback("loopA");
    if Webcam::open(path.as_path()).is_err() {
        *feed = Some(Feed::start("loopA"));
    }
    path
}

/// How many descriptors this process has open.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// How many buffers of cameras are mapped.
pub(crate) fn mappings() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("/dev/video")).count()
}

/// Asks again and again until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < LIMIT, "waited {LIMIT:?} until {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
