//! Any request against everything in the edge kit that reads requests.

#![no_main]

use baton_fuzz::{mutation, read_request};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|text: &[u8]| read_request(text));

fuzz_mutator!(|data: &mut [u8], size: usize, size_max: usize, seed: u32| {
    mutation::in_place(data, size, size_max, seed, mutation::request)
        .unwrap_or_else(|| fuzzer_mutate(data, size, size_max))
});
