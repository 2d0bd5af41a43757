//! Everything that `make bench` measures runs, at sizes that mean nothing: in three parts side by
//! side, because most of it is waiting.

use baton_load::bench;
use baton_load::extent::Extent;
use baton_load::figure::KEYS;

/// How many keys the first part measures, and the second; the third measures the rest.
const PARTS: (usize, usize) = (7, 13);

async fn measure(keys: &[&'static str]) {
    let only = keys.iter().map(|key| (*key).to_owned()).collect();
    let report = bench::run(Extent { only, ..Extent::quick() }).await;
    let measured: Vec<&str> = report.figures.iter().map(|figure| figure.key).collect();
    assert_eq!(measured, keys);
    // Other tests take the machine's time: followers may be late here, requests may not fail.
    let broken: Vec<_> = report
        .figures
        .iter()
        .filter_map(|figure| Some((figure.key, figure.value.as_ref().err()?)))
        .filter(|(_, why)| !why.contains("not level after") && !why.contains("no value"))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let document = report.document();
    let commits = &document["about"]["postgres_settings"]["synchronous_commit"];
    assert_eq!(commits, "on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_keys_are_measured() {
    measure(&KEYS.map(|key| key.name)[..PARTS.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_keys_are_measured() {
    measure(&KEYS.map(|key| key.name)[PARTS.0..PARTS.1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_keys_are_measured() {
    measure(&KEYS.map(|key| key.name)[PARTS.1..]).await;
}
