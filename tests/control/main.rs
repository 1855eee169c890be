//! igbcxctl and a running lab as processes of their own, with igbcx.sys between them.
//!
//! This program is both of them too: started again with [`ROLE`] set, it is netcx-lab or igbcxctl with the arguments it
//! got, so no other program has to be built for the test.

use igbcx_tests::rig;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

/// Which program this process is.
const ROLE: &str = "IGBCX_TEST_ROLE";
/// Longest time for the lab to take an address.
const START: Duration = Duration::from_secs(60);
/// STATUS.LU of the 82576 (datasheet 8.2.2).
const LINK_UP: u64 = 1 << 1;

fn main() -> ExitCode {
    match std::env::var(ROLE).as_deref() {
        Ok("lab") => netcx_lab::cli::main(),
        Ok(_) => igbcxctl::cli::main(),
        Err(_) => {
            let trials = vec![
                Trial::test("control::tool_and_lab", || tool_and_lab().map_err(Failed::from)),
                Trial::test("control::vm_queues", || vm_queues().map_err(Failed::from)),
            ];
            libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
        }
    }
}

fn program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|e| panic!("this program: {e}")));
    command.env(ROLE, role).env_remove("IGBCX_LAB");
    command
}

/// A lab that runs, and its control socket.
struct Lab {
    process: Child,
    folder: PathBuf,
}

impl Lab {
    /// A lab with these further arguments.
    fn start(name: &str, arguments: &[&str]) -> Result<Lab, String> {
        let folder = std::env::temp_dir().join(format!("igbcx-control-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let log = std::fs::File::create(folder.join("log")).map_err(|e| e.to_string())?;
        let mut command = program("lab");
        command.arg("run").arg(rig::image()).arg("--inf").arg(rig::inf()).args(["--seconds", "300"]).args(arguments);
        command.arg("--control").arg(folder.join("lab")).arg("--json").arg(folder.join("json"));
        command.stderr(log).stdout(Stdio::null());
        let process = command.spawn().map_err(|e| e.to_string())?;
        let lab = Lab { process, folder };
        let begun = Instant::now();
        while !lab.log().contains("answers pings") {
            if begun.elapsed() > START {
                return Err(format!("the lab has no address after {START:?}:\n{}", lab.log()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(lab)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn tool(&self, arguments: &str) -> Command {
        let mut command = program("tool");
        command.arg("--lab").arg(self.folder.join("lab")).args(arguments.split_whitespace());
        command
    }

    fn run(&self, arguments: &str) -> Result<Output, String> {
        self.tool(arguments).output().map_err(|e| e.to_string())
    }

    fn json(&self, arguments: &str) -> Result<Value, String> {
        let output = self.run(&format!("{arguments} --json"))?;
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).map_err(|e| format!("igbcxctl {arguments}: {e}\n{text}{errors}{}", self.log()))
    }

    /// Exit code and standard error.
    fn failure(&self, arguments: &str) -> Result<(Option<i32>, String), String> {
        let output = self.run(arguments)?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Ends the run in order and reads the report.
    fn finish(mut self) -> Result<Value, String> {
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().map_err(|e| e.to_string())?;
        let status = self.process.wait().map_err(|e| e.to_string())?;
        let text = std::fs::read_to_string(self.folder.join("json")).map_err(|e| format!("{e}\n{}", self.log()))?;
        assert!(status.success(), "{status}\n{}\n{text}", self.log());
        assert!(!self.folder.join("lab").exists(), "the socket is left behind");
        serde_json::from_str(&text).map_err(|e| e.to_string())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn tool_and_lab() -> Result<(), String> {
    let lab = Lab::start("tool", &[])?;
    what_the_driver_says(&lab)?;
    refusals(&lab)?;
    hostile_peers(&lab)?;
    waits(lab)
}

/// `vmq` from the first queue to the last.
fn vm_queues() -> Result<(), String> {
    let lab = Lab::start("vmq", &["--set", "Vmdq=1"])?;
    let caps = lab.json("vmq caps")?;
    assert_eq!(
        (&caps["enabled"], &caps["queues"], &caps["owner"]),
        (&true.into(), &7.into(), &"nobody".into()),
        "{caps}"
    );
    assert_eq!(lab.json("vmq alloc --buffers 64")?["queue"], 1);
    assert_eq!(lab.json("vmq alloc")?["queue"], 2);
    assert_eq!(lab.json("vmq filter set 1 02:00:00:00:00:01 --vlan untagged")?["filter"], 1);
    assert_eq!(lab.json("vmq filter set 2 02-00-00-00-00-01 --vlan 5")?["filter"], 2);
    let list = lab.json("vmq list")?;
    let queue = |n: usize| list["queues"][n].clone();
    assert_eq!(
        (&queue(0)["state"], &queue(0)["buffers"], &queue(1)["state"]),
        (&"running".into(), &64.into(), &"running".into())
    );
    assert_eq!((&list["filters"][0]["vlan"], &list["filters"][1]["vlan"]), (&"untagged".into(), &"5".into()), "{list}");
    let table = lab.run("vmq list")?;
    let text = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(text.contains("queue 2") && text.contains("02:00:00:00:00:01"), "{text}");
    for (arguments, words) in [
        ("vmq free 1", "it still has filters"),
        ("vmq free 3", "no such queue"),
        ("vmq filter set 1 02:00:00:00:00:01 --vlan 5", "another queue or the adapter has this address"),
        ("vmq filter set 1 02:00:00:00:00:02 --vlan any", "cannot tell these frames apart"),
        ("vmq filter clear 1 2", "no such filter"),
    ] {
        let (code, text) = lab.failure(arguments)?;
        assert!(code == Some(1) && text.contains(words), "{arguments}: {code:?} {text}");
    }
    for arguments in ["vmq filter clear 1 1", "vmq free 1"] {
        let output = lab.run(arguments)?;
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(lab.json("vmq list")?["queues"].as_array().map(Vec::len), Some(1));
    assert_eq!(lab.json("vmq caps")?["owner"], "igbcxctl");
    // The other one goes with the device, and the adapter worked all the time.
    let report = lab.finish()?;
    assert_eq!(report["ok"], true, "{report:#}");
    Ok(())
}

fn what_the_driver_says(lab: &Lab) -> Result<(), String> {
    let list = lab.json("list")?;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!((&list[0]["pci"], &list[0]["address"]), (&"8086:10c9".into(), &"52:54:00:49:47:42".into()), "{list}");
    assert_eq!(lab.json("info")?["permanent_address"], "52:54:00:49:47:42");

    let stats = lab.json("stats")?;
    let sent = stats["tx"][0]["packets"].as_u64().unwrap_or_default();
    assert!(sent >= 2, "DHCP takes two packets: {stats}");
    assert_eq!(stats["hardware"]["GPTC"], sent, "{stats}");
    // Reading the registers that reading clears loses nothing.
    let registers = lab.json("regs --clear")?;
    let status = registers.as_array().into_iter().flatten().find(|register| register["name"] == "STATUS");
    assert!(status.and_then(|r| r["value"].as_u64()).unwrap_or_default() & LINK_UP != 0, "{registers}");
    let later = lab.json("stats")?;
    assert!(later["hardware"]["GPTC"].as_u64() >= Some(sent), "{later}");

    let ring = lab.json("ring rx 0")?;
    assert_eq!(ring["ring"].as_array().map(Vec::len), ring["descriptors"].as_u64().map(|n| n as usize));
    assert!(ring["ring"].as_array().into_iter().flatten().any(|d| d["owner"] == "hardware"), "{ring}");
    let link = lab.json("link")?;
    assert_eq!((&link["up"], &link["speed"], &link["full_duplex"]), (&true.into(), &1000.into(), &true.into()));
    let events = lab.json("events")?;
    for kind in ["started", "link-up"] {
        assert!(events.as_array().into_iter().flatten().any(|event| event["event"] == kind), "{kind}: {events}");
    }
    let watch = lab.run("stats --watch --interval 0.2 --count 3")?;
    let text = String::from_utf8_lossy(&watch.stdout).into_owned();
    assert_eq!((watch.status.code(), text.matches("GPTC").count(), text.matches("/s").count() > 0), (Some(0), 3, true));
    Ok(())
}

fn refusals(lab: &Lab) -> Result<(), String> {
    let (code, text) = lab.failure("ring rx 9")?;
    assert!(code == Some(1) && text.contains("no such queue"), "{code:?} {text}");
    let (code, text) = lab.failure("info --device 1")?;
    assert!(code == Some(1) && text.contains("there is no device 1"), "{code:?} {text}");
    let begun = Instant::now();
    let (code, _) = lab.failure("wait failed --timeout 0.5")?;
    assert_eq!(code, Some(3));
    assert!(begun.elapsed() >= Duration::from_millis(500));
    Ok(())
}

/// Rubbish, half a frame, and a tool that is killed in a wait: the others do not notice.
fn hostile_peers(lab: &Lab) -> Result<(), String> {
    let connect = || UnixStream::connect(lab.folder.join("lab")).map_err(|e| e.to_string());
    let mut rubbish = connect()?;
    rubbish.write_all(&[0xA5; 4096]).map_err(|e| e.to_string())?;
    let mut end = Vec::new();
    // The lab ends the connection, perhaps before it has read everything.
    let _ = rubbish.read_to_end(&mut end);
    assert!(end.is_empty());
    let mut half = connect()?;
    half.write_all(&[16, 0, 0, 0, 1]).map_err(|e| e.to_string())?;
    let mut killed = lab.tool("wait failed").spawn().map_err(|e| e.to_string())?;
    std::thread::sleep(Duration::from_millis(300));
    killed.kill().and_then(|()| killed.wait()).map_err(|e| e.to_string())?;
    lab.json("info").map(drop)
}

/// Waits end when the lab closes their handles, and the report finds nothing left.
fn waits(lab: Lab) -> Result<(), String> {
    let wait = lab.tool("wait failed").stderr(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    std::thread::sleep(Duration::from_millis(300));
    let report = lab.finish()?;
    let output = wait.wait_with_output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && text.contains("STATUS_CANCELLED"), "{text}");
    assert_eq!(report["ok"], true, "{report:#}");
    Ok(())
}
