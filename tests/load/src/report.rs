//! What a run found: a table for people, a file for everything else.
//!
//! Must not: hide what does not count.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::extent::{CLIENTS, Extent, IN_FLIGHT};
use crate::figure::{Bound, Figure, median, rounded};

/// One run.
#[derive(Debug)]
pub struct Report {
    /// How much was measured.
    pub extent: Extent,
    /// On what.
    pub about: Value,
    /// What the load generator reaches by itself.
    pub ceiling: Value,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// How long it took.
    pub took: Duration,
}

/// Tells people how it goes.
#[expect(clippy::print_stdout, reason = "the output of this program")]
pub fn say(line: &str) {
    let now = jiff::Timestamp::now();
    println!("{:.0} {line}", now);
}

impl Report {
    /// Every figure counts and reaches its floor.
    #[must_use]
    pub fn holds(&self) -> bool {
        let holds = |figure: &Figure| {
            figure.value.as_ref().is_ok_and(|value| figure.definition().holds(*value))
        };
        self.figures.iter().all(holds)
    }

    /// Every figure counts, whatever it is.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.figures.iter().all(|figure| figure.value.is_ok())
    }

    /// The run as JSON.
    #[must_use]
    pub fn document(&self) -> Value {
        let (mut ratios, mut invalid, mut scenarios) = (Map::new(), Map::new(), Map::new());
        for figure in &self.figures {
            let name = figure.key.to_owned();
            match &figure.value {
                Ok(value) => ratios.insert(name.clone(), rounded(*value)),
                Err(why) => invalid.insert(name.clone(), json!(why)),
            };
            scenarios.insert(name, figure.raw.clone());
        }
        let Extent { seconds, windows, tasks, events, is_quick, .. } = &self.extent;
        json!({
            "ended_at": jiff::Timestamp::now().to_string(),
            "took_s": rounded(self.took.as_secs_f64()),
            "extent": {
                "seconds": seconds, "windows": windows, "tasks": tasks, "events": events,
                "quick": is_quick, "clients": CLIENTS, "in_flight": IN_FLIGHT,
                "baton": self.extent.baton.as_ref().map(|path| path.display().to_string()),
            },
            "about": self.about,
            "generator": self.ceiling,
            "ratios": ratios,
            "invalid": invalid,
            "scenarios": scenarios,
        })
    }

    /// Writes the run into a file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, format!("{:#}\n", self.document()))
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        let head = ["KEY", "VALUE", "FLOOR", "AIM", "OK", "WHAT"];
        let mut table = aligned(head, self.figures.iter().map(row));
        let head = ["CPU MS PER COMMAND", "BATON", "POSTGRES", "NATS", "BENCH"];
        table.push('\n');
        table.push_str(&aligned(head, self.figures.iter().filter_map(cpu_row)));
        for figure in &self.figures {
            if let Err(why) = &figure.value {
                table.push_str(&format!("\n{} does not count: {why}\n", figure.key));
            }
        }
        table
    }
}

/// Columns below their headings.
fn aligned<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = [head.map(str::to_owned)].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The median of its windows, where they say what they cost.
fn cpu_row(figure: &Figure) -> Option<[String; 5]> {
    let windows = figure.raw["windows"].as_array()?;
    let cost = |name: &str| {
        let spent = |window: &Value| window["measured"]["cpu_per_command"][name].as_f64();
        let values: Vec<f64> = windows.iter().filter_map(spent).collect();
        (!values.is_empty()).then(|| format!("{:.3}", median(&values)))
    };
    let [baton, postgres, nats, bench] =
        ["baton_ms", "postgres_ms", "nats_ms", "bench_ms"].map(cost);
    Some([figure.key.to_owned(), baton?, postgres?, nats?, bench?])
}

fn row(figure: &Figure) -> [String; 6] {
    let key = figure.definition();
    let floor = match key.floor {
        Bound::AtLeast(floor) => format!(">= {floor}"),
        Bound::AtMost(floor) => format!("<= {floor}"),
    };
    let (value, ok) = match &figure.value {
        Ok(value) => (format!("{value:.3}"), if key.holds(*value) { "ok" } else { "NO" }),
        Err(_) => ("-".to_owned(), "NO"),
    };
    let aim = key.aim.map(|aim| aim.to_string()).unwrap_or_default();
    [key.name.to_owned(), value, floor, aim, ok.to_owned(), key.what.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_count_is_no_ratio_and_says_why() {
        let faults = ["relay is 3 events behind".to_owned()];
        let cpu = json!({ "baton_ms": 0.25, "postgres_ms": 1, "nats_ms": 0, "bench_ms": 0.5 });
        let windows = json!([{ "pgbench": {} }, { "measured": { "cpu_per_command": cpu } }]);
        let figures = vec![
            Figure::of("append", 2.5, &[], json!({ "windows": windows })),
            Figure::of("lifecycle", 0.9, &faults, Value::Null),
        ];
        let (about, ceiling, took) = (Value::Null, Value::Null, Duration::from_secs(1));
        let report = Report { extent: Extent::quick(), about, ceiling, figures, took };
        assert!(!report.holds());
        let document = report.document();
        assert_eq!(document["ratios"], json!({ "append": 2.5 }));
        assert_eq!(document["invalid"], json!({ "lifecycle": faults[0] }));
        let table = report.table();
        assert!(table.contains("lifecycle does not count: relay is 3 events behind"), "{table}");
        assert!(table.contains("append              0.250  1.000     0.000  0.500"), "{table}");
    }
}
