//! DMA enablers and common buffers.

#[macro_use]
mod common;

use common::*;
use lab_kmdf::{Device, DmaEnablerInfo, Driver, dma_enabler_info};
use std::ptr::null_mut;
use std::sync::Arc;
use wdk_sys::*;

fn started() -> (Arc<Board>, Driver, Device) {
    let board = Board::boot();
    let driver = load(TestDriver::default()).unwrap();
    let device = driver.add_device(board.resources(1)).unwrap();
    (board, driver, device)
}

fn config() -> WDF_DMA_ENABLER_CONFIG {
    WDF_DMA_ENABLER_CONFIG {
        Size: size_of::<WDF_DMA_ENABLER_CONFIG>() as u32,
        Profile: _WDF_DMA_PROFILE::WdfDmaProfileScatterGather64,
        MaximumLength: 0x1_0000,
        WdmDmaVersionOverride: 3,
        ..Default::default()
    }
}

fn enabler(device: &Device, mut config: WDF_DMA_ENABLER_CONFIG) -> Result<WDFDMAENABLER, NTSTATUS> {
    let mut enabler = null_mut();
    let status = wdf!(WdfDmaEnablerCreate, device.handle(), &raw mut config, null_mut(), &raw mut enabler);
    if NT_SUCCESS(status) { Ok(enabler) } else { Err(status) }
}

fn buffer(enabler: WDFDMAENABLER, length: usize) -> Result<WDFCOMMONBUFFER, NTSTATUS> {
    let mut buffer = null_mut();
    let status = wdf!(WdfCommonBufferCreate, enabler, length, null_mut(), &raw mut buffer);
    if NT_SUCCESS(status) { Ok(buffer) } else { Err(status) }
}

fn logical(buffer: WDFCOMMONBUFFER) -> u64 {
    let address = wdf!(WdfCommonBufferGetAlignedLogicalAddress, buffer);
    // SAFETY: every bit pattern is a value of the union's integer.
    unsafe { address.QuadPart as u64 }
}

machine_tests! {
    fn a_common_buffer_has_a_logical_address_while_it_lives() {
        let (board, driver, device) = started();
        let enabler = enabler(&device, config()).unwrap();
        assert_eq!(
            dma_enabler_info(enabler),
            DmaEnablerInfo {
                device: device.handle(),
                profile: _WDF_DMA_PROFILE::WdfDmaProfileScatterGather64,
                maximum_length: 0x1_0000,
                wdm_dma_version: 3,
                address_width: 0,
            }
        );
        let buffer = buffer(enabler, 5000).unwrap();
        assert_eq!(wdf!(WdfCommonBufferGetLength, buffer), 5000);
        assert_eq!(board.mapped().keys().copied().collect::<Vec<_>>(), [logical(buffer)]);
        assert!(logical(buffer) >= LOGICAL, "not the physical address");
        let va = wdf!(WdfCommonBufferGetAlignedVirtualAddress, buffer).cast::<u8>();
        // SAFETY: 5000 bytes of the buffer, which nothing else uses.
        let bytes = unsafe { std::slice::from_raw_parts_mut(va, 5000) };
        assert!(bytes.iter().all(|&b| b != 0), "a new buffer is not zeroed");
        bytes.fill(1);
        wdf!(WdfObjectDelete, buffer.cast());
        assert!(board.mapped().is_empty());
        device.remove();
        driver.unload();
        no_violations();
    }

    fn buffers_go_with_their_enabler() {
        let (board, driver, device) = started();
        let enabler = enabler(&device, config()).unwrap();
        let buffers: Vec<_> = (0..3).map(|_| logical(buffer(enabler, 4096).unwrap())).collect();
        assert_eq!(board.mapped().len(), 3);
        assert!(buffers.windows(2).all(|w| w[0] != w[1]));
        device.remove();
        assert!(board.mapped().is_empty());
        driver.unload();
        assert_eq!(lab_kmdf::live_objects(), []);
        no_violations();
    }

    fn alignment_is_honoured() {
        let (_, driver, device) = started();
        let enabler = enabler(&device, config()).unwrap();
        for alignment in [0x7F_u32, 0xFFF, 0x3FFF, 0xFFFF] {
            let mut config = WDF_COMMON_BUFFER_CONFIG {
                Size: size_of::<WDF_COMMON_BUFFER_CONFIG>() as u32,
                AlignmentRequirement: alignment,
            };
            let mut handle = null_mut();
            let status =
                wdf!(WdfCommonBufferCreateWithConfig, enabler, 100, &raw mut config, null_mut(), &raw mut handle);
            assert_eq!(status, STATUS_SUCCESS);
            assert_eq!(logical(handle) & u64::from(alignment), 0, "{alignment:#x}");
            let va = wdf!(WdfCommonBufferGetAlignedVirtualAddress, handle).cast::<u8>();
            // SAFETY: 100 bytes of the buffer.
            unsafe { va.write_bytes(0, 100) };
        }
        device.remove();
        driver.unload();
        no_violations();
    }

    fn wrong_arguments_are_refused() {
        let (_, driver, device) = started();
        let invalid = Err(STATUS_INVALID_PARAMETER);
        assert_eq!(enabler(&device, WDF_DMA_ENABLER_CONFIG { Profile: 0, ..config() }), invalid);
        assert_eq!(enabler(&device, WDF_DMA_ENABLER_CONFIG { MaximumLength: 0, ..config() }), invalid);
        assert_eq!(
            enabler(&device, WDF_DMA_ENABLER_CONFIG { Size: 56, ..config() }),
            Err(0xC000_0004_u32 as i32)
        );
        let enabler = enabler(&device, config()).unwrap();
        assert_eq!(buffer(enabler, 0), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(violated(), ["DMA_CONFIG", "DMA_CONFIG", "KMDF_STRUCT_SIZE", "COMMON_BUFFER_LENGTH"]);
        lab_kmdf::fail_call("WdfCommonBufferCreate", 1, STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(buffer(enabler, 64), Err(STATUS_INSUFFICIENT_RESOURCES));
        let old = lab_kernel::cpu::raise_irql(2);
        assert_eq!(buffer(enabler, 64), Err(STATUS_INVALID_DEVICE_REQUEST), "PASSIVE_LEVEL only");
        lab_kernel::cpu::lower_irql(old);
        device.remove();
        driver.unload();
    }

    fn enabler_callbacks_frame_d0() {
        macro_rules! step {
            ($($name:ident)*) => {
                $(unsafe extern "win64" fn $name(_: WDFDMAENABLER) -> NTSTATUS {
                    called(stringify!($name), "")
                })*
            };
        }
        step!(fill flush enable disable start stop);
        let (_, driver, device) = started();
        enabler(&device, WDF_DMA_ENABLER_CONFIG {
            EvtDmaEnablerFill: Some(fill),
            EvtDmaEnablerFlush: Some(flush),
            EvtDmaEnablerDisable: Some(disable),
            EvtDmaEnablerEnable: Some(enable),
            EvtDmaEnablerSelfManagedIoStart: Some(start),
            EvtDmaEnablerSelfManagedIoStop: Some(stop),
            ..config()
        })
        .unwrap();
        take_log();
        device.start().unwrap();
        let own = || take_log().into_iter().filter(|l| !l.starts_with("Evt")).collect::<Vec<_>>();
        assert_eq!(own(), ["fill()@0", "enable()@0", "start()@0"]);
        device.to_dx(_WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3).unwrap();
        assert_eq!(own(), ["stop()@0", "disable()@0", "flush()@0"]);
        fail("enable", STATUS_UNSUCCESSFUL);
        assert_eq!(device.to_d0(), Err(STATUS_UNSUCCESSFUL));
        assert_eq!(device.last_failure().unwrap().step, "EvtDmaEnablerEnable");
        device.remove();
        driver.unload();
        no_violations();
    }

    fn limits_are_kept() {
        let (_, driver, device) = started();
        let enabler = enabler(&device, config()).unwrap();
        let fragments = || call!(WdfDmaEnablerGetMaximumScatterGatherElementsTableIndex, fn(WDFDMAENABLER) -> usize, enabler);
        assert_eq!(fragments(), usize::MAX);
        call!(WdfDmaEnablerSetMaximumScatterGatherElementsTableIndex, fn(WDFDMAENABLER, usize), enabler, 40);
        assert_eq!(fragments(), 40);
        assert_eq!(call!(WdfDmaEnablerGetMaximumLengthTableIndex, fn(WDFDMAENABLER) -> usize, enabler), 0x1_0000);
        device.remove();
        driver.unload();
        no_violations();
    }
}
