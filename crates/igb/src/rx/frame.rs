use super::Completion;

/// What a descriptor does to the frame it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The frame goes on in the next buffer.
    Partial,
    /// The frame is whole: it lies in the last `descriptors` buffers.
    Whole {
        /// Buffers, this one included.
        descriptors: u16,
        /// Bytes in all of them.
        length: u32,
    },
    /// The last `descriptors` buffers hold nothing of use.
    Bad {
        /// Buffers, this one included.
        descriptors: u16,
    },
}

/// Frames dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Receive errors and impossible lengths.
    pub errors: u64,
    /// More buffers than a frame can have, without an end.
    pub too_long: u64,
}

/// Puts frames together that lie in several buffers.
///
/// A chain never holds more than `max_descriptors` buffers: one that has no end by then is given up, and what follows
/// up to its end is given back buffer by buffer.
#[derive(Clone, Debug)]
pub struct FrameAssembler {
    max_descriptors: u16,
    descriptors: u16,
    length: u32,
    state: State,
    dropped: Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between frames.
    Idle,
    /// In a frame, good so far.
    Good,
    /// In a frame with a bad descriptor: to be dropped at its end.
    Bad,
    /// In a frame that was given up, its end not seen yet.
    GivenUp,
}

impl FrameAssembler {
    /// For frames of at most `max_descriptors` buffers (at least 1).
    pub const fn new(max_descriptors: u16) -> Self {
        FrameAssembler {
            max_descriptors,
            descriptors: 0,
            length: 0,
            state: State::Idle,
            dropped: Dropped { errors: 0, too_long: 0 },
        }
    }

    /// Adds the next descriptor.
    #[inline]
    pub fn push(&mut self, completion: Completion) -> Frame {
        if self.state == State::Idle && completion.is_end() && !completion.is_bad() {
            return Frame::Whole { descriptors: 1, length: u32::from(completion.length()) };
        }
        self.push_slowly(completion)
    }

    #[cold]
    fn push_slowly(&mut self, completion: Completion) -> Frame {
        if self.state == State::GivenUp {
            if completion.is_end() {
                self.state = State::Idle;
            }
            return Frame::Bad { descriptors: 1 };
        }
        self.descriptors += 1;
        self.length += u32::from(completion.length());
        let bad = completion.is_bad() || self.state == State::Bad;
        let (descriptors, length) = (self.descriptors, self.length);
        if completion.is_end() {
            self.begin(State::Idle);
            if !bad {
                return Frame::Whole { descriptors, length };
            }
            self.dropped.errors += 1;
            Frame::Bad { descriptors }
        } else if descriptors >= self.max_descriptors {
            self.begin(State::GivenUp);
            self.dropped.too_long += 1;
            Frame::Bad { descriptors }
        } else {
            self.state = if bad { State::Bad } else { State::Good };
            Frame::Partial
        }
    }

    /// No frame has begun.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// Buffers of a frame that has begun and not ended.
    #[inline]
    pub const fn pending(&self) -> u16 {
        self.descriptors
    }

    /// Forgets a frame that will not end: the queue was stopped. Its [`pending`](Self::pending) buffers hold nothing
    /// of use.
    pub fn reset(&mut self) {
        self.begin(State::Idle);
    }

    /// Frames dropped so far.
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    fn begin(&mut self, state: State) {
        self.descriptors = 0;
        self.length = 0;
        self.state = state;
    }
}
