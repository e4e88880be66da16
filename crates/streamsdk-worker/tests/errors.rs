//! What errors say of themselves and of what they came of.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used)]

use std::error::Error;

use streamsdk_media::{Frame, InvalidFrame, PixelFormat};
use streamsdk_worker::{Gzip, ProcessorError, Worker, WorkerConfig};

#[tokio::test]
async fn no_error_says_what_its_source_says() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let not_started = Worker::start(&address, WorkerConfig::default()).await.unwrap_err();
    let no_frame: InvalidFrame = Frame::packed(PixelFormat::Gray8, 2, 2, vec![0]).unwrap_err();
    let picture = no_frame.to_string();
    let model = std::io::Error::other("the model is missing");
    let errors: [(Box<dyn Error>, &str); 4] = [
        (Box::new(not_started), "in use"),
        (Box::new("yes".parse::<Gzip>().unwrap_err()), "\"yes\""),
        (Box::new(ProcessorError::from(no_frame)), &picture),
        (Box::new(ProcessorError::Other(Box::new(model))), "the model is missing"),
    ];
    for (error, said) in errors {
        assert!(error.to_string().contains(said), "{error}");
        let causes = std::iter::successors(error.source(), |error| (*error).source());
        for cause in causes {
            assert!(!error.to_string().contains(&cause.to_string()), "{error}: {cause}");
        }
    }
}
