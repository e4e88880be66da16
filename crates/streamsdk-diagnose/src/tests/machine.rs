//! This machine.

use streamsdk_transport::VideoCodec;

use super::{checkup, what_of, wrong};
use crate::checks::cameras::CameraState;
use crate::{Checkup, Code};

#[tokio::test]
async fn no_codec_that_servers_take_is_no_common_codec() {
    let diagnosis = checkup().codecs([]).run().await;
    assert_eq!(wrong(&diagnosis), [Code::NoCommonCodec], "{diagnosis}");
    let diagnosis = checkup().codecs([VideoCodec::H264]).run().await;
    assert!(diagnosis.is_healthy(), "{diagnosis}");
    assert!(what_of(&diagnosis, Code::CodecsFound).contains("H264"), "{diagnosis}");
}

#[tokio::test]
async fn a_camera_that_is_in_use_is_told_from_one_that_may_not_be_used_and_one_that_is_free() {
    let mut checkup = Checkup::new();
    checkup.cameras = Some(vec![
        CameraState::Free("a".into()),
        CameraState::Busy("b".into()),
        CameraState::Forbidden("c".into()),
        CameraState::Broken { name: "d".into(), why: "on fire".into() },
    ]);
    let diagnosis = checkup.run().await;
    let expected = [Code::CameraBusy, Code::CameraForbidden, Code::CameraBroken];
    assert_eq!(wrong(&diagnosis), expected, "{diagnosis}");
    assert_eq!(what_of(&diagnosis, Code::CameraFree), "a can be used.");
}

#[tokio::test]
async fn no_camera_is_nothing_wrong() {
    let mut checkup = Checkup::new();
    checkup.cameras = Some(Vec::new());
    let diagnosis = checkup.run().await;
    assert!(diagnosis.is_healthy(), "{diagnosis}");
    what_of(&diagnosis, Code::NoCamera);
}

#[tokio::test]
async fn webrtc_is_tried_on_this_machine() {
    what_of(&checkup().run().await, Code::WebrtcWorks);
}
