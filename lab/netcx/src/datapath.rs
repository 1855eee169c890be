//! All queues of an adapter: created, started, stopped and destroyed together, Tx before Rx.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/nxadapter.cpp` (CreateTxQueue, CreateRxQueue),
//! `netcx/translator/queuecontrol.cpp`, `nxtranslationapp.cpp`.

use crate::adapter::Adapter;
use crate::capabilities::RxBuffers;
use crate::client::{self, Handle};
use crate::extension;
use crate::options::{self, Options};
use crate::path::{Path, Running};
use crate::queue::{Blueprint, Callbacks, Direction, Queue};
use crate::rx::RxPath;
use crate::sizing::{RxSizes, TxSizes};
use crate::token;
use crate::tx::TxPath;
use crate::verifier::Checked;
use lab_kernel::cpu;
use lab_kernel::cpu::ThreadId;
use lab_kmdf::Bus;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wdk_sys::{NT_SUCCESS, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_UNSUCCESSFUL, WDFDEVICE};

/// A queue create callback in progress.
pub struct Creation {
    pub adapter: &'static Adapter,
    pub direction: Direction,
    pub id: u32,
    pub thread: ThreadId,
    pub created: Option<Arc<Queue>>,
    packets: u32,
    fragments: u32,
}

static CREATIONS: Mutex<BTreeMap<Handle, Creation>> = Mutex::new(BTreeMap::new());

/// Looks at the creation that an init object stands for.
pub fn with_creation<R>(init: Handle, look: impl FnOnce(&mut Creation) -> R) -> Option<R> {
    CREATIONS.lock().unwrap().get_mut(&init).map(look)
}

impl Creation {
    /// What the queue is made of, given the client's callbacks.
    pub fn blueprint(&self, callbacks: Callbacks) -> Blueprint {
        let registered = self.adapter.extensions();
        let asked: &[extension::Extension] = match self.direction {
            Direction::Tx => &extension::OF_TX_QUEUES,
            Direction::Rx => &extension::OF_RX_QUEUES,
        };
        let checked = match (options::options().verifier, self.direction) {
            (false, _) => None,
            (true, Direction::Tx) => Some(Checked::Tx),
            (true, Direction::Rx) => {
                let rx = self.adapter.capabilities().rx;
                let driver_attaches = rx.is_some_and(|rx| matches!(rx.buffers, RxBuffers::Driver { .. }));
                Some(Checked::Rx { driver_attaches })
            }
        };
        Blueprint {
            direction: self.direction,
            id: self.id,
            packets: self.packets,
            fragments: self.fragments,
            extensions: registered.into_iter().filter(|e| asked.contains(e)).collect(),
            callbacks,
            checked,
            stats: self.adapter.queue_stats(self.direction, self.id),
        }
    }
}

/// Queues with their paths, running once `running` is filled.
pub struct Datapath {
    tx: Vec<Arc<TxPath>>,
    rx: Vec<Arc<RxPath>>,
    running: Vec<Running>,
    queues: Vec<Arc<Queue>>,
}

/// Where a sent packet is announced.
pub struct TxDoor(Arc<TxPath>);

impl TxDoor {
    /// There is a packet in the stack.
    pub fn wake(&self) {
        self.0.notification().fire(self.0.queue().ec());
    }
}

impl Datapath {
    /// Creates one Tx and one Rx queue: further Rx queues come with RSS, further Tx queues with a demultiplexer.
    pub fn create(adapter: &'static Adapter) -> Result<Datapath, NTSTATUS> {
        let mut datapath = Datapath { tx: Vec::new(), rx: Vec::new(), running: Vec::new(), queues: Vec::new() };
        match datapath.create_queues(adapter, &options::options()) {
            Ok(()) => Ok(datapath),
            Err(status) => {
                datapath.destroy();
                Err(status)
            }
        }
    }

    fn create_queues(&mut self, adapter: &'static Adapter, options: &Arc<Options>) -> Result<(), NTSTATUS> {
        let capabilities = adapter.capabilities();
        let (Some(tx), Some(rx)) = (capabilities.tx, capabilities.rx) else { return Err(STATUS_UNSUCCESSFUL) };
        let bus = lab_kmdf::bus_of(adapter.origin().device as WDFDEVICE);
        let bus_if = |mapped: bool| -> Option<Arc<dyn Bus>> { mapped.then(|| bus.clone()) };
        let stack = adapter.stack();

        let largest = capabilities.largest_tx_packet();
        let sizes = TxSizes::new(options, tx.hint, largest);
        let queue = self.create_queue(adapter, Direction::Tx, 0, sizes.packets, sizes.fragments)?;
        let path = TxPath::new(
            queue,
            stack.clone(),
            tx,
            options.clone(),
            bus_if(tx.dma_mapped),
            largest,
            sizes.bounce_buffers,
        );
        self.tx.push(Arc::new(path.ok_or(STATUS_INSUFFICIENT_RESOURCES)?));

        let sizes = RxSizes::new(options, rx.hint);
        let queue = self.create_queue(adapter, Direction::Rx, 0, sizes.packets, sizes.fragments)?;
        let path = RxPath::new(queue, stack.clone(), adapter.handle(), rx, options, bus_if(rx.dma_mapped), sizes);
        self.rx.push(path.ok_or(STATUS_INSUFFICIENT_RESOURCES)?);
        Ok(())
    }

    /// Runs the client's create callback.
    fn create_queue(
        &mut self,
        adapter: &'static Adapter,
        direction: Direction,
        id: u32,
        packets: u32,
        fragments: u32,
    ) -> Result<Arc<Queue>, NTSTATUS> {
        let init = token::new();
        let thread = cpu::current_thread();
        let creation = Creation { adapter, direction, id, thread, created: None, packets, fragments };
        CREATIONS.lock().unwrap().insert(init, creation);
        let callbacks = adapter.origin().callbacks;
        let status = match direction {
            Direction::Tx => client::create_tx_queue(callbacks.EvtAdapterCreateTxQueue, adapter.handle(), init),
            Direction::Rx => client::create_rx_queue(callbacks.EvtAdapterCreateRxQueue, adapter.handle(), init),
        };
        let created = CREATIONS.lock().unwrap().remove(&init).and_then(|c| c.created);
        self.queues.extend(created.clone());
        if !NT_SUCCESS(status) {
            return Err(status);
        }
        created.ok_or(STATUS_UNSUCCESSFUL)
    }

    /// Starts every queue.
    pub fn start(mut self) -> Datapath {
        self.running.extend(self.tx.iter().map(|path| Running::start(path.clone())));
        self.running.extend(self.rx.iter().map(|path| Running::start(path.clone())));
        self
    }

    /// Cancels every queue, then stops every queue, then deletes them.
    pub fn stop_and_destroy(mut self) {
        for running in &self.running {
            running.cancel();
        }
        for running in std::mem::take(&mut self.running) {
            running.stop();
        }
        self.destroy();
    }

    fn destroy(self) {
        // Buffers go before the queues do: what is still mapped then would be a mistake of the lab.
        drop((self.tx, self.rx));
        for queue in self.queues {
            let handle = queue.handle();
            drop(queue);
            lab_kmdf::delete_object(handle as wdk_sys::WDFOBJECT);
        }
    }

    /// Where a packet of the stack goes.
    pub fn tx_for_any_packet(&self) -> TxDoor {
        TxDoor(self.tx[0].clone())
    }

    /// The client owns no Tx packet and none waits to be taken back.
    pub fn tx_idle(&self) -> bool {
        self.tx.iter().all(|path| {
            let ring = &path.queue().packets;
            ring.os_next() == ring.end()
        })
    }
}
