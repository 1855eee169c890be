//! A bit of everything in one run: the load of the scenarios that change the machine around it.

use igbcx_tests::Rig;
use igbcx_tests::frames::{BROADCAST, PEER, Random, assert_same, frame, packet};
use igbcx_tests::rig::LINK;

/// Traffic both ways at a time, datapath restarts, link changes, power transitions and receive filters, chosen by `seed`; nothing may be
/// lost while the link is up and the datapath runs.
pub fn exercise(rig: &mut Rig, seed: u64, rounds: usize) {
    let mut random = Random::new(seed);
    for _ in 0..rounds {
        traffic(rig, &mut random);
        match random.below(4) {
            0 => rig.adapter().restart_datapath().unwrap_or_else(|s| panic!("restart: {s:#x}")),
            1 => {
                rig.nic().set_link(false);
                rig.wait_link(false, LINK).unwrap();
                rig.nic().set_link(true);
                rig.wait_link(true, LINK).unwrap();
            }
            2 => {
                rig.d3().unwrap();
                rig.d0().unwrap();
                rig.wait_link(true, LINK).unwrap();
            }
            _ => {
                let promiscuous = i32::from(random.below(2) == 0) << 5;
                rig.adapter().set_receive_filter(0x0B | promiscuous, &[]).unwrap_or_else(|s| panic!("filter: {s:#x}"));
            }
        }
    }
    rig.check_traffic();
}

/// Up to 200 frames each way, on their way at the same time.
fn traffic(rig: &mut Rig, random: &mut Random) {
    let mac = rig.adapter().mac();
    let (mut out, mut packets, mut inwards) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..random.within(1..=200) {
        let id = rig.fresh_id();
        out.push(rig.outgoing(random.within(60..=1514), id));
        packets.push(packet(out[out.len() - 1].clone(), id));
    }
    for _ in 0..random.within(1..=200) {
        let id = rig.fresh_id();
        let to = if random.below(8) == 0 { BROADCAST } else { mac };
        inwards.push(frame(to, PEER, random.within(60..=1514), id));
    }
    let wire = rig.wire();
    inwards.iter().for_each(|f| wire.send(f));
    assert_same(&rig.transmit(&packets), &out, "sent");
    let got: Vec<_> = rig.collect(inwards.len()).into_iter().map(|p| p.data).collect();
    assert_same(&got, &inwards, "received");
}
