//! Keys in use on this node: the second request with a key waits for nobody, it is told to try
//! again (protocol 0.8). Across nodes the log settles it: the loser gets the replay.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use crate::error::CommandError;

/// Keys of requests that are running here: (account, credential, key).
#[derive(Clone, Default)]
pub(crate) struct InUse {
    keys: Arc<Mutex<HashSet<Name>>>,
}

type Name = (String, String, String);

/// Holds a key while its request runs.
pub(crate) struct Held {
    keys: Arc<Mutex<HashSet<Name>>>,
    name: Name,
}

impl InUse {
    pub(crate) fn hold(
        &self,
        account: &str,
        credential: &str,
        key: &str,
    ) -> Result<Held, CommandError> {
        let name = (account.to_owned(), credential.to_owned(), key.to_owned());
        let mut keys = self.keys.lock().expect("no holder of this lock panics");
        if keys.insert(name.clone()) {
            Ok(Held { keys: Arc::clone(&self.keys), name })
        } else {
            Err(CommandError::KeyInUse)
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keys.lock().expect("no holder of this lock panics").remove(&self.name);
    }
}
