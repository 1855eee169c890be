//! A sink that keeps the frames.

use super::books::Sink;
use ndis_sys::NDIS_RECEIVE_QUEUE_ID;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A frame and the tag that was taken out of it.
pub type Frame = (Option<u16>, Vec<u8>);

/// The frames of each queue, in the order of indication.
#[derive(Clone, Default)]
pub struct Collected(Arc<Mutex<BTreeMap<NDIS_RECEIVE_QUEUE_ID, Vec<Frame>>>>);

impl Collected {
    /// The collection, and the sink that fills it.
    pub fn new() -> (Collected, Box<dyn Sink>) {
        let collected = Collected::default();
        (collected.clone(), Box::new(collected))
    }

    /// Frames of a queue that came since the last call.
    pub fn take(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> Vec<Frame> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&queue).unwrap_or_default()
    }

    /// How many of a queue there are.
    pub fn count(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&queue).map_or(0, Vec::len)
    }
}

impl Sink for Collected {
    fn frame(&mut self, queue: NDIS_RECEIVE_QUEUE_ID, tag: Option<u16>, data: &[u8]) {
        let mut frames = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frames.entry(queue).or_default().push((tag, data.to_vec()));
    }
}
