//! The open descriptors of a command of WASI 0.1, by number.

use std::collections::BTreeSet;

use super::{Stop, errno};
use crate::files::{Files, NodeId, ROOTS};
use crate::tally::HostEnd;

/// The bits of rights, by their places in WASI 0.1.
pub(super) mod right {
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_WRITE: u64 = 1 << 6;
    pub const POLL: u64 = 1 << 27;
    /// All rights that there are.
    pub const ALL: u64 = (1 << 30) - 1;
}

/// The flag of a descriptor with an effect: every write goes to the end.
pub(super) const FLAG_APPEND: u16 = 1;

/// What a descriptor leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Stdin,
    Stdout,
    Stderr,
    File {
        node: NodeId,
        offset: u64,
    },
    Folder {
        node: NodeId,
        /// Its place in [`ROOTS`], if the run began with it.
        root: Option<usize>,
    },
}

/// The last names of a listing, with the cookies that lead on from them. A program goes on from the
/// last, or, if that was cut, from the one before.
pub(super) type Listed = [Option<(u64, String)>; 2];

/// An open descriptor.
#[derive(Debug, Clone)]
pub(super) struct Descriptor {
    pub(super) what: What,
    pub(super) rights: u64,
    pub(super) inheriting: u64,
    pub(super) flags: u16,
    pub(super) listed: Listed,
}

/// All open descriptors.
pub(crate) struct Descriptors {
    table: Vec<Option<Descriptor>>,
    /// Numbers within the table that nothing has.
    free: BTreeSet<usize>,
    open: u64,
}

impl Default for Descriptors {
    /// The three standard streams, and the folders that a run begins with.
    fn default() -> Descriptors {
        let stream = |what, rights| Descriptor {
            what,
            rights: rights | right::POLL,
            inheriting: 0,
            flags: 0,
            listed: Listed::default(),
        };
        let mut table = vec![
            Some(stream(What::Stdin, right::FD_READ)),
            Some(stream(What::Stdout, right::FD_WRITE)),
            Some(stream(What::Stderr, right::FD_WRITE)),
        ];
        for (root, (node, ..)) in ROOTS.into_iter().enumerate() {
            table.push(Some(Descriptor {
                what: What::Folder {
                    node,
                    root: Some(root),
                },
                rights: right::ALL,
                inheriting: right::ALL,
                flags: 0,
                listed: Listed::default(),
            }));
        }
        Descriptors {
            table,
            free: BTreeSet::new(),
            open: 0,
        }
    }
}

impl Descriptors {
    /// How many were opened and not closed: those that a run begins with are none of them.
    pub(crate) fn open_count(&self) -> u64 {
        self.open
    }

    pub(super) fn get(&self, fd: i32) -> Result<&Descriptor, Stop> {
        usize::try_from(fd)
            .ok()
            .and_then(|fd| self.table.get(fd)?.as_ref())
            .ok_or(Stop::Errno(errno::BADF))
    }

    pub(super) fn get_mut(&mut self, fd: i32) -> Result<&mut Descriptor, Stop> {
        usize::try_from(fd)
            .ok()
            .and_then(|fd| self.table.get_mut(fd)?.as_mut())
            .ok_or(Stop::Errno(errno::BADF))
    }

    /// The file of a descriptor that has this right, and where it stands.
    pub(super) fn file(&self, fd: i32, right: u64) -> Result<(NodeId, u64), Stop> {
        let descriptor = self.get(fd)?;
        match descriptor.what {
            What::File { .. } if descriptor.rights & right != right => {
                Err(Stop::Errno(errno::BADF))
            }
            What::File { node, offset } => Ok((node, offset)),
            What::Folder { .. } => Err(Stop::Errno(errno::ISDIR)),
            _ => Err(Stop::Errno(errno::SPIPE)),
        }
    }

    pub(super) fn folder(&self, fd: i32) -> Result<NodeId, Stop> {
        match self.get(fd)?.what {
            What::Folder { node, .. } => Ok(node),
            _ => Err(Stop::Errno(errno::NOTDIR)),
        }
    }

    /// The file or folder of a descriptor; streams are neither.
    pub(super) fn node(&self, fd: i32) -> Result<Option<NodeId>, Stop> {
        Ok(match self.get(fd)?.what {
            What::File { node, .. } | What::Folder { node, .. } => Some(node),
            _ => None,
        })
    }

    pub(super) fn set_offset(&mut self, fd: i32, to: u64) -> Result<(), Stop> {
        if let What::File { offset, .. } = &mut self.get_mut(fd)?.what {
            *offset = to;
        }
        Ok(())
    }

    /// Gives a descriptor the lowest free number. Too many open at once end the run.
    pub(super) fn open(
        &mut self,
        descriptor: Descriptor,
        node: NodeId,
        files: &mut Files,
        handles_max: u64,
    ) -> Result<u32, Stop> {
        if self.open >= handles_max {
            return Err(HostEnd::Limit("handles").into());
        }
        files.keep(node)?;
        self.open += 1;
        let fd = self.free.pop_first().unwrap_or_else(|| {
            self.table.push(None);
            self.table.len() - 1
        });
        self.table[fd] = Some(descriptor);
        u32::try_from(fd).map_err(|_| HostEnd::Limit("handles").into())
    }

    pub(super) fn close(&mut self, fd: i32, files: &mut Files) -> Result<(), Stop> {
        let closed = self.get(fd)?.clone();
        self.free_number(fd)?;
        self.end(&closed, files);
        Ok(())
    }

    /// Moves a descriptor to the number of another, which is closed.
    pub(super) fn renumber(&mut self, from: i32, to: i32, files: &mut Files) -> Result<(), Stop> {
        let moved = self.get(from)?.clone();
        let replaced = self.get(to)?.clone();
        if from == to {
            return Ok(());
        }
        *self.get_mut(to)? = moved;
        self.free_number(from)?;
        self.end(&replaced, files);
        Ok(())
    }

    fn free_number(&mut self, fd: i32) -> Result<(), Stop> {
        let fd = usize::try_from(fd).map_err(|_| Stop::Errno(errno::BADF))?;
        self.table[fd] = None;
        self.free.insert(fd);
        Ok(())
    }

    fn end(&mut self, closed: &Descriptor, files: &mut Files) {
        match closed.what {
            // What a run begins with is nobody's to keep, and took none of its handles.
            What::Stdin | What::Stdout | What::Stderr | What::Folder { root: Some(_), .. } => {}
            What::File { node, .. } | What::Folder { node, .. } => {
                self.open = self.open.saturating_sub(1);
                files.let_go(node);
            }
        }
    }

    /// The name that a listing goes on after, if this cookie was one of those given last.
    pub(super) fn name_at(&self, fd: i32, cookie: u64) -> Result<Option<&str>, Stop> {
        let listed = self.get(fd)?.listed.iter().flatten();
        let mut found = listed.filter(|(given, _)| *given == cookie);
        Ok(found.next().map(|(_, name)| name.as_str()))
    }
}
