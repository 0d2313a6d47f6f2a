//! The types of `wasi:filesystem/types`, as the interface lays them out.

use wasmtime::component::{ComponentType, Lift, Lower};

use super::super::clocks::Datetime;
use crate::files::{FileError, FileType};

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[allow(
    dead_code,
    reason = "part of the interface's type; nothing here is of these types"
)]
pub(super) enum DescriptorType {
    #[component(name = "unknown")]
    Unknown,
    #[component(name = "block-device")]
    BlockDevice,
    #[component(name = "character-device")]
    CharacterDevice,
    #[component(name = "directory")]
    Directory,
    #[component(name = "fifo")]
    Fifo,
    #[component(name = "symbolic-link")]
    SymbolicLink,
    #[component(name = "regular-file")]
    RegularFile,
    #[component(name = "socket")]
    Socket,
}

wasmtime::component::flags! {
    DescriptorFlags {
        #[component(name = "read")]
        const READ;
        #[component(name = "write")]
        const WRITE;
        #[component(name = "file-integrity-sync")]
        const FILE_INTEGRITY_SYNC;
        #[component(name = "data-integrity-sync")]
        const DATA_INTEGRITY_SYNC;
        #[component(name = "requested-write-sync")]
        const REQUESTED_WRITE_SYNC;
        #[component(name = "mutate-directory")]
        const MUTATE_DIRECTORY;
    }
}

wasmtime::component::flags! {
    PathFlags {
        #[component(name = "symlink-follow")]
        const SYMLINK_FOLLOW;
    }
}

wasmtime::component::flags! {
    OpenFlags {
        #[component(name = "create")]
        const CREATE;
        #[component(name = "directory")]
        const DIRECTORY;
        #[component(name = "exclusive")]
        const EXCLUSIVE;
        #[component(name = "truncate")]
        const TRUNCATE;
    }
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(record)]
pub(super) struct DescriptorStat {
    #[component(name = "type")]
    pub(super) ty: DescriptorType,
    #[component(name = "link-count")]
    pub(super) link_count: u64,
    pub(super) size: u64,
    #[component(name = "data-access-timestamp")]
    pub(super) accessed: Option<Datetime>,
    #[component(name = "data-modification-timestamp")]
    pub(super) modified: Option<Datetime>,
    #[component(name = "status-change-timestamp")]
    pub(super) changed: Option<Datetime>,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(variant)]
#[allow(dead_code, reason = "only ever lifted")]
pub(super) enum NewTimestamp {
    #[component(name = "no-change")]
    NoChange,
    #[component(name = "now")]
    Now,
    #[component(name = "timestamp")]
    Timestamp(Datetime),
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct DirectoryEntry {
    #[component(name = "type")]
    pub(super) ty: DescriptorType,
    pub(super) name: String,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code, reason = "only ever lifted")]
pub(super) enum Advice {
    #[component(name = "normal")]
    Normal,
    #[component(name = "sequential")]
    Sequential,
    #[component(name = "random")]
    Random,
    #[component(name = "will-need")]
    WillNeed,
    #[component(name = "dont-need")]
    DontNeed,
    #[component(name = "no-reuse")]
    NoReuse,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(record)]
pub(super) struct MetadataHashValue {
    pub(super) lower: u64,
    pub(super) upper: u64,
}

/// All error codes of the interface, in its order.
macro_rules! error_codes {
    ($($code:ident = $name:literal,)+) => {
        #[derive(ComponentType, Lift, Lower, Clone, Copy)]
        #[component(enum)]
        #[repr(u8)]
        #[allow(dead_code, reason = "part of the interface's type; many of them never happen here")]
        pub(super) enum ErrorCode {
            $(#[component(name = $name)] $code,)+
        }
    };
}

error_codes! {
    Access = "access", WouldBlock = "would-block", Already = "already", BadDescriptor = "bad-descriptor",
    Busy = "busy", Deadlock = "deadlock", Quota = "quota", Exist = "exist", FileTooLarge = "file-too-large",
    IllegalByteSequence = "illegal-byte-sequence", InProgress = "in-progress", Interrupted = "interrupted",
    Invalid = "invalid", Io = "io", IsDirectory = "is-directory", Loop = "loop",
    TooManyLinks = "too-many-links", MessageSize = "message-size", NameTooLong = "name-too-long",
    NoDevice = "no-device", NoEntry = "no-entry", NoLock = "no-lock",
    InsufficientMemory = "insufficient-memory", InsufficientSpace = "insufficient-space",
    NotDirectory = "not-directory", NotEmpty = "not-empty", NotRecoverable = "not-recoverable",
    Unsupported = "unsupported", NoTty = "no-tty", NoSuchDevice = "no-such-device", Overflow = "overflow",
    NotPermitted = "not-permitted", Pipe = "pipe", ReadOnly = "read-only", InvalidSeek = "invalid-seek",
    TextFileBusy = "text-file-busy", CrossDevice = "cross-device",
}

impl From<FileError> for ErrorCode {
    fn from(error: FileError) -> ErrorCode {
        match error {
            FileError::Access => ErrorCode::BadDescriptor,
            FileError::Exists => ErrorCode::Exist,
            FileError::Invalid => ErrorCode::Invalid,
            FileError::IsFolder => ErrorCode::IsDirectory,
            FileError::IllegalName => ErrorCode::IllegalByteSequence,
            FileError::Loop => ErrorCode::Loop,
            FileError::NameTooLong => ErrorCode::NameTooLong,
            FileError::NotFound => ErrorCode::NoEntry,
            FileError::NotEmpty => ErrorCode::NotEmpty,
            FileError::NotFolder => ErrorCode::NotDirectory,
            FileError::NotPermitted => ErrorCode::NotPermitted,
            FileError::NoSpace => ErrorCode::InsufficientSpace,
            FileError::Quota => ErrorCode::Quota,
            FileError::ReadOnly => ErrorCode::ReadOnly,
            FileError::CrossDevice => ErrorCode::CrossDevice,
            FileError::TooLarge => ErrorCode::FileTooLarge,
            // Never seen: the run has ended.
            FileError::OutOfSteps => ErrorCode::Io,
        }
    }
}

impl From<FileType> for DescriptorType {
    fn from(file_type: FileType) -> DescriptorType {
        match file_type {
            FileType::File => DescriptorType::RegularFile,
            FileType::Folder => DescriptorType::Directory,
            FileType::Link => DescriptorType::SymbolicLink,
        }
    }
}
