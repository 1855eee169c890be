//! The AutoHCK profile against the INF. Its fields are those of `lib/models/driver.rb` of HCK-CI/AutoHCK.

use crate::read;
use serde_json::Value;

const FIELDS: [&str; 10] = [
    "device",
    "inf",
    "install_cert",
    "install_method",
    "name",
    "reject_test_names",
    "support",
    "sys",
    "tests_config",
    "type",
];

#[test]
fn the_profile_names_what_the_inf_installs() {
    let text = read("package/autohck/igbcx.json");
    let profile: Value = serde_json::from_str(&text).unwrap();
    let mut fields: Vec<_> = profile.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, FIELDS);
    let name = profile["name"].as_str().unwrap();
    let inf = read("inf/igbcx.inx");
    let strings: Vec<_> = inf.lines().filter(|line| line.starts_with("DeviceName.QEMU ")).collect();
    assert_eq!(strings, [format!("DeviceName.QEMU   = \"{name}\"")]);
    let commands = &profile["tests_config"][0]["pre_test_commands"];
    assert!(commands[0]["guest_run"].as_str().unwrap().contains(&format!("'{name}'")));
    let verifier = commands[1]["guest_run"].as_str().unwrap();
    assert!(read("docs/debug.md").contains(&format!("    {verifier}\n")), "the guide has another Driver Verifier line");
    assert!(verifier.contains(" igbcx.sys netadaptercx.sys "), "never the driver without NetAdapterCx");
}
