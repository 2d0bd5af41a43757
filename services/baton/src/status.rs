//! `baton status`: where every subscription stands. Changes nothing, and needs the database only.

use std::process::ExitCode;

use baton_feed::SubscriptionStatus;
use baton_operations::Standing;

use crate::{
    config::Settings,
    wiring::{StartError, looking_pool},
};

const HEADINGS: [&str; 7] =
    ["SUBSCRIPTION", "POSITION", "LAG", "BEHIND", "STATE", "HOLDER", "LEASE"];

/// Prints a line for each subscription, and what stops those that stand still; fails when one does.
#[expect(clippy::print_stdout, reason = "the table is this command's output")]
pub(crate) async fn run(settings: &Settings) -> Result<ExitCode, StartError> {
    let pool = looking_pool(settings)?;
    let statuses = baton_feed::status(&pool).await?;
    print!("{}", table(&statuses));
    for status in &statuses {
        if let Some(failure) = &status.failure {
            let place = failure.position.map(|position| format!(" at position {position}"));
            let place = place.unwrap_or_default();
            println!("\n{} stands still{place} since {}:", status.name, failure.at);
            println!("  {}", failure.text);
        }
    }
    match statuses.iter().any(Standing::stands_still) {
        true => Ok(ExitCode::FAILURE),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn table(statuses: &[SubscriptionStatus]) -> String {
    let headings = HEADINGS.map(str::to_owned);
    let rows: Vec<[String; 7]> = [headings].into_iter().chain(statuses.iter().map(row)).collect();
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(status: &SubscriptionStatus) -> [String; 7] {
    let state = match Standing::of(status) {
        Standing::Level => "level",
        Standing::Behind => "behind",
        Standing::Failed => "failed",
    };
    let holder = match (&status.holder, status.held) {
        (Some(holder), true) => holder.clone(),
        _ => "nobody".to_owned(),
    };
    let lease = status.lease_ms.filter(|_| status.held).map_or_else(|| "-".to_owned(), seconds);
    [
        status.name.clone(),
        status.position.to_string(),
        status.lag.to_string(),
        seconds(status.lag_ms),
        state.to_owned(),
        holder,
        lease,
    ]
}

/// Milliseconds as seconds with one digit.
fn seconds(ms: i64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let status = |name: &str, held| SubscriptionStatus {
            name: name.to_owned(),
            position: 12_345,
            lag: 3,
            lag_ms: 61_250,
            held,
            holder: Some("17-a".to_owned()),
            lease_ms: Some(2_480),
            failure: None,
        };
        let table = table(&[status("relay", true), status("projection.tasks", false)]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        let place = lines[0].find("STATE").unwrap();
        assert!(lines.iter().skip(1).all(|line| line[place..].starts_with("behind")), "{table}");
        assert!(lines[1].contains("61.2 s") && lines[1].ends_with("17-a    2.4 s"), "{table}");
        assert!(lines[2].ends_with("nobody  -"), "{table}");
    }
}
