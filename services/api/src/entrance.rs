//! Who comes in without a key (protocol 0.2): anybody in open mode, whom a trusted proxy names, and
//! whoever creates the first agent.
//!
//! It must not look at keys or at agents.

use crate::caller::Origin;
use crate::cors::Origins;
use crate::problem::Problem;

/// What is asked of those who come without a key.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// Whether a credential is needed at all; false is open mode.
    pub require_auth: bool,
    /// Origins whose pages may call.
    pub origins: Origins,
}

impl Entrance {
    /// Says no to what a page of another origin has a browser send: it would act with the rights
    /// of whoever sits before the browser.
    pub(crate) fn refuse_foreign_page(&self, origin: &Origin) -> Result<(), Problem> {
        let Some(page) = &origin.page else { return Ok(()) };
        match origin.is_own_page() || self.origins.allow(page) {
            true => Ok(()),
            false => Err(Problem::forbidden("a page of another origin needs a key to call")),
        }
    }

    /// Says no to whoever is not on this machine.
    pub(crate) fn only_local(&self, origin: &Origin) -> Result<(), Problem> {
        self.refuse_foreign_page(origin)?;
        match origin.is_local() {
            true => Ok(()),
            false => Err(Problem::forbidden(
                "without a credential the first agent is only created on the machine that Baton \
                 runs on, at localhost and through no proxy",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_origins_need_a_key() {
        let origins = Origins::new(["https://app.example"]).unwrap();
        let entrance = Entrance { require_auth: false, origins };
        for (page, expected) in [
            (None, true),
            (Some("https://app.example"), true),
            (Some("http://localhost:18890"), true),
            (Some("https://evil.example"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            let peer = Some("127.0.0.1:5".parse().unwrap());
            let host = Some("localhost:18890".to_owned());
            let page = page.map(str::to_owned);
            let origin = Origin { peer, host, page, is_forwarded: false };
            assert_eq!(entrance.refuse_foreign_page(&origin).is_ok(), expected, "{origin:?}");
            assert_eq!(entrance.only_local(&origin).is_ok(), expected, "{origin:?}");
            let elsewhere = Origin { host: Some("app.example".to_owned()), ..origin };
            assert!(entrance.only_local(&elsewhere).is_err(), "{elsewhere:?}");
        }
    }
}
