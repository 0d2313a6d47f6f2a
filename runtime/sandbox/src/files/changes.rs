//! What changes the tree: making, naming, moving and taking away. All that could be in the way is looked at
//! before anything is changed.

use super::{
    FileError, FileType, Filed, Files, Found, Kind, NodeId, PATH_BYTES_MAX, Place, folder_in,
};
use crate::host::wide;

impl Files {
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
    pub(super) fn create(&mut self, found: &Found, kind: Kind) -> Filed<NodeId> {
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
}
