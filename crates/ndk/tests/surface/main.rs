//! The hostile consumer of `fuzz/` with bytes of a generator, so that every run of the tests has some of it. The inputs that
//! the fuzzer found worth keeping are in `fuzz/corpus`.

#[path = "../support/mod.rs"]
mod support;

mod hostile;

use support::common::System;

/// Bytes of a generator (SplitMix64).
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    (0..length)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 56) as u8
        })
        .collect()
}

#[test]
fn no_input_of_a_generator_finds_anything() {
    let full = std::env::var_os("IGBCX_FULL").is_some_and(|full| full == "1");
    let system = System::new();
    for seed in 0..if full { 200_000 } else { 3_000 } {
        hostile::run(system, &bytes(seed, 50 + seed as usize % 2000));
    }
}

#[test]
fn no_input_of_the_corpus_finds_anything() {
    let system = System::new();
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/surface");
    let mut inputs: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty());
    for input in inputs {
        hostile::run(system, &std::fs::read(input).unwrap());
    }
}
