//! An NDK provider: objects, work requests and completions, without hardware or kernel calls.
#![no_std]
