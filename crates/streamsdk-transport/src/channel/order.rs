use webrtc::data_channel::RTCDataChannelInit;

/// In which order a channel's messages are delivered. All of them are, either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeliveryOrder {
    /// As they were sent: one whose packet is lost holds up those behind it until it was sent again.
    #[default]
    Ordered,
    /// As they arrive: one whose packet is lost comes later than others.
    Unordered,
}

impl DeliveryOrder {
    pub(crate) fn init(self) -> RTCDataChannelInit {
        RTCDataChannelInit { ordered: self == Self::Ordered, ..RTCDataChannelInit::default() }
    }
}
