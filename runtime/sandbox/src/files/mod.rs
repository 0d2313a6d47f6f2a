//! The files of one run: `/in` from the order, `/out` and `/tmp` as the run makes them. A tree of our
//! own, which never touches the machine's: no path of a guest is ever given to the operating system.
//! Never charges, and knows no ABI.

mod content;
mod error;
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
use crate::job::{Input, STDERR, STDOUT};
use crate::limits::Limits;
use crate::outputs::is_valid_name;
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

    pub(crate) fn create_folder(&mut self, folder: NodeId, path: &str) -> Filed<()> {
        let mut found = self.find(folder, path, false)?;
        if found.node.is_some() {
            return Err(FileError::Exists);
        }
        found.is_folder_asked = false;
        let depth = self.depth(found.folder)?;
        if depth >= self.depth_max {
            return Err(FileError::NameTooLong);
        }
        let name = found.name.clone().unwrap_or_default();
        let kind = folder_in(Some((found.folder, &name)));
        self.create(&found, kind).map(|_| ())
    }

    pub(crate) fn create_link(&mut self, target: &str, folder: NodeId, path: &str) -> Filed<()> {
        let found = self.find(folder, path, false)?;
        if found.node.is_some() {
            return Err(FileError::Exists);
        }
        match self.node(found.folder)?.place {
            Place::In => return Err(FileError::ReadOnly),
            // An output is a file.
            Place::Out => return Err(FileError::NotPermitted),
            Place::Tmp => {}
        }
        if target.is_empty() {
            return Err(FileError::NotFound);
        }
        if target.len() > PATH_BYTES_MAX {
            return Err(FileError::NameTooLong);
        }
        if target.starts_with('/') || target.contains('\0') {
            return Err(FileError::NotPermitted);
        }
        self.create(&found, Kind::Link(target.to_string()))
            .map(|_| ())
    }

    /// Makes what is not there yet.
    fn create(&mut self, found: &Found, kind: Kind) -> Filed<NodeId> {
        let name = found.new_name()?;
        let place = self.node(found.folder)?.place;
        if place == Place::In {
            return Err(FileError::ReadOnly);
        }
        if self.node(found.folder)?.names == 0 {
            return Err(FileError::NotFound);
        }
        let is_file = matches!(kind, Kind::File(_));
        if place == Place::Out {
            self.check_output_name(found.folder, name, 0)?;
            if is_file && self.outputs >= self.outputs_max {
                return Err(FileError::NoSpace);
            }
        }
        let more_bytes = match &kind {
            Kind::Link(target) => wide(target.len()),
            _ => 0,
        };
        self.take_place(more_bytes)?;
        self.outputs += u64::from(is_file && place == Place::Out);
        let name = name.to_string();
        Ok(self.insert(found.folder, &name, place, kind))
    }

    /// Gives a file a second name.
    pub(crate) fn link(
        &mut self,
        from: (NodeId, &str),
        follow: bool,
        to: (NodeId, &str),
    ) -> Filed<()> {
        let source = self.find(from.0, from.1, follow)?;
        let node = source.node.ok_or(FileError::NotFound)?;
        let target = self.find(to.0, to.1, false)?;
        let stat = self.stat(node)?;
        if target.node.is_some() {
            return Err(FileError::Exists);
        }
        if source.is_folder_asked && stat.file_type != FileType::Folder {
            return Err(FileError::NotFolder);
        }
        let place = self.node(target.folder)?.place;
        match (stat.place, place) {
            (_, Place::In) => return Err(FileError::ReadOnly),
            (a, b) if a != b => return Err(FileError::CrossDevice),
            // A file that is two outputs would leave twice, and be kept once.
            (_, Place::Out) => return Err(FileError::NotPermitted),
            (_, Place::Tmp) => {}
        }
        if stat.file_type == FileType::Folder {
            return Err(FileError::NotPermitted);
        }
        if self.node(target.folder)?.names == 0 {
            return Err(FileError::NotFound);
        }
        let name = target.new_name()?.to_string();
        // A further name takes as much memory as a file.
        self.take_place(0)?;
        if let Some(entries) = self.entries_mut(target.folder) {
            entries.insert(name, node);
        }
        self.node_mut(node)?.names += 1;
        Ok(())
    }

    pub(crate) fn read_link(&mut self, folder: NodeId, path: &str) -> Filed<&str> {
        let found = self.find(folder, path, false)?;
        match &self.node(found.node.ok_or(FileError::NotFound)?)?.kind {
            Kind::Link(target) => Ok(target),
            _ => Err(FileError::Invalid),
        }
    }

    /// Takes a file's or a link's name away.
    pub(crate) fn unlink(&mut self, folder: NodeId, path: &str) -> Filed<()> {
        let found = self.find(folder, path, false)?;
        let node = found.node.ok_or(FileError::NotFound)?;
        let stat = self.stat(node)?;
        if stat.place == Place::In {
            return Err(FileError::ReadOnly);
        }
        if stat.file_type == FileType::Folder {
            return Err(FileError::IsFolder);
        }
        if found.is_folder_asked {
            return Err(FileError::NotFolder);
        }
        self.remove_name(&found, node)
    }

    /// Takes an empty folder away.
    pub(crate) fn remove_folder(&mut self, folder: NodeId, path: &str) -> Filed<()> {
        let found = self.find(folder, path, false)?;
        let node = found.node.ok_or(FileError::NotFound)?;
        let stat = self.stat(node)?;
        if stat.place == Place::In {
            return Err(FileError::ReadOnly);
        }
        if found.name.is_none() {
            return Err(FileError::Invalid);
        }
        if !self.entries(node)?.is_empty() {
            return Err(FileError::NotEmpty);
        }
        self.remove_name(&found, node)
    }

    fn remove_name(&mut self, found: &Found, node: NodeId) -> Filed<()> {
        let name = found.name.as_deref().ok_or(FileError::Invalid)?;
        if let Some(entries) = self.entries_mut(found.folder) {
            entries.remove(name);
        }
        let removed = self.node_mut(node)?;
        removed.names = removed.names.saturating_sub(1);
        let has_other_names = removed.names > 0;
        let was_output = removed.place == Place::Out && matches!(removed.kind, Kind::File(_));
        self.files = self.files.saturating_sub(u64::from(has_other_names));
        self.outputs = self.outputs.saturating_sub(u64::from(was_output));
        self.forget_if_unused(node);
        Ok(())
    }

    /// Gives something another name, in place of what had it.
    pub(crate) fn rename(&mut self, from: (NodeId, &str), to: (NodeId, &str)) -> Filed<()> {
        let source = self.find(from.0, from.1, false)?;
        let node = source.node.ok_or(FileError::NotFound)?;
        let target = self.find(to.0, to.1, false)?;
        let stat = self.stat(node)?;
        let target_place = self.node(target.folder)?.place;
        if stat.place == Place::In || target_place == Place::In {
            return Err(FileError::ReadOnly);
        }
        if stat.place != target_place {
            return Err(FileError::CrossDevice);
        }
        let old_name = source.name.clone().ok_or(FileError::Invalid)?;
        let new_name = target.name.clone().ok_or(FileError::Invalid)?;
        if self.node(target.folder)?.names == 0 {
            return Err(FileError::NotFound);
        }
        let is_folder = stat.file_type == FileType::Folder;
        if !is_folder && (source.is_folder_asked || target.is_folder_asked) {
            return Err(FileError::NotFolder);
        }
        if is_folder {
            self.check_moved_folder(node, &target, &new_name)?;
        } else if target_place == Place::Out {
            self.check_output_name(target.folder, &new_name, 0)?;
        }
        if let Some(other) = target.node {
            if other == node {
                return Ok(());
            }
            match (is_folder, self.stat(other)?.file_type == FileType::Folder) {
                (true, false) => return Err(FileError::NotFolder),
                (false, true) => return Err(FileError::IsFolder),
                (true, true) if !self.entries(other)?.is_empty() => {
                    return Err(FileError::NotEmpty);
                }
                _ => {}
            }
            self.remove_name(&target, other)?;
        }
        if let Some(entries) = self.entries_mut(source.folder) {
            entries.remove(&old_name);
        }
        if let Kind::Folder { parent, .. } = &mut self.node_mut(node)?.kind {
            *parent = Some((target.folder, new_name.clone()));
        }
        if let Some(entries) = self.entries_mut(target.folder) {
            entries.insert(new_name, node);
        }
        Ok(())
    }

    /// Whether a folder can be where `target` is: not within itself, and neither too deep nor with
    /// names of outputs that are too long.
    fn check_moved_folder(&mut self, node: NodeId, target: &Found, name: &str) -> Filed<()> {
        let mut at = target.folder;
        loop {
            self.step(1)?;
            if at == node {
                return Err(FileError::Invalid);
            }
            let parent = self.parent(at)?;
            if parent == at {
                break;
            }
            at = parent;
        }
        let (height, longest) = self.extent(node)?;
        let depth = self.depth(target.folder)?;
        if depth.saturating_add(height) > self.depth_max {
            return Err(FileError::NameTooLong);
        }
        if self.node(target.folder)?.place == Place::Out {
            self.check_output_name(target.folder, name, longest)?;
        }
        Ok(())
    }

    /// How many folders deep a folder's own folders go, itself among them, and the length of the
    /// longest path within it.
    fn extent(&mut self, folder: NodeId) -> Filed<(u64, usize)> {
        let (mut height, mut longest) = (1, 0);
        let mut open = vec![(folder, 1u64, 0usize)];
        while let Some((at, depth, length)) = open.pop() {
            let entries = wide(self.entries(at)?.len());
            self.step(1 + entries)?;
            height = height.max(depth);
            for (name, child) in self.entries(at)? {
                let length = length + 1 + name.len();
                longest = longest.max(length);
                if matches!(self.node(*child)?.kind, Kind::Folder { .. }) {
                    open.push((*child, depth + 1, length));
                }
            }
        }
        Ok((height, longest))
    }

    /// How many folders a folder is within, the one that the run began with among them.
    fn depth(&mut self, folder: NodeId) -> Filed<u64> {
        let mut depth = 0;
        let mut at = folder;
        loop {
            self.step(1)?;
            let parent = self.parent(at)?;
            if parent == at {
                return Ok(depth);
            }
            depth += 1;
            at = parent;
        }
    }

    /// Whether an output may have this name in this folder of `/out`, and names that are `longer`.
    fn check_output_name(&mut self, folder: NodeId, name: &str, longer: usize) -> Filed<()> {
        if !is_valid_name(name) {
            return Err(FileError::IllegalName);
        }
        let full = self.output_name(folder, name)?;
        if full.len() + longer > NAME_BYTES_MAX {
            return Err(FileError::NameTooLong);
        }
        // These are the names of the standard streams.
        if full == STDOUT || full == STDERR {
            return Err(FileError::NotPermitted);
        }
        Ok(())
    }

    /// The name that `name` in this folder of `/out` has as an output.
    fn output_name(&mut self, folder: NodeId, name: &str) -> Filed<String> {
        let mut full = name.to_string();
        let mut at = folder;
        while at != OUT {
            self.step(1)?;
            // A folder that was taken away has no name, and nothing in it can be an output.
            let Node {
                names: 1..,
                kind:
                    Kind::Folder {
                        parent: Some((parent, of)),
                        ..
                    },
                ..
            } = self.node(at)?
            else {
                return Err(FileError::NotFound);
            };
            full = format!("{of}/{full}");
            if full.len() > PATH_BYTES_MAX {
                return Err(FileError::NameTooLong);
            }
            let parent = *parent;
            at = parent;
        }
        Ok(full)
    }

    /// Makes an output of this name, with the folders that it is in. The caller keeps it.
    pub(crate) fn create_output(&mut self, name: &str) -> Filed<NodeId> {
        if !is_valid_name(name) {
            return Err(FileError::IllegalName);
        }
        if name == STDOUT || name == STDERR {
            return Err(FileError::Exists);
        }
        if self.outputs >= self.outputs_max {
            return Err(FileError::NoSpace);
        }
        for (at, _) in name.match_indices('/') {
            match self.create_folder(OUT, &name[..at]) {
                Ok(()) => {}
                Err(FileError::Exists) => {
                    let found = self.find(OUT, &name[..at], false)?;
                    let node = found.node.ok_or(FileError::NotFound)?;
                    if self.stat(node)?.file_type != FileType::Folder {
                        return Err(FileError::Exists);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let found = self.find(OUT, name, false)?;
        if found.node.is_some() {
            return Err(FileError::Exists);
        }
        self.create(&found, Kind::File(Content::default()))
    }

    /// Appends to the standard output or error what has been charged.
    pub(crate) fn write_stream(&mut self, is_stderr: bool, bytes: &[u8]) -> Result<(), HostEnd> {
        let stream = &mut self.streams[usize::from(is_stderr)];
        if stream.is_none() {
            self.outputs += 1;
        }
        let content = stream.get_or_insert_default();
        let end = content.bytes();
        self.storage
            .write(content, end, bytes)
            .map_err(|error| HostEnd::Fault(format!("writing an output failed: {error}")))
    }

    /// All that the run leaves behind, sorted by name.
    pub(crate) fn into_outputs(mut self) -> std::io::Result<Vec<(String, [u8; 32], Kept)>> {
        let mut contents: BTreeMap<String, Content> = BTreeMap::new();
        for (name, stream) in [STDOUT, STDERR]
            .into_iter()
            .zip(std::mem::take(&mut self.streams))
        {
            contents.extend(stream.map(|content| (name.to_string(), content)));
        }
        let mut open = vec![(OUT, String::new())];
        while let Some((folder, prefix)) = open.pop() {
            let Some(Node {
                kind: Kind::Folder { entries, .. },
                ..
            }) = self.nodes.remove(&folder)
            else {
                continue;
            };
            for (name, id) in entries {
                let name = format!("{prefix}{name}");
                match self.nodes.get_mut(&id).map(|node| &mut node.kind) {
                    Some(Kind::File(content)) => {
                        contents.insert(name, std::mem::take(content));
                    }
                    Some(Kind::Folder { .. }) => open.push((id, name + "/")),
                    _ => {}
                }
            }
        }
        contents
            .into_iter()
            .map(|(name, content)| {
                let (sha256, kept) = self.storage.finish(content)?;
                Ok((name, sha256, kept))
            })
            .collect()
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
