//! What all objects have in common: kind, name, life.

use crate::{
    adapter::Adapter,
    engine::Engine,
    platform::Platform,
    slab::Id,
    table::Table,
    upcall::{Context, Upcall},
};
use core::ffi::c_void;
use ndis_sys::ndk::{_NDK_OBJECT_TYPE as TYPE, NDK_FN_CLOSE_COMPLETION};
use wdk_sys::NTSTATUS;

/// The kinds of object, by their number in NDK_OBJECT_TYPE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum Kind {
    /// NDK_ADAPTER
    Adapter = TYPE::NdkObjectTypeAdapter,
    /// NDK_CQ
    Cq = TYPE::NdkObjectTypeCq,
    /// NDK_PD
    Pd = TYPE::NdkObjectTypePd,
    /// NDK_MR
    Mr = TYPE::NdkObjectTypeMr,
    /// NDK_MW
    Mw = TYPE::NdkObjectTypeMw,
    /// NDK_SRQ
    Srq = TYPE::NdkObjectTypeSrq,
    /// NDK_QP
    Qp = TYPE::NdkObjectTypeQp,
    /// NDK_CONNECTOR
    Connector = TYPE::NdkObjectTypeConnector,
    /// NDK_LISTENER
    Listener = TYPE::NdkObjectTypeListener,
    /// NDK_SHARED_ENDPOINT
    SharedEndpoint = TYPE::NdkObjectTypeSharedEndpoint,
}

/// Every kind.
pub const KINDS: [Kind; 10] = [
    Kind::Adapter,
    Kind::Cq,
    Kind::Pd,
    Kind::Mr,
    Kind::Mw,
    Kind::Srq,
    Kind::Qp,
    Kind::Connector,
    Kind::Listener,
    Kind::SharedEndpoint,
];

/// Does something for the type of a [`Kind`].
macro_rules! with_type {
    ($kind:expr, $T:ident => $do:expr) => {
        match $kind {
            $crate::object::Kind::Adapter => {
                type $T = $crate::adapter::Adapter;
                $do
            }
            $crate::object::Kind::Cq => {
                type $T = $crate::cq::Cq;
                $do
            }
            $crate::object::Kind::Pd => {
                type $T = $crate::pd::Pd;
                $do
            }
            $crate::object::Kind::Mr => {
                type $T = $crate::mr::Mr;
                $do
            }
            $crate::object::Kind::Mw => {
                type $T = $crate::mw::Mw;
                $do
            }
            $crate::object::Kind::Srq => {
                type $T = $crate::srq::Srq;
                $do
            }
            $crate::object::Kind::Qp => {
                type $T = $crate::qp::Qp;
                $do
            }
            $crate::object::Kind::Connector => {
                type $T = $crate::connector::Connector;
                $do
            }
            $crate::object::Kind::Listener => {
                type $T = $crate::listener::Listener;
                $do
            }
            $crate::object::Kind::SharedEndpoint => {
                type $T = $crate::shared_endpoint::SharedEndpoint;
                $do
            }
        }
    };
}
pub(crate) use with_type;

/// The name of an object of type `T`.
pub type ObjectId<T> = Id<Entry<T>>;

/// The name of an object of any type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnyId {
    /// The object's kind.
    pub kind: Kind,
    /// Its [`ObjectId`], as bits.
    pub bits: u64,
}

impl<T: Object> From<ObjectId<T>> for AnyId {
    fn from(id: ObjectId<T>) -> Self {
        Self { kind: T::KIND, bits: id.to_bits() }
    }
}

/// An object's type: one of NDKPI's.
///
/// All of these run under the engine's lock and allocate nothing, `dispatch` apart.
pub trait Object: Send + Sized + 'static {
    /// The kind.
    const KIND: Kind;
    /// How many there may be on a device.
    const LIMIT: u32;

    /// The dispatch table.
    fn dispatch<P: Platform>() -> *const c_void;

    /// The engine's objects of this type.
    fn table(engine: &Engine) -> &Table<Self>;

    /// The engine's objects of this type.
    fn table_mut(engine: &mut Engine) -> &mut Table<Self>;

    /// The consumer closes the object: it will not use it any more. Whatever still holds the object
    /// ([`Engine::hold`]) is brought to its end from here on.
    fn closing(engine: &mut Engine, id: ObjectId<Self>) {
        let _ = (engine, id);
    }

    /// The object was woken ([`Engine::wake`]): does a bounded piece of its work, and says what the consumer is to be
    /// told now. With more to do or to tell it wakes itself again.
    fn step(engine: &mut Engine, id: ObjectId<Self>) -> Option<Upcall> {
        let _ = (engine, id);
        None
    }

    /// The consumer returned from the call that `step` asked for. The object lives, as the call held it.
    fn returned(engine: &mut Engine, id: ObjectId<Self>) {
        let _ = (engine, id);
    }

    /// Requests end with STATUS_CANCELLED and connections are gone: the device loses power, is reset or removed.
    fn stop(engine: &mut Engine, id: ObjectId<Self>) {
        let _ = (engine, id);
    }

    /// The object is in its table: it makes what it needs elsewhere in the engine, and may allocate for that. On an error
    /// it is taken out again, with `end`.
    ///
    /// # Errors
    /// The status of the create function.
    fn begin(engine: &mut Engine, id: ObjectId<Self>) -> Result<(), NTSTATUS> {
        let _ = (engine, id);
        Ok(())
    }

    /// The object is no more.
    fn end(self, engine: &mut Engine) {
        let _ = engine;
    }
}

/// What the consumer wants to be called when a close is complete.
#[derive(Clone, Copy, Debug)]
pub struct CloseRequest {
    /// NdkCloseCompletion.
    pub completion: NDK_FN_CLOSE_COMPLETION,
    /// Its context.
    pub context: Context,
}

impl CloseRequest {
    /// Nobody is told: the provider closes an object that no consumer has.
    pub const UNTOLD: Self = Self { completion: None, context: Context(core::ptr::null_mut()) };
}

/// How many antecedents an object has beside its adapter: PD, two CQs and an SRQ.
pub const ANTECEDENTS: usize = 4;

/// The life of an object.
pub struct Base {
    /// The adapter it descends from; an adapter descends from itself.
    pub adapter: ObjectId<Adapter>,
    /// Objects that are not closed before this one.
    pub antecedents: [Option<AnyId>; ANTECEDENTS],
    /// What a close has to wait for: successors, requests, calls to the consumer that have not returned.
    pub uses: u32,
    /// In the engine's queue of woken objects.
    pub woken: bool,
    /// When it is to be woken ([`Engine::wake_at`]).
    pub alarm: Option<u64>,
    /// The consumer has closed the object.
    pub close: Option<CloseRequest>,
}

impl Base {
    /// A new object's.
    pub(crate) const fn new(adapter: ObjectId<Adapter>, antecedents: [Option<AnyId>; ANTECEDENTS]) -> Self {
        Self { adapter, antecedents, uses: 0, woken: false, alarm: None, close: None }
    }

    /// True if nothing keeps a closed object alive.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.uses == 0 && !self.woken
    }
}

/// An object in its table.
pub struct Entry<T> {
    /// Its life.
    pub base: Base,
    /// What it is.
    pub value: T,
}
