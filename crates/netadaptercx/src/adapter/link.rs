//! Link state as NetAdapterSetLinkState reports it.

use core::mem::size_of;
use netadaptercx_sys::{
    _NET_ADAPTER_AUTO_NEGOTIATION_FLAGS as auto, _NET_ADAPTER_PAUSE_FUNCTION_TYPE as pause,
    _NET_IF_MEDIA_CONNECT_STATE as connect, _NET_IF_MEDIA_DUPLEX_STATE as duplex, NET_ADAPTER_LINK_STATE,
};

/// `NET_ADAPTER_LINK_SPEED_UNKNOWN`.
const SPEED_UNKNOWN: u64 = u64::MAX;

/// Which PAUSE frames are honoured on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The NIC sends them.
    pub send: bool,
    /// The NIC obeys them.
    pub receive: bool,
}

/// The state of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// No link.
    Down,
    /// A link.
    Up {
        /// Bits per second, each way.
        speed: u64,
        /// Both ways at a time.
        full_duplex: bool,
        /// Flow control.
        pause: Pause,
        /// Speed, duplex and flow control were negotiated.
        negotiated: bool,
    },
}

impl From<LinkState> for NET_ADAPTER_LINK_STATE {
    fn from(state: LinkState) -> Self {
        let down = Self {
            Size: size_of::<Self>() as u32,
            TxLinkSpeed: SPEED_UNKNOWN,
            RxLinkSpeed: SPEED_UNKNOWN,
            MediaConnectState: connect::MediaConnectStateDisconnected,
            MediaDuplexState: duplex::MediaDuplexStateUnknown,
            SupportedPauseFunctions: pause::NetAdapterPauseFunctionTypeUnknown,
            AutoNegotiationFlags: auto::NetAdapterAutoNegotiationFlagNone,
        };
        let LinkState::Up { speed, full_duplex, pause: pauses, negotiated } = state else { return down };
        Self {
            TxLinkSpeed: speed,
            RxLinkSpeed: speed,
            MediaConnectState: connect::MediaConnectStateConnected,
            MediaDuplexState: if full_duplex { duplex::MediaDuplexStateFull } else { duplex::MediaDuplexStateHalf },
            SupportedPauseFunctions: match (pauses.send, pauses.receive) {
                (false, false) => pause::NetAdapterPauseFunctionTypeUnsupported,
                (true, false) => pause::NetAdapterPauseFunctionTypeSendOnly,
                (false, true) => pause::NetAdapterPauseFunctionTypeReceiveOnly,
                (true, true) => pause::NetAdapterPauseFunctionTypeSendAndReceive,
            },
            AutoNegotiationFlags: if negotiated {
                auto::NetAdapterAutoNegotiationFlagXmitLinkSpeedAutoNegotiated
                    | auto::NetAdapterAutoNegotiationFlagRcvLinkSpeedautoNegotiated
                    | auto::NetAdapterAutoNegotiationFlagDuplexAutoNegotiated
                    | auto::NetAdapterAutoNegotiationFlagPauseFunctionsAutoNegotiated
            } else {
                auto::NetAdapterAutoNegotiationFlagNone
            },
            ..down
        }
    }
}
