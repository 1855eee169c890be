//! How a machine is set up.

use crate::board::Board;
use crate::error::Error;
use crate::inf::{Inf, Install, PciId, Value};
use crate::machine::Machine;
use lab_kernel::{bugcheck, cpu};
use lab_kmdf::{RegValue, Registry, Resources};
use lab_nic::{Clock, Net, Nic, NicConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// KMDF version of the lab.
const KMDF: (u16, u16) = (1, 33);

static BUILT: AtomicBool = AtomicBool::new(false);

/// Sets up a [`Machine`].
pub struct Builder {
    driver: PathBuf,
    inf: Option<PathBuf>,
    keywords: Vec<(String, String)>,
    values: Vec<(String, RegValue)>,
    nic: NicConfig,
    seed: u64,
    preempt_one_in: u32,
    messages: Option<u32>,
    options: lab_netcx::Options,
}

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder {
            driver: PathBuf::new(),
            inf: None,
            keywords: Vec::new(),
            values: Vec::new(),
            nic: NicConfig::default(),
            seed: 1,
            preempt_one_in: 64,
            messages: None,
            options: lab_netcx::Options { verifier: true, ..lab_netcx::Options::default() },
        }
    }

    /// The driver image (`.sys`).
    pub fn driver(mut self, path: impl Into<PathBuf>) -> Builder {
        self.driver = path.into();
        self
    }

    /// The INF or INX that installs it. Without one: the file of the driver's name beside it or in `inf/` above it, or none.
    pub fn inf(mut self, path: impl Into<PathBuf>) -> Builder {
        self.inf = Some(path.into());
        self
    }

    /// Sets a keyword of the INF in place of its default; the INF decides what values are allowed.
    pub fn keyword(mut self, name: impl Into<String>, value: impl Into<String>) -> Builder {
        self.keywords.push((name.into(), value.into()));
        self
    }

    /// Sets a value of the device's software key, whatever the INF says: for hostile registries.
    pub fn registry_value(mut self, name: impl Into<String>, value: RegValue) -> Builder {
        self.values.push((name.into(), value));
        self
    }

    /// QEMU's name of the adapter (`igb`).
    pub fn nic(mut self, device: impl Into<String>) -> Builder {
        self.nic.device = device.into();
        self
    }

    /// The adapter's permanent address.
    pub fn mac(mut self, mac: [u8; 6]) -> Builder {
        self.nic.mac = mac;
        self
    }

    /// Where the cable leads.
    pub fn net(mut self, net: Net) -> Builder {
        self.nic.net = net;
        self
    }

    /// What drives time.
    pub fn clock(mut self, clock: Clock) -> Builder {
        self.nic.clock = clock;
        self
    }

    /// Another QEMU than the distribution's.
    pub fn qemu(mut self, path: impl Into<PathBuf>) -> Builder {
        self.nic.qemu = Some(path.into());
        self
    }

    /// Guest RAM in MiB.
    pub fn ram_mib(mut self, mib: u32) -> Builder {
        self.nic.ram_mib = mib;
        self
    }

    /// Seed of every random choice of the machine.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = seed;
        self
    }

    /// One in so many preempt points switches threads; 0 = none.
    pub fn preempt_one_in(mut self, n: u32) -> Builder {
        self.preempt_one_in = n;
        self
    }

    /// MSI-X messages granted to the driver, at most what the adapter has; 0 = the line interrupt. Without this call the
    /// INF decides (`MSISupported`, `MessageNumberLimit`); without an INF all are granted.
    pub fn messages(mut self, n: u32) -> Builder {
        self.messages = Some(n);
        self
    }

    /// Confine DMA to what the driver mapped (VT-d). On by default.
    pub fn fence(mut self, on: bool) -> Builder {
        self.nic.fence = on;
        self
    }

    /// The framework's queue verifier: poisoned ring fields, snapshots, every other call at DISPATCH_LEVEL. On by
    /// default.
    pub fn verifier(mut self, on: bool) -> Builder {
        self.options.verifier = on;
        self
    }

    /// Map each buffer for DMA only while the driver owns it.
    pub fn strict_dma(mut self, on: bool) -> Builder {
        self.options.strict_dma = on;
        self
    }

    /// Further options of the framework (ring sizes, bounce policy, deadlines).
    pub fn options(mut self, change: impl FnOnce(&mut lab_netcx::Options)) -> Builder {
        change(&mut self.options);
        self
    }

    /// Capture every frame between adapter and net as pcapng.
    pub fn pcap(mut self, path: impl Into<PathBuf>) -> Builder {
        self.nic.pcap = Some(path.into());
        self
    }

    /// Starts the adapter, boots the machine on this thread, loads the driver and adds its device. The device is not
    /// started.
    ///
    /// # Errors
    /// Any [`Error`] up to [`Error::AddDevice`]. After an error past the INF this process cannot build another machine.
    pub fn build(self) -> Result<Machine, Error> {
        let inf = self.inf.clone().or_else(|| find_inf(&self.driver)).map(|path| Inf::read(&path)).transpose()?;
        if let (None, Some((name, _))) = (&inf, self.keywords.first()) {
            return Err(Error::NoInf(name.clone()));
        }
        if BUILT.swap(true, Ordering::SeqCst) {
            return Err(Error::SecondMachine);
        }
        let nic = Nic::start(&self.nic)?;
        let install = inf.map(|inf| inf.install(pci_id(&nic))).transpose()?;
        let registry = self.registry(install.as_ref())?;
        let offered = self.messages.or(install.map(|i| i.message_limit)).unwrap_or(u32::MAX);
        let board = Arc::new(Board::new(nic.clone()));
        let stopped = board.clone();
        bugcheck::at_stop(move || {
            stopped.dma_faults();
            stopped.nic().stop();
        });
        cpu::boot(cpu::Config { nic: board.clone(), seed: self.seed, preempt_one_in: self.preempt_one_in });
        lab_netcx::set_options(self.options.clone());
        lab_kmdf::register_class(&lab_netcx::CLASS);

        let image = lab_kernel::image::load(&self.driver, &resolve)?;
        let sha256 = image.sha256().to_owned();
        let driver = lab_kmdf::load_driver(image, registry)?;
        let resources = Resources { bus: board.clone(), ..Resources::of_nic(&nic, offered) };
        let messages = resources.messages;
        let mut machine = Machine::new(board, driver);
        machine.about.file = self.driver.display().to_string();
        machine.about.sha256 = sha256;
        machine.nic_info.device = self.nic.device.clone();
        machine.nic_info.mac = mac_text(self.nic.mac);
        machine.nic_info.clock = if nic.clock_is_virtual() { "virtual" } else { "real" }.into();
        machine.nic_info.fence = self.nic.fence;
        machine.nic_info.messages = messages;
        machine.nic_info.seed = self.seed;
        machine.add_device(resources)?;
        Ok(machine)
    }

    /// The device's software key: what the INF gives it, keywords, then raw values.
    fn registry(&self, install: Option<&Install>) -> Result<Registry, Error> {
        let registry = Registry::new();
        if let Some(install) = install {
            if let Some((major, minor)) = install.kmdf_version.filter(|v| *v > KMDF) {
                return Err(Error::Kmdf(major, minor));
            }
            for (name, value) in &install.values {
                registry.set(name, reg_value(value));
            }
            for (name, value) in keyword_values(install, &self.keywords)? {
                registry.set(&name, RegValue::Sz(value));
            }
        }
        for (name, value) in &self.values {
            registry.set(name, value.clone());
        }
        Ok(registry)
    }
}

/// Every keyword with the value it has: the one set, else the default.
///
/// # Errors
/// [`Error::UnknownKeyword`] and [`Error::KeywordValue`].
fn keyword_values(install: &Install, set: &[(String, String)]) -> Result<Vec<(String, String)>, Error> {
    let mut values: Vec<Option<String>> = install.keywords.iter().map(|k| k.default.clone()).collect();
    for (name, value) in set {
        let at = install.keywords.iter().position(|k| k.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let known = install.keywords.iter().map(|k| k.name.clone()).collect();
            Error::UnknownKeyword { name: name.clone(), known }
        })?;
        install.keywords[at].check(value).map_err(Error::KeywordValue)?;
        values[at] = Some(value.clone());
    }
    let named = install.keywords.iter().zip(values);
    Ok(named.filter_map(|(k, v)| v.map(|v| (k.name.clone(), v))).collect())
}

/// The INF or INX of the driver's name: beside the driver, else in a folder `inf` of the folders above it, as in a
/// source tree.
pub(crate) fn find_inf(driver: &Path) -> Option<PathBuf> {
    let driver = driver.canonicalize().ok()?;
    let beside = ["inf", "inx"].map(|extension| driver.with_extension(extension));
    let names = beside.clone().map(|path| path.file_name().map(PathBuf::from).unwrap_or_default());
    let above =
        driver.ancestors().skip(1).flat_map(|folder| names.iter().map(move |name| folder.join("inf").join(name)));
    beside.iter().cloned().chain(above).find(|path| path.is_file())
}

pub(crate) fn resolve(module: &str, name: &str) -> Option<usize> {
    let kernel = lab_kernel::exports::resolve(module, name);
    kernel.or_else(|| lab_kmdf::resolve(module, name)).or_else(|| lab_netcx::resolve(module, name))
}

/// True if the lab has this import.
pub(crate) fn is_resolved(module: &str, name: &str) -> bool {
    resolve(module, name).is_some()
}

fn pci_id(nic: &Nic) -> PciId {
    let id = nic.pci_read(0, 4);
    PciId {
        vendor: (id & 0xFFFF) as u16,
        device: (id >> 16) as u16,
        subsystem: nic.pci_read(0x2C, 4),
        revision: nic.pci_read(0x08, 1) as u8,
    }
}

fn reg_value(value: &Value) -> RegValue {
    match value {
        Value::Text(text) => RegValue::Sz(text.clone()),
        Value::Dword(number) => RegValue::Dword(*number),
        Value::Binary(bytes) => RegValue::Binary(bytes.clone()),
        Value::Texts(texts) => RegValue::MultiSz(texts.clone()),
    }
}

/// `52:54:00:49:47:42`.
pub(crate) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|b| format!("{b:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inf::{Keyword, Kind};

    fn install() -> Install {
        let keyword = |name: &str, default: Option<&str>| Keyword {
            name: name.into(),
            description: String::new(),
            kind: Kind::Number { min: 64, max: 4096, step: 8, base: 10 },
            optional: default.is_none(),
            default: default.map(Into::into),
        };
        Install { keywords: vec![keyword("*Rx", Some("512")), keyword("Mac", None)], ..Install::default() }
    }

    fn values(set: &[(&str, &str)]) -> Result<Vec<(String, String)>, Error> {
        let set: Vec<_> = set.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        keyword_values(&install(), &set)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn defaults_and_overrides() {
        assert_eq!(values(&[]).unwrap(), [pair("*Rx", "512")]);
        assert_eq!(values(&[("*rx", "64"), ("Mac", "128")]).unwrap(), [pair("*Rx", "64"), pair("Mac", "128")]);
    }

    #[test]
    fn refusals_say_what_is_possible() {
        assert!(values(&[("*Rx", "65")]).unwrap_err().to_string().contains("steps of 8"));
        let unknown = values(&[("*Tx", "64")]).unwrap_err().to_string();
        assert!(unknown.contains("*Tx") && unknown.contains("*Rx, Mac"), "{unknown}");
    }

    #[test]
    fn the_inf_is_found_beside_the_driver_and_above() {
        let folder = std::env::temp_dir().join(format!("netcx-lab-inf-{}", std::process::id()));
        let (out, inf) = (folder.join("target/x64"), folder.join("inf"));
        std::fs::create_dir_all(&out).unwrap();
        std::fs::create_dir_all(&inf).unwrap();
        let touch = |path: &Path| std::fs::write(path, "").unwrap();
        let driver = out.join("d.sys");
        touch(&driver);
        let found = || find_inf(&driver).map(|p| p.strip_prefix(folder.canonicalize().unwrap()).unwrap().to_owned());
        assert_eq!(found(), None);
        touch(&inf.join("d.inx"));
        assert_eq!(found(), Some("inf/d.inx".into()));
        touch(&out.join("d.inf"));
        assert_eq!(found(), Some("target/x64/d.inf".into()));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn addresses_print_in_the_usual_form() {
        assert_eq!(mac_text([0x52, 0x54, 0, 0x49, 0x47, 0x42]), "52:54:00:49:47:42");
    }
}
