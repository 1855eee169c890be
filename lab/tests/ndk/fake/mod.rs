//! A small NDK provider that does everything at once and, on request, one thing wrong.
//!
//! It shares nothing with crates/ndk. Its state is one table behind a lock; callbacks are jobs of a DPC and run without
//! the lock. It serves the suite and nobody else: it trusts handles and locks out nobody.

mod connection;
mod cq;
pub mod defects;
mod memory;
mod qp;
mod tables;

pub use defects::Defect;

use defects::is;
use igbcx_interface::{IGBCX_NDK_INTERFACE, IGBCX_NDK_INTERFACE_VERSION};
use lab_kernel::cpu;
use ndis_sys::ndk::*;
use ndis_sys::{NDIS_HANDLE, evt};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wdk_sys::*;

/// An object by its address.
pub type Ptr = usize;
type Job = Box<dyn FnOnce() + Send>;

pub struct Object {
    /// Objects that must stay until it is closed.
    antecedents: Vec<Ptr>,
    /// Open successors and callbacks on their way or running.
    holds: u32,
    closing: Option<(usize, usize)>,
    data: Data,
}

pub enum Data {
    Plain,
    Cq(cq::Cq),
    Mr(memory::Mr),
    Mw(memory::Mw),
    Srq(qp::Srq),
    Qp(Box<qp::Qp>),
    Connector(Box<connection::Connector>),
    Listener(connection::Listener),
    Endpoint(connection::Address),
}

#[derive(Default)]
pub struct Fake {
    objects: HashMap<Ptr, Object>,
    jobs: VecDeque<Job>,
    scheduled: bool,
    memory: memory::Memory,
    addresses: connection::Addresses,
    /// The device is not in D0.
    asleep: bool,
    /// Things counted by defects that happen now and then.
    count: u32,
    /// Set when an object goes; the close of an adapter waits for it.
    gone: Option<cpu::Event>,
}

// SAFETY: what is no plain data in it are addresses and contexts of the consumer; lab threads run one at a time.
unsafe impl Send for Fake {}

static FAKE: Mutex<Option<Fake>> = Mutex::new(None);

pub struct Guard(MutexGuard<'static, Option<Fake>>);

impl std::ops::Deref for Guard {
    type Target = Fake;
    fn deref(&self) -> &Fake {
        self.0.as_ref().expect("the fake is there")
    }
}

impl std::ops::DerefMut for Guard {
    fn deref_mut(&mut self) -> &mut Fake {
        self.0.as_mut().expect("the fake is there")
    }
}

pub fn fake() -> Guard {
    Guard(FAKE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A new provider with one defect.
pub fn start(defect: Defect) -> IGBCX_NDK_INTERFACE {
    *FAKE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Fake::default());
    defects::choose(defect);
    let wrong = u16::from(is(Defect::Door));
    IGBCX_NDK_INTERFACE {
        Size: size_of::<IGBCX_NDK_INTERFACE>() as u16,
        Version: IGBCX_NDK_INTERFACE_VERSION + wrong,
        OpenNdkAdapter: Some(open),
        CloseNdkAdapter: Some(close),
        ..Default::default()
    }
}

/// Runs a job soon, at DISPATCH_LEVEL and without the lock.
fn pump() {
    loop {
        let job = {
            let mut fake = fake();
            let job = fake.jobs.pop_front();
            fake.scheduled = job.is_some();
            job
        };
        match job {
            Some(job) => job(),
            None => return,
        }
    }
}

impl Fake {
    pub fn job(&mut self, job: impl FnOnce() + Send + 'static) {
        self.jobs.push_back(Box::new(job));
        if !std::mem::replace(&mut self.scheduled, true) {
            cpu::queue_dpc(pump);
        }
    }

    /// A new object with header and table.
    pub fn create(&mut self, kind: NDK_OBJECT_TYPE, table: usize, antecedents: &[Ptr], data: Data) -> Ptr {
        let wrong = i32::from(is(Defect::HeaderType) && kind == _NDK_OBJECT_TYPE::NdkObjectTypeMw);
        let version = NDK_VERSION { Major: 1, Minor: 2 };
        let header = NDK_OBJECT_HEADER { Version: version, ObjectType: kind + wrong, ..Default::default() };
        // All NDK objects are a header and a pointer to a table.
        let object = NDK_PD { Header: header, Dispatch: table as *const NDK_PD_DISPATCH };
        let ptr = Box::into_raw(Box::new(object)) as Ptr;
        for antecedent in antecedents {
            self.hold(*antecedent);
        }
        self.objects.insert(ptr, Object { antecedents: antecedents.to_vec(), holds: 0, closing: None, data });
        ptr
    }

    pub fn hold(&mut self, ptr: Ptr) {
        if let Some(object) = self.objects.get_mut(&ptr) {
            object.holds += 1;
        }
    }

    /// Gives a hold back; the object may go now.
    pub fn release(&mut self, ptr: Ptr) {
        if let Some(object) = self.objects.get_mut(&ptr) {
            object.holds = object.holds.saturating_sub(1);
        }
        self.gone.iter().for_each(cpu::Event::set);
        self.finish(ptr);
    }

    /// Completes a close that nothing holds up any more.
    fn finish(&mut self, ptr: Ptr) {
        let Some(object) = self.objects.get(&ptr) else { return };
        if object.holds > 0 || object.closing.is_none() {
            return;
        }
        let Some(object) = self.objects.remove(&ptr) else { return };
        let Some((function, context)) = object.closing else { return };
        if function == 0 {
            self.let_go(&object.antecedents);
            return;
        }
        let antecedents = object.antecedents.clone();
        let complete = move || {
            if is(Defect::AdapterCloseEarly) {
                // The antecedents go before the callback has returned.
                fake().let_go(&antecedents);
                call_close(function, context);
            } else {
                call_close(function, context);
                fake().let_go(&antecedents);
            }
        };
        if is(Defect::AdapterCloseEarly) {
            cpu::spawn("fake close completion", complete);
        } else {
            self.job(complete);
        }
    }

    fn let_go(&mut self, antecedents: &[Ptr]) {
        for antecedent in antecedents {
            self.release(*antecedent);
        }
    }

    /// The device leaves D0.
    fn power_down(&mut self) {
        self.asleep = true;
        if !is(Defect::PowerForgets) {
            self.end_connections();
        }
        if !is(Defect::PowerKeepsWork) {
            let qps: Vec<_> = self.qps();
            qps.into_iter().for_each(|qp| self.flush(qp));
        }
    }
}

fn call_close(function: usize, context: usize) {
    // SAFETY: the consumer's completion, kept as an address.
    unsafe {
        let function: unsafe extern "win64" fn(PVOID) = std::mem::transmute(function);
        function(context as PVOID);
    }
}

/// D3 and D0, as the suite wants them.
pub struct Device;

impl netcx_lab::ndk::conform::Power for Device {
    fn down(&mut self) -> bool {
        fake().power_down();
        true
    }

    fn up(&mut self) -> bool {
        let mut fake = fake();
        fake.asleep = is(Defect::PowerStaysDown);
        true
    }

    fn fail(&mut self) -> bool {
        fake().fail_cqs();
        true
    }
}

evt! {
    unsafe fn open(_door: NDIS_HANDLE, _parameters: *mut NDIS_OPEN_NDK_ADAPTER_PARAMETERS, out: *mut *mut NDK_ADAPTER) -> NTSTATUS {
        let adapter = fake().create(_NDK_OBJECT_TYPE::NdkObjectTypeAdapter, tables::adapter(), &[], Data::Plain);
        // SAFETY: the consumer's out parameter.
        unsafe { *out = adapter as *mut NDK_ADAPTER };
        STATUS_SUCCESS
    }
}

evt! {
    unsafe fn close(_door: NDIS_HANDLE, adapter: *mut NDK_ADAPTER) {
        let adapter = adapter as Ptr;
        let gone = fake().gone.get_or_insert_with(|| cpu::Event::new(false, false)).clone();
        loop {
            {
                let mut fake = fake();
                let open = fake.objects.get(&adapter).is_some_and(|o| o.holds > 0);
                if is(Defect::AdapterCloseAtOnce) || !open && !is(Defect::AdapterCloseHangs) {
                    fake.objects.remove(&adapter);
                    return;
                }
            }
            cpu::wait_for("an object to go", &gone, Some(Duration::from_micros(50)));
        }
    }
}

evt! {
    unsafe fn close_object(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: PVOID) -> NTSTATUS {
        // SAFETY: an open object of this provider.
        let kind = unsafe { (*object).ObjectType };
        let ptr = object as Ptr;
        let mut fake = fake();
        if is(Defect::CloseFails) && kind == _NDK_OBJECT_TYPE::NdkObjectTypeMw {
            return STATUS_UNSUCCESSFUL;
        }
        fake.closing(ptr);
        let completion = completion.map_or(0, |f| f as usize);
        let notified = matches!(&fake.objects[&ptr].data, Data::Cq(cq) if cq.is_running());
        let held = fake.objects[&ptr].holds > 0 || is(Defect::AdapterCloseEarly);
        let early = is(Defect::CloseEarly) || notified && is(Defect::CloseInCallback);
        if !held || early {
            let late = match &fake.objects[&ptr].data {
                Data::Cq(cq) if is(Defect::CallbackAfterClose) => Some(cq.target()),
                _ => None,
            };
            if let Some(object) = fake.objects.remove(&ptr) {
                fake.let_go(&object.antecedents);
            }
            if let Some((function, context)) = late {
                fake.job(move || cq::notify(function, context, STATUS_SUCCESS));
            }
            return STATUS_SUCCESS;
        }
        if let Some(object) = fake.objects.get_mut(&ptr) {
            object.closing = Some((completion, context as usize));
        }
        fake.finish(ptr);
        STATUS_PENDING
    }
}

impl Fake {
    /// What a close does at once.
    fn closing(&mut self, ptr: Ptr) {
        match &self.objects[&ptr].data {
            Data::Mr(_) => self.deregister(ptr),
            Data::Mw(_) => {
                self.unbind(ptr);
            }
            Data::Qp(_) => self.close_qp(ptr),
            Data::Connector(_) => self.close_connector(ptr),
            Data::Listener(_) => self.close_listener(ptr),
            Data::Endpoint(_) => self.close_endpoint(ptr),
            _ => {}
        }
    }
}

/// Answers an asynchronous request from a job; the object is held until then.
pub fn later(
    fake: &mut Fake,
    ptr: Ptr,
    function: NDK_FN_REQUEST_COMPLETION,
    context: PVOID,
    status: NTSTATUS,
) -> NTSTATUS {
    if is(Defect::NeverCompletes) {
        return STATUS_PENDING;
    }
    let Some(function) = function else { return status };
    let context = context as usize + if is(Defect::WrongContext) { 8 } else { 0 };
    let status = if is(Defect::CompletesPending) { STATUS_PENDING } else { status };
    fake.hold(ptr);
    fake.job(move || {
        for _ in 0..1 + u32::from(is(Defect::CompletesTwice)) {
            // SAFETY: the consumer's completion with its context.
            unsafe { function(context as PVOID, status) };
        }
        self::fake().release(ptr);
    });
    STATUS_PENDING
}
