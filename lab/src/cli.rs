//! The command line.

use crate::builder::find_inf;
use crate::control::Server;
use crate::demo::{Demo, PING_BYTES, dhcp_section, ping_section};
use crate::error::Error;
use crate::machine::Machine;
use crate::ndk::cli as ndk;
use crate::progress::Progress;
use crate::report::Report;
use crate::stack::{AdapterPort, PingResult, Stack};
use crate::{Builder, Clock, Net};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lab_kernel::cpu;
use lab_netcx::LinkState;
use signal_hook::consts::SIGINT;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const LINK: Duration = Duration::from_secs(10);
const DHCP: Duration = Duration::from_secs(30);
/// Time between two looks at the control socket.
const CONTROL: Duration = Duration::from_millis(2);
const SECOND: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  netcx-lab demo igbcx.sys
      DHCP, 100 pings, 64 MiB down, 16 MiB up, removal; a table at the end.
  netcx-lab demo igbcx.sys --set '*ReceiveBuffers=64' --pcap demo.pcapng --json demo.json
      The same with a small receive ring, a capture for Wireshark and figures for programs.
  netcx-lab run igbcx.sys --seconds 60
      Takes an address and answers pings for a minute.
  netcx-lab run igbcx.sys --net dgram:/tmp/a,/tmp/b --ip 10.0.0.1/24 --ping 10.0.0.2
      The cable leads to a datagram socket: another QEMU's `-netdev dgram`, or a second lab with
      --net dgram:/tmp/b,/tmp/a --ip 10.0.0.2/24.
  netcx-lab run igbcx.sys --seconds 600 --control /tmp/lab
      Stays, and lets `igbcxctl --lab /tmp/lab stats` and its other commands look into the driver.
  netcx-lab vmq igbcx.sys --frames 1000000 --cycles 10000 --json vmq.json
      Frames for seven VM queues and the default one, and queues freed with packets out; a table at the end.
  netcx-lab ndk conform igbcx.sys --json ndk.json
      Judges the driver's NDK provider by its rules; `ndk ping` and `ndk bw` measure it.
  netcx-lab info igbcx.sys --inf inf/igbcx.inx
      Headers, imports, PDB and keywords, without running anything.

Exit codes: 0 all went well, 1 something failed, 2 wrong usage, 3 the machine was stopped (bugcheck).";

/// Runs a NetAdapterCx driver (.sys), unchanged, on Linux against QEMU's network adapter.
#[derive(Parser)]
#[command(name = "netcx-lab", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the driver, take an address and answer pings for a while
    Run(Run),
    /// DHCP, pings, download, upload and removal, everything measured
    Demo(DemoArgs),
    /// Frames for every pool at once, queues freed and allocated again under traffic, everything counted
    Vmq(VmqArgs),
    /// Use the driver's NDK provider as a kernel consumer would
    #[command(subcommand)]
    Ndk(ndk::Ndk),
    /// Describe a driver file: headers, sections, imports, PDB, INF
    Info(Info),
    /// List the rules a driver is judged by
    Rules,
}

#[derive(Args)]
pub(crate) struct Common {
    /// The driver image
    driver: PathBuf,
    /// INF or INX of the driver [default: the one of its name, beside it or in inf/ above it]
    #[arg(long, value_name = "FILE")]
    inf: Option<PathBuf>,
    /// QEMU's name of the adapter
    #[arg(long, value_name = "DEVICE", default_value = "igb")]
    nic: String,
    /// The adapter's permanent address
    #[arg(long, value_name = "ADDRESS", default_value = "52:54:00:49:47:42")]
    mac: Mac,
    /// Set a keyword of the INF (repeat for more)
    #[arg(long = "set", value_name = "KEYWORD=VALUE")]
    keywords: Vec<Keyword>,
    /// Capture every frame as pcapng
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// MSI-X messages granted to the driver; 0 = the line interrupt [default: as the INF says]
    #[arg(long, value_name = "N")]
    messages: Option<u32>,
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What drives time; auto: virtual where the lab owns the wire and a QEMU for it was built, else real
    #[arg(long, value_enum, default_value = "auto")]
    clock: ClockArg,
    /// Let the adapter reach all memory instead of only what the driver mapped
    #[arg(long)]
    no_fence: bool,
    /// Switch the framework's queue verifier off
    #[arg(long)]
    no_verifier: bool,
    /// Map each packet buffer for DMA only while the driver owns it (slow)
    #[arg(long)]
    strict_dma: bool,
    /// A QEMU other than the one found
    #[arg(long, value_name = "FILE")]
    qemu: Option<PathBuf>,
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    common: Common,
    /// Where the cable leads: `user` (QEMU's own network with DHCP), `dgram:LOCAL,REMOTE` (socket paths or HOST:PORT) or
    /// `wire` (nowhere)
    #[arg(long, default_value = "user")]
    net: Net,
    /// A fixed address instead of DHCP
    #[arg(long, value_name = "ADDRESS/PREFIX")]
    ip: Option<Subnet>,
    /// Ping this address once a second
    #[arg(long, value_name = "ADDRESS")]
    ping: Option<Ipv4Addr>,
    /// How long to stay, in seconds; Ctrl-C ends the run in order before that
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// Listen here for igbcxctl
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
}

#[derive(Args)]
struct DemoArgs {
    #[command(flatten)]
    common: Common,
    /// Echo requests to the gateway
    #[arg(long, value_name = "N", default_value_t = 100)]
    pings: u16,
    /// MiB to download
    #[arg(long, value_name = "N", default_value_t = 64)]
    download: u64,
    /// MiB to upload
    #[arg(long, value_name = "N", default_value_t = 16)]
    upload: u64,
}

#[derive(Args)]
struct VmqArgs {
    #[command(flatten)]
    common: Common,
    /// Frames, over all pools together
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    frames: u64,
    /// Times that a queue is freed while packets of it are out, and allocated again
    #[arg(long, value_name = "N", default_value_t = 100)]
    cycles: u64,
    /// Pools with traffic: the default one and VM queues
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=8))]
    pools: u32,
    /// Receive buffers suggested for each queue
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(64..=4096))]
    buffers: u32,
    /// Packets that the consumer holds at a time
    #[arg(long, value_name = "N", default_value_t = 16)]
    hold: usize,
    /// NDIS grants no shared memory: the driver uses common buffers
    #[arg(long)]
    no_shared_memory: bool,
}

#[derive(Args)]
struct Info {
    /// The driver image
    driver: PathBuf,
    /// INF or INX of the driver [default: the one of its name, beside it or in inf/ above it]
    #[arg(long, value_name = "FILE")]
    inf: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ClockArg {
    Auto,
    Real,
    Virtual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Mac([u8; 6]);

impl FromStr for Mac {
    type Err = String;
    fn from_str(text: &str) -> Result<Mac, String> {
        let bytes: Option<Vec<u8>> = text.split([':', '-']).map(|b| u8::from_str_radix(b, 16).ok()).collect();
        let mac = bytes.and_then(|b| <[u8; 6]>::try_from(b).ok()).ok_or("six bytes such as 52:54:00:49:47:42")?;
        if mac[0] & 1 != 0 || mac == [0; 6] {
            return Err("a station's address is neither multicast nor zero".into());
        }
        Ok(Mac(mac))
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Keyword(String, String);

impl FromStr for Keyword {
    type Err = String;
    fn from_str(text: &str) -> Result<Keyword, String> {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("KEYWORD=VALUE")?;
        Ok(Keyword(name.into(), value.into()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Subnet(Ipv4Addr, u8);

impl FromStr for Subnet {
    type Err = String;
    fn from_str(text: &str) -> Result<Subnet, String> {
        let parts = text.split_once('/').and_then(|(a, p)| Some((a.parse().ok()?, p.parse::<u8>().ok()?)));
        let (address, prefix) = parts.filter(|(_, prefix)| *prefix <= 32).ok_or("an address such as 10.0.0.1/24")?;
        Ok(Subnet(address, prefix))
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run(&args).map(|report| conclude(&report, &args.common)),
        Command::Demo(args) => demo(&args).map(|report| conclude(&report, &args.common)),
        Command::Vmq(args) => vmq(&args).map(|report| conclude(&report, &args.common)),
        Command::Ndk(command) => ndk::main(&command),
        Command::Info(args) => return info(&args.driver, args.inf.as_deref()),
        Command::Rules => return rules(),
    };
    outcome.unwrap_or_else(|e| {
        eprintln!("netcx-lab: {e}");
        ExitCode::FAILURE
    })
}

pub(crate) fn builder(common: &Common) -> Builder {
    let mut builder = Machine::builder()
        .driver(&common.driver)
        .nic(&common.nic)
        .mac(common.mac.0)
        .seed(common.seed)
        .clock(match common.clock {
            ClockArg::Auto => Clock::Auto,
            ClockArg::Real => Clock::Real,
            ClockArg::Virtual => Clock::Virtual,
        })
        .fence(!common.no_fence)
        .verifier(!common.no_verifier)
        .strict_dma(common.strict_dma);
    for Keyword(name, value) in &common.keywords {
        builder = builder.keyword(name, value);
    }
    if let Some(inf) = &common.inf {
        builder = builder.inf(inf);
    } else if find_inf(&common.driver).is_none() {
        eprintln!("no INF found: the driver sees no keywords and is granted every message (--inf FILE)");
    }
    if let Some(pcap) = &common.pcap {
        builder = builder.pcap(pcap);
    }
    if let Some(messages) = common.messages {
        builder = builder.messages(messages);
    }
    if let Some(qemu) = &common.qemu {
        builder = builder.qemu(qemu);
    }
    builder
}

fn demo(args: &DemoArgs) -> Result<Report, Error> {
    let demo = Demo {
        pings: args.pings,
        download: args.download << 20,
        upload: args.upload << 20,
        seed: args.common.seed,
        json: args.common.json.clone(),
    };
    demo.run(builder(&args.common), &mut Progress::new())
}

fn vmq(args: &VmqArgs) -> Result<Report, Error> {
    let run = crate::vmq::Run {
        frames: args.frames,
        cycles: args.cycles,
        pools: args.pools,
        buffers: args.buffers,
        hold: args.hold,
        seed: args.common.seed,
        json: args.common.json.clone(),
    };
    let builder = builder(&args.common).options(|o| o.shared_memory = !args.no_shared_memory);
    run.run(builder, &mut Progress::new())
}

fn run(args: &Run) -> Result<Report, Error> {
    let mut machine = builder(&args.common).net(args.net.clone()).build()?;
    if let Some(json) = &args.common.json {
        machine.report_if_stopped(json.clone());
    }
    let mut sections = Report::default();
    if let Err(e) = stay(args, &mut machine, &mut sections) {
        sections.fail(e.to_string());
    }
    let mut report = machine.finish();
    report.dhcp = sections.dhcp;
    report.ping = sections.ping;
    sections.failures.into_iter().for_each(|f| report.fail(f));
    Ok(report)
}

/// Takes an address and serves, with a line of figures each second.
fn stay(args: &Run, machine: &mut Machine, report: &mut Report) -> Result<(), Error> {
    // Its handles are closed when this function returns: before the device is removed.
    let mut control = args.control.as_deref().map(listen).transpose()?;
    machine.start()?;
    machine.wait_link(true, LINK)?;
    let mut stack = machine.stack()?;
    if let Some(Subnet(address, prefix)) = args.ip {
        stack.set_address(address, prefix, None);
    } else if args.net != Net::Wire {
        let begun = cpu::now();
        let lease = stack.dhcp(DHCP)?;
        report.dhcp = Some(dhcp_section(&lease, cpu::now() - begun));
    }
    let adapter = machine.adapter()?;
    match stack.address() {
        Some(address) => eprintln!("{address} answers pings for {} s", args.seconds),
        None => eprintln!("no address; staying for {} s", args.seconds),
    }
    let interrupted = interrupt_flag().map_err(Error::Signal)?;
    let mut pings = PingResult::default();
    for second in 1..=args.seconds {
        let end = cpu::now() + SECOND;
        if let Some(to) = args.ping {
            pings.add(stack.ping(to, 1, PING_BYTES, SECOND, &mut |_| {}));
            report.ping = Some(ping_section(&pings));
        }
        serve(&mut stack, control.as_mut(), machine, end)?;
        let (stats, link) = (adapter.stats(), link_text(adapter.link()));
        let counts = (stats.tx_packets, stats.rx_packets, stats.advance_calls);
        eprintln!("{second:>4} s  {link}  sent {}  received {}  Advance calls {}", counts.0, counts.1, counts.2);
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
    if args.ping.is_some() && pings.received == 0 {
        report.fail("no ping came back");
    }
    Ok(())
}

/// Runs TCP/IP and the control socket until `end`.
fn serve(
    stack: &mut Stack<AdapterPort>,
    control: Option<&mut Server>,
    machine: &Machine,
    end: Duration,
) -> Result<(), Error> {
    let left = || end.saturating_sub(cpu::now());
    let Some(control) = control else {
        stack.serve(left());
        return Ok(());
    };
    while !left().is_zero() {
        stack.serve(left().min(CONTROL));
        control.poll(machine.device()?);
    }
    Ok(())
}

/// Set by the first Ctrl-C; the second one ends the process at once.
fn interrupt_flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register_conditional_default(SIGINT, flag.clone())?;
    signal_hook::flag::register(SIGINT, flag.clone())?;
    Ok(flag)
}

fn listen(path: &Path) -> Result<Server, Error> {
    let server = Server::listen(path).map_err(|source| Error::ControlSocket { path: path.to_owned(), source })?;
    eprintln!("igbcxctl --lab {} is answered", path.display());
    Ok(server)
}

fn link_text(link: LinkState) -> String {
    if !link.connected {
        return "link down".into();
    }
    let duplex = if link.full_duplex { "full" } else { "half" };
    format!("{} Mbit/s {duplex} duplex", link.tx_speed / 1_000_000)
}

/// Prints the table, writes the JSON.
fn conclude(report: &Report, common: &Common) -> ExitCode {
    print!("{}", report.table());
    if let Some(path) = &common.json
        && let Err(source) = report.write_json(path)
    {
        eprintln!("netcx-lab: {}", Error::Write { path: path.clone(), source });
        return ExitCode::FAILURE;
    }
    if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn info(driver: &Path, inf: Option<&Path>) -> ExitCode {
    match crate::info::describe(driver, inf) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("netcx-lab: {e}");
            ExitCode::FAILURE
        }
    }
}

fn rules() -> ExitCode {
    for rule in lab_kernel::rules::all() {
        println!("{}\n    {}\n    {}", rule.name, rule.text, rule.source);
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_parsed_and_refused() {
        assert_eq!("52:54:00:49:47:42".parse(), Ok(Mac([0x52, 0x54, 0, 0x49, 0x47, 0x42])));
        assert_eq!("02-00-00-00-00-0a".parse(), Ok(Mac([2, 0, 0, 0, 0, 10])));
        for bad in
            ["", "52:54:00:49:47", "52:54:00:49:47:42:00", "xx:54:00:49:47:42", "01:00:5e:00:00:01", "0:0:0:0:0:0"]
        {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
        assert_eq!("*Rx=64".parse(), Ok(Keyword("*Rx".into(), "64".into())));
        assert_eq!("A=b=c".parse(), Ok(Keyword("A".into(), "b=c".into())));
        assert!("=64".parse::<Keyword>().is_err() && "*Rx".parse::<Keyword>().is_err());
        assert_eq!("10.0.0.1/24".parse(), Ok(Subnet(Ipv4Addr::new(10, 0, 0, 1), 24)));
        assert!("10.0.0.1/33".parse::<Subnet>().is_err() && "10.0.0.1".parse::<Subnet>().is_err());
    }

    #[test]
    fn the_issue_s_command_line_is_taken() {
        let line = "netcx-lab run d.sys --inf d.inx --nic igb --mac 02:00:00:00:00:01 --net dgram:/a,/b --set *Rx=64 \
                    --set *Tx=64 --pcap p --json j --seconds 3 --messages 1 --seed 9 --clock real --no-fence --no-verifier \
                    --control c";
        let Command::Run(run) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else { panic!("run") };
        assert_eq!((run.seconds, run.common.keywords.len(), run.common.messages), (3, 2, Some(1)));
        assert!(run.common.no_fence && run.common.no_verifier);
        assert_eq!(run.control.as_deref(), Some(Path::new("c")));
        assert!(Cli::try_parse_from(["netcx-lab", "run", "d.sys", "--net", "nonsense"]).is_err());
        let line = "netcx-lab vmq d.sys --frames 9 --cycles 8 --pools 7 --json j --no-shared-memory";
        let Command::Vmq(vmq) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else { panic!("vmq") };
        assert_eq!((vmq.frames, vmq.cycles, vmq.pools, vmq.no_shared_memory), (9, 8, 7, true));
        assert!(Cli::try_parse_from(["netcx-lab", "vmq", "d.sys", "--pools", "9"]).is_err());
    }

    #[test]
    fn the_ndk_commands_are_taken() {
        for line in [
            "ndk conform d.sys --json FILE --operations 10000000 --only CQ --seed 3",
            "ndk ping d.sys --size 64 --count 100 --json FILE",
            "ndk bw d.sys --size 65536 --seconds 2 --json FILE",
        ] {
            let words = std::iter::once("netcx-lab").chain(line.split(' '));
            assert!(matches!(Cli::try_parse_from(words).unwrap().command, Command::Ndk(_)), "{line}");
        }
        assert!(Cli::try_parse_from(["netcx-lab", "ndk", "d.sys"]).is_err());
    }
}
