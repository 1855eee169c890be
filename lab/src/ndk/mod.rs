//! NDK from the consumer's side: a [`consumer`] over any provider's dispatch tables, [`conform`], which judges one, and
//! [`traffic`], which measures one. [`run`] puts a driver's provider below them.

pub mod cli;
pub mod conform;
pub mod consumer;
pub mod run;
pub mod traffic;
