//! The files of one run: `/in` from the order, `/out` and `/tmp` as the run makes them. A tree of our
//! own, which never touches the machine's: no path of a guest is ever given to the operating system.
//! Never charges, and knows no ABI.

mod changes;
mod content;
mod error;
mod leaving;
mod path;

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Bound;
use std::sync::Arc;

pub(crate) use self::content::{CHUNK_BYTES, ChunkRun, Kept};
use self::content::{Content, Storage};
pub(crate) use self::error::{FileError, Filed};
pub(crate) use self::path::Found;
use crate::host::wide;
use crate::job::Input;
use crate::limits::Limits;
use crate::tally::HostEnd;

/// Bytes of one name in a folder: what file systems keep.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Bytes of a path, and of a symbolic link's target: what POSIX systems take (`PATH_MAX`).
pub(crate) const PATH_BYTES_MAX: usize = 4_096;

/// A file, folder or link, by a number that is never used again. It is the inode that a guest sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u64);

impl NodeId {
    pub(crate) fn inode(self) -> u64 {
        self.0
    }
}

/// The three trees, each a file system of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    In,
    Out,
    Tmp,
}

/// The folders that every run begins with, in the order in which a guest is given them.
pub(crate) const ROOTS: [(NodeId, &str, Place); 3] = [
    (NodeId(1), "/in", Place::In),
    (NodeId(2), "/out", Place::Out),
    (NodeId(3), "/tmp", Place::Tmp),
];

const OUT: NodeId = ROOTS[1].0;

struct Node {
    place: Place,
    kind: Kind,
    /// Entries of folders that lead here.
    names: u64,
    /// Descriptors, streams and handles that keep it.
    opens: u64,
    accessed_ns: u64,
    modified_ns: u64,
}

enum Kind {
    Input(Input),
    File(Content),
    Folder {
        entries: BTreeMap<String, NodeId>,
        /// The folder that it is in, and its name there.
        parent: Option<(NodeId, String)>,
    },
    Link(String),
}

/// What something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileType {
    File,
    Folder,
    Link,
}

/// What a guest can ask about something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stat {
    pub(crate) node: NodeId,
    pub(crate) place: Place,
    pub(crate) file_type: FileType,
    pub(crate) names: u64,
    pub(crate) bytes: u64,
    pub(crate) accessed_ns: u64,
    pub(crate) modified_ns: u64,
}

/// How a path is opened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opening {
    pub(crate) follow: bool,
    pub(crate) create: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    pub(crate) folder: bool,
    pub(crate) write: bool,
}

/// The files of one run.
pub(crate) struct Files {
    nodes: BTreeMap<NodeId, Node>,
    next: u64,
    storage: Storage,
    start_ns: u64,
    files_max: u64,
    file_bytes_max: u64,
    depth_max: u64,
    outputs_max: u64,
    files: u64,
    file_bytes: u64,
    /// Files in `/out`, and the standard streams that exist.
    outputs: u64,
    streams: [Option<Content>; 2],
    /// Steps of looking things up that nobody has charged yet, and how many there may be.
    steps: u64,
    steps_max: u64,
}

impl Files {
    /// The files of a run at its start.
    pub(crate) fn new(
        inputs: &[Input],
        start_ns: u64,
        limits: &Limits,
        scratch: Option<Arc<File>>,
    ) -> Files {
        let mut files = Files {
            nodes: BTreeMap::new(),
            next: wide(ROOTS.len()) + 1,
            storage: Storage::new(scratch),
            start_ns,
            files_max: limits.files,
            file_bytes_max: limits.file_bytes,
            depth_max: limits.folder_depth,
            outputs_max: limits.outputs,
            files: 0,
            file_bytes: 0,
            outputs: 0,
            streams: [None, None],
            steps: 0,
            steps_max: u64::MAX,
        };
        for (id, _, place) in ROOTS {
            files.nodes.insert(id, files.fresh(place, folder_in(None)));
        }
        let mut sorted: Vec<&Input> = inputs.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        for input in sorted {
            files.add_input(input);
        }
        files
    }

    fn fresh(&self, place: Place, kind: Kind) -> Node {
        Node {
            place,
            kind,
            names: 1,
            opens: 0,
            accessed_ns: self.start_ns,
            modified_ns: self.start_ns,
        }
    }

    /// Puts an input into `/in`. One whose name is the folder of another's stays out of sight.
    fn add_input(&mut self, input: &Input) {
        let [(mut at, ..), ..] = ROOTS;
        let mut names = input.name.split('/').peekable();
        while let Some(name) = names.next() {
            let there = self.entry(at, name);
            at = match (there, names.peek()) {
                (None, Some(_)) => self.insert(at, name, Place::In, folder_in(Some((at, name)))),
                (None, None) => self.insert(at, name, Place::In, Kind::Input(input.clone())),
                (Some(there), _) => {
                    let node = self.nodes.get_mut(&there);
                    match node.map(|node| &mut node.kind) {
                        Some(kind @ Kind::Input(_)) => *kind = folder_in(Some((at, name))),
                        Some(_) => {}
                        None => return,
                    }
                    there
                }
            };
        }
    }

    fn insert(&mut self, folder: NodeId, name: &str, place: Place, kind: Kind) -> NodeId {
        let id = NodeId(self.next);
        self.next += 1;
        let node = self.fresh(place, kind);
        self.nodes.insert(id, node);
        if let Some(entries) = self.entries_mut(folder) {
            entries.insert(name.to_string(), id);
        }
        id
    }

    fn node(&self, id: NodeId) -> Filed<&Node> {
        self.nodes.get(&id).ok_or(FileError::NotFound)
    }

    fn node_mut(&mut self, id: NodeId) -> Filed<&mut Node> {
        self.nodes.get_mut(&id).ok_or(FileError::NotFound)
    }

    fn entries(&self, id: NodeId) -> Filed<&BTreeMap<String, NodeId>> {
        match &self.node(id)?.kind {
            Kind::Folder { entries, .. } => Ok(entries),
            _ => Err(FileError::NotFolder),
        }
    }

    fn entries_mut(&mut self, id: NodeId) -> Option<&mut BTreeMap<String, NodeId>> {
        match &mut self.nodes.get_mut(&id)?.kind {
            Kind::Folder { entries, .. } => Some(entries),
            _ => None,
        }
    }

    fn entry(&self, folder: NodeId, name: &str) -> Option<NodeId> {
        self.entries(folder).ok()?.get(name).copied()
    }

    /// Lets the next operation take so many steps. It fails before it changes anything if it needs more.
    pub(crate) fn allow_steps(&mut self, steps_max: u64) {
        self.steps_max = steps_max;
    }

    /// Steps that were taken since the last time this was asked; `None` if they were not enough.
    pub(crate) fn take_steps(&mut self) -> Option<u64> {
        let steps = std::mem::take(&mut self.steps);
        (steps <= self.steps_max).then_some(steps)
    }

    fn step(&mut self, steps: u64) -> Filed<()> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.steps_max {
            return Err(FileError::OutOfSteps);
        }
        Ok(())
    }

    /// Keeps something while a descriptor, a stream or a handle leads to it.
    pub(crate) fn keep(&mut self, id: NodeId) -> Filed<()> {
        self.node_mut(id)?.opens += 1;
        Ok(())
    }

    /// Undoes one [`keep`](Files::keep); what has no name any more is gone with the last.
    pub(crate) fn let_go(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.opens = node.opens.saturating_sub(1);
        }
        self.forget_if_unused(id);
    }

    fn forget_if_unused(&mut self, id: NodeId) {
        let unused = self
            .nodes
            .get(&id)
            .is_some_and(|node| node.names == 0 && node.opens == 0);
        if !unused {
            return;
        }
        if let Some(node) = self.nodes.remove(&id) {
            self.files = self.files.saturating_sub(1);
            match node.kind {
                Kind::File(content) => {
                    self.file_bytes = self.file_bytes.saturating_sub(content.bytes());
                    self.storage.release(content);
                }
                Kind::Link(target) => {
                    self.file_bytes = self.file_bytes.saturating_sub(wide(target.len()));
                }
                Kind::Input(_) | Kind::Folder { .. } => {}
            }
        }
    }

    pub(crate) fn stat(&self, id: NodeId) -> Filed<Stat> {
        let node = self.node(id)?;
        let (file_type, bytes) = match &node.kind {
            Kind::Input(input) => (FileType::File, input.blob.size()),
            Kind::File(content) => (FileType::File, content.bytes()),
            Kind::Folder { .. } => (FileType::Folder, 0),
            Kind::Link(target) => (FileType::Link, wide(target.len())),
        };
        Ok(Stat {
            node: id,
            place: node.place,
            file_type,
            names: node.names,
            bytes,
            accessed_ns: node.accessed_ns,
            modified_ns: node.modified_ns,
        })
    }

    /// Sets what `Some` gives. Nothing else ever changes these times.
    pub(crate) fn set_times(
        &mut self,
        id: NodeId,
        accessed_ns: Option<u64>,
        modified_ns: Option<u64>,
    ) -> Filed<()> {
        let node = self.node_mut(id)?;
        if node.place == Place::In {
            return Err(FileError::ReadOnly);
        }
        node.accessed_ns = accessed_ns.unwrap_or(node.accessed_ns);
        node.modified_ns = modified_ns.unwrap_or(node.modified_ns);
        Ok(())
    }

    /// The entry of a folder that comes after `name` in the order of bytes, or the first.
    pub(crate) fn entry_after(
        &self,
        folder: NodeId,
        name: Option<&str>,
    ) -> Filed<Option<(&str, NodeId, FileType)>> {
        let after = name.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self
            .entries(folder)?
            .range::<str, _>((after, Bound::Unbounded))
            .next();
        next.map(|(name, id)| Ok((name.as_str(), *id, self.stat(*id)?.file_type)))
            .transpose()
    }

    /// The folder that a folder is in; a folder that a run begins with is in itself.
    pub(crate) fn parent(&self, folder: NodeId) -> Filed<NodeId> {
        match &self.node(folder)?.kind {
            Kind::Folder { parent, .. } => {
                Ok(parent.as_ref().map_or(folder, |(parent, _)| *parent))
            }
            _ => Err(FileError::NotFolder),
        }
    }

    /// Bytes that can be read from `offset` on, at most `length`.
    pub(crate) fn readable(&self, id: NodeId, offset: u64, length: u64) -> Filed<u64> {
        let stat = self.stat(id)?;
        match stat.file_type {
            FileType::File => Ok(length.min(stat.bytes.saturating_sub(offset))),
            FileType::Folder => Err(FileError::IsFolder),
            FileType::Link => Err(FileError::Invalid),
        }
    }

    /// Fills `buffer`, which is no longer than what [`readable`](Files::readable) says.
    pub(crate) fn read(&self, id: NodeId, offset: u64, buffer: &mut [u8]) -> Result<(), HostEnd> {
        let fault =
            |error: std::io::Error| HostEnd::Fault(format!("reading a file failed: {error}"));
        match self.nodes.get(&id).map(|node| &node.kind) {
            Some(Kind::Input(input)) => input.blob.read_at(offset, buffer).map_err(|error| {
                HostEnd::Fault(format!(
                    "reading the input `{}` failed: {error}",
                    input.name
                ))
            }),
            Some(Kind::File(content)) => self.storage.read(content, offset, buffer).map_err(fault),
            _ => Err(HostEnd::Fault("what is read is no file".into())),
        }
    }

    /// How many bytes longer the file becomes by a write that ends at `end`, if it may.
    pub(crate) fn growth(&self, id: NodeId, end: u64) -> Filed<u64> {
        let node = self.node(id)?;
        let content = match &node.kind {
            Kind::File(content) => content,
            Kind::Input(_) => return Err(FileError::ReadOnly),
            Kind::Folder { .. } => return Err(FileError::IsFolder),
            Kind::Link(_) => return Err(FileError::Invalid),
        };
        let more = end.saturating_sub(content.bytes());
        match self.file_bytes.checked_add(more) {
            Some(sum) if sum <= self.file_bytes_max => Ok(more),
            _ => Err(FileError::Quota),
        }
    }

    /// Puts bytes at an offset, as [`growth`](Files::growth) has allowed.
    pub(crate) fn write(&mut self, id: NodeId, offset: u64, bytes: &[u8]) -> Result<(), HostEnd> {
        let Some(Kind::File(content)) = self.nodes.get_mut(&id).map(|node| &mut node.kind) else {
            return Err(HostEnd::Fault("what is written is no file".into()));
        };
        let before = content.bytes();
        self.storage
            .write(content, offset, bytes)
            .map_err(|error| HostEnd::Fault(format!("writing a file failed: {error}")))?;
        self.file_bytes += content.bytes() - before;
        Ok(())
    }

    /// Makes a file longer, as [`growth`](Files::growth) has allowed, or shorter.
    pub(crate) fn resize(&mut self, id: NodeId, bytes: u64) -> Result<(), HostEnd> {
        let Some(Kind::File(content)) = self.nodes.get_mut(&id).map(|node| &mut node.kind) else {
            return Err(HostEnd::Fault("what is resized is no file".into()));
        };
        let before = content.bytes();
        self.storage
            .resize(content, bytes)
            .map_err(|error| HostEnd::Fault(format!("resizing a file failed: {error}")))?;
        self.file_bytes = (self.file_bytes - before).saturating_add(bytes);
        Ok(())
    }

    /// Makes room for one more file, folder or link.
    fn take_place(&mut self, more_bytes: u64) -> Filed<()> {
        if self.files >= self.files_max {
            return Err(FileError::NoSpace);
        }
        match self.file_bytes.checked_add(more_bytes) {
            Some(sum) if sum <= self.file_bytes_max => self.file_bytes = sum,
            _ => return Err(FileError::Quota),
        }
        self.files += 1;
        Ok(())
    }

    /// Opens what a path leads to, and makes it if that is asked for and it is not there. The caller
    /// keeps it.
    pub(crate) fn open(
        &mut self,
        folder: NodeId,
        path: &str,
        how: Opening,
    ) -> Result<Filed<NodeId>, HostEnd> {
        let found = match self.find(folder, path, how.follow && !how.exclusive) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let Some(node) = found.node else {
            return Ok(if how.create && !how.folder {
                self.create(&found, Kind::File(Content::default()))
            } else {
                Err(FileError::NotFound)
            });
        };
        if let Err(error) = self.check_opening(node, &found, how) {
            return Ok(Err(error));
        }
        if how.truncate {
            self.resize(node, 0)?;
        }
        Ok(Ok(node))
    }

    fn check_opening(&self, node: NodeId, found: &Found, how: Opening) -> Filed<()> {
        let stat = self.stat(node)?;
        let is_folder = stat.file_type == FileType::Folder;
        if how.create && how.exclusive {
            return Err(FileError::Exists);
        }
        match stat.file_type {
            FileType::Link => return Err(FileError::Loop),
            FileType::File if how.folder || found.is_folder_asked => {
                return Err(FileError::NotFolder);
            }
            FileType::Folder if how.write || how.truncate || how.create => {
                return Err(FileError::IsFolder);
            }
            _ => {}
        }
        if stat.place == Place::In && !is_folder && (how.write || how.truncate) {
            return Err(FileError::ReadOnly);
        }
        Ok(())
    }
}

fn folder_in(parent: Option<(NodeId, &str)>) -> Kind {
    Kind::Folder {
        entries: BTreeMap::new(),
        parent: parent.map(|(parent, name)| (parent, name.to_string())),
    }
}

#[cfg(test)]
mod tests;
