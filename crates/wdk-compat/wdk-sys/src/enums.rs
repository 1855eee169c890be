//! KMDF 1.33 enumerations, as bindgen's constant modules.

pub mod _WDF_BUGCHECK_CODES {
    pub type Type = i32;
    pub const WDF_POWER_ROUTINE_TIMED_OUT: Type = 1;
    pub const WDF_RECURSIVE_LOCK: Type = 2;
    pub const WDF_VERIFIER_FATAL_ERROR: Type = 3;
    pub const WDF_REQUIRED_PARAMETER_IS_NULL: Type = 4;
    pub const WDF_INVALID_HANDLE: Type = 5;
    pub const WDF_REQUEST_FATAL_ERROR: Type = 6;
    pub const WDF_OBJECT_ERROR: Type = 7;
    pub const WDF_DMA_FATAL_ERROR: Type = 8;
    pub const WDF_INVALID_INTERRUPT: Type = 9;
    pub const WDF_QUEUE_FATAL_ERROR: Type = 0xa;
    pub const WDF_INVALID_LOCK_OPERATION: Type = 0xb;
    pub const WDF_PNP_FATAL_ERROR: Type = 0xc;
    pub const WDF_POWER_MULTIPLE_PPO: Type = 0xd;
    pub const WDF_VERIFIER_IRQL_MISMATCH: Type = 0xe;
    pub const WDF_VERIFIER_CRITICAL_REGION_MISMATCH: Type = 0xf;
    pub const WDF_API_UNAVAILABLE: Type = 0x10;
}
pub use self::_WDF_BUGCHECK_CODES::Type as WDF_BUGCHECK_CODES;

pub mod _WDF_CHILD_LIST_RETRIEVE_DEVICE_STATUS {
    pub type Type = i32;
    pub const WdfChildListRetrieveDeviceUndefined: Type = 0;
    pub const WdfChildListRetrieveDeviceSuccess: Type = 1;
    pub const WdfChildListRetrieveDeviceNotYetCreated: Type = 2;
    pub const WdfChildListRetrieveDeviceNoSuchDevice: Type = 3;
}
pub use self::_WDF_CHILD_LIST_RETRIEVE_DEVICE_STATUS::Type as WDF_CHILD_LIST_RETRIEVE_DEVICE_STATUS;

pub mod _WDF_DEVICE_FAILED_ACTION {
    pub type Type = i32;
    pub const WdfDeviceFailedUndefined: Type = 0;
    pub const WdfDeviceFailedAttemptRestart: Type = 1;
    pub const WdfDeviceFailedNoRestart: Type = 2;
}
pub use self::_WDF_DEVICE_FAILED_ACTION::Type as WDF_DEVICE_FAILED_ACTION;

pub mod _WDF_DEVICE_IO_TYPE {
    pub type Type = i32;
    pub const WdfDeviceIoUndefined: Type = 0;
    pub const WdfDeviceIoNeither: Type = 1;
    pub const WdfDeviceIoBuffered: Type = 2;
    pub const WdfDeviceIoDirect: Type = 3;
    pub const WdfDeviceIoBufferedOrDirect: Type = 4;
    pub const WdfDeviceIoMaximum: Type = 5;
}
pub use self::_WDF_DEVICE_IO_TYPE::Type as WDF_DEVICE_IO_TYPE;

pub mod _WDF_DEVICE_PNP_STATE {
    pub type Type = i32;
    pub const WdfDevStatePnpInvalid: Type = 0;
    pub const WdfDevStatePnpObjectCreated: Type = 0x100;
    pub const WdfDevStatePnpCheckForDevicePresence: Type = 0x101;
    pub const WdfDevStatePnpEjectFailed: Type = 0x102;
    pub const WdfDevStatePnpEjectHardware: Type = 0x103;
    pub const WdfDevStatePnpEjectedWaitingForRemove: Type = 0x104;
    pub const WdfDevStatePnpInit: Type = 0x105;
    pub const WdfDevStatePnpInitStarting: Type = 0x106;
    pub const WdfDevStatePnpInitSurpriseRemoved: Type = 0x107;
    pub const WdfDevStatePnpHardwareAvailable: Type = 0x108;
    pub const WdfDevStatePnpEnableInterfaces: Type = 0x109;
    pub const WdfDevStatePnpHardwareAvailablePowerPolicyFailed: Type = 0x10a;
    pub const WdfDevStatePnpQueryRemoveAskDriver: Type = 0x10b;
    pub const WdfDevStatePnpQueryRemovePending: Type = 0x10c;
    pub const WdfDevStatePnpQueryRemoveStaticCheck: Type = 0x10d;
    pub const WdfDevStatePnpQueriedRemoving: Type = 0x10e;
    pub const WdfDevStatePnpQueryStopAskDriver: Type = 0x10f;
    pub const WdfDevStatePnpQueryStopPending: Type = 0x110;
    pub const WdfDevStatePnpQueryStopStaticCheck: Type = 0x111;
    pub const WdfDevStatePnpQueryCanceled: Type = 0x112;
    pub const WdfDevStatePnpRemoved: Type = 0x113;
    pub const WdfDevStatePnpPdoRemoved: Type = 0x114;
    pub const WdfDevStatePnpRemovedPdoWait: Type = 0x115;
    pub const WdfDevStatePnpRemovedPdoSurpriseRemoved: Type = 0x116;
    pub const WdfDevStatePnpRemovingDisableInterfaces: Type = 0x117;
    pub const WdfDevStatePnpRestarting: Type = 0x118;
    pub const WdfDevStatePnpStarted: Type = 0x119;
    pub const WdfDevStatePnpStartedCancelStop: Type = 0x11a;
    pub const WdfDevStatePnpStartedCancelRemove: Type = 0x11b;
    pub const WdfDevStatePnpStartedRemoving: Type = 0x11c;
    pub const WdfDevStatePnpStartingFromStopped: Type = 0x11d;
    pub const WdfDevStatePnpStopped: Type = 0x11e;
    pub const WdfDevStatePnpStoppedWaitForStartCompletion: Type = 0x11f;
    pub const WdfDevStatePnpStartedStopping: Type = 0x120;
    pub const WdfDevStatePnpSurpriseRemove: Type = 0x121;
    pub const WdfDevStatePnpInitQueryRemove: Type = 0x122;
    pub const WdfDevStatePnpInitQueryRemoveCanceled: Type = 0x123;
    pub const WdfDevStatePnpFdoRemoved: Type = 0x124;
    pub const WdfDevStatePnpRemovedWaitForChildren: Type = 0x125;
    pub const WdfDevStatePnpQueriedSurpriseRemove: Type = 0x126;
    pub const WdfDevStatePnpSurpriseRemoveIoStarted: Type = 0x127;
    pub const WdfDevStatePnpFailedPowerDown: Type = 0x128;
    pub const WdfDevStatePnpFailedIoStarting: Type = 0x129;
    pub const WdfDevStatePnpFailedOwnHardware: Type = 0x12a;
    pub const WdfDevStatePnpFailed: Type = 0x12b;
    pub const WdfDevStatePnpFailedSurpriseRemoved: Type = 0x12c;
    pub const WdfDevStatePnpFailedStarted: Type = 0x12d;
    pub const WdfDevStatePnpFailedWaitForRemove: Type = 0x12e;
    pub const WdfDevStatePnpFailedInit: Type = 0x12f;
    pub const WdfDevStatePnpPdoInitFailed: Type = 0x130;
    pub const WdfDevStatePnpRestart: Type = 0x131;
    pub const WdfDevStatePnpRestartReleaseHardware: Type = 0x132;
    pub const WdfDevStatePnpRestartHardwareAvailable: Type = 0x133;
    pub const WdfDevStatePnpPdoRestart: Type = 0x134;
    pub const WdfDevStatePnpFinal: Type = 0x135;
    pub const WdfDevStatePnpRemovedChildrenRemoved: Type = 0x136;
    pub const WdfDevStatePnpQueryRemoveEnsureDeviceAwake: Type = 0x137;
    pub const WdfDevStatePnpQueryStopEnsureDeviceAwake: Type = 0x138;
    pub const WdfDevStatePnpFailedPowerPolicyRemoved: Type = 0x139;
    pub const WdfDevStatePnpNull: Type = 0x13a;
}
pub use self::_WDF_DEVICE_PNP_STATE::Type as WDF_DEVICE_PNP_STATE;

pub mod _WDF_DEVICE_POWER_POLICY_STATE {
    pub type Type = i32;
    pub const WdfDevStatePwrPolInvalid: Type = 0;
    pub const WdfDevStatePwrPolObjectCreated: Type = 0x500;
    pub const WdfDevStatePwrPolStarting: Type = 0x501;
    pub const WdfDevStatePwrPolStartingSucceeded: Type = 0x502;
    pub const WdfDevStatePwrPolStartingFailed: Type = 0x503;
    pub const WdfDevStatePwrPolStartingDecideS0Wake: Type = 0x504;
    pub const WdfDevStatePwrPolStartedIdleCapable: Type = 0x505;
    pub const WdfDevStatePwrPolTimerExpiredNoWake: Type = 0x506;
    pub const WdfDevStatePwrPolTimerExpiredNoWakeCompletePowerDown: Type = 0x507;
    pub const WdfDevStatePwrPolWaitingUnarmed: Type = 0x508;
    pub const WdfDevStatePwrPolWaitingUnarmedQueryIdle: Type = 0x509;
    pub const WdfDevStatePwrPolS0NoWakePowerUp: Type = 0x50a;
    pub const WdfDevStatePwrPolS0NoWakeCompletePowerUp: Type = 0x50b;
    pub const WdfDevStatePwrPolSystemSleepFromDeviceWaitingUnarmed: Type = 0x50c;
    pub const WdfDevStatePwrPolSystemSleepNeedWake: Type = 0x50d;
    pub const WdfDevStatePwrPolSystemSleepNeedWakeCompletePowerUp: Type = 0x50e;
    pub const WdfDevStatePwrPolSystemSleepPowerRequestFailed: Type = 0x50f;
    pub const WdfDevStatePwrPolCheckPowerPageable: Type = 0x510;
    pub const WdfDevStatePwrPolSleepingWakeWakeArrived: Type = 0x511;
    pub const WdfDevStatePwrPolSleepingWakeRevertArmWake: Type = 0x512;
    pub const WdfDevStatePwrPolSystemAsleepWakeArmed: Type = 0x513;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeEnabled: Type = 0x514;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeEnabledWakeCanceled: Type = 0x515;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeDisarm: Type = 0x516;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeTriggered: Type = 0x517;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeTriggeredS0: Type = 0x518;
    pub const WdfDevStatePwrPolSystemWakeDeviceWokeDisarm: Type = 0x519;
    pub const WdfDevStatePwrPolSleepingWakeWakeArrivedNP: Type = 0x851a;
    pub const WdfDevStatePwrPolSleepingWakeRevertArmWakeNP: Type = 0x851b;
    pub const WdfDevStatePwrPolSleepingWakePowerDownFailed: Type = 0x51c;
    pub const WdfDevStatePwrPolSleepingWakePowerDownFailedWakeCanceled: Type = 0x51d;
    pub const WdfDevStatePwrPolSystemAsleepWakeArmedNP: Type = 0x851e;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeEnabledNP: Type = 0x851f;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeEnabledWakeCanceledNP: Type = 0x8520;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeDisarmNP: Type = 0x8521;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeTriggeredNP: Type = 0x8522;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeTriggeredS0NP: Type = 0x8523;
    pub const WdfDevStatePwrPolSystemWakeDeviceWokeDisarmNP: Type = 0x8524;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeCompletePowerUp: Type = 0x525;
    pub const WdfDevStatePwrPolSleeping: Type = 0x526;
    pub const WdfDevStatePwrPolSleepingNoWakePowerDown: Type = 0x527;
    pub const WdfDevStatePwrPolSleepingNoWakeCompletePowerDown: Type = 0x528;
    pub const WdfDevStatePwrPolSleepingNoWakeDxRequestFailed: Type = 0x529;
    pub const WdfDevStatePwrPolSleepingWakePowerDown: Type = 0x52a;
    pub const WdfDevStatePwrPolSleepingSendWake: Type = 0x52b;
    pub const WdfDevStatePwrPolSystemAsleepNoWake: Type = 0x52c;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeDisabled: Type = 0x52d;
    pub const WdfDevStatePwrPolSystemWakeDeviceToD0: Type = 0x52e;
    pub const WdfDevStatePwrPolSystemWakeDeviceToD0CompletePowerUp: Type = 0x52f;
    pub const WdfDevStatePwrPolSystemWakeQueryIdle: Type = 0x530;
    pub const WdfDevStatePwrPolStartedWakeCapable: Type = 0x531;
    pub const WdfDevStatePwrPolTimerExpiredDecideUsbSS: Type = 0x532;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapablePowerDown: Type = 0x533;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableSendWake: Type = 0x534;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableUsbSS: Type = 0x535;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeArrived: Type = 0x536;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableCancelWake: Type = 0x537;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeCanceled: Type = 0x538;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableCleanup: Type = 0x539;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableDxAllocFailed: Type = 0x53a;
    pub const WdfDevStatePwrPolTimerExpiredWakeCompletedPowerDown: Type = 0x53b;
    pub const WdfDevStatePwrPolTimerExpiredWakeCompletedPowerUp: Type = 0x53c;
    pub const WdfDevStatePwrPolWaitingArmedUsbSS: Type = 0x53d;
    pub const WdfDevStatePwrPolWaitingArmed: Type = 0x53e;
    pub const WdfDevStatePwrPolWaitingArmedQueryIdle: Type = 0x53f;
    pub const WdfDevStatePwrPolIoPresentArmed: Type = 0x540;
    pub const WdfDevStatePwrPolIoPresentArmedWakeCanceled: Type = 0x541;
    pub const WdfDevStatePwrPolS0WakeDisarm: Type = 0x542;
    pub const WdfDevStatePwrPolS0WakeCompletePowerUp: Type = 0x543;
    pub const WdfDevStatePwrPolTimerExpiredWakeSucceeded: Type = 0x544;
    pub const WdfDevStatePwrPolTimerExpiredWakeCompletedDisarm: Type = 0x545;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeSucceeded: Type = 0x546;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeFailed: Type = 0x547;
    pub const WdfDevStatePwrPolWakeFailedUsbSS: Type = 0x548;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownFailedCancelWake: Type = 0x549;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownFailedWakeCanceled: Type = 0x54a;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownFailedUsbSS: Type = 0x54b;
    pub const WdfDevStatePwrPolCancelingWakeForSystemSleep: Type = 0x54c;
    pub const WdfDevStatePwrPolCancelingWakeForSystemSleepWakeCanceled: Type = 0x54d;
    pub const WdfDevStatePwrPolDisarmingWakeForSystemSleepCompletePowerUp: Type = 0x54e;
    pub const WdfDevStatePwrPolPowerUpForSystemSleepFailed: Type = 0x54f;
    pub const WdfDevStatePwrPolWokeFromS0UsbSS: Type = 0x550;
    pub const WdfDevStatePwrPolWokeFromS0: Type = 0x551;
    pub const WdfDevStatePwrPolWokeFromS0NotifyDriver: Type = 0x552;
    pub const WdfDevStatePwrPolStoppingResetDevice: Type = 0x553;
    pub const WdfDevStatePwrPolStoppingResetDeviceCompletePowerUp: Type = 0x554;
    pub const WdfDevStatePwrPolStoppingResetDeviceFailed: Type = 0x555;
    pub const WdfDevStatePwrPolStoppingD0: Type = 0x556;
    pub const WdfDevStatePwrPolStoppingD0Failed: Type = 0x557;
    pub const WdfDevStatePwrPolStoppingDisarmWake: Type = 0x558;
    pub const WdfDevStatePwrPolStoppingDisarmWakeCancelWake: Type = 0x559;
    pub const WdfDevStatePwrPolStoppingDisarmWakeWakeCanceled: Type = 0x55a;
    pub const WdfDevStatePwrPolStopping: Type = 0x55b;
    pub const WdfDevStatePwrPolStoppingFailed: Type = 0x55c;
    pub const WdfDevStatePwrPolStoppingSendStatus: Type = 0x55d;
    pub const WdfDevStatePwrPolStoppingCancelTimer: Type = 0x55e;
    pub const WdfDevStatePwrPolStoppingWaitForIdleTimeout: Type = 0x55f;
    pub const WdfDevStatePwrPolStoppingCancelUsbSS: Type = 0x560;
    pub const WdfDevStatePwrPolStoppingWaitForUsbSSCompletion: Type = 0x561;
    pub const WdfDevStatePwrPolStoppingCancelWake: Type = 0x562;
    pub const WdfDevStatePwrPolStopped: Type = 0x563;
    pub const WdfDevStatePwrPolCancelUsbSS: Type = 0x564;
    pub const WdfDevStatePwrPolStarted: Type = 0x565;
    pub const WdfDevStatePwrPolStartedCancelTimer: Type = 0x566;
    pub const WdfDevStatePwrPolStartedWaitForIdleTimeout: Type = 0x567;
    pub const WdfDevStatePwrPolStartedWakeCapableCancelTimerForSleep: Type = 0x568;
    pub const WdfDevStatePwrPolStartedWakeCapableWaitForIdleTimeout: Type = 0x569;
    pub const WdfDevStatePwrPolStartedWakeCapableSleepingUsbSS: Type = 0x56a;
    pub const WdfDevStatePwrPolStartedIdleCapableCancelTimerForSleep: Type = 0x56b;
    pub const WdfDevStatePwrPolStartedIdleCapableWaitForIdleTimeout: Type = 0x56c;
    pub const WdfDevStatePwrPolDeviceD0PowerRequestFailed: Type = 0x56d;
    pub const WdfDevStatePwrPolDevicePowerRequestFailed: Type = 0x56e;
    pub const WdfDevStatePwrPolGotoDx: Type = 0x56f;
    pub const WdfDevStatePwrPolGotoDxInDx: Type = 0x570;
    pub const WdfDevStatePwrPolDx: Type = 0x571;
    pub const WdfDevStatePwrPolGotoD0: Type = 0x572;
    pub const WdfDevStatePwrPolGotoD0InD0: Type = 0x573;
    pub const WdfDevStatePwrPolFinal: Type = 0x574;
    pub const WdfDevStatePwrPolSleepingPowerDownNotProcessed: Type = 0x575;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownNotProcessed: Type = 0x576;
    pub const WdfDevStatePwrPolTimerExpiredNoWakePowerDownNotProcessed: Type = 0x577;
    pub const WdfDevStatePwrPolTimerExpiredNoWakePoweredDownDisableIdleTimer: Type = 0x578;
    pub const WdfDevStatePwrPolStoppingWaitingForImplicitPowerDown: Type = 0x579;
    pub const WdfDevStatePwrPolStoppingPoweringUp: Type = 0x57a;
    pub const WdfDevStatePwrPolStoppingPoweringDown: Type = 0x57b;
    pub const WdfDevStatePwrPolPowerUpForSystemSleepNotSeen: Type = 0x57c;
    pub const WdfDevStatePwrPolWaitingArmedStoppingCancelUsbSS: Type = 0x57d;
    pub const WdfDevStatePwrPolWaitingArmedWakeFailedCancelUsbSS: Type = 0x57e;
    pub const WdfDevStatePwrPolWaitingArmedIoPresentCancelUsbSS: Type = 0x57f;
    pub const WdfDevStatePwrPolWaitingArmedWakeSucceededCancelUsbSS: Type = 0x580;
    pub const WdfDevStatePwrPolCancelingUsbSSForSystemSleep: Type = 0x581;
    pub const WdfDevStatePwrPolStoppingD0CancelUsbSS: Type = 0x582;
    pub const WdfDevStatePwrPolStartingPoweredUp: Type = 0x583;
    pub const WdfDevStatePwrPolIdleCapableDeviceIdle: Type = 0x584;
    pub const WdfDevStatePwrPolDeviceIdleReturnToActive: Type = 0x585;
    pub const WdfDevStatePwrPolDeviceIdleSleeping: Type = 0x586;
    pub const WdfDevStatePwrPolDeviceIdleStopping: Type = 0x587;
    pub const WdfDevStatePwrPolTimerExpiredNoWakeUndoPowerDown: Type = 0x588;
    pub const WdfDevStatePwrPolWakeCapableDeviceIdle: Type = 0x589;
    pub const WdfDevStatePwrPolWakeCapableUsbSSCompleted: Type = 0x58a;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableUndoPowerDown: Type = 0x58b;
    pub const WdfDevStatePwrPolTimerExpiredWakeCompletedHardwareStarted: Type = 0x58c;
    pub const WdfDevStatePwrPolStoppedRemoving: Type = 0x58d;
    pub const WdfDevStatePwrPolRemoved: Type = 0x58e;
    pub const WdfDevStatePwrPolRestarting: Type = 0x58f;
    pub const WdfDevStatePwrPolRestartingFailed: Type = 0x590;
    pub const WdfDevStatePwrPolStartingPoweredUpFailed: Type = 0x591;
    pub const WdfDevStatePwrPolTimerExpiredNoWakeReturnToActive: Type = 0x592;
    pub const WdfDevStatePwrPolWaitingArmedWakeInterruptFired: Type = 0x593;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeInterruptFired: Type = 0x594;
    pub const WdfDevStatePwrPolSystemWakeDeviceWakeInterruptFiredNP: Type = 0x8595;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeInterruptArrived: Type = 0x596;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownFailedWakeInterruptArrived: Type = 0x597;
    pub const WdfDevStatePwrPolWaitingArmedWakeInterruptFiredDuringPowerDown: Type = 0x598;
    pub const WdfDevStatePwrPolStartedNotIdleCapableDirectedDown: Type = 0x599;
    pub const WdfDevStatePwrPolStartedIdleCapableTimerCanceledForSleep: Type = 0x59a;
    pub const WdfDevStatePwrPolTimerExpiredNoWakeUndoPowerDownWaitForDirectedUp: Type = 0x59b;
    pub const WdfDevStatePwrPolIdleCapableTimerNotExpiredDirectedDown: Type = 0x59c;
    pub const WdfDevStatePwrPolIdleCapableDirectedDownTriggerDPNR: Type = 0x59d;
    pub const WdfDevStatePwrPolWaitingUnarmedDirectedDown: Type = 0x59e;
    pub const WdfDevStatePwrPolIdleCapableDirectedDownTriggerDPR: Type = 0x59f;
    pub const WdfDevStatePwrPolStartedWakeCapableTimerCanceledForSleep: Type = 0x5a0;
    pub const WdfDevStatePwrPolWakeCapableTimerNotExpiredDirectedDown: Type = 0x5a1;
    pub const WdfDevStatePwrPolWakeCapableDirectedDownTriggerDPNR: Type = 0x5a2;
    pub const WdfDevStatePwrPolTimerExpiredWakeCompletedPowerDownWaitForDirectedUp: Type = 0x5a3;
    pub const WdfDevStatePwrPolTimerExpiredWakeCompletedPowerDownDirectedTriggerDPR: Type = 0x5a4;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableUndoPowerDownWaitForDirectedUp: Type = 0x5a5;
    pub const WdfDevStatePwrPolWakeCapableUsbSSCompletedUndoWaitForDirectedUp: Type = 0x5a6;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableUsbSSDirectedDown: Type = 0x5a7;
    pub const WdfDevStatePwrPolWaitingArmedWakeInterruptFiredDuringPowerDownCheckDirected: Type = 0x5a8;
    pub const WdfDevStatePwrPolTimerExpiredWakeCompletedPowerDownCheckDirected: Type = 0x5a9;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeSucceededCheckDirected: Type = 0x5aa;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeSucceededWaitForDirectedUp: Type = 0x5ab;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeSucceededTriggerDPR: Type = 0x5ac;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeFailedCheckDirected: Type = 0x5ad;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeFailedWaitForDirectedUp: Type = 0x5ae;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableWakeFailedTriggerDPR: Type = 0x5af;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownWakeInterruptFiredTriggerDPR: Type = 0x5b0;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownWakeInterruptFired: Type = 0x5b1;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDown: Type = 0x5b2;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownWakeSucceededCancelUsbSS: Type = 0x5b3;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownWakeFailedCancelUsbSS: Type = 0x5b4;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownTriggerDPR: Type = 0x5b5;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownWakeSucceededTriggerDPR: Type = 0x5b6;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownUsbSSCompleted: Type = 0x5b7;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownUsbSSCompletedTriggerDPR: Type = 0x5b8;
    pub const WdfDevStatePwrPolWaitingArmedDirectedDownWakeFailedCancelUsbSSTriggerDPR: Type = 0x5b9;
    pub const WdfDevStatePwrPolUsbSSCancelled: Type = 0x5ba;
    pub const WdfDevStatePwrPolTimerExpiredWakeCapableRevertArmWake: Type = 0x5bb;
    pub const WdfDevStatePwrPolSleepingWakeCancelWake: Type = 0x5bc;
    pub const WdfDevStatePwrPolSleepingWakeCancelWakeNP: Type = 0x85bd;
    pub const WdfDevStatePwrPolSystemWakeDeviceD0PowerRequestFailed: Type = 0x5be;
    pub const WdfDevStatePwrPolSystemWakeDevicePowerRequestFailed: Type = 0x5bf;
    pub const WdfDevStatePwrPolNull: Type = 0x5c0;
}
pub use self::_WDF_DEVICE_POWER_POLICY_STATE::Type as WDF_DEVICE_POWER_POLICY_STATE;

pub mod _WDF_DEVICE_POWER_STATE {
    pub type Type = i32;
    pub const WdfDevStatePowerInvalid: Type = 0;
    pub const WdfDevStatePowerObjectCreated: Type = 0x300;
    pub const WdfDevStatePowerCheckDeviceType: Type = 0x301;
    pub const WdfDevStatePowerCheckDeviceTypeNP: Type = 0x8302;
    pub const WdfDevStatePowerCheckParentState: Type = 0x303;
    pub const WdfDevStatePowerCheckParentStateNP: Type = 0x8304;
    pub const WdfDevStatePowerEnablingWakeAtBus: Type = 0x305;
    pub const WdfDevStatePowerEnablingWakeAtBusNP: Type = 0x8306;
    pub const WdfDevStatePowerD0: Type = 0x307;
    pub const WdfDevStatePowerD0NP: Type = 0x8308;
    pub const WdfDevStatePowerD0BusWakeOwner: Type = 0x309;
    pub const WdfDevStatePowerD0BusWakeOwnerNP: Type = 0x830a;
    pub const WdfDevStatePowerD0ArmedForWake: Type = 0x30b;
    pub const WdfDevStatePowerD0ArmedForWakeNP: Type = 0x830c;
    pub const WdfDevStatePowerD0DisarmingWakeAtBus: Type = 0x30d;
    pub const WdfDevStatePowerD0DisarmingWakeAtBusNP: Type = 0x830e;
    pub const WdfDevStatePowerD0Starting: Type = 0x30f;
    pub const WdfDevStatePowerD0StartingConnectInterrupt: Type = 0x310;
    pub const WdfDevStatePowerD0StartingDmaEnable: Type = 0x311;
    pub const WdfDevStatePowerD0StartingStartSelfManagedIo: Type = 0x312;
    pub const WdfDevStatePowerDecideD0State: Type = 0x313;
    pub const WdfDevStatePowerGotoD3Stopped: Type = 0x314;
    pub const WdfDevStatePowerStopped: Type = 0x315;
    pub const WdfDevStatePowerStartingCheckDeviceType: Type = 0x316;
    pub const WdfDevStatePowerStartingChild: Type = 0x317;
    pub const WdfDevStatePowerDxDisablingWakeAtBus: Type = 0x318;
    pub const WdfDevStatePowerDxDisablingWakeAtBusNP: Type = 0x8319;
    pub const WdfDevStatePowerGotoDx: Type = 0x31a;
    pub const WdfDevStatePowerGotoDxNP: Type = 0x831b;
    pub const WdfDevStatePowerGotoDxIoStopped: Type = 0x31c;
    pub const WdfDevStatePowerGotoDxIoStoppedNP: Type = 0x831d;
    pub const WdfDevStatePowerGotoDxNPFailed: Type = 0x831e;
    pub const WdfDevStatePowerDx: Type = 0x31f;
    pub const WdfDevStatePowerDxNP: Type = 0x8320;
    pub const WdfDevStatePowerGotoDxArmedForWake: Type = 0x321;
    pub const WdfDevStatePowerGotoDxArmedForWakeNP: Type = 0x8322;
    pub const WdfDevStatePowerGotoDxIoStoppedArmedForWake: Type = 0x323;
    pub const WdfDevStatePowerGotoDxIoStoppedArmedForWakeNP: Type = 0x8324;
    pub const WdfDevStatePowerDxArmedForWake: Type = 0x325;
    pub const WdfDevStatePowerDxArmedForWakeNP: Type = 0x8326;
    pub const WdfDevStatePowerCheckParentStateArmedForWake: Type = 0x327;
    pub const WdfDevStatePowerCheckParentStateArmedForWakeNP: Type = 0x8328;
    pub const WdfDevStatePowerWaitForParentArmedForWake: Type = 0x329;
    pub const WdfDevStatePowerWaitForParentArmedForWakeNP: Type = 0x832a;
    pub const WdfDevStatePowerStartSelfManagedIo: Type = 0x32b;
    pub const WdfDevStatePowerStartSelfManagedIoNP: Type = 0x832c;
    pub const WdfDevStatePowerStartSelfManagedIoFailed: Type = 0x32d;
    pub const WdfDevStatePowerStartSelfManagedIoFailedNP: Type = 0x832e;
    pub const WdfDevStatePowerWaitForParent: Type = 0x32f;
    pub const WdfDevStatePowerWaitForParentNP: Type = 0x8330;
    pub const WdfDevStatePowerWakePending: Type = 0x331;
    pub const WdfDevStatePowerWakePendingNP: Type = 0x8332;
    pub const WdfDevStatePowerWaking: Type = 0x333;
    pub const WdfDevStatePowerWakingNP: Type = 0x8334;
    pub const WdfDevStatePowerWakingConnectInterrupt: Type = 0x335;
    pub const WdfDevStatePowerWakingConnectInterruptNP: Type = 0x8336;
    pub const WdfDevStatePowerWakingConnectInterruptFailed: Type = 0x337;
    pub const WdfDevStatePowerWakingConnectInterruptFailedNP: Type = 0x8338;
    pub const WdfDevStatePowerWakingDmaEnable: Type = 0x339;
    pub const WdfDevStatePowerWakingDmaEnableNP: Type = 0x833a;
    pub const WdfDevStatePowerWakingDmaEnableFailed: Type = 0x33b;
    pub const WdfDevStatePowerWakingDmaEnableFailedNP: Type = 0x833c;
    pub const WdfDevStatePowerReportPowerUpFailedDerefParent: Type = 0x33d;
    pub const WdfDevStatePowerReportPowerUpFailed: Type = 0x33e;
    pub const WdfDevStatePowerPowerFailedPowerDown: Type = 0x33f;
    pub const WdfDevStatePowerReportPowerDownFailed: Type = 0x340;
    pub const WdfDevStatePowerInitialConnectInterruptFailed: Type = 0x341;
    pub const WdfDevStatePowerInitialDmaEnableFailed: Type = 0x342;
    pub const WdfDevStatePowerInitialSelfManagedIoFailed: Type = 0x343;
    pub const WdfDevStatePowerInitialPowerUpFailedDerefParent: Type = 0x344;
    pub const WdfDevStatePowerInitialPowerUpFailed: Type = 0x345;
    pub const WdfDevStatePowerDxStoppedDisarmWake: Type = 0x346;
    pub const WdfDevStatePowerDxStoppedDisarmWakeNP: Type = 0x8347;
    pub const WdfDevStatePowerGotoDxStoppedDisableInterruptNP: Type = 0x8348;
    pub const WdfDevStatePowerGotoDxStopped: Type = 0x349;
    pub const WdfDevStatePowerDxStopped: Type = 0x34a;
    pub const WdfDevStatePowerGotoStopped: Type = 0x34b;
    pub const WdfDevStatePowerStoppedCompleteDx: Type = 0x34c;
    pub const WdfDevStatePowerDxStoppedDecideDxState: Type = 0x34d;
    pub const WdfDevStatePowerDxStoppedArmForWake: Type = 0x34e;
    pub const WdfDevStatePowerDxStoppedArmForWakeNP: Type = 0x834f;
    pub const WdfDevStatePowerFinalPowerDownFailed: Type = 0x350;
    pub const WdfDevStatePowerFinal: Type = 0x351;
    pub const WdfDevStatePowerGotoImplicitD3DisarmWakeAtBus: Type = 0x352;
    pub const WdfDevStatePowerUpFailed: Type = 0x353;
    pub const WdfDevStatePowerUpFailedDerefParent: Type = 0x354;
    pub const WdfDevStatePowerGotoDxFailed: Type = 0x355;
    pub const WdfDevStatePowerGotoDxStoppedDisableInterrupt: Type = 0x356;
    pub const WdfDevStatePowerUpFailedNP: Type = 0x8357;
    pub const WdfDevStatePowerUpFailedDerefParentNP: Type = 0x8358;
    pub const WdfDevStatePowerNotifyingD0ExitToWakeInterrupts: Type = 0x359;
    pub const WdfDevStatePowerNotifyingD0EntryToWakeInterrupts: Type = 0x35a;
    pub const WdfDevStatePowerNotifyingD0ExitToWakeInterruptsNP: Type = 0x835b;
    pub const WdfDevStatePowerNotifyingD0EntryToWakeInterruptsNP: Type = 0x835c;
    pub const WdfDevStatePowerInitialPowerUpFailedPowerDown: Type = 0x35d;
    pub const WdfDevStatePowerUpFailedPowerDown: Type = 0x35e;
    pub const WdfDevStatePowerUpFailedPowerDownNP: Type = 0x835f;
    pub const WdfDevStatePowerInitialSelfManagedIoFailedStarted: Type = 0x360;
    pub const WdfDevStatePowerStartSelfManagedIoFailedStarted: Type = 0x361;
    pub const WdfDevStatePowerStartSelfManagedIoFailedStartedNP: Type = 0x8362;
    pub const WdfDevStatePowerWakingPostHardwareEnabled: Type = 0x363;
    pub const WdfDevStatePowerWakingPostHardwareEnabledNP: Type = 0x8364;
    pub const WdfDevStatePowerWakingPostHardwareEnabledFailed: Type = 0x365;
    pub const WdfDevStatePowerWakingPostHardwareEnabledFailedNP: Type = 0x8366;
    pub const WdfDevStatePowerD0StartingPostHardwareEnabled: Type = 0x367;
    pub const WdfDevStatePowerInitialPostHardwareEnabledFailed: Type = 0x368;
    pub const WdfDevStatePowerNull: Type = 0x369;
}
pub use self::_WDF_DEVICE_POWER_STATE::Type as WDF_DEVICE_POWER_STATE;

pub mod _WDF_DEVICE_SHUTDOWN_FLAGS {
    pub type Type = i32;
    pub const WdfDeviceShutdown: Type = 1;
    pub const WdfDeviceLastChanceShutdown: Type = 2;
}
pub use self::_WDF_DEVICE_SHUTDOWN_FLAGS::Type as WDF_DEVICE_SHUTDOWN_FLAGS;

pub mod _WDF_DEVICE_STATE_FLAGS {
    pub type Type = i32;
    pub const WdfDevStateNP: Type = 0x8000;
}
pub use self::_WDF_DEVICE_STATE_FLAGS::Type as WDF_DEVICE_STATE_FLAGS;

pub mod _WDF_DISPATCH_IRP_TO_IO_QUEUE_FLAGS {
    pub type Type = i32;
    pub const WDF_DISPATCH_IRP_TO_IO_QUEUE_NO_FLAGS: Type = 0;
    pub const WDF_DISPATCH_IRP_TO_IO_QUEUE_INVOKE_INCALLERCTX_CALLBACK: Type = 1;
    pub const WDF_DISPATCH_IRP_TO_IO_QUEUE_PREPROCESSED_IRP: Type = 2;
}
pub use self::_WDF_DISPATCH_IRP_TO_IO_QUEUE_FLAGS::Type as WDF_DISPATCH_IRP_TO_IO_QUEUE_FLAGS;

pub mod _WDF_DMA_DIRECTION {
    pub type Type = i32;
    pub const WdfDmaDirectionReadFromDevice: Type = 0;
    pub const WdfDmaDirectionWriteToDevice: Type = 1;
}
pub use self::_WDF_DMA_DIRECTION::Type as WDF_DMA_DIRECTION;

pub mod _WDF_DMA_ENABLER_CONFIG_FLAGS {
    pub type Type = i32;
    pub const WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION: Type = 1;
    pub const WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER: Type = 2;
}
pub use self::_WDF_DMA_ENABLER_CONFIG_FLAGS::Type as WDF_DMA_ENABLER_CONFIG_FLAGS;

pub mod _WDF_DMA_PROFILE {
    pub type Type = i32;
    pub const WdfDmaProfileInvalid: Type = 0;
    pub const WdfDmaProfilePacket: Type = 1;
    pub const WdfDmaProfileScatterGather: Type = 2;
    pub const WdfDmaProfilePacket64: Type = 3;
    pub const WdfDmaProfileScatterGather64: Type = 4;
    pub const WdfDmaProfileScatterGatherDuplex: Type = 5;
    pub const WdfDmaProfileScatterGather64Duplex: Type = 6;
    pub const WdfDmaProfileSystem: Type = 7;
    pub const WdfDmaProfileSystemDuplex: Type = 8;
}
pub use self::_WDF_DMA_PROFILE::Type as WDF_DMA_PROFILE;

pub mod _WDF_DRIVER_INIT_FLAGS {
    pub type Type = i32;
    pub const WdfDriverInitNonPnpDriver: Type = 1;
    pub const WdfDriverInitNoDispatchOverride: Type = 2;
    pub const WdfVerifyOn: Type = 4;
    pub const WdfVerifierOn: Type = 8;
    pub const WdfDriverInitCompanion: Type = 0x10;
}
pub use self::_WDF_DRIVER_INIT_FLAGS::Type as WDF_DRIVER_INIT_FLAGS;

pub mod _WDF_EXECUTION_LEVEL {
    pub type Type = i32;
    pub const WdfExecutionLevelInvalid: Type = 0;
    pub const WdfExecutionLevelInheritFromParent: Type = 1;
    pub const WdfExecutionLevelPassive: Type = 2;
    pub const WdfExecutionLevelDispatch: Type = 3;
}
pub use self::_WDF_EXECUTION_LEVEL::Type as WDF_EXECUTION_LEVEL;

pub mod _WDF_FILEOBJECT_CLASS {
    pub type Type = i32;
    pub const WdfFileObjectInvalid: Type = 0;
    pub const WdfFileObjectNotRequired: Type = 1;
    pub const WdfFileObjectWdfCanUseFsContext: Type = 2;
    pub const WdfFileObjectWdfCanUseFsContext2: Type = 3;
    pub const WdfFileObjectWdfCannotUseFsContexts: Type = 4;
    pub const WdfFileObjectCanBeOptional: Type = -2147483648;
}
pub use self::_WDF_FILEOBJECT_CLASS::Type as WDF_FILEOBJECT_CLASS;

pub mod _WDF_INTERRUPT_POLARITY {
    pub type Type = i32;
    pub const WdfInterruptPolarityUnknown: Type = 0;
    pub const WdfInterruptActiveHigh: Type = 1;
    pub const WdfInterruptActiveLow: Type = 2;
}
pub use self::_WDF_INTERRUPT_POLARITY::Type as WDF_INTERRUPT_POLARITY;

pub mod _WDF_INTERRUPT_POLICY {
    pub type Type = i32;
    pub const WdfIrqPolicyMachineDefault: Type = 0;
    pub const WdfIrqPolicyAllCloseProcessors: Type = 1;
    pub const WdfIrqPolicyOneCloseProcessor: Type = 2;
    pub const WdfIrqPolicyAllProcessorsInMachine: Type = 3;
    pub const WdfIrqPolicySpecifiedProcessors: Type = 4;
    pub const WdfIrqPolicySpreadMessagesAcrossAllProcessors: Type = 5;
}
pub use self::_WDF_INTERRUPT_POLICY::Type as WDF_INTERRUPT_POLICY;

pub mod _WDF_INTERRUPT_PRIORITY {
    pub type Type = i32;
    pub const WdfIrqPriorityUndefined: Type = 0;
    pub const WdfIrqPriorityLow: Type = 1;
    pub const WdfIrqPriorityNormal: Type = 2;
    pub const WdfIrqPriorityHigh: Type = 3;
}
pub use self::_WDF_INTERRUPT_PRIORITY::Type as WDF_INTERRUPT_PRIORITY;

pub mod _WDF_IO_FORWARD_PROGRESS_ACTION {
    pub type Type = i32;
    pub const WdfIoForwardProgressActionInvalid: Type = 0;
    pub const WdfIoForwardProgressActionFailRequest: Type = 1;
    pub const WdfIoForwardProgressActionUseReservedRequest: Type = 2;
}
pub use self::_WDF_IO_FORWARD_PROGRESS_ACTION::Type as WDF_IO_FORWARD_PROGRESS_ACTION;

pub mod _WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY {
    pub type Type = i32;
    pub const WdfIoForwardProgressInvalidPolicy: Type = 0;
    pub const WdfIoForwardProgressReservedPolicyAlwaysUseReservedRequest: Type = 1;
    pub const WdfIoForwardProgressReservedPolicyUseExamine: Type = 2;
    pub const WdfIoForwardProgressReservedPolicyPagingIO: Type = 3;
}
pub use self::_WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY::Type as WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY;

pub mod _WDF_IO_QUEUE_DISPATCH_TYPE {
    pub type Type = i32;
    pub const WdfIoQueueDispatchInvalid: Type = 0;
    pub const WdfIoQueueDispatchSequential: Type = 1;
    pub const WdfIoQueueDispatchParallel: Type = 2;
    pub const WdfIoQueueDispatchManual: Type = 3;
    pub const WdfIoQueueDispatchMax: Type = 4;
}
pub use self::_WDF_IO_QUEUE_DISPATCH_TYPE::Type as WDF_IO_QUEUE_DISPATCH_TYPE;

pub mod _WDF_IO_QUEUE_STATE {
    pub type Type = i32;
    pub const WdfIoQueueAcceptRequests: Type = 1;
    pub const WdfIoQueueDispatchRequests: Type = 2;
    pub const WdfIoQueueNoRequests: Type = 4;
    pub const WdfIoQueueDriverNoRequests: Type = 8;
    pub const WdfIoQueuePnpHeld: Type = 0x10;
}
pub use self::_WDF_IO_QUEUE_STATE::Type as WDF_IO_QUEUE_STATE;

pub mod _WDF_IO_TARGET_OPEN_TYPE {
    pub type Type = i32;
    pub const WdfIoTargetOpenUndefined: Type = 0;
    pub const WdfIoTargetOpenUseExistingDevice: Type = 1;
    pub const WdfIoTargetOpenByName: Type = 2;
    pub const WdfIoTargetOpenReopen: Type = 3;
    pub const WdfIoTargetOpenLocalTargetByFile: Type = 4;
}
pub use self::_WDF_IO_TARGET_OPEN_TYPE::Type as WDF_IO_TARGET_OPEN_TYPE;

pub mod _WDF_IO_TARGET_PURGE_IO_ACTION {
    pub type Type = i32;
    pub const WdfIoTargetPurgeIoUndefined: Type = 0;
    pub const WdfIoTargetPurgeIoAndWait: Type = 1;
    pub const WdfIoTargetPurgeIo: Type = 2;
}
pub use self::_WDF_IO_TARGET_PURGE_IO_ACTION::Type as WDF_IO_TARGET_PURGE_IO_ACTION;

pub mod _WDF_IO_TARGET_SENT_IO_ACTION {
    pub type Type = i32;
    pub const WdfIoTargetSentIoUndefined: Type = 0;
    pub const WdfIoTargetCancelSentIo: Type = 1;
    pub const WdfIoTargetWaitForSentIoToComplete: Type = 2;
    pub const WdfIoTargetLeaveSentIoPending: Type = 3;
}
pub use self::_WDF_IO_TARGET_SENT_IO_ACTION::Type as WDF_IO_TARGET_SENT_IO_ACTION;

pub mod _WDF_IO_TARGET_STATE {
    pub type Type = i32;
    pub const WdfIoTargetStateUndefined: Type = 0;
    pub const WdfIoTargetStarted: Type = 1;
    pub const WdfIoTargetStopped: Type = 2;
    pub const WdfIoTargetClosedForQueryRemove: Type = 3;
    pub const WdfIoTargetClosed: Type = 4;
    pub const WdfIoTargetDeleted: Type = 5;
    pub const WdfIoTargetPurged: Type = 6;
}
pub use self::_WDF_IO_TARGET_STATE::Type as WDF_IO_TARGET_STATE;

pub mod _WDF_MEMORY_DESCRIPTOR_TYPE {
    pub type Type = i32;
    pub const WdfMemoryDescriptorTypeInvalid: Type = 0;
    pub const WdfMemoryDescriptorTypeBuffer: Type = 1;
    pub const WdfMemoryDescriptorTypeMdl: Type = 2;
    pub const WdfMemoryDescriptorTypeHandle: Type = 3;
}
pub use self::_WDF_MEMORY_DESCRIPTOR_TYPE::Type as WDF_MEMORY_DESCRIPTOR_TYPE;

pub mod _WDF_POWER_DEVICE_STATE {
    pub type Type = i32;
    pub const WdfPowerDeviceInvalid: Type = 0;
    pub const WdfPowerDeviceD0: Type = 1;
    pub const WdfPowerDeviceD1: Type = 2;
    pub const WdfPowerDeviceD2: Type = 3;
    pub const WdfPowerDeviceD3: Type = 4;
    pub const WdfPowerDeviceD3Final: Type = 5;
    pub const WdfPowerDevicePrepareForHibernation: Type = 6;
    pub const WdfPowerDeviceMaximum: Type = 7;
}
pub use self::_WDF_POWER_DEVICE_STATE::Type as WDF_POWER_DEVICE_STATE;

pub mod _WDF_POWER_POLICY_IDLE_TIMEOUT_CONSTANTS {
    pub type Type = i32;
    pub const IdleTimeoutDefaultConstant: Type = 0;
}
pub use self::_WDF_POWER_POLICY_IDLE_TIMEOUT_CONSTANTS::Type as WDF_POWER_POLICY_IDLE_TIMEOUT_CONSTANTS;

pub mod _WDF_POWER_POLICY_IDLE_TIMEOUT_TYPE {
    pub type Type = i32;
    pub const DriverManagedIdleTimeout: Type = 0;
    pub const SystemManagedIdleTimeout: Type = 1;
    pub const SystemManagedIdleTimeoutWithHint: Type = 2;
}
pub use self::_WDF_POWER_POLICY_IDLE_TIMEOUT_TYPE::Type as WDF_POWER_POLICY_IDLE_TIMEOUT_TYPE;

pub mod _WDF_POWER_POLICY_S0_IDLE_CAPABILITIES {
    pub type Type = i32;
    pub const IdleCapsInvalid: Type = 0;
    pub const IdleCannotWakeFromS0: Type = 1;
    pub const IdleCanWakeFromS0: Type = 2;
    pub const IdleUsbSelectiveSuspend: Type = 3;
}
pub use self::_WDF_POWER_POLICY_S0_IDLE_CAPABILITIES::Type as WDF_POWER_POLICY_S0_IDLE_CAPABILITIES;

pub mod _WDF_POWER_POLICY_S0_IDLE_USER_CONTROL {
    pub type Type = i32;
    pub const IdleUserControlInvalid: Type = 0;
    pub const IdleDoNotAllowUserControl: Type = 1;
    pub const IdleAllowUserControl: Type = 2;
}
pub use self::_WDF_POWER_POLICY_S0_IDLE_USER_CONTROL::Type as WDF_POWER_POLICY_S0_IDLE_USER_CONTROL;

pub mod _WDF_POWER_POLICY_SX_WAKE_USER_CONTROL {
    pub type Type = i32;
    pub const WakeUserControlInvalid: Type = 0;
    pub const WakeDoNotAllowUserControl: Type = 1;
    pub const WakeAllowUserControl: Type = 2;
}
pub use self::_WDF_POWER_POLICY_SX_WAKE_USER_CONTROL::Type as WDF_POWER_POLICY_SX_WAKE_USER_CONTROL;

pub mod _WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE {
    pub type Type = i32;
    pub const WdfReleaseHardwareOrderOnFailureInvalid: Type = 0;
    pub const WdfReleaseHardwareOrderOnFailureEarly: Type = 1;
    pub const WdfReleaseHardwareOrderOnFailureAfterDescendants: Type = 2;
}
pub use self::_WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE::Type as WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE;

pub mod _WDF_REMOVE_LOCK_OPTIONS_FLAGS {
    pub type Type = i32;
    pub const WDF_REMOVE_LOCK_OPTION_ACQUIRE_FOR_IO: Type = 1;
}
pub use self::_WDF_REMOVE_LOCK_OPTIONS_FLAGS::Type as WDF_REMOVE_LOCK_OPTIONS_FLAGS;

pub mod _WDF_REQUEST_FATAL_ERROR_CODES {
    pub type Type = i32;
    pub const WDF_REQUEST_FATAL_ERROR_NO_MORE_STACK_LOCATIONS: Type = 1;
    pub const WDF_REQUEST_FATAL_ERROR_NULL_IRP: Type = 2;
    pub const WDF_REQUEST_FATAL_ERROR_REQUEST_ALREADY_SENT: Type = 3;
    pub const WDF_REQUEST_FATAL_ERROR_INFORMATION_LENGTH_MISMATCH: Type = 4;
    pub const WDF_REQUEST_FATAL_ERROR_REQUEST_NOT_IN_QUEUE: Type = 5;
}
pub use self::_WDF_REQUEST_FATAL_ERROR_CODES::Type as WDF_REQUEST_FATAL_ERROR_CODES;

pub mod _WDF_REQUEST_FORWARD_OPTIONS_FLAGS {
    pub type Type = i32;
    pub const WDF_REQUEST_FORWARD_OPTION_SEND_AND_FORGET: Type = 1;
}
pub use self::_WDF_REQUEST_FORWARD_OPTIONS_FLAGS::Type as WDF_REQUEST_FORWARD_OPTIONS_FLAGS;

pub mod _WDF_REQUEST_REUSE_FLAGS {
    pub type Type = i32;
    pub const WDF_REQUEST_REUSE_NO_FLAGS: Type = 0;
    pub const WDF_REQUEST_REUSE_SET_NEW_IRP: Type = 1;
}
pub use self::_WDF_REQUEST_REUSE_FLAGS::Type as WDF_REQUEST_REUSE_FLAGS;

pub mod _WDF_REQUEST_SEND_OPTIONS_FLAGS {
    pub type Type = i32;
    pub const WDF_REQUEST_SEND_OPTION_TIMEOUT: Type = 1;
    pub const WDF_REQUEST_SEND_OPTION_SYNCHRONOUS: Type = 2;
    pub const WDF_REQUEST_SEND_OPTION_IGNORE_TARGET_STATE: Type = 4;
    pub const WDF_REQUEST_SEND_OPTION_SEND_AND_FORGET: Type = 8;
    pub const WDF_REQUEST_SEND_OPTION_IMPERSONATE_CLIENT: Type = 0x10000;
    pub const WDF_REQUEST_SEND_OPTION_IMPERSONATION_IGNORE_FAILURE: Type = 0x20000;
}
pub use self::_WDF_REQUEST_SEND_OPTIONS_FLAGS::Type as WDF_REQUEST_SEND_OPTIONS_FLAGS;

pub mod _WDF_REQUEST_STOP_ACTION_FLAGS {
    pub type Type = i32;
    pub const WdfRequestStopActionInvalid: Type = 0;
    pub const WdfRequestStopActionSuspend: Type = 1;
    pub const WdfRequestStopActionPurge: Type = 2;
    pub const WdfRequestStopRequestCancelable: Type = 0x10000000;
}
pub use self::_WDF_REQUEST_STOP_ACTION_FLAGS::Type as WDF_REQUEST_STOP_ACTION_FLAGS;

pub mod _WDF_REQUEST_TYPE {
    pub type Type = i32;
    pub const WdfRequestTypeCreate: Type = 0;
    pub const WdfRequestTypeCreateNamedPipe: Type = 1;
    pub const WdfRequestTypeClose: Type = 2;
    pub const WdfRequestTypeRead: Type = 3;
    pub const WdfRequestTypeWrite: Type = 4;
    pub const WdfRequestTypeQueryInformation: Type = 5;
    pub const WdfRequestTypeSetInformation: Type = 6;
    pub const WdfRequestTypeQueryEA: Type = 7;
    pub const WdfRequestTypeSetEA: Type = 8;
    pub const WdfRequestTypeFlushBuffers: Type = 9;
    pub const WdfRequestTypeQueryVolumeInformation: Type = 0xa;
    pub const WdfRequestTypeSetVolumeInformation: Type = 0xb;
    pub const WdfRequestTypeDirectoryControl: Type = 0xc;
    pub const WdfRequestTypeFileSystemControl: Type = 0xd;
    pub const WdfRequestTypeDeviceControl: Type = 0xe;
    pub const WdfRequestTypeDeviceControlInternal: Type = 0xf;
    pub const WdfRequestTypeShutdown: Type = 0x10;
    pub const WdfRequestTypeLockControl: Type = 0x11;
    pub const WdfRequestTypeCleanup: Type = 0x12;
    pub const WdfRequestTypeCreateMailSlot: Type = 0x13;
    pub const WdfRequestTypeQuerySecurity: Type = 0x14;
    pub const WdfRequestTypeSetSecurity: Type = 0x15;
    pub const WdfRequestTypePower: Type = 0x16;
    pub const WdfRequestTypeSystemControl: Type = 0x17;
    pub const WdfRequestTypeDeviceChange: Type = 0x18;
    pub const WdfRequestTypeQueryQuota: Type = 0x19;
    pub const WdfRequestTypeSetQuota: Type = 0x1a;
    pub const WdfRequestTypePnp: Type = 0x1b;
    pub const WdfRequestTypeOther: Type = 0x1c;
    pub const WdfRequestTypeUsb: Type = 0x40;
    pub const WdfRequestTypeNoFormat: Type = 0xff;
    pub const WdfRequestTypeMax: Type = 0x100;
}
pub use self::_WDF_REQUEST_TYPE::Type as WDF_REQUEST_TYPE;

pub mod _WDF_RETRIEVE_CHILD_FLAGS {
    pub type Type = i32;
    pub const WdfRetrieveUnspecified: Type = 0;
    pub const WdfRetrievePresentChildren: Type = 1;
    pub const WdfRetrieveMissingChildren: Type = 2;
    pub const WdfRetrievePendingChildren: Type = 4;
    pub const WdfRetrieveAddedChildren: Type = 5;
    pub const WdfRetrieveAllChildren: Type = 7;
}
pub use self::_WDF_RETRIEVE_CHILD_FLAGS::Type as WDF_RETRIEVE_CHILD_FLAGS;

pub mod _WDF_SPECIAL_FILE_TYPE {
    pub type Type = i32;
    pub const WdfSpecialFileUndefined: Type = 0;
    pub const WdfSpecialFilePaging: Type = 1;
    pub const WdfSpecialFileHibernation: Type = 2;
    pub const WdfSpecialFileDump: Type = 3;
    pub const WdfSpecialFileBoot: Type = 4;
    pub const WdfSpecialFilePostDisplay: Type = 5;
    pub const WdfSpecialFileGuestAssigned: Type = 6;
    pub const WdfSpecialFileMax: Type = 7;
}
pub use self::_WDF_SPECIAL_FILE_TYPE::Type as WDF_SPECIAL_FILE_TYPE;

pub mod _WDF_STATE_NOTIFICATION_TYPE {
    pub type Type = i32;
    pub const StateNotificationInvalid: Type = 0;
    pub const StateNotificationEnterState: Type = 1;
    pub const StateNotificationPostProcessState: Type = 2;
    pub const StateNotificationLeaveState: Type = 4;
    pub const StateNotificationAllStates: Type = 7;
}
pub use self::_WDF_STATE_NOTIFICATION_TYPE::Type as WDF_STATE_NOTIFICATION_TYPE;

pub mod _WDF_SYNCHRONIZATION_SCOPE {
    pub type Type = i32;
    pub const WdfSynchronizationScopeInvalid: Type = 0;
    pub const WdfSynchronizationScopeInheritFromParent: Type = 1;
    pub const WdfSynchronizationScopeDevice: Type = 2;
    pub const WdfSynchronizationScopeQueue: Type = 3;
    pub const WdfSynchronizationScopeNone: Type = 4;
}
pub use self::_WDF_SYNCHRONIZATION_SCOPE::Type as WDF_SYNCHRONIZATION_SCOPE;

pub mod _WDF_TASK_SEND_OPTIONS_FLAGS {
    pub type Type = i32;
    pub const WDF_TASK_SEND_OPTION_TIMEOUT: Type = 1;
    pub const WDF_TASK_SEND_OPTION_SYNCHRONOUS: Type = 2;
}
pub use self::_WDF_TASK_SEND_OPTIONS_FLAGS::Type as WDF_TASK_SEND_OPTIONS_FLAGS;

pub mod _WDF_TRI_STATE {
    pub type Type = i32;
    pub const WdfFalse: Type = 0;
    pub const WdfTrue: Type = 1;
    pub const WdfUseDefault: Type = 2;
}
pub use self::_WDF_TRI_STATE::Type as WDF_TRI_STATE;

pub mod _WDF_WMI_PROVIDER_CONTROL {
    pub type Type = i32;
    pub const WdfWmiControlInvalid: Type = 0;
    pub const WdfWmiEventControl: Type = 1;
    pub const WdfWmiInstanceControl: Type = 2;
}
pub use self::_WDF_WMI_PROVIDER_CONTROL::Type as WDF_WMI_PROVIDER_CONTROL;

pub mod _WDF_WMI_PROVIDER_FLAGS {
    pub type Type = i32;
    pub const WdfWmiProviderEventOnly: Type = 1;
    pub const WdfWmiProviderExpensive: Type = 2;
    pub const WdfWmiProviderTracing: Type = 4;
    pub const WdfWmiProviderValidFlags: Type = 7;
}
pub use self::_WDF_WMI_PROVIDER_FLAGS::Type as WDF_WMI_PROVIDER_FLAGS;
