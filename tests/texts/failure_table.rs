//! The table of bug check 0x19E in docs/debug.md, which is the lab's. `IGBCX_BLESS=1` writes it anew.

use crate::{read, root};
use lab_netcx::{contract::CONTRACTS, failure};

const GUIDE: &str = "docs/debug.md";
const BEGIN: &str = "<!-- 0x19E begin -->\n";
const END: &str = "<!-- 0x19E end -->\n";

fn table() -> String {
    let mut table = "| parameter 1 | name | what must hold |\n|---|---|---|\n".to_owned();
    for code in failure::ALL {
        let rules: Vec<_> = CONTRACTS.iter().filter(|c| c.code == code).map(|c| c.rule.text).collect();
        table += &format!("| {:#x} ({}) | {code:?} | {} |\n", code as u64, code as u64, rules.join("; "));
    }
    table
}

#[test]
fn the_guide_has_the_labs_codes() {
    let text = read(GUIDE);
    let (before, rest) = text.split_once(BEGIN).expect("the table's begin");
    let (found, after) = rest.split_once(END).expect("the table's end");
    let table = table();
    if std::env::var_os("IGBCX_BLESS").is_some() {
        std::fs::write(root().join(GUIDE), format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(found == table, "{GUIDE} and the lab differ; IGBCX_BLESS=1 writes the table anew:\n{table}");
    }
}
