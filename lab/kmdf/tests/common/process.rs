//! Tests in a process of their own: one process runs one machine, and a bugcheck ends it.

use std::process::{Command, Output};

const CHILD: &str = "LAB_KMDF_TEST_CHILD";

/// True in the process that runs the body of a test.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs test `name` of this binary in a process of its own.
pub fn run_child(name: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    command.output().unwrap()
}

/// Requires success.
pub fn expect_success(name: &str, output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{name}: {:?}\n{out}\n{err}", output.status);
}

/// Requires exit code 3 and every needle on standard error.
pub fn expect_stop(name: &str, output: &Output, needles: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{name}: {:?}\n{err}", output.status);
    for needle in needles {
        assert!(err.contains(needle), "{name}: no \"{needle}\" in\n{err}");
    }
}
