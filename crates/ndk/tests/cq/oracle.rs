//! What a consumer of one CQ may see, written down from the NDKPI pages, without a look at how the provider does it.
//!
//! Sources: "NDKPI Completion Handling Requirements", "NDKPI Object Lifetime Requirements", NDK_FN_CREATE_CQ,
//! NDK_FN_ARM_CQ, NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_FN_GET_CQ_RESULTS, NDK_FN_RESIZE_CQ, NDK_FN_CLOSE_OBJECT; where they
//! leave a choice, contract.md 3.5 and docs/ndk.md.

use ndis_sys::ndk::status::{STATUS_INTERNAL_ERROR, STATUS_INVALID_HANDLE};
use wdk_sys::{NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_PENDING, STATUS_SUCCESS};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArmType {
    Errors,
    Any,
    Solicited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Plain,
    Solicited,
    Failed,
}

/// What the consumer's notification callback does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Habit {
    Return,
    Arm,
    TakeAllAndArm,
    /// Something completes while it runs, after it armed.
    ArmAndPlace,
    Close,
}

/// Completions placed during callbacks have numbers from here on.
pub const INNER: u32 = 1 << 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Place(Kind),
    Arm(ArmType),
    Take(usize),
    Fault,
    Resize(u32),
    /// The consumer's callback does this from now on.
    Habit(Habit),
    Close,
    /// What the provider put off is done.
    Run,
}

/// What the consumer sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Completions by the number of their placing.
    Taken(Vec<u32>),
    Notified(NTSTATUS),
    Resized(NTSTATUS),
    Closed(NTSTATUS),
    CloseComplete,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    number: u32,
    kind: Kind,
    /// Placed since the last callback.
    new: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Oracle {
    depth: usize,
    entries: Vec<Entry>,
    armed: Option<ArmType>,
    habit: Habit,
    error: Option<NTSTATUS>,
    error_told: bool,
    must_call: bool,
    in_callback: bool,
    /// Completions placed during callbacks.
    inner: u32,
    close: CloseState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum CloseState {
    Open,
    Pending,
    Gone,
}

impl Oracle {
    pub fn new(depth: usize) -> Self {
        Self {
            depth,
            entries: Vec::new(),
            armed: None,
            habit: Habit::Return,
            error: None,
            error_told: false,
            must_call: false,
            in_callback: false,
            inner: 0,
            close: CloseState::Open,
        }
    }

    /// The state without the numbers, which only name completions.
    pub fn shape(&self) -> Self {
        let mut shape = self.clone();
        shape.inner = 0;
        for (n, entry) in shape.entries.iter_mut().enumerate() {
            entry.number = n as u32;
        }
        shape
    }

    /// The table of the completion handling page, cell by cell.
    fn merged(first: Option<ArmType>, second: ArmType) -> ArmType {
        use ArmType::{Any, Errors, Solicited};
        match (first, second) {
            (None, second) => second,
            (Some(Any), _) => Any,
            (Some(Errors), Any) => Any,
            (Some(Errors), Errors) => Errors,
            (Some(Errors), Solicited) => Solicited,
            (Some(Solicited), Any) => Any,
            (Some(Solicited), Errors) => Solicited,
            (Some(Solicited), Solicited) => Solicited,
        }
    }

    fn wanted(&self, kind: Kind) -> bool {
        match self.armed {
            None => false,
            Some(ArmType::Any) => true,
            Some(ArmType::Solicited) => kind != Kind::Plain,
            Some(ArmType::Errors) => kind == Kind::Failed,
        }
    }

    /// The conditions for calling back, looked at after every change.
    fn look(&mut self) {
        if self.close != CloseState::Open || self.error_told || self.armed.is_none() || self.in_callback {
            return;
        }
        let something = self.entries.iter().any(|entry| entry.new && self.wanted(entry.kind));
        if self.error.is_some() || something {
            self.must_call = true;
        }
    }

    fn arm(&mut self, kind: ArmType) {
        if self.close == CloseState::Open && !self.error_told {
            self.armed = Some(Self::merged(self.armed, kind));
        }
        self.look();
    }

    fn take(&mut self, count: usize) -> Seen {
        let count = if self.close == CloseState::Open { count.min(self.entries.len()) } else { 0 };
        Seen::Taken(self.entries.drain(..count).map(|entry| entry.number).collect())
    }

    fn fail(&mut self, error: NTSTATUS) {
        if self.error.is_none() && self.close == CloseState::Open {
            self.error = Some(error);
            self.entries.clear();
        }
        self.look();
    }

    fn place(&mut self, kind: Kind, number: u32) {
        if self.error.is_some() || self.close == CloseState::Gone {
            return;
        }
        if self.entries.len() == self.depth {
            self.fail(STATUS_BUFFER_OVERFLOW);
        } else {
            self.entries.push(Entry { number, kind, new: true });
            self.look();
        }
    }

    fn close(&mut self) -> Seen {
        if self.close != CloseState::Open {
            return Seen::Closed(STATUS_INVALID_HANDLE);
        }
        let pends = self.must_call || self.in_callback;
        self.close = if pends { CloseState::Pending } else { CloseState::Gone };
        Seen::Closed(if pends { STATUS_PENDING } else { STATUS_SUCCESS })
    }

    fn callback(&mut self, seen: &mut Vec<Seen>) {
        self.must_call = false;
        self.armed = None;
        for entry in &mut self.entries {
            entry.new = false;
        }
        self.error_told = self.error.is_some();
        seen.push(Seen::Notified(self.error.unwrap_or(STATUS_SUCCESS)));
        self.in_callback = true;
        match self.habit {
            Habit::Return => {}
            Habit::Arm => self.arm(ArmType::Any),
            Habit::TakeAllAndArm => {
                seen.push(self.take(usize::MAX));
                self.arm(ArmType::Any);
            }
            Habit::ArmAndPlace => {
                self.arm(ArmType::Any);
                self.inner += 1;
                self.place(Kind::Plain, INNER + self.inner);
            }
            Habit::Close => seen.push(self.close()),
        }
        self.in_callback = false;
        self.look();
    }

    pub fn apply(&mut self, op: Op, number: u32) -> Vec<Seen> {
        let mut seen = Vec::new();
        match op {
            Op::Place(kind) => self.place(kind, number),
            Op::Arm(kind) => self.arm(kind),
            Op::Take(count) => seen.push(self.take(count)),
            Op::Fault => self.fail(STATUS_INTERNAL_ERROR),
            Op::Resize(depth) => seen.push(Seen::Resized(if self.close != CloseState::Open {
                STATUS_INVALID_HANDLE
            } else if self.entries.len() > depth as usize {
                STATUS_BUFFER_OVERFLOW
            } else {
                self.depth = depth as usize;
                STATUS_SUCCESS
            })),
            Op::Habit(habit) => self.habit = habit,
            Op::Close => seen.push(self.close()),
            Op::Run => loop {
                if self.close == CloseState::Pending {
                    self.close = CloseState::Gone;
                    self.must_call = false;
                    seen.push(Seen::CloseComplete);
                }
                if !self.must_call {
                    break;
                }
                self.callback(&mut seen);
            },
        }
        seen
    }
}
