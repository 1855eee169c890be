//! What the end-to-end tests share: `image/` reads igbcx.sys, `e2e/` runs it in the lab.

pub mod faults;
pub mod frames;
pub mod rig;
pub mod runner;

pub use rig::Rig;
pub use runner::{Run, Scenario};
