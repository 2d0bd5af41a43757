//! `baton doctor`: whether the live models say what the log says. Changes none of them: each is
//! built once more beside it.

use std::{fmt::Write as _, process::ExitCode};

use baton_projections::{DIFFERENCES_MAX, Diagnosis, Difference, Model, diagnose};

use crate::{
    config::Settings,
    wiring::{StartError, looking_log},
};

/// Prints what differs, model by model; fails when anything does, or cannot be compared.
#[expect(clippy::print_stdout, reason = "what was found is this command's output")]
pub(crate) async fn run(settings: &Settings) -> Result<ExitCode, StartError> {
    let (log, pool) = looking_log(settings).await?;
    let mut code = ExitCode::SUCCESS;
    for model in Model::ALL {
        let diagnosis = diagnose(&log, &pool, model).await?;
        print!("{}", told(model.name(), &diagnosis));
        if !is_well(&diagnosis) {
            code = ExitCode::FAILURE;
        }
    }
    log.shutdown().await;
    Ok(code)
}

fn is_well(diagnosis: &Diagnosis) -> bool {
    match diagnosis {
        Diagnosis::Compared { differences, .. } => differences.is_empty(),
        Diagnosis::OtherVersion { .. } => false,
    }
}

fn told(model: &str, diagnosis: &Diagnosis) -> String {
    let (position, differences) = match diagnosis {
        Diagnosis::Compared { position, differences } => (position, differences),
        Diagnosis::OtherVersion { found: None, .. } => {
            return format!("{model}: there is no such model yet; it is built at the next start\n");
        }
        Diagnosis::OtherVersion { found: Some(found), own } => {
            return format!(
                "{model}: not compared, it is of version {found} and this program's is {own}\n"
            );
        }
    };
    if differences.is_empty() {
        return format!("{model}: equal to the log up to position {position}\n");
    }
    let rows = match differences.len() {
        1 => "1 row".to_owned(),
        many if i64::try_from(many) == Ok(DIFFERENCES_MAX) => format!("at least {many} rows"),
        many => format!("{many} rows"),
    };
    let mut text = format!(
        "{model}: differs from the log up to position {position} in {rows}; \
         `baton rebuild {model}` builds it again\n"
    );
    for difference in differences {
        tell(&mut text, difference);
    }
    text
}

fn tell(text: &mut String, difference: &Difference) {
    let Difference { table, key, live, rebuilt } = difference;
    let what = match (live, rebuilt) {
        (None, _) => ": is missing",
        (_, None) => ": should not be there",
        _ => "",
    };
    writeln!(text, "  {table} {key}{what}").expect("a string takes everything");
    for value in difference.values() {
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let (live, rebuilt) = (said(&value.live), said(&value.rebuilt));
        writeln!(text, "    {}: {live}, by the log {rebuilt}", value.place)
            .expect("a string takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(live: Option<&str>, rebuilt: Option<&str>) -> Difference {
        let text = |row: Option<&str>| row.map(str::to_owned);
        let (table, key) = ("tasks".to_owned(), "default/1".to_owned());
        Difference { table, key, live: text(live), rebuilt: text(rebuilt) }
    }

    #[test]
    fn table_key_and_values_are_named() {
        let differences = vec![
            row(Some(r#"{"a":1,"b":2}"#), Some(r#"{"a":1,"b":3}"#)),
            row(None, Some("{}")),
            row(Some("{}"), None),
        ];
        let found = Diagnosis::Compared { position: 7, differences };
        assert!(!is_well(&found));
        let text = told("tasks", &found);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("tasks: differs from the log up to position 7 in 3 rows"));
        assert_eq!(lines[1..3], ["  tasks default/1", "    b: 2, by the log 3"]);
        assert_eq!(lines[3], "  tasks default/1: is missing");
        assert_eq!(lines[4], "  tasks default/1: should not be there");
    }

    #[test]
    fn what_cannot_be_compared_is_not_well() {
        let well = Diagnosis::Compared { position: 7, differences: vec![] };
        assert!(is_well(&well));
        assert_eq!(told("tasks", &well), "tasks: equal to the log up to position 7\n");
        for (found, word) in [(Some(6), "version 6"), (None, "no such model")] {
            let other = Diagnosis::OtherVersion { found, own: 7 };
            assert!(!is_well(&other) && told("tasks", &other).contains(word));
        }
    }
}
