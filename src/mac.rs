//! What the MAC lets through, and for whom: kept over resets and power cycles, and brought to the hardware as a whole.

use crate::hardware::Hardware;
use igb::{
    Error,
    filter::ReceiveFilter,
    vmdq::{Steering, Switch},
};

/// The filters. Whoever holds the lock around this is the only one who changes the MAC.
pub struct Mac {
    /// The newest receive filter, which the framework does not repeat after D3.
    filter: ReceiveFilter,
    /// What VM queues get.
    steering: Steering,
    switch: Switch,
}

impl Mac {
    /// Nothing passes.
    pub const fn new() -> Self {
        Self { filter: ReceiveFilter::nothing(), steering: Steering::nothing(), switch: Switch::new() }
    }

    /// Keeps the adapter's receive filter and sets it, if there is hardware.
    pub fn set_receive_filter(&mut self, filter: ReceiveFilter, hardware: Option<&Hardware>) -> Result<(), Error> {
        self.filter = filter;
        hardware.map_or(Ok(()), |hardware| self.apply(hardware))
    }

    /// Keeps what VM queues get and sets it.
    pub fn steer(&mut self, steering: Steering, hardware: &Hardware) -> Result<(), Error> {
        self.steering = steering;
        self.apply(hardware)
    }

    /// After a reset: the mode of the hardware and the receive filter. VM queues get nothing before the next
    /// [`Self::steer`].
    pub fn restore(&mut self, hardware: &Hardware) -> Result<(), Error> {
        self.steering = Steering::nothing();
        if hardware.has_pools() {
            hardware.nic.configure_pools(&mut self.switch)?;
        }
        self.apply(hardware)
    }

    fn apply(&mut self, hardware: &Hardware) -> Result<(), Error> {
        let station = hardware.station();
        if hardware.has_pools() {
            self.switch.apply(&hardware.nic, station, hardware.config.max_frame, &self.filter, &self.steering)
        } else {
            hardware.nic.set_receive_filter(station, &self.filter)
        }
    }
}
