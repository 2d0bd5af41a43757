//! Makes a client of the committed `openapi/baton.json`, as any user of progenitor would.
//!
//! One thing is changed on the way: progenitor 0.15 leaves a body of `application/problem+json`
//! unread, and takes it for a type when it is called `application/json`. Whoever wants typed errors
//! has to do the same. Must not: change anything else that the document says.
#![expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write so")]

use std::path::Path;
use std::{env, error, fs};

use progenitor::{GenerationSettings, Generator, InterfaceStyle};

const DOCUMENT: &str = "../../../openapi/baton.json";

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={DOCUMENT}");
    // Progenitor takes bodies for JSON under this one name only; others it leaves unread.
    let document = fs::read_to_string(DOCUMENT)?
        .replace("\"application/problem+json\"", "\"application/json\"");
    let document = serde_json::from_str(&document)?;
    let mut settings = GenerationSettings::default();
    settings.with_interface(InterfaceStyle::Builder);
    let client = Generator::new(&settings).generate_tokens(&document)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("client.rs"), client.to_string())?;
    Ok(())
}
