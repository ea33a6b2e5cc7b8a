//! `secretcat passwd`: sets or deletes the password of a user in a file.

use crate::auth::{Keys, Password, UserName, Users, users};
use crate::config::{PasswdChange, PasswdConfig};
use crate::error::{Error, shown_path};
use crate::io::private::{self, Replacement};
use crate::io::report::Report;
use crate::io::{prompt, random};

/// Changes the file.
///
/// # Errors
/// When the file cannot be read or replaced, a line of it is wrong, the user to delete is not in it, or there is no
/// password.
pub fn run(config: &PasswdConfig, report: &Report) -> Result<(), Error> {
    let PasswdConfig { file, name, change } = config;
    let shown = shown_path(file);
    let bad_line = |error| bad_line(config, &error);
    if *change == PasswdChange::Delete {
        let replacement = Replacement::begin(file, Users::MAX_FILE)?;
        let rest = users::without(replacement.old(), name).map_err(bad_line)?;
        let rest = rest.ok_or_else(|| Error::Usage(format!("{shown}: has no user {name}")))?;
        replacement.finish(&rest)?;
        report.line(&format!("{shown}: deleted {name}"));
        return Ok(());
    }
    let password = password(config, name)?;
    let keys = Keys::new(&password, random::draw()?);
    let replacement = Replacement::begin(file, Users::MAX_FILE)?;
    let is_known = Users::parse(replacement.old()).map_err(bad_line)?.keys(name).is_some();
    let content = users::with(replacement.old(), name, &keys).map_err(bad_line)?;
    replacement.finish(&content)?;
    let change = if is_known { "changed the password of" } else { "added" };
    report.line(&format!("{shown}: {change} {name}"));
    Ok(())
}

fn bad_line(config: &PasswdConfig, error: &users::BadLine) -> Error {
    Error::Usage(format!("{}:{error}", shown_path(&config.file)))
}

fn password(config: &PasswdConfig, name: &UserName) -> Result<Password, Error> {
    if config.change == PasswdChange::FromStdin {
        return private::read_password_of_stdin();
    }
    // What is wrong with the file is reported before the password is typed.
    let replacement = Replacement::begin(&config.file, Users::MAX_FILE)?;
    Users::parse(replacement.old()).map_err(|error| bad_line(config, &error))?;
    drop(replacement);
    prompt::new_password(&format!("New password of {name}: "), "Retype the new password: ", "add --stdin")
}
