//! The QEMU process: which program, its command line, its life and its last words.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    str::FromStr,
    sync::mpsc,
    thread,
};

use crate::{error::NicError, sys, sys::ChildFds};

/// Environment variable that names the QEMU with virtual time, in place of the one `cargo xtask setup` builds.
const VIRTUAL_TIME_VARIABLE: &str = "NETCX_LAB_QTEST_QEMU";
/// The distribution's QEMU.
const STOCK_PROGRAM: &str = "qemu-system-x86_64";
/// PCI slot of the adapter on bus 0.
pub(crate) const SLOT: u8 = 3;
/// Bytes of QEMU's standard error that a failure repeats.
const LAST_WORDS: u64 = 2000;

/// Where the adapter's cable leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Net {
    /// QEMU's own small network with DHCP, DNS and a gateway to services on the host (slirp).
    User,
    /// The lab holds the other end: [`crate::Wire`].
    Wire,
    /// Datagrams, one per frame: another lab or another QEMU is the peer.
    Dgram {
        /// Where this adapter receives; a path is created by QEMU.
        local: Endpoint,
        /// Where it sends to.
        remote: Endpoint,
    },
}

/// One end of a datagram cable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix datagram socket.
    Unix(PathBuf),
    /// A UDP address.
    Udp(SocketAddr),
}

impl FromStr for Net {
    type Err = NicError;

    /// Reads `user`, `wire` or `dgram:LOCAL,REMOTE` (paths with a slash, or address:port).
    fn from_str(text: &str) -> Result<Net, NicError> {
        match text {
            "user" => return Ok(Net::User),
            "wire" => return Ok(Net::Wire),
            _ => {}
        }
        let ends = text.strip_prefix("dgram:").and_then(|ends| ends.split_once(','));
        let (local, remote) = ends
            .ok_or_else(|| NicError::Config(format!("network `{text}`: expected user, wire or dgram:LOCAL,REMOTE")))?;
        Ok(Net::Dgram { local: local.parse()?, remote: remote.parse()? })
    }
}

impl FromStr for Endpoint {
    type Err = NicError;

    /// Reads a path (it has a slash) or an address:port.
    fn from_str(text: &str) -> Result<Endpoint, NicError> {
        if text.contains('/') {
            return Ok(Endpoint::Unix(text.into()));
        }
        let address = text.parse();
        address.map(Endpoint::Udp).map_err(|_| {
            NicError::Config(format!("datagram end `{text}`: expected a path with a slash or an address:port"))
        })
    }
}

impl Endpoint {
    /// QEMU's options for this end; `side` is `local` or `remote`.
    fn options(&self, side: &str) -> String {
        match self {
            Endpoint::Unix(path) => {
                let path = path.display().to_string().replace(',', ",,");
                format!("{side}.type=unix,{side}.path={path}")
            }
            Endpoint::Udp(address) => {
                format!("{side}.type=inet,{side}.host={},{side}.port={}", address.ip(), address.port())
            }
        }
    }
}

/// The QEMU with virtual time, if there is one: `$NETCX_LAB_QTEST_QEMU`, or what `cargo xtask setup` built into
/// `target/qemu`.
pub fn virtual_time_qemu() -> Option<PathBuf> {
    let named = std::env::var_os(VIRTUAL_TIME_VARIABLE).map(PathBuf::from);
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/qemu/qemu-system-x86_64");
    Some(named.unwrap_or_else(built)).filter(|program| program.is_file())
}

/// What QEMU is asked for.
pub(crate) struct Machine<'a> {
    pub program: Option<&'a Path>,
    pub virtual_time: bool,
    pub device: &'a str,
    pub mac: [u8; 6],
    pub fence: bool,
    pub ram_mib: u32,
    pub ram: &'a dyn AsFd,
    pub qtest: &'a dyn AsFd,
    pub qmp: &'a dyn AsFd,
    /// QEMU's end of the lab's cable, for [`Net::Wire`].
    pub cable: Option<&'a dyn AsFd>,
    pub net: &'a Net,
    /// Files for the frames that the adapter sends and receives.
    pub capture: Option<[&'a File; 2]>,
}

impl Machine<'_> {
    /// Starts QEMU.
    pub fn start(&self) -> Result<Process, NicError> {
        let program = match self.program {
            Some(program) => program.to_owned(),
            None if self.virtual_time => virtual_time_qemu().ok_or_else(|| {
                NicError::NoQemu(format!(
                    "virtual time needs the one that `cargo xtask setup` builds, or {VIRTUAL_TIME_VARIABLE}"
                ))
            })?,
            None => STOCK_PROGRAM.into(),
        };
        let last_words = tempfile::tempfile().map_err(NicError::os("a file for QEMU's standard error"))?;
        let stderr = last_words.try_clone().map_err(NicError::os("a file for QEMU's standard error"))?;
        let mut command = Command::new(&program);
        self.arguments(&mut command).map_err(NicError::os("descriptors for QEMU"))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let keeper =
            Keeper::spawn(command).map_err(|e| NicError::NoQemu(format!("cannot start {}: {e}", program.display())))?;
        Ok(Process { keeper: Some(keeper), last_words })
    }

    fn arguments(&self, command: &mut Command) -> io::Result<()> {
        let mut fds = ChildFds::default();
        let firmware = halt_forever()?;
        let (ram, qtest, qmp) = (fds.add(self.ram)?, fds.add(self.qtest)?, fds.add(self.qmp)?);
        let size = self.ram_mib;
        let accel = if self.virtual_time { "qtest" } else { "tcg,thread=single" };
        command.args(["-machine", "q35,memory-backend=ram", "-accel", accel, "-m", &format!("{size}M")]);
        command.args(["-display", "none", "-nodefaults", "-no-user-config"]);
        command.arg("-bios").arg(format!("/proc/self/fd/{}", fds.add(&firmware)?));
        // The capture's time stamps: the host's time plus the machine's clock, or the same in every run.
        let epoch = if self.virtual_time { "2000-01-01T00:00:00" } else { "utc" };
        command.env("TZ", "UTC").arg("-rtc").arg(format!("base={epoch},clock=vm"));
        command.arg("-object");
        command.arg(format!("memory-backend-file,id=ram,size={size}M,mem-path=/proc/self/fd/{ram},share=on"));
        command.arg("-chardev").arg(format!("socket,id=qtest,fd={qtest}"));
        command.args(["-qtest", "chardev:qtest", "-qtest-log", "/dev/null"]);
        command.arg("-chardev").arg(format!("socket,id=qmp,fd={qmp}")).args(["-mon", "chardev=qmp,mode=control"]);
        if self.fence {
            command.args(["-device", "intel-iommu,intremap=off,caching-mode=off,aw-bits=39"]);
        }
        let cable = self.cable.map(|cable| fds.add(cable)).transpose()?;
        command.arg("-netdev").arg(match (self.net, cable) {
            (Net::User, _) => "user,id=net".to_owned(),
            (Net::Wire, Some(fd)) => format!("dgram,id=net,local.type=fd,local.str={fd}"),
            (Net::Wire, None) => return Err(io::Error::other("a wire without a cable")),
            (Net::Dgram { local, remote }, _) => {
                format!("dgram,id=net,{},{}", local.options("local"), remote.options("remote"))
            }
        });
        if let Some(files) = self.capture {
            // QEMU names a direction as the back end sees it: what the adapter sends, the net receives.
            for (queue, file) in ["rx", "tx"].into_iter().zip(files) {
                let fd = fds.add(file)?;
                command.arg("-object").arg(format!(
                    "filter-dump,id=capture_{queue},netdev=net,queue={queue},file=/proc/self/fd/{fd},maxlen=262144"
                ));
            }
        }
        let mac = self.mac.map(|byte| format!("{byte:02x}")).join(":");
        let device = self.device;
        command.arg("-device").arg(format!("{device},id=nic,netdev=net,mac={mac},bus=pcie.0,addr={SLOT},romfile="));
        fds.attach(command);
        Ok(())
    }
}

/// Firmware that parks the processor at once: all work is done over qtest.
fn halt_forever() -> io::Result<OwnedFd> {
    const SIZE: usize = 64 << 10;
    const RESET_VECTOR: usize = 0xfff0;
    const HLT: u8 = 0xf4;
    let mut image = vec![HLT; SIZE];
    // cli; hlt; jmp to the hlt
    image[RESET_VECTOR..RESET_VECTOR + 4].copy_from_slice(&[0xfa, HLT, 0xeb, 0xfd]);
    let fd = sys::memory_file("netcx-lab-firmware", 0)?;
    let mut file = File::from(fd);
    file.write_all(&image)?;
    Ok(file.into())
}

/// A running QEMU. It does not outlive this value, nor this process.
pub(crate) struct Process {
    keeper: Option<Keeper>,
    last_words: File,
}

impl Process {
    /// Kills and reaps QEMU.
    pub fn end(&mut self) -> Option<ExitStatus> {
        self.keeper.take()?.end()
    }

    /// Ends QEMU because of `what` and tells what it left behind.
    pub fn post_mortem(&mut self, what: &str) -> NicError {
        let status = self.end().map_or(String::new(), |status| format!(" ({status})"));
        let stderr = self.tail().unwrap_or_default();
        let stderr = if stderr.is_empty() { stderr } else { format!("\nits last words: {stderr}") };
        NicError::Lost { what: format!("{what}{status}"), stderr }
    }

    fn tail(&mut self) -> io::Result<String> {
        let len = self.last_words.seek(SeekFrom::End(0))?;
        self.last_words.seek(SeekFrom::Start(len.saturating_sub(LAST_WORDS)))?;
        let mut text = Vec::new();
        self.last_words.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// A thread that owns the child. The kernel kills the child when the thread that started it ends, however this
/// process ends; so that thread has to live as long as the child shall, which no thread of the caller promises.
struct Keeper {
    order: mpsc::Sender<()>,
    thread: thread::JoinHandle<io::Result<ExitStatus>>,
}

impl Keeper {
    fn spawn(mut command: Command) -> io::Result<Keeper> {
        let (order, orders) = mpsc::channel::<()>();
        let (report, reports) = mpsc::channel();
        let thread = thread::Builder::new().name("qemu-keeper".into()).spawn(move || {
            let started = command.spawn();
            drop(command);
            let mut child: Child = match started {
                Ok(child) => {
                    let _ = report.send(Ok(()));
                    child
                }
                Err(e) => {
                    let copy = io::Error::new(e.kind(), e.to_string());
                    let _ = report.send(Err(e));
                    return Err(copy);
                }
            };
            // Both an order and a dropped sender mean the end.
            let _ = orders.recv();
            child.kill()?;
            child.wait()
        })?;
        reports.recv().map_err(io::Error::other)??;
        Ok(Keeper { order, thread })
    }

    fn end(self) -> Option<ExitStatus> {
        drop(self.order);
        self.thread.join().ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_from_text() {
        assert_eq!("user".parse::<Net>().unwrap(), Net::User);
        let dgram: Net = "dgram:/tmp/a,127.0.0.1:7000".parse().unwrap();
        let Net::Dgram { local, remote } = dgram else { panic!("{dgram:?}") };
        assert_eq!(local, Endpoint::Unix("/tmp/a".into()));
        assert_eq!(remote.options("remote"), "remote.type=inet,remote.host=127.0.0.1,remote.port=7000");
        for wrong in ["", "tap", "dgram:", "dgram:/tmp/a", "dgram:/tmp/a,nowhere"] {
            assert!(wrong.parse::<Net>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_comma_in_a_path_does_not_end_the_option() {
        let end = Endpoint::Unix("/tmp/a,b".into());
        assert_eq!(end.options("local"), "local.type=unix,local.path=/tmp/a,,b");
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let started = Keeper::spawn(Command::new("/nonexistent/qemu"));
        assert_eq!(started.err().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
