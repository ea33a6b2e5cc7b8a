//! The files that a run writes: no two of them are the same one.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The most symbolic links that are followed, as in Linux (`path_resolution(7)`).
const LINKS: usize = 40;

/// What a name means: two names are of the same file if these are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    /// A file that exists: its device and inode.
    File(u64, u64),
    /// A file that is to be created: the device and inode of its directory, and its name there.
    New(u64, u64, PathBuf),
}

/// Refuses two outputs that have the same file, and an output to the file of a standard stream: each would overwrite the
/// other. Devices such as `/dev/null` may have several outputs. A pipe on stdout may have an output, unless stdout
/// `has_replies`.
///
/// # Errors
/// Names the two.
pub fn check_distinct(outputs: &[(&'static str, &Path)], has_replies: bool) -> Result<(), Error> {
    if outputs.is_empty() {
        return Ok(());
    }
    let streams = [
        ("stdin", of_stream(io::stdin(), false)),
        ("stdout", of_stream(io::stdout(), has_replies)),
        ("stderr", of_stream(io::stderr(), false)),
    ];
    let mut seen: Vec<(&str, Meaning)> =
        streams.into_iter().filter_map(|(name, meaning)| Some((name, meaning?))).collect();
    for (option, path) in outputs {
        let Some(meaning) = meaning(path, LINKS) else { continue };
        match seen.iter().find(|(name, other)| *other == meaning && name != option) {
            Some((other, _)) => {
                let text = format!("{other} and {option} are the same file: name another one with {option}");
                return Err(Error::Usage(text));
            }
            None => seen.push((option, meaning)),
        }
    }
    Ok(())
}

/// The file of a standard stream, if it is a regular one, or a pipe where that matters.
fn of_stream(stream: impl AsFd, with_pipes: bool) -> Option<Meaning> {
    let file = File::from(stream.as_fd().try_clone_to_owned().ok()?);
    let data = file.metadata().ok()?;
    (data.is_file() || with_pipes && data.file_type().is_fifo()).then(|| of_file(&data))
}

fn of_file(data: &Metadata) -> Meaning {
    Meaning::File(data.dev(), data.ino())
}

/// What a name means; `None` for a device, and for a name whose directory does not exist.
fn meaning(path: &Path, links: usize) -> Option<Meaning> {
    match fs::metadata(path) {
        Ok(data) => (!data.file_type().is_char_device()).then(|| of_file(&data)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            // A symbolic link to nothing: its target is created.
            if let Ok(target) = fs::read_link(path) {
                return meaning(&parent.join(target), links.checked_sub(1)?);
            }
            let directory = fs::metadata(parent).ok()?;
            Some(Meaning::New(directory.dev(), directory.ino(), path.file_name()?.into()))
        }
        Err(_) => None,
    }
}
