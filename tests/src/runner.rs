//! Runs scenarios, each in a process of its own: one process runs one machine, and a bugcheck ends it.
//!
//! Environment: `IGBCX_SYS` (the image), `IGBCX_SEED` (seed of every scenario, 1), `IGBCX_FULL=1` (the whole sweeps).

use libtest_mimic::{Arguments, Failed, Trial};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Names the scenario that this process is to run; without it the process runs them all in processes of their own.
const CHILD: &str = "IGBCX_E2E_SCENARIO";
/// Where the child's frames go.
const CAPTURE: &str = "IGBCX_E2E_CAPTURE";
const SEED: &str = "IGBCX_SEED";
const FULL: &str = "IGBCX_FULL";
/// Two processors: more machines at a time only slow each other down.
const PARALLEL: usize = 2;
/// Bytes of a failed scenario's output that are shown: its end.
const SHOWN: usize = 12_000;
/// Host time a scenario may take. Without virtual time each link costs half a second, and the host may be busy.
const LIMIT: Duration = Duration::from_secs(180);

/// One scenario.
pub struct Scenario {
    name: String,
    full_only: bool,
    skipped: Option<&'static str>,
    body: Box<dyn Fn(&Run) + Send + Sync>,
}

impl Scenario {
    /// A scenario that fails by panicking. `name` is `family::case`.
    pub fn new(name: impl Into<String>, body: impl Fn(&Run) + Send + Sync + 'static) -> Scenario {
        Scenario { name: name.into(), full_only: false, skipped: None, body: Box::new(body) }
    }

    /// The same under `family`, with a keyword set in the registry.
    pub fn with_keyword(self, family: &str, name: &'static str, value: &'static str) -> Scenario {
        let body = self.body;
        Scenario {
            name: format!("{family}::{}", self.name.replace("::", "_")),
            body: Box::new(move |run| {
                let mut run = Run { seed: run.seed, capture: run.capture.clone(), keywords: run.keywords.clone() };
                run.keywords.push((name, value));
                body(&run);
            }),
            ..self
        }
    }

    /// `family::case`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs only with `IGBCX_FULL=1`, unless `sampled`.
    pub fn full_unless(mut self, sampled: bool) -> Scenario {
        self.full_only = !sampled;
        self
    }

    /// Not run for this reason, if there is one.
    pub fn skip(mut self, reason: Option<&'static str>) -> Scenario {
        self.skipped = reason;
        self
    }
}

/// The surroundings of a scenario while it runs.
pub struct Run {
    /// Seed of every random choice.
    pub seed: u64,
    /// Where the frames of the run go; kept only if it fails.
    pub capture: PathBuf,
    /// Keywords of the registry beside those the scenario sets.
    pub keywords: Vec<(&'static str, &'static str)>,
}

/// The program: all scenarios, or in a child process one of them.
pub fn main(scenarios: Vec<Scenario>) -> ExitCode {
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    match std::env::var(CHILD) {
        Ok(name) => child(&scenarios, &name, seed),
        Err(_) => parent(scenarios, seed),
    }
}

fn child(scenarios: &[Scenario], name: &str, seed: u64) -> ExitCode {
    let Some(scenario) = scenarios.iter().find(|s| s.name == name) else {
        eprintln!("no scenario {name}");
        return ExitCode::FAILURE;
    };
    println!("{name}, seed {seed}");
    let capture = std::env::var_os(CAPTURE).map_or_else(|| capture_of(name), PathBuf::from);
    (scenario.body)(&Run { seed, capture, keywords: Vec::new() });
    ExitCode::SUCCESS
}

fn parent(scenarios: Vec<Scenario>, seed: u64) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(arguments.test_threads.unwrap_or(PARALLEL).min(PARALLEL));
    let full = std::env::var(FULL).is_ok_and(|value| value == "1");
    let listed = arguments.list || arguments.exact;
    let mut trials = Vec::new();
    for scenario in scenarios {
        if scenario.full_only && !full && !listed {
            continue;
        }
        if let (Some(reason), false) = (scenario.skipped, listed) {
            println!("{} is skipped: {reason}", scenario.name);
        }
        let Scenario { name, skipped, .. } = scenario;
        let trial = Trial::test(name.clone(), move || in_a_process(&name, seed).map_err(Failed::from));
        trials.push(trial.with_ignored_flag(skipped.is_some()));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs another scenario in a process of its own, from within a scenario, and returns what it printed.
///
/// # Errors
/// What it printed, if it failed.
pub fn run_again(name: &str, seed: u64) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program's path: {e}"))?;
    let capture = capture_of(&format!("{name}.{}", std::process::id()));
    let status = run(&program, name, seed, &capture).map_err(|e| format!("{name}: {e}"))?;
    let text = tail(&capture);
    forget(&capture);
    if status.is_some_and(|s| s.success()) {
        Ok(text)
    } else {
        Err(format!("{text}\n{name} with seed {seed}: {status:?}"))
    }
}

fn in_a_process(name: &str, seed: u64) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| format!("this program's path: {e}"))?;
    let capture = capture_of(name);
    let start = Instant::now();
    let status = run(&program, name, seed, &capture).map_err(|e| format!("{name}: {e}"))?;
    let verdict = match status {
        Some(status) if status.success() => {
            forget(&capture);
            return Ok(());
        }
        Some(status) => format!("ended with {status}"),
        None => format!("hung: no end after {LIMIT:?}"),
    };
    let frames = if capture.is_file() { capture.display().to_string() } else { "none".into() };
    Err(format!(
        "{}\n{name}: {verdict} ({:.1} s)\nseed      {seed}\nframes    {frames}\nreproduce {}{SEED}={seed} {} --exact {name}\n",
        tail(&capture),
        start.elapsed().as_secs_f64(),
        std::env::var("IGBCX_SYS").map_or(String::new(), |path| format!("IGBCX_SYS={path} ")),
        program.display(),
    ))
}

/// Runs one scenario in a process of its own; `None`: it had to be killed.
fn run(program: &Path, name: &str, seed: u64, capture: &Path) -> std::io::Result<Option<ExitStatus>> {
    forget(capture);
    let stdout = File::create(output_of(capture))?;
    let stderr = stdout.try_clone()?;
    let mut child = Command::new(program)
        .env(CHILD, name)
        .env(CAPTURE, capture)
        .env(SEED, seed.to_string())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()?;
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the scenario that captures to `capture` prints goes beside it.
fn output_of(capture: &Path) -> PathBuf {
    capture.with_extension("log")
}

/// Removes both.
fn forget(capture: &Path) {
    for file in [capture.to_owned(), output_of(capture)] {
        let _ = std::fs::remove_file(file);
    }
}

/// The end of what it printed.
fn tail(capture: &Path) -> String {
    let bytes = std::fs::read(output_of(capture)).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(SHOWN)..]).into_owned()
}

/// `target/e2e/<name>.pcapng` of the workspace.
fn capture_of(name: &str) -> PathBuf {
    let folder = workspace().join("target/e2e");
    let _ = std::fs::create_dir_all(&folder);
    folder.join(format!("{}.pcapng", name.replace("::", ".")))
}

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}
