//! The command line.

use crate::info::Listed;
use crate::screen::Screen;
use crate::stats::Earlier;
use crate::{Client, Error, Transport, Vlan, events, info, link, registers, ring, stats, vmq};
use clap::{Args, Parser, Subcommand, ValueEnum};
use igb::Direction;
use igbcx_ioctl::{EventKind, EventMask};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const MORE: &str = "\
Examples:
  igbcxctl stats --watch
      Counters with rates per second, twice a second: --interval 0.5
  igbcxctl ring rx 0
      The descriptors of receive queue 0, who has them, head and tail.
  igbcxctl wait link-down,link-up --timeout 60
      Returns with the first of the two, or with exit code 3 after a minute.
  igbcxctl vmq alloc; igbcxctl vmq filter set 1 02:00:00:00:00:01 --vlan 5; igbcxctl vmq list
      A receive queue for one address in VLAN 5. The driver counts its frames and drops them.

On Windows the device interface of igbcx.sys is opened, which administrators and the system may do. On Linux the tool
talks to a driver in a running netcx-lab, over the socket of `cargo lab run igbcx.sys --control SOCKET`. The Windows
side has been type-checked only: it has not run on Windows yet.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no event in time.";

/// Looks into a running igbcx.sys: counters, registers, rings, link and events.
#[derive(Debug, Parser)]
#[command(name = "igbcxctl", version, after_help = MORE)]
struct Cli {
    /// Which device, by its number in `list`
    #[arg(long, value_name = "N", default_value_t = 0, global = true)]
    device: usize,
    /// The control socket of a running lab
    #[cfg(unix)]
    #[arg(long, value_name = "SOCKET", env = "IGBCX_LAB", global = true)]
    lab: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Devices of igbcx
    List(Format),
    /// Driver, protocol and device
    Info(Format),
    /// Counters of queues and hardware
    Stats(Stats),
    /// Registers by name
    Regs {
        /// Also those that reading clears; the driver keeps their values for `stats`
        #[arg(long)]
        clear: bool,
        #[command(flatten)]
        format: Format,
    },
    /// The descriptors of a queue
    Ring {
        /// Transmit or receive
        direction: Way,
        /// Queue number
        queue: u8,
        #[command(flatten)]
        format: Format,
    },
    /// Link state and PHY registers
    Link(Format),
    /// The driver's event log
    Events {
        /// Go on with new events until interrupted
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Wait for the next event of some kinds
    Wait {
        /// started, stopped, link-up, link-down, reset, failed, removed, error
        #[arg(value_name = "EVENT", value_delimiter = ',', required = true, value_parser = event_kind)]
        events: Vec<EventKind>,
        /// Longest wait [default: for ever]
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        timeout: Option<Duration>,
        #[command(flatten)]
        format: Format,
    },
    /// VM queues: receive queues of the hardware for addresses and VLANs
    #[command(subcommand)]
    Vmq(Vmq),
}

#[derive(Debug, Subcommand)]
enum Vmq {
    /// What there may be of them
    Caps(Format),
    /// Allocate a queue
    Alloc {
        /// Receive buffers [default: as many as the driver likes]
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        buffers: u32,
        #[command(flatten)]
        format: Format,
    },
    /// Set and clear filters
    #[command(subcommand)]
    Filter(VmqFilter),
    /// Free a queue that has no filter
    Free {
        /// Queue number
        queue: u32,
    },
    /// Queues with their state and counters, and filters
    List(Format),
}

#[derive(Debug, Subcommand)]
enum VmqFilter {
    /// Frames for an address go to a queue
    Set {
        /// Queue number
        queue: u32,
        /// Destination address
        #[arg(value_parser = vmq::parse_address)]
        address: [u8; 6],
        /// any, untagged (no VLAN, or 0) or an identifier
        #[arg(long, default_value = "any", value_parser = vmq::parse_vlan)]
        vlan: Vlan,
        #[command(flatten)]
        format: Format,
    },
    /// They do not any more
    Clear {
        /// Queue number
        queue: u32,
        /// Filter number
        filter: u32,
    },
}

#[derive(Clone, Copy, Debug, Args)]
struct Format {
    /// JSON instead of tables
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Stats {
    /// Show them again and again, with rates
    #[arg(long)]
    watch: bool,
    /// Time between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, requires = "watch")]
    interval: Duration,
    /// Stop after so many looks
    #[arg(long, value_name = "N", requires = "watch")]
    count: Option<u64>,
    /// Also hardware counters that are zero
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Way {
    Tx,
    Rx,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Tx => Self::Transmit,
            Way::Rx => Self::Receive,
        }
    }
}

fn event_kind(text: &str) -> Result<EventKind, String> {
    EventKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
        let names = EventKind::ALL.map(EventKind::name).join(", ");
        format!("the events are {names}")
    })
}

/// A positive number of seconds, a fraction perhaps, up to a year.
fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| "a number of seconds such as 0.5")?;
    if value > 0.0 && value <= 365.0 * 86400.0 {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err("more than 0 and at most a year".into())
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        // Whoever reads the output has seen enough.
        Err(Error::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("igbcxctl: {e}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
fn transport(cli: &Cli) -> Result<impl Transport, Error> {
    cli.lab.clone().map(crate::lab::Lab::new).ok_or(Error::NoLab)
}

#[cfg(windows)]
fn transport(_cli: &Cli) -> Result<impl Transport, Error> {
    Ok(crate::windows::DeviceInterfaces)
}

fn run(cli: &Cli) -> Result<ExitCode, Error> {
    let mut transport = transport(cli)?;
    if let Command::List(format) = cli.command {
        let devices = list(&mut transport)?;
        print(format, || info::list_table(&devices), || info::list_json(&devices))?;
        return Ok(ExitCode::SUCCESS);
    }
    let devices = transport.devices()?;
    if devices.is_empty() {
        return Err(Error::NoDevice);
    }
    let (index, count) = (cli.device, devices.len());
    let path = devices.get(index).ok_or(Error::NoSuchDevice { index, count })?;
    command(&cli.command, &mut Client::new(transport.open(path)?))
}

/// Every device with what it says of itself.
fn list(transport: &mut impl Transport) -> Result<Vec<Listed>, Error> {
    let mut listed = Vec::new();
    for path in transport.devices()? {
        let version = transport.open(&path).and_then(|device| Client::new(device).version());
        listed.push(Listed { path, version });
    }
    Ok(listed)
}

fn command(command: &Command, client: &mut Client<'_>) -> Result<ExitCode, Error> {
    match command {
        // Answered before a device is opened.
        Command::List(_) => {}
        Command::Info(format) => {
            let version = client.version()?;
            print(*format, || info::table(&version), || info::json(&version))?;
        }
        Command::Stats(args) if args.watch => watch(args, client)?,
        Command::Stats(args) => {
            let statistics = client.statistics()?;
            print(args.format, || stats::render(&statistics, None, args.all), || stats::json(&statistics))?;
        }
        Command::Regs { clear, format } => {
            let list = client.registers(*clear)?;
            print(*format, || registers::table(&list), || registers::json(&list))?;
        }
        Command::Ring { direction, queue, format } => {
            let (direction, queue) = ((*direction).into(), *queue);
            let (state, list) = client.ring(direction, queue)?;
            print(
                *format,
                || ring::table(direction, queue, &state, &list),
                || ring::json(direction, queue, &state, &list),
            )?;
        }
        Command::Link(format) => {
            let state = client.link()?;
            print(*format, || link::table(&state), || link::json(&state))?;
        }
        Command::Events { follow: true, format } => follow(*format, client)?,
        Command::Events { follow: false, format } => {
            let list = client.events(0)?;
            print(*format, || events::table(&list), || list.iter().map(events::json).collect())?;
        }
        Command::Wait { events: kinds, timeout, format } => {
            let mask = kinds.iter().fold(0, |mask, kind| mask | EventMask::of(*kind).0);
            // What is in the log already is the past.
            let after = client.events(0)?.last().map_or(0, |event| event.sequence);
            let Some(event) = client.wait(EventMask(mask), after, *timeout)? else {
                eprintln!("igbcxctl: no such event in time");
                return Ok(ExitCode::from(3));
            };
            print(*format, || events::line(&event) + "\n", || events::json(&event))?;
        }
        Command::Vmq(command) => vmq(command, client)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn vmq(command: &Vmq, client: &mut Client<'_>) -> Result<(), Error> {
    match command {
        Vmq::Caps(format) => {
            let caps = client.vmq_capabilities()?;
            print(*format, || vmq::capabilities_table(&caps), || vmq::capabilities_json(&caps))
        }
        Vmq::Alloc { buffers, format } => {
            let queue = client.vmq_allocate(*buffers)?;
            print(*format, || format!("queue {queue}\n"), || json!({ "queue": queue }))
        }
        Vmq::Filter(VmqFilter::Set { queue, address, vlan, format }) => {
            let filter = client.vmq_set_filter(*queue, *address, *vlan)?;
            print(*format, || format!("filter {filter}\n"), || json!({ "filter": filter }))
        }
        Vmq::Filter(VmqFilter::Clear { queue, filter }) => client.vmq_clear_filter(*queue, *filter),
        Vmq::Free { queue } => client.vmq_free(*queue),
        Vmq::List(format) => {
            let (queues, filters) = client.vmq_list()?;
            print(*format, || vmq::list_table(&queues, &filters), || vmq::list_json(&queues, &filters))
        }
    }
}

/// Writes one answer to standard output.
fn print(format: Format, table: impl FnOnce() -> String, json: impl FnOnce() -> Value) -> Result<(), Error> {
    let text = if format.json { format!("{:#}\n", json()) } else { table() };
    write(&text)
}

fn write(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Shows counters with rates until interrupted; as JSON one line for each look.
fn watch(args: &Stats, client: &mut Client<'_>) -> Result<(), Error> {
    let mut screen = Screen::new();
    let mut before = None;
    let mut looks = 0;
    loop {
        let now = (client.statistics()?, Instant::now());
        if args.format.json {
            write(&format!("{}\n", stats::json(&now.0)))?;
        } else {
            let earlier = before.as_ref().map(|(statistics, at)| Earlier { statistics, ago: now.1 - *at });
            screen.show(&stats::render(&now.0, earlier, args.all))?;
        }
        before = Some(now);
        looks += 1;
        if args.count.is_some_and(|count| looks >= count) {
            return Ok(());
        }
        std::thread::sleep(args.interval);
    }
}

/// Shows events as they come until interrupted; as JSON one line for each.
fn follow(format: Format, client: &mut Client<'_>) -> Result<(), Error> {
    let mut after = 0;
    loop {
        for event in client.events(after)? {
            after = after.max(event.sequence);
            let line = if format.json { events::json(&event).to_string() } else { events::line(&event) };
            write(&(line + "\n"))?;
        }
        client.wait(EventMask::ALL, after, None)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_are_taken_as_documented() {
        let cli = parse("igbcxctl --device 2 wait link-up,reset --timeout 1.5 --json").unwrap();
        assert_eq!(cli.device, 2);
        let Command::Wait { events, timeout, format } = cli.command else { panic!("{cli:?}") };
        assert_eq!(events, [EventKind::LinkUp, EventKind::Reset]);
        assert_eq!((timeout, format.json), (Some(Duration::from_millis(1500)), true));

        let Command::Ring { direction, queue, .. } = parse("igbcxctl ring rx 3").unwrap().command else { panic!() };
        assert_eq!((direction, queue), (Way::Rx, 3));
        let Command::Stats(stats) = parse("igbcxctl stats --watch --interval 0.1 --count 2").unwrap().command else {
            panic!()
        };
        assert!(stats.watch && !stats.all);
        assert_eq!((stats.interval, stats.count), (Duration::from_millis(100), Some(2)));
        let line = "igbcxctl vmq filter set 7 02:00:00:00:00:01 --vlan 4094 --json";
        let Command::Vmq(Vmq::Filter(VmqFilter::Set { queue, address, vlan, .. })) = parse(line).unwrap().command
        else {
            panic!()
        };
        assert_eq!((queue, address, vlan), (7, [2, 0, 0, 0, 0, 1], Vlan::Id(4094)));
        for line in [
            "vmq caps",
            "vmq alloc",
            "vmq alloc --buffers 64 --json",
            "vmq filter set 1 02-00-00-00-00-01",
            "vmq filter set 1 02:00:00:00:00:01 --vlan untagged",
            "vmq filter clear 1 1",
            "vmq free 1",
            "vmq list --json",
        ] {
            assert!(parse(&format!("igbcxctl {line}")).is_ok(), "{line}");
        }
        for line in ["list", "list --json", "info", "regs --clear --json", "link", "events --follow", "stats --all"] {
            assert!(parse(&format!("igbcxctl {line}")).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "",
            "nonsense",
            "ring rx",
            "ring sideways 0",
            "ring rx 256",
            "wait",
            "wait link",
            "wait link-up --timeout 0",
            "wait link-up --timeout inf",
            "stats --count 3",
            "--device -1 info",
            "vmq",
            "vmq filter 1",
            "vmq filter set 1",
            "vmq filter set 1 02:00",
            "vmq filter set 1 02:00:00:00:00:01 --vlan 4095",
            "vmq filter clear 1",
            "vmq free",
        ] {
            assert!(parse(&format!("igbcxctl {line}")).is_err(), "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_lab_s_socket_may_stand_anywhere() {
        for line in ["igbcxctl --lab /tmp/x info", "igbcxctl info --lab /tmp/x"] {
            assert_eq!(parse(line).unwrap().lab.unwrap(), std::path::Path::new("/tmp/x"));
        }
    }

    #[test]
    fn help_says_where_it_runs() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("administrators") && help.contains("has not run on Windows"), "{help}");
    }
}
