//! Examples of the ledger. The note is signed by a key that was made for it, and the proofs hold.

use serde_json::{Value, json};

use crate::{example::Operation, problem::Problem};

/// The event that the examples prove.
pub(super) const EVENT: &str = "0195a3c2-1dd2-7196-a8e4-2df1f00b8e9b";

const NOTE: &str = "baton/0195a3c2-1d00-7c3f-8a55-6d1f0b7e2c94/default\n42\n\
    juwg2+G/rJamSUVLThisnMb6i3HjsRTfW9CiRoE4eEM=\n\n\
    \u{2014} baton/0195a3c2-1d00-7c3f-8a55-6d1f0b7e2c94/default \
    4ex/WcRyga4K1gdFvWXANvV/DcXrxP1tDWL14jMFOQzPQLjanvzTrgkDECDABVUCTnrm3WOTSheDw9t98nGykZew5Qc=\n";
const ROOT: &str = "juwg2+G/rJamSUVLThisnMb6i3HjsRTfW9CiRoE4eEM=";
const KEY: &str = "baton/0195a3c2-1d00-7c3f-8a55-6d1f0b7e2c94/default+e1ec7f59+\
    Ad5DrdpK9JlwS/vuftccSveqVRBwnL9FnP3YVJ30Q6fS";

pub(super) fn of(operation: &str) -> Option<Operation> {
    let only_some = || {
        Problem::forbidden(
            "Only admins, coordinators, auditors and the project token may read the ledger",
        )
    };
    let nothing_signed = || Problem::not_found("Checkpoint");
    Some(match operation {
        "getLedgerCheckpoint" => Operation::answering(200, "Of 42 events", checkpoint())
            .refusing([only_some(), nothing_signed()]),
        "proveInclusion" => Operation::answering(200, "Of the last event", inclusion()).refusing([
            only_some(),
            Problem::not_found("Event"),
            Problem::invalid_field("event", "must be a UUID"),
        ]),
        "proveConsistency" => Operation::answering(200, "Two events later", consistency())
            .refusing([
                only_some(),
                nothing_signed(),
                Problem::invalid_field("from", "must be an integer from 1 to 42, which is signed"),
            ]),
        _ => return None,
    })
}

fn checkpoint() -> Value {
    json!({
        "origin": "baton/0195a3c2-1d00-7c3f-8a55-6d1f0b7e2c94/default",
        "size": 42,
        "position": 42,
        "recorded_at": "2026-03-17T10:31:07.250Z",
        "root": ROOT,
        "note": NOTE,
        "signed_at": "2026-03-17T10:31:07.413Z",
        "key": KEY,
        "head": { "size": 42, "position": 42 },
        "anchored": { "size": 40, "at": "2026-03-17T10:31:06.871Z" },
    })
}

fn inclusion() -> Value {
    json!({
        "event_id": EVENT,
        "position": 42,
        "account_seq": 42,
        "recorded_at": "2026-03-17T10:31:07.250Z",
        "content_hash": "OLHupNOyBI2rk/llZosyKx/H1qY0xLT1J81rvVmKUII=",
        "leaf_index": 41,
        "leaf_hash": "h91UsCz3H/75vQIQdT14wySHwCTtrkIOqFCVtAQI2tc=",
        "size": 42,
        "root": ROOT,
        "proof": [
            "MjZZ/vUm4173ay+74qFSBPY5x2M0LyWIgAGg5o5onR0=",
            "G1EQBrmVsQcC9Jb+fAJlYeRpQUC8/MVXRx2rkHGyR98=",
            "c3LlUaKJj/hDVtgCTFkOAJ7IiXIb8Bc4mM0nkuyw8uU=",
        ],
        "note": NOTE,
        "key": KEY,
    })
}

fn consistency() -> Value {
    json!({
        "from": 40,
        "to": 42,
        "from_root": "6qJKYKAOcZiVLvXzOywP6Y7uCLEF7f0D55XKkB39RT8=",
        "to_root": ROOT,
        "proof": [
            "G1EQBrmVsQcC9Jb+fAJlYeRpQUC8/MVXRx2rkHGyR98=",
            "T+myRiQoVHI+zh3gn49/thcff6Y93j9xxDEDhyP36Vg=",
            "c3LlUaKJj/hDVtgCTFkOAJ7IiXIb8Bc4mM0nkuyw8uU=",
        ],
        "note": NOTE,
        "key": KEY,
    })
}

#[cfg(test)]
mod tests {
    use baton_ledger::{
        Checkpoint, Hash, Verifier, read_hash, verify_consistency, verify_inclusion,
    };

    use super::*;

    fn hash(document: &Value, name: &str) -> Hash {
        read_hash(document[name].as_str().unwrap()).unwrap()
    }

    fn proof(document: &Value) -> Vec<Hash> {
        let hashes = document["proof"].as_array().unwrap().iter();
        hashes.map(|it| read_hash(it.as_str().unwrap()).unwrap()).collect()
    }

    /// Whoever tries a verifier on them finds that it works.
    #[test]
    fn the_examples_prove_what_they_say() {
        let key: Verifier = KEY.parse().unwrap();
        let Checkpoint { size, root, .. } = key.open(NOTE).unwrap();
        assert_eq!((size, read_hash(ROOT)), (42, Some(root)));
        let event = inclusion();
        let leaf = hash(&event, "leaf_hash");
        verify_inclusion(&leaf, 41, size, &proof(&event), &root).unwrap();
        let grown = consistency();
        let from = hash(&grown, "from_root");
        verify_consistency((40, &from), (size, &root), &proof(&grown)).unwrap();
    }
}
