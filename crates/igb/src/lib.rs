//! The Intel 82576 Ethernet family: registers, MAC, PHY, interrupts and descriptor rings.
//!
//! Nothing here knows an operating system. Register access and waiting come in through [`Registers`] and [`Delay`],
//! memory is handed in ([`memory::DmaMemory`] and plain slices), nothing is allocated. Everything that is read from
//! the device is taken as hostile: each wait is bounded, each length checked, an all-ones answer becomes
//! [`Error::DeviceGone`].
//!
//! Life of a device: [`device::Device::reset`], [`device::Device::configure`], [`device::Device::start_link`], then
//! queues ([`tx::Queue`], [`rx::Queue`]) and [`interrupt::Interrupts`]. Only the queues are on the datapath; they do
//! no register read there. [`vmdq`] shares a device out among pools.
//!
//! Numbers such as "7.2.2" are sections of the 82576 datasheet (Intel document 320961); "8.10" names the chapter of
//! the register descriptions in which a register stands.

#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
#[macro_use]
extern crate std;

mod error;
mod io;
mod mac;
mod phy;
mod queue;
mod ring;
mod semaphore;
#[cfg(test)]
mod testing;

pub mod counters;
pub mod device;
pub mod dump;
pub mod filter;
pub mod interrupt;
pub mod memory;
pub mod model;
pub mod regs;
pub mod rx;
pub mod tx;
pub mod vmdq;

pub use error::{Direction, Error};
pub use io::{Delay, Registers};
pub use mac::MacAddress;

#[cfg(test)]
mod tests {
    use static_assertions::assert_impl_all;

    // Queues move between execution contexts; interrupts are taken anywhere.
    struct Mmio;
    impl crate::Registers for Mmio {
        fn read(&self, _: u32) -> u32 {
            0
        }
        fn write(&self, _: u32, _: u32) {}
    }
    assert_impl_all!(crate::tx::Queue<Mmio, std::boxed::Box<[crate::tx::Completion]>>: Send);
    assert_impl_all!(crate::rx::Queue<Mmio>: Send);
    assert_impl_all!(crate::interrupt::Interrupts<Mmio>: Send, Sync);
}
