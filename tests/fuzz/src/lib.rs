//! Fuzz targets: whatever bytes arrive in a request or lie in the log, nothing panics, and what is
//! accepted survives storage. `make fuzz-parsers` runs them.
//!
//! A target's input is text, so that one that crashed can be read, and go into a plain test as it
//! is. Must not: need a database or a network; be part of the root workspace.

pub mod history;
pub mod mutation;
pub mod seeds;

pub use baton_api::fuzzing::read_request;

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::{history, mutation, read_request, seeds};

    const CHANGES: usize = 20;

    /// Gives `read` the seed, changed again and again.
    fn try_changes(
        seed: &str,
        rng: &mut Rng,
        change: fn(&str, &mut Rng) -> String,
        read: impl Fn(&str),
    ) {
        let mut text = seed.to_owned();
        read(&text);
        let mut is_other = false;
        for _ in 0..CHANGES {
            text = change(&text, rng);
            is_other |= text != seed;
            // As `-max_len` of the targets.
            if text.len() > 16_384 {
                text = seed.to_owned();
            }
            read(&text);
        }
        assert!(is_other, "{seed}");
    }

    #[test]
    fn seeds_of_requests_and_their_changes_are_read() {
        let mut rng = Rng::with_seed(1);
        for seed in seeds::REQUESTS.iter() {
            try_changes(seed, &mut rng, mutation::request, |text| read_request(text.as_bytes()));
        }
    }

    #[test]
    fn golden_histories_and_their_changes_are_folded() {
        let all = seeds::EVENTS.join("\n");
        let mut rng = Rng::with_seed(1);
        for seed in seeds::EVENTS.iter().chain([&all]) {
            try_changes(seed, &mut rng, mutation::history, history::fold);
        }
    }
}
