//! A consumer that uses the engine the only way there is: by its dispatch tables.
#![allow(dead_code, reason = "each test binary and the fuzz target use a part of it")]

pub mod bench;
#[path = "../common/mod.rs"]
pub mod common;
pub mod consumer;
pub mod host;
pub mod memory;
