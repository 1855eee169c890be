//! The bus a device sits on: configuration space, messages and DMA addresses.

/// What the framework asks of the bus driver below a device. `lab_nic::Nic` is the real one; unit tests use a fake.
pub trait Bus: Send + Sync {
    /// Reads `width` bytes (1, 2 or 4) of configuration space.
    fn config_read(&self, offset: u16, width: u8) -> u32;
    /// Writes `width` bytes (1, 2 or 4) of configuration space.
    fn config_write(&self, offset: u16, width: u8, value: u32);
    /// Grants `n` messages: the MSI-X table is programmed and MSI-X enabled.
    fn enable_messages(&self, n: u32);
    /// MSI-X is off.
    fn disable_messages(&self);
    /// Makes guest-physical memory reachable for the device; returns the logical (bus) address.
    fn dma_map(&self, phys: u64, len: u64, write: bool) -> u64;
    /// Undoes [`Bus::dma_map`].
    fn dma_unmap(&self, logical: u64, len: u64);
    /// The device cannot reach these mappings any more: a late access is a fault. Their addresses, each with its length,
    /// stay taken until [`Bus::dma_unmap`].
    fn dma_revoke(&self, ranges: &[(u64, u64)]);
}

impl Bus for lab_nic::Nic {
    fn config_read(&self, offset: u16, width: u8) -> u32 {
        self.pci_read(offset, width)
    }

    fn config_write(&self, offset: u16, width: u8, value: u32) {
        self.pci_write(offset, width, value);
    }

    fn enable_messages(&self, n: u32) {
        self.enable_msix(n);
    }

    fn disable_messages(&self) {
        self.disable_msix();
    }

    fn dma_map(&self, phys: u64, len: u64, write: bool) -> u64 {
        lab_nic::Nic::dma_map(self, phys, len, write)
    }

    fn dma_unmap(&self, logical: u64, len: u64) {
        lab_nic::Nic::dma_unmap(self, logical, len);
    }

    fn dma_revoke(&self, ranges: &[(u64, u64)]) {
        lab_nic::Nic::dma_revoke(self, ranges);
    }
}
