//! Arm-and-check notification: a consumer that asks to be notified misses no event and gets no notice for nothing.
#![no_std]
