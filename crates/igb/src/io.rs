use crate::Error;
use crate::regs::{Register, STATUS, Value};

/// The 32-bit registers in BAR 0.
///
/// `read` and `write` are single accesses, in program order, of a 4-byte aligned byte offset below 128 KiB.
pub trait Registers {
    /// Reads the register at `offset`. A device that left the bus answers all ones.
    fn read(&self, offset: u32) -> u32;
    /// Writes the register at `offset`; may be posted.
    fn write(&self, offset: u32, value: u32);
}

impl<R: Registers + ?Sized> Registers for &R {
    #[inline]
    fn read(&self, offset: u32) -> u32 {
        (**self).read(offset)
    }

    #[inline]
    fn write(&self, offset: u32, value: u32) {
        (**self).write(offset, value);
    }
}

/// Waiting. Called only from paths that may wait: reset, PHY access, queue enable and disable.
pub trait Delay {
    /// Waits at least `us` microseconds, 1..=1000.
    fn delay_us(&self, us: u32);
}

impl<D: Delay + ?Sized> Delay for &D {
    fn delay_us(&self, us: u32) {
        (**self).delay_us(us);
    }
}

/// How long to wait for a register: `tries` looks, `step_us` apart.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub step_us: u32,
    pub tries: u32,
}

/// Typed registers with the all-ones check.
pub(crate) struct Bus<R>(pub R);

impl<R: Registers> Bus<R> {
    /// A read of all ones is believed only if STATUS, which never reads so, agrees.
    pub fn read<V: Value>(&self, register: Register<V>) -> Result<V, Error> {
        let bits = self.0.read(register.offset());
        if bits == u32::MAX && self.0.read(STATUS.offset()) == u32::MAX {
            return Err(Error::DeviceGone);
        }
        Ok(V::from_bits(bits))
    }

    /// As [`Self::read`], for a register of a table.
    pub fn read_at(&self, offset: u32) -> Result<u32, Error> {
        self.read(Register::<u32>::at_offset(offset))
    }

    /// A read whose all-ones answer the caller judges.
    #[inline]
    pub fn peek<V: Value>(&self, register: Register<V>) -> V {
        V::from_bits(self.0.read(register.offset()))
    }

    #[inline]
    pub fn write<V: Value>(&self, register: Register<V>, value: V) {
        self.0.write(register.offset(), value.into_bits());
    }

    pub fn modify<V: Value>(&self, register: Register<V>, change: impl FnOnce(V) -> V) -> Result<(), Error> {
        let value = self.read(register)?;
        self.write(register, change(value));
        Ok(())
    }

    /// Waits until `done` says yes to the register; `Ok(false)` when patience ends first.
    pub fn poll<V: Value>(
        &self,
        delay: &impl Delay,
        register: Register<V>,
        patience: Patience,
        done: impl Fn(V) -> bool,
    ) -> Result<bool, Error> {
        for _ in 0..patience.tries {
            if done(self.read(register)?) {
                return Ok(true);
            }
            delay.delay_us(patience.step_us);
        }
        Ok(done(self.read(register)?))
    }

    /// Makes posted writes reach the device.
    pub fn flush(&self) -> Result<(), Error> {
        self.read(STATUS).map(|_| ())
    }
}
