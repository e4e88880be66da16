//! The README's programs do what it says of them, every time.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use streamsdk::Client;
use streamsdk_capture::{FrameProducer, TestPattern};
use streamsdk_media::Frame;
use streamsdk_tests::clip;
use streamsdk_worker::{Processors, Worker, WorkerConfig};

mod ten_lines {
    include!(concat!(env!("OUT_DIR"), "/readme_0.rs"));
}

mod own_frames {
    include!(concat!(env!("OUT_DIR"), "/readme_1.rs"));
}

const TIMES: usize = 20;
/// Sessions at a time.
const TOGETHER: usize = 4;

/// A worker that knows the README's workflow, for as long as the program runs.
fn server() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let motion = Processors::builtin().find("motion").unwrap().clone();
                let outputs = motion.outputs().to_vec();
                let processors = Processors::builtin();
                let processors = processors
                    .register("count-cars", outputs, move |request| motion.create(request));
                let config = WorkerConfig::default().processors(processors);
                let worker = Worker::start("127.0.0.1:0", config).await.unwrap();
                tell.send(worker.url()).unwrap();
                std::future::pending::<()>().await;
            });
        });
        told.recv().unwrap()
    })
}

fn traffic() -> PathBuf {
    clip("plain_160x120.mp4")
}

#[test]
fn a_file_comes_back_every_time() {
    for _ in 0..TIMES {
        ten_lines::main().unwrap();
    }
}

/// Two thirds of a second of a camera.
fn camera() -> impl Iterator<Item = Frame> + Send + 'static {
    let pattern = TestPattern::new(160, 120, 30.0).limit(20);
    pattern.frames().map(|captured| captured.unwrap().frame)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programs_own_frames_come_back_every_time() {
    let client = Client::builder(server()).build().unwrap();
    for _ in 0..TIMES / TOGETHER {
        let sessions = (0..TOGETHER).map(|_| own_frames::watch(client.clone(), camera()));
        let all = futures::future::try_join_all(sessions);
        tokio::time::timeout(Duration::from_secs(120), all).await.unwrap().unwrap();
    }
}
