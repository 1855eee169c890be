//! Start, stop, power, filters, failures: what the framework calls when, and what is left behind.

mod support;

use lab_kernel::cpu;
use lab_kmdf::RegValue;
use lab_netcx::Options;
use netadaptercx_sys::_NET_PACKET_FILTER_FLAGS as filter;
use std::time::Duration;
use support::driver::{Plan, set_link, state};
use support::{Lab, frame, isolated, load, violated};
use wdk_sys::_WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3;
use wdk_sys::{STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_SUPPORTED, WDFDEVICE};

fn started(options: Options) -> Lab {
    let lab = load(Plan::default(), options, 0);
    lab.device.start().expect("the device starts");
    lab
}

/// A few frames go through.
fn works(lab: &Lab) {
    let frames: Vec<_> = (0..10).map(|i| frame(i, &[60, 100])).collect();
    assert_eq!(lab.exchange(&frames).len(), 10);
}

#[test]
fn the_stack_sees_what_the_driver_declared() {
    isolated("the_stack_sees_what_the_driver_declared", || {
        let lab = started(Options::default());
        let adapter = lab.adapter();
        assert_eq!(adapter.mac(), [2, 0, 0, 0, 0, 1]);
        assert_eq!(adapter.mtu(), 1500);
        let link = adapter.link();
        assert!(link.connected && link.full_duplex && link.tx_speed == 1_000_000_000 && link.rx_speed == 1_000_000_000);
        assert!(adapter.is_started() && adapter.datapath_running());
        assert!(cpu::wait(&adapter.link_event(), Some(Duration::ZERO)));
        let handle = state().adapter;
        // SAFETY: the driver's live adapter.
        unsafe { set_link(handle as *mut _, true) };
        assert!(!cpu::wait(&adapter.link_event(), Some(Duration::ZERO)), "nothing changed");
        // SAFETY: as above.
        unsafe { set_link(handle as *mut _, false) };
        assert!(cpu::wait(&adapter.link_event(), Some(Duration::ZERO)));
        assert!(!adapter.link().connected);
        lab.end();
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn filters_are_set_once_at_start_and_not_after_sleep() {
    isolated("filters_are_set_once_at_start_and_not_after_sleep", || {
        let lab = started(Options::default());
        let adapter = lab.adapter();
        let usual = filter::NetPacketFilterFlagDirected
            | filter::NetPacketFilterFlagMulticast
            | filter::NetPacketFilterFlagBroadcast;
        assert_eq!(state().filters, [(usual, 2)]);
        assert_eq!(adapter.set_receive_filter(filter::NetPacketFilterFlagDirected, &[[1, 0, 0x5e, 0, 0, 9]]), Ok(()));
        assert_eq!(state().filters.last(), Some(&(filter::NetPacketFilterFlagDirected, 1)));
        // Bits the client did not declare never reach it.
        let promiscuous = adapter.set_receive_filter(filter::NetPacketFilterFlagPromiscuous, &[]);
        assert_eq!(promiscuous, Err(STATUS_NOT_SUPPORTED));
        assert!(adapter.set_receive_filter(usual, &[[1; 6]; 17]).is_err(), "more addresses than declared");
        assert_eq!(state().filters.len(), 2);
        lab.device.to_dx(WdfPowerDeviceD3).unwrap();
        assert_eq!(adapter.set_receive_filter(usual, &[]), Err(STATUS_DEVICE_NOT_READY));
        lab.device.to_d0().unwrap();
        assert_eq!(state().filters.len(), 2, "the driver restores its filter itself");
        lab.end();
    });
}

#[test]
fn queues_live_between_interrupts_connected_and_interrupts_disabled() {
    isolated("queues_live_between_interrupts_connected_and_interrupts_disabled", || {
        let lab = started(Options::default());
        let adapter = lab.adapter();
        for i in 0..100 {
            works(&lab);
            let old = state().rx.handle;
            assert!(adapter.send(frame(i, &[60])), "in flight over the transition");
            lab.device.to_dx(WdfPowerDeviceD3).unwrap();
            assert!(!adapter.datapath_running() && adapter.is_started() && adapter.tx_idle());
            adapter.send(frame(1000 + i, &[60]));
            assert!(adapter.tx_completed().contains(&(1000 + i)), "paused at once");
            lab.device.to_d0().unwrap();
            assert!(adapter.datapath_running());
            assert_ne!(state().rx.handle, old, "queue objects are new");
            while adapter.recv().is_some() {}
            adapter.tx_completed();
        }
        assert_eq!(adapter.stats().datapath_starts, 101);
        assert!(adapter.stats().tx_paused >= 100);
        lab.end();
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn restarts_and_mtu_changes_under_traffic() {
    isolated("restarts_and_mtu_changes_under_traffic", || {
        let lab = started(Options { strict_dma: true, ..Options::default() });
        let adapter = lab.adapter();
        for i in 0..200 {
            for n in 0..20 {
                adapter.send(frame(i * 20 + n, &[60, 200]));
            }
            if i % 2 == 0 {
                cpu::yield_now();
            }
            adapter.restart_datapath().unwrap();
            while adapter.recv().is_some() {}
        }
        assert_eq!(adapter.tx_completed().len(), 4000, "each packet completes once");
        let handle = state().adapter;
        // SAFETY: the driver's live adapter, at PASSIVE_LEVEL.
        unsafe { support::ddi::NetAdapterSetLinkLayerMtuSize(handle as *mut _, 9000) };
        cpu::sleep(Duration::from_millis(1));
        assert_eq!((adapter.mtu(), adapter.stats().datapath_starts), (9000, 202));
        let big = lab.exchange(&[frame(7, &[14, 2000])]);
        assert_eq!(big.len(), 1, "a frame beyond the old MTU goes out now");
        lab.end();
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn stop_start_and_removal_leave_nothing() {
    isolated("stop_start_and_removal_leave_nothing", || {
        let lab = started(Options::default());
        for _ in 0..50 {
            works(&lab);
            lab.device.stop().unwrap();
            assert!(!lab.adapter().is_started());
            assert_eq!(lab.board.mapped_now(), 0);
            lab.device.start().unwrap();
        }
        assert_eq!(state().filters.len(), 51, "a started adapter gets its filter");
        lab.end();
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn surprise_removal_stops_the_datapath() {
    isolated("surprise_removal_stops_the_datapath", || {
        let lab = started(Options::default());
        works(&lab);
        lab.device.surprise_remove();
        assert!(!lab.adapter().datapath_running());
        lab.end();
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn each_call_that_can_fail_fails_once_and_the_second_start_works() {
    const STATUS: i32 = STATUS_INSUFFICIENT_RESOURCES;
    let calls = ["NetAdapterStart", "NetTxQueueCreate", "NetRxQueueCreate"];
    let of_device_add =
        ["NetDeviceInitConfig", "NetAdapterInitAllocate", "NetAdapterCreate", "NetExecutionContextCreate"];
    if let Some(call) = support::child().filter(|call| of_device_add.contains(&call.as_str())) {
        let driver =
            support::load_driver(Plan { own_context: true, ..Plan::default() }, Options::default(), 0).unwrap();
        let board = support::board::board();
        let resources = || lab_kmdf::Resources { bus: board.clone(), bars: Vec::new(), ports: Vec::new(), messages: 0 };
        lab_kmdf::fail_call(&call, 1, STATUS);
        assert_eq!(driver.add_device(resources()).err(), Some(STATUS));
        let device = driver.add_device(resources()).expect("the second time nothing fails");
        device.start().unwrap();
        device.remove();
        driver.unload();
        assert_eq!(lab_kmdf::live_objects(), Vec::new());
        return;
    }
    if let Some(call) = support::child() {
        let lab = load(Plan::default(), Options::default(), 0);
        lab_kmdf::fail_call(&call, 1, STATUS);
        let first = lab.device.start();
        if call == "NetAdapterStart" {
            assert_eq!(first, Err(STATUS));
        } else {
            // The datapath is made after the device started: it comes up without queues and is set failed.
            assert!(!lab.adapter().datapath_running());
            assert!(lab.device.failed_action().is_some());
        }
        let left: Vec<_> = lab_kmdf::live_objects().iter().filter(|o| o.kind == "NETPACKETQUEUE").cloned().collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(lab.board.mapped_now(), 0);
        lab.device.remove();
        lab.driver.unload();
        return;
    }
    for call in calls.into_iter().chain(of_device_add) {
        let name = "each_call_that_can_fail_fails_once_and_the_second_start_works";
        let output = support::in_child(name, call);
        assert!(output.status.success(), "{call}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_registry_reaches_the_driver() {
    isolated("the_registry_reaches_the_driver", || {
        let lab = load(Plan::default(), Options::default(), 0);
        lab.registry.set("*TransmitBuffers", RegValue::Sz("512".into()));
        lab.registry.set("Plain", RegValue::Dword(7));
        lab.registry.set("NetworkAddress", RegValue::Sz("02-AA-BB-CC-DD-EE".into()));
        let adapter = state().adapter;
        let wide = |text: &str| -> Vec<u16> { text.encode_utf16().collect() };
        // SAFETY: the driver's adapter, live strings, at PASSIVE_LEVEL.
        unsafe {
            use support::ddi::*;
            let mut configuration = std::ptr::null_mut();
            assert_eq!(NetAdapterOpenConfiguration(adapter as *mut _, std::ptr::null_mut(), &mut configuration), 0);
            for (name, expected) in
                [("*TransmitBuffers", Ok(512)), ("plain", Ok(7)), ("absent", Err(0xC000_0034_u32 as i32))]
            {
                let mut units = wide(name);
                let bytes = (units.len() * 2) as u16;
                let text = wdk_sys::UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.as_mut_ptr() };
                let mut value = 1;
                let status = NetConfigurationQueryUlong(configuration, 0, &text, &mut value);
                assert_eq!(if status == 0 { Ok(value) } else { Err(status) }, expected, "{name}");
            }
            let mut mac = netadaptercx_sys::NET_ADAPTER_LINK_LAYER_ADDRESS::default();
            assert_eq!(NetConfigurationQueryLinkLayerAddress(configuration, &mut mac), 0);
            assert_eq!((mac.Length, &mac.Address[..6]), (6, &[2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee][..]));
            NetConfigurationClose(configuration);
        }
        lab.end();
    });
}

#[test]
fn a_requested_reset_collects_diagnostics_and_fails_the_device() {
    isolated("a_requested_reset_collects_diagnostics_and_fails_the_device", || {
        let lab = started(Options::default());
        let device = state().device as WDFDEVICE;
        for _ in 0..3 {
            // SAFETY: the driver's live device, at PASSIVE_LEVEL.
            unsafe { support::ddi::NetDeviceRequestReset(device) };
        }
        cpu::sleep(Duration::from_millis(10));
        let report = lab_netcx::reset_report(lab.device.handle());
        assert_eq!(report.requests, 3);
        assert_eq!(report.diagnostics.as_deref(), Some(&b"registers and rings"[..]));
        assert!(report.restart_requested);
        assert_eq!(lab.device.failed_action(), Some(wdk_sys::_WDF_DEVICE_FAILED_ACTION::WdfDeviceFailedAttemptRestart));
        lab.device.surprise_remove();
        lab.device.remove();
        lab.driver.unload();
    });
}

#[test]
fn a_lost_notification_stops_traffic() {
    isolated("a_lost_notification_stops_traffic", || {
        let lab = load(Plan { case: "notification_lost".into(), ..Plan::default() }, Options::default(), 0);
        lab.device.start().unwrap();
        cpu::sleep(Duration::from_millis(1));
        let adapter = lab.adapter();
        adapter.send(frame(1, &[60]));
        cpu::sleep(Duration::from_secs(1));
        // The framework sleeps until it is told: nothing is polled behind the driver's back.
        assert!(adapter.recv().is_none());
        assert_eq!(adapter.stats().rx_queues[0].notifications, 0);
        assert!(adapter.stats().rx_queues[0].arms > 0);
        lab.end();
    });
}

#[test]
fn disabled_extensions_are_not_there() {
    isolated("disabled_extensions_are_not_there", || {
        let lab = started(Options { disabled_extensions: vec!["ms_fragment_logicaladdress"], ..Options::default() });
        assert_eq!(state().tx.la.Enabled, 0);
        assert_eq!(state().rx.la.Enabled, 0);
        assert_eq!(state().tx.va.Enabled, 1);
        lab.end();
    });
}
