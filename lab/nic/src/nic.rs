//! The adapter as the rest of the lab sees it.

use std::{
    fmt,
    os::fd::AsFd,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    capture::Capture,
    clock::{Clock, Timer},
    error::NicError,
    fault_plan::{FaultPlan, Verdict},
    fence::{DmaFault, Fence},
    link::Link,
    msix::Msix,
    pci::{Bar, Function},
    qemu::{Machine, Net, virtual_time_qemu},
    qmp::Qmp,
    qtest::Qtest,
    ram::{GuestRam, PAGE_SIZE},
    stats::NicStats,
    sys,
    wire::{self, Port, Wire},
};

/// The bit of [`Nic::take_interrupts`] that stands for the interrupt line.
pub const INTX_BIT: u32 = 63;

/// Q35 keeps RAM in one piece below this.
const MAX_RAM_MIB: u32 = 2048;
/// Longest sleep between two looks at the interrupt slots, which nothing wakes us for.
const DOZE: Duration = Duration::from_micros(50);
/// Virtual time that passes between two looks at the interrupt slots: it doubles from the first to the second value.
const FIRST_STRIDE: Duration = Duration::from_micros(10);
const LAST_STRIDE: Duration = Duration::from_millis(1);

/// What adapter to start, and how.
#[derive(Clone, Debug)]
pub struct NicConfig {
    /// QEMU's name of the device: `igb`.
    pub device: String,
    /// Its permanent address.
    pub mac: [u8; 6],
    /// Where its cable leads.
    pub net: Net,
    /// Size of guest RAM in MiB, 16..=2048.
    pub ram_mib: u32,
    /// DMA reaches only what [`Nic::dma_map`] mapped. Without the fence physical addresses are DMA addresses.
    pub fence: bool,
    /// What drives time.
    pub clock: Clock,
    /// The program, in place of the distribution's QEMU or the one with virtual time.
    pub qemu: Option<PathBuf>,
    /// Where to write every frame between adapter and net, as pcapng.
    pub pcap: Option<PathBuf>,
    /// Binds the calling thread, and with it QEMU and all threads started later, to one processor. A register access
    /// is three times faster that way.
    pub pin: bool,
}

impl Default for NicConfig {
    fn default() -> NicConfig {
        NicConfig {
            device: "igb".into(),
            mac: [0x52, 0x54, 0x00, 0x49, 0x47, 0x42],
            net: Net::User,
            ram_mib: 256,
            fence: true,
            clock: Clock::Auto,
            qemu: None,
            pcap: None,
            pin: true,
        }
    }
}

/// A network adapter in a QEMU process of its own. Dropping it ends the process.
pub struct Nic {
    link: Arc<Link>,
    qmp: Mutex<Qmp>,
    function: Function,
    bars: Vec<Bar>,
    msix: Option<Mutex<Msix>>,
    fence: Option<Mutex<Fence>>,
    ram: GuestRam,
    wire: Option<Wire>,
    timer: Timer,
    faults: FaultPlan,
    disconnected: AtomicBool,
    stats: Mutex<NicStats>,
    capture: Option<Capture>,
}

impl Nic {
    /// Starts QEMU, places the BARs, switches bus mastering on and puts the fence up. The adapter itself is as after
    /// power-on.
    ///
    /// # Errors
    /// A configuration that cannot be served, no usable QEMU, or a QEMU that ends at once, with its own words.
    pub fn start(config: &NicConfig) -> Result<Arc<Nic>, NicError> {
        if !(16..=MAX_RAM_MIB).contains(&config.ram_mib) {
            return Err(NicError::Config(format!("{} MiB of RAM: 16 to {MAX_RAM_MIB} can be had", config.ram_mib)));
        }
        let virtual_time = match config.clock {
            Clock::Auto => config.net == Net::Wire && config.qemu.is_none() && virtual_time_qemu().is_some(),
            Clock::Real => false,
            Clock::Virtual => true,
        };
        if config.pin {
            sys::pin_to_one_cpu(next_turn()).map_err(NicError::os("binding to one processor"))?;
        }
        let ram = GuestRam::new(config.ram_mib)?;
        let capture = config.pcap.as_deref().map(Capture::new).transpose()?;
        let (qtest, qtest_end) = UnixStream::pair().map_err(NicError::os("qtest socket"))?;
        let (qmp, qmp_end) = UnixStream::pair().map_err(NicError::os("QMP socket"))?;
        let cable = (config.net == Net::Wire).then(wire::cable).transpose().map_err(NicError::os("the wire"))?;
        let (port, cable_end) = cable.unzip();
        let machine = Machine {
            program: config.qemu.as_deref(),
            virtual_time,
            device: &config.device,
            mac: config.mac,
            fence: config.fence,
            ram_mib: config.ram_mib,
            ram: &ram.file(),
            qtest: &qtest_end,
            qmp: &qmp_end,
            cable: cable_end.as_ref().map(|end| end as &dyn AsFd),
            net: &config.net,
            capture: capture.as_ref().map(Capture::files),
        };
        let process = machine.start()?;
        // Only QEMU may hold the far ends: its death has to be seen.
        drop((qtest_end, qmp_end, cable_end));

        let qtest = Qtest::new(qtest).map_err(NicError::os("qtest socket"))?;
        let link = Arc::new(Link::new(qtest, port.map(Port::new), process, virtual_time));
        let function = Function::open(Arc::clone(&link))?;
        let qmp = Qmp::open(qmp)?;
        let bars = function.assign_bars()?;
        let mut fence = config.fence.then(|| Fence::new(Arc::clone(&link), &ram)).transpose()?;
        let msix = match function.msix(&bars) {
            None => None,
            Some(capability) => {
                let slots = ram.alloc(1, PAGE_SIZE)?;
                let dma = fence.as_mut().map_or(slots.phys(), |fence| fence.map(slots.phys(), slots.len(), true));
                Some(Msix::new(Arc::clone(&link), capability, slots, dma))
            }
        };
        link.call(format_args!("irq_intercept_in ioapic"));
        if let Some(failure) = link.failure() {
            return Err(failure);
        }
        let vectors = msix.as_ref().map_or(0, Msix::vectors);
        let stats = NicStats { interrupts: vec![0; vectors as usize], ..NicStats::default() };
        Ok(Arc::new(Nic {
            wire: (config.net == Net::Wire).then(|| Wire::new(Arc::clone(&link))),
            link,
            qmp: Mutex::new(qmp),
            function,
            bars,
            msix: msix.map(Mutex::new),
            fence: fence.map(Mutex::new),
            ram,
            timer: Timer::new(virtual_time),
            faults: FaultPlan::default(),
            disconnected: AtomicBool::new(false),
            stats: Mutex::new(stats),
            capture,
        }))
    }

    /// Ends QEMU and writes the capture. From now on the adapter is absent: reads are all ones, nothing else happens.
    /// A second call does nothing.
    pub fn stop(&self) {
        if matches!(self.link.failure(), Some(NicError::Stopped)) {
            return;
        }
        if let Err(e) = self.write_capture() {
            eprintln!("{e}");
        }
        self.link.close();
        self.ram.forget_dma();
    }

    /// Why QEMU was lost, if it was. A run that finds a reason here is void.
    pub fn failure(&self) -> Option<NicError> {
        self.link.failure().filter(|failure| !matches!(failure, NicError::Stopped))
    }

    /// The BARs, memory and ports.
    pub fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// Whether a physical address lies in a memory BAR.
    pub fn is_nic_address(&self, phys: u64) -> bool {
        self.locate(phys).is_some()
    }

    /// Reads `width` (1, 2, 4 or 8) bytes of a memory BAR; all ones where there is none. Everything posted is done
    /// before.
    pub fn mmio_read(&self, phys: u64, width: u8) -> u64 {
        let ones = u64::MAX >> (64 - 8 * u32::from(width.clamp(1, 8)));
        let (Some(letter), Some((bar, offset))) = (letter(width), self.locate(phys)) else { return ones };
        let bar0 = (bar.index == 0).then_some(offset);
        {
            let mut stats = lock(&self.stats);
            stats.mmio_reads += 1;
            if let Some(offset) = bar0 {
                *stats.reads_from.entry(offset).or_insert(0) += 1;
            }
        }
        let value = match self.faults.on_read(phys) {
            Verdict::Real => self.faults.after_read(phys, bar0, self.link.call(format_args!("read{letter} {phys:#x}"))),
            Verdict::Answer(value) => value,
            Verdict::Gone => {
                self.disconnect();
                u64::MAX
            }
        };
        value & ones
    }

    /// Writes `width` (1, 2, 4 or 8) bytes of a memory BAR; nothing where there is none. The write is posted: see
    /// [`Nic::flush`].
    pub fn mmio_write(&self, phys: u64, width: u8, value: u64) {
        let (Some(letter), Some((bar, offset))) = (letter(width), self.locate(phys)) else { return };
        {
            let mut stats = lock(&self.stats);
            stats.mmio_writes += 1;
            if bar.index == 0 {
                *stats.writes_to.entry(offset).or_insert(0) += 1;
            }
        }
        match self.faults.on_write() {
            Verdict::Gone => self.disconnect(),
            _ => self.link.post(format_args!("write{letter} {phys:#x} {value:#x}")),
        }
    }

    /// Posted writes reach the adapter, which does at once what they ask for: after a tail write the frames are sent,
    /// the descriptors written back and the interrupt is there. Reads, interrupt polls, wire calls, time calls and
    /// configuration accesses do this on their own; code that looks at shared memory in between may have to.
    pub fn flush(&self) {
        self.link.observe();
    }

    /// Reads configuration space, 1, 2 or 4 aligned bytes below 4096.
    pub fn pci_read(&self, offset: u16, width: u8) -> u32 {
        if self.gone() { u32::MAX } else { self.function.read(offset, width) }
    }

    /// Writes configuration space, 1, 2 or 4 aligned bytes below 4096.
    pub fn pci_write(&self, offset: u16, width: u8, value: u32) {
        if !self.gone() {
            self.function.write(offset, width, value);
        }
    }

    /// MSI-X vectors that the adapter offers (0: only the line).
    pub fn msix_vectors(&self) -> u32 {
        self.msix.as_ref().map_or(0, |msix| lock(msix).vectors())
    }

    /// Grants the adapter its first `n` vectors, unmasked, and switches it from the line to messages; 0 switches back.
    pub fn enable_msix(&self, n: u32) {
        if let (Some(msix), false) = (&self.msix, self.gone()) {
            lock(msix).enable(&self.function, n);
        }
    }

    /// Switches the adapter back to its interrupt line.
    pub fn disable_msix(&self) {
        if let (Some(msix), false) = (&self.msix, self.gone()) {
            lock(msix).disable(&self.function);
        }
    }

    /// Masks or unmasks a granted vector in the MSI-X table; an interrupt that comes while it is masked fires when it
    /// is unmasked.
    pub fn set_vector_masked(&self, vector: u32, masked: bool) {
        if let (Some(msix), false) = (&self.msix, self.gone()) {
            lock(msix).set_masked(vector, masked);
        }
    }

    /// The interrupts since the last call: bit v for MSI-X vector v, and, while MSI-X is off, bit [`INTX_BIT`] as long
    /// as the line is asserted. Everything posted is done before; without posted writes the call costs no round trip.
    pub fn take_interrupts(&self) -> u64 {
        self.link.observe();
        if self.gone() {
            return 0;
        }
        let msix = self.msix.as_ref().map(lock).filter(|msix| msix.is_enabled());
        let fired = match &msix {
            Some(msix) => msix.take(),
            None => u64::from(self.line_is_asserted()) << INTX_BIT,
        };
        if fired == 0 {
            return 0;
        }
        let fired = self.faults.surviving(fired);
        let mut stats = lock(&self.stats);
        stats.line_interrupts += fired >> INTX_BIT;
        for (vector, count) in stats.interrupts.iter_mut().enumerate() {
            *count += fired >> vector & 1;
        }
        fired
    }

    /// Memory that driver and adapter share.
    pub fn ram(&self) -> &GuestRam {
        &self.ram
    }

    /// Lets the adapter read, and if `write` also write, a physical range of live blocks; its DMA address. Pages are
    /// mapped whole; the offset in the page is kept. Without the fence the address is the physical one.
    ///
    /// # Panics
    /// When memory of no live block is mapped.
    pub fn dma_map(&self, phys: u64, len: u64, write: bool) -> u64 {
        self.fence.as_ref().map_or(phys, |fence| lock(fence).map(phys, len, write))
    }

    /// Takes a mapping back, with the address and length of its [`Nic::dma_map`]. When it returns, the adapter cannot
    /// reach the pages. It costs a round trip; many ranges at once are cheaper with [`Nic::dma_unmap_all`].
    ///
    /// # Panics
    /// When nothing was mapped like this.
    pub fn dma_unmap(&self, iova: u64, len: u64) {
        self.dma_unmap_all(&[(iova, len)]);
    }

    /// [`Nic::dma_unmap`] of several (address, length) with one round trip.
    ///
    /// # Panics
    /// When one of them was not mapped like this.
    pub fn dma_unmap_all(&self, ranges: &[(u64, u64)]) {
        if let Some(fence) = &self.fence {
            lock(fence).unmap(ranges);
        }
    }

    /// Takes the adapter's access to mappings back, each with the address and length of its [`Nic::dma_map`]. The addresses
    /// stay taken until [`Nic::dma_unmap`], so that a late access is a fault and hits nothing new. One round trip.
    ///
    /// # Panics
    /// When one of them was not mapped like this.
    pub fn dma_revoke(&self, ranges: &[(u64, u64)]) {
        if let Some(fence) = &self.fence {
            lock(fence).revoke(ranges);
        }
    }

    /// The DMAs that the fence stopped since the last call, each told once. The unit has room for one; when more came,
    /// `more_lost` says so.
    pub fn dma_faults(&self) -> Vec<DmaFault> {
        self.fence.as_ref().map_or(Vec::new(), |fence| lock(fence).take_faults())
    }

    /// Whether time passes only by [`Nic::step`] and [`Nic::idle`].
    pub fn clock_is_virtual(&self) -> bool {
        self.timer.is_virtual()
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        self.timer.now()
    }

    /// Lets `d` pass.
    pub fn step(&self, d: Duration) {
        let end = self.now() + d;
        self.link.observe();
        while self.now() < end && self.link.failure().is_none() {
            let left = end.saturating_sub(self.now());
            if self.timer.is_virtual() {
                self.step_clock(left);
            } else {
                self.doze(left);
            }
        }
    }

    /// Lets at most `max` pass, less when a message waits, the line becomes asserted, or, with real time, a frame comes
    /// out of the lab's wire.
    pub fn idle(&self, max: Duration) {
        let end = self.now() + max;
        let mut stride = FIRST_STRIDE;
        self.link.observe();
        // A line that nobody serves stays asserted; it must not stop the clock.
        let served = !self.line_is_asserted();
        let interrupted = || self.message_waits() || served && self.line_is_asserted();
        while !interrupted() && self.now() < end && self.link.failure().is_none() {
            let left = end.saturating_sub(self.now());
            if self.timer.is_virtual() {
                self.step_clock(left.min(stride));
                stride = (2 * stride).min(LAST_STRIDE);
            } else if self.doze(left.min(DOZE)) {
                return;
            }
        }
    }

    /// The far end of the cable, with [`Net::Wire`].
    pub fn wire(&self) -> Option<&Wire> {
        self.wire.as_ref()
    }

    /// Plugs the cable in or pulls it; the adapter sees it at once.
    pub fn set_link(&self, up: bool) {
        self.link.observe();
        let answer = lock(&self.qmp).execute("set_link", json!({ "name": "nic", "up": up }));
        if let (Err(e), None) = (answer, self.link.failure()) {
            self.link.with((), |_| Err(std::io::Error::other(e.to_string())));
        }
    }

    /// Faults that the adapter is made to have.
    pub fn faults(&self) -> &FaultPlan {
        &self.faults
    }

    /// Counts since the start.
    pub fn stats(&self) -> NicStats {
        lock(&self.stats).clone()
    }

    /// Writes the capture so far to [`NicConfig::pcap`], over an older one; nothing without it. Stop and drop do it too.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_capture(&self) -> Result<(), NicError> {
        self.link.observe();
        self.capture.as_ref().map_or(Ok(()), Capture::write)
    }

    /// Runs a command of QEMU's monitor (`info pci`, `info network`, ...) and returns what it prints.
    ///
    /// # Errors
    /// When QEMU is lost or refuses.
    pub fn hmp(&self, command: &str) -> Result<String, NicError> {
        self.link.observe();
        let answer = lock(&self.qmp).execute("human-monitor-command", json!({ "command-line": command }))?;
        Ok(answer.as_str().unwrap_or_default().to_owned())
    }

    fn locate(&self, phys: u64) -> Option<(&Bar, u64)> {
        let inside = |bar: &&Bar| !bar.io && phys.wrapping_sub(bar.phys) < bar.len;
        self.bars.iter().find(inside).map(|bar| (bar, phys - bar.phys))
    }

    fn gone(&self) -> bool {
        let gone = self.faults.is_removed();
        if gone {
            self.disconnect();
        }
        gone
    }

    /// Once: takes an adapter that was pulled out off the bus, so that its DMA ends too.
    fn disconnect(&self) {
        if !self.disconnected.swap(true, Ordering::Relaxed) {
            self.function.disconnect();
        }
    }

    fn message_waits(&self) -> bool {
        self.msix.as_ref().is_some_and(|msix| lock(msix).has_fired())
    }

    fn line_is_asserted(&self) -> bool {
        self.link.with(false, |state| state.qtest.pci_line_asserted())
    }

    /// Moves virtual time, at least one nanosecond; QEMU refuses a step of nothing.
    fn step_clock(&self, d: Duration) {
        let nanoseconds = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX).max(1);
        let now = self.link.with(None, |state| {
            let now = state.qtest.call(format_args!("clock_step {nanoseconds}"))?;
            state.take_in()?;
            Ok(Some(now))
        });
        if let Some(now) = now {
            self.timer.set(now);
        }
    }

    /// Real time: sleeps up to `max`; whether a frame ended it.
    fn doze(&self, max: Duration) -> bool {
        self.link.with(false, |state| state.doze(max))
    }
}

impl Drop for Nic {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nic").field("bars", &self.bars).field("now", &self.now()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// qtest's letter for a width.
fn letter(width: u8) -> Option<char> {
    match width {
        1 => Some('b'),
        2 => Some('w'),
        4 => Some('l'),
        8 => Some('q'),
        _ => None,
    }
}

/// Spreads the adapters of this process, and processes that start together, over the processors.
fn next_turn() -> usize {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    std::process::id() as usize + STARTED.fetch_add(1, Ordering::Relaxed)
}
