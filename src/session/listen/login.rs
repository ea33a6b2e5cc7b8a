//! Who may log in at a listener.

use std::sync::Arc;

use crate::auth::{Method, Policy};
use crate::config::{AuthMethod, ListenConfig};
use crate::error::{Error, shown_path};
use crate::io::{private, random};

/// The policy of `--auth`. The file of users is read once.
///
/// # Errors
/// When the file cannot be read, is not private, has a line that is wrong, or no user.
pub(super) fn policy(config: &ListenConfig) -> Result<Option<Arc<Policy>>, Error> {
    let Some(auth) = &config.auth else { return Ok(None) };
    let method = match &auth.method {
        AuthMethod::Scram(path) => {
            let users = private::read_users(path)?;
            if users.is_empty() {
                let shown = shown_path(path);
                return Err(Error::Usage(format!("{shown}: has no users (secretcat passwd {shown} NAME adds one)")));
            }
            Method::Password(users)
        }
        AuthMethod::Cert => Method::Certificate,
        AuthMethod::Unix => Method::Process,
    };
    // A log or a trace with the bytes of reads would have the password, and whoever asks the witness whether it has read
    // bytes with some hash could try passwords.
    let allows_plain = !config.output.shows_data() && config.answer_witness.is_none();
    let policy = Policy::new(method, random::draw()?).allowing_cleartext(auth.cleartext).allowing_plain(allows_plain);
    Ok(Some(Arc::new(policy)))
}
