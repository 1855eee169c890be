//! What a registration allows, from the flags of NDKPI.

use ndis_sys::ndk::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
    NDK_MR_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ,
    NDK_OP_FLAG_ALLOW_REMOTE_WRITE,
};

/// Rights to memory; reading by its own side needs none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The own side's requests may write it.
    pub local_write: bool,
    /// Peers may read it.
    pub remote_read: bool,
    /// Peers may write it.
    pub remote_write: bool,
}

impl Access {
    /// Reading by the own side.
    pub const LOCAL_READ: Access = Access { local_write: false, remote_read: false, remote_write: false };
    /// Writing by the own side.
    pub const LOCAL_WRITE: Access = Access { local_write: true, ..Access::LOCAL_READ };
    /// Reading by a peer.
    pub const REMOTE_READ: Access = Access { remote_read: true, ..Access::LOCAL_READ };
    /// Writing by a peer.
    pub const REMOTE_WRITE: Access = Access { remote_write: true, ..Access::LOCAL_READ };

    /// From `NDK_MR_FLAG_*`. `None` for an unknown flag, and for remote without local write, which
    /// `NDK_MR_FLAG_ALLOW_REMOTE_WRITE` (5) includes. The read sink flag is not required of a consumer
    /// (`NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED`) and, as NdkRegisterMr demands, not refused.
    #[must_use]
    pub const fn from_mr_flags(flags: u32) -> Option<Access> {
        const KNOWN: u32 = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE | NDK_MR_FLAG_RDMA_READ_SINK;
        Access::from_bits(
            flags,
            KNOWN,
            NDK_MR_FLAG_ALLOW_LOCAL_WRITE,
            NDK_MR_FLAG_ALLOW_REMOTE_READ,
            NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
        )
    }

    /// From the `NDK_OP_FLAG_ALLOW_*` among `flags`. `None` for remote without local write, which
    /// `NDK_OP_FLAG_ALLOW_REMOTE_WRITE` (0x30) includes.
    #[must_use]
    pub const fn from_op_flags(flags: u32) -> Option<Access> {
        Access::from_bits(
            flags,
            u32::MAX,
            NDK_OP_FLAG_ALLOW_LOCAL_WRITE,
            NDK_OP_FLAG_ALLOW_REMOTE_READ,
            NDK_OP_FLAG_ALLOW_REMOTE_WRITE,
        )
    }

    const fn from_bits(
        flags: u32,
        known: u32,
        local_write: u32,
        remote_read: u32,
        remote_write: u32,
    ) -> Option<Access> {
        let access = Access {
            local_write: flags & local_write != 0,
            remote_read: flags & remote_read != 0,
            remote_write: flags & (remote_write & !local_write) != 0,
        };
        if flags & !known != 0 || (access.remote_write && !access.local_write) { None } else { Some(access) }
    }

    /// True if peers get any right.
    #[must_use]
    pub const fn is_remote(self) -> bool {
        self.remote_read || self.remote_write
    }

    /// True if these rights include those of `other`.
    #[must_use]
    pub const fn includes(self, other: Access) -> bool {
        (self.local_write || !other.local_write)
            && (self.remote_read || !other.remote_read)
            && (self.remote_write || !other.remote_write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_mean_what_ndkpi_says() {
        let all = Access { local_write: true, remote_read: true, remote_write: true };
        assert_eq!(Access::from_mr_flags(0), Some(Access::LOCAL_READ));
        assert_eq!(Access::from_mr_flags(1), Some(Access::LOCAL_WRITE));
        assert_eq!(Access::from_mr_flags(2), Some(Access::REMOTE_READ));
        assert_eq!(Access::from_mr_flags(5), Some(Access { remote_read: false, ..all }));
        assert_eq!(Access::from_mr_flags(15), Some(all));
        assert_eq!(Access::from_mr_flags(4), None);
        assert_eq!(Access::from_mr_flags(16), None);
        assert_eq!(Access::from_op_flags(0x8), Some(Access::REMOTE_READ));
        assert_eq!(Access::from_op_flags(0x10), Some(Access::LOCAL_WRITE));
        assert_eq!(Access::from_op_flags(0x30), Some(Access { remote_read: false, ..all }));
        assert_eq!(Access::from_op_flags(0x20), None);
    }

    #[test]
    fn rights_include_rights() {
        for bits in 0..64_u32 {
            let rights = |bits: u32| Access {
                local_write: bits & 1 != 0,
                remote_read: bits & 2 != 0,
                remote_write: bits & 4 != 0,
            };
            let (have, need) = (bits & 7, bits >> 3);
            assert_eq!(rights(have).includes(rights(need)), have & need == need);
        }
    }
}
