//! TCP/IP over the adapter: a lease, pings, a download and an upload against QEMU's own network.

use igbcx_tests::{Run, Scenario, rig};
use netcx_lab::demo::Demo;
use netcx_lab::progress::Progress;

const DOWNLOAD: u64 = 2 << 20;
const UPLOAD: u64 = 1 << 20;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("internet::demo_in_small", |run| demo(run, "1514")),
        Scenario::new("internet::demo_in_small_jumbo", |run| demo(run, "9014")),
    ]
}

fn demo(run: &Run, longest: &str) {
    let demo = Demo { pings: 10, download: DOWNLOAD, upload: UPLOAD, seed: run.seed, json: None };
    let builder = rig::builder(run).keyword("*JumboPacket", longest);
    let report = demo.run(builder, &mut Progress::hidden()).unwrap_or_else(|e| panic!("{e}"));
    assert!(report.ok, "{:?}", report.failures);
    assert_eq!(report.dhcp.as_ref().map(|d| d.address.as_str()), Some("10.0.2.15"));
    assert_eq!(report.ping.as_ref().map(|p| (p.sent, p.received, p.corrupt)), Some((10, 10, 0)));
    let transfers = [(&report.download, DOWNLOAD), (&report.upload, UPLOAD)];
    for (transfer, bytes) in transfers {
        assert_eq!(transfer.as_ref().map(|t| (t.bytes, t.sha256_ok)), Some((bytes, true)));
    }
}
