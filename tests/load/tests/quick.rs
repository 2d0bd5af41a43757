//! Everything that `make bench` measures runs, at sizes that mean nothing.

use baton_load::bench;
use baton_load::extent::Extent;
use baton_load::figure::KEYS;

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_measured() {
    let report = bench::run(Extent::quick()).await;
    let keys: Vec<&str> = report.figures.iter().map(|figure| figure.key).collect();
    assert_eq!(keys, KEYS.map(|key| key.name));
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
