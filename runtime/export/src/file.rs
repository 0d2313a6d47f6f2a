//! Owns files that are there only when they are whole: written under another name beside their own, put on
//! the disk, then renamed. Knows nothing of what is in them.

use std::error::Error;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use meterbox_billing::record::Record;
use tempfile::NamedTempFile;

use crate::error::ExportError;
use crate::export::export;
use crate::format::Format;
use crate::options::Options;
use crate::partitions;
use crate::selection::Summary;

/// Writes reach the system in pieces of this size.
pub(crate) const BUFFER_BYTES: usize = 256 * 1024;

/// The end of the names of files that are not whole yet.
pub(crate) const PART_SUFFIX: &str = ".part";

/// What happens to what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// It stays, and nothing is written.
    #[default]
    Refuse,
    /// It gives way, when what comes in its place is whole.
    Replace,
}

/// Writes records to a file, or to a folder where the format is one.
///
/// After an error, or if the process is killed, there is no file of that name, or the one that was there
/// before; a folder has no manifest.
pub fn export_to_path<I, E>(
    format: Format,
    records: I,
    options: &Options,
    path: &Path,
    existing: Existing,
) -> Result<Summary, ExportError>
where
    I: Iterator<Item = Result<Record, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    if format.is_folder() {
        return partitions::export(format, records, options, path, existing);
    }
    write_file(path, existing, |out| export(format, records, options, out))
}

/// Lets `write` fill a file that appears when it is whole.
///
/// What is no regular file, such as a pipe or a device, cannot be put in place: it is written to at once.
pub fn write_file<T>(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, ExportError>,
) -> Result<T, ExportError> {
    let at = |source| at_path(path, source);
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(at(io::Error::from(io::ErrorKind::IsADirectory))),
        Ok(found) if !found.is_file() => {
            let mut out = OpenOptions::new().write(true).open(path).map_err(at)?;
            write(&mut out).map_err(|error| with_path(path, error))
        }
        Ok(_) if existing == Existing::Refuse => Err(ExportError::Exists {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(error)),
        Ok(_) | Err(_) => write_regular(path, existing, write),
    }
}

fn write_regular<T>(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, ExportError>,
) -> Result<T, ExportError> {
    let file = part_of(path)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    let written = write(&mut out).map_err(|error| with_path(path, error))?;
    let file = out
        .into_inner()
        .map_err(|error| at_path(path, error.into_error()))?;
    put_in_place(file, path, existing)?;
    Ok(written)
}

/// A file beside `path` that vanishes unless it is put in its place.
pub(crate) fn part_of(path: &Path) -> Result<NamedTempFile, ExportError> {
    let name = path
        .file_name()
        .ok_or_else(|| at_path(path, io::Error::from(io::ErrorKind::InvalidFilename)))?;
    tempfile::Builder::new()
        .prefix(&format!(".{}.", name.to_string_lossy()))
        .suffix(PART_SUFFIX)
        // As any other file of its user: the system takes off what the user's mask says.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder_of(path))
        .map_err(|source| at_path(path, source))
}

/// Puts a whole file on the disk under its name.
pub(crate) fn put_in_place(
    file: NamedTempFile,
    path: &Path,
    existing: Existing,
) -> Result<(), ExportError> {
    let at = |source| at_path(path, source);
    file.as_file().sync_all().map_err(at)?;
    let placed = match existing {
        Existing::Replace => file.persist(path),
        Existing::Refuse => file.persist_noclobber(path),
    };
    placed.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => ExportError::Exists {
            path: path.to_owned(),
        },
        _ => at(error.error),
    })?;
    // The new name is on the disk when its folder is.
    File::open(folder_of(path))
        .and_then(|folder| folder.sync_all())
        .map_err(at)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Says where it happened.
pub(crate) fn at_path(path: &Path, source: io::Error) -> ExportError {
    ExportError::File {
        path: path.to_owned(),
        source,
    }
}

pub(crate) fn with_path(path: &Path, error: ExportError) -> ExportError {
    match error {
        ExportError::Write(source) => at_path(path, source),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write_text(path: &Path, existing: Existing, text: &str) -> Result<(), ExportError> {
        write_file(path, existing, |out| Ok(out.write_all(text.as_bytes())?))
    }

    #[test]
    fn what_is_there_stays_unless_it_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        write_text(&path, Existing::Refuse, "one").unwrap();
        let error = write_text(&path, Existing::Refuse, "two").unwrap_err();
        assert!(matches!(error, ExportError::Exists { .. }));
        assert!(error.hint().unwrap().contains("overwritten"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write_text(&path, Existing::Replace, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[test]
    fn what_was_not_written_to_its_end_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        for before in [None, Some("whole")] {
            if let Some(text) = before {
                fs::write(&path, text).unwrap();
            }
            let error = write_file(&path, Existing::Replace, |out| {
                out.write_all(&[b'x'; 2 * BUFFER_BYTES])?;
                let full: Result<(), _> = Err(io::Error::from(io::ErrorKind::StorageFull).into());
                full
            })
            .unwrap_err();
            assert!(error.to_string().ends_with("out.csv`"), "{error}");
            assert!(error.hint().unwrap().contains("make room"));
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), before);
            assert_eq!(names(folder.path()).len(), usize::from(before.is_some()));
        }
    }

    #[test]
    fn a_device_that_is_full_is_an_error_and_stays_a_device() {
        let path = Path::new("/dev/full");
        let error = write_text(path, Existing::Replace, "text").unwrap_err();
        let ExportError::File { source, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert!(!fs::metadata(path).unwrap().is_file());
    }

    #[test]
    fn a_folder_or_a_missing_folder_is_an_error_that_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_text(folder.path(), Existing::Replace, "text").unwrap_err();
        assert!(matches!(error, ExportError::File { .. }), "{error}");
        let inside = folder.path().join("none").join("out.csv");
        let error = write_text(&inside, Existing::Replace, "text").unwrap_err();
        assert!(error.to_string().contains("none/out.csv"), "{error}");
    }
}
