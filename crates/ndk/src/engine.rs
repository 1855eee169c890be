//! The engine: all objects of a device, and the work that waits to be done for them.
//!
//! It is plain data under the platform's lock. Nothing in here calls the consumer or the platform.

use crate::{
    adapter::Adapter,
    connector::Connector,
    cq::Cq,
    handle::Handle,
    listener::Listener,
    mr::Mr,
    mw::Mw,
    object::{ANTECEDENTS, AnyId, Base, CloseRequest, Entry, Kind, Object, ObjectId, with_type},
    pd::Pd,
    platform::Platform,
    qp::Qp,
    shared_endpoint::SharedEndpoint,
    srq::Srq,
    table::Table,
    transport::memory::Memory,
    upcall::Upcall,
};
use alloc::{boxed::Box, collections::VecDeque};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::ndk::{NDK_VERSION, status::STATUS_INVALID_HANDLE};
use wdk_sys::{
    NTSTATUS, STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_PENDING,
    STATUS_SUCCESS,
};

/// The kinds that use [`Engine::wake_at`].
const TIMED: [Kind; 3] = [Kind::Cq, Kind::Qp, Kind::Connector];

/// What the device can do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// Everything.
    On,
    /// Nothing new: it has no power, or is being reset or removed.
    Off,
}

/// All NDK objects of a device. [`Platform::engine`] locks it.
pub struct Engine {
    pub(crate) adapters: Table<Adapter>,
    pub(crate) cqs: Table<Cq>,
    pub(crate) pds: Table<Pd>,
    pub(crate) mrs: Table<Mr>,
    pub(crate) mws: Table<Mw>,
    pub(crate) srqs: Table<Srq>,
    pub(crate) qps: Table<Qp>,
    pub(crate) connectors: Table<Connector>,
    pub(crate) listeners: Table<Listener>,
    pub(crate) shared_endpoints: Table<SharedEndpoint>,
    pub(crate) memory: Memory,
    /// Woken objects, each once. There is room for every object.
    woken: VecDeque<AnyId>,
    /// [`crate::run`] was asked for or runs.
    active: bool,
    /// When the platform's timer is to fire, and whether it was told.
    alarm: Option<u64>,
    alarm_changed: bool,
    pub(crate) now: u64,
    pub(crate) power: Power,
}

/// An object that is ready but for its place in the engine: what needs memory is done without the lock.
pub struct Prepared<T> {
    value: T,
    handle: Box<Handle>,
    dispatch: *const c_void,
}

impl<T: Object> Prepared<T> {
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn new<P: Platform>(platform: &'static P, value: T) -> Result<Self, NTSTATUS> {
        let handle = Handle::new::<P, T>(platform).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        Ok(Self { value, handle, dispatch: T::dispatch::<P>() })
    }
}

/// One step of work: a call to the consumer, and what to do after it.
pub(crate) struct Work {
    pub(crate) upcall: Upcall,
    pub(crate) then: Then,
}

/// What follows when the consumer has returned.
pub(crate) enum Then {
    /// [`Object::returned`], and the call's hold on the object ends.
    Returned(AnyId),
    /// The closed object's holds on its antecedents end.
    Release(Antecedents),
}

/// The holds that a closed object leaves behind.
pub(crate) struct Antecedents {
    adapter: Option<ObjectId<Adapter>>,
    objects: [Option<AnyId>; ANTECEDENTS],
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// No objects, no power.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            adapters: Table::empty(),
            cqs: Table::empty(),
            pds: Table::empty(),
            mrs: Table::empty(),
            mws: Table::empty(),
            srqs: Table::empty(),
            qps: Table::empty(),
            connectors: Table::empty(),
            listeners: Table::empty(),
            shared_endpoints: Table::empty(),
            memory: Memory::new(),
            woken: VecDeque::new(),
            active: false,
            alarm: None,
            alarm_changed: false,
            now: 0,
            power: Power::Off,
        }
    }

    /// The object, if it lives.
    #[must_use]
    pub fn get<T: Object>(&self, id: ObjectId<T>) -> Option<&T> {
        T::table(self).get(id)
    }

    /// The object, if it lives.
    pub fn get_mut<T: Object>(&mut self, id: ObjectId<T>) -> Option<&mut T> {
        T::table_mut(self).get_mut(id)
    }

    /// The object's life, if it lives.
    #[must_use]
    pub fn base(&self, id: AnyId) -> Option<&Base> {
        with_type!(id.kind, T => T::table(self).base(ObjectId::from_bits(id.bits)))
    }

    fn base_mut(&mut self, id: AnyId) -> Option<&mut Base> {
        with_type!(id.kind, T => T::table_mut(self).base_mut(ObjectId::from_bits(id.bits)))
    }

    /// The object that the consumer uses: it lives and was not closed.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE.
    pub fn usable<T: Object>(&mut self, id: ObjectId<T>) -> Result<&mut T, NTSTATUS> {
        if self.base(id.into()).is_none_or(|base| base.close.is_some()) {
            return Err(STATUS_INVALID_HANDLE);
        }
        self.get_mut(id).ok_or(STATUS_INVALID_HANDLE)
    }

    /// Takes an object in, as a successor of `adapter` and of `antecedents`, which must be the same adapter's.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE for an antecedent that was closed, STATUS_INVALID_PARAMETER for one of another adapter,
    /// STATUS_DEVICE_NOT_READY without power, STATUS_INSUFFICIENT_RESOURCES.
    pub fn insert<T: Object>(
        &mut self,
        prepared: Prepared<T>,
        adapter: ObjectId<Adapter>,
        antecedents: &[AnyId],
    ) -> Result<(ObjectId<T>, NonNull<Handle>), NTSTATUS> {
        let version = self.usable(adapter)?.version();
        for antecedent in antecedents {
            let base = self.base(*antecedent).filter(|base| base.close.is_none()).ok_or(STATUS_INVALID_HANDLE)?;
            if base.adapter != adapter {
                return Err(STATUS_INVALID_PARAMETER);
            }
        }
        let mut kept = [None; ANTECEDENTS];
        for (place, antecedent) in kept.iter_mut().zip(antecedents) {
            *place = Some(*antecedent);
        }
        let inserted = self.admit(prepared, Base::new(adapter, kept), version)?;
        self.hold(adapter.into());
        for antecedent in antecedents {
            self.hold(*antecedent);
        }
        if let Err(status) = T::begin(self, inserted.0) {
            if let Some(antecedents) = self.remove(inserted.0) {
                self.release_antecedents(&antecedents);
            }
            return Err(status);
        }
        Ok(inserted)
    }

    /// Takes an adapter in.
    pub(crate) fn insert_adapter(
        &mut self,
        prepared: Prepared<Adapter>,
    ) -> Result<(ObjectId<Adapter>, NonNull<Handle>), NTSTATUS> {
        let version = prepared.value.version();
        // Its own name is not known yet.
        let nobody = ObjectId::from_bits(u64::MAX);
        let (id, handle) = self.admit(prepared, Base::new(nobody, [None; ANTECEDENTS]), version)?;
        if let Some(base) = self.adapters.base_mut(id) {
            base.adapter = id;
        }
        Ok((id, handle))
    }

    fn admit<T: Object>(
        &mut self,
        prepared: Prepared<T>,
        base: Base,
        version: NDK_VERSION,
    ) -> Result<(ObjectId<T>, NonNull<Handle>), NTSTATUS> {
        if self.power == Power::Off {
            return Err(STATUS_DEVICE_NOT_READY);
        }
        let room = self.objects() + 1 - self.woken.len();
        self.woken.try_reserve(room).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
        let Prepared { value, handle, dispatch } = prepared;
        T::table_mut(self)
            .insert(Entry { base, value }, handle, version, dispatch)
            .map_err(|_| STATUS_INSUFFICIENT_RESOURCES)
    }

    fn objects(&self) -> usize {
        crate::object::KINDS.into_iter().map(|kind| with_type!(kind, T => T::table(self).count())).sum()
    }

    /// Keeps a closed object alive until [`Engine::release`]: for a successor, a request, a call to the consumer.
    pub fn hold(&mut self, id: AnyId) {
        if let Some(base) = self.base_mut(id) {
            base.uses += 1;
        }
    }

    /// Ends a hold.
    pub fn release(&mut self, id: AnyId) {
        let Some(base) = self.base_mut(id) else { return };
        debug_assert!(base.uses > 0, "{id:?} is released once more than held");
        base.uses = base.uses.saturating_sub(1);
        if base.uses == 0 && base.close.is_some() {
            self.wake(id);
        }
    }

    /// Lets [`Object::step`] of the object be called soon.
    pub fn wake(&mut self, id: AnyId) {
        if let Some(base) = self.base_mut(id)
            && !base.woken
        {
            base.woken = true;
            // Room for every object was made when it came.
            self.woken.push_back(id);
        }
    }

    /// Calls `act` for every object of some kinds, but for none that comes meanwhile.
    pub(crate) fn each(&mut self, kinds: &[Kind], mut act: impl FnMut(&mut Self, AnyId)) {
        for kind in kinds {
            let places = with_type!(kind, T => T::table(self).places());
            for place in 0..places {
                if let Some(id) = with_type!(kind, T => T::table(self).at(place).map(AnyId::from)) {
                    act(self, id);
                }
            }
        }
    }

    /// Lets [`Object::step`] of the object be called at `time` ([`Engine::now`]), or before if it was to be woken
    /// before.
    pub fn wake_at(&mut self, id: AnyId, time: u64) {
        debug_assert!(TIMED.contains(&id.kind));
        let Some(base) = self.base_mut(id) else { return };
        base.alarm = Some(base.alarm.map_or(time, |alarm| alarm.min(time)));
        if self.alarm.is_none_or(|alarm| time < alarm) {
            self.alarm = Some(time);
            self.alarm_changed = true;
        }
    }

    /// Makes a live object of the same adapter an antecedent, besides those it was made with. False if there is no place
    /// for one more.
    pub fn follow(&mut self, id: AnyId, antecedent: AnyId) -> bool {
        let Some(place) =
            self.base_mut(id).and_then(|base| base.antecedents.iter_mut().find(|antecedent| antecedent.is_none()))
        else {
            return false;
        };
        *place = Some(antecedent);
        self.hold(antecedent);
        true
    }

    /// Ends what [`follow`](Self::follow) began.
    pub fn unfollow(&mut self, id: AnyId, antecedent: AnyId) {
        let found = self
            .base_mut(id)
            .and_then(|base| base.antecedents.iter_mut().find(|place| **place == Some(antecedent)))
            .and_then(Option::take);
        if let Some(antecedent) = found {
            self.release(antecedent);
        }
    }

    /// The time, in the platform's units of 100 ns, when the current step began.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// The consumer closes an object: STATUS_SUCCESS or STATUS_PENDING.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE if it was closed before.
    pub fn close<T: Object>(&mut self, id: ObjectId<T>, request: CloseRequest) -> Result<NTSTATUS, NTSTATUS> {
        self.usable(id)?;
        if let Some(base) = self.base_mut(id.into()) {
            base.close = Some(request);
        }
        T::closing(self, id);
        if self.base(id.into()).is_some_and(Base::is_idle)
            && let Some(antecedents) = self.remove(id)
        {
            self.release_antecedents(&antecedents);
            return Ok(STATUS_SUCCESS);
        }
        Ok(STATUS_PENDING)
    }

    /// Takes an object out that nothing holds.
    fn remove<T: Object>(&mut self, id: ObjectId<T>) -> Option<Antecedents> {
        let entry = T::table_mut(self).remove(id)?;
        let adapter = entry.base.adapter;
        let antecedents = Antecedents {
            adapter: (AnyId::from(adapter) != id.into()).then_some(adapter),
            objects: entry.base.antecedents,
        };
        entry.value.end(self);
        Some(antecedents)
    }

    pub(crate) fn release_antecedents(&mut self, antecedents: &Antecedents) {
        for antecedent in antecedents.objects.into_iter().flatten() {
            self.release(antecedent);
        }
        if let Some(adapter) = antecedents.adapter {
            self.release(adapter.into());
        }
    }

    /// Takes the next woken object and does a piece of its work. None if there is none; nothing inside if there was
    /// nothing to tell.
    pub(crate) fn step(&mut self) -> Option<Option<Work>> {
        let id = self.woken.pop_front()?;
        if let Some(base) = self.base_mut(id) {
            base.woken = false;
        }
        Some(with_type!(id.kind, T => self.step_of::<T>(ObjectId::from_bits(id.bits))))
    }

    fn step_of<T: Object>(&mut self, id: ObjectId<T>) -> Option<Work> {
        if let Some(upcall) = T::step(self, id) {
            self.hold(id.into());
            return Some(Work { upcall, then: Then::Returned(id.into()) });
        }
        let base = self.base(id.into())?;
        let request = base.close.filter(|_| base.is_idle())?;
        // The object is gone before its consumer hears so; what it descends from waits until the consumer has heard.
        let antecedents = self.remove(id)?;
        let upcall = Upcall::CloseCompletion(request.completion, request.context);
        Some(Work { upcall, then: Then::Release(antecedents) })
    }

    pub(crate) fn after(&mut self, then: Then) {
        match then {
            Then::Returned(id) => {
                with_type!(id.kind, T => T::returned(self, ObjectId::<T>::from_bits(id.bits)));
                self.release(id);
            }
            Then::Release(antecedents) => self.release_antecedents(&antecedents),
        }
    }

    /// True if [`crate::run`] has to be asked for.
    pub(crate) fn activate(&mut self) -> bool {
        let begins = !self.active && !self.woken.is_empty();
        self.active |= begins;
        begins
    }

    /// `run` has nothing left to do.
    pub(crate) fn rest(&mut self) {
        self.active = false;
    }

    /// True if nothing is to be done and nobody does anything.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.active && self.woken.is_empty()
    }

    /// How long from now the platform's timer is to run, if it is to be set anew.
    pub(crate) fn take_alarm(&mut self) -> Option<u64> {
        let alarm = self.alarm.filter(|_| self.alarm_changed)?;
        self.alarm_changed = false;
        Some(alarm.saturating_sub(self.now))
    }

    /// The timer fired: wakes the objects whose time has come, and sets it for the others.
    pub(crate) fn expire(&mut self) {
        self.alarm = None;
        let now = self.now;
        self.each(&TIMED, |engine, id| {
            let Some(alarm) = engine.base_mut(id).and_then(|base| base.alarm.take()) else { return };
            if alarm <= now { engine.wake(id) } else { engine.wake_at(id, alarm) }
        });
    }
}
