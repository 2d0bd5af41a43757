//! Names and routing labels in their normal form (protocol 0.12).

/// Normal form of a name or label: one leading `@` goes, letters become lower-case, runs of
/// spaces and underscores become one `-`.
#[must_use]
pub fn normal_form(name: &str) -> String {
    let name = name.strip_prefix('@').unwrap_or(name);
    let mut normal = String::with_capacity(name.len());
    let mut in_run = false;
    for c in name.chars() {
        if c == ' ' || c == '_' {
            if !in_run {
                normal.push('-');
            }
            in_run = true;
        } else {
            normal.extend(c.to_lowercase());
            in_run = false;
        }
    }
    normal
}

/// Where the label routes to, in normal form; `None` for a plain label.
#[must_use]
pub fn route_of(label: &str) -> Option<String> {
    label.starts_with('@').then(|| normal_form(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_meet_in_their_normal_form() {
        for (name, normal) in [
            ("@researcher", "researcher"),
            ("Research Agent", "research-agent"),
            ("research__ agent", "research-agent"),
            ("@@x", "@x"),
            ("Ärger", "ärger"),
        ] {
            assert_eq!(normal_form(name), normal, "{name}");
        }
        assert_eq!(route_of("plain"), None);
        assert_eq!(route_of("@Writer_1"), Some("writer-1".to_owned()));
    }
}
