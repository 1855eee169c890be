//! VM receive queues as NDIS defines them: filters, queue states and buffers, without hardware or kernel calls.
#![no_std]
