//! Any history against the decoding, the folds and the documents of the domain.

#![no_main]

use baton_fuzz::{history, mutation};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

// As the database hands it over: always UTF-8.
fuzz_target!(|text: &[u8]| history::fold(&String::from_utf8_lossy(text)));

fuzz_mutator!(|data: &mut [u8], size: usize, size_max: usize, seed: u32| {
    mutation::in_place(data, size, size_max, seed, mutation::history)
        .unwrap_or_else(|| fuzzer_mutate(data, size, size_max))
});
