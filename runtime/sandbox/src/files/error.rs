//! Why something cannot be done with a file. Each ABI has its own numbers and names for these.

/// Why a file operation fails, as the guest learns it. Never anything of the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileError {
    /// The descriptor was not opened for this.
    Access,
    /// There is one already.
    Exists,
    /// It cannot be done with what this is.
    Invalid,
    /// It is a folder.
    IsFolder,
    /// The name could not be an output's, or is not UTF-8.
    IllegalName,
    /// Too many symbolic links.
    Loop,
    /// A name, a path, or a folder's depth is beyond what there is.
    NameTooLong,
    /// There is none.
    NotFound,
    /// The folder is not empty.
    NotEmpty,
    /// It is no folder.
    NotFolder,
    /// The path leads out of the folder that it began in, or the place does not have such things.
    NotPermitted,
    /// As many files and folders as the job may have, or as many outputs.
    NoSpace,
    /// As many bytes in files as the job may have.
    Quota,
    /// It is in `/in`, or an input.
    ReadOnly,
    /// From one of `/in`, `/out` and `/tmp` to another.
    CrossDevice,
    /// Following its paths takes more than the job has left, which ends it.
    OutOfSteps,
    /// Larger than a file can be.
    TooLarge,
}

/// What a file operation gives.
pub(crate) type Filed<T> = Result<T, FileError>;
