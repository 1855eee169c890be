//! What can be wrong with the fake, and which rule must find it.

use std::sync::atomic::{AtomicUsize, Ordering};

static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Declares the defects: variant, scenarios to run (part of their name; empty: all), rule that must fail.
macro_rules! defects {
    ($($name:ident: $only:literal => $rule:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Defect {
            Nothing,
            $($name,)*
        }

        /// Every defect with its scenario and rule.
        pub const DEFECTS: &[(Defect, &str, &str)] = &[$((Defect::$name, $only, $rule),)*];
    };
}

defects! {
    LeavesIrql: "CQ merges" => "NDK_CALL_KEEPS_IRQL";
    CallbackIrql: "CQ arms" => "NDK_CALLBACK_IRQL";
    CompletesTwice: "work order" => "NDK_COMPLETED_ONCE";
    NeverCompletes: "work order" => "NDK_PENDING_ENDS";
    CompletesPending: "work order" => "NDK_COMPLETION_FINAL";
    WrongContext: "work order" => "NDK_CONTEXT";
    CallbackAfterClose: "CQ closes" => "NDK_SILENT_AFTER_CLOSE";
    CloseInCallback: "CQ closes" => "NDK_CLOSE_AFTER_CALLBACKS";
    HeaderType: "each type" => "NDK_OBJECT_HEADER_SET";
    HollowTable: "each type" => "NDK_TABLE_COMPLETE";
    CreateTwice: "each type" => "NDK_CREATE_RETURNS_OBJECT";
    CloseFails: "each type" => "NDK_CLOSE_STATUS";
    AnyExtension: "each type" => "NDK_EXTENSION_STATUS";
    CallbackTwice: "CQ arms" => "NDK_CQ_ONE_CALLBACK_PER_ARM";
    NestsCallbacks: "CQ deferral" => "NDK_CQ_CALLBACKS_SERIAL";
    CqStatus: "CQ arms" => "NDK_CQ_STATUS";
    ErrorThenSuccess: "CQ overrun" => "NDK_CQ_SILENT_AFTER_ERROR";
    ResultsOverflow: "work order" => "NDK_RESULTS_FIT";
    ErrorCode: "work order" => "NDK_RESULT_ERROR_CODE";
    SrqStatus: "shared receives" => "NDK_SRQ_STATUS";
    TellsTwice: "partings" => "NDK_DISCONNECT_ONCE";
    ShortAddress: "addresses" => "NDK_ADDRESS_ANSWER";
    DataSize: "connection data" => "NDK_PRIVATE_DATA_ANSWER";
    Door: "adapter" => "NDK_DOOR";
    AdapterCloseEarly: "adapter close" => "NDK_ADAPTER_CLOSE_LAST";
    LamOffset: "adapter" => "NDK_LAM";
    NoResources: "limits" => "NDK_WITHIN_LIMITS";
    NeverConnects: "work order" => "NDK_CONNECTS";
    LosesResult: "work order" => "NDK_WORK_COMPLETES";
    RefusesPosts: "work order" => "NDK_POST_ACCEPTED";
    AdapterCloseHangs: "each type" => "NDK_ADAPTER_CLOSE_ENDS";
    LosesNotification: "CQ arms" => "NDK_CQ_ARM_FIRES";
    ArmFiresAlways: "CQ arms" => "NDK_CQ_ARM_SELECTS";
    ArmReplaces: "CQ merges" => "NDK_CQ_MERGE";
    ArmForgetsNew: "CQ arms with" => "NDK_CQ_NEW_FIRES";
    ForgetsDeferred: "CQ deferral" => "NDK_CQ_DEFERRED_COMES";
    OverrunIsSilent: "CQ overrun" => "NDK_CQ_OVERRUN";
    LivesAfterOverrun: "CQ overrun" => "NDK_CQ_DEAD_AFTER_ERROR";
    ResizeLoses: "CQ resize" => "NDK_CQ_RESIZE";
    ModerationMix: "CQ moderation" => "NDK_CQ_MODERATION";
    ModerationForgets: "CQ moderation" => "NDK_CQ_MODERATED_IN_TIME";
    PlainBackwards: "CQ results" => "NDK_CQ_PLAIN_RESULTS";
    ShortInfo: "adapter" => "NDK_ADAPTER_INFO";
    NoLoopback: "adapter" => "NDK_LOOPBACK";
    NoLimits: "limits" => "NDK_LIMITS";
    CloseEarly: "antecedents" => "NDK_CLOSE_AFTER_SUCCESSORS";
    CloseEarlyInCallback: "CQ closes" => "NDK_CLOSE_IN_CALLBACK";
    AdapterCloseAtOnce: "adapter close" => "NDK_ADAPTER_CLOSE_WAITS";
    WrongByte: "transfers" => "NDK_BYTES_EXACT";
    BoundsByOne: "bounds" => "NDK_BOUNDS";
    NoRights: "rights" => "NDK_RIGHTS";
    TokensLive: "tokens" => "NDK_TOKENS";
    AnyDomain: "tokens" => "NDK_DOMAINS";
    AnyChain: "tokens" => "NDK_MR_CONTIGUOUS";
    SameTokens: "tokens" => "NDK_MR_TOKENS";
    WindowIsRegion: "windows" => "NDK_WINDOW";
    WindowWidens: "windows" => "NDK_WINDOW_RIGHTS";
    FastStays: "fast register" => "NDK_FAST_REGISTER";
    FastUnlimited: "fast register" => "NDK_FAST_REGISTER_LIMITS";
    InvalidatesQuietly: "remote invalidate" => "NDK_REMOTE_INVALIDATE";
    PrivilegedTwisted: "privileged" => "NDK_PRIVILEGED_TOKEN";
    WrongQpContext: "work results" => "NDK_RESULT_FIELDS";
    Backwards: "work order" => "NDK_ORDER";
    SilentIsLoud: "work flags" => "NDK_SILENT_SUCCESS";
    FenceIgnored: "work flags" => "NDK_READ_FENCE";
    InlineLater: "work flags" => "NDK_INLINE";
    InlineAnyLength: "work flags" => "NDK_INLINE";
    NeverDeferred: "work flags" => "NDK_DEFER";
    NoQueueLimits: "work limits" => "NDK_QUEUE_LIMITS";
    PostsAnywhere: "work limits" => "NDK_NOT_CONNECTED";
    FlushSucceeds: "flush" => "NDK_FLUSH";
    ShortIsFine: "receives" => "NDK_SHORT_RECEIVE";
    SendsToNobody: "receives" => "NDK_RECEIVE_LATER";
    FlushesLate: "receives" => "NDK_CLOSED_QP_FLUSHES";
    OddRefusal: "refusals" => "NDK_REFUSED";
    PauseIgnored: "refusals" => "NDK_PAUSED";
    DataDamaged: "connection data" => "NDK_PRIVATE_DATA";
    LimitsAdd: "connection data" => "NDK_READ_LIMITS";
    WrongAddress: "connection data" => "NDK_ADDRESSES";
    LowPorts: "connection data" => "NDK_EPHEMERAL";
    AddressShared: "addresses" => "NDK_ADDRESS_IN_USE";
    AddressKept: "addresses" => "NDK_ADDRESS_RELEASED";
    AnyAddress: "addresses" => "NDK_ADDRESS_INVALID";
    TwinConnections: "antecedents" => "NDK_CONNECTION_UNIQUE";
    TellsNobody: "partings" => "NDK_DISCONNECT_TOLD";
    FlushesPeer: "partings" => "NDK_DISCONNECT_FLUSHES";
    KeepsOwnWork: "partings" => "NDK_DISCONNECT_FLUSHES";
    PostsAfterwards: "partings" => "NDK_DISCONNECTED";
    HidesAbandon: "abandoned" => "NDK_ABANDONED";
    CompletesAnything: "refusals" => "NDK_CONNECT_STATE";
    ClosesBeforeRequest: "abandoned" => "NDK_CLOSE_ENDS_REQUESTS";
    SharedBackwards: "shared receives" => "NDK_SRQ_ORDER";
    SharedUnlimited: "shared receives" => "NDK_SRQ_LIMITS";
    ThresholdEarly: "shared receives" => "NDK_SRQ_THRESHOLD";
    FlushesShared: "shared receives" => "NDK_SRQ_FLUSH";
    PowerKeepsWork: "power" => "NDK_POWER_FLUSHES";
    PowerForgets: "power" => "NDK_POWER_ENDS_REQUESTS";
    FailsQuietly: "power" => "NDK_CQ_INTERNAL_ERROR";
    PowerStaysDown: "power" => "NDK_POWER_RETURNS";
    ModelBackwards: "random" => "NDK_MODEL_ORDER";
    FailsSometimes: "random" => "NDK_MODEL_STATUS";
    WrongByteSometimes: "random" => "NDK_MODEL_DATA";
    LosesSomeNotifications: "random" => "NDK_MODEL_NOTIFIED";
    NothingToWorkWith: "random" => "NDK_MODEL_ENDS";
    NothingAtAll: "work order" => "NDK_SCENARIO_ENDS";
}

/// The same fault shown by other scenarios.
fn same(defect: Defect) -> Defect {
    match defect {
        Defect::CloseEarlyInCallback => Defect::CloseInCallback,
        Defect::PostsAfterwards => Defect::PostsAnywhere,
        Defect::ModelBackwards => Defect::Backwards,
        Defect::NothingToWorkWith | Defect::NothingAtAll => Defect::NoResources,
        other => other,
    }
}

/// Chooses the defect of the fake.
pub fn choose(defect: Defect) {
    CHOSEN.store(same(defect) as usize, Ordering::Relaxed);
}

/// True if the fake has this defect.
pub fn is(defect: Defect) -> bool {
    CHOSEN.load(Ordering::Relaxed) == defect as usize
}
