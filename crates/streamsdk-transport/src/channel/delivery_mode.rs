use webrtc::data_channel::RTCDataChannelInit;

/// How a channel's messages are delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeliveryMode {
    /// All, as they were sent: one whose packet is lost holds up those behind it until it was sent again.
    #[default]
    Ordered,
    /// All, as they arrive: one whose packet is lost comes later than others.
    Unordered,
    /// Those of which no packet is lost, as they arrive: none is sent again.
    Unreliable,
}

impl DeliveryMode {
    pub(crate) fn init(self) -> RTCDataChannelInit {
        RTCDataChannelInit {
            ordered: self == Self::Ordered,
            max_retransmits: (self == Self::Unreliable).then_some(0),
            ..RTCDataChannelInit::default()
        }
    }
}
